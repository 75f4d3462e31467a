// The signatures under a treasury root that this node has gathered so far, so that opening goes on after a restart.
import { z } from 'zod';
import { loadCursor, saveCursor } from './cursors.ts';
import { type Outpoint, type Queries, transact } from './database.ts';

const signaturesSchema = z.record(z.string(), z.string());
const cursorOf = ({ txid, vout }: Outpoint): string => `treasury_root_signatures/${txid}:${vout}`;

/** Keeps an operator's signature, which the caller has verified. */
export function keepRootSignature(db: Queries, root: Outpoint, index: number, signature: string, now: number): void {
  transact(db, (tx) => {
    const known = Object.fromEntries(rootSignatures(tx, root));
    if (known[index] === signature) return;
    saveCursor(tx, cursorOf(root), { ...known, [index]: signature }, now);
  });
}

/** The signatures under a root, by the index of the operator. */
export function rootSignatures(db: Queries, root: Outpoint): ReadonlyMap<number, string> {
  const stored = signaturesSchema.safeParse(loadCursor(db, cursorOf(root)));
  const entries = stored.success ? Object.entries(stored.data) : [];
  return new Map(entries.map(([index, signature]) => [Number(index), signature]));
}
