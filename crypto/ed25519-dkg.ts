// Key generation of the attestation key: PedPop (FROST paper, figure 1, with proofs of possession), on noble's DKG of its
// FROST ciphersuite. Each round is a function of the participant's 32 random bytes and the messages, so a node that
// crashed repeats a round by calling it again. ChillDKG's transcript and echo checks are what make the broadcast one.
import { createFROST } from '@noble/curves/abstract/frost.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { concat, equal, sha256, sha512, toHex, utf8, zeroize } from './bytes.ts';
import { ED25519_SIGNATURE_BYTES, isPrimeOrderPoint } from './ed25519.ts';
import { expandRandom, frostIdentifier } from './ed25519-frost.ts';
import type { GroupKey } from './scheme.ts';

type Suite = ReturnType<typeof createFROST>;
type Round1Package = Parameters<Suite['DKG']['round2']>[1][number];

const POINT_BYTES = 32;
const SCALAR_BYTES = 32;
const SUITE_NAME = 'FROST-ED25519-SHA512-v1';
const RANDOM_DOMAIN = '0BTC_WIRE_ED25519_DKG/v1';
/** Most participants a key may have. */
export const DKG_PARTICIPANTS_MAX = 64;

const Fn = ed25519.Point.Fn;

/**
 * A participant's part in one attempt, and all it needs to repeat it. `random`: 32 fresh secret bytes. `context`: what the
 * attempt is known by (ceremony id, attempt); proofs of possession are bound to it and fail under any other.
 */
export interface DkgSecret {
  readonly index: number;
  readonly participants: number;
  readonly threshold: number;
  readonly context: Uint8Array;
  readonly random: Uint8Array;
}

/** What a bad contribution was. */
export type DkgFault = 'bad_length' | 'bad_point' | 'bad_proof' | 'bad_share' | 'own_package_altered';

/** Blame: the index of the participant whose contribution is bad (one's own where a relay altered one's package). */
export type DkgBlame = { readonly ok: false; readonly culprit: number; readonly reason: DkgFault };

/** Length of a round-1 package in bytes: count ‖ commitments ‖ proof of possession. */
export function dkgPackageBytes(threshold: number): number {
  return 1 + threshold * POINT_BYTES + ED25519_SIGNATURE_BYTES;
}

/** Round 1: the package for everybody: u8 t ‖ t commitments of 32 bytes ‖ 64-byte proof of possession. */
export function round1(input: DkgSecret): { readonly package: Uint8Array; readonly secret: DkgSecret } {
  assertInput(input);
  const { commitment, proofOfKnowledge } = begin(input).public;
  const bytes = concat(Uint8Array.of(input.threshold), ...commitment, proofOfKnowledge);
  return { package: bytes, secret: { ...input, context: input.context.slice(), random: input.random.slice() } };
}

/** Round 2: checks the packages of all (in index order) and gives the 32-byte share for each recipient, own included. */
export function round2(
  secret: DkgSecret,
  packages: readonly Uint8Array[],
): { readonly ok: true; readonly shares: readonly Uint8Array[] } | DkgBlame {
  const checked = checkPackages(secret, packages);
  if (!checked.ok) return checked;
  const coefficients = begin(secret).secret.coefficients ?? [];
  const shares = packages.map((_, recipient) => {
    const x = BigInt(recipient + 1);
    return Uint8Array.from(Fn.toBytes(coefficients.reduceRight((sum, c) => Fn.add(Fn.mul(sum, x), c), 0n)));
  });
  return { ok: true, shares };
}

