// Proof that a second copy of this node is alive. It rests on what only this node's identity key can have made, so no peer
// can invent one: another start's session certificate that is later than this start, or a message of another start that
// was sent after this one began. An unsigned rejection proves nothing by itself; the certificate that comes with it does.
// Where the clock was ahead and has been set right, the last words of an ended process pass for such a message: peers show
// none that they heard so soon after this start that it may be one (operator/peers/peer-session.ts).
import { canonicalBytes } from '../../crypto/canonical-json.ts';
import { parseEnvelope, verifyEnvelope } from '../../crypto/envelope.ts';
import { type SessionCertificate, sessionKeyOf, verifySessionCertificate } from '../../crypto/identity.ts';
import type { DuplicateEvidence } from '../peers/messages-guard.ts';
import { type DuplicateSight, SUPERSEDED_MESSAGE_BYTES_MAX } from '../peers/peer-session.ts';

/** How much later than this start a message of an earlier one must have been sent: what a clock may be set back, in ms. */
export const DUPLICATE_MARGIN_MS = 1_000;

/** This start of the node, as its own certificate says it. */
export interface OwnStart {
  readonly session: SessionCertificate;
  readonly identityKey: Uint8Array;
}

/** What to show a peer of its copies; a larger message is left out. */
export function duplicateEvidence(sight: DuplicateSight): DuplicateEvidence {
  return { later: sight.later, earlier: sight.earlier };
}

/** Whether the evidence proves that another copy of this node lives, in one sentence; null where it does not. */
export function provenDuplicate(own: OwnStart, evidence: DuplicateEvidence): string | null {
  const later = otherStart(own, evidence.later);
  // A certificate is made only by a start; one that is later than this one began while this one was alive.
  if (later !== null && later.issued_at >= own.session.issued_at) {
    return `another copy of it was started at ${new Date(later.issued_at).toISOString()}`;
  }
  const earlier = evidence.earlier === null ? null : otherStart(own, evidence.earlier.session);
  if (evidence.earlier === null || earlier === null) return null;
  const bytes = canonicalBytes(evidence.earlier.envelope);
  if (bytes.length > SUPERSEDED_MESSAGE_BYTES_MAX) return null;
  const parsed = parseEnvelope(bytes);
  if (!parsed.ok) return null;
  const { envelope } = parsed;
  const isIts = envelope.boot === earlier.boot && envelope.from === earlier.index;
  if (!isIts || !verifyEnvelope(envelope, sessionKeyOf(earlier))) return null;
  if (envelope.sent_at <= own.session.issued_at + DUPLICATE_MARGIN_MS) return null;
  return `an earlier start of it was still sending at ${new Date(envelope.sent_at).toISOString()}`;
}

function otherStart({ session, identityKey }: OwnStart, value: unknown): SessionCertificate | null {
  const { network, index, boot } = session;
  const verdict = verifySessionCertificate(value, { identityKey, network, index });
  return verdict.ok && verdict.certificate.boot !== boot ? verdict.certificate : null;
}
