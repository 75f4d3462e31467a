// SimplPedPop, the innermost layer of ChillDKG: Pedersen's DKG with proofs of possession, where the coordinator sums
// the commitments. Secret shares travel by a channel of their own, agreement on the result is left to outer layers.

import { concatBytes, equalBytes } from '@noble/curves/utils.js';
import {
  addSecrets,
  POINT_BYTES,
  type Point,
  pointToBytesOrInfinity,
  SCALAR_BYTES,
  type SecretScalar,
  SIGNATURE_BYTES,
  scalarToBytes,
  sumPoints,
  uintToBytes,
} from '../secp256k1.ts';
import type { FieldReader } from './encoding.ts';
import {
  FaultyCoordinatorError,
  FaultyParticipantError,
  FaultyParticipantOrCoordinatorError,
  ProtocolError,
  UnknownFaultyParticipantOrCoordinatorError,
} from './errors.ts';
import { firstInvalidPop, type PopClaim, popProve } from './pop.ts';
import {
  commit,
  commitToUnspendable,
  type DkgOutput,
  dkgOutput,
  generatePolynomial,
  InfiniteShareError,
  shareFor,
  shareMatches,
  type UnspendableCommitment,
  type VssCommitment,
  verifyingShareFor,
} from './vss.ts';

/** What a participant says: its commitment and the proof that it knows the secret in it. */
export interface SimplParticipantMessage {
  readonly commitment: VssCommitment;
  /** 64 bytes. */
  readonly pop: Uint8Array;
}

/** What the coordinator makes of the participants' messages. */
export interface SimplCoordinatorMessage {
  /** One per participant: needed one by one to verify the proofs. */
  readonly commitmentsToSecrets: readonly Point[];
  /** t − 1 sums over all participants. */
  readonly sumOfNonconstantTerms: readonly Point[];
  readonly pops: readonly Uint8Array[];
}

/** Length of a participant's message in bytes. */
export function simplParticipantMessageBytes(threshold: number): number {
  return POINT_BYTES * threshold + SIGNATURE_BYTES;
}

/** Length of the coordinator's message in bytes. */
export function simplCoordinatorMessageBytes(threshold: number, participants: number): number {
  return (POINT_BYTES + SIGNATURE_BYTES) * participants + POINT_BYTES * (threshold - 1);
}

/** Throws a MsgParseError on a malformed point. */
export function readSimplParticipantMessage(reader: FieldReader, threshold: number): SimplParticipantMessage {
  const commitment = reader.points(threshold, 'invalid VSS commitment');
  return { commitment, pop: reader.bytes(SIGNATURE_BYTES) };
}

export function writeSimplParticipantMessage({ commitment, pop }: SimplParticipantMessage): Uint8Array {
  return concatBytes(...commitment.map(pointToBytesOrInfinity), pop);
}

/** Throws a MsgParseError on a malformed point. */
export function readSimplCoordinatorMessage(
  reader: FieldReader,
  threshold: number,
  participants: number,
): SimplCoordinatorMessage {
  const commitmentsToSecrets = reader.points(participants, 'invalid commitment to secret');
  const sumOfNonconstantTerms = reader.points(threshold - 1, 'invalid sum commitment to non-constant term');
  return { commitmentsToSecrets, sumOfNonconstantTerms, pops: reader.items(participants, SIGNATURE_BYTES) };
}

export function writeSimplCoordinatorMessage(message: SimplCoordinatorMessage): Uint8Array {
  const points = [...message.commitmentsToSecrets, ...message.sumOfNonconstantTerms];
  return concatBytes(...points.map(pointToBytesOrInfinity), ...message.pops);
}

/** The sum of all commitments, and the bytes on which all must agree. */
interface Summed {
  readonly unspendable: UnspendableCommitment;
  readonly equalityInput: Uint8Array;
}

