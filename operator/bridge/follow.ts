// What goes on by itself once something is signed: payouts are followed through the mempool and the chain until they are
// deep enough, attestations are handed in until they are minted, announcements are tried until this node can confirm them.

import type { TransactionStatus } from '../../chain/bitcoin-view.ts';
import { leafJson } from '../../chain/payout-intent.ts';
import { transact } from '../../store/database.ts';
import { listPayouts, type Payout } from '../../store/payout-listing.ts';
import {
  recordPayoutBroadcast,
  recordPayoutConfirmed,
  recordPayoutReorganised,
  recordPayoutSettled,
} from '../../store/payout-progress.ts';
import { markUtxoGone, markUtxoSpent, markUtxoUnspent, recordUtxo } from '../../store/utxos.ts';
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

  async #payouts(): Promise<void> {
    const open = listPayouts(this.#bridge.db, ['decided', 'signed', 'broadcast', 'confirmed'], {
      limit: PAYOUTS_PER_ROUND,
    });
    const live = open.rows.filter(({ status }) => status === 'signed' || status === 'broadcast');
    const newest = new Set(newestVersions(live).map(({ txid }) => txid));
    for (const payout of open.rows) {
      const isSuperseded = live.includes(payout) && !newest.has(payout.txid);
      await this.#attempt(payout.txid, () => follow(this.#bridge, payout, isSuperseded));
    }
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
