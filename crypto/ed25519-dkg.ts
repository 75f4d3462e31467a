// Key generation of the attestation key: PedPop (FROST paper, figure 1, with proofs of possession), whose polynomial and
// proof noble's FROST ciphersuite makes. Each round is a function of the participant's 32 random bytes and the messages,
// so a node that crashed repeats a round by calling it again. ChillDKG's transcript and echo checks are what make the
// broadcast one. Packages that were found good are remembered: each round meets them again.
import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js';
import { createFROST } from '@noble/curves/abstract/frost.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { BoundedCache } from './bounded-cache.ts';
import { concat, equal, sha256, sha512, toHex, u32be, utf8 } from './bytes.ts';
import { ED25519_SIGNATURE_BYTES, isPrimeOrderPoint, primeOrderPoint } from './ed25519.ts';
import { scalarOf, scalarOfHash } from './ed25519-binding.ts';
import { expandRandom, frostIdentifier } from './ed25519-frost.ts';
import type { GroupKey } from './scheme.ts';

type Suite = ReturnType<typeof createFROST>;

const POINT_BYTES = 32;
const SUITE_NAME = 'FROST-ED25519-SHA512-v1';
const RANDOM_DOMAIN = '0BTC_WIRE_ED25519_DKG/v1';
/** Most participants a key may have. */
export const DKG_PARTICIPANTS_MAX = 64;
/** Enough for two ceremonies of the largest size. */
const PACKAGES_KEPT_MAX = 2 * DKG_PARTICIPANTS_MAX;

const { Fn, BASE, ZERO } = ed25519.Point;

/** A dealer's commitments, all of prime order. */
type Commitment = readonly EdwardsPoint[];

const commitmentsKept = new BoundedCache<{ readonly points: Commitment }>(PACKAGES_KEPT_MAX);
const packagesKept = new BoundedCache<{ readonly points: Commitment }>(PACKAGES_KEPT_MAX);

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
  const made = begin(input);
  return { package: made.package, secret: { ...input, context: input.context.slice(), random: input.random.slice() } };
}

