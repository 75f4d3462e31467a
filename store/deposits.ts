// Deposits that this node's own Bitcoin view showed it: seen → confirmed → attested → minted, or gone.
import { and, asc, desc, eq, sql } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from './audit-log.ts';
import { type Listing, type Outpoint, type Page, pageBounds, type Queries, transact } from './database.ts';
import { given, givenPage, isOneGiven, prepared, preparedCount } from './prepared.ts';
import { DEPOSIT_STATUSES, deposits } from './schema.ts';

/** `gone`: the deposit is no longer in the best chain or the mempool. */
export type DepositStatus = (typeof DEPOSIT_STATUSES)[number];

/** A deposit as the chain shows it; `recipient` 64 lowercase hex characters, `amount` in sats, null while unconfirmed. */
export interface DepositSighting extends Outpoint {
  readonly recipient: string;
  readonly amount: bigint;
  readonly height: number | null;
  readonly blockHash: string | null;
}

/** A stored deposit; times in ms since 1970. */
export interface Deposit extends DepositSighting {
  readonly status: DepositStatus;
  readonly seenAt: number;
  readonly updatedAt: number;
}

/** The verdict on a sighting; `data` is what is stored for this outpoint. */
export type SightingVerdict =
  | { readonly ok: true; readonly added: boolean }
  | { readonly ok: false; readonly reason: 'deposit_mismatch'; readonly data: Json };

/** The verdict on a step. */
export type DepositVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'deposit_unknown' | 'wrong_order' };

const NEXT: Readonly<Record<DepositStatus, readonly DepositStatus[]>> = {
  seen: ['confirmed', 'attested', 'minted', 'gone'],
  confirmed: ['seen', 'attested', 'minted', 'gone'],
  attested: ['minted', 'gone'],
  minted: [],
  gone: ['seen', 'confirmed'],
};

/** How many deposits one row of the audit log names at most. */
const MOVED_AT_ONCE = 500;

const ofOutpoint = prepared((db) => {
  const { txid, vout } = deposits;
  const where = and(eq(txid, given(txid, 'txid')), eq(vout, given(vout, 'vout')));
  return db.select().from(deposits).where(where).prepare();
});

const insertSeen = prepared((db) => {
  const { txid, vout, recipient, amount, height, blockHash, seenAt } = deposits;
  const row = {
    ...{ txid: given(txid, 'txid'), vout: given(vout, 'vout'), recipient: given(recipient, 'recipient') },
    ...{ amount: given(amount, 'amount'), height: given(height, 'height'), blockHash: given(blockHash, 'blockHash') },
    ...({ status: 'seen', seenAt: given(seenAt, 'now'), updatedAt: given(seenAt, 'now') } as const),
  };
  return db.insert(deposits).values(row).prepare();
});
const updateStatus = prepared((db) => {
  const { txid, vout, status, updatedAt } = deposits;
  return db
    .update(deposits)
    .set({ status: given(status, 'status'), updatedAt: given(updatedAt, 'now') })
    .where(and(eq(txid, given(txid, 'txid')), eq(vout, given(vout, 'vout'))))
    .prepare();
});

// One parameter for however many outpoints; each is looked up in the primary key.
const isWanted = sql`(${deposits.txid}, ${deposits.vout}) in
  (select value ->> 0, value ->> 1 from json_each(${sql.placeholder('wanted')}))`;
const ofOutpoints = prepared((db) => db.select().from(deposits).where(isWanted).prepare());
const updateStatuses = prepared((db) => {
  const { status, updatedAt } = deposits;
  const changes = { status: given(status, 'status'), updatedAt: given(updatedAt, 'now') };
  return db.update(deposits).set(changes).where(isWanted).prepare();
});

const inStatuses = prepared((db) =>
  db
    .select()
    .from(deposits)
    .where(isOneGiven(deposits.status, 'statuses'))
    .orderBy(desc(deposits.seenAt), asc(deposits.txid), asc(deposits.vout))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare(),
);
const countInStatuses = preparedCount(deposits, () => isOneGiven(deposits.status, 'statuses'));

