// Takes in a payout that a peer tells of, announced or asked for: verified here first, then decided and kept as signed.

import { checkMeaning } from '../../chain/payout-check.ts';
import { parsePayoutIntent } from '../../chain/payout-intent.ts';
import { checkSignedPayout } from '../../chain/signed-payout.ts';
import { type BuiltPayout, buildPayout } from '../../chain/transaction.ts';
import { BoundedCache } from '../../crypto/bounded-cache.ts';
import { fromHex, sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { getPayout } from '../../store/payout-listing.ts';
import { recordPayoutSigned } from '../../store/payout-progress.ts';
import { decide, verifyBurns } from '../judge/judge-payout.ts';
import type { Bridge } from './bridge.ts';

/** A payout as it travels; `transaction` (hex) null where the peer knows it from a block alone. */
export interface ToldPayout {
  readonly intent: unknown;
  readonly transaction: string | null;
}

/** What a told payout is, seen by itself. `none`: nothing that a federation makes. */
type ReadPayout =
  | { readonly kind: 'payout'; readonly built: BuiltPayout }
  | { readonly kind: 'wrong'; readonly detail: string }
  | { readonly kind: 'none' };

const PAYOUTS_READ_MAX = 256;
// Every peer tells of the same payouts, and each is tried again until it can be confirmed: its signatures are verified once.
const read = new BoundedCache<ReadPayout>(PAYOUTS_READ_MAX);

/**
 * Takes in a payout. True once there is nothing left to do; false where it cannot be confirmed now. One that this node has
 * decided is kept as signed. Any other must be signed by the group, or stand in the chain, and its burns must be those of
 * the own Wire nodes; what contradicts an earlier decision is an alarm, not kept.
 */
export async function takePayout(bridge: Bridge, told: ToldPayout): Promise<boolean> {
  const key = bridge.keys.live();
  if (key === null) return true;
  const { publicKey } = key.bitcoin;
  const content = JSON.stringify([told.intent, told.transaction]);
  const payout = read.get(`${toHex(publicKey)}/${toHex(sha256(utf8(content)))}`, () => readPayout(told, publicKey));
  if (payout.kind === 'wrong') bridge.log('warn', 'announced_payout_wrong', { detail: payout.detail });
  if (payout.kind !== 'payout') return true;
  const { built } = payout;
  const { txid } = built;
  if (getPayout(bridge.db, txid) === null) {
    const outcome = await adopt(bridge, built, told.transaction !== null);
    if (outcome !== 'adopted') return outcome === 'never';
  }
  if (told.transaction !== null) recordPayoutSigned(bridge.db, txid, told.transaction, bridge.effects.now());
  return true;
}

// A payout that this node did not sign. What the group has signed, or miners have taken, needs no second judgement of its
// inputs and fee, which may be gone by now; but it may be told to be for other burns than it pays, and these may be none.
async function adopt(bridge: Bridge, built: BuiltPayout, isSigned: boolean): Promise<'adopted' | 'not_yet' | 'never'> {
  const { txid, intent } = built;
  const { state } = await bridge.bitcoin.transaction(txid, intent.outputs.length);
  const isMined = state === 'confirmed';
  const key = bridge.keys.live();
  if (key === null || (!isSigned && !isMined)) return 'not_yet';
  const bench = bridge.judge.payoutBench(key);
  const { network, groupKey } = bench.rules;
  const meant = checkMeaning({ network, groupKey }, intent);
  if (!meant.ok) {
    bridge.log('warn', 'announced_payout_wrong', { txid, detail: meant.detail });
    return 'never';
  }
  if (bench.wire === null) return 'not_yet';
  const burns = await verifyBurns(bench, bench.wire, intent);
  if ('ok' in burns) {
    bridge.log('warn', 'announced_payout_unconfirmed', { txid, reason: burns.reason, detail: burns.detail });
    return 'not_yet';
  }
  const decision = decide(bench, built, burns, isMined);
  if (decision.ok) return 'adopted';
  const { reason, detail } = decision;
  // An earlier version of what the chain has paid, or one that its rival has outrun: no contradiction, and of no use.
  if (!isMined && (reason === 'burn_already_paid' || reason === 'input_spent')) return 'never';
  // A burn that is left to the others is none of this node's business before it is mined.
  if (reason !== 'state_regressed') bridge.log('error', 'announced_payout_contradicts', { txid, reason, detail });
  return 'not_yet';
}

// Depends on what was told and on the group key (33 bytes) alone.
function readPayout(told: ToldPayout, groupKey: Uint8Array): ReadPayout {
  const intent = parsePayoutIntent(told.intent);
  if (intent === null || intent.test) return { kind: 'none' };
  if (told.transaction !== null) {
    const final = checkSignedPayout(intent, groupKey, fromHex(told.transaction));
    if (!final.ok) return { kind: 'wrong', detail: final.detail };
  }
  try {
    return { kind: 'payout', built: buildPayout(intent, groupKey) };
  } catch {
    return { kind: 'none' };
  }
}
