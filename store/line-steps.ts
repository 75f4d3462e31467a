// The steps of the treasury line that this node holds, as they are read. line.ts writes them.
import { and, asc, desc, eq, exists, isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import type { LineKind } from '../crypto/line-json.ts';
import { countRows, type Listing, type Outpoint, type Page, pageBounds, type Queries } from './database.ts';
import { given, givenPage, prepared } from './prepared.ts';
import { burns, lineBurns, lineInputs, lineSteps, treasuryRoots } from './schema.ts';

/** What names a burn in a list; both 64 lowercase hex characters. */
export interface ListedBurn {
  readonly burnTxid: string;
  readonly nullifier: string;
}

/** What a step is. It never changes, but that a list which is not known becomes known. Amounts in sats. */
export interface StepContent {
  readonly txid: string;
  /** The step whose output 0 this one spends; null: it spends the root. */
  readonly parentTxid: string | null;
  /** The key of input 0. */
  readonly keyId: string;
  /** The transaction without witnesses, lowercase hex: its double SHA-256 is the txid. */
  readonly unsignedTx: string;
  /** All inputs in their order. */
  readonly inputs: readonly Outpoint[];
  /** What output 0 holds. */
  readonly treasuryAmount: bigint;
  /** The surplus after this step. */
  readonly surplus: bigint;
  /** Virtual bytes, once signed. */
  readonly vsize: number;
  /** null together with `burns`: the list is not known here. */
  readonly kind: LineKind | null;
  /** Ascending by burn txid. */
  readonly burns: readonly ListedBurn[] | null;
  /** The miner fee, or null where it is not known. */
  readonly fee: bigint | null;
  /** The meaning as JSON, or null where it is not known. */
  readonly intent: Json | null;
}

/** A stored step; times in ms since 1970. */
export interface LineStep extends StepContent {
  /** The root with which its line begins. */
  readonly root: Outpoint;
  /** How many steps from the root: 1 for what spends it. */
  readonly depth: number;
  /** With witnesses, lowercase hex; null while this node has not seen all signatures. */
  readonly signedTx: string | null;
  readonly signedAt: number | null;
  /** The block that holds it, or null. */
  readonly height: number | null;
  readonly blockHash: string | null;
  /** The peer that asked for it or told it; null: this node itself, or the chain. */
  readonly askedBy: number | null;
  /** When this node agreed to sign it, or null. */
  readonly decidedAt: number | null;
  readonly createdAt: number;
}

/** The place of a step in the tree. */
export interface StepLink {
  readonly txid: string;
  readonly rootTxid: string;
  readonly rootVout: number;
  readonly parentTxid: string | null;
  readonly depth: number;
  readonly height: number | null;
  readonly blockHash: string | null;
}

const { txid, rootTxid, rootVout, parentTxid, depth, height, blockHash } = lineSteps;
const link = { txid, rootTxid, rootVout, parentTxid, depth, height, blockHash };
const linkOfTxid = prepared((db) =>
  db
    .select(link)
    .from(lineSteps)
    .where(eq(lineSteps.txid, given(lineSteps.txid, 'txid')))
    .prepare(),
);
const ofTxid = prepared((db) =>
  db
    .select()
    .from(lineSteps)
    .where(eq(lineSteps.txid, given(lineSteps.txid, 'txid')))
    .prepare(),
);
const inputsOf = prepared((db) =>
  db
    .select({ txid: lineInputs.prevTxid, vout: lineInputs.prevVout })
    .from(lineInputs)
    .where(eq(lineInputs.txid, given(lineInputs.txid, 'txid')))
    .orderBy(asc(lineInputs.inputIndex))
    .prepare(),
);
const burnsOf = prepared((db) =>
  db
    .select({ burnTxid: lineBurns.burnTxid, nullifier: lineBurns.nullifier })
    .from(lineBurns)
    .where(eq(lineBurns.txid, given(lineBurns.txid, 'txid')))
    .orderBy(asc(lineBurns.burnTxid))
    .prepare(),
);
const ofParent = prepared((db) =>
  db
    .select()
    .from(lineSteps)
    .where(eq(lineSteps.parentTxid, given(lineSteps.txid, 'parentTxid')))
    .orderBy(asc(lineSteps.createdAt), asc(lineSteps.txid))
    .prepare(),
);
const isOnLivingRoot = (db: Queries): SQL => {
  const { txid, vout, deadAt } = treasuryRoots;
  const root = db
    .select({ one: sql`1` })
    .from(treasuryRoots)
    .where(and(eq(txid, lineSteps.rootTxid), eq(vout, lineSteps.rootVout), isNull(deadAt)));
  return exists(root);
};
const ofRoots = prepared((db) =>
  db
    .select()
    .from(lineSteps)
    .where(and(isNull(lineSteps.parentTxid), isOnLivingRoot(db)))
    .orderBy(asc(lineSteps.createdAt), asc(lineSteps.txid))
    .prepare(),
);
const deepestMined = prepared((db) =>
  db.select().from(lineSteps).where(isNotNull(lineSteps.height)).orderBy(desc(lineSteps.depth)).limit(1).prepare(),
);
const withoutList = prepared((db) =>
  db
    .select()
    .from(lineSteps)
    .where(isNull(lineSteps.kind))
    .orderBy(asc(lineSteps.depth), asc(lineSteps.txid))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare(),
);
const withoutMeaning = prepared((db) =>
  db
    .select()
    .from(lineSteps)
    .where(and(isNotNull(lineSteps.kind), isNull(lineSteps.intent)))
    .orderBy(desc(lineSteps.depth), asc(lineSteps.txid))
    .limit(givenPage.limit)
    .prepare(),
);
const newestFirst = prepared((db) =>
  db
    .select()
    .from(lineSteps)
    .orderBy(desc(lineSteps.depth), desc(lineSteps.createdAt), asc(lineSteps.txid))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare(),
);

/** A step, or null. */
export function getStep(db: Queries, txid: string): LineStep | null {
  const row = ofTxid(db).get({ txid });
  return row === undefined ? null : withParts(db, row);
}

/** Where a step stands in the tree, or null where it is not held. */
export function linkOf(db: Queries, txid: string): StepLink | null {
  return linkOfTxid(db).get({ txid }) ?? null;
}

/** The steps that spend output 0 of a step, or (null) a root that is not dead; oldest first. */
export function childrenOf(db: Queries, parentTxid: string | null): readonly LineStep[] {
  const rows = parentTxid === null ? ofRoots(db).all() : ofParent(db).all({ parentTxid });
  return rows.map((row) => withParts(db, row));
}

/** The deepest step that is mined, or null where none is. */
export function minedTip(db: Queries): LineStep | null {
  const row = deepestMined(db).get();
  return row === undefined ? null : withParts(db, row);
}

/**
 * Signed steps that can still be mined: not mined, and what they spend is the tip, or output 0 of another such step. The
 * nearest to the tip first.
 */
export function waitingSteps(db: Queries): readonly LineStep[] {
  const isWaiting = ({ signedTx, height }: LineStep) => signedTx !== null && height === null;
  const found = childrenOf(db, minedTip(db)?.txid ?? null).filter(isWaiting);
  // The list grows while it is walked: children come after their parents.
  for (const step of found) found.push(...childrenOf(db, step.txid).filter(isWaiting));
  return found;
}

/** Steps whose list of burns is not known here, the nearest to the root first: so many, after the first `offset`. */
export function unlistedSteps(db: Queries, limit: number, offset = 0): readonly LineStep[] {
  return withoutList(db)
    .all(pageBounds({ limit, offset }))
    .map((row) => withParts(db, row));
}

/** Steps whose list is known and whose full meaning is not, the farthest from the root first. */
export function unexplainedSteps(db: Queries, limit: number): readonly LineStep[] {
  return withoutMeaning(db)
    .all({ limit: pageBounds({ limit }).limit })
    .map((row) => withParts(db, row));
}

/** Every step that is held, the farthest from the root first, then the newest. */
export function listLine(db: Queries, page: Page = {}): Listing<LineStep> {
  const rows = newestFirst(db).all(pageBounds(page));
  return { rows: rows.map((row) => withParts(db, row)), total: countRows(db, lineSteps) };
}

/** What the settled part of the line comes to; sats. */
export interface LineFigures {
  readonly steps: number;
  readonly burns: number;
  /** The fees of the burns that were paid, as far as this node's Wire nodes know these burns. */
  readonly collectedFees: bigint;
  /** The miner fees, as far as they are known. */
  readonly minerFees: bigint;
  /** Steps whose list of burns or fee is not known here: what they collected and cost is missing above. */
  readonly unknown: number;
}

/** The figures of the steps in blocks up to `settledHeight`. */
export function lineFigures(db: Queries, settledHeight: number): LineFigures {
  const isSettled = sql`${lineSteps.height} <= ${settledHeight}`;
  const steps = db
    .select({
      steps: sql<bigint>`count(*)`,
      minerFees: sql<bigint>`coalesce(sum(${lineSteps.fee}), 0)`,
      unknown: sql<bigint>`coalesce(sum(${lineSteps.kind} is null or ${lineSteps.fee} is null), 0)`,
    })
    .from(lineSteps)
    .where(isSettled)
    .get();
  const paid = db
    .select({ burns: sql<bigint>`count(*)`, fees: sql<bigint>`coalesce(sum(${burns.fee}), 0)` })
    .from(lineSteps)
    .innerJoin(lineBurns, eq(lineBurns.txid, lineSteps.txid))
    .leftJoin(burns, eq(burns.burnTxid, lineBurns.burnTxid))
    .where(isSettled)
    .get();
  return {
    steps: Number(steps?.steps ?? 0n),
    burns: Number(paid?.burns ?? 0n),
    collectedFees: paid?.fees ?? 0n,
    minerFees: steps?.minerFees ?? 0n,
    unknown: Number(steps?.unknown ?? 0n),
  };
}

function withParts(db: Queries, row: typeof lineSteps.$inferSelect): LineStep {
  const { rootTxid, rootVout, ...step } = row;
  const { txid, kind } = row;
  return {
    ...step,
    root: { txid: rootTxid, vout: rootVout },
    inputs: inputsOf(db).all({ txid }),
    burns: kind === null ? null : burnsOf(db).all({ txid }),
  };
}
