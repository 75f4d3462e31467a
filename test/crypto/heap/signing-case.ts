// What the signing process of the heap search is given, and what it must not leave behind.
import { readFileSync } from 'node:fs';
import { z } from 'zod';

export const SCALAR_BYTES = 32;

const publicSchema = z.strictObject({
  key: z.strictObject({ threshold: z.int(), publicKey: z.string(), verifyingShares: z.array(z.string()) }),
  /** The other signer's public nonces, one for each message. */
  others: z.array(z.string()),
  messages: z.array(z.string()),
});

/** The public data of a case. */
export type PublicCase = z.infer<typeof publicSchema>;

/** Reads it from its file. */
export function readPublic(path: string): PublicCase {
  return publicSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}
