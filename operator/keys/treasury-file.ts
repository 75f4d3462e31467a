// The public file beside the key file: how high the chain was when the key was made, and the root certificate. A node that
// lost its database finds the line again with it, without asking anybody.

import { z } from 'zod';
import { utf8 } from '../../crypto/bytes.ts';
import { canonicalJson, type Json } from '../../crypto/canonical-json.ts';
import { rootCertificateJson, rootCertificateSchema } from '../../crypto/root-certificate.ts';
import type { KeyRing } from './key-ring.ts';

/** Largest such file, in bytes: 64 signatures take about 9 KB. */
export const TREASURY_FILE_BYTES_MAX = 64 * 1024;

const fileSchema = z.strictObject({
  v: z.literal(1),
  key_id: z.string().min(1).max(64),
  height: z.int().min(0).nullable(),
  certificate: rootCertificateSchema.nullable(),
});

/** What the file says of one key. `certificate`: not verified here. */
export type TreasuryFile = Readonly<z.infer<typeof fileSchema>>;

/** Reads the file; null where there is none, it is of another key, or it cannot be read as one. */
export async function readTreasuryFile(ring: KeyRing, keyId: string): Promise<TreasuryFile | null> {
  const bytes = await ring.readTreasury(TREASURY_FILE_BYTES_MAX);
  const file = bytes === null ? null : parseTreasuryFile(bytes);
  return file?.key_id === keyId ? file : null;
}

/** What such a file says, of whichever key; null where it cannot be read as one. */
export function parseTreasuryFile(bytes: Uint8Array): TreasuryFile | null {
  return fileSchema.safeParse(jsonOf(bytes)).data ?? null;
}

/** Writes the file, durably. */
export function writeTreasuryFile(ring: KeyRing, { key_id, height, certificate }: TreasuryFile): Promise<void> {
  const json: Json = {
    v: 1,
    key_id,
    height,
    certificate: certificate === null ? null : rootCertificateJson(certificate),
  };
  return ring.writeTreasury(utf8(`${canonicalJson(json)}\n`));
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
}
