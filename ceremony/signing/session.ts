// One signing session of the coordinator: a fixed set of signers, one nonce of each per message, and their answers. The
// final signatures are verified; only where one fails are the partial signatures verified, to name who lied.
import { fromHex, toHex, tryFromHex } from '../../crypto/bytes.ts';
import type { FrostScheme, GroupKey, SigningSession as SchemeSession } from '../../crypto/scheme.ts';
import type { Intent } from '../intent.ts';
import type { MessageBody } from '../messages.ts';
import type { PublicNonceJson } from '../messages-signing.ts';
import { atOnce, type Steps } from '../steps.ts';
import type { DerivedMessage } from './participant.ts';

/** What is to be signed, under which key. `messages` are those that the intent gives, in its order. */
export interface SigningTask {
  readonly scheme: FrostScheme;
  readonly keyId: string;
  readonly key: GroupKey;
  readonly intent: Intent;
  readonly messages: readonly DerivedMessage[];
}

/** One signer's contribution of nonces: one per message, and the start of the process that holds their secrets. */
export interface SignerNonces {
  readonly index: number;
  readonly boot: string;
  readonly nonces: readonly PublicNonceJson[];
}

/** A session under way. `parts` has one member per message. */
export interface OpenSession {
  readonly id: string;
  readonly signers: readonly number[];
  readonly request: MessageBody<'sign_request'>;
  readonly parts: readonly { readonly session: SchemeSession; readonly publicNonces: readonly Uint8Array[] }[];
  /** Partial signatures by index of the signer, one per message. */
  readonly responses: ReadonlyMap<number, readonly Uint8Array[]>;
}

/** Verdict on the nonces with which a session was to begin. */
export type SessionVerdict =
  | { readonly ok: true; readonly session: OpenSession }
  | { readonly ok: false; readonly culprit: number };

/** Opens a session with contributions in ascending order of index; names the first signer whose nonce is malformed. */
export function openSession(task: SigningTask, id: string, contributions: readonly SignerNonces[]): SessionVerdict {
  return atOnce(openSessionInSteps(task, id, contributions));
}

/** `openSession`, message by message. */
export function* openSessionInSteps(
  task: SigningTask,
  id: string,
  contributions: readonly SignerNonces[],
): Steps<SessionVerdict> {
  const signers = contributions.map((contribution) => contribution.index);
  const parts: OpenSession['parts'][number][] = [];
  const messages: MessageBody<'sign_request'>['messages'] = [];
  for (const [i, { message, tweaks }] of task.messages.entries()) {
    if (i > 0) yield;
    const publicNonces: Uint8Array[] = [];
    const nonceIds: Record<string, string> = {};
    for (const { index, nonces } of contributions) {
      const nonce = nonces[i];
      const bytes = nonce === undefined ? null : tryFromHex(nonce.nonce, { bytes: task.scheme.publicNonceBytes });
      if (nonce === undefined || bytes === null) return { ok: false, culprit: index };
      publicNonces.push(bytes);
      nonceIds[index] = nonce.id;
    }
    const combined = task.scheme.combineNonces(signers, publicNonces);
    if (!combined.ok) return combined;
    const { nonceCommitment } = combined;
    parts.push({ session: { signers, nonceCommitment, message, tweaks }, publicNonces });
    messages.push({ nonce_ids: nonceIds, nonce_commitment: toHex(nonceCommitment) });
  }
  const request = {
    session: id,
    key_id: task.keyId,
    scheme: task.scheme.name,
    intent: task.intent,
    signers,
    boots: Object.fromEntries(contributions.map(({ index, boot }) => [index, boot])),
    messages,
  };
  return { ok: true, session: { id, signers, request, parts, responses: new Map() } };
}

/** The session with one signer's partial signatures (hexadecimal) added. */
export function withResponse(session: OpenSession, signer: number, partials: readonly string[]): OpenSession {
  const responses = new Map(session.responses);
  responses.set(
    signer,
    partials.map((partial) => fromHex(partial)),
  );
  return { ...session, responses };
}

/** Whether every signer has answered. */
export function isAnswered(session: OpenSession): boolean {
  return session.signers.every((signer) => session.responses.has(signer));
}

/** The signatures of an answered session, one per message; or who gave wrong partial signatures. */
export type SessionOutcome =
  | { readonly ok: true; readonly signatures: readonly Uint8Array[] }
  | { readonly ok: false; readonly liars: readonly number[] };

/** How many signatures are verified together: few enough to be one step of a long work. */
const VERIFIED_AT_ONCE = 8;

/** Aggregates an answered session and verifies what comes out under the tweaked key. */
export function finishSession(task: SigningTask, session: OpenSession): SessionOutcome {
  return atOnce(finishSessionInSteps(task, session));
}

/** `finishSession`, message by message. */
export function* finishSessionInSteps(task: SigningTask, session: OpenSession): Steps<SessionOutcome> {
  const signed: Signed[] = [];
  let verified = 0;
  for (const [i, part] of session.parts.entries()) {
    // Where this node is none of the signers, R of each message is computed here for the first time.
    if (i > 0) yield;
    const partials = session.signers.map((signer) => session.responses.get(signer)?.[i] ?? new Uint8Array(0));
    const combined = task.scheme.aggregate(task.key, part.session, partials);
    if (!combined.ok) return { ok: false, liars: yield* liarsOf(task, session, [combined.culprit]) };
    signed.push({ session: part.session, signature: combined.signature });
    if (signed.length - verified < VERIFIED_AT_ONCE && signed.length < session.parts.length) continue;
    if (!isRight(task, signed.slice(verified))) {
      const liars = yield* liarsOf(task, session, []);
      if (liars.length === 0) throw new Error('right partial signatures gave a wrong signature');
      return { ok: false, liars };
    }
    verified = signed.length;
  }
  return { ok: true, signatures: signed.map(({ signature }) => signature) };
}

type Signed = { readonly session: SchemeSession; readonly signature: Uint8Array };

// One alone is verified as anybody else will verify it.
function isRight({ scheme, key }: SigningTask, signed: readonly Signed[]): boolean {
  const [only, ...more] = signed;
  if (only === undefined || more.length > 0) return scheme.verifyTogether(key, signed);
  return scheme.verify(scheme.outputKey(key, only.session.tweaks), only.session.message, only.signature);
}

// All messages are gone through, so that several liars in one session cost one extra session and not several.
function* liarsOf(task: SigningTask, session: OpenSession, known: readonly number[]): Steps<number[]> {
  const liars = new Set(known);
  for (const [i, part] of session.parts.entries()) {
    if (i > 0) yield;
    for (const [position, signer] of session.signers.entries()) {
      const nonce = part.publicNonces[position];
      const partial = session.responses.get(signer)?.[i];
      if (liars.has(signer) || nonce === undefined || partial === undefined) continue;
      if (!task.scheme.verifyPartial(task.key, signer, nonce, part.session, partial)) liars.add(signer);
    }
  }
  return [...liars].sort((a, b) => a - b);
}
