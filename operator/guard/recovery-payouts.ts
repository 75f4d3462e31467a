// A payout that a peer tells of, made ready to be kept by a node that is catching up: built again from its meaning, and
// verified by the group's signature or as if it were to be signed here.

import type { RefusalReason } from '../../ceremony/refusals.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { checkMeaning } from '../../chain/payout-check.ts';
import { parsePayoutIntent } from '../../chain/payout-intent.ts';
import { checkSignedPayout } from '../../chain/signed-payout.ts';
import { type BuiltPayout, buildPayout } from '../../chain/transaction.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { getBurn } from '../../store/burns.ts';
import { getPayout, listPayoutsOfBurn } from '../../store/payout-listing.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { judgePayout, verifyBurns } from '../judge/judge-payout.ts';
import type { FederationKey } from '../keys.ts';
import type { Told } from './decisions-exchange.ts';

/** A payout and what is known of it. */
export interface Prepared {
  readonly txid: string;
  readonly built: BuiltPayout;
  /** As the own Wire nodes tell them; null where the payout cannot be judged, so that it can only be reckoned with. */
  readonly burns: readonly WireBurn[] | null;
  readonly mined: boolean;
  /** The transaction with the group's signatures, hex. */
  readonly signed: string | null;
}

const UNAVAILABLE: ReadonlySet<RefusalReason> = new Set(['bitcoin_unavailable', 'wire_unavailable', 'overloaded']);

/** Judges a claim. Null: nothing to reckon with (known, a test, or malformed). */
export async function preparePayout(
  bridge: Pick<Bridge, 'db' | 'bitcoin' | 'log'> & { readonly judge: Pick<Bridge['judge'], 'payoutBench'> },
  key: FederationKey,
  claim: Told['payouts'][number],
  peer: number,
): Promise<Prepared | 'unavailable' | null> {
  const intent = parsePayoutIntent(claim.intent);
  const built = intent === null || intent.test ? null : tryBuild(intent, key);
  if (intent === null || built === null) {
    bridge.log('warn', 'told_payout_malformed', { peer });
    return null;
  }
  const { txid } = built;
  const signed = signedOf(claim, built, key);
  const known = getPayout(bridge.db, txid);
  if (known !== null && (known.signedTx !== null || signed === null)) return null;
  const bench = bridge.judge.payoutBench(key);
  if (bench.wire === null) return 'unavailable';
  try {
    const { state } = await bridge.bitcoin.transaction(txid, intent.outputs.length);
    const mined = state === 'confirmed';
    const burns = await verifyBurns(bench, bench.wire, intent);
    if ('ok' in burns) {
      if (UNAVAILABLE.has(burns.reason)) return 'unavailable';
      bridge.log('warn', 'told_payout_unjudged', { peer, txid, reason: burns.reason, detail: burns.detail });
      return { txid, built, burns: null, mined, signed };
    }
    // What the group has signed, or miners have taken, needs no second judgement of its inputs and fee, and stands whatever
    // this node's policy is. That says nothing of the burns that it is told to be for.
    const { network, groupKey } = bench.rules;
    const isMeant = (mined || signed !== null) && checkMeaning({ network, groupKey }, intent).ok;
    if (isMeant) return { txid, built, burns, mined, signed };
    const judged = await judgePayout(bench, intent);
    if (judged.ok) return { txid, built, burns, mined, signed };
    if (UNAVAILABLE.has(judged.reason)) return 'unavailable';
    bridge.log('warn', 'told_payout_unjudged', { peer, txid, reason: judged.reason, detail: judged.detail });
    // Also where another transaction has spent an input in the chain: a reorganisation may bring it back, until that is deep.
    return { txid, built, burns: null, mined, signed };
  } catch (error) {
    bridge.log('warn', 'told_payout_unjudged', { peer, txid, detail: String(error) });
    return 'unavailable';
  }
}

/**
 * The burns of these payouts whose anchor, as this node knows it, is spent by a transaction in the chain that is none of its
 * payouts of the burn: it may have released the burn since, and have signed upon another anchor.
 */
export async function lostAnchors(
  { db, bitcoin, log }: Pick<Bridge, 'db' | 'bitcoin' | 'log'>,
  payouts: readonly Prepared[],
): Promise<ReadonlySet<string> | 'unavailable'> {
  const burnTxids = new Set(payouts.flatMap(({ built }) => built.intent.burns.map(({ burnTxid }) => burnTxid)));
  const lost = new Set<string>();
  try {
    for (const burnTxid of burnTxids) {
      const anchor = getBurn(db, burnTxid)?.anchor ?? null;
      if (anchor === null || (await bitcoin.txOuts([anchor], 'confirmed'))[0] !== null) continue;
      const own = listPayoutsOfBurn(db, burnTxid);
      const states = await Promise.all(own.map((payout) => bitcoin.transaction(payout.txid, payout.burns.length + 1)));
      if (states.every(({ state }) => state !== 'confirmed')) lost.add(burnTxid);
    }
  } catch (error) {
    log('warn', 'anchors_unjudged', { detail: String(error) });
    return 'unavailable';
  }
  return lost;
}

/** The names of the outpoints that a payout spends. */
export function custodyOutpoints({ intent }: BuiltPayout): ReadonlySet<string> {
  return new Set(intent.inputs.map(outpointName));
}

function signedOf({ transaction }: Told['payouts'][number], built: BuiltPayout, key: FederationKey): string | null {
  if (transaction === null) return null;
  const verdict = checkSignedPayout(built.intent, key.bitcoin.publicKey, fromHex(transaction));
  return verdict.ok && verdict.txid === built.txid ? transaction : null;
}

function tryBuild(intent: BuiltPayout['intent'], key: FederationKey): BuiltPayout | null {
  try {
    return buildPayout(intent, key.bitcoin.publicKey);
  } catch {
    return null;
  }
}
