// Follows fee bump children through the mempool and the chain: confirmed and settled as the own Bitcoin nodes show them,
// sent again where they fell out, given up where they can never be mined. Their output is found by the scan, as any change.

import { listChildrenOf, listLiveChildren, type PayoutChild } from '../../store/payout-children.ts';
import {
  recordChildConfirmed,
  recordChildSettled,
  recordChildVoid,
  recordChildWaiting,
} from '../../store/payout-children-progress.ts';
import { getPayout, type Payout } from '../../store/payout-listing.ts';
import { thrownOutPayouts } from '../../store/reorganisation.ts';
import { getUtxo } from '../../store/utxos.ts';
import type { Bridge } from './bridge.ts';
import { broadcastChild } from './child-for-parent.ts';

const CHILDREN_PER_ROUND = 200;

type Following = Pick<Bridge, 'db' | 'bitcoin' | 'chain' | 'config' | 'effects' | 'log'>;

/** One round. Throws `BitcoinViewError` where the nodes cannot answer. */
export async function followChildren(bridge: Following): Promise<void> {
  const children = listLiveChildren(bridge.db, CHILDREN_PER_ROUND);
  for (const child of children) {
    const dearer = children.some(
      ({ parentTxid, fee, signedTx }) => parentTxid === child.parentTxid && fee > child.fee && signedTx !== null,
    );
    await follow(bridge, child, dearer);
  }
  await sendAgain(bridge);
}

// A reorganisation so deep that it threw out what was settled: the child goes again after its parent, if it has to.
async function sendAgain(bridge: Following): Promise<void> {
  const { db, bitcoin } = bridge;
  for (const parentTxid of thrownOutPayouts(db)) {
    const child = listChildrenOf(db, parentTxid).find(({ status }) => status === 'settled');
    if (child === undefined || child.signedTx === null || (await minedAt(bridge, child)) !== 'unknown') continue;
    const { state } = await bitcoin.transaction(parentTxid, child.parentVout + 1);
    if (state !== 'unknown') await broadcastChild(bridge, child.txid, child.signedTx);
  }
}

async function follow(bridge: Following, child: PayoutChild, isSuperseded: boolean): Promise<void> {
  const { db, bitcoin, config, effects } = bridge;
  const { txid, signedTx } = child;
  const parent = getPayout(db, child.parentTxid);
  if (parent === null) throw new Error('a child helps a payout that is stored');
  const height = await minedAt(bridge, child);
  const now = effects.now();
  if (typeof height === 'number') {
    recordChildConfirmed(db, txid, height, now);
    const tip = await bitcoin.tip();
    if (tip.height - height + 1 >= config.normalConfirmations) recordChildSettled(db, txid, now);
    return;
  }
  if (height === 'waiting') {
    recordChildWaiting(db, txid, now);
    return;
  }
  // A node without a whole index cannot tell what was thrown out from what is mined and spent.
  if (child.status === 'confirmed' && (bridge.chain?.stops('history') ?? null) !== null) return;
  if (child.status === 'confirmed') recordChildWaiting(db, txid, now);
  const why = whyVoid(bridge, child, parent);
  if (why !== null) recordChildVoid(db, txid, why, now);
  if (why !== null || signedTx === null || isSuperseded) return;
  // Without its parent no node would take it.
  const { state } = await bitcoin.transaction(parent.txid, parent.burns.length + 1);
  if (state !== 'unknown') await broadcastChild(bridge, txid, signedTx);
}

// The scan knows who spent the parent's change, also where no index tells of a transaction whose output is spent again.
async function minedAt(
  { db, bitcoin }: Following,
  { txid, parentTxid, parentVout }: PayoutChild,
): Promise<number | 'waiting' | 'unknown'> {
  const change = getUtxo(db, { txid: parentTxid, vout: parentVout });
  if (change?.spentBy === txid && change.spentHeight !== null) return change.spentHeight;
  const seen = await bitcoin.transaction(txid, 1);
  if (seen.state === 'mempool') return 'waiting';
  if (seen.state === 'unknown') return 'unknown';
  const { height } = await bitcoin.tip();
  return height - seen.confirmations + 1;
}

// Where the parent is mined without a child that was never completed here and that nobody shows, its change is free again.
function whyVoid({ db }: Following, { txid, signedTx, parentVout }: PayoutChild, parent: Payout): string | null {
  if (parent.status === 'replaced') return 'its parent was replaced';
  if (parent.status !== 'settled') return null;
  if (signedTx === null) return 'its parent is settled without it';
  const change = getUtxo(db, { txid: parent.txid, vout: parentVout });
  const isTaken = change !== null && change.spentHeight !== null && change.spentBy !== txid;
  return isTaken ? `its parent's change is spent by ${change.spentBy}` : null;
}
