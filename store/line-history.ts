// What the rule of the line asks about a step's ancestors, answered from the store. Burns and outpoints are looked up by index,
// and only for what is found is it asked whether it is an ancestor. The mined steps are one path from the root (triggers), so
// a mined step is an ancestor of whatever stands below it on that path; from a step that is not mined the way up to the first
// mined one is walked, which is short.
import { asc, eq, isNull, sql } from 'drizzle-orm';
import { TREASURY_SATS_MIN } from '../crypto/line-json.ts';
import type { Outpoint, Queries } from './database.ts';
import { type BytesOutput, readUnsigned } from './line-bytes.ts';
import { type ListedBurn, linkOf } from './line-steps.ts';
import { given, prepared } from './prepared.ts';
import { lineBurns, lineInputs, lineSteps } from './schema.ts';

/** A root, as far as its line depends on it; `amount` in sats. */
export interface RootOutput extends Outpoint {
  readonly amount: bigint;
}

/** A treasury output that a step may spend; `depth` 0 is the root. Amounts in sats. */
export interface HistoryPlace extends Outpoint {
  readonly amount: bigint;
  readonly depth: number;
  readonly surplus: bigint;
}

/** The ancestry of every place of one line. */
export interface StoredHistory<Root extends RootOutput> {
  readonly root: Root;
  /** The treasury output at this outpoint, or null where no step that is held makes it. */
  place(outpoint: Outpoint): HistoryPlace | null;
  /** The steps from this place back to the root (its own among them) that list one of these burns by txid or nullifier. */
  payersOf(
    place: HistoryPlace,
    burns: readonly ListedBurn[],
  ): readonly { readonly txid: string; readonly burnTxid: string }[];
  /** The steps from this place back to the root whose list of burns is not known. */
  unlisted(place: HistoryPlace): readonly { readonly txid: string; readonly outputs: readonly BytesOutput[] }[];
  /** The steps from this place back to the root that spend one of these outpoints. */
  spendersOf(
    place: HistoryPlace,
    outpoints: readonly Outpoint[],
  ): readonly { readonly txid: string; readonly spent: Outpoint }[];
}

/** A step that was found by index: an ancestor or not. */
interface Found {
  readonly txid: string;
  readonly rootTxid: string;
  readonly rootVout: number;
  readonly depth: number;
  readonly height: number | null;
}

const { txid, rootTxid, rootVout, depth, height, unsignedTx, treasuryAmount: amount, surplus } = lineSteps;
const found = { txid, rootTxid, rootVout, depth, height };
// Values that are asked for, as a table of one column: their number does not change the text of the question.
const asked = sql`json_each(${sql.placeholder('asked')}) as asked`;

const placeOfStep = prepared((db) =>
  db
    .select({ rootTxid, rootVout, amount, depth, surplus })
    .from(lineSteps)
    .where(eq(txid, given(txid, 'txid')))
    .prepare(),
);
const listingBurns = prepared((db) =>
  db
    .select({ ...found, named: lineBurns.burnTxid })
    .from(asked)
    .innerJoin(lineBurns, sql`${lineBurns.burnTxid} = asked.value`)
    .innerJoin(lineSteps, eq(txid, lineBurns.txid))
    .prepare(),
);
const listingNullifiers = prepared((db) =>
  db
    .select({ ...found, named: lineBurns.nullifier })
    .from(asked)
    .innerJoin(lineBurns, sql`${lineBurns.nullifier} = asked.value`)
    .innerJoin(lineSteps, eq(txid, lineBurns.txid))
    .prepare(),
);
const spending = prepared((db) =>
  db
    .select({ ...found, prevTxid: lineInputs.prevTxid, prevVout: lineInputs.prevVout })
    .from(asked)
    .innerJoin(
      lineInputs,
      sql`${lineInputs.prevTxid} = asked.value->>'$.txid' and ${lineInputs.prevVout} = asked.value->>'$.vout'`,
    )
    .innerJoin(lineSteps, eq(txid, lineInputs.txid))
    .prepare(),
);
const withoutList = prepared((db) =>
  db
    .select({ ...found, unsignedTx })
    .from(lineSteps)
    .where(isNull(lineSteps.kind))
    .orderBy(asc(depth), asc(txid))
    .prepare(),
);

