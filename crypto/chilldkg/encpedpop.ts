// EncPedPop, the middle layer of ChillDKG: SimplPedPop with its secret shares encrypted, so that one untrusted
// coordinator can carry and sum everything.

import { concatBytes, equalBytes } from '@noble/curves/utils.js';
import {
  isNonzeroScalar,
  multiplySecret,
  POINT_BYTES,
  type Point,
  parsePoint,
  pointToBytes,
  pointToBytesOrInfinity,
  SCALAR_BYTES,
  type SecretScalar,
  scalarToBytes,
  sumScalars,
  ValueError,
} from '../secp256k1.ts';
import { dkgHash, type FieldReader } from './encoding.ts';
import { encryptionContext, encryptShares, type OwnKeys, padsFrom, withoutPads } from './encryption.ts';
import { FaultyCoordinatorError, type UnknownFaultyParticipantOrCoordinatorError } from './errors.ts';
import {
  invalidShareError,
  readSimplCoordinatorMessage,
  readSimplParticipantMessage,
  ShareSumError,
  type SimplCoordinatorMessage,
  type SimplInvestigationData,
  type SimplParticipantMessage,
  simplCoordinatorInvestigate,
  simplCoordinatorMessageBytes,
  simplCoordinatorStep,
  simplParticipantInvestigate,
  simplParticipantMessageBytes,
  simplParticipantStep1,
  simplParticipantStep2,
  writeSimplCoordinatorMessage,
  writeSimplParticipantMessage,
} from './simplpedpop.ts';
import type { DkgOutput } from './vss.ts';

/** What a participant says. */
export interface EncParticipantMessage {
  readonly simpl: SimplParticipantMessage;
  /** 33 bytes, not parsed: it is for the recipients to validate. */
  readonly publicNonce: Uint8Array;
  /** One per recipient, in index order. */
  readonly encryptedShares: readonly bigint[];
}

/** What the coordinator says to all. */
export interface EncCoordinatorMessage {
  readonly simpl: SimplCoordinatorMessage;
  /** 33 bytes from each participant. */
  readonly publicNonces: readonly Uint8Array[];
}

/** Length of a participant's message in bytes. */
export function encParticipantMessageBytes(threshold: number, participants: number): number {
  return simplParticipantMessageBytes(threshold) + POINT_BYTES + SCALAR_BYTES * participants;
}

/** Length of the coordinator's message in bytes. */
export function encCoordinatorMessageBytes(threshold: number, participants: number): number {
  return simplCoordinatorMessageBytes(threshold, participants) + POINT_BYTES * participants;
}

/** Length of the coordinator's investigation message in bytes. */
export function investigationMessageBytes(participants: number): number {
  return (SCALAR_BYTES + POINT_BYTES) * participants;
}

/** Throws a MsgParseError on a malformed commitment or encrypted share. */
export function readEncParticipantMessage(
  reader: FieldReader,
  threshold: number,
  participants: number,
): EncParticipantMessage {
  const simpl = readSimplParticipantMessage(reader, threshold);
  const publicNonce = reader.bytes(POINT_BYTES);
  return { simpl, publicNonce, encryptedShares: reader.scalars(participants, 'invalid encrypted secret share') };
}

export function writeEncParticipantMessage(message: EncParticipantMessage): Uint8Array {
  const { simpl, publicNonce, encryptedShares } = message;
  return concatBytes(writeSimplParticipantMessage(simpl), publicNonce, ...encryptedShares.map(scalarToBytes));
}

/** Throws a MsgParseError on a malformed commitment. */
export function readEncCoordinatorMessage(
  reader: FieldReader,
  threshold: number,
  participants: number,
): EncCoordinatorMessage {
  const simpl = readSimplCoordinatorMessage(reader, threshold, participants);
  return { simpl, publicNonces: reader.items(participants, POINT_BYTES) };
}

