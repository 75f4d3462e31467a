// Watches this node's own Wire nodes one by one, for `status`; everything else asks them together (chain/wire.ts).
import { wireNodes } from '../../chain/wire.ts';
import { WireLedgerError } from '../../chain/wire-ledger.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Effects } from '../runtime/effects.ts';
import type { BackendReport } from '../runtime/peer-reports.ts';
import { type BackendAnswer, BackendRows } from './backend-rows.ts';

/** The watch over them. */
export class WireWatch {
  readonly #config: Pick<OperatorConfig, 'wireNodes' | 'network'>;
  readonly #rows: BackendRows;
  readonly #signal: AbortSignal | undefined;
  #looking: Promise<void> | null = null;

  /** `signal` ends a look. */
  constructor(
    config: Pick<OperatorConfig, 'wireNodes' | 'network'>,
    clocks: Pick<Effects, 'now' | 'monotonic'>,
    signal?: AbortSignal,
  ) {
    this.#config = config;
    this.#signal = signal;
    this.#rows = new BackendRows(config.wireNodes, clocks);
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

  async #look(): Promise<void> {
    this.#rows.asked();
    await Promise.all(this.#config.wireNodes.map(async (url, place) => this.#rows.heard(place, await this.#ask(url))));
  }

  async #ask(url: string): Promise<BackendAnswer> {
    try {
      const { network, height, lastBurnSeq } = await wireNodes({ urls: [url], signal: this.#signal }).status();
      const ok = network === this.#config.network;
      return { ok, height, detail: ok ? `last burn ${lastBurnSeq}` : `it is bridged to ${network}` };
    } catch (error) {
      if (!(error instanceof WireLedgerError)) throw error;
      // The row names the node already.
      const detail = error.message.replace(/^0 of 1 Wire nodes answer: (Wire node \S+: )?/, '');
      return { ok: false, height: null, detail };
    }
  }
}