/** Round 2: checks the packages of all (in index order) and gives the 32-byte share for each recipient, own included. */
export function round2(
  secret: DkgSecret,
  packages: readonly Uint8Array[],
): { readonly ok: true; readonly shares: readonly Uint8Array[] } | DkgBlame {
  const checked = checkPackages(secret, packages);
  if (!checked.ok) return checked;
  const shares = packages.map((_, recipient) => {
    const x = BigInt(recipient + 1);
    const { coefficients } = checked;
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
  const { threshold, index: recipient } = secret;
  const summed = signingShareOf({ threshold, recipient, packages, shares: sharesToMe });
  if (!summed.ok) return summed;
  return { ...summed, groupKey: groupKeyOf(secret, checked.commitments) };
}

/**
 * The 32-byte signing share that the shares of all dealers give their recipient. `packages` and `shares` in index order;
 * each share is held against its dealer's package.
 */
export function signingShareOf(input: {
  readonly threshold: number;
  readonly recipient: number;
  readonly packages: readonly Uint8Array[];
  readonly shares: readonly Uint8Array[];
}): { readonly ok: true; readonly signingShare: Uint8Array } | DkgBlame {
  const { threshold, recipient, packages, shares } = input;
  let sum = Fn.ZERO;
  for (const [dealer, dealerPackage] of packages.entries()) {
    const points = commitmentOf(dealerPackage, threshold);
    if (typeof points === 'string') return { ok: false, culprit: dealer, reason: points };
    const share = scalarOf(shares[dealer]);
    if (share === null || !shareFits(points, recipient, share))
      return { ok: false, culprit: dealer, reason: 'bad_share' };
    sum = Fn.add(sum, share);
  }
  return { ok: true, signingShare: Uint8Array.from(Fn.toBytes(sum)) };
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
  const points = commitmentOf(claim.dealerPackage, claim.threshold);
  const share = scalarOf(claim.share);
  return typeof points !== 'string' && share !== null && shareFits(points, claim.recipient, share);
}

/** What `checkPackage` validates: a round-1 package, whose it is and what its proof must be bound to. */
export interface PackageClaim {
  readonly context: Uint8Array;
  readonly threshold: number;
  readonly dealer: number;
  readonly dealerPackage: Uint8Array;
}

/**
 * What is wrong with a round-1 package: its length, its points or its proof of possession; null if nothing is. Anybody
 * can check it, also long after the ceremony. Never throws on outside data.
 */
export function checkPackage(claim: PackageClaim): DkgFault | null {
  const checked = checkedPackage(claim);
  return typeof checked === 'string' ? checked : null;
}

// RFC 9591 leaves key generation open; noble hashes the proof of possession under the HDKG prefix of its suite. So a suite
// of its own for each context binds the proof to the ceremony.
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

function begin(secret: DkgSecret): { readonly package: Uint8Array; readonly coefficients: readonly bigint[] } {
  const signers = { min: secret.threshold, max: secret.participants };
  // The parameters are part of the domain: the same random bytes in another ceremony give another polynomial.
  const parameters = `${secret.index}/${secret.threshold}/${secret.participants}/${toHex(sha256(secret.context))}`;
  const draw = expandRandom(`${RANDOM_DOMAIN}/${parameters}`, secret.random);
  const made = suiteOf(secret.context).DKG.round1(frostIdentifier(secret.index), signers, undefined, draw);
  const { commitment, proofOfKnowledge } = made.public;
  const bytes = concat(Uint8Array.of(secret.threshold), ...commitment, proofOfKnowledge);
  return { package: bytes, coefficients: made.secret.coefficients ?? [] };
}

function checkPackages(
  secret: DkgSecret,
  packages: readonly Uint8Array[],
):
  | { readonly ok: true; readonly commitments: readonly Commitment[]; readonly coefficients: readonly bigint[] }
  | DkgBlame {
  assertInput(secret);
  if (packages.length !== secret.participants) throw new Error('one package from each participant');
  const { context, threshold, index } = secret;
  const commitments: Commitment[] = [];
  for (const [dealer, dealerPackage] of packages.entries()) {
    const checked = checkedPackage({ context, threshold, dealer, dealerPackage });
    if (typeof checked === 'string') return { ok: false, culprit: dealer, reason: checked };
    commitments.push(checked);
  }
  const own = begin(secret);
  if (!equal(packages[index] ?? new Uint8Array(0), own.package)) {
    return { ok: false, culprit: index, reason: 'own_package_altered' };
  }
  return { ok: true, commitments, coefficients: own.coefficients };
}

function checkedPackage({ context, threshold, dealer, dealerPackage }: PackageClaim): Commitment | DkgFault {
  const name = toHex(sha256(u32be(dealer), u32be(threshold), sha256(context), sha256(dealerPackage)));
  const known = packagesKept.find(name);
  if (known !== undefined) return known.points;
  const points = commitmentOf(dealerPackage, threshold);
  if (typeof points === 'string') return points;
  if (!provesPossession(context, dealer, points, dealerPackage)) return 'bad_proof';
  packagesKept.keep(name, { points });
  return points;
}

// Points of mixed order would make shares and keys that depend on how they were computed: each is checked, once.
function commitmentOf(dealerPackage: Uint8Array, threshold: number): Commitment | 'bad_length' | 'bad_point' {
  if (dealerPackage.length !== dkgPackageBytes(threshold) || dealerPackage[0] !== threshold) return 'bad_length';
  const name = toHex(sha256(dealerPackage));
  const known = commitmentsKept.find(name);
  if (known !== undefined) return known.points;
  const points: EdwardsPoint[] = [];
  for (let k = 0; k < threshold; k++) {
    const point = primeOrderPoint(dealerPackage.subarray(1 + k * POINT_BYTES, 1 + (k + 1) * POINT_BYTES));
    if (point === null) return 'bad_point';
    points.push(point);
  }
  commitmentsKept.keep(name, { points });
  return points;
}

// R = z·G − c·C0 with c = HDKG(id ‖ C0 ‖ R): what noble's round 2 checks without saying whose proof failed.
function provesPossession(context: Uint8Array, dealer: number, points: Commitment, dealerPackage: Uint8Array): boolean {
  const [constant] = points;
  const proof = dealerPackage.subarray(1 + points.length * POINT_BYTES);
  const R = proof.subarray(0, POINT_BYTES);
  const z = scalarOf(proof.subarray(POINT_BYTES));
  if (constant === undefined || z === null || !isPrimeOrderPoint(R)) return false;
  const id = Fn.toBytes(BigInt(dealer + 1));
  const c = scalarOfHash(sha512(utf8(proofPrefix(context)), id, dealerPackage.subarray(1, 1 + POINT_BYTES), R));
  return equal(BASE.multiplyUnsafe(z).subtract(constant.multiplyUnsafe(c)).toBytes(), R);
}

// The share is secret; that a zero share, which noble's multiplication refuses, does not fit gives nothing away.
function shareFits(points: Commitment, recipient: number, share: bigint): boolean {
  return share !== 0n && BASE.multiply(share).equals(valueAt(points, recipient));
}

// Horner's rule: x is small, so each step takes a few additions only.
function valueAt(points: Commitment, index: number): EdwardsPoint {
  const x = BigInt(index + 1);
  return points.reduceRight((value, point) => value.multiplyUnsafe(x).add(point), ZERO);
}

function groupKeyOf(secret: DkgSecret, commitments: readonly Commitment[]): GroupKey {
  const { threshold, participants } = secret;
  const sums = Array.from({ length: threshold }, (_, k) =>
    commitments.reduce((sum, points) => sum.add(points[k] ?? ZERO), ZERO),
  );
  const [publicKey] = sums;
  // n participants would have to conspire for a key or share that is the identity, and none of them could use it.
  const verifying = Array.from({ length: participants }, (_, index) => valueAt(sums, index));
  if (publicKey === undefined || publicKey.is0() || verifying.some((share) => share.is0())) {
    throw new Error('key generation gave the identity');
  }
  return {
    scheme: 'ed25519',
    threshold,
    participants,
    publicKey: publicKey.toBytes(),
    verifyingShares: verifying.map((share) => share.toBytes()),
  };
}

function assertInput({ index, participants, threshold, random }: DkgSecret): void {
  if (!Number.isInteger(participants) || participants > DKG_PARTICIPANTS_MAX) throw new Error('too many participants');
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > participants) throw new Error('wrong threshold');
  if (!Number.isInteger(index) || index < 0 || index >= participants) throw new Error('no participant of that index');
  if (random.length !== 32) throw new Error('randomness has 32 bytes');
}
