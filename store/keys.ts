// The federation's keys: their public halves and the ceremony's proof. Shares are in the sealed key file, never here.
import { asc, desc, eq } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import { type KEY_STATUSES, keys } from './schema.ts';

/** pending until all n certificates are in; destroyed is final. */
export type KeyStatus = (typeof KEY_STATUSES)[number];

/** What a ceremony made; all of it public, JSON as the operator writes it. */
export interface KeyRecord {
  readonly keyId: string;
  readonly ceremonyId: string;
  readonly groupKeys: Json;
  readonly transcript: Json;
  readonly certificate: Json;
}

/** A stored key; times in ms since 1970. */
export interface StoredKey extends KeyRecord {
  readonly status: KeyStatus;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The verdict on a new key. */
export type KeyVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: 'key_exists' };

/** Keeps a key; its content never changes afterwards. */
export function storeKey(db: Queries, record: KeyRecord, status: 'pending' | 'live', now: number): KeyVerdict {
  const { keyId, ceremonyId, groupKeys, transcript, certificate } = record;
  return transact(db, (tx): KeyVerdict => {
    if (getKey(tx, keyId) !== null) return { ok: false, reason: 'key_exists' };
    tx.insert(keys)
      .values({ keyId, ceremonyId, groupKeys, transcript, certificate, status, createdAt: now, updatedAt: now })
      .run();
    appendAudit(tx, now, 'key_stored', { key_id: keyId, ceremony_id: ceremonyId, status });
    return { ok: true };
  });
}

/** Changes a key's status. Throws where the key is unknown or destroyed. */
export function setKeyStatus(db: Queries, keyId: string, status: KeyStatus, now: number): void {
  transact(db, (tx) => {
    const known = getKey(tx, keyId);
    if (known === null) throw new Error(`there is no key ${keyId}`);
    if (known.status === status) return;
    tx.update(keys).set({ status, updatedAt: now }).where(eq(keys.keyId, keyId)).run();
    appendAudit(tx, now, `key_${status}`, { key_id: keyId });
  });
}

/** A key, or null. */
export function getKey(db: Queries, keyId: string): StoredKey | null {
  return db.select().from(keys).where(eq(keys.keyId, keyId)).get() ?? null;
}

/** All keys, newest first; there are as many as ceremonies succeeded. */
export function listKeys(db: Queries): readonly StoredKey[] {
  return db.select().from(keys).orderBy(desc(keys.createdAt), asc(keys.keyId)).all();
}
