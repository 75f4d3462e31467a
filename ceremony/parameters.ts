// The parameters of a federation: which sizes are allowed, what all members must hold alike before keys are made, and
// whether a node's own secrets belong to the member it is.
import { equal, sha256, toHex } from '../crypto/bytes.ts';
import { canonicalBytes } from '../crypto/canonical-json.ts';
import { hostpubkeyGen } from '../crypto/chilldkg.ts';
import type { DkgContext } from './dkg/setup.ts';
import { PARTICIPANTS_MAX, THRESHOLD_MIN } from './fields.ts';

/** What the fingerprint covers of one member. Keys and the SHA-256 of the TLS certificate in hexadecimal. */
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

/** SHA-256, in hexadecimal, of everything that all members must hold alike; `members` in index order. */
export function parametersFingerprint(parameters: {
  readonly network: string;
  readonly threshold: number;
  /** The least deposit that is swept, in sats. */
  readonly depositMinSats: bigint;
  readonly members: readonly MemberParameters[];
}): string {
  const { network, threshold, depositMinSats, members } = parameters;
  const listed = members.map(({ index, name, address, identity_key, host_public_key, tls_fingerprint }) => ({
    index,
    name,
    address,
    identity_key,
    host_public_key,
    tls_fingerprint,
  }));
  const policy = { deposit_min_sats: `${depositMinSats}` };
  return toHex(sha256(canonicalBytes({ v: 1, network, n: members.length, t: threshold, policy, members: listed })));
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
