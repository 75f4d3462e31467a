// Burns as this node's own Wire nodes told them. What a burn says never changes.
import { asc, desc, eq } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { countRows, type Listing, type Page, pageBounds, type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
import { burns } from './schema.ts';

/** What the Wire ledger says of a burn; ids 64 lowercase hex characters, `amount` (fee included) and `fee` in sats. */
export interface BurnRecord {
  readonly burnTxid: string;
  readonly nullifier: string;
  readonly address: string;
  readonly amount: bigint;
  readonly fee: bigint;
  readonly wireSeq: bigint;
  readonly wireHeight: number;
}

/** A stored burn; `seenAt` in ms since 1970. */
export interface Burn extends BurnRecord {
  readonly seenAt: number;
}

/** The verdict on a burn; `data` is what is known under this id. `added` is false for a repetition. */
export type BurnVerdict =
  | { readonly ok: true; readonly added: boolean }
  | { readonly ok: false; readonly reason: 'burn_mismatch'; readonly data: Json };

const insertBurn = prepared((db) =>
  db
    .insert(burns)
    .values({
      burnTxid: given(burns.burnTxid, 'burnTxid'),
      nullifier: given(burns.nullifier, 'nullifier'),
      address: given(burns.address, 'address'),
      amount: given(burns.amount, 'amount'),
      fee: given(burns.fee, 'fee'),
      wireSeq: given(burns.wireSeq, 'wireSeq'),
      wireHeight: given(burns.wireHeight, 'wireHeight'),
      seenAt: given(burns.seenAt, 'seenAt'),
    })
    .prepare(),
);
const ofId = prepared((db) =>
  db
    .select()
    .from(burns)
    .where(eq(burns.burnTxid, given(burns.burnTxid, 'burnTxid')))
    .prepare(),
);

/**
 * Keeps a burn. The same burn again is ok; the same id with other content is not. A nullifier may come again under another
 * id: Wire may take a block back, and what was burnt there may be burnt again.
 */
export function recordBurn(db: Queries, burn: BurnRecord, now: number): BurnVerdict {
  const { burnTxid, nullifier, address, amount, fee, wireSeq, wireHeight } = burn;
  return transact(db, (tx): BurnVerdict => {
    const known = getBurn(tx, burnTxid);
    if (known === null) {
      insertBurn(tx).run({ burnTxid, nullifier, address, amount, fee, wireSeq, wireHeight, seenAt: now });
      return { ok: true, added: true };
    }
    if (!saysTheSame(known, burn)) return { ok: false, reason: 'burn_mismatch', data: burnJson(known) };
    // A reorganisation of the Wire ledger may move a burn.
    if (known.wireHeight !== wireHeight) tx.update(burns).set({ wireHeight }).where(eq(burns.burnTxid, burnTxid)).run();
    return { ok: true, added: false };
  });
}

/** A burn by its id, or null. */
export function getBurn(db: Queries, burnTxid: string): Burn | null {
  return ofId(db).get({ burnTxid }) ?? null;
}

/** Burns that name an address, the newest first; `address` as the burns write it. */
export function listBurnsTo(db: Queries, address: string, limit: number): readonly Burn[] {
  const { limit: most } = pageBounds({ limit });
  return db.select().from(burns).where(eq(burns.address, address)).orderBy(desc(burns.seenAt)).limit(most).all();
}

/** Every burn, oldest on the Wire ledger first. */
export function listBurns(db: Queries, page: Page = {}): Listing<Burn> {
  const { limit, offset } = pageBounds(page);
  const rows = db.select().from(burns).orderBy(asc(burns.wireSeq)).limit(limit).offset(offset).all();
  return { rows, total: countRows(db, burns) };
}

// wireSeq is left out: it is a place in one Wire node's list, and after a reorganisation the place may be another.
function saysTheSame(a: BurnRecord, b: BurnRecord): boolean {
  return a.nullifier === b.nullifier && a.address === b.address && a.amount === b.amount && a.fee === b.fee;
}

function burnJson({ burnTxid, nullifier, address, amount, fee }: Burn): Json {
  return { burn_txid: burnTxid, nullifier, address, amount: `${amount}`, fee: `${fee}` };
}
