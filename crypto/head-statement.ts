// A node's word on its own state: the head of its audit log, signed by the session key of the start that says it, with
// the identity key's certificate of that key. Peers keep the highest and show it to whoever speaks for the node later:
// nobody else can make one, so a peer that lies about what it saw has nothing to show.
import { z } from 'zod';
import type { Json } from './canonical-json.ts';
import { ED25519_SIGNATURE_BYTES } from './ed25519.ts';
import {
  BOOT_ID_BYTES,
  type Session,
  type SessionCertificate,
  sessionKeyOf,
  signJson,
  verifyJson,
  verifySessionCertificate,
} from './identity.ts';
import { hexOf } from './json-fields.ts';

/** Domain tag under which a session key signs a head. */
export const HEAD_STATEMENT_DOMAIN = '0BTC_WIRE_STATE_HEAD/v1';

const headSchema = z.strictObject({ epoch: z.int().min(0), seq: z.int().min(0), hash: hexOf(32) });
const statementSchema = z.strictObject({
  v: z.literal(1),
  network: z.string().min(1).max(32),
  index: z.int().min(0).max(63),
  boot: hexOf(BOOT_ID_BYTES),
  head: headSchema,
  follows: headSchema.nullable(),
  at: z.int().min(0),
  sig: hexOf(ED25519_SIGNATURE_BYTES),
});
const signedHeadSchema = z.strictObject({
  statement: statementSchema,
  session: z.custom<Json>((v) => v !== undefined),
});

/**
 * A point of an audit log: the row `seq` with its hash (64 lowercase hexadecimal characters). The epoch counts how often
 * the node was brought back from an older state; a higher epoch is newer whatever its `seq`.
 */
export type StateHead = Readonly<z.infer<typeof headSchema>>;

/**
 * The statement. `follows`: an earlier head that the signer says it has in its own log. So a new start of a node takes up
 * the head that an earlier one showed. `at` in ms since 1970.
 */
export type HeadStatement = Readonly<z.infer<typeof statementSchema>>;

/** A statement with the certificate of the session key that signed it. */
export type SignedHead = { readonly statement: HeadStatement; readonly session: SessionCertificate };

/** The JSON of a head, for messages and the audit log. */
export function headJson({ epoch, seq, hash }: StateHead): { epoch: number; seq: number; hash: string } {
  return { epoch, seq, hash };
}

/** Whether two heads are the same point of the same log. */
export function sameHead(a: StateHead, b: StateHead): boolean {
  return a.epoch === b.epoch && a.seq === b.seq && a.hash === b.hash;
}

/** Signs a head. */
export function signHead(
  session: Session,
  words: { readonly head: StateHead; readonly follows: StateHead | null; readonly at: number },
): SignedHead {
  const { network, index, boot } = session.certificate;
  const { head, follows, at } = words;
  const unsigned = {
    ...{ v: 1 as const, network, index, boot, at },
    ...{ head: headJson(head), follows: follows === null ? null : headJson(follows) },
  };
  const sig = signJson(session.signer, HEAD_STATEMENT_DOMAIN, unsigned);
  return { statement: statementSchema.parse({ ...unsigned, sig }), session: session.certificate };
}

/** The statement where a node of this identity made it (32-byte key, network, index), else null. Never throws. */
export function readSignedHead(
  value: unknown,
  of: { readonly identityKey: Uint8Array; readonly network: string; readonly index: number },
): SignedHead | null {
  const parsed = signedHeadSchema.safeParse(value);
  if (!parsed.success) return null;
  const { statement, session } = parsed.data;
  const certified = verifySessionCertificate(session, of);
  if (!certified.ok) return null;
  const { certificate } = certified;
  const { sig, ...unsigned } = statement;
  const isOf = unsigned.network === of.network && unsigned.index === of.index && unsigned.boot === certificate.boot;
  if (!isOf || !verifyJson(sessionKeyOf(certificate), HEAD_STATEMENT_DOMAIN, unsigned, sig)) return null;
  return { statement, session: certificate };
}
