// Sums of money between two heights, for reports. A day is a range of heights, so that everything is one range of an index and
// no row is loaded: a report over a million deposits takes a moment. What is on chain counts by block times, never by when this
// node came to know it.
import { type SQL, sql } from 'drizzle-orm';
import type { Queries } from './database.ts';
import { readUnsigned } from './line-bytes.ts';
import { TREASURY_LEAF } from './utxos.ts';

const DAY_MS = 86_400_000;
/** So many steps are read at once; each can have a thousand outputs. */
const STEPS_AT_ONCE = 50;

/** Blocks above `after` and up to `last`. */
export interface Heights {
  readonly after: number;
  readonly last: number;
}

/** How many, and how many sats they are. */
export interface CountedSats {
  readonly count: number;
  readonly sats: bigint;
}

/** Deposits in blocks, and those of them that are minted by now. */
export interface DepositSums {
  readonly deposits: CountedSats;
  readonly minted: CountedSats;
}

/** What steps of the line did, read from their bytes. Sats. */
export interface StepSums {
  /** How many of each kind; `unlisted`: those whose list of burns is not known here. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly paidOut: bigint;
  readonly consolidated: bigint;
  readonly minerFees: bigint;
  /** Steps whose miner fee cannot be told. */
  readonly feesUnknown: number;
}

/** Burns that steps paid: what was burnt, and the fees in it. Sats. `unknown`: burns that only the lists of steps name here. */
export interface PaidBurns {
  readonly burns: CountedSats;
  readonly fees: bigint;
  readonly unknown: number;
}

/** The treasury at the end of the mined line. Sats; `root`: the line's first output, null before it is in a block. */
export interface TreasuryAt {
  readonly root: bigint | null;
  /** After the last step; null where there is none. */
  readonly tip: { readonly amount: bigint; readonly surplus: bigint } | null;
  /** All outputs to the treasury script, stray ones too. */
  readonly held: bigint;
}

/**
 * The last height of each of some UTC days and, first, of the days before: a list one longer than the days. A block counts on the
 * day of its header's time, or with a later block that bears an earlier time, so that heights never fall; -1 before any.
 */
export function heightsOfDays(db: Queries, firstDay: number, lastDay: number): readonly number[] {
  const rows = db.all<{ day: bigint; height: bigint }>(
    sql`select at / ${DAY_MS} as day, max(height) as height from block_times where at < ${(lastDay + 1) * DAY_MS}
        group by at / ${DAY_MS} order by day`,
  );
  const heights: number[] = [];
  let height = -1;
  let at = 0;
  for (let day = firstDay - 1; day <= lastDay; day++) {
    for (; at < rows.length && Number(rows[at]?.day) <= day; at++) height = Math.max(height, Number(rows[at]?.height));
    heights.push(height);
  }
  return heights;
}

/** Deposits in these blocks. */
export function depositSums(db: Queries, { after, last }: Heights): DepositSums {
  const row = one<{ count: bigint; sats: bigint; minted: bigint; minted_sats: bigint }>(
    db,
    sql`select count(*) as count, coalesce(sum(amount), 0) as sats,
        coalesce(sum(status = 'minted'), 0) as minted,
        coalesce(sum(case when status = 'minted' then amount end), 0) as minted_sats
        from deposits indexed by deposits_by_height where height > ${after} and height <= ${last}`,
  );
  return {
    deposits: { count: Number(row.count), sats: row.sats },
    minted: { count: Number(row.minted), sats: row.minted_sats },
  };
}

/** Sats of all deposits in these blocks, from the index alone. */
export function depositedSats(db: Queries, { after, last }: Heights): bigint {
  return sats(
    db,
    sql`select coalesce(sum(amount), 0) as sats from deposits indexed by deposits_by_height
        where height > ${after} and height <= ${last}`,
  );
}

/**
 * Sats of deposits that were attested or minted and that no block holds any more, as far as their blocks left the chain before
 * `until` (ms since 1970): they are owed still.
 */
export function exposedSats(db: Queries, until: number): bigint {
  return sats(
    db,
    sql`select coalesce(sum(owed.amount), 0) as sats from taken_back_deposits as taken
        cross join deposits as owed on owed.txid = taken.txid and owed.vout = taken.vout
        where taken.at < ${until} and owed.height is null`,
  );
}

/** By how much custody grew in these blocks: outputs that they made, less those that they spent. */
export function custodyChange(db: Queries, { after, last }: Heights): bigint {
  const made = sql`select coalesce(sum(amount), 0) as sats from utxos indexed by utxos_by_height
    where height > ${after} and height <= ${last}`;
  const spent = sql`select coalesce(sum(amount), 0) as sats from utxos indexed by utxos_by_spent_height
    where spent_height > ${after} and spent_height <= ${last}`;
  return sats(db, made) - sats(db, spent);
}

/** Burns that the steps in these blocks paid, as far as their lists are known. */
export function paidBurns(db: Queries, { after, last }: Heights): PaidBurns {
  const row = one<{ count: bigint; listed: bigint; sats: bigint; fees: bigint }>(
    db,
    sql`select count(b.burn_txid) as count, count(*) as listed, coalesce(sum(b.amount), 0) as sats,
        coalesce(sum(b.fee), 0) as fees
        from line_steps s indexed by line_steps_by_height
        cross join line_burns l on l.txid = s.txid
        left join burns b on b.burn_txid = l.burn_txid
        where s.height > ${after} and s.height <= ${last}`,
  );
  const unknown = Number(row.listed - row.count);
  return { burns: { count: Number(row.count), sats: row.sats }, fees: row.fees, unknown };
}