export function writeEncCoordinatorMessage({ simpl, publicNonces }: EncCoordinatorMessage): Uint8Array {
  return concatBytes(writeSimplCoordinatorMessage(simpl), ...publicNonces);
}

/** What a participant keeps between its steps; nothing of it is secret. */
export interface EncParticipantState {
  readonly participantId: number;
  readonly threshold: number;
  readonly encryptionKeys: readonly Uint8Array[];
  /** 33 bytes: this participant's commitment to its secret. */
  readonly commitmentToSecret: Uint8Array;
  /** 33 bytes. */
  readonly publicNonce: Uint8Array;
}

/** The encryption nonce that belongs to a seed. */
function encryptionNonce(simplSeed: Uint8Array): { readonly secret: Uint8Array; readonly public: Uint8Array } {
  const secret = dkgHash('encpedpop secnonce', simplSeed);
  if (!isNonzeroScalar(secret)) throw new Error('The encryption nonce is out of range: probability 2^-128.');
  return { secret, public: pointToBytes(multiplySecret(secret)) };
}

/** A participant's first step. `seed` and `random` are 32 bytes; the decryption key may serve as the seed. */
export function encParticipantStep1(
  seed: Uint8Array,
  own: OwnKeys,
  encryptionKeys: readonly Uint8Array[],
  threshold: number,
  random: Uint8Array,
): { readonly state: EncParticipantState; readonly message: EncParticipantMessage } {
  const { participantId } = own;
  const context = encryptionContext(threshold, encryptionKeys);
  // Shares and the nonce that encrypts them come from one seed: other shares always mean another nonce, and so no pad
  // is ever used for two shares.
  const simplSeed = dkgHash('encpedpop seed', seed, random, context);
  const auxRand = dkgHash('simplpedpop aux', simplSeed);
  const nonce = encryptionNonce(simplSeed);
  const count = encryptionKeys.length;
  const { message: simpl, shares } = simplParticipantStep1(simplSeed, threshold, count, participantId, auxRand);
  const encryptedShares = encryptShares(own, nonce, encryptionKeys, context, shares);
  for (const secret of [simplSeed, auxRand, nonce.secret, ...shares]) secret.fill(0);
  const [constant] = simpl.commitment;
  if (!constant) throw new ValueError('A commitment has at least one coefficient.');
  const commitmentToSecret = pointToBytes(constant);
  return {
    state: { participantId, threshold, encryptionKeys, commitmentToSecret, publicNonce: nonce.public },
    message: { simpl, publicNonce: nonce.public, encryptedShares },
  };
}

interface InvestigationData {
  readonly simpl: SimplInvestigationData;
  readonly pads: readonly SecretScalar[];
}

// Held beside the error, never in it: an error gets logged, and this decrypts shares.
const investigations = new WeakMap<UnknownFaultyParticipantOrCoordinatorError, InvestigationData>();

/**
 * A participant's second step; `encryptedShare` is the sum of what all sent to it. Throws a FaultyCoordinatorError, a
 * FaultyParticipantOrCoordinatorError, or an UnknownFaultyParticipantOrCoordinatorError, which can be investigated.
 */
export function encParticipantStep2(
  state: EncParticipantState,
  decryptionKey: Uint8Array,
  { simpl, publicNonces }: EncCoordinatorMessage,
  encryptedShare: bigint,
): { readonly output: DkgOutput; readonly equalityInput: Uint8Array } {
  const { participantId, threshold, encryptionKeys, publicNonce } = state;
  const reported = publicNonces[participantId];
  if (!reported || !equalBytes(reported, publicNonce)) {
    throw new FaultyCoordinatorError('Coordinator replied with wrong pubnonce');
  }
  const context = encryptionContext(threshold, encryptionKeys);
  const pads = padsFrom({ participantId, decryptionKey }, encryptionKeys, publicNonces, context);
  const share = withoutPads(encryptedShare, pads);
  const commitmentToSecret = parsePoint(state.commitmentToSecret);
  if (!commitmentToSecret) throw new ValueError('The state holds a malformed commitment.');
  const result = simplParticipantStep2(participantId, commitmentToSecret, simpl, share);
  if (!result.ok) {
    const error = invalidShareError();
    investigations.set(error, { simpl: result.investigation, pads });
    throw error;
  }
  for (const secret of [share, ...pads]) secret.fill(0);
  const equalityInput = concatBytes(result.equalityInput, ...encryptionKeys, ...publicNonces);
  return { output: result.output, equalityInput };
}