/** Keeps a deposit (as `seen`), or the block that it is in now. Another recipient or amount is a mismatch. */
export function recordDeposit(db: Queries, sighting: DepositSighting, now: number): SightingVerdict {
  const { txid, vout, recipient, amount, height, blockHash } = sighting;
  return transact(db, (tx): SightingVerdict => {
    const known = getDeposit(tx, sighting);
    if (known === null) {
      insertSeen(tx).run({ txid, vout, recipient, amount, height, blockHash, now });
      return { ok: true, added: true };
    }
    if (known.recipient !== recipient || known.amount !== amount) {
      const data = { txid, vout, recipient: known.recipient, amount: `${known.amount}` };
      return { ok: false, reason: 'deposit_mismatch', data };
    }
    if (known.height !== height || known.blockHash !== blockHash) {
      tx.update(deposits).set({ height, blockHash, updatedAt: now }).where(atOutpoint(sighting)).run();
    }
    return { ok: true, added: false };
  });
}

/** Moves a deposit on. What is attested never becomes unattested, what is minted stays minted. */
export function setDepositStatus(db: Queries, outpoint: Outpoint, status: DepositStatus, now: number): DepositVerdict {
  return transact(db, (tx): DepositVerdict => {
    const known = getDeposit(tx, outpoint);
    if (known === null) return { ok: false, reason: 'deposit_unknown' };
    if (known.status === status) return { ok: true };
    if (!NEXT[known.status].includes(status)) return { ok: false, reason: 'wrong_order' };
    const { txid, vout } = outpoint;
    updateStatus(tx).run({ txid, vout, status, now });
    appendAudit(tx, now, `deposit_${status}`, { txid, vout, amount: `${known.amount}`, recipient: known.recipient });
    return { ok: true };
  });
}

/**
 * Moves many deposits on, with one row in the audit log. Those that are unknown, or for which it would be the wrong order, stay
 * as they are. Gives those that were moved.
 */
export function setDepositStatuses(
  db: Queries,
  outpoints: readonly Outpoint[],
  status: DepositStatus,
  now: number,
): readonly Deposit[] {
  const all: Deposit[] = [];
  for (let at = 0; at < outpoints.length; at += MOVED_AT_ONCE) {
    const wanted = JSON.stringify(outpoints.slice(at, at + MOVED_AT_ONCE).map(({ txid, vout }) => [txid, vout]));
    transact(db, (tx) => {
      const moved = ofOutpoints(tx)
        .all({ wanted })
        .filter((deposit) => NEXT[deposit.status].includes(status));
      if (moved.length === 0) return;
      const items = moved.map(({ txid, vout, amount, recipient }) => ({ txid, vout, amount: `${amount}`, recipient }));
      updateStatuses(tx).run({ wanted: JSON.stringify(items.map(({ txid, vout }) => [txid, vout])), status, now });
      appendAudit(tx, now, `deposits_${status}`, { items });
      all.push(...moved);
    });
  }
  return all;
}

/** A deposit by its outpoint, or null. */
export function getDeposit(db: Queries, { txid, vout }: Outpoint): Deposit | null {
  return ofOutpoint(db).get({ txid, vout }) ?? null;
}

/** Deposits in the outputs of a transaction, at most so many. */
export function depositsIn(db: Queries, txid: string, limit: number): readonly Deposit[] {
  const { limit: most } = pageBounds({ limit });
  return db.select().from(deposits).where(eq(deposits.txid, txid)).orderBy(asc(deposits.vout)).limit(most).all();
}

/** Deposits of a recipient, the newest first, at most so many. */
export function depositsOf(db: Queries, recipient: string, limit: number): readonly Deposit[] {
  const { limit: most } = pageBounds({ limit });
  const where = eq(deposits.recipient, recipient);
  return db.select().from(deposits).where(where).orderBy(desc(deposits.seenAt)).limit(most).all();
}

/** Deposits in one of the statuses (default: all), newest first. */
export function listDeposits(
  db: Queries,
  statuses: readonly DepositStatus[] = DEPOSIT_STATUSES,
  page: Page = {},
): Listing<Deposit> {
  const wanted = { statuses: JSON.stringify(statuses) };
  return { rows: inStatuses(db).all({ ...wanted, ...pageBounds(page) }), total: countInStatuses(db, wanted) };
}

function atOutpoint({ txid, vout }: Outpoint) {
  return and(eq(deposits.txid, txid), eq(deposits.vout, vout));
}
