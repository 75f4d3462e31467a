// Watches this node's own Wire nodes one by one, for `status`; everything else asks them together (chain/wire.ts).
import { wireNodes } from '../../chain/wire.ts';
import { WireLedgerError, type WireStatus } from '../../chain/wire-ledger.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Effects } from '../runtime/effects.ts';
import type { BackendReport } from '../runtime/peer-reports.ts';
import { type BackendAnswer, BackendRows } from './backend-rows.ts';

/** With several nodes, one may read a burn later than the others: it is a problem when it lasts so long, in ms. */
const BEHIND_MS_MAX = 60_000;

/** What is wrong with a node that answers. */
export type WireNodeFault = 'wire_wrong_network' | 'wire_reset';

type WireConfig = Pick<OperatorConfig, 'wireNodes' | 'network' | 'wireConfirmations'>;

/** The most that a node has told, and since when its list of burns is shorter than what was read (monotonic clock, ms). */
interface Known {
  height: number;
  lastBurnSeq: number;
  behindSince: number | null;
  fault: WireNodeFault | null;
}

/** The watch over them. */
export class WireWatch {
  readonly #config: WireConfig;
  readonly #clocks: Pick<Effects, 'now' | 'monotonic'>;
  readonly #rows: BackendRows;
  readonly #burnsRead: () => number;
  readonly #signal: AbortSignal | undefined;
  readonly #known: readonly Known[];
  #looking: Promise<void> | null = null;

  /** `burnsRead`: the number of the last burn that was read from these nodes, 0 where there was none. `signal` ends a look. */
  constructor(
    config: WireConfig,
    clocks: Pick<Effects, 'now' | 'monotonic'>,
    burnsRead: () => number,
    signal?: AbortSignal,
  ) {
    this.#config = config;
    this.#clocks = clocks;
    this.#burnsRead = burnsRead;
    this.#signal = signal;
    this.#rows = new BackendRows(config.wireNodes, clocks);
    this.#known = config.wireNodes.map(() => ({ height: 0, lastBurnSeq: 0, behindSince: null, fault: null }));
  }

  /** Asks each of them how it does; a look that is under way is not begun twice. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** What is known of each. */
  reports(): readonly BackendReport[] {
    return this.#rows.reports();
  }

  /** What was wrong with a node at its last answer; null where nothing was. */
  faultOf(url: string): WireNodeFault | null {
    return this.#known[this.#config.wireNodes.indexOf(url)]?.fault ?? null;
  }

  async #look(): Promise<void> {
    this.#rows.asked();
    // Before they are asked: what is read meanwhile may be newer than their answers.
    const burnsRead = this.#burnsRead();
    const rows = this.#known.map(async (known, place) => {
      this.#rows.heard(place, await this.#ask(this.#config.wireNodes[place] ?? '', known, burnsRead));
    });
    await Promise.all(rows);
  }

  async #ask(url: string, known: Known, burnsRead: number): Promise<BackendAnswer> {
    try {
      const status = await wireNodes({ urls: [url], signal: this.#signal }).status();
      const { network, height } = status;
      const isOther = network !== this.#config.network;
      const shorter = isOther ? null : this.#shorter(status, known, burnsRead);
      known.fault = isOther ? 'wire_wrong_network' : shorter === null ? null : 'wire_reset';
      if (isOther) return { ok: false, height, detail: `it is bridged to ${network}` };
      return { ok: shorter === null, height, detail: shorter ?? `last burn ${status.lastBurnSeq}` };
    } catch (error) {
      if (!(error instanceof WireLedgerError)) throw error;
      known.fault = null;
      // The row names the node already.
      const detail = error.message.replace(/^0 of 1 Wire nodes answer: (Wire node \S+: )?/, '');
      return { ok: false, height: null, detail };
    }
  }

  // A ledger only grows, but for a reorganisation of its last blocks.
  #shorter({ height, lastBurnSeq }: WireStatus, known: Known, burnsRead: number): string | null {
    const before = { height: known.height, lastBurnSeq: known.lastBurnSeq };
    known.height = Math.max(height, before.height);
    known.lastBurnSeq = Math.max(lastBurnSeq, before.lastBurnSeq);
    const now = this.#clocks.monotonic();
    known.behindSince = lastBurnSeq < burnsRead ? (known.behindSince ?? now) : null;
    if (lastBurnSeq < before.lastBurnSeq) {
      return `its ledger has become shorter: its last burn is ${lastBurnSeq}, and was ${before.lastBurnSeq}`;
    }
    if (height + this.#config.wireConfirmations < before.height) {
      return `its ledger has become shorter: its height is ${height}, and was ${before.height}`;
    }
    const mayLag = this.#known.length > 1 ? BEHIND_MS_MAX : 0;
    if (known.behindSince === null || now - known.behindSince < mayLag) return null;
    return `its ledger lacks burns that were read before: its last burn is ${lastBurnSeq}, and burn ${burnsRead} was read`;
  }
}