function sumCommitments(message: SimplCoordinatorMessage): Summed {
  const sum = [sumPoints(message.commitmentsToSecrets), ...message.sumOfNonconstantTerms];
  if (sum[0]?.is0()) throw new ProtocolError('The commitments to the secrets sum to the point at infinity');
  const equalityInput = concatBytes(uintToBytes(sum.length, 4), ...sum.map(pointToBytesOrInfinity));
  return { unspendable: commitToUnspendable(sum), equalityInput };
}

/** A participant's message and the shares, in index order, that it owes the others in private. */
export function simplParticipantStep1(
  seed: Uint8Array,
  threshold: number,
  participants: number,
  participantId: number,
  auxRand: Uint8Array,
): { readonly message: SimplParticipantMessage; readonly shares: readonly SecretScalar[] } {
  const polynomial = generatePolynomial(seed, threshold);
  const shares = Array.from({ length: participants }, (_, index) => shareFor(polynomial, index));
  const pop = popProve(polynomial[0] ?? new Uint8Array(0), participantId, auxRand);
  const commitment = commit(polynomial);
  for (const coefficient of polynomial) coefficient.fill(0);
  return { message: { commitment, pop }, shares };
}

/** Why a share did not fit: the share and what it should have been a share of. Secret. */
export interface SimplInvestigationData {
  readonly participantId: number;
  /** The sum of the partial shares received. */
  readonly share: SecretScalar;
  /** The verifying share it ought to match, untweaked. */
  readonly verifyingShare: Point;
}

/** The result of a participant's second step; where its share does not fit, what an investigation needs. */
export type SimplStep2Result =
  | { readonly ok: true; readonly output: DkgOutput; readonly equalityInput: Uint8Array }
  | { readonly ok: false; readonly investigation: SimplInvestigationData };

/**
 * Checks the coordinator's message and this participant's share (the sum of the partial shares sent to it).
 * Throws a FaultyCoordinatorError or a FaultyParticipantOrCoordinatorError.
 */
export function simplParticipantStep2(
  participantId: number,
  commitmentToSecret: Point,
  message: SimplCoordinatorMessage,
  share: SecretScalar,
): SimplStep2Result {
  const { commitmentsToSecrets, pops } = message;
  if (!commitmentsToSecrets[participantId]?.equals(commitmentToSecret)) {
    throw new FaultyCoordinatorError('Coordinator sent unexpected first group element for local participant id');
  }
  checkPops(participantId, commitmentsToSecrets, pops);
  const { unspendable, equalityInput } = sumCommitments(message);
  const { commitment, tweak, tweakPoint } = unspendable;
  const tweakedShare = addSecrets(share, scalarToBytes(tweak));
  const tweakedVerifyingShare = verifyingShareFor(commitment, participantId);
  if (!shareMatches(tweakedShare, tweakedVerifyingShare)) {
    const verifyingShare = tweakedVerifyingShare.subtract(tweakPoint);
    return { ok: false, investigation: { participantId, share, verifyingShare } };
  }
  const output = withBlame(
    () => dkgOutput(commitment, commitmentsToSecrets.length, tweakedShare),
    (culprit) =>
      culprit === participantId
        ? new ProtocolError(INFINITE_SHARE)
        : new FaultyParticipantOrCoordinatorError(culprit, INFINITE_SHARE),
  );
  return { ok: true, output, equalityInput };
}

const INFINITE_SHARE = 'Participant made its verifying share the point at infinity';

// The reference ends in a plain error here, which names nobody. Only the owner of a share knows what would cancel it.
function withBlame(make: () => DkgOutput, blame: (participantId: number) => ProtocolError): DkgOutput {
  try {
    return make();
  } catch (error) {
    throw error instanceof InfiniteShareError ? blame(error.participantId) : error;
  }
}

