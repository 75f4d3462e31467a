// What goes on by itself once something is signed: payouts are followed through the mempool and the chain until they are
// deep enough, attestations are handed in until they are minted, announcements are tried until this node can confirm them.

import type { TransactionStatus } from '../../chain/bitcoin-view.ts';
import { leafJson } from '../../chain/payout-intent.ts';
import { transact } from '../../store/database.ts';
import { listPayouts, type Payout, type PayoutStatus } from '../../store/payout-listing.ts';
import {
  recordPayoutBroadcast,
  recordPayoutConfirmed,
  recordPayoutReorganised,
  recordPayoutSettled,
} from '../../store/payout-progress.ts';
import {
  getUtxo,
  listSpentWithoutBlock,
  markUtxoGone,
  markUtxoSpent,
  markUtxoUnspent,
  recordUtxo,
} from '../../store/utxos.ts';
import { followAbsences } from '../guard/missing-coins.ts';
import { releaseDead } from '../guard/release.ts';
import { errorText } from '../log.ts';
import type { ServiceMessage } from '../messages.ts';
import type { Bridge } from './bridge.ts';
import { submitPending, takeAttestation } from './deposits.ts';
import { followChildren } from './follow-children.ts';
import { LastingTrouble } from './lasting-trouble.ts';
import { newestVersions } from './payout-versions.ts';
import { broadcastPayout } from './payouts.ts';
import { scannedHeight } from './scan.ts';
import { takePayout } from './take-payout.ts';

/** Most announcements of one peer that wait to be confirmed here; its own oldest make room, never another peer's. */
export const ANNOUNCEMENTS_PER_PEER_MAX = 100;
/** How often one is tried before it is dropped. */
const TRIES_MAX = 100;
const PAYOUTS_PER_ROUND = 200;

type Announcement = Extract<ServiceMessage, { type: 'announce_attestation' | 'announce_payout' }>;

/** Follows what is under way, one round at a time. */
export class Follower {
  readonly #bridge: Bridge;
  readonly #trouble: LastingTrouble;
  #announced: { readonly from: number; readonly message: Announcement; tries: number }[] = [];
  #running: Promise<void> | null = null;
  #absencesAt: number | null = null;
  readonly #pages = new Map<string, number>();

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
    this.#trouble = new LastingTrouble('round', bridge.log, () => bridge.effects.now());
  }

  /** Keeps a peer's announcement for the next round. */
  take(from: number, message: Announcement): void {
    const own = this.#announced.filter((entry) => entry.from === from);
    const oldest = own.length < ANNOUNCEMENTS_PER_PEER_MAX ? undefined : own[0];
    this.#announced = [...this.#announced.filter((entry) => entry !== oldest), { from, message, tries: 0 }];
  }

  /** One round; a round that is still running is not run twice. Never rejects. */
  round(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Resolves when no round is running. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #round(): Promise<void> {
    await this.#attempt('announcements', () => this.#announcements());
    await this.#attempt('mints', () => submitPending(this.#bridge, this.#trouble));
    await this.#attempt('payouts', () => this.#payouts());
    await this.#attempt('children', () => followChildren(this.#bridge));
    await this.#attempt('coins', () => takeCoinsBack(this.#bridge));
    await this.#attempt('contested', async () => releaseDead(this.#bridge));
    await this.#attempt('missing coins', () => this.#absences());
  }

  // Once for each block.
  async #absences(): Promise<void> {
    const height = scannedHeight(this.#bridge.db);
    if (height === this.#absencesAt) return;
    await followAbsences(this.#bridge);
    this.#absencesAt = height;
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#trouble.well(what);
    } catch (error) {
      this.#trouble.failed(what, errorText(error));
    }
  }

  async #announcements(): Promise<void> {
    const waiting = this.#announced;
    this.#announced = [];
    for (const entry of waiting) {
      entry.tries += 1;
      let isDone = false;
      // One that cannot be confirmed now, whatever the fault, must not cost this node those behind it.
      await this.#attempt(entry.message.type, async () => {
        isDone = await this.#confirm(entry.message);
      });
      if (!isDone && entry.tries < TRIES_MAX) this.#announced.push(entry);
    }
  }

  #confirm(message: Announcement): Promise<boolean> {
    return message.type === 'announce_attestation'
      ? takeAttestation(this.#bridge, message.body.attestation)
      : takePayout(this.#bridge, message.body);
  }

  // Of what was only decided, a peer can bring about as much as it likes: it takes no turn from the rest.
  async #payouts(): Promise<void> {
    const made = this.#next(['signed', 'broadcast', 'confirmed']);
    const live = made.filter(({ status }) => status !== 'confirmed');
    const newest = new Set(newestVersions(live).map(({ txid }) => txid));
    for (const payout of [...made, ...this.#next(['decided'])]) {
      const isSuperseded = live.includes(payout) && !newest.has(payout.txid);
      await this.#attempt(payout.txid, () => follow(this.#bridge, payout, isSuperseded));
    }
  }

  // The page after that of the round before, so that all have their turn.
  #next(statuses: readonly PayoutStatus[]): readonly Payout[] {
    const name = statuses.join();
    const { db } = this.#bridge;
    const at = this.#pages.get(name) ?? 0;
    const page = (offset: number) => listPayouts(db, statuses, { limit: PAYOUTS_PER_ROUND, offset }).rows;
    const rows = page(at);
    const isEnd = rows.length < PAYOUTS_PER_ROUND;
    this.#pages.set(name, isEnd ? 0 : at + PAYOUTS_PER_ROUND);
    // What has moved on since may have left the last page empty.
    return rows.length === 0 && at > 0 ? page(0) : rows;
  }
}

