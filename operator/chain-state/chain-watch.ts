// Watches this node's own Bitcoin nodes: how they do, whether they agree, and what must wait because of it. A fork raises
// the confirmations that are asked for until the nodes have agreed for a while; a restart does not forget one.

import { z } from 'zod';
import {
  confirmationsInForce,
  FORK_SETTLE_BLOCKS_DEFAULT,
  type ForkObservation,
  type ForkState,
  followFork,
} from '../../chain/fork-state.ts';
import { type MempoolSource, nodeMempools } from '../../chain/mempool-source.ts';
import { readNodeReports } from '../../chain/node-reports.ts';
import type { BitcoinRpc } from '../../chain/rpc.ts';
import {
  type ChainHealth,
  type ChainProblem,
  chainHealth,
  type Dependent,
  type HealthLimits,
  MAINNET_HEALTH_LIMITS,
} from '../../chain/tips.ts';
import { loadCursor, saveCursor } from '../../store/cursors.ts';
import type { Queries } from '../../store/database.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Effects } from '../runtime/effects.ts';
import type { Log } from '../runtime/log.ts';

/** What signing asks of the chain's standing. */
export interface ChainStanding {
  /** Resolves when the nodes have been asked at least once. */
  ready(): Promise<void>;
  /** How many confirmations deposits and inputs need now. */
  confirmations(): number;
  /** Why this must wait, in one sentence; null where nothing stops it. */
  stops(what: Dependent): string | null;
}

/** For a single view that is taken as it is. */
export function plainStanding({ normalConfirmations }: OperatorConfig): ChainStanding {
  return { ready: () => Promise.resolve(), confirmations: () => normalConfirmations, stops: () => null };
}

const CURSOR = 'fork_state';
// Test networks stand still for hours, and their fees are what anybody says, or nobody.
const OTHER_LIMITS: HealthLimits = { ...MAINNET_HEALTH_LIMITS, tipAgeSecondsMax: null, needsEstimate: false };

const forkSchema = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('agreed') }),
  z.strictObject({
    state: z.literal('forked'),
    at: z.number(),
    height: z.number(),
    agreedFrom: z.number().nullable(),
  }),
]);

/** What the watch works with. */
export interface ChainWatchInput {
  readonly config: OperatorConfig;
  readonly nodes: readonly BitcoinRpc[];
  readonly db: Queries;
  readonly effects: Effects;
  readonly log: Log;
}

/** The watch of one node. */
export class ChainWatch implements ChainStanding {
  readonly #input: ChainWatchInput;
  #fork: ForkState;
  #health: ChainHealth | null = null;

  constructor(input: ChainWatchInput) {
    this.#input = input;
    const stored = forkSchema.safeParse(loadCursor(input.db, CURSOR));
    this.#fork = stored.success ? stored.data : { state: 'agreed' };
  }

  /** Asks all nodes how they do. */
  async look(): Promise<void> {
    const { config, nodes, effects } = this.#input;
    const reports = await readNodeReports(config.network, nodes);
    const limits = config.network === 'mainnet' ? MAINNET_HEALTH_LIMITS : OTHER_LIMITS;
    this.#health = chainHealth(reports, limits, Math.floor(effects.now() / 1000));
    this.#follow({ kind: 'tips', verdict: this.#health.tip });
  }

  async ready(): Promise<void> {
    if (this.#health === null) await this.look();
  }

  /** Tells of a reorganisation that the scan met; `height`: the last block that stayed. */
  reorganised(height: number, depth: number): void {
    this.#follow({ kind: 'reorg', height, depth });
  }

  confirmations(): number {
    const { normalConfirmations, forkConfirmations } = this.#input.config;
    return confirmationsInForce(this.#fork, normalConfirmations, forkConfirmations);
  }

  stops(what: Dependent): string | null {
    if (this.#health === null) return 'this node has not looked at its Bitcoin nodes yet';
    return this.#health.problems.find(({ stops }) => stops.includes(what))?.detail ?? null;
  }

  /** Whether the chain counts as forked. */
  isForked(): boolean {
    return this.#fork.state === 'forked';
  }

  /** The mempools of all nodes. */
  mempools(): MempoolSource {
    return nodeMempools(this.#input.config.network, this.#input.nodes);
  }

  /** What operators should see. */
  problems(): readonly ChainProblem[] {
    return this.#health?.problems ?? [];
  }

  #follow(observed: ForkObservation): void {
    const { db, effects, log } = this.#input;
    const now = effects.now();
    const next = followFork(this.#fork, observed, FORK_SETTLE_BLOCKS_DEFAULT, now);
    if (next === this.#fork) return;
    if (next.state !== this.#fork.state) {
      if (next.state === 'forked') log('error', 'chain_forked', { height: next.height });
      else log('info', 'chain_agreed');
    }
    this.#fork = next;
    saveCursor(db, CURSOR, { ...next }, now);
  }
}