/** The history of the line that begins with `root`, as the store has it at each question. */
export function lineHistory<Root extends RootOutput>(db: Queries, root: Root): StoredHistory<Root> {
  return {
    root,
    place: (outpoint) => placeOf(db, root, outpoint),
    payersOf(place, burns) {
      const isAncestor = lineage(db, root, place);
      return payersAmong(db, burns, isAncestor);
    },
    unlisted(place) {
      const isAncestor = lineage(db, root, place);
      return withoutList(db)
        .all()
        .filter(isAncestor)
        .map((step) => ({ txid: step.txid, outputs: readUnsigned(step.unsignedTx).outputs }));
    },
    spendersOf(place, outpoints) {
      const isAncestor = lineage(db, root, place);
      return spending(db)
        .all({ asked: JSON.stringify(outpoints.map((outpoint) => ({ txid: outpoint.txid, vout: outpoint.vout }))) })
        .filter(isAncestor)
        .map((step) => ({ txid: step.txid, spent: { txid: step.prevTxid, vout: step.prevVout } }));
    },
  };
}

/** The ancestors and descendants of a step that list one of these burns by txid or nullifier. */
export function payersAround(
  db: Queries,
  root: RootOutput,
  step: { readonly txid: string; readonly depth: number },
  burns: readonly ListedBurn[],
): readonly { readonly txid: string; readonly burnTxid: string }[] {
  const own = linkOf(db, step.txid);
  if (own === null) return [];
  const isAncestor = lineage(db, root, own);
  const isDescendant = (other: Found) => other.depth > own.depth && lineage(db, root, other)(own);
  return payersAmong(db, burns, (other) => isAncestor(other) || isDescendant(other));
}

function payersAmong(db: Queries, burns: readonly ListedBurn[], isMeant: (step: Found) => boolean) {
  const named = new Map(
    burns.flatMap((burn) => [[burn.burnTxid, burn.burnTxid] as const, [burn.nullifier, burn.burnTxid] as const]),
  );
  const listing = [
    ...listingBurns(db).all({ asked: JSON.stringify(burns.map(({ burnTxid }) => burnTxid)) }),
    ...listingNullifiers(db).all({ asked: JSON.stringify(burns.map(({ nullifier }) => nullifier)) }),
  ];
  const payers = listing
    .filter(isMeant)
    .map((step) => ({ txid: step.txid, burnTxid: named.get(step.named) ?? step.named }));
  // Most are found twice, by txid and by nullifier.
  return [...new Map(payers.map((payer) => [`${payer.txid}:${payer.burnTxid}`, payer])).values()];
}

function placeOf(db: Queries, root: RootOutput, outpoint: Outpoint): HistoryPlace | null {
  const own = { txid: outpoint.txid, vout: outpoint.vout };
  if (own.txid === root.txid && own.vout === root.vout) {
    return { ...own, amount: root.amount, depth: 0, surplus: root.amount - TREASURY_SATS_MIN };
  }
  if (own.vout !== 0) return null;
  const step = placeOfStep(db).get({ txid: own.txid });
  if (step === undefined || step.rootTxid !== root.txid || step.rootVout !== root.vout) return null;
  return { ...own, amount: step.amount, depth: step.depth, surplus: step.surplus };
}

// Says of any step whether it is the place's own or an ancestor of it.
function lineage(
  db: Queries,
  root: RootOutput,
  place: { readonly txid: string; readonly depth: number },
): (step: Found) => boolean {
  if (place.depth === 0) return () => false;
  const unmined = new Set<string>();
  let minedDepth = 0;
  for (let at: string | null = place.txid; at !== null; ) {
    const link = linkOf(db, at);
    if (link === null) throw new Error(`the store holds no step ${at}, which it was asked about`);
    if (link.height !== null) {
      minedDepth = link.depth;
      break;
    }
    unmined.add(link.txid);
    at = link.parentTxid;
  }
  return (step) =>
    unmined.has(step.txid) ||
    (step.height !== null && step.depth <= minedDepth && step.rootTxid === root.txid && step.rootVout === root.vout);
}
