// The transcript of a key ceremony: everything public that was said and what came of it, as canonical JSON. All nodes
// sign its hash with their identity keys; the n signatures are the certificate without which no key goes live.
import { z } from 'zod';
import { sha256, toHex } from '../crypto/bytes.ts';
import { canonicalBytes } from '../crypto/canonical-json.ts';
import type { Ed25519Signer } from '../crypto/ed25519.ts';
import { signJson, verifyJson } from '../crypto/identity.ts';
import { rootCertificateSchema } from '../crypto/root-certificate.ts';
import type { GroupKey } from '../crypto/scheme.ts';
import { ceremonyIdField, hexOf, hexUpTo, idField, indexField, PARTICIPANTS_MAX, THRESHOLD_MIN } from './fields.ts';
import { CHILLDKG_MESSAGE_BYTES_MAX, ED25519_PACKAGE_BYTES_MAX, shareBoxesField } from './messages-dkg.ts';

/** Domain tag of the identity signatures over a transcript hash. */
export const CEREMONY_CERTIFICATE_DOMAIN = '0BTC_WIRE_CEREMONY_CERTIFICATE/v1';
/** Largest recovery data: 4 + 33·t + 162·n bytes. */
export const RECOVERY_DATA_BYTES_MAX = 4 + (33 + 162) * PARTICIPANTS_MAX;

const outputSchema = (bytes: number) =>
  z.strictObject({ public_key: hexOf(bytes), verifying_shares: z.array(hexOf(bytes)).max(PARTICIPANTS_MAX) });

const packagesField = z.array(hexUpTo(ED25519_PACKAGE_BYTES_MAX)).max(PARTICIPANTS_MAX);

export const transcriptSchema = z.strictObject({
  v: z.literal(1),
  network: z.string().min(1).max(32),
  ceremony_id: ceremonyIdField,
  rehearsal: z.boolean(),
  attempt: idField,
  n: z.int().min(THRESHOLD_MIN).max(PARTICIPANTS_MAX),
  t: z.int().min(THRESHOLD_MIN).max(PARTICIPANTS_MAX),
  participants: z
    .array(
      z.strictObject({
        index: indexField,
        name: z.string().min(1).max(128),
        identity_key: hexOf(32),
        host_public_key: hexOf(33),
      }),
    )
    .max(PARTICIPANTS_MAX),
  chilldkg: z.strictObject({
    params_hash: hexOf(32),
    cmsg1: hexUpTo(CHILLDKG_MESSAGE_BYTES_MAX),
    cmsg2: hexUpTo(64 * PARTICIPANTS_MAX),
    recovery_data: hexUpTo(RECOVERY_DATA_BYTES_MAX),
  }),
  // Ceremonies of the first version kept no boxes.
  ed25519: z.union([
    z.strictObject({
      packages: packagesField,
      /** Sealed shares by recipient, then dealer: what ChillDKG's recovery data is to the bitcoin key. */
      boxes: z.array(shareBoxesField).max(PARTICIPANTS_MAX),
    }),
    z.strictObject({ packages: packagesField }),
  ]),
  outputs: z.strictObject({ bitcoin: outputSchema(33), attestation: outputSchema(32) }),
});

export const certificateSchema = z.strictObject({
  transcript_hash: hexOf(32),
  signatures: z.array(hexOf(64)).max(PARTICIPANTS_MAX),
});

const proofsSchema = z.strictObject({ bitcoin: hexOf(64).optional(), attestation: hexOf(64).optional() });

export const ceremonyFileSchema = z.strictObject({
  v: z.literal(1),
  transcript: transcriptSchema,
  certificate: certificateSchema,
  /** Signatures of the new keys themselves over `ceremony_proof`. */
  proofs: proofsSchema.optional(),
  /** How high the chain was for the exporting node when the ceremony began: where a restored node begins to look. */
  height: z.int().min(0).optional(),
  /** With which output the treasury line of the bitcoin key begins. Unlike the height, signed by all. */
  treasury_root: rootCertificateSchema.optional(),
});

/** Everything public that was said in a ceremony; bytes are lowercase hexadecimal. */
export type Transcript = Readonly<z.infer<typeof transcriptSchema>>;
/** All nodes' word that they saw the same transcript; `signatures` in index order. */
export type CeremonyCertificate = Readonly<z.infer<typeof certificateSchema>>;
/** The new keys' signatures over their own ceremony. */
export type CeremonyProofs = Readonly<z.infer<typeof proofsSchema>>;
/** What is exported and verified offline. */
export type CeremonyFile = Readonly<z.infer<typeof ceremonyFileSchema>>;

/** SHA-256 of the transcript's canonical JSON, in hexadecimal. */
export function transcriptHash(transcript: Transcript): string {
  return toHex(sha256(canonicalBytes(transcript)));
}

/** A node's signature over the hash, in hexadecimal. */
export function confirmTranscript(identity: Ed25519Signer, hash: string): string {
  return signJson(identity, CEREMONY_CERTIFICATE_DOMAIN, { transcript_hash: hash });
}

/** Whether the holder of an identity key (32 bytes) confirmed the transcript of this hash. */
export function isConfirmation(identityKey: Uint8Array, hash: string, signature: string): boolean {
  return verifyJson(identityKey, CEREMONY_CERTIFICATE_DOMAIN, { transcript_hash: hash }, signature);
}

/** A group key as the transcript states it. */
export function outputOf(key: GroupKey): Transcript['outputs']['bitcoin'] {
  return { public_key: toHex(key.publicKey), verifying_shares: key.verifyingShares.map((share) => toHex(share)) };
}