/** How many participants the failed session of this error has; throws a ValueError for an error of other origin. */
export function participantsUnderInvestigation(error: UnknownFaultyParticipantOrCoordinatorError): number {
  return investigationOf(error).pads.length;
}

function investigationOf(error: UnknownFaultyParticipantOrCoordinatorError): InvestigationData {
  const data = investigations.get(error);
  if (!data) throw new ValueError('The error does not come from a second step in this process.');
  return data;
}

/** Throws a MsgParseError on a malformed share or point. */
export function readInvestigationMessage(
  reader: FieldReader,
  participants: number,
): { readonly encryptedPartialShares: readonly bigint[]; readonly partialVerifyingShares: readonly Point[] } {
  const encryptedPartialShares = reader.scalars(participants, 'invalid encrypted partial secshare');
  return {
    encryptedPartialShares,
    partialVerifyingShares: reader.points(participants, 'invalid partial pubshare'),
  };
}

/** Names who is to blame for a failed second step. Never returns: throws the blame. */
export function encParticipantInvestigate(
  error: UnknownFaultyParticipantOrCoordinatorError,
  encryptedPartialShares: readonly bigint[],
  partialVerifyingShares: readonly Point[],
): never {
  const { simpl, pads } = investigationOf(error);
  const partialShares = encryptedPartialShares.map((encrypted, sender) => {
    return withoutPads(encrypted, pads.slice(sender, sender + 1));
  });
  try {
    return simplParticipantInvestigate(simpl, partialVerifyingShares, partialShares);
  } catch (blame) {
    // The encryption is additive: wrong sums under it are wrong sums of ciphertexts, which the coordinator added up.
    if (!(blame instanceof ShareSumError)) throw blame;
    throw new FaultyCoordinatorError('Sum of encrypted partial secshares not equal to encrypted secshare');
  }
}

/** The coordinator's step: sums the messages, and the encrypted shares for each recipient in index order. */
export function encCoordinatorStep(
  messages: readonly EncParticipantMessage[],
  threshold: number,
  encryptionKeys: readonly Uint8Array[],
): {
  readonly message: EncCoordinatorMessage;
  readonly output: DkgOutput;
  readonly equalityInput: Uint8Array;
  readonly encryptedShares: readonly bigint[];
} {
  const simpl = simplCoordinatorStep(
    messages.map((message) => message.simpl),
    threshold,
  );
  const publicNonces = messages.map(({ publicNonce }) => publicNonce);
  return {
    message: { simpl: simpl.message, publicNonces },
    output: simpl.output,
    equalityInput: concatBytes(simpl.equalityInput, ...encryptionKeys, ...publicNonces),
    encryptedShares: encryptionKeys.map((_, i) => sumScalars(messages.map((m) => m.encryptedShares[i] ?? 0n))),
  };
}

/** The investigation message for each participant in index order: what each sender sent it and committed to. */
export function encCoordinatorInvestigate(messages: readonly EncParticipantMessage[]): Uint8Array[] {
  const verifyingShares = simplCoordinatorInvestigate(messages.map(({ simpl }) => simpl));
  return verifyingShares.map((points, recipient) =>
    concatBytes(
      ...messages.map(({ encryptedShares }) => scalarToBytes(encryptedShares[recipient] ?? 0n)),
      ...points.map(pointToBytesOrInfinity),
    ),
  );
}
