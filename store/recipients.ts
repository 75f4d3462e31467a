// Deposit scripts that were handed out, so that a scan can tell whose a deposit is. Any node derives the script of any
// recipient by itself: this is a memory, not an authority.
import { and, asc, eq } from 'drizzle-orm';
import { countRows, type Listing, type Page, pageBounds, type Queries, transact } from './database.ts';
import { recipients } from './schema.ts';

/** A recipient's deposit script under a key; `recipient` 64 and `script` any number of lowercase hex characters. */
export interface RecipientScript {
  readonly recipient: string;
  readonly keyId: string;
  readonly script: string;
}

/** A stored script; `createdAt` in ms since 1970. */
export interface Recipient extends RecipientScript {
  readonly createdAt: number;
}

/** Keeps a derived script; again is harmless. Throws where one derived before contradicts it, which is a bug. */
export function rememberRecipient(db: Queries, entry: RecipientScript, now: number): void {
  const { recipient, keyId, script } = entry;
  transact(db, (tx) => {
    const known = findRecipient(tx, recipient, keyId) ?? recipientOfScript(tx, script);
    if (known === null) {
      tx.insert(recipients).values({ recipient, keyId, script, createdAt: now }).run();
    } else if (known.recipient !== recipient || known.keyId !== keyId || known.script !== script) {
      throw new Error('two derivations of one deposit script differ');
    }
  });
}

/** Whose a script is, or null. */
export function recipientOfScript(db: Queries, script: string): Recipient | null {
  return db.select().from(recipients).where(eq(recipients.script, script)).get() ?? null;
}

/** A recipient's script under a key, or null. */
export function findRecipient(db: Queries, recipient: string, keyId: string): Recipient | null {
  const where = and(eq(recipients.recipient, recipient), eq(recipients.keyId, keyId));
  return db.select().from(recipients).where(where).get() ?? null;
}

/** All scripts, oldest first. */
export function listRecipients(db: Queries, page: Page = {}): Listing<Recipient> {
  const { limit, offset } = pageBounds(page);
  const order = [asc(recipients.createdAt), asc(recipients.script)];
  const rows = db
    .select()
    .from(recipients)
    .orderBy(...order)
    .limit(limit)
    .offset(offset)
    .all();
  return { rows, total: countRows(db, recipients) };
}