async function follow(bridge: Bridge, payout: Payout, isSuperseded: boolean): Promise<void> {
  const { txid, signedTx, status } = payout;
  const seen = await bridge.bitcoin.transaction(txid, payout.burns.length + 1);
  const now = bridge.effects.now();
  switch (seen.state) {
    case 'confirmed':
      return onConfirmed(bridge, payout, seen);
    case 'mempool':
      if (status === 'confirmed') reorganised(bridge, payout);
      recordPayoutBroadcast(bridge.db, txid, now);
      return;
    case 'unknown':
      // A node without a whole index cannot tell what was thrown out from what is mined and spent.
      if (status === 'confirmed' && (bridge.chain?.stops('history') ?? null) !== null) return;
      if (status === 'confirmed') reorganised(bridge, payout);
      // A transaction that fell out of the mempool or the chain is sent again, never made again; one that a later version
      // has replaced would only be refused, and is still watched, for miners may have it.
      if (signedTx !== null && !isSuperseded) await broadcastPayout(bridge, txid, signedTx);
  }
}

// Its block left the best chain: what it spent is unspent until it is mined again, what it made is not there yet.
function reorganised(bridge: Bridge, payout: Payout): void {
  const now = bridge.effects.now();
  transact(bridge.db, (tx) => {
    recordPayoutReorganised(tx, payout.txid, now);
    for (const input of payout.inputs) markUtxoUnspent(tx, input, payout.txid, now);
    if (payout.change !== null) markUtxoGone(tx, { txid: payout.txid, vout: payout.change.vout }, now);
  });
}

// What spent a coin has left the chain, and no mempool holds it or another that spends it: nobody may send it again, as where
// a rival was mined that leaves this coin alone.
async function takeCoinsBack({ db, bitcoin, effects, log }: Bridge): Promise<void> {
  const coins = listSpentWithoutBlock(db);
  if (coins.length === 0) return;
  const outputs = await bitcoin.txOuts(coins, 'with_mempool');
  for (const [i, { txid, vout, spentBy }] of coins.entries()) {
    if (spentBy === null || (outputs[i] ?? null) === null) continue;
    // A block may have come meanwhile.
    if (getUtxo(db, { txid, vout })?.spentHeight !== null) continue;
    markUtxoUnspent(db, { txid, vout }, spentBy, effects.now());
    log('info', 'coin_unspent_again', { coin: `${txid}:${vout}`, spent_by: spentBy });
  }
}

async function onConfirmed(
  bridge: Bridge,
  payout: Payout,
  seen: Extract<TransactionStatus, { state: 'confirmed' }>,
): Promise<void> {
  const { txid } = payout;
  const tip = await bridge.bitcoin.tip();
  const height = tip.height - seen.confirmations + 1;
  const hash = await bridge.bitcoin.blockHash(height);
  const now = bridge.effects.now();
  transact(bridge.db, (tx) => {
    recordPayoutConfirmed(tx, txid, { height, hash }, now);
    for (const input of payout.inputs) markUtxoSpent(tx, input, txid, height, now);
    const { change } = payout;
    if (change !== null) {
      const leaf = leafJson({ kind: 'change' });
      recordUtxo(tx, { txid, vout: change.vout, amount: change.amount, leaf, height }, now);
    }
    if (seen.confirmations >= bridge.config.normalConfirmations) recordPayoutSettled(tx, txid, now);
  });
}