/**
 * Burns of a day. Wire tells no times, so a burn counts when this node first saw it, but no later than in the block that paid it:
 * a node whose database was rebuilt sees all burns anew. `start`, `end` in ms since 1970; the heights are those of the day.
 */
export function burnsOfDay(db: Queries, start: number, end: number, { after, last }: Heights): CountedSats {
  const paidAt = sql`(select min(s.height) from line_burns l join line_steps s on s.txid = l.txid
    where l.burn_txid = b.burn_txid and s.height is not null)`;
  const seen = one<{ count: bigint; sats: bigint }>(
    db,
    sql`select count(*) as count, coalesce(sum(b.amount), 0) as sats from burns b indexed by burns_by_time
        where b.seen_at >= ${start} and b.seen_at < ${end} and coalesce(${paidAt}, ${after} + 1) > ${after}`,
  );
  const paidBefore = one<{ count: bigint; sats: bigint }>(
    db,
    sql`select count(*) as count, coalesce(sum(b.amount), 0) as sats from line_steps s indexed by line_steps_by_height
        cross join line_burns l on l.txid = s.txid cross join burns b on b.burn_txid = l.burn_txid
        where s.height > ${after} and s.height <= ${last} and b.seen_at >= ${end}`,
  );
  return { count: Number(seen.count + paidBefore.count), sats: seen.sats + paidBefore.sats };
}

/** Burns that no mined step pays, now. */
export function unpaidBurns(db: Queries): CountedSats {
  const row = one<{ count: bigint; sats: bigint }>(
    db,
    sql`select count(*) as count, coalesce(sum(b.amount), 0) as sats from burns b where not exists (
          select 1 from line_burns l join line_steps s on s.txid = l.txid
          where l.burn_txid = b.burn_txid and s.height is not null)`,
  );
  return { count: Number(row.count), sats: row.sats };
}

interface StepRow {
  readonly txid: string;
  readonly height: bigint;
  readonly kind: string | null;
  readonly fee: bigint | null;
  readonly unsigned_tx: string;
  readonly spent: bigint;
  readonly unknown: bigint;
}

/** What the steps in these blocks did. Amounts are those of their bytes, so they are the chain's own. */
export function stepSums(db: Queries, { after, last }: Heights): StepSums {
  const sums = { kinds: {} as Record<string, number>, paidOut: 0n, consolidated: 0n, minerFees: 0n, feesUnknown: 0 };
  let from: { readonly height: bigint; readonly txid: string } = { height: BigInt(after) + 1n, txid: '' };
  for (;;) {
    const rows = db.all<StepRow>(
      sql`select s.txid, s.height, s.kind, s.fee, s.unsigned_tx,
          (select coalesce(sum(u.amount), 0) from line_inputs i
            join utxos u on u.txid = i.prev_txid and u.vout = i.prev_vout where i.txid = s.txid) as spent,
          (select count(*) from line_inputs i where i.txid = s.txid and not exists (
            select 1 from utxos u where u.txid = i.prev_txid and u.vout = i.prev_vout)) as unknown
          from line_steps s where s.height <= ${last} and (s.height, s.txid) > (${from.height}, ${from.txid})
          order by s.height, s.txid limit ${STEPS_AT_ONCE}`,
    );
    for (const row of rows) addStep(sums, row);
    const end = rows.at(-1);
    if (end === undefined || rows.length < STEPS_AT_ONCE) return sums;
    from = { height: end.height, txid: end.txid };
  }
}

function addStep(
  sums: { -readonly [K in keyof StepSums]: StepSums[K] } & { kinds: Record<string, number> },
  row: StepRow,
) {
  const { kind, fee, unsigned_tx, spent, unknown } = row;
  const name = kind ?? 'unlisted';
  sums.kinds[name] = (sums.kinds[name] ?? 0) + 1;
  const { outputs } = readUnsigned(unsigned_tx);
  const out = outputs.reduce((sum, { amount }) => sum + amount, 0n);
  // Output 0 is the next treasury output, output 1 the commitment.
  const away = out - (outputs[0]?.amount ?? 0n);
  if (kind === 'consolidate') sums.consolidated += away;
  else sums.paidOut += away;
  const miners = unknown === 0n ? spent - out : fee;
  if (miners === null) sums.feesUnknown += 1;
  else sums.minerFees += miners;
}

/** The treasury as the blocks up to a height leave it. */
export function treasuryAt(db: Queries, height: number): TreasuryAt {
  const [root] = db.all<{ amount: bigint }>(
    sql`select r.amount from treasury_roots r join utxos u on u.txid = r.txid and u.vout = r.vout
        where r.dead_at is null and u.height <= ${height} limit 1`,
  );
  const [tip] = db.all<{ amount: bigint; surplus: bigint }>(
    sql`select treasury_amount as amount, surplus from line_steps where height <= ${height}
        order by height desc, depth desc limit 1`,
  );
  const ofTreasury = sql.raw(`leaf = '${TREASURY_LEAF}'`);
  const made = sql`select coalesce(sum(amount), 0) as sats from utxos where ${ofTreasury} and height <= ${height}`;
  const spent = sql`select coalesce(sum(amount), 0) as sats from utxos
    where ${ofTreasury} and height is not null and spent_height <= ${height}`;
  return { root: root?.amount ?? null, tip: tip ?? null, held: sats(db, made) - sats(db, spent) };
}

function sats(db: Queries, query: SQL): bigint {
  return one<{ sats: bigint }>(db, query).sats;
}

function one<Row>(db: Queries, query: SQL): Row {
  const [row] = db.all<Row>(query);
  if (row === undefined) throw new Error('a sum has one row');
  return row;
}
