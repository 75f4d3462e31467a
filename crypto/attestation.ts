// Mint attestations: the bytes that the attestation key signs and the Wire ledger checks, and their JSON form (the
// design's Formats section). All times are in unix seconds, all amounts in sats.
//
// Byte order of a txid: its display order, the one that block explorers and RPC show, both as text in the signed bytes
// and as 32 bytes in the hashes below.
import { z } from 'zod';
import { concat, fromHex, sha256, toHex, u32le, u64le, utf8 } from './bytes.ts';
import { ED25519_SIGNATURE_BYTES, verifyEd25519 } from './ed25519.ts';
import { hexOf, u64Field, voutField } from './json-fields.ts';

/** A real attestation lets the depositor mint; a test attestation has another tag and lets nobody do anything. */
export type AttestationKind = 'mint' | 'test';

/** What is attested: the meaning that each participant derives and validates by itself. */
export interface AttestationFields {
  /** 64 lowercase hexadecimal characters, display order. */
  readonly depositTxid: string;
  readonly depositVout: number;
  /** 32 bytes. */
  readonly recipient: Uint8Array;
  readonly amountSats: bigint;
  readonly nonce: bigint;
  /** Unix seconds. */
  readonly expiry: bigint;
}

/** A signed attestation. */
export interface Attestation extends AttestationFields {
  /** 32 bytes in lowercase hexadecimal; the same for every attestation of one outpoint. */
  readonly id: string;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  /** Unix seconds; not signed. */
  readonly createdAt: bigint;
}

const DOMAIN: Record<AttestationKind, string> = {
  mint: '0BTC_WIRE_MINT_ATTESTATION',
  test: '0BTC_WIRE_TEST_ATTESTATION',
};
const NONCE_DOMAIN = '0BTC_WIRE_MINT_NONCE';
const ID_DOMAIN = '0BTC_WIRE_ATTESTATION_ID';

const attestationSchema = z.strictObject({
  id: hexOf(32),
  deposit_txid: hexOf(32),
  deposit_vout: voutField,
  recipient_pubkey_hash: hexOf(32),
  amount: u64Field,
  nonce: u64Field,
  signature: hexOf(ED25519_SIGNATURE_BYTES),
  expiry: u64Field,
  created_at: u64Field,
});

/** The JSON form; 64-bit integers are decimal strings. */
export type AttestationJson = Readonly<z.infer<typeof attestationSchema>>;

/** Verdict on an attestation from outside. */
export type AttestationVerdict =
  | { readonly ok: true; readonly attestation: Attestation }
  | { readonly ok: false; readonly reason: 'malformed' | 'wrong_id' | 'wrong_nonce' };

/**
 * The signed bytes: tag ‖ txid as 64 ASCII characters ‖ vout u32 LE ‖ recipient ‖ amount u64 LE ‖ nonce u64 LE ‖ expiry
 * u64 LE; 150 bytes. Throws where a field is out of range.
 */
export function attestationBytes(kind: AttestationKind, fields: AttestationFields): Uint8Array {
  if (fields.recipient.length !== 32) throw new Error('a recipient has 32 bytes');
  return concat(
    utf8(DOMAIN[kind]),
    utf8(toHex(txidBytes(fields.depositTxid))),
    u32le(fields.depositVout),
    fields.recipient,
    u64le(fields.amountSats),
    u64le(fields.nonce),
    u64le(fields.expiry),
  );
}

/**
 * The nonce of an outpoint, the same on every node: the first 8 bytes of SHA-256(tag ‖ txid, 32 bytes in display order
 * ‖ vout u32 LE) as a little-endian integer with the top bit cleared.
 */
export function mintNonce(depositTxid: string, depositVout: number): bigint {
  const hash = outpointHash(NONCE_DOMAIN, depositTxid, depositVout);
  return BigInt.asUintN(63, new DataView(hash.buffer).getBigUint64(0, true));
}

/** The id of an outpoint's attestation: SHA-256(tag ‖ txid, 32 bytes in display order ‖ vout u32 LE), hexadecimal. */
export function attestationId(depositTxid: string, depositVout: number): string {
  return toHex(outpointHash(ID_DOMAIN, depositTxid, depositVout));
}

/** The JSON form of an attestation. */
export function encodeAttestation(attestation: Attestation): AttestationJson {
  return {
    id: attestation.id,
    deposit_txid: attestation.depositTxid,
    deposit_vout: attestation.depositVout,
    recipient_pubkey_hash: toHex(attestation.recipient),
    amount: attestation.amountSats.toString(),
    nonce: attestation.nonce.toString(),
    signature: toHex(attestation.signature),
    expiry: attestation.expiry.toString(),
    created_at: attestation.createdAt.toString(),
  };
}

/** Reads the JSON form and checks that id and nonce are those of the outpoint. Does not verify the signature. */
export function parseAttestation(value: unknown): AttestationVerdict {
  const parsed = attestationSchema.safeParse(value);
  if (!parsed.success) return { ok: false, reason: 'malformed' };
  const json = parsed.data;
  if (json.id !== attestationId(json.deposit_txid, json.deposit_vout)) return { ok: false, reason: 'wrong_id' };
  const nonce = BigInt(json.nonce);
  if (nonce !== mintNonce(json.deposit_txid, json.deposit_vout)) return { ok: false, reason: 'wrong_nonce' };
  const attestation: Attestation = {
    id: json.id,
    depositTxid: json.deposit_txid,
    depositVout: json.deposit_vout,
    recipient: fromHex(json.recipient_pubkey_hash),
    amountSats: BigInt(json.amount),
    nonce,
    signature: fromHex(json.signature),
    expiry: BigInt(json.expiry),
    createdAt: BigInt(json.created_at),
  };
  return { ok: true, attestation };
}

/** Whether the attestation key (32 bytes) signed this attestation under the tag of `kind`. Expiry is not checked. */
export function verifyAttestation(kind: AttestationKind, attestation: Attestation, publicKey: Uint8Array): boolean {
  return verifyEd25519(publicKey, attestationBytes(kind, attestation), attestation.signature);
}

function outpointHash(domain: string, txid: string, vout: number): Uint8Array {
  return sha256(utf8(domain), txidBytes(txid), u32le(vout));
}

function txidBytes(txid: string): Uint8Array {
  return fromHex(txid, { bytes: 32 });
}
