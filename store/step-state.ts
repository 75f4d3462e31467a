// Where each step of the line stands, for everything that lists or counts steps. A row has no status of its own: what is set in
// it, and the steps beside it, say where it stands.
import { and, desc, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import type { Queries } from './database.ts';
import { linkOf, type StepLink } from './line-steps.ts';
import { given, prepared, preparedCount } from './prepared.ts';
import { lineSteps } from './schema.ts';

/**
 * `decided`: this node agreed to sign it. `signed`: it waits for a block. `replaced`: another signed step that pays more to
 * the miners waits in its place, or in that of an ancestor. `passed`: another is mined there. `settled`: mined deep enough.
 */
export const STEP_STATES = ['decided', 'signed', 'replaced', 'passed', 'mined', 'settled'] as const;
export type StepState = (typeof STEP_STATES)[number];

/** Where a step stands. `by`: the step that took its place, or that of an ancestor, where it is `replaced` or `passed`. */
export interface StepPlace {
  readonly state: StepState;
  readonly by: string | null;
}

type Kept = Pick<StepLink, 'txid' | 'height'> & { readonly signedTx: string | null };

const { txid, rootTxid, rootVout, parentTxid, height, signedTx, fee, createdAt } = lineSteps;
const isBeside = and(
  sql`${parentTxid} is ${given(parentTxid, 'parentTxid')}`,
  eq(rootTxid, given(rootTxid, 'rootTxid')),
  eq(rootVout, given(rootVout, 'rootVout')),
);
const minedBeside = prepared((db) =>
  db
    .select({ txid })
    .from(lineSteps)
    .where(and(isBeside, isNotNull(height)))
    .prepare(),
);
// Mempools keep the one that pays the most (BIP 125, rule 3).
const signedBeside = prepared((db) =>
  db
    .select({ txid })
    .from(lineSteps)
    .where(and(isBeside, isNull(height), isNotNull(signedTx)))
    .orderBy(desc(fee), desc(createdAt))
    .limit(1)
    .prepare(),
);
const unmined = prepared((db) => db.select({ txid, height, signedTx }).from(lineSteps).where(isNull(height)).prepare());
const countSettled = preparedCount(lineSteps, () => sql`${height} <= ${sql.placeholder('settledHeight')}`);
const countMined = preparedCount(lineSteps, () => isNotNull(height));

/** Where a step stands; steps in blocks up to `settledHeight` are settled. */
export function stepPlace(db: Queries, step: Kept, settledHeight: number): StepPlace {
  if (step.height !== null) return { state: step.height <= settledHeight ? 'settled' : 'mined', by: null };
  const past = minedInstead(db, step.txid);
  if (past !== null) return { state: 'passed', by: past };
  const over = signedInstead(db, step.txid);
  if (over !== null) return { state: 'replaced', by: over };
  return { state: step.signedTx === null ? 'decided' : 'signed', by: null };
}

/** How many steps stand where: together as many as are held. */
export function stepCounts(db: Queries, settledHeight: number): Readonly<Record<StepState, number>> {
  const counts = { decided: 0, signed: 0, replaced: 0, passed: 0, mined: 0, settled: 0 };
  for (const step of unmined(db).all()) counts[stepPlace(db, step, settledHeight).state] += 1;
  const settled = countSettled(db, { settledHeight });
  return { ...counts, settled, mined: countMined(db) - settled };
}

/**
 * From a step that is not mined towards the root: the mined child that the first mined ancestor (or the root) has instead.
 * Then the line has passed the step. Null where there is none.
 */
export function minedInstead(db: Queries, stepTxid: string): string | null {
  for (const { parentTxid, rootTxid, rootVout } of unminedUpwards(db, stepTxid)) {
    const mined = minedBeside(db).get({ parentTxid, rootTxid, rootVout });
    if (mined !== undefined) return mined.txid;
  }
  return null;
}

// One that this node only agreed to sign may still be signed, and take the place of what waits.
function signedInstead(db: Queries, stepTxid: string): string | null {
  for (const { txid, parentTxid, rootTxid, rootVout, isSigned } of unminedUpwards(db, stepTxid)) {
    const best = isSigned ? signedBeside(db).get({ parentTxid, rootTxid, rootVout }) : undefined;
    if (best !== undefined && best.txid !== txid) return best.txid;
  }
  return null;
}

const isSignedRow = prepared((db) =>
  db
    .select({ signedTx })
    .from(lineSteps)
    .where(eq(txid, given(txid, 'txid')))
    .prepare(),
);

function* unminedUpwards(db: Queries, stepTxid: string): Generator<StepLink & { readonly isSigned: boolean }> {
  let step = linkOf(db, stepTxid);
  while (step !== null && step.height === null) {
    yield { ...step, isSigned: (isSignedRow(db).get({ txid: step.txid })?.signedTx ?? null) !== null };
    step = step.parentTxid === null ? null : linkOf(db, step.parentTxid);
  }
}
