// Follows deposits through the mempool, one bounded round at a time: it reads each new transaction once, and mempool.ts
// validates each followed deposit. Nothing is signed because of it: it only informs depositors and operators early.
import type { BitcoinView } from './bitcoin-view.ts';
import type { WatchList } from './block-scan.ts';
import {
  findMempoolDeposit,
  MEMPOOL_DEPOSITS_MAX,
  type MempoolDeposit,
  type MempoolVerdict,
  mempoolChanges,
  validateMempoolDeposit,
} from './mempool.ts';
import type { MempoolSource } from './mempool-source.ts';

/** Most new transactions looked at in a round; the rest waits for the next. */
export const MEMPOOL_NEW_MAX = 2_000;

// Most inputs of a followed deposit; who spends more at once is seen when it is mined.
const INPUTS_MAX = 400;

/** What a round brought. A verdict is told once; a contested deposit is still followed, all others are not. */
export type MempoolEvent<Script> =
  | { readonly kind: 'seen'; readonly deposit: MempoolDeposit<Script> }
  | {
      readonly kind: 'validated';
      readonly deposit: MempoolDeposit<Script>;
      readonly verdict: Exclude<MempoolVerdict, { readonly state: 'waiting' }>;
    };

interface Followed<Script> {
  readonly deposit: MempoolDeposit<Script>;
  contestedBy: string | null;
}

/** Watches the mempools for payments to watched scripts. */
export class MempoolWatch<Script, Spent> {
  readonly #source: MempoolSource;
  readonly #view: Pick<BitcoinView, 'transaction' | 'txOuts'>;
  readonly #watched: WatchList<Script, Spent>;
  /** What was looked at and still waits. */
  #known: ReadonlySet<string> = new Set();
  readonly #followed = new Map<string, Followed<Script>>();

  constructor(
    source: MempoolSource,
    view: Pick<BitcoinView, 'transaction' | 'txOuts'>,
    watched: WatchList<Script, Spent>,
  ) {
    this.#source = source;
    this.#view = view;
    this.#watched = watched;
  }

  /** The deposits that are followed. */
  get deposits(): readonly MempoolDeposit<Script>[] {
    return [...this.#followed.values()].map(({ deposit }) => deposit);
  }

  /** Looks at everything again in the next rounds, as after a script was added to the list. */
  lookAgain(): void {
    this.#known = new Set();
  }

  /** Ends the following of a deposit, such as one that a block replaced. */
  forget(txid: string): void {
    this.#followed.delete(txid);
  }

  /** One round. Throws `BitcoinViewError` where the nodes cannot answer; what was not done is done in the next. */
  async round(): Promise<readonly MempoolEvent<Script>[]> {
    const waiting = await this.#source.txids();
    const seen = await this.#look(waiting);
    return [...seen, ...(await this.#validate(waiting))];
  }

  async #look(waiting: ReadonlySet<string>): Promise<MempoolEvent<Script>[]> {
    const { appeared, vanished } = mempoolChanges(this.#known, waiting);
    const looked = appeared.slice(0, MEMPOOL_NEW_MAX);
    const raw = await this.#source.transactions(looked);
    const known = new Set(this.#known);
    for (const txid of vanished) known.delete(txid);
    for (const txid of looked) known.add(txid);
    this.#known = known;
    const events: MempoolEvent<Script>[] = [];
    for (const [txid, transaction] of raw) {
      if (this.#followed.has(txid) || this.#followed.size >= MEMPOOL_DEPOSITS_MAX) continue;
      const deposit = findMempoolDeposit(transaction, this.#watched);
      if (deposit === null || deposit.inputs.length > INPUTS_MAX) continue;
      this.#followed.set(txid, { deposit, contestedBy: null });
      events.push({ kind: 'seen', deposit });
    }
    return events;
  }

  async #validate(waiting: ReadonlySet<string>): Promise<MempoolEvent<Script>[]> {
    const followed = [...this.#followed.values()];
    const spenders = await this.#source.spenders(followed.flatMap(({ deposit }) => deposit.inputs));
    const events: MempoolEvent<Script>[] = [];
    let from = 0;
    for (const entry of followed) {
      const { deposit } = entry;
      const own = spenders.slice(from, from + deposit.inputs.length);
      from += deposit.inputs.length;
      const evidence = waiting.has(deposit.txid)
        ? ({ state: 'mempool', unspent: [] } as const)
        : await this.#ask(deposit);
      const verdict = validateMempoolDeposit(deposit, { ...evidence, spenders: own });
      if (verdict.state === 'waiting') {
        entry.contestedBy = null;
        continue;
      }
      if (verdict.state !== 'deposit_contested') this.#followed.delete(deposit.txid);
      else if (entry.contestedBy === verdict.by) continue;
      else entry.contestedBy = verdict.by;
      events.push({ kind: 'validated', deposit, verdict });
    }
    return events;
  }

  async #ask(deposit: MempoolDeposit<Script>) {
    const { vout } = deposit.payments.at(-1) ?? { vout: 0 };
    const { state } = await this.#view.transaction(deposit.txid, vout + 1);
    const outputs = state === 'unknown' ? await this.#view.txOuts(deposit.inputs, 'confirmed') : [];
    return { state, unspent: outputs.map((output) => output !== null) };
  }
}
