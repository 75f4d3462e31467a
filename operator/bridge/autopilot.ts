// The bridge by itself: reads the chain and the Wire ledger, attests what has become deep enough, pays burns in batches,
// and replaces payouts that do not confirm. A leader per piece of work begins; the others take over when it is silent.

import { outpointName } from '../../chain/outpoint.ts';
import { WireLedgerError } from '../../chain/wire-ledger.ts';
import { PAGE_ROWS_MAX } from '../../store/database.ts';
import { type Deposit, setDepositStatus } from '../../store/deposits.ts';
import { listOpenDeposits } from '../../store/open-deposits.ts';
import { getPayout } from '../../store/payout-listing.ts';
import { exposedDeposits, forgetThrownOut, thrownOutPayouts } from '../../store/reorganisation.ts';
import type { FederationKey } from '../keys.ts';
import { errorText } from '../log.ts';
import { noProgress } from '../progress.ts';
import { adoptMint, recognisePayments, retireRivals } from './adoption.ts';
import type { Bridge } from './bridge.ts';
import { attest } from './deposits.ts';
import type { FinishedWork } from './finished.ts';
import { LastingTrouble } from './lasting-trouble.ts';
import { MempoolFollow } from './mempool-follow.ts';
import { payBurns, readBurns } from './pay-burns.ts';
import { broadcastPayout } from './payouts.ts';
import type { Recipients } from './recipients.ts';
import { releaseLostAnchors } from './release-anchors.ts';
import { StuckPayouts } from './replace-stuck.ts';
import { type Scan, scannedHeight } from './scan.ts';
import { Turns } from './turns.ts';

/** Most attestations that one round begins, and most deposits that it asks the Wire nodes about. */
const ATTESTED_PER_ROUND = 20;
const ASKED_PER_ROUND = 200;

/** What is asked of the peers in each round. */
export interface Pulled {
  readonly recipients: Recipients;
  readonly finished: FinishedWork;
}

/** Works by itself, a round at a time. */
export class Autopilot {
  readonly #bridge: Bridge;
  readonly #scan: Scan;
  /** What it follows in the mempool. */
  readonly mempool: MempoolFollow;
  readonly #pulled: Pulled;
  readonly #turns: Turns;
  readonly #stuck: StuckPayouts;
  readonly #stopped = new AbortController();
  readonly #trouble: LastingTrouble;
  #running: Promise<void> | null = null;
  #releasedAt: number | null = null;

  constructor(bridge: Bridge, scan: Scan, pulled: Pulled) {
    this.#bridge = bridge;
    this.#trouble = new LastingTrouble('autopilot', bridge.log, () => bridge.effects.now());
    this.#pulled = pulled;
    this.#scan = scan;
    this.mempool = new MempoolFollow(bridge, scan.watched);
    this.#turns = new Turns(bridge);
    this.#stuck = new StuckPayouts(bridge, this.#turns);
  }

  /** The scan that it works on. */
  get scan(): Scan {
    return this.#scan;
  }

