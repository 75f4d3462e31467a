// Payout decisions (Never 2): every transaction that this node agrees to sign for a burn spends that burn's anchor,
// so no two of them can both be mined. The anchor is an input of the first transaction decided for the burn: the first that
// no live transaction spends already, where there is one, for that one may be mined instead, and the burn would have to
// wait until it is released (anchor-releases.ts). For the same reason no transaction spends an anchor without paying its
// burn, unless the binding has lapsed (lapsed-bindings.ts). migrations/0001_never_list.sql, 0004_anchor_releases.sql and
// 0009_lapsed_bindings.sql hold the rules as triggers. Test transactions are never stored here.
import { and, eq, sql } from 'drizzle-orm';
import { fromHex, sha256, toHex } from '../crypto/bytes.ts';
import type { Json } from '../crypto/canonical-json.ts';
import { releasedAnchors, returnedAnchors } from './anchor-releases.ts';
import { appendAudit } from './audit-log.ts';
import { asBurn, type Burn, getBurn } from './burns.ts';
import { isContested, openClaims } from './contested-burns.ts';
import { assertBatch, type Outpoint, type Queries, transact } from './database.ts';
import { attributeForeignPayments, foreignPaymentOf } from './foreign-payments.ts';
import { isLapsed } from './lapsed-bindings.ts';
import { getPayout, listPayoutsOfBurn, listSpenders, type Payout } from './payout-listing.ts';
import { burns, payoutTransactionBurns, payoutTransactionInputs, payoutTransactions } from './schema.ts';
import { getUtxo } from './utxos.ts';

/** Which output of a transaction pays which burn. */
export interface PaidBurn {
  readonly burnTxid: string;
  readonly outputIndex: number;
}

/** A transaction to agree to. Its meaning was judged before; here only its relation to earlier decisions is. */
export interface PayoutDecision {
  readonly txid: string;
  /** The transaction without witnesses, lowercase hex: its double SHA-256 is the txid. */
  readonly unsignedTx: string;
  /** In the order of the transaction; at least one. */
  readonly inputs: readonly Outpoint[];
  /** May be empty for a sweep that pays no burn. */
  readonly burns: readonly PaidBurn[];
  /** The miner fee in sats. */
  readonly fee: bigint;
  /** Sats per virtual byte, for display. */
  readonly feeRate: number;
  readonly change: { readonly vout: number; readonly amount: bigint } | null;
  /** The meaning that was judged, as JSON, for a peer that has lost it. */
  readonly intent?: Json;
  /** The transaction stands in the chain already: recorded also for a contested burn, for nothing is chosen any more. */
  readonly mined?: boolean;
}

/** Why a transaction may not be signed. `data`, made to be sent to the coordinator, says what would be right. */
export type PayoutRefusal =
  /** data {burn_txid}: no such burn is stored. */
  | 'burn_unknown'
  /** data {burns}: the same transaction was decided for other burns or outputs, or an output would pay two burns. */
  | 'burn_mismatch'
  /** data {burn_txid, txid}: that confirmed transaction pays the burn. */
  | 'burn_already_paid'
  /** data {burn_txid, anchor: {txid, vout}}: the input that is missing. */
  | 'burn_conflict'
  /**
   * data {input: {txid, vout}, burns: [burn_txid]}: these burns are bound to this input, and the binding has not lapsed. A
   * transaction that spends it must pay all of them.
   */
  | 'input_reserved'
  /** data {burn_txid}: brought back from an older state, this node cannot tell which payout of the burn it has signed. */
  | 'state_regressed'
  /** data {txid, vout, spent_by}: that transaction spends the input for good, so this one can never be mined. */
  | 'input_spent';

/** The verdict of `decidePayout`; `repeated` when the very transaction was decided before. */
export type PayoutVerdict =
  | { readonly ok: true; readonly repeated: boolean }
  | { readonly ok: false; readonly reason: PayoutRefusal; readonly data: Json };

/**
 * Agrees to sign a transaction, or says why not; one commit, on disk when this returns. The same transaction again is
 * ok until it confirms. Throws where the decision contradicts itself (txid not of this transaction, no input).
 */
export function decidePayout(db: Queries, decision: PayoutDecision, now: number): PayoutVerdict {
  assertDecision(decision);
  return transact(db, (tx): PayoutVerdict => {
    const refusal = refuse(tx, decision, now);
    if (refusal !== null) return refusal;
    if (getPayout(tx, decision.txid) !== null) return { ok: true, repeated: true };
    insertPayout(tx, decision, now);
    appendAudit(tx, now, 'payout_decided', decisionJson(decision));
    return { ok: true, repeated: false };
  });
}

