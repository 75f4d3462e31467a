// The federation's operator cards, and the highest audit head that each peer has shown: a lower one later means that
// the peer was restored from a backup or cloned (Never 5).
import { asc, eq } from 'drizzle-orm';
import { z } from 'zod';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import type { StateHeadRow } from './node-state.ts';
import { given, prepared } from './prepared.ts';
import { peers } from './schema.ts';

/** A peer by its 0-based index; `identityKey` 64 lowercase hex characters, `card` verified by the caller. */
export interface PeerCard {
  readonly index: number;
  readonly identityKey: string;
  readonly card: Json;
}

/** A stored peer; `head` null until it showed one. Times in ms since 1970. */
export interface Peer extends PeerCard {
  readonly head: ShownHead | null;
  readonly addedAt: number;
  readonly updatedAt: number;
}

/** The verdict on a card: another identity for an index needs `removePeer` first; a key belongs to one index. */
export type CardVerdict =
  | { readonly ok: true; readonly change: 'added' | 'updated' | 'same' }
  | { readonly ok: false; readonly reason: 'identity_changed' | 'identity_taken' };

/**
 * A head that a peer showed, `at` (ms since 1970) by its clock. `boot`: the start that said it; `follows`: the head that it
 * vouches to have in its log; `statement`: the verified crypto/head-statement.ts, kept as evidence.
 */
export interface ShownHead extends StateHeadRow {
  readonly at: number;
  readonly boot: string | null;
  readonly follows: StateHeadRow | null;
  readonly statement: Json;
}

/**
 * What is wrong with a head. `stale`: an earlier word of the same start, nothing to mind. `unproven`: another start that
 * does not vouch for what was seen before, as at its first words. `regressed`, `forked`: the log is not the one shown
 * before: the node was put back or copied.
 */
export type HeadFlaw = 'peer_unknown' | 'stale' | 'unproven' | 'regressed' | 'forked';

/**
 * The verdict on a head; `highest` is what the peer showed before. `epochRose`: by a new epoch the peer says itself that it
 * was put back or copied.
 */
export type HeadVerdict =
  | { readonly ok: true; readonly epochRose: boolean }
  | { readonly ok: false; readonly reason: 'peer_unknown' }
  | { readonly ok: false; readonly reason: Exclude<HeadFlaw, 'peer_unknown'>; readonly highest: ShownHead };

const ofIndex = prepared((db) =>
  db
    .select()
    .from(peers)
    .where(eq(peers.index, given(peers.index, 'index')))
    .prepare(),
);
const inOrder = prepared((db) => db.select().from(peers).orderBy(asc(peers.index)).prepare());

const updateHead = prepared((db) => {
  const { headEpoch, headSeq, headHash, headAt, headStatement } = peers;
  const head = {
    ...{ headEpoch: given(headEpoch, 'epoch'), headSeq: given(headSeq, 'seq'), headHash: given(headHash, 'hash') },
    ...{ headAt: given(headAt, 'at'), headStatement: given(headStatement, 'statement') },
  };
  const where = eq(peers.index, given(peers.index, 'index'));
  return db.update(peers).set(head).where(where).prepare();
});

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
  const row = ofIndex(db).get({ index });
  return row === undefined ? null : asPeer(row);
}

/** All peers in index order; a federation has at most 64. */
export function listPeers(db: Queries): readonly Peer[] {
  return inOrder(db).all().map(asPeer);
}

/**
 * Keeps the head that a peer shows, where it is the highest so far and continues the log that the peer showed before. `mayNote`:
 * whether a higher epoch may still be noted in the audit log.
 */
export function recordPeerHead(
  db: Queries,
  index: number,
  shown: ShownHead,
  now: number,
  mayNote: () => boolean = () => true,
): HeadVerdict {
  return transact(db, (tx): HeadVerdict => {
    const known = getPeer(tx, index);
    if (known === null) return { ok: false, reason: 'peer_unknown' };
    const { head: highest } = known;
    const reason = highest === null ? null : flawOf(highest, shown);
    if (highest !== null && reason !== null) return { ok: false, reason, highest };
    updateHead(tx).run({ ...shown, index });
    if (highest === null || shown.epoch <= highest.epoch) return { ok: true, epochRose: false };
    if (!mayNote()) return { ok: true, epochRose: true };
    const place = ({ epoch, seq, hash }: StateHeadRow) => ({ epoch, seq, hash });
    appendAudit(tx, now, 'peer_state_regressed', { index, from: place(highest), to: place(shown) });
    return { ok: true, epochRose: true };
  });
}

// One process's log only grows, so within a boot a lower head is merely late. Another process must vouch for what was
// seen last: a log brought back from a backup may have grown past it again, along another branch.
function flawOf(highest: ShownHead, shown: ShownHead): Exclude<HeadFlaw, 'peer_unknown'> | null {
  if (shown.epoch !== highest.epoch) return shown.epoch > highest.epoch ? null : 'regressed';
  if (shown.seq === highest.seq) return shown.hash === highest.hash ? null : 'forked';
  if (shown.boot === highest.boot) return shown.seq > highest.seq ? null : 'stale';
  if (shown.seq < highest.seq) return 'regressed';
  const { follows } = shown;
  const vouched = follows !== null && follows.epoch === highest.epoch && follows.seq === highest.seq;
  if (!vouched) return 'unproven';
  return follows.hash === highest.hash ? null : 'forked';
}

function asPeer(row: typeof peers.$inferSelect): Peer {
  const { headEpoch: epoch, headSeq: seq, headHash: hash, headAt: at, headStatement, ...peer } = row;
  if (hash === null || at === null) return { ...peer, head: null };
  const statement = headStatement ?? null;
  return { ...peer, head: { epoch, seq, hash, at, ...signedIn(statement), statement } };
}

const NOTHING_SIGNED = { boot: null, follows: null };
const signedHead = z.object({
  statement: z.object({
    boot: z.string(),
    follows: z.object({ epoch: z.number(), seq: z.number(), hash: z.string() }).nullable(),
  }),
});

// What the statement says besides the head itself; it was verified before it was kept.
function signedIn(statement: Json): Pick<ShownHead, 'boot' | 'follows'> {
  const parsed = signedHead.safeParse(statement);
  return parsed.success ? parsed.data.statement : NOTHING_SIGNED;
}
