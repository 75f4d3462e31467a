// The federation's keys: their public halves and the ceremony's proof. Shares are in the sealed key file, never here.
import { asc, desc, eq } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
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
export type KeyVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'key_exists' | 'live_key_exists' };

const ofId = prepared((db) =>
  db
    .select()
    .from(keys)
    .where(eq(keys.keyId, given(keys.keyId, 'keyId')))
    .prepare(),
);
const inUse = prepared((db) => db.select().from(keys).where(eq(keys.status, 'live')).prepare());
const newestFirst = prepared((db) => db.select().from(keys).orderBy(desc(keys.createdAt), asc(keys.keyId)).prepare());

/**
 * Keeps a key; its content never changes afterwards. At most one is live (a trigger holds it too): rotation retires the
 * one before in the same commit.
 */
export function storeKey(db: Queries, record: KeyRecord, status: 'pending' | 'live', now: number): KeyVerdict {
  const { keyId, ceremonyId, groupKeys, transcript, certificate } = record;
  return transact(db, (tx): KeyVerdict => {
    if (getKey(tx, keyId) !== null) return { ok: false, reason: 'key_exists' };
    if (status === 'live' && liveKey(tx) !== null) return { ok: false, reason: 'live_key_exists' };
    tx.insert(keys)
      .values({ keyId, ceremonyId, groupKeys, transcript, certificate, status, createdAt: now, updatedAt: now })
      .run();
    appendAudit(tx, now, 'key_stored', { key_id: keyId, ceremony_id: ceremonyId, status });
    return { ok: true };
  });
}

/** Changes a key's status. Throws where the key is unknown or destroyed, or another is live and this one is to be. */
export function setKeyStatus(db: Queries, keyId: string, status: KeyStatus, now: number): void {
  transact(db, (tx) => {
    const known = getKey(tx, keyId);
    if (known === null) throw new Error(`there is no key ${keyId}`);
    if (known.status === status) return;
    tx.update(keys).set({ status, updatedAt: now }).where(eq(keys.keyId, keyId)).run();
    appendAudit(tx, now, `key_${status}`, { key_id: keyId });
  });
}

/** The key that is in use, or null. */
export function liveKey(db: Queries): StoredKey | null {
  return inUse(db).get() ?? null;
}

/** A key, or null. */
export function getKey(db: Queries, keyId: string): StoredKey | null {
  return ofId(db).get({ keyId }) ?? null;
}

/** All keys, newest first; there are as many as ceremonies succeeded. */
export function listKeys(db: Queries): readonly StoredKey[] {
  return newestFirst(db).all();
}
