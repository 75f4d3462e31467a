// The root of the treasury line: the one outpoint with which everything that the federation spends begins. A node that
// signed two roots could help to pay a burn on each. So the first is written down before it is signed, and another only
// follows where the first can never be spent. migrations/0000_schema.sql holds it as triggers.
import { and, eq, isNull } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import type { BitcoinNetwork } from '../crypto/taproot.ts';
import { appendAudit } from './audit-log.ts';
import { type Outpoint, type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
import { treasuryRoots } from './schema.ts';

/** A root as the chain shows it; `amount` in sats. */
export interface RootRecord {
  readonly network: BitcoinNetwork;
  readonly keyId: string;
  readonly txid: string;
  readonly vout: number;
  readonly amount: bigint;
}

/** A stored root; times in ms since 1970. */
export interface TreasuryRoot extends RootRecord {
  /** When this node was about to sign it, or learned its certificate. */
  readonly signedAt: number;
  /** The signatures of all n nodes, or null while one is missing here. */
  readonly certificate: Json | null;
  /** When its funding was found double-spent for good, or null. */
  readonly deadAt: number | null;
}

/**
 * The verdict on a root. `repeated`: it was recorded before. `other_root`: another root of the key, or another amount, is
 * recorded and not dead. `root_dead`: this very root was given up. `data`: what is recorded.
 */
export type RootVerdict =
  | { readonly ok: true; readonly repeated: boolean }
  | { readonly ok: false; readonly reason: 'other_root' | 'root_dead'; readonly data: Json };

const ofKey = prepared((db) => {
  const { keyId, deadAt } = treasuryRoots;
  return db
    .select()
    .from(treasuryRoots)
    .where(and(eq(keyId, given(keyId, 'keyId')), isNull(deadAt)))
    .prepare();
});
const ofOutpoint = prepared((db) => {
  const { txid, vout } = treasuryRoots;
  return db
    .select()
    .from(treasuryRoots)
    .where(and(eq(txid, given(txid, 'txid')), eq(vout, given(vout, 'vout'))))
    .prepare();
});

/** Writes a root down, on disk when this returns: before this node signs it. Refused while another is not dead. */
export function recordRoot(db: Queries, root: RootRecord, now: number): RootVerdict {
  return transact(db, (tx): RootVerdict => {
    const verdict = insertRoot(tx, root, now);
    if (verdict.ok && !verdict.repeated) appendAudit(tx, now, 'treasury_root_signed', rootJson(root));
    return verdict;
  });
}

/**
 * Keeps the certificate of a root, which the caller has verified, and the root itself where this node has lost it. The
 * first certificate stays.
 */
export function keepRootCertificate(db: Queries, root: RootRecord, certificate: Json, now: number): RootVerdict {
  return transact(db, (tx): RootVerdict => {
    const verdict = insertRoot(tx, root, now);
    if (!verdict.ok) return verdict;
    if (getRoot(tx, root)?.certificate !== null) return { ok: true, repeated: true };
    tx.update(treasuryRoots).set({ certificate }).where(isAt(root)).run();
    appendAudit(tx, now, 'treasury_root_certified', rootJson(root));
    return { ok: true, repeated: false };
  });
}

/** Gives a root up: its funding was double-spent, `fork_confirmations` deep. Throws where it is unknown. */
export function markRootDead(db: Queries, outpoint: Outpoint, now: number): void {
  transact(db, (tx) => {
    const root = getRoot(tx, outpoint);
    if (root === null) throw new Error(`there is no treasury root ${outpoint.txid}:${outpoint.vout}`);
    if (root.deadAt !== null) return;
    tx.update(treasuryRoots).set({ deadAt: now }).where(isAt(outpoint)).run();
    appendAudit(tx, now, 'treasury_root_dead', rootJson(root));
  });
}

/** The root of a key that is not dead, or null. */
export function currentRoot(db: Queries, keyId: string): TreasuryRoot | null {
  return ofKey(db).get({ keyId }) ?? null;
}

/** A root by its outpoint, dead or not, or null. */
export function getRoot(db: Queries, { txid, vout }: Outpoint): TreasuryRoot | null {
  return ofOutpoint(db).get({ txid, vout }) ?? null;
}

function insertRoot(tx: Queries, { network, keyId, txid, vout, amount }: RootRecord, now: number): RootVerdict {
  const known = getRoot(tx, { txid, vout });
  if (known !== null && known.deadAt !== null) return { ok: false, reason: 'root_dead', data: rootJson(known) };
  const current = known ?? currentRoot(tx, keyId);
  if (current !== null) {
    const isSame =
      current.network === network &&
      current.keyId === keyId &&
      current.txid === txid &&
      current.vout === vout &&
      current.amount === amount;
    return isSame ? { ok: true, repeated: true } : { ok: false, reason: 'other_root', data: rootJson(current) };
  }
  tx.insert(treasuryRoots).values({ network, keyId, txid, vout, amount, signedAt: now }).run();
  return { ok: true, repeated: false };
}

function isAt({ txid, vout }: Outpoint) {
  return and(eq(treasuryRoots.txid, txid), eq(treasuryRoots.vout, vout));
}

function rootJson({ network, keyId, txid, vout, amount }: RootRecord) {
  return { network, key_id: keyId, txid, vout, amount: `${amount}` };
}
