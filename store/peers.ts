// The federation's operator cards, and the highest audit head that each peer has shown: a lower one later means that
// the peer was restored from a backup or cloned (DESIGN §3.5).
import { asc, eq } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { type AuditHead, appendAudit } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import { peers } from './schema.ts';

/** A peer by its 0-based index; `identityKey` 64 lowercase hex characters, `card` verified by the caller. */
export interface PeerCard {
  readonly index: number;
  readonly identityKey: string;
  readonly card: Json;
}

/** A stored peer; `head` null until it showed one. Times in ms since 1970. */
export interface Peer extends PeerCard {
  readonly head: (AuditHead & { readonly at: number }) | null;
  readonly addedAt: number;
  readonly updatedAt: number;
}

/** The verdict on a card: another identity for an index needs `removePeer` first; a key belongs to one index. */
export type CardVerdict =
  | { readonly ok: true; readonly change: 'added' | 'updated' | 'same' }
  | { readonly ok: false; readonly reason: 'identity_changed' | 'identity_taken' };

/** The verdict on a head; `highest` is what the peer showed before: above it, or at its place with another hash. */
export type HeadVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'peer_unknown' }
  | { readonly ok: false; readonly reason: 'regressed' | 'forked'; readonly highest: AuditHead };

/** Adds a peer or its renewed card. */
export function putPeer(db: Queries, entry: PeerCard, now: number): CardVerdict {
  const { index, identityKey, card } = entry;
  return transact(db, (tx): CardVerdict => {
    const known = getPeer(tx, index);
    if (known !== null && known.identityKey !== identityKey) return { ok: false, reason: 'identity_changed' };
    if (known !== null) {
      if (Bun.deepEquals(known.card, card)) return { ok: true, change: 'same' };
      tx.update(peers).set({ card, updatedAt: now }).where(eq(peers.index, index)).run();
      appendAudit(tx, now, 'peer_updated', { index, identity_key: identityKey });
      return { ok: true, change: 'updated' };
    }
    const taken = tx.select().from(peers).where(eq(peers.identityKey, identityKey)).get();
    if (taken !== undefined) return { ok: false, reason: 'identity_taken' };
    tx.insert(peers).values({ index, identityKey, card, addedAt: now, updatedAt: now }).run();
    appendAudit(tx, now, 'peer_added', { index, identity_key: identityKey });
    return { ok: true, change: 'added' };
  });
}

/** Forgets a peer, its head too. False where there is none. */
export function removePeer(db: Queries, index: number, now: number): boolean {
  return transact(db, (tx): boolean => {
    const known = getPeer(tx, index);
    if (known === null) return false;
    tx.delete(peers).where(eq(peers.index, index)).run();
    appendAudit(tx, now, 'peer_removed', { index, identity_key: known.identityKey });
    return true;
  });
}

/** A peer, or null. */
export function getPeer(db: Queries, index: number): Peer | null {
  const row = db.select().from(peers).where(eq(peers.index, index)).get();
  return row === undefined ? null : asPeer(row);
}

/** All peers in index order; a federation has at most 64. */
export function listPeers(db: Queries): readonly Peer[] {
  return db.select().from(peers).orderBy(asc(peers.index)).all().map(asPeer);
}

/** Keeps the head that a peer shows, if it is the highest so far. */
export function recordPeerHead(db: Queries, index: number, head: AuditHead, now: number): HeadVerdict {
  return transact(db, (tx): HeadVerdict => {
    const known = getPeer(tx, index);
    if (known === null) return { ok: false, reason: 'peer_unknown' };
    if (known.head !== null) {
      const highest = { seq: known.head.seq, hash: known.head.hash };
      if (head.seq < highest.seq) return { ok: false, reason: 'regressed', highest };
      if (head.seq === highest.seq && head.hash !== highest.hash) return { ok: false, reason: 'forked', highest };
    }
    tx.update(peers).set({ headSeq: head.seq, headHash: head.hash, headAt: now }).where(eq(peers.index, index)).run();
    return { ok: true };
  });
}

function asPeer(row: typeof peers.$inferSelect): Peer {
  const { headSeq, headHash, headAt, ...peer } = row;
  return { ...peer, head: headHash === null || headAt === null ? null : { seq: headSeq, hash: headHash, at: headAt } };
}
