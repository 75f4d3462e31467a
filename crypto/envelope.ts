// The peer message of the design's Formats section: RFC 8785 canonical JSON, signed by the sender's session key. TLS is
// the gate, this signature is the identity. Everything here validates; the counting of rejections is the caller's.
import { z } from 'zod';
import { utf8 } from './bytes.ts';
import { canonicalJson, type Json, nestsWithin, parseCanonicalJson } from './canonical-json.ts';
import { ED25519_SIGNATURE_BYTES, type Ed25519Signer } from './ed25519.ts';
import { BOOT_ID_BYTES, signJsonText, verifyJsonText } from './identity.ts';
import { hexOf } from './json-fields.ts';

/** Largest peer message, in bytes. */
export const PEER_MESSAGE_BYTES_MAX = 1024 * 1024;
/** Deepest nesting of a peer message. */
export const PEER_MESSAGE_DEPTH_MAX = 32;
/** How far a sender's clock may stand off, in milliseconds. */
export const CLOCK_SKEW_MS_MAX = 30_000;
/** How far below the highest sequence number a message may still arrive. */
export const REPLAY_WINDOW_MESSAGES = 1024;
/** Domain tag of the envelope signature. */
export const PEER_MESSAGE_DOMAIN = '0BTC_WIRE_PEER_MESSAGE/v1';

/** Every reason for which a peer message is turned away. */
export const ENVELOPE_REJECTIONS = [
  'wrong_version',
  'wrong_network',
  'wrong_recipient',
  'too_large',
  'malformed',
  'clock_skew',
  'replay',
  'superseded_boot',
  'unknown_sender',
  'bad_signature',
  'unknown_type',
  'bad_body',
] as const;
export type EnvelopeRejection = (typeof ENVELOPE_REJECTIONS)[number];

/**
 * A peer message. `from` and `to` are 0-based indices, `boot` the sender's boot id (16 bytes), `ceremony` may be empty,
 * `seq` starts at 1 for each boot and recipient, `sent_at` is in ms since 1970, `sig` is 64 bytes; bytes are lowercase
 * hexadecimal.
 */
export type PeerEnvelope = {
  readonly v: 1;
  readonly network: string;
  readonly from: number;
  readonly to: number;
  readonly boot: string;
  readonly ceremony: string;
  readonly type: string;
  readonly seq: number;
  readonly sent_at: number;
  readonly body: Json;
  readonly sig: string;
};

/** What the sender fills in. */
export type EnvelopeFields = Omit<PeerEnvelope, 'v' | 'sig'>;

const envelopeSchema = z.strictObject({
  v: z.literal(1),
  network: z.string().min(1).max(32),
  from: z.int().min(0).max(63),
  to: z.int().min(0).max(63),
  boot: hexOf(BOOT_ID_BYTES),
  ceremony: z.string().max(128),
  type: z.string().min(1).max(64),
  seq: z.int().min(1),
  sent_at: z.int().min(0),
  body: z.custom<Json>((value) => value !== undefined),
  sig: hexOf(ED25519_SIGNATURE_BYTES),
});

/** Signs a message. `bytes` is what goes over the wire. Throws where a field breaks the format or the size limit. */
export function sealEnvelope(
  fields: EnvelopeFields,
  signer: Ed25519Signer,
): { readonly envelope: PeerEnvelope; readonly bytes: Uint8Array } {
  const unsigned = { v: 1 as const, ...fields };
  const text = canonicalJson(unsigned);
  const envelope = envelopeSchema.parse({ ...unsigned, sig: signJsonText(signer, PEER_MESSAGE_DOMAIN, text) });
  const tail = tailOf(envelope);
  const signed = text.slice(0, -tail.length) + signatureMember(envelope) + tail;
  const bytes = utf8(signed);
  // The sender is held to what the receiver will accept, so that a message too deep or too large fails where it is made.
  const flaw = flawOf(bytes, signed);
  if (flaw !== null) throw new Error(`peer message of type ${fields.type} is ${flaw}`);
  return { envelope, bytes };
}

function flawOf(bytes: Uint8Array, text: string): 'too_large' | 'malformed' | null {
  if (bytes.length > PEER_MESSAGE_BYTES_MAX) return 'too_large';
  return nestsWithin(text, PEER_MESSAGE_DEPTH_MAX) ? null : 'malformed';
}

// RFC 8785 sorts members by name. What stands after the signature in the canonical text of an envelope, and the signature
// itself, are thus known: the text that was signed is the text without that member.
function tailOf({ to, type }: PeerEnvelope): string {
  return `,"to":${to},"type":${canonicalJson(type)},"v":1}`;
}