/** Round 3: checks the shares sent to this participant (in index order, own included) and makes the keys of them. */
export function round3(
  secret: DkgSecret,
  packages: readonly Uint8Array[],
  sharesToMe: readonly Uint8Array[],
): { readonly ok: true; readonly signingShare: Uint8Array; readonly groupKey: GroupKey } | DkgBlame {
  const checked = checkPackages(secret, packages);
  if (!checked.ok) return checked;
  if (sharesToMe.length !== secret.participants) throw new Error('one share from each participant');
  const { threshold, index } = secret;
  for (const [dealer, share] of sharesToMe.entries()) {
    const dealerPackage = packages[dealer];
    if (dealerPackage === undefined || !verifyShare({ threshold, dealerPackage, recipient: index, share })) {
      return { ok: false, culprit: dealer, reason: 'bad_share' };
    }
  }
  const suite = suiteOf(secret.context);
  const state = begin(secret).secret;
  const others = checked.packages.filter((_, dealer) => dealer !== index);
  suite.DKG.round2(state, others);
  const shares = sharesToMe
    .map((share, dealer) => ({ identifier: frostIdentifier(dealer), signingShare: Uint8Array.from(share) }))
    .filter((_, dealer) => dealer !== index);
  const key = suite.DKG.round3(state, others, shares);
  zeroize(...shares.map((share) => share.signingShare));
  const signingShare = Uint8Array.from(key.secret.signingShare);
  zeroize(key.secret.signingShare);
  return { ok: true, signingShare, groupKey: groupKeyOf(secret, key.public) };
}

/** What `verifyShare` compares: `share` (32 bytes) from the dealer of `dealerPackage` to the participant `recipient`. */
export interface ShareClaim {
  readonly threshold: number;
  readonly dealerPackage: Uint8Array;
  readonly recipient: number;
  readonly share: Uint8Array;
}

/** Whether a share lies on the polynomial its dealer committed to (RFC 9591 appendix C.2). Never throws on outside data. */
export function verifyShare(claim: ShareClaim): boolean {
  const { threshold, dealerPackage, share } = claim;
  if (share.length !== SCALAR_BYTES || !hasPackageShape(dealerPackage, threshold)) return false;
  const secret = { identifier: frostIdentifier(claim.recipient), signingShare: Uint8Array.from(share) };
  const { commitment } = splitPackage(dealerPackage, claim.recipient);
  // noble asks for the group's size only to hold it against t; the commitments are what is checked.
  const signers = { min: threshold, max: DKG_PARTICIPANTS_MAX };
  try {
    suiteOf(new Uint8Array(0)).validateSecret(secret, { signers, commitments: commitment, verifyingShares: {} });
    return true;
  } catch {
    return false;
  } finally {
    zeroize(secret.signingShare);
  }
}

// RFC 9591 leaves key generation open; noble hashes the proof of possession under the HDKG prefix of its suite, so a
// suite of its own for each context binds the proof to the ceremony.
function suiteOf(context: Uint8Array): Suite {
  return createFROST({
    name: SUITE_NAME,
    Point: ed25519.Point,
    hash: (message) => Uint8Array.from(sha512(message)),
    H2: '',
    HDKG: proofPrefix(context),
  });
}

function proofPrefix(context: Uint8Array): string {
  return `${SUITE_NAME}dkg${toHex(sha256(context))}`;
}

function begin(secret: DkgSecret): ReturnType<Suite['DKG']['round1']> {
  const signers = { min: secret.threshold, max: secret.participants };
  // The parameters are part of the domain: the same random bytes in another ceremony give another polynomial.
  const parameters = `${secret.index}/${secret.threshold}/${secret.participants}/${toHex(sha256(secret.context))}`;
  const draw = expandRandom(`${RANDOM_DOMAIN}/${parameters}`, secret.random);
  return suiteOf(secret.context).DKG.round1(frostIdentifier(secret.index), signers, undefined, draw);
}

