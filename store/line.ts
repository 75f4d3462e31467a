// The steps of the treasury line that this node holds: what it agreed to sign, and what it saw or was told. It signs nothing
// whose ancestors it does not hold, for of them it must know which burns are paid (the rule of the line). What it decides is on
// disk before its share leaves. migrations/0011_treasury_line.sql holds the tree as triggers. Test steps stand outside the line
// and are never stored.
import { eq, sql } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import type { LineKind } from '../crypto/line-json.ts';
import { appendAudit } from './audit-log.ts';
import { assertBatch, BATCH_ITEMS_MAX, type Outpoint, type Queries, transact } from './database.ts';
import { assertContent, isSameList } from './line-content.ts';
import { type HistoryPlace, lineHistory, payersAround } from './line-history.ts';
import { takeBackFrom } from './line-removal.ts';
import { getStep, type LineStep, type ListedBurn, linkOf, type StepContent } from './line-steps.ts';
import { given, prepared } from './prepared.ts';
import { lineBurns, lineInputs, lineSteps } from './schema.ts';
import { getRoot, type TreasuryRoot } from './treasury-roots.ts';

export * from './line-removal.ts';
export * from './line-steps.ts';

const insertBurn = prepared((db) => {
  const { txid, burnTxid, nullifier } = lineBurns;
  const name = { burnTxid: given(burnTxid, 'burnTxid'), nullifier: given(nullifier, 'nullifier') };
  const into = db.insert(lineBurns);
  return into.values({ txid: given(txid, 'txid'), ...name }).prepare();
});

/** A list that is known. */
export interface StepList {
  readonly kind: LineKind;
  /** Ascending by burn txid. */
  readonly burns: readonly ListedBurn[];
  /** Sats; null where it is not known. */
  readonly fee: bigint | null;
  readonly intent: Json | null;
}

/** A step that this node agrees to sign. Its meaning was validated before. */
export interface StepDecision extends StepContent {
  readonly kind: LineKind;
  readonly burns: readonly ListedBurn[];
  readonly fee: bigint;
  readonly intent: Json;
  /** The peer that asks; null: this node itself. */
  readonly askedBy: number | null;
}

/** A step that was seen in a block or a mempool, or that a peer told; form, commitment and signatures were verified. */
export interface StepSighting extends StepContent {
  readonly signedTx: string | null;
  readonly height: number | null;
  readonly blockHash: string | null;
  /** The peer that told it; null or absent: the chain. */
  readonly askedBy?: number | null;
}

/** Why a step is not taken into the line. */
export type StepRefusal =
  /** data {txid, vout}: no step that is held makes this output, and it is no root that is recorded and not dead. */
  | 'parent_unknown'
  /** data {burn_txid, txid}: that ancestor (or descendant, of a list that comes late) pays the burn. */
  | 'burn_already_paid'
  /** data {txid, vout, spent_by}: that ancestor spends the input. */
  | 'input_spent';

/** The verdict on a step; `repeated`: nothing was new. */
export type StepVerdict<Reason extends string = StepRefusal> =
  | { readonly ok: true; readonly repeated: boolean }
  | { readonly ok: false; readonly reason: Reason; readonly data: Json };

type Refused<Reason extends string = StepRefusal> = Extract<StepVerdict<Reason>, { ok: false }>;

/** A block of the best chain. */
export interface StepBlock {
  readonly height: number;
  readonly hash: string;
}

/**
 * Agrees to sign a step, or says why not; one commit, on disk when this returns. `repeated`: it was decided before. Throws where
 * the decision contradicts itself or what is recorded of the step.
 */
export function decideStep(db: Queries, decision: StepDecision, now: number): StepVerdict {
  assertContent(decision);
  return transact(db, (tx): StepVerdict => {
    const known = getStep(tx, decision.txid);
    if (known !== null && known.decidedAt !== null) return { ok: true, repeated: true };
    const refusal = known === null ? insertStep(tx, decision, now) : learnList(tx, known, decision);
    if (refusal !== null) return refusal;
    const askedBy = known?.askedBy ?? decision.askedBy;
    tx.update(lineSteps).set({ decidedAt: now, askedBy }).where(isStep(decision.txid)).run();
    appendAudit(tx, now, 'line_decided', decisionJson(decision));
    return { ok: true, repeated: false };
  });
}

/**
 * Keeps a step that this node did not decide, or what is new of it: the signed transaction, the list, the block. One commit.
 * `parent_not_mined`: it cannot be in this block, as its parent is in none up to there. Decides nothing.
 */
