// Deposits that are deep enough are attested without a command: the leader of a block asks for all of its deposits
// together; the others take over when it is silent.

import { ATTESTATIONS_MAX } from '../../ceremony/intent.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { PAGE_ROWS_MAX } from '../../store/database.ts';
import { type Deposit, setDepositStatuses } from '../../store/deposits.ts';
import { listOpenDeposits } from '../../store/open-deposits.ts';
import { exposedDeposits } from '../../store/reorganisation.ts';
import { BackOff } from '../bridge/back-off.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { Turns } from '../bridge/turns.ts';
import type { FederationKey } from '../keys/keys.ts';
import { attestBatch } from './attest-batch.ts';
import { adoptMints, handInAll } from './mints.ts';

/** Most deposits that one round takes up: it asks the Wire nodes about each. */
const TAKEN_PER_ROUND = 200;
/** Most reasons that are remembered for operators; the oldest make room. */
const REASONS_KEPT_MAX = 1_000;
/** The longest that a deposit is left alone which cannot be attested, in ms. */
const REFUSED_MS_MAX = 3_600_000;

/** What all nodes call the deposits of one block. */
export function blockName({ height, blockHash }: Pick<Deposit, 'height' | 'blockHash'>): string {
  return `deposits/${blockHash ?? height}`;
}

/** Attests what waits, a round at a time. */
export class AttestDeposits {
  readonly #bridge: Bridge;
  readonly #turns: Turns;
  readonly #signal: AbortSignal;
  readonly #refused: BackOff;
  /** Why each was refused last, by txid:vout. */
  readonly #why = new Map<string, string>();
  #blocks: ReadonlySet<string> = new Set();
  /** The last that the round before took up. */
  #after: string | null = null;

  constructor(bridge: Bridge, turns: Turns, signal: AbortSignal) {
    this.#refused = new BackOff(bridge.effects, {
      firstMs: bridge.config.takeoverS * 1000,
      longestMs: REFUSED_MS_MAX,
    });
    this.#bridge = bridge;
    this.#turns = turns;
    this.#signal = signal;
  }

  /** Why a deposit (txid:vout) was not attested when this node tried last; null where it has not, or did. */
  why(name: string): string | null {
    return this.#why.get(name) ?? null;
  }

  #refuse(name: string, why: string): void {
    this.#refused.failed(name);
    this.#why.delete(name);
    this.#why.set(name, why);
    const [oldest] = this.#why.keys();
    if (this.#why.size > REASONS_KEPT_MAX && oldest !== undefined) this.#why.delete(oldest);
  }

  /** One round. Throws `WireLedgerError` where the Wire nodes tell nothing at all. */
  async round(key: FederationKey): Promise<void> {
    const { db, effects } = this.#bridge;
    const suspended = new Set(exposedDeposits(db).map(({ recipient }) => recipient));
    const isSuspended = ({ recipient }: Deposit): boolean => suspended.has(recipient);
    const open = await this.#open();
    const seen = open.filter(({ status }) => status === 'seen');
    setDepositStatuses(db, seen, 'confirmed', effects.now());
    // Those that wait for a lost deposit of their recipient come last, however old: they must not hold up the others. The
    // Wire nodes are asked by the node alone whose turn it is.
    const turns = new Set([...new Set(open.map(blockName))].filter((name) => this.#turns.isMine(name)));
    const mine = [...open.filter((one) => !isSuspended(one)), ...open.filter(isSuspended)].filter(
      (one) => turns.has(blockName(one)) && !this.#refused.rests(outpointName(one)),
    );
    for (const [name, deposits] of Map.groupBy(this.#next(mine), blockName)) {
      if (this.#signal.aborted) return;
      const due = (await this.#unminted(key, deposits)).filter((one) => !isSuspended(one));
      if (due.length > 0) await this.#turns.take(name, () => this.#attest(key, due));
      else this.#turns.forget(name);
    }
  }

  // Where there are more than one round takes up, the next begins behind them: those that cannot be attested yet must not hold
  // up the others.
  #next(mine: readonly Deposit[]): readonly Deposit[] {
    const from = mine.findIndex((one) => outpointName(one) === this.#after) + 1;
    const taken = [...mine.slice(from), ...mine.slice(0, from)].slice(0, TAKEN_PER_ROUND);
    const last = taken.at(-1);
    this.#after = taken.length === mine.length || last === undefined ? null : outpointName(last);
    return taken;
  }

  async #open(): Promise<readonly Deposit[]> {
    const { db, bitcoin, chain, config, effects } = this.#bridge;
    const tip = await bitcoin.agreedTip();
    const { depositMinSats: least } = config.policy;
    const height = tip.height - (chain?.confirmations() ?? config.normalConfirmations) + 1;
    const nowSeconds = BigInt(Math.floor(effects.now() / 1000));
    const open: Deposit[] = [];
    for (;;) {
      const rows = listOpenDeposits(db, { height, nowSeconds, least }, { limit: PAGE_ROWS_MAX, offset: open.length });
      open.push(...rows);
      if (rows.length < PAGE_ROWS_MAX) break;
    }
    // A block whose deposits another node has attested: should one of them be due again, its leader goes first again.
    const blocks = new Set(open.map(blockName));
    for (const name of this.#blocks) if (!blocks.has(name)) this.#turns.forget(name);
    this.#blocks = blocks;
    return open;
  }

  async #attest(key: FederationKey, deposits: readonly Deposit[]): Promise<void> {
    const batches = Array.from({ length: Math.ceil(deposits.length / ATTESTATIONS_MAX) }, (_, i) =>
      deposits.slice(i * ATTESTATIONS_MAX, (i + 1) * ATTESTATIONS_MAX),
    );
    // At once, for one batch is combined while the other is being signed.
    const outcomes = await Promise.allSettled(batches.map((batch) => this.#attestBatch(key, batch)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async #attestBatch(key: FederationKey, batch: readonly Deposit[]): Promise<void> {
    const { log } = this.#bridge;
    const claims = batch.map(({ txid, vout, recipient, amount }) => ({ txid, vout, recipient, amount: `${amount}` }));
    const { attested, refused } = await attestBatch(this.#bridge, key, claims);
    for (const { deposit, error } of refused) {
      const name = depositName(deposit);
      log('warn', 'work_failed', { name, detail: error.message });
      this.#refuse(outpointName(deposit), error.message);
    }
    for (const { depositTxid: txid, depositVout: vout } of attested) {
      this.#refused.well(outpointName({ txid, vout }));
      this.#why.delete(outpointName({ txid, vout }));
    }
    await handInAll(this.#bridge, attested, (detail) => log('warn', 'mint_not_taken', { detail }));
  }

  // Where the Wire nodes cannot tell of one deposit, it is left alone for a while, and those behind it are not.
  async #unminted(key: FederationKey, deposits: readonly Deposit[]): Promise<readonly Deposit[]> {
    const { answered, unanswered } = await adoptMints(this.#bridge, key, deposits);
    for (const { deposit, detail } of unanswered) {
      this.#bridge.log('warn', 'mint_untold', { name: depositName(deposit), detail });
      this.#refuse(outpointName(deposit), detail);
    }
    for (const { deposit, state } of answered) {
      if (state === 'otherwise') this.#refused.failed(outpointName(deposit), true);
    }
    const unminted = new Set(answered.filter(({ state }) => state === 'none').map(({ deposit }) => deposit));
    return deposits.filter((deposit) => unminted.has(deposit));
  }
}

function depositName(deposit: { readonly txid: string; readonly vout: number }): string {
  return `deposit/${outpointName(deposit)}`;
}
