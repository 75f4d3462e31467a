// Watches this node's own Bitcoin nodes: how they do, whether they agree, and what must wait because of it. A fork raises
// the confirmations that are asked for until the nodes have agreed for a while; a restart does not forget one.
import {
  confirmationsInForce,
  FORK_SETTLE_BLOCKS_DEFAULT,
  type ForkObservation,
  type ForkState,
  followFork,
} from '../../chain/fork-state.ts';
import { type MempoolSource, nodeMempools } from '../../chain/mempool-source.ts';
import { readNodeReports } from '../../chain/node-reports.ts';
import { type NodeVersion, readNodeVersions } from '../../chain/node-versions.ts';
import type { BitcoinRpc } from '../../chain/rpc.ts';
import {
  type ChainHealth,
  type ChainProblem,
  chainHealth,
  type Dependent,
  type HealthLimits,
  MAINNET_HEALTH_LIMITS,
  type NodeReport,
} from '../../chain/tips.ts';
import { loadFork, saveFork } from '../../store/chain-fork.ts';
import type { Queries } from '../../store/database.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Effects } from '../runtime/effects.ts';
import type { Log } from '../runtime/log.ts';
import type { BackendReport } from '../runtime/peer-reports.ts';
import { type BackendAnswer, BackendRows } from './backend-rows.ts';

/** What signing asks of the chain's readiness. */
export interface ChainReadiness {
  /** Resolves when the nodes have been asked at least once. */
  ready(): Promise<void>;
  /** How many confirmations deposits and inputs need now. */
  confirmations(): number;
  /** Why this must wait, in one sentence; null where nothing stops it. */
  stops(what: Dependent): string | null;
}

/** For a single view that is taken as it is. */
export function plainReadiness({ normalConfirmations }: OperatorConfig): ChainReadiness {
  return { ready: () => Promise.resolve(), confirmations: () => normalConfirmations, stops: () => null };
}

// Test networks stand still for hours, and their fees are what anybody says, or nobody.
const OTHER_LIMITS: HealthLimits = { ...MAINNET_HEALTH_LIMITS, tipAgeSecondsMax: null, needsEstimate: false };

/** What the watch works with. */
export interface ChainWatchInput {
  readonly config: OperatorConfig;
  readonly nodes: readonly BitcoinRpc[];
  readonly db: Queries;
  readonly effects: Effects;
  readonly log: Log;
}

/** The watch of one node. */
export class ChainWatch implements ChainReadiness {
  readonly #input: ChainWatchInput;
  #fork: ForkState;
  #health: ChainHealth | null = null;
  readonly #rows: BackendRows;
  /** Since when each problem is there, in ms since 1970. */
  #since: ReadonlyMap<string, number> = new Map();
  #asking: Promise<ChainHealth> | null = null;

  constructor(input: ChainWatchInput) {
    this.#input = input;
    this.#rows = new BackendRows(input.config.bitcoinNodes, input.effects);
    const stored = loadFork(input.db);
    this.#fork = stored === null ? { state: 'agreed' } : { state: 'forked', ...stored };
  }

  /** Asks all nodes how they do, and follows what they say of forks. */
  async look(): Promise<void> {
    const { tip } = await this.#ask();
    this.#follow({ kind: 'tips', verdict: tip });
  }

  /** Asks all nodes how they do, for `status`: nothing is written down. Rejects as `look`. */
  async ask(): Promise<void> {
    await this.#ask();
  }

  // A node that hangs would otherwise be asked again and again while it does.
  #ask(): Promise<ChainHealth> {
    this.#asking ??= this.#askNow().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #askNow(): Promise<ChainHealth> {
    const { config, nodes, effects } = this.#input;
    this.#rows.asked();
    const reports = await readNodeReports(config.network, nodes, (report, place) =>
      this.#rows.heard(place, answerOf(report)),
    );
    const limits = config.network === 'mainnet' ? MAINNET_HEALTH_LIMITS : OTHER_LIMITS;
    const health = chainHealth(reports, limits, Math.floor(effects.now() / 1000));
    this.#health = health;
    this.#since = new Map(health.problems.map(nameOf).map((name) => [name, this.#since.get(name) ?? effects.now()]));
    return health;
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

  /** Since when it does, in ms since 1970; null where it does not. */
  forkedSince(): number | null {
    return this.#fork.state === 'forked' ? this.#fork.at : null;
  }

  /** The mempools of all nodes. */
  mempools(): MempoolSource {
    return nodeMempools(this.#input.config.network, this.#input.nodes);
  }

  /** What operators should see. */
  problems(): readonly ChainProblem[] {
    return this.#health?.problems ?? [];
  }

  /** Since when a problem is there, in ms since 1970. */
  problemSince(problem: ChainProblem): number | null {
    return this.#since.get(nameOf(problem)) ?? null;
  }

  /** Which software each node runs. Never rejects. */
  versions(): Promise<readonly NodeVersion[]> {
    return readNodeVersions(this.#input.nodes);
  }

  /** What is known of each node now. */
  reports(): readonly BackendReport[] {
    return this.#rows.reports();
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
    saveFork(db, next.state === 'forked' ? next : null);
  }
}

function nameOf({ problem, node }: ChainProblem): string {
  return `${problem} ${node ?? ''}`;
}

function answerOf(report: NodeReport): BackendAnswer {
  if (!report.ok) return { ok: false, height: null, detail: report.detail.replace(`${report.node}: `, '') };
  const { tip, syncing, headers } = report;
  const detail = syncing ? `still syncing (block ${tip.height} of ${headers})` : tip.hash;
  return { ok: !syncing, height: tip.height, detail };
}