export function recordStep(
  db: Queries,
  sighting: StepSighting,
  now: number,
): StepVerdict<StepRefusal | 'parent_not_mined'> {
  assertContent(sighting);
  const { txid, parentTxid, signedTx, height, blockHash, askedBy } = sighting;
  if ((height === null) !== (blockHash === null)) throw new Error('a block has a height and a hash');
  return transact(db, (tx): StepVerdict<StepRefusal | 'parent_not_mined'> => {
    const block = height === null || blockHash === null ? null : { height, hash: blockHash };
    const known = getStep(tx, txid);
    const refusal =
      known === null
        ? (refuseBlock(tx, parentTxid, block) ?? insertStep(tx, sighting, now))
        : (refuseBlock(tx, parentTxid, block) ?? learnList(tx, known, sighting));
    if (refusal !== null) return refusal;
    if (known === null && askedBy !== undefined) tx.update(lineSteps).set({ askedBy }).where(isStep(txid)).run();
    const isSignedAnew = signedTx !== null && keepSigned(tx, txid, signedTx, now);
    const isMinedAnew = block !== null && keepMined(tx, txid, block, now);
    const isListedAnew = known?.kind === null && sighting.kind !== null;
    return { ok: true, repeated: known !== null && !isSignedAnew && !isMinedAnew && !isListedAnew };
  });
}

/** Keeps the complete transaction, hex with witnesses, whose signatures were verified. The first one stays. */
export function recordStepSigned(
  db: Queries,
  txid: string,
  signedTx: string,
  now: number,
): StepVerdict<'step_unknown'> {
  return transact(db, (tx): StepVerdict<'step_unknown'> => {
    if (linkOf(tx, txid) === null) return refused('step_unknown', { txid });
    return { ok: true, repeated: !keepSigned(tx, txid, signedTx, now) };
  });
}

/**
 * The step is in a block of the best chain. Another child of its parent that was mined before, and whatever follows it,
 * cannot be in the same chain: they are taken back.
 */
export function recordStepMined(
  db: Queries,
  txid: string,
  block: StepBlock,
  now: number,
): StepVerdict<'step_unknown' | 'parent_not_mined'> {
  return transact(db, (tx): StepVerdict<'step_unknown' | 'parent_not_mined'> => {
    const link = linkOf(tx, txid);
    if (link === null) return refused('step_unknown', { txid });
    const refusal = refuseBlock(tx, link.parentTxid, block);
    return refusal ?? { ok: true, repeated: !keepMined(tx, txid, block, now) };
  });
}

/** Keeps a list that has become known; the caller has verified it against the commitment. Another list throws. */
export function recordStepList(
  db: Queries,
  txid: string,
  list: StepList,
  now: number,
): StepVerdict<'step_unknown' | 'burn_already_paid'> {
  assertBatch(list.burns);
  return transact(db, (tx): StepVerdict<'step_unknown' | 'burn_already_paid'> => {
    const known = getStep(tx, txid);
    if (known === null) return refused('step_unknown', { txid });
    const refusal = learnList(tx, known, list);
    if (refusal !== null) return refusal;
    if (known.kind !== null) return { ok: true, repeated: true };
    appendAudit(tx, now, 'line_listed', { txid, kind: list.kind, burns: list.burns.length });
    return { ok: true, repeated: false };
  });
}

function insertStep(tx: Queries, content: StepContent, now: number): Refused | null {
  const { txid, parentTxid, inputs, burns } = content;
  const parent = parentOf(tx, content);
  if (parent === null) return refused('parent_unknown', outpointJson(inputs[0]));
  const history = lineHistory(tx, parent.root);
  const [payer] = history.payersOf(parent.place, burns ?? []);
  if (payer !== undefined) return refused('burn_already_paid', payerJson(payer));
  const [spender] = history.spendersOf(parent.place, inputs);
  if (spender !== undefined) return refused('input_spent', { ...outpointJson(spender.spent), spent_by: spender.txid });
  // The step's row comes last: it is what the triggers validate, and it seals the inputs and burns written before.
  tx.run(sql`PRAGMA defer_foreign_keys = ON`);
  for (const [inputIndex, input] of inputs.entries()) {
    tx.insert(lineInputs).values({ txid, inputIndex, prevTxid: input.txid, prevVout: input.vout }).run();
  }
  insertBurns(tx, txid, burns ?? []);
  const { keyId, unsignedTx, treasuryAmount, surplus, vsize, kind, fee, intent } = content;
  const { root, place } = parent;
  tx.insert(lineSteps)
    .values({
      ...{ txid, parentTxid, rootTxid: root.txid, rootVout: root.vout, depth: place.depth + 1, keyId, unsignedTx },
      ...{ treasuryAmount, surplus, vsize, kind, fee, intent, createdAt: now },
    })
    .run();
  return null;
}

