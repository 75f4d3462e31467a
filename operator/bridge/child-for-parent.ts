// Makes a child pay for a payout that waits: plan, judge, sign, keep, broadcast, as with payouts. A later one replaces the
// earlier, always from the same output.

import { z } from 'zod';
import { payoutChildIntentSchema } from '../../ceremony/intent.ts';
import type { Exclusion } from '../../ceremony/signing-candidates.ts';
import { larger, satsAmount } from '../../chain/amount.ts';
import { asUnavailable, type MempoolEntry } from '../../chain/bitcoin-view.ts';
import { type ChildParent, leastChildFee, packageRate, planChild } from '../../chain/payout-child.ts';
import { childIntentJson } from '../../chain/payout-child-intent.ts';
import { type BuiltPayout, finalizePayout } from '../../chain/transaction.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { recordChildSigned, recordChildWaiting } from '../../store/payout-children-progress.ts';
import type { Payout } from '../../store/payout-listing.ts';
import { CommandError } from '../command-error.ts';
import { childParent, earlierChildFee } from '../judge/judge-payout-child.ts';
import type { Approval } from '../judge/judgement.ts';
import type { FederationKey } from '../keys.ts';
import { type Bridge, notSigned } from './bridge.ts';

const leastSchema = z.object({ least: satsAmount });

/** How often a plan is adapted to a least fee that participants tell. */
const PLANS_MAX = 4;

/** A payout in the mempool, with the child that helps it there. */
export interface WaitingPayout {
  readonly parent: ChildParent;
  readonly entry: MempoolEntry;
  /** The transaction that spends its change; null where there is none. */
  readonly child: { readonly txid: string; readonly fee: bigint } | null;
}

/** How a payout stands in the mempool; null where it does not wait there or has no change under this key. */
export async function waitingPayout(
  bridge: Pick<Bridge, 'db' | 'bitcoin'>,
  key: FederationKey,
  payout: Payout,
): Promise<WaitingPayout | null> {
  const { db, bitcoin } = bridge;
  const parent = childParent(db, payout, key.bitcoin.publicKey);
  const entry = parent === null ? null : await bitcoin.mempoolEntry(payout.txid);
  if (parent === null || entry === null) return null;
  const [spender] = await bitcoin.mempoolSpends([{ txid: parent.txid, vout: parent.change.vout }]);
  const spending = spender == null ? null : await bitcoin.mempoolEntry(spender);
  const child = spender == null || spending === null ? null : { txid: spender, fee: spending.fee };
  return { parent, entry, child };
}

/** The fee rate at which miners see a payout with what helps it, in sats per 1000 vbytes. */
export function rateOf({ entry, child }: WaitingPayout): bigint {
  const { vsize, fees } = entry.ancestors;
  if (child !== null) return packageRate(entry.ancestors, child.fee);
  return (fees * 1000n + BigInt(vsize) - 1n) / BigInt(vsize);
}

/**
 * Has the federation sign a child that brings a payout and itself to a rate (sats per 1000 vbytes), or as near as the
 * burns' fees allow, and broadcasts it. Throws `CommandError`.
 */
export async function helpByChild(
  bridge: Bridge,
  key: FederationKey,
  waiting: WaitingPayout,
  rate: bigint,
): Promise<void> {
  const { child, decide, signatures } = await signChild(bridge, key, waiting, rate);
  const final = finalizePayout(child, signatures);
  if (!final.ok) throw new Error('the signature of a child does not verify');
  const transaction = toHex(final.transaction);
  const { txid } = child;
  // This node is bound by what it coordinates even where the others signed without it.
  const decision = decide();
  if (!decision.ok) throw new CommandError(decision.reason, `child ${txid} is signed, but ${decision.detail}`);
  recordChildSigned(bridge.db, txid, transaction, bridge.effects.now());
  await broadcastChild(bridge, txid, transaction);
  const { parent, entry } = waiting;
  const reached = Number(packageRate(entry.ancestors, child.intent.fee)) / 1000;
  bridge.log('info', 'payout_helped', { txid: parent.txid, by: txid, fee: `${child.intent.fee}`, fee_rate: reached });
}

/** Sends a signed child to our own Bitcoin nodes and writes down that it went; nodes that do not answer get it later. */
export async function broadcastChild(
  bridge: Pick<Bridge, 'db' | 'bitcoin' | 'effects' | 'log'>,
  txid: string,
  transaction: string,
): Promise<void> {
  const verdict = await bridge.bitcoin.broadcast(fromHex(transaction)).catch(asUnavailable);
  if (verdict.ok) recordChildWaiting(bridge.db, txid, bridge.effects.now());
  else bridge.log('warn', 'child_rejected', { txid, detail: verdict.detail });
}

interface SignedChild {
  readonly child: BuiltPayout;
  readonly decide: Approval['decide'];
  readonly signatures: readonly Uint8Array[];
}

async function signChild(
  bridge: Bridge,
  key: FederationKey,
  { parent, entry: { ancestors }, child: present }: WaitingPayout,
  rate: bigint,
): Promise<SignedChild> {
  const rules = bridge.judge.payoutRules(key);
  let least = leastChildFee(rules, larger(earlierChildFee(bridge.db, parent.txid), present?.fee ?? 0n));
  for (let plans = 1; ; plans++) {
    const plan = planChild(rules, { parent, ancestors, least, rate });
    if (!plan.ok) throw new CommandError(plan.reason, `no child can pay for ${parent.txid}: ${plan.detail}`);
    const intent = payoutChildIntentSchema.parse(childIntentJson(plan.intent));
    const judgement = await bridge.judge.judge(intent, key.keyId, 'bip340');
    if (!judgement.ok) throw new CommandError(judgement.reason, judgement.detail);
    const scheme = bridge.keys.scheme('bip340');
    const task = { scheme, keyId: key.keyId, key: key.bitcoin, intent, messages: judgement.messages };
    const result = await bridge.signing.coordinate(task, bridge.signing.candidates());
    if (result.kind === 'signed') {
      return { child: plan.child, decide: judgement.decide, signatures: result.signatures };
    }
    const told = leastTold(result.exclusions, plan.intent.fee);
    if (told === null || plans >= PLANS_MAX) throw notSigned(result);
    least = told;
  }
}

// A peer that has signed a dearer child says what the next must pay. It is a peer's word: the lowest that helps is taken.
function leastTold(exclusions: readonly Exclusion[], fee: bigint): bigint | null {
  const told = exclusions.flatMap(({ reason, data }) =>
    reason === 'fee_rate_too_low' ? (leastSchema.safeParse(data).data?.least ?? []) : [],
  );
  return told.filter((least) => least > fee).reduce<bigint | null>((a, b) => (a === null || b < a ? b : a), null);
}
