// The parameters of a federation: which sizes are allowed, what all members must hold alike before keys are made, and
// whether a node's own secrets belong to the member it is.
import { equal, sha256, toHex } from '../crypto/bytes.ts';
import { canonicalBytes } from '../crypto/canonical-json.ts';
import { hostpubkeyGen } from '../crypto/chilldkg.ts';
import type { DkgContext } from './dkg/setup.ts';
import { PARTICIPANTS_MAX, THRESHOLD_MIN } from './fields.ts';
import type { SharedParameters } from './messages-dkg.ts';

/** The facts about one operator that must be equal at all operators. Keys and the SHA-256 of the TLS certificate in hexadecimal. */
export interface MemberParameters {
  readonly index: number;
  readonly name: string;
  readonly address: string;
  readonly identity_key: string;
  readonly host_public_key: string;
  readonly tls_fingerprint: string;
}

/** Why a threshold of t out of n is refused, as a sentence; null where it is allowed. */
export function thresholdFlaw(t: number, n: number): string | null {
  if (!Number.isInteger(t) || !Number.isInteger(n)) return 'threshold and number of participants are whole numbers';
  if (n > PARTICIPANTS_MAX) return `a federation has at most ${PARTICIPANTS_MAX} participants`;
  if (t < THRESHOLD_MIN) return 'with a threshold below 2 a single participant could sign alone';
  if (t > n) return 'the threshold is higher than the number of participants: nothing could ever be signed';
  if (2 * t <= n) return 'with a threshold of half or less, two separate groups could sign contradicting things';
  return null;
}

/** SHA-256, in hexadecimal, of everything about a member that all must hold alike. */
export function memberHash({ index, name, address, identity_key, host_public_key, tls_fingerprint }: MemberParameters) {
  return toHex(sha256(canonicalBytes({ index, name, address, identity_key, host_public_key, tls_fingerprint })));
}

/** The settings that differ between two operators, as `threshold: 3 there, 2 here`. Of cards only how many there are. */
export function settingDifferences(there: SharedParameters, here: SharedParameters): readonly string[] {
  const settings = ({ cards, ...rest }: SharedParameters) => ({ parties: cards.length, ...rest });
  const own = Object.entries(settings(here));
  const others = new Map<string, string | number>(Object.entries(settings(there)));
  return own
    .filter(([key, value]) => others.get(key) !== value)
    .map(([key, value]) => `${key}: ${others.get(key)} there, ${value} here`);
}

/** Throws where a setup contradicts itself or the node's secrets: the operator composed it wrongly. */
export function assertDkgContext({ setup, secrets }: DkgContext): void {
  const { myIndex, participants, threshold } = setup;
  const flaw = thresholdFlaw(threshold, participants.length);
  if (flaw !== null) throw new Error(flaw);
  if (participants.some(({ index }, i) => index !== i)) throw new Error('participants are not in index order');
  const own = participants[myIndex];
  if (own === undefined) throw new Error('this node is no participant');
  if (!equal(own.hostPublicKey, hostpubkeyGen(secrets.hostSecret)))
    throw new Error('the host secret is of another node');
  if (!equal(own.identityKey, secrets.identity.publicKey)) throw new Error('the identity key is of another node');
}
