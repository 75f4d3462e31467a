// The operator card: what organisations exchange before a federation exists. Signed by the identity key it carries, so a
// card vouches for its own integrity only; that it is the right card, people settle by reading its fingerprint aloud.
import { X509Certificate } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { z } from 'zod';
import { fromHex, sha256, utf8 } from './bytes.ts';
import { canonicalBytes, parseCanonicalJson } from './canonical-json.ts';
import { contactsJson, contactsSchema, shownLine } from './contacts.ts';
import { ED25519_SIGNATURE_BYTES, isPrimeOrderPoint } from './ed25519.ts';
import { type IdentitySecret, signJson, verifyJson } from './identity.ts';
import { hexOf } from './json-fields.ts';
import { toWords } from './words.ts';

/** Largest operator card, in bytes. */
export const OPERATOR_CARD_BYTES_MAX = 32 * 1024;
/** Domain tag of the card's signature. */
export const OPERATOR_CARD_DOMAIN = '0BTC_WIRE_OPERATOR_CARD/v1';
const FINGERPRINT_DOMAIN = '0BTC_WIRE_OPERATOR_CARD_FINGERPRINT/v1';
/**
 * Words in a fingerprint: 12 × 8 = 96 bits. Making another card with the fingerprint of a given one takes 2^96 tries. A
 * dishonest operator making two cards of its own with one fingerprint takes 2^48, which is why the ceremony compares the
 * full host keys as well.
 */
export const FINGERPRINT_WORD_COUNT = 12;

const cardSchema = z.strictObject({
  v: z.literal(1),
  network: shownLine(32),
  index: z.int().min(0).max(63),
  name: shownLine(100),
  address: z
    .string()
    .max(260)
    .refine((address) => isHostAndPort(address)),
  tls_certificate: z
    .string()
    .max(16_384)
    .refine((pem) => isCertificate(pem)),
  identity_key: hexOf(32).refine((key) => isPrimeOrderHex(key)),
  host_public_key: hexOf(33).refine((key) => isCompressedPoint(key)),
  contacts: contactsSchema,
  issued_at: z.int().min(0),
  sig: hexOf(ED25519_SIGNATURE_BYTES),
});

/**
 * A card. `address` is `host:port` (IPv6 in brackets), `tls_certificate` PEM, `identity_key` 32 and `host_public_key` 33
 * bytes in lowercase hexadecimal, `issued_at` in ms since 1970.
 */
export type OperatorCard = Readonly<z.infer<typeof cardSchema>>;

/** Verdict on a card from outside. */
export type CardVerdict =
  | { readonly ok: true; readonly card: OperatorCard }
  | { readonly ok: false; readonly reason: 'too_large' | 'malformed' | 'bad_signature'; readonly detail: string };

/** Fills in the identity key and signs; throws where a field breaks the format. */
export function signCard(
  fields: Omit<OperatorCard, 'v' | 'identity_key' | 'sig'>,
  identity: IdentitySecret,
): OperatorCard {
  const unsigned = { ...fields, v: 1 as const, identity_key: Buffer.from(identity.publicKey).toString('hex') };
  const plain = withoutAbsentContacts(unsigned);
  return cardSchema.parse({ ...plain, sig: signJson(identity, OPERATOR_CARD_DOMAIN, plain) });
}

/** The file form of a card: RFC 8785 bytes. */
export function encodeCard(card: OperatorCard): Uint8Array {
  return canonicalBytes(withoutAbsentContacts(card));
}

/**
 * Reads a card and verifies its signature. White space around the JSON is allowed, as editors and mail add it; inside,
 * the bytes must be canonical. Never throws.
 */
export function parseCard(bytes: Uint8Array): CardVerdict {
  const json = parseCanonicalJson(trimmed(bytes), { bytesMax: OPERATOR_CARD_BYTES_MAX, depthMax: 4 });
  if (!json.ok) return { ...json, detail: 'its text is no card, or was changed on the way' };
  const parsed = cardSchema.safeParse(json.value);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join('.') ?? '';
    return { ok: false, reason: 'malformed', detail: field === '' ? 'fields missing or unknown' : `field ${field}` };
  }
  return verifyCard(parsed.data)
    ? { ok: true, card: parsed.data }
    : { ok: false, reason: 'bad_signature', detail: 'the signature is not by the identity key on the card' };
}

/** Whether the card's identity key signed all the rest of it. */
export function verifyCard(card: OperatorCard): boolean {
  const { sig, ...unsigned } = card;
  return verifyJson(fromHex(card.identity_key), OPERATOR_CARD_DOMAIN, withoutAbsentContacts(unsigned), sig);
}

/** The words to read aloud, over the whole card with its signature. */
export function cardFingerprint(card: OperatorCard): readonly string[] {
  return toWords(sha256(utf8(FINGERPRINT_DOMAIN), encodeCard(card)).subarray(0, FINGERPRINT_WORD_COUNT));
}

// Optional members that are present but undefined are no JSON; a card without them is the same card.
function withoutAbsentContacts<T extends Pick<OperatorCard, 'contacts'>>(card: T) {
  return { ...card, contacts: contactsJson(card.contacts) };
}

function isHostAndPort(address: string): boolean {
  const match = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):([1-9][0-9]{0,4})$/.exec(
    address,
  );
  return match !== null && Number(match[1]) <= 65_535;
}

function isCertificate(pem: string): boolean {
  // One certificate and nothing else: further text would ride along under the signature unseen.
  if (!/^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n?$/.test(pem)) return false;
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

// zod runs refinements on texts that already failed the pattern as well, so these must cope with any text.
function isPrimeOrderHex(key: string): boolean {
  return /^[0-9a-f]{64}$/.test(key) && isPrimeOrderPoint(fromHex(key));
}

function isCompressedPoint(key: string): boolean {
  try {
    return key.length === 66 && secp256k1.Point.fromHex(key) !== undefined;
  } catch {
    return false;
  }
}

function trimmed(bytes: Uint8Array): Uint8Array {
  const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
  let [start, end] = [0, bytes.length];
  while (start < end && isSpace(bytes[start])) start++;
  while (end > start && isSpace(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}