function checkPackages(
  secret: DkgSecret,
  packages: readonly Uint8Array[],
): { readonly ok: true; readonly packages: Round1Package[] } | DkgBlame {
  assertInput(secret);
  if (packages.length !== secret.participants) throw new Error('one package from each participant');
  const parsed: Round1Package[] = [];
  for (const [dealer, bytes] of packages.entries()) {
    const fault = packageFault(secret, dealer, bytes);
    if (fault !== null) return { ok: false, culprit: dealer, reason: fault };
    parsed.push(splitPackage(bytes, dealer));
  }
  const own = packages[secret.index];
  if (own === undefined || !equal(own, round1(secret).package)) {
    return { ok: false, culprit: secret.index, reason: 'own_package_altered' };
  }
  return { ok: true, packages: parsed };
}

function packageFault(secret: DkgSecret, dealer: number, bytes: Uint8Array): DkgFault | null {
  if (!hasPackageShape(bytes, secret.threshold)) return 'bad_length';
  const { commitment, proofOfKnowledge } = splitPackage(bytes, dealer);
  if (!commitment.every(isPrimeOrderPoint)) return 'bad_point';
  const [first] = commitment;
  const proven = first !== undefined && verifyProof(secret.context, dealer, first, proofOfKnowledge);
  return proven ? null : 'bad_proof';
}

// noble's round 2 checks the same proof but does not say whose failed. R = z·G − c·C0 with c = HDKG(id ‖ C0 ‖ R).
function verifyProof(context: Uint8Array, dealer: number, commitment: Uint8Array, proof: Uint8Array): boolean {
  const R = proof.slice(0, POINT_BYTES);
  if (!isPrimeOrderPoint(R)) return false;
  try {
    const z = Fn.fromBytes(proof.slice(POINT_BYTES));
    const id = Fn.toBytes(BigInt(dealer + 1));
    const hash = sha512(utf8(proofPrefix(context)), id, commitment, R);
    const c = Fn.create(BigInt(`0x${toHex(hash.reverse())}`));
    const point = ed25519.Point.fromBytes(Uint8Array.from(commitment));
    const expected = ed25519.Point.BASE.multiplyUnsafe(z).subtract(point.multiplyUnsafe(c));
    return equal(expected.toBytes(), R);
  } catch {
    return false;
  }
}

function hasPackageShape(bytes: Uint8Array, threshold: number): boolean {
  return bytes.length === dkgPackageBytes(threshold) && bytes[0] === threshold;
}

function splitPackage(bytes: Uint8Array, dealer: number): Round1Package {
  const threshold = bytes[0] ?? 0;
  const commitment = Array.from({ length: threshold }, (_, k) =>
    Uint8Array.from(bytes.subarray(1 + k * POINT_BYTES, 1 + (k + 1) * POINT_BYTES)),
  );
  const proofOfKnowledge = Uint8Array.from(bytes.subarray(1 + threshold * POINT_BYTES));
  return { identifier: frostIdentifier(dealer), commitment, proofOfKnowledge };
}

function groupKeyOf(secret: DkgSecret, made: ReturnType<Suite['DKG']['round3']>['public']): GroupKey {
  const [publicKey] = made.commitments;
  if (publicKey === undefined || !isPrimeOrderPoint(publicKey)) throw new Error('key generation gave no public key');
  const verifyingShares = Array.from({ length: secret.participants }, (_, index) => {
    const share = made.verifyingShares[frostIdentifier(index)];
    if (share === undefined) throw new Error('key generation left out a verifying share');
    return Uint8Array.from(share);
  });
  return {
    scheme: 'ed25519',
    threshold: secret.threshold,
    participants: secret.participants,
    publicKey: Uint8Array.from(publicKey),
    verifyingShares,
  };
}

function assertInput({ index, participants, threshold, random }: DkgSecret): void {
  if (!Number.isInteger(participants) || participants > DKG_PARTICIPANTS_MAX) throw new Error('too many participants');
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > participants) throw new Error('wrong threshold');
  if (!Number.isInteger(index) || index < 0 || index >= participants) throw new Error('no participant of that index');
  if (random.length !== 32) throw new Error('randomness has 32 bytes');
}
