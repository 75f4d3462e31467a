// What goes from the store of the treasury line: the blocks of steps that left the chain, and steps that are of no use any more.
// A node may forget a step that is not mined: to sign what follows it, it must be shown it again.
import { and, asc, desc, eq, gt, gte, isNotNull, isNull, lte, or, type SQL, sql } from 'drizzle-orm';
import { type Queries, transact } from './database.ts';
import type { StepLink } from './line-steps.ts';
import { lineSteps, treasuryRoots } from './schema.ts';

/** Takes the blocks above `height` from the steps that they held; returns these steps, the deepest first. */
export function takeBackStepsAbove(db: Queries, height: number): readonly string[] {
  return takeBack(db, gt(lineSteps.height, height));
}

/** Takes the blocks from what is mined on the line of a step as far from the root as the step, or farther. */
export function takeBackFrom(db: Queries, { rootTxid, rootVout, depth }: StepLink): readonly string[] {
  const isOnLine = and(eq(lineSteps.rootTxid, rootTxid), eq(lineSteps.rootVout, rootVout));
  return takeBack(db, and(isOnLine, isNotNull(lineSteps.height), gte(lineSteps.depth, depth)));
}

// Children before their parents: no step is out of the chain while its child is in it (trigger).
function takeBack(db: Queries, where: SQL | undefined): readonly string[] {
  return transact(db, (tx) => {
    const rows = tx.select({ txid: lineSteps.txid }).from(lineSteps).where(where).orderBy(desc(lineSteps.depth)).all();
    for (const { txid } of rows) {
      tx.update(lineSteps).set({ height: null, blockHash: null }).where(eq(lineSteps.txid, txid)).run();
    }
    return rows.map(({ txid }) => txid);
  });
}

/** Most unmined steps that one peer may have this node keep, and most of its own that nobody signed. */
export const UNMINED_PER_PEER_MAX = 32;

/**
 * Keeps at most `limit` unmined steps that one peer asked for; null: that this node itself planned, and that nobody has
 * signed. The oldest go first; those in the own mempool, those with children and the newest stay. Returns what went.
 */
export function boundUnmined(
  db: Queries,
  askedBy: number | null,
  limit: number,
  inMempool: ReadonlySet<string>,
): readonly string[] {
  return transact(db, (tx) => {
    const rows = tx
      .select({ txid: lineSteps.txid })
      .from(lineSteps)
      .where(and(isNull(lineSteps.height), isAskedBy(askedBy)))
      .orderBy(asc(lineSteps.createdAt), asc(sql`rowid`))
      .all();
    const gone: string[] = [];
    for (const { txid } of rows.slice(0, -1)) {
      if (rows.length - gone.length <= limit) break;
      if (inMempool.has(txid) || childTxids(tx, txid).length > 0) continue;
      tx.delete(lineSteps).where(eq(lineSteps.txid, txid)).run();
      gone.push(txid);
    }
    return gone;
  });
}

function isAskedBy(peer: number | null): SQL | undefined {
  if (peer !== null) return eq(lineSteps.askedBy, peer);
  return and(isNull(lineSteps.askedBy), isNull(lineSteps.signedTx), isNotNull(lineSteps.decidedAt));
}

/**
 * Forgets the unmined steps that the line has passed for good, and what follows them: a sibling is in a block up to
 * `deepHeight`, or their root is dead. Returns them.
 */
export function forgetPassed(db: Queries, deepHeight: number): readonly string[] {
  return transact(db, (tx) => {
    const passed = passedSteps(tx, deepHeight);
    // The list grows while it is walked: children come after their parents.
    for (const txid of passed) passed.push(...childTxids(tx, txid).filter((child) => !passed.includes(child)));
    const childrenFirst = [...passed].reverse();
    for (const txid of childrenFirst) tx.delete(lineSteps).where(eq(lineSteps.txid, txid)).run();
    return childrenFirst;
  });
}

function passedSteps(tx: Queries, deepHeight: number): string[] {
  const isOfDeadRoot = sql`exists ${tx
    .select({ one: sql`1` })
    .from(treasuryRoots)
    .where(
      and(
        eq(treasuryRoots.txid, lineSteps.rootTxid),
        eq(treasuryRoots.vout, lineSteps.rootVout),
        isNotNull(treasuryRoots.deadAt),
      ),
    )}`;
  const isBesideMined = sql`exists (select 1 from line_steps m
    where m.parent_txid is ${lineSteps.parentTxid} and m.root_txid = ${lineSteps.rootTxid}
      and m.root_vout = ${lineSteps.rootVout} and ${lte(sql`m.height`, deepHeight)})`;
  return tx
    .select({ txid: lineSteps.txid })
    .from(lineSteps)
    .where(and(isNull(lineSteps.height), or(isBesideMined, isOfDeadRoot)))
    .orderBy(asc(lineSteps.depth), asc(lineSteps.txid))
    .all()
    .map(({ txid }) => txid);
}

function childTxids(tx: Queries, txid: string): readonly string[] {
  const children = tx.select({ txid: lineSteps.txid }).from(lineSteps).where(eq(lineSteps.parentTxid, txid));
  return children.all().map((row) => row.txid);
}