  /** One round; a round that is still running is not run twice. Never rejects. */
  round(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Begins nothing more; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #round(): Promise<void> {
    const { wire, config, keys } = this.#bridge;
    const { signal } = this.#stopped;
    await this.#attempt('watch', () => this.#look());
    const key = keys.live();
    if (key === null) return;
    // Before the chain is read: a payout is known then as what the federation made, not as a stranger's.
    await Promise.all([this.#pulled.recipients.pull(signal), this.#pulled.finished.pull(key, signal)]);
    if (wire !== null) await this.#attempt('burns', () => readBurns(this.#bridge, wire, signal));
    const isAtTip = await this.#readChain(key);
    await this.#attempt('settle', () => this.#takeStock());
    if (isAtTip) await this.#attempt('release', () => this.#releaseAnchors());
    if (isAtTip) await this.#attempt('mempool', () => this.mempool.round(key));
    // What a node has not read yet it must not begin anything upon.
    if (!config.automatic || !isAtTip) return;
    if (!this.#stops('attestations')) await this.#attempt('attest', () => this.#attestDeposits(key));
    if (this.#stops('payouts') || this.#stops('fee_estimates')) return;
    if (wire !== null) await this.#attempt('pay', () => payBurns(this.#bridge, this.#turns, key, wire));
    await this.#attempt('replace', () => this.#stuck.replace(key));
  }

  async #look(): Promise<void> {
    await this.#bridge.chain?.look();
  }

  #stops(what: 'scan' | 'attestations' | 'payouts' | 'fee_estimates'): boolean {
    return (this.#bridge.chain?.stops(what) ?? null) !== null;
  }

  // However long it takes, with a look at the nodes every few seconds.
  async #readChain(key: FederationKey): Promise<boolean> {
    const { signal } = this.#stopped;
    for (;;) {
      if (this.#stops('scan')) return false;
      try {
        const isAtTip = await this.#scan.catchUp(key, signal);
        this.#trouble.well('scan');
        if (isAtTip) return true;
      } catch (error) {
        this.#trouble.failed('scan', errorText(error));
        return false;
      }
      if (signal.aborted) return false;
      await this.#attempt('watch', () => this.#look());
    }
  }

  async #takeStock(): Promise<void> {
    const { bitcoin, config } = this.#bridge;
    recognisePayments(this.#bridge);
    const { height } = await bitcoin.tip();
    retireRivals(this.#bridge, height - config.normalConfirmations + 1);
    await this.#sendAgain();
  }

  // Once for each block, for it looks at every burn.
  async #releaseAnchors(): Promise<void> {
    const scanned = scannedHeight(this.#bridge.db);
    if (scanned === null || scanned === this.#releasedAt) return;
    await releaseLostAnchors(this.#bridge, scanned);
    this.#releasedAt = scanned;
  }

  // A settled payout that a reorganisation threw out is broadcast until it is deep again; it is never made anew.
  async #sendAgain(): Promise<void> {
    const { db, bitcoin, config, effects } = this.#bridge;
    for (const txid of thrownOutPayouts(db)) {
      const payout = getPayout(db, txid);
      const seen = await bitcoin.transaction(txid, (payout?.burns.length ?? 0) + 1);
      const isDeep = seen.state === 'confirmed' && seen.confirmations >= config.normalConfirmations;
      if (payout === null || isDeep) forgetThrownOut(db, txid, effects.now());
      else if (seen.state === 'unknown' && payout.signedTx !== null) {
        await broadcastPayout(this.#bridge, txid, payout.signedTx);
      }
    }
  }

  async #attestDeposits(key: FederationKey): Promise<void> {
    const { bitcoin, config, chain, db, effects } = this.#bridge;
    const tip = await bitcoin.agreedTip();
    const needed = chain?.confirmations() ?? config.normalConfirmations;
    const suspended = new Set(exposedDeposits(db).map(({ recipient }) => recipient));
    const nowSeconds = BigInt(Math.floor(effects.now() / 1000));
    let begun = 0;
    let asked = 0;
    const open = this.#openDeposits(tip.height - needed + 1, nowSeconds);
    const isSuspended = ({ recipient }: Deposit): boolean => suspended.has(recipient);
    // Those that wait for a lost deposit of their recipient come last, however old: they must not hold up the others.
    for (const deposit of [...open.filter((one) => !isSuspended(one)), ...open.filter(isSuspended)]) {
      if (begun >= ATTESTED_PER_ROUND || asked >= ASKED_PER_ROUND || this.#stopped.signal.aborted) return;
      if (deposit.status === 'seen') setDepositStatus(db, deposit, 'confirmed', effects.now());
      const name = `deposit/${outpointName(deposit)}`;
      if (this.#turns.rests(name)) continue;
      asked += 1;
      if ((await this.#isMinted(key, deposit, name)) || isSuspended(deposit)) continue;
      const isBegun = await this.#turns.take(name, async () => {
        const { txid, vout, recipient, amount } = deposit;
        await attest(this.#bridge, { txid, vout, recipient, amount: `${amount}`, test: false }, noProgress);
      });
      if (isBegun) begun += 1;
    }
  }

  // Where the Wire nodes cannot tell of this one deposit, it is left alone for a while, and those behind it are not.
  async #isMinted(key: FederationKey, deposit: Deposit, name: string): Promise<boolean> {
    try {
      return await adoptMint(this.#bridge, key, deposit);
    } catch (error) {
      if (!(error instanceof WireLedgerError)) throw error;
      // Throws where they tell nothing at all.
      await this.#bridge.wire?.status();
      this.#bridge.log('warn', 'mint_untold', { name, detail: errorText(error) });
      this.#turns.rest(name, this.#bridge.config.takeoverS * 1000);
      return true;
    }
  }

  #openDeposits(height: number, nowSeconds: bigint): readonly Deposit[] {
    const { db } = this.#bridge;
    const open: Deposit[] = [];
    for (;;) {
      const { rows } = listOpenDeposits(db, height, nowSeconds, { limit: PAGE_ROWS_MAX, offset: open.length });
      open.push(...rows);
      if (rows.length < PAGE_ROWS_MAX) return open;
    }
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    try {
      await work();
      this.#trouble.well(what);
    } catch (error) {
      this.#trouble.failed(what, errorText(error));
    }
  }
}