function signatureMember({ sig }: PeerEnvelope): string {
  return `,"sig":"${sig}"`;
}

// The canonical text that an envelope was read from: large messages are not written out again to verify them.
const texts = new WeakMap<PeerEnvelope, string>();

function unsignedText(envelope: PeerEnvelope): string {
  const text = texts.get(envelope);
  const { sig: _, ...unsigned } = envelope;
  if (text === undefined) return canonicalJson(unsigned);
  const tail = tailOf(envelope);
  return text.slice(0, text.length - tail.length - signatureMember(envelope).length) + tail;
}

/** Reads a message: size, strict UTF-8, nesting, canonical form, exact keys. Never throws; signature not yet checked. */
export function parseEnvelope(
  bytes: Uint8Array,
):
  | { readonly ok: true; readonly envelope: PeerEnvelope }
  | { readonly ok: false; readonly reason: 'too_large' | 'malformed' | 'wrong_version' } {
  const json = parseCanonicalJson(bytes, { bytesMax: PEER_MESSAGE_BYTES_MAX, depthMax: PEER_MESSAGE_DEPTH_MAX });
  if (!json.ok) return json;
  const parsed = envelopeSchema.safeParse(json.value);
  if (parsed.success) {
    texts.set(parsed.data, json.text);
    return { ok: true, envelope: parsed.data };
  }
  return { ok: false, reason: isOtherVersion(json.value) ? 'wrong_version' : 'malformed' };
}

/** Whether the holder of the session key (32 bytes) signed exactly this envelope. */
export function verifyEnvelope(envelope: PeerEnvelope, sessionKey: Uint8Array): boolean {
  return verifyJsonText(sessionKey, PEER_MESSAGE_DOMAIN, unsignedText(envelope), envelope.sig);
}

/** What `checkEnvelope` holds a message against. `now` in ms; a node is never its own known sender. */
export interface EnvelopeExpectation {
  readonly now: number;
  readonly network: string;
  readonly myIndex: number;
  readonly knownIndices: ReadonlySet<number>;
  readonly knownTypes: ReadonlySet<string>;
}

/** The checks that need no memory of earlier messages; null where all pass. Signature and replay come after. */
export function checkEnvelope(envelope: PeerEnvelope, expected: EnvelopeExpectation): EnvelopeRejection | null {
  if (envelope.network !== expected.network) return 'wrong_network';
  if (envelope.to !== expected.myIndex) return 'wrong_recipient';
  if (envelope.from === expected.myIndex || !expected.knownIndices.has(envelope.from)) return 'unknown_sender';
  if (Math.abs(envelope.sent_at - expected.now) > CLOCK_SKEW_MS_MAX) return 'clock_skew';
  if (!expected.knownTypes.has(envelope.type)) return 'unknown_type';
  return null;
}

/** The sequence numbers seen of one boot: bit i of `seen` stands for `highest − i`. Plain data; starts empty. */
export interface ReplayWindow {
  readonly highest: number;
  readonly seen: bigint;
}

/** Nothing seen yet. */
export const EMPTY_REPLAY_WINDOW: ReplayWindow = { highest: 0, seen: 0n };

const WINDOW_MASK = (1n << BigInt(REPLAY_WINDOW_MESSAGES)) - 1n;

/**
 * Takes a sequence number, or refuses one that was seen before or lies below the window. Only of a message whose signature
 * has been verified, as a stranger could move the window otherwise.
 */
export function acceptSequence(
  window: ReplayWindow,
  seq: number,
): { readonly ok: true; readonly window: ReplayWindow } | { readonly ok: false; readonly reason: 'replay' } {
  if (!Number.isSafeInteger(seq) || seq < 1) return { ok: false, reason: 'replay' };
  if (seq > window.highest) {
    const ahead = seq - window.highest;
    const kept = ahead >= REPLAY_WINDOW_MESSAGES ? 0n : (window.seen << BigInt(ahead)) & WINDOW_MASK;
    return { ok: true, window: { highest: seq, seen: kept | 1n } };
  }
  const behind = window.highest - seq;
  if (behind >= REPLAY_WINDOW_MESSAGES) return { ok: false, reason: 'replay' };
  const bit = 1n << BigInt(behind);
  if ((window.seen & bit) !== 0n) return { ok: false, reason: 'replay' };
  return { ok: true, window: { highest: window.highest, seen: window.seen | bit } };
}

function isOtherVersion(value: Json): boolean {
  return typeof value === 'object' && value !== null && 'v' in value && typeof value.v === 'number' && value.v !== 1;
}