// The treasury output that a step spends, or null where this node does not hold what makes it.
function parentOf(
  tx: Queries,
  { parentTxid, inputs, keyId }: StepContent,
): { readonly root: TreasuryRoot; readonly place: HistoryPlace } | null {
  const [first] = inputs;
  const parent = parentTxid === null ? null : linkOf(tx, parentTxid);
  if (first === undefined || (parentTxid !== null && parent === null)) return null;
  const root = getRoot(tx, parent === null ? first : { txid: parent.rootTxid, vout: parent.rootVout });
  if (root === null || root.deadAt !== null || (parent === null && root.keyId !== keyId)) return null;
  const place = lineHistory(tx, root).place(first);
  return place === null ? null : { root, place };
}

// What is new of a list: the whole of it, or the fee and the meaning of one that is known. Says whom else it pays twice.
function learnList(
  tx: Queries,
  known: LineStep,
  list: Pick<StepContent, 'kind' | 'burns' | 'fee' | 'intent'>,
): Refused<'burn_already_paid'> | null {
  const { kind, burns, fee, intent } = list;
  if (kind === null || burns === null) return null;
  const { txid } = known;
  if (known.burns === null) {
    const root = getRoot(tx, known.root);
    if (root === null) throw new Error(`the root of step ${txid} is not recorded`);
    const [payer] = payersAround(tx, root, known, burns);
    if (payer !== undefined) return refused('burn_already_paid', payerJson(payer));
    insertBurns(tx, txid, burns);
  } else if (known.kind !== kind || !isSameList(known.burns, burns)) {
    throw new Error(`two lists of burns of step ${txid} that both fit its commitment`);
  }
  tx.update(lineSteps)
    .set({ kind, fee: known.fee ?? fee, intent: known.intent ?? intent })
    .where(isStep(txid))
    .run();
  return null;
}

function insertBurns(tx: Queries, txid: string, burns: readonly ListedBurn[]): void {
  for (const { burnTxid, nullifier } of burns) insertBurn(tx).run({ txid, burnTxid, nullifier });
}

function keepSigned(tx: Queries, txid: string, signedTx: string, now: number): boolean {
  if (getStep(tx, txid)?.signedTx !== null) return false;
  tx.update(lineSteps).set({ signedTx, signedAt: now }).where(isStep(txid)).run();
  appendAudit(tx, now, 'line_signed', { txid });
  return true;
}

function refuseBlock(
  tx: Queries,
  parentTxid: string | null,
  block: StepBlock | null,
): Refused<'parent_not_mined'> | null {
  const parent = block === null || parentTxid === null ? null : linkOf(tx, parentTxid);
  if (block === null || parent === null) return null;
  const isAbove = parent.height !== null && parent.height <= block.height;
  return isAbove ? null : refused('parent_not_mined', { txid: parent.txid });
}

// What is mined as deep as this step, or deeper, cannot be in a chain with it.
function keepMined(tx: Queries, txid: string, { height, hash }: StepBlock, now: number): boolean {
  const link = linkOf(tx, txid);
  if (link === null || (link.height === height && link.blockHash === hash)) return false;
  const gone = takeBackFrom(tx, link);
  if (gone.length > 0) appendAudit(tx, now, 'line_taken_back', { txids: gone.slice(0, BATCH_ITEMS_MAX), by: txid });
  tx.update(lineSteps).set({ height, blockHash: hash }).where(isStep(txid)).run();
  appendAudit(tx, now, 'line_mined', { txid, height, block_hash: hash });
  return true;
}

function isStep(txid: string) {
  return eq(lineSteps.txid, txid);
}

function refused<Reason extends string>(reason: Reason, data: Json): Refused<Reason> {
  return { ok: false, reason, data };
}

function outpointJson(outpoint: Outpoint | undefined) {
  return { txid: outpoint?.txid ?? '', vout: outpoint?.vout ?? 0 };
}

function payerJson({ burnTxid, txid }: { readonly burnTxid: string; readonly txid: string }) {
  return { burn_txid: burnTxid, txid };
}

// The txid commits to all of it. A list of a thousand burns in each row, which stays for ever, would let a peer that asks again
// and again fill the disk.
function decisionJson(decision: StepDecision): Json {
  const { txid, parentTxid, kind, inputs, burns, fee, surplus, askedBy } = decision;
  return {
    ...{ txid, parent: parentTxid, kind, asked_by: askedBy, fee: `${fee}`, surplus: `${surplus}` },
    ...{ inputs: inputs.length, burns: burns.length },
  };
}
