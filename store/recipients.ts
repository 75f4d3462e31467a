// Deposit scripts that were handed out, so that a scan can tell whose a deposit is. Any node derives the script of any
// recipient by itself: this is a memory, not an authority.
import { and, asc, eq, sql } from 'drizzle-orm';
import { type Listing, type Page, pageBounds, type Queries, transact } from './database.ts';
import { given, givenPage, prepared, preparedCount } from './prepared.ts';
import { recipients } from './schema.ts';

/** A recipient's deposit script under a key; `recipient` 64 and `script` any number of lowercase hex characters. */
export interface RecipientScript {
  readonly recipient: string;
  readonly keyId: string;
  readonly script: string;
}

/** Where a script comes from. `height`: a block before which nothing can have been paid to it; `toldBy`: a peer's index. */
export interface RecipientOrigin {
  readonly height: number | null;
  readonly toldBy: number | null;
}

/** A stored script; `createdAt` in ms since 1970. */
export interface Recipient extends RecipientScript, RecipientOrigin {
  readonly createdAt: number;
}

const ofScript = prepared((db) =>
  db
    .select()
    .from(recipients)
    .where(eq(recipients.script, given(recipients.script, 'script')))
    .prepare(),
);
const underKey = prepared((db) => {
  const { recipient, keyId } = recipients;
  const where = and(eq(recipient, given(recipient, 'recipient')), eq(keyId, given(keyId, 'keyId')));
  return db.select().from(recipients).where(where).prepare();
});
const afterPlace = prepared((db) => {
  const { recipient, keyId, script, createdAt, height, toldBy } = recipients;
  const place = sql<number>`rowid`.mapWith(Number);
  return db
    .select({ place: place.as('place'), recipient, keyId, script, createdAt, height, toldBy })
    .from(recipients)
    .where(sql`${place} > ${sql.placeholder('after')}`)
    .orderBy(asc(place))
    .limit(sql.placeholder('limit'))
    .prepare();
});

const oldestFirst = prepared((db) =>
  db
    .select()
    .from(recipients)
    .orderBy(asc(recipients.createdAt), asc(recipients.script))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare(),
);
const countAll = preparedCount(recipients);
const countToldBy = preparedCount(recipients, () => eq(recipients.toldBy, given(recipients.toldBy, 'toldBy')));

const HERE: RecipientOrigin = { height: null, toldBy: null };

/**
 * Keeps a derived script; again is harmless. True where it is new. Throws where one derived before contradicts it, which is
 * a bug.
 */
export function rememberRecipient(db: Queries, entry: RecipientScript, now: number, origin = HERE): boolean {
  const { recipient, keyId, script } = entry;
  return transact(db, (tx): boolean => {
    const known = findRecipient(tx, recipient, keyId) ?? recipientOfScript(tx, script);
    if (known === null) {
      const { height, toldBy } = origin;
      tx.insert(recipients).values({ recipient, keyId, script, createdAt: now, height, toldBy }).run();
      return true;
    }
    if (known.recipient !== recipient || known.keyId !== keyId || known.script !== script) {
      throw new Error('two derivations of one deposit script differ');
    }
    return false;
  });
}

/** Whose a script is, or null. */
export function recipientOfScript(db: Queries, script: string): Recipient | null {
  return ofScript(db).get({ script }) ?? null;
}

/** A recipient's script under a key, or null. */
export function findRecipient(db: Queries, recipient: string, keyId: string): Recipient | null {
  return underKey(db).get({ recipient, keyId }) ?? null;
}

/** All scripts, oldest first. */
export function listRecipients(db: Queries, page: Page = {}): Listing<Recipient> {
  return { rows: oldestFirst(db).all(pageBounds(page)), total: countAll(db) };
}

/** Scripts in the order in which they came, after the place of one that was listed before (0: from the first on). */
export function listRecipientsAfter(
  db: Queries,
  after: number,
  limit: number,
): readonly (Recipient & { readonly place: number })[] {
  return afterPlace(db).all({ after, limit: pageBounds({ limit }).limit });
}

/** How many scripts are kept on the word of this peer. */
export function countRecipients(db: Queries, toldBy: number): number {
  return countToldBy(db, { toldBy });
}
