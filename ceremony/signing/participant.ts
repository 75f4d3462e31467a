// A participant's side of signing (BIP 445, RFC 9591 round two): checks that a request fits the key and the nonces this
// process issued, then makes one partial signature per message. Whether the request may be signed at all is validated
// before, where the messages are derived from the intent; this file only makes sure that no nonce serves twice.
import { fromHex, toHex, zeroize } from '../../crypto/bytes.ts';
import type { Tweak } from '../../crypto/scheme.ts';
import type { MessageBody } from '../messages.ts';
import type { RefusalReason } from '../refusals.ts';
import { atOnce, type Steps } from '../steps.ts';
import type { IssuedNonces, NonceOwner, TakenNonce, WantedNonces } from './nonce-pool.ts';

/** One message that the participant itself derived from the intent, and the key's tweaks for it. */
export interface DerivedMessage {
  readonly message: Uint8Array;
  readonly tweaks: readonly Tweak[];
}

/** What `answerSignRequest` works with. */
export interface ParticipantDesk {
  readonly owner: NonceOwner;
  /** The boot id of this process, 16 bytes in hexadecimal. */
  readonly boot: string;
  readonly nonces: IssuedNonces;
}

/** A parsed request, who sent it (authenticated), and the messages that this node derived from its intent, in order. */
export interface ValidatedRequest {
  readonly from: number;
  readonly request: MessageBody<'sign_request'>;
  readonly messages: readonly DerivedMessage[];
}

/** Partial signatures in the order of the messages (32 bytes each, hexadecimal), or a refusal. */
export type SignAnswer =
  | { readonly ok: true; readonly partials: readonly string[] }
  | { readonly ok: false; readonly reason: RefusalReason; readonly detail: string };

/** Null where a request fits the key; else the refusal. Takes no nonces: to be called first. */
export function checkSignRequest(desk: ParticipantDesk, validated: ValidatedRequest): SignAnswer | null {
  const { owner, boot } = desk;
  const { request, messages } = validated;
  if (request.scheme !== owner.scheme.name || request.key_id !== owner.keyId) {
    return refuse('unknown_key', 'the request names another key or scheme');
  }
  // As when a rehearsal has ended while this was validated: what it signed would be wrong, and this node blamed for it.
  if (owner.signingShare.every((byte) => byte === 0)) {
    return refuse('unknown_key', 'the share of this key has been erased meanwhile');
  }
  const flaw = signersFlaw(request.signers, owner.key.threshold, owner.key.participants);
  if (flaw !== null) return refuse('bad_request', flaw);
  if (!request.signers.includes(owner.index)) return refuse('bad_request', 'this node is not among the signers');
  if (!sameIndices(request.boots, request.signers)) return refuse('bad_request', 'boots do not go with the signers');
  if (request.messages.length !== messages.length) {
    return refuse('bad_request', `the intent gives ${messages.length} messages, not ${request.messages.length}`);
  }
  for (const { nonce_ids, nonce_commitment } of request.messages) {
    if (!sameIndices(nonce_ids, request.signers)) return refuse('bad_request', 'nonce ids do not go with the signers');
    const bytes = owner.scheme.name === 'ed25519' ? 64 * request.signers.length : owner.scheme.publicNonceBytes;
    if (nonce_commitment.length !== bytes * 2) return refuse('bad_request', 'a nonce commitment has the wrong length');
  }
  if (request.boots[owner.index] !== boot) {
    return refuse('nonce_unknown', 'the nonces are from an earlier start of this node');
  }
  return desk.nonces.holds(wantedBy(owner, validated)) ? null : refuse('nonce_unknown', NONCE_UNKNOWN);
}

/**
 * Signs every message of a validated request, or refuses. All nonces leave the pool before the first share is computed, and
 * are erased whatever happens. So no path leads to a second share from one of them.
 */
export function answerSignRequest(desk: ParticipantDesk, validated: ValidatedRequest): SignAnswer {
  return atOnce(answerSignRequestInSteps(desk, validated));
}

/** `answerSignRequest`, message by message; the first step has taken all nonces. Ended early, it erases them. */
export function* answerSignRequestInSteps(desk: ParticipantDesk, validated: ValidatedRequest): Steps<SignAnswer> {
  const flaw = checkSignRequest(desk, validated);
  if (flaw !== null) return flaw;
  const { owner } = desk;
  const taken = desk.nonces.take(wantedBy(owner, validated));
  if (taken === null) return refuse('nonce_unknown', NONCE_UNKNOWN);
  try {
    return yield* signAll(owner, validated, taken);
  } finally {
    zeroize(...taken.map((nonce) => nonce.secret));
  }
}

const NONCE_UNKNOWN = 'a nonce was not issued to this coordinator, or has been used';

function wantedBy(owner: NonceOwner, { from, request }: ValidatedRequest): WantedNonces {
  const ids = request.messages.map((message) => message.nonce_ids[owner.index] ?? '');
  return { peer: from, scheme: owner.scheme.name, keyId: owner.keyId, ids };
}

function* signAll(owner: NonceOwner, validated: ValidatedRequest, taken: readonly TakenNonce[]): Steps<SignAnswer> {
  const { request, messages } = validated;
  const partials: string[] = [];
  for (const [i, derived] of messages.entries()) {
    if (i > 0) yield;
    const nonce = taken[i];
    const commitment = request.messages[i]?.nonce_commitment;
    if (nonce === undefined || commitment === undefined) throw new Error('messages and nonces were counted before');
    const nonceCommitment = fromHex(commitment);
    if (owner.scheme.name === 'ed25519' && !holdsOwn(nonceCommitment, nonce.public, request.signers, owner.index)) {
      return refuse('bad_request', 'the nonce commitment does not hold the nonce of this node');
    }
    const session = { signers: request.signers, nonceCommitment, message: derived.message, tweaks: derived.tweaks };
    try {
      partials.push(toHex(owner.scheme.sign(owner.key, owner.index, owner.signingShare, nonce.secret, session)));
    } catch {
      // The scheme throws on commitments that are no points; its text is left out, as it is made next to secrets.
      return refuse('bad_request', 'the nonce commitment is malformed');
    }
  }
  return { ok: true, partials };
}

function holdsOwn(commitment: Uint8Array, own: Uint8Array, signers: readonly number[], index: number): boolean {
  const at = signers.indexOf(index) * own.length;
  return toHex(commitment.subarray(at, at + own.length)) === toHex(own);
}

/** What is wrong with a list of signers: ascending, distinct, within [0, n), t to n of them; null if nothing is. */
export function signersFlaw(signers: readonly number[], threshold: number, participants: number): string | null {
  if (signers.length < threshold) return `${signers.length} of ${threshold} signers that are needed`;
  if (signers.length > participants) return `${signers.length} signers, but only ${participants} participants`;
  for (const [i, signer] of signers.entries()) {
    if (!Number.isInteger(signer) || signer < 0 || signer >= participants) return 'a signer is no participant';
    if (i > 0 && signer <= (signers[i - 1] ?? signer)) return 'signers are not in ascending order';
  }
  return null;
}

function sameIndices(byIndex: Readonly<Record<string, string>>, signers: readonly number[]): boolean {
  return Object.keys(byIndex).length === signers.length && signers.every((signer) => Object.hasOwn(byIndex, signer));
}

function refuse(reason: RefusalReason, detail: string): SignAnswer {
  return { ok: false, reason, detail };
}
