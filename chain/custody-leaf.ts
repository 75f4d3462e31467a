// The JSON of a custody leaf, as it stands in the store: {"kind":"deposit","recipient":…} or {"kind":"treasury"}.
import { z } from 'zod';
import { fromHex, toHex } from '../crypto/bytes.ts';
import { hexOf } from '../crypto/json-fields.ts';
import { type CustodyLeaf, RECIPIENT_BYTES } from '../crypto/taproot.ts';

const leafSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('deposit'), recipient: hexOf(RECIPIENT_BYTES) }),
  z.strictObject({ kind: z.literal('treasury') }),
  z.strictObject({ kind: z.literal('test') }),
]);

/** The JSON of a leaf. */
export function leafJson(leaf: CustodyLeaf): { readonly [key: string]: string } {
  return leaf.kind === 'deposit' ? { kind: 'deposit', recipient: toHex(leaf.recipient) } : { kind: leaf.kind };
}

/** Reads the JSON of a leaf; null where it is none. */
export function parseLeaf(value: unknown): CustodyLeaf | null {
  const parsed = leafSchema.safeParse(value);
  if (!parsed.success) return null;
  return parsed.data.kind === 'deposit'
    ? { kind: 'deposit', recipient: fromHex(parsed.data.recipient, { bytes: RECIPIENT_BYTES }) }
    : parsed.data;
}