// Blames as the reference does: the first participant whose commitment or proof is invalid.
function checkPops(participantId: number, commitments: readonly Point[], pops: readonly Uint8Array[]): void {
  const claims: PopClaim[] = [];
  let infinite: number | null = null;
  for (const [i, commitment] of commitments.entries()) {
    if (i === participantId) continue;
    if (commitment.is0()) {
      infinite = i;
      break;
    }
    claims.push({ participantId: i, commitment, pop: pops[i] ?? new Uint8Array(0) });
  }
  const culprit = firstInvalidPop(claims);
  if (culprit !== null) {
    throw new FaultyParticipantOrCoordinatorError(culprit, 'Participant sent invalid proof-of-knowledge');
  }
  if (infinite !== null) throw new FaultyParticipantOrCoordinatorError(infinite, 'Participant sent invalid commitment');
}

/** The error for a share that does not fit. */
export function invalidShareError(): UnknownFaultyParticipantOrCoordinatorError {
  return new UnknownFaultyParticipantOrCoordinatorError(
    'Received invalid secshare; consider using participant_investigate() to determine a faulty party',
  );
}

/** The partial shares do not add up to the share: whoever added them is at fault, which only the outer layer knows. */
export class ShareSumError extends Error {
  override readonly name: string = 'ShareSumError';
}

/**
 * Names who sent a wrong partial share, given all partial shares sent to this participant and the coordinator's
 * partial verifying shares, both in index order. Never returns: throws the blame, or a ShareSumError.
 */
export function simplParticipantInvestigate(
  { participantId, share, verifyingShare }: SimplInvestigationData,
  partialVerifyingShares: readonly Point[],
  partialShares: readonly SecretScalar[],
): never {
  if (!sumPoints(partialVerifyingShares).equals(verifyingShare)) {
    throw new FaultyCoordinatorError('Sum of partial pubshares not equal to pubshare');
  }
  if (!equalBytes(partialShares.reduce(addSecrets, new Uint8Array(SCALAR_BYTES)), share)) {
    throw new ShareSumError('Sum of partial secshares not equal to secshare');
  }
  for (const [i, partialShare] of partialShares.entries()) {
    const expected = partialVerifyingShares[i];
    if (expected && shareMatches(partialShare, expected)) continue;
    if (i !== participantId) {
      throw new FaultyParticipantOrCoordinatorError(i, 'Participant sent invalid partial secshare');
    }
    throw new FaultyCoordinatorError('Coordinator fiddled with the share from me to myself');
  }
  throw new Error('An investigation was called for, but all inputs are consistent.');
}

/**
 * Sums the participants' messages. Throws a ProtocolError if the secrets sum to zero, which takes a conspiracy, and a
 * FaultyParticipantError where a verifying share is the point at infinity.
 */
export function simplCoordinatorStep(
  messages: readonly SimplParticipantMessage[],
  threshold: number,
): { readonly message: SimplCoordinatorMessage; readonly output: DkgOutput; readonly equalityInput: Uint8Array } {
  const coefficient = (j: number): Point[] => messages.flatMap(({ commitment }) => commitment[j] ?? []);
  const message: SimplCoordinatorMessage = {
    commitmentsToSecrets: coefficient(0),
    sumOfNonconstantTerms: Array.from({ length: threshold - 1 }, (_, j) => sumPoints(coefficient(j + 1))),
    pops: messages.map(({ pop }) => pop),
  };
  const { unspendable, equalityInput } = sumCommitments(message);
  const output = withBlame(
    () => dkgOutput(unspendable.commitment, messages.length, null),
    (culprit) => new FaultyParticipantError(culprit, INFINITE_SHARE),
  );
  return { message, output, equalityInput };
}

/** For each participant in index order, the verifying shares of the partial shares that the others owe it. */
export function simplCoordinatorInvestigate(messages: readonly SimplParticipantMessage[]): Point[][] {
  return messages.map((_, recipient) => messages.map(({ commitment }) => verifyingShareFor(commitment, recipient)));
}