type Refused = Extract<PayoutVerdict, { ok: false }>;

function refused(reason: PayoutRefusal, data: Json): Refused {
  return { ok: false, reason, data };
}

function refuse(tx: Queries, decision: PayoutDecision, now: number): Refused | null {
  const known = getPayout(tx, decision.txid);
  if (known !== null && !paysTheSame(known.burns, decision.burns)) {
    return refused('burn_mismatch', { burns: known.burns.map(paidBurnJson) });
  }
  if (new Set(decision.burns.map(({ outputIndex }) => outputIndex)).size < decision.burns.length) {
    return refused('burn_mismatch', { burns: decision.burns.map(paidBurnJson) });
  }
  for (const { burnTxid } of decision.burns) {
    const refusal = refuseContested(tx, burnTxid, decision) ?? refuseBurn(tx, burnTxid, decision);
    if (refusal !== null) return refusal;
  }
  return refuseSpent(tx, decision, known) ?? (known === null ? refuseInputs(tx, decision, now) : null);
}

// Whatever this node signed before it was restored is among the claims: what shares an input with each conflicts with it.
function refuseContested(tx: Queries, burnTxid: string, { mined, inputs }: PayoutDecision): Refused | null {
  if (mined === true || !isContested(tx, burnTxid)) return null;
  const claims = openClaims(tx, burnTxid);
  if (claims === null) return refused('state_regressed', { burn_txid: burnTxid });
  const apart = claims.find((claim) => !claim.inputs.some((one) => inputs.some((input) => sameOutpoint(input, one))));
  if (apart === undefined) return null;
  const anchor = apart.inputs.find((input) => getUtxo(tx, input)?.status === 'unspent') ?? apart.inputs[0];
  return anchor === undefined
    ? refused('state_regressed', { burn_txid: burnTxid })
    : refused('burn_conflict', { burn_txid: burnTxid, anchor: outpointJson(anchor) });
}

function refuseBurn(tx: Queries, burnTxid: string, { txid, inputs }: PayoutDecision): Refused | null {
  const burn = getBurn(tx, burnTxid);
  if (burn === null) return refused('burn_unknown', { burn_txid: burnTxid });
  const [paid] = listPayoutsOfBurn(tx, burnTxid, ['confirmed', 'settled']);
  if (paid !== undefined) return refused('burn_already_paid', { burn_txid: burnTxid, txid: paid.txid });
  const foreign = foreignPaymentOf(tx, burnTxid);
  if (foreign !== null && foreign.txid !== txid) {
    return refused('burn_already_paid', { burn_txid: burnTxid, txid: foreign.txid });
  }
  const { anchor } = burn;
  if (anchor !== null && !inputs.some((input) => sameOutpoint(input, anchor))) {
    return refused('burn_conflict', { burn_txid: burnTxid, anchor: outpointJson(anchor) });
  }
  const back = returnedAnchors(tx, burnTxid).find((one) => !inputs.some((input) => sameOutpoint(input, one)));
  return back === undefined ? null : refused('burn_conflict', { burn_txid: burnTxid, anchor: outpointJson(back) });
}

function refuseSpent(tx: Queries, { txid, inputs, burns: paid }: PayoutDecision, known: Payout | null): Refused | null {
  const spent = (input: Outpoint, by: string) => refused('input_spent', { ...outpointJson(input), spent_by: by });
  for (const input of inputs) {
    const [settled] = listSpenders(tx, input, ['settled']);
    if (settled !== undefined && settled.txid !== txid) return spent(input, settled.txid);
    const by = getUtxo(tx, input)?.spentBy ?? null;
    if (known?.status === 'replaced' && by !== null && by !== txid) return spent(input, by);
  }
  // A burn is never bound anew to what it was released from.
  for (const { burnTxid } of paid) {
    if (getBurn(tx, burnTxid)?.anchor !== null) continue;
    const released = releasedAnchors(tx, burnTxid);
    const [first] = released.filter((one) => inputs.some((input) => sameOutpoint(input, one)));
    if (first !== undefined && inputs.every((input) => released.some((one) => sameOutpoint(input, one)))) {
      return spent(first, first.spentBy);
    }
  }
  return null;
}

