// The root certificate: with which output the treasury line of a key begins, signed by the identity key of every operator.
// A node signs for one root only, so there is at most one certificate as long as one operator is honest.
import { z } from 'zod';
import { canonicalBytes, type Json } from './canonical-json.ts';
import { ED25519_SIGNATURE_BYTES, type Ed25519Signer } from './ed25519.ts';
import { signJson, verifyJson } from './identity.ts';
import { hexOf, satsField, voutField } from './json-fields.ts';

/** Domain tag of an operator's signature over the statement. */
export const TREASURY_ROOT_DOMAIN = '0BTC_WIRE_TREASURY_ROOT/v1';
/** Largest federation. */
const SIGNATURES_MAX = 64;
const KEY_ID_BYTES = 8;
const NETWORK_CHARACTERS_MAX = 32;

/** What every operator signs: `key_id` of the key that holds the line; the root's outpoint, and its amount in sats. */
export const rootStatementSchema = z.strictObject({
  v: z.literal(1),
  network: z.string().min(1).max(NETWORK_CHARACTERS_MAX),
  key_id: hexOf(KEY_ID_BYTES),
  txid: hexOf(32),
  vout: voutField,
  amount: satsField,
});

/** The statement and all signatures, in index order; lowercase hexadecimal. */
export const rootCertificateSchema = z.strictObject({
  statement: rootStatementSchema,
  signatures: z.array(hexOf(ED25519_SIGNATURE_BYTES)).min(1).max(SIGNATURES_MAX),
});

export type RootStatement = Readonly<z.infer<typeof rootStatementSchema>>;
export type RootCertificate = Readonly<z.infer<typeof rootCertificateSchema>>;

/** A root in the types of the program. `amount` in sats. */
export interface CertifiedOutput {
  readonly network: string;
  readonly keyId: string;
  readonly txid: string;
  readonly vout: number;
  readonly amount: bigint;
}

/** Verdict on a certificate. `signer`: the index of the first operator whose signature does not hold. */
export type RootCertificateVerdict =
  | { readonly ok: true; readonly certificate: RootCertificate }
  | { readonly ok: false; readonly reason: 'malformed' | 'wrong_count'; readonly signer: null }
  | { readonly ok: false; readonly reason: 'bad_signature'; readonly signer: number };

/** The statement about a root. Throws where a field breaks the format. */
export function rootStatement({ network, keyId, txid, vout, amount }: CertifiedOutput): RootStatement {
  return rootStatementSchema.parse({ v: 1, network, key_id: keyId, txid, vout, amount: `${amount}` });
}

/** The root that a statement is about. */
export function rootOf({ network, key_id, txid, vout, amount }: RootStatement): CertifiedOutput {
  return { network, keyId: key_id, txid, vout, amount: BigInt(amount) };
}

/** Whether two statements say the same. */
export function sameRoot(a: RootStatement, b: RootStatement): boolean {
  return Buffer.compare(canonicalBytes({ ...a }), canonicalBytes({ ...b })) === 0;
}

/** One operator's signature, in hexadecimal. The caller has written the root down durably, and signs for no other. */
export function signRoot(identity: Ed25519Signer, statement: RootStatement): string {
  return signJson(identity, TREASURY_ROOT_DOMAIN, { ...statement });
}

/** Whether the holder of this identity key (32 bytes) signed the statement. */
export function isRootSignature(identityKey: Uint8Array, statement: RootStatement, signature: string): boolean {
  return verifyJson(identityKey, TREASURY_ROOT_DOMAIN, { ...statement }, signature);
}

/** Validates a certificate of any origin; `identityKeys`: of all operators, 32 bytes each, in index order. Never throws. */
export function verifyRootCertificate(value: unknown, identityKeys: readonly Uint8Array[]): RootCertificateVerdict {
  const parsed = rootCertificateSchema.safeParse(value);
  if (!parsed.success) return { ok: false, reason: 'malformed', signer: null };
  const { statement, signatures } = parsed.data;
  if (signatures.length !== identityKeys.length) return { ok: false, reason: 'wrong_count', signer: null };
  const signer = identityKeys.findIndex((key, index) => !isRootSignature(key, statement, signatures[index] ?? ''));
  return signer < 0 ? { ok: true, certificate: parsed.data } : { ok: false, reason: 'bad_signature', signer };
}

/** The JSON of a certificate, as it is stored and exported. */
export function rootCertificateJson({ statement, signatures }: RootCertificate): Json {
  return { statement: { ...statement }, signatures: [...signatures] };
}
