// Payout decisions (Never 2): every transaction that this node agrees to sign for a burn spends that burn's anchor,
// so no two of them can both be mined. The anchor is the first input of the first transaction decided for the burn.
// Besides, no live transaction spends an anchor without paying its burn: mined, it would leave the burn unpayable.
// migrations/0001_never_list.sql holds the same rules as triggers. Test transactions are never stored here.
import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import { fromHex, sha256, toHex } from '../crypto/bytes.ts';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from './audit-log.ts';
import { asBurn, type Burn } from './burns.ts';
import { assertBatch, type Outpoint, type Queries, transact } from './database.ts';
import { foreignPaymentOf } from './foreign-payments.ts';
import { isContested } from './node-state.ts';
import { getPayout, listPayoutsOfBurn, type Payout } from './payout-listing.ts';
import { burns, payoutTransactionBurns, payoutTransactionInputs, payoutTransactions } from './schema.ts';

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
   * data {input: {txid, vout}, burns: [burn_txid]}: earlier transactions have this input. A transaction that spends it
   * must pay at least these burns, and cannot make it the anchor of another: put a fresh input first for new burns.
   */
  | 'input_reserved'
  /** data {burn_txid}: brought back from an older state, this node cannot tell which payout of the burn it has signed. */
  | 'state_regressed'
  /** data {txid, vout, spent_by}: that settled transaction spends the input, so this one can never be mined. */
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
    const refusal = refuse(tx, decision);
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

function refuse(tx: Queries, decision: PayoutDecision): Refused | null {
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
  return refuseSpent(tx, decision) ?? (known === null ? refuseInputs(tx, decision) : null);
}

function refuseContested(tx: Queries, burnTxid: string, decision: PayoutDecision): Refused | null {
  if (decision.mined === true || !isContested(tx, burnTxid)) return null;
  return refused('state_regressed', { burn_txid: burnTxid });
}

function refuseBurn(tx: Queries, burnTxid: string, { txid, inputs }: PayoutDecision): Refused | null {
  const burn = asBurn(tx.select().from(burns).where(eq(burns.burnTxid, burnTxid)).get());
  if (burn === null) return refused('burn_unknown', { burn_txid: burnTxid });
  const paid = listPayoutsOfBurn(tx, burnTxid).find(({ status }) => status === 'confirmed' || status === 'settled');
  if (paid !== undefined) return refused('burn_already_paid', { burn_txid: burnTxid, txid: paid.txid });
  const foreign = foreignPaymentOf(tx, burnTxid);
  if (foreign !== null && foreign.txid !== txid) {
    return refused('burn_already_paid', { burn_txid: burnTxid, txid: foreign.txid });
  }
  const { anchor } = burn;
  if (anchor !== null && !inputs.some((input) => sameOutpoint(input, anchor))) {
    return refused('burn_conflict', { burn_txid: burnTxid, anchor: outpointJson(anchor) });
  }
  return null;
}

function refuseSpent(tx: Queries, decision: PayoutDecision): Refused | null {
  for (const input of decision.inputs) {
    const spender = spendersOf(tx, input).find(({ status }) => status === 'settled');
    if (spender === undefined || spender.txid === decision.txid) continue;
    return refused('input_spent', { ...outpointJson(input), spent_by: spender.txid });
  }
  return null;
}

function refuseInputs(tx: Queries, decision: PayoutDecision): Refused | null {
  const paid = new Set(decision.burns.map(({ burnTxid }) => burnTxid));
  for (const input of decision.inputs) {
    const anchored = anchoredAt(tx, input);
    if (anchored.some(({ burnTxid }) => !paid.has(burnTxid))) return inputReserved(input, burnIds(anchored));
  }
  const [first] = decision.inputs;
  if (first === undefined || unanchored(tx, [...paid]).length === 0) return null;
  const earlier = spendersOf(tx, first).filter(({ status }) => status !== 'replaced');
  return earlier.length === 0
    ? null
    : inputReserved(
        first,
        earlier.flatMap((payout) => burnIds(payout.burns)),
      );
}

function inputReserved(input: Outpoint, burnTxids: readonly string[]): Refused {
  return refused('input_reserved', { input: outpointJson(input), burns: [...new Set(burnTxids)].sort() });
}

function anchoredAt(tx: Queries, { txid, vout }: Outpoint): readonly Burn[] {
  const rows = tx
    .select()
    .from(burns)
    .where(and(eq(burns.anchorTxid, txid), eq(burns.anchorVout, vout)))
    .all();
  return rows.flatMap((row) => asBurn(row) ?? []);
}

function unanchored(tx: Queries, burnTxids: readonly string[]): readonly string[] {
  const rows = tx
    .select({ burnTxid: burns.burnTxid })
    .from(burns)
    .where(and(inArray(burns.burnTxid, [...burnTxids]), isNull(burns.anchorTxid)))
    .all();
  return burnIds(rows);
}

function spendersOf(tx: Queries, { txid, vout }: Outpoint): readonly Payout[] {
  const rows = tx
    .select({ txid: payoutTransactionInputs.txid })
    .from(payoutTransactionInputs)
    .where(and(eq(payoutTransactionInputs.prevTxid, txid), eq(payoutTransactionInputs.prevVout, vout)))
    .all();
  return rows.flatMap((row) => getPayout(tx, row.txid) ?? []);
}

// The transaction's row comes last: it is what the triggers judge, and it seals the inputs and burns written before.
function insertPayout(tx: Queries, decision: PayoutDecision, now: number): void {
  const { txid, unsignedTx, inputs, fee, feeRate, change } = decision;
  const [first] = inputs;
  if (first === undefined) throw new Error('a transaction has an input');
  tx.run(sql`PRAGMA defer_foreign_keys = ON`);
  for (const [inputIndex, input] of inputs.entries()) {
    tx.insert(payoutTransactionInputs).values({ txid, inputIndex, prevTxid: input.txid, prevVout: input.vout }).run();
  }
  for (const { burnTxid, outputIndex } of decision.burns) {
    tx.insert(payoutTransactionBurns).values({ txid, burnTxid, outputIndex }).run();
    tx.update(burns)
      .set({ anchorTxid: first.txid, anchorVout: first.vout })
      .where(and(eq(burns.burnTxid, burnTxid), isNull(burns.anchorTxid)))
      .run();
  }
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