function refuseInputs(tx: Queries, decision: PayoutDecision, now: number): Refused | null {
  const paid = new Set(decision.burns.map(({ burnTxid }) => burnTxid));
  for (const input of decision.inputs) {
    const anchored = burnIds(anchoredAt(tx, input)).filter(
      (burnTxid) => paid.has(burnTxid) || !(isPaidForGood(tx, burnTxid) || isLapsed(tx, burnTxid, input, now)),
    );
    if (anchored.every((burnTxid) => paid.has(burnTxid))) continue;
    return refused('input_reserved', { input: outpointJson(input), burns: [...anchored].sort() });
  }
  return null;
}

// What was signed for a burn that is paid is of no use any more; its anchor need not be kept for it.
function isPaidForGood(tx: Queries, burnTxid: string): boolean {
  return foreignPaymentOf(tx, burnTxid) !== null || listPayoutsOfBurn(tx, burnTxid, ['settled']).length > 0;
}

function anchoredAt(tx: Queries, { txid, vout }: Outpoint): readonly Burn[] {
  const rows = tx
    .select()
    .from(burns)
    .where(and(eq(burns.anchorTxid, txid), eq(burns.anchorVout, vout)))
    .all();
  return rows.flatMap((row) => asBurn(row) ?? []);
}

// Where the burns without an anchor are bound to: see above.
function anchorFor(tx: Queries, burnTxid: string, inputs: readonly Outpoint[]): Outpoint {
  const released = releasedAnchors(tx, burnTxid);
  const possible = inputs.filter((input) => !released.some((one) => sameOutpoint(one, input)));
  const isFree = (input: Outpoint) => listSpenders(tx, input).every(({ status }) => status === 'replaced');
  const anchor = possible.find(isFree) ?? possible[0];
  if (anchor === undefined) throw new Error('what only spends released anchors was refused');
  return anchor;
}

// The transaction's row comes last: it is what the triggers judge, and it seals the inputs and burns written before.
function insertPayout(tx: Queries, decision: PayoutDecision, now: number): void {
  const { txid, unsignedTx, inputs, fee, feeRate, change } = decision;
  tx.run(sql`PRAGMA defer_foreign_keys = ON`);
  for (const [inputIndex, input] of inputs.entries()) {
    tx.insert(payoutTransactionInputs).values({ txid, inputIndex, prevTxid: input.txid, prevVout: input.vout }).run();
  }
  for (const { burnTxid, outputIndex } of decision.burns) {
    tx.insert(payoutTransactionBurns).values({ txid, burnTxid, outputIndex }).run();
  }
  for (const { burnTxid } of decision.burns) {
    if (getBurn(tx, burnTxid)?.anchor !== null) continue;
    const anchor = anchorFor(tx, burnTxid, inputs);
    tx.update(burns)
      .set({ anchorTxid: anchor.txid, anchorVout: anchor.vout })
      .where(eq(burns.burnTxid, burnTxid))
      .run();
  }
  attributeForeignPayments(tx, txid, decision.burns);
  tx.insert(payoutTransactions)
    .values({
      txid,
      unsignedTx,
      fee,
      feeRate,
      changeVout: change?.vout ?? null,
      changeAmount: change?.amount ?? null,
      intent: decision.intent ?? null,
      status: 'decided',
      createdAt: now,
    })
    .run();
}

function assertDecision({ txid, unsignedTx, inputs, burns: paid }: PayoutDecision): void {
  assertBatch(inputs);
  assertBatch(paid);
  if (inputs.length === 0) throw new Error('a transaction has an input');
  const hash = toHex(sha256(sha256(fromHex(unsignedTx))).reverse());
  if (hash !== txid) throw new Error('the txid is not of this transaction (without witnesses)');
}

function paysTheSame(a: readonly PaidBurn[], b: readonly PaidBurn[]): boolean {
  const words = (paid: readonly PaidBurn[]) => paid.map(({ burnTxid, outputIndex }) => `${outputIndex}:${burnTxid}`);
  return words(a).sort().join() === words(b).sort().join();
}

function sameOutpoint(a: Outpoint, b: Outpoint): boolean {
  return a.txid === b.txid && a.vout === b.vout;
}

function burnIds(rows: readonly { readonly burnTxid: string }[]): readonly string[] {
  return rows.map(({ burnTxid }) => burnTxid);
}

function outpointJson({ txid, vout }: Outpoint) {
  return { txid, vout };
}

function paidBurnJson({ burnTxid, outputIndex }: PaidBurn) {
  return { burn_txid: burnTxid, output_index: outputIndex };
}

function decisionJson({ txid, inputs, burns: paid, fee, feeRate }: PayoutDecision): Json {
  return {
    txid,
    inputs: inputs.map(outpointJson),
    burns: paid.map(paidBurnJson),
    fee: `${fee}`,
    fee_rate: feeRate,
  };
}
