// A ChillDKG session from a participant's side: EncPedPop, then a certificate that all agree on its result.
// Replaying a session with the same host secret key, randomness and messages gives the same bytes.

import { concatBytes, equalBytes } from '@noble/curves/utils.js';
import { requireLength, SCALAR_BYTES, scalarToBytes, ValueError } from '../secp256k1.ts';
import { certificateBytes, firstInvalidSignature, hostSign } from './certeq.ts';
import { FieldReader } from './encoding.ts';
import {
  type EncParticipantState,
  encCoordinatorMessageBytes,
  encParticipantInvestigate,
  encParticipantStep1,
  encParticipantStep2,
  investigationMessageBytes,
  participantsUnderInvestigation,
  readEncCoordinatorMessage,
  readInvestigationMessage,
  writeEncParticipantMessage,
} from './encpedpop.ts';
import {
  FaultyCoordinatorError,
  HostSeckeyError,
  MsgParseError,
  RandomnessError,
  type UnknownFaultyParticipantOrCoordinatorError,
} from './errors.ts';
import { hostpubkeyGen, paramsValidate, participantIdOf, type SessionParams } from './params.ts';
import type { DkgOutput } from './vss.ts';

/** A participant's state after step 1: plain data, none of it secret. To be used for one step 2 only. */
export interface ParticipantState1 {
  readonly params: SessionParams;
  readonly enc: EncParticipantState;
}

/** A participant's state after step 2: plain data; `output` holds the secret signing share. */
export interface ParticipantState2 {
  readonly params: SessionParams;
  /** What the certificate certifies. */
  readonly equalityInput: Uint8Array;
  readonly output: DkgOutput;
}

/** Runs `read`; a message that does not parse is the coordinator's fault. */
function fromCoordinator<Message>(read: () => Message): Message {
  try {
    return read();
  } catch (error) {
    if (error instanceof MsgParseError) throw new FaultyCoordinatorError(error.message);
    throw error;
  }
}

/**
 * A participant's first step. `hostseckey` is 32 bytes, `random` 32 fresh random bytes. The message for the coordinator
 * has 33·t + 32·n + 97 bytes.
 * Throws a ValueError on wrong lengths, and a SessionParamsError. Throws a HostSeckeyError if the key is invalid or not
 * among the parameters, and a RandomnessError if `random` is all zeroes.
 */
export function participantStep1(
  hostseckey: Uint8Array,
  params: SessionParams,
  random: Uint8Array,
): { readonly state: ParticipantState1; readonly message: Uint8Array } {
  paramsValidate(params);
  const { hostpubkeys, threshold } = params;
  const participantId = participantIdOf(hostseckey, hostpubkeys, 'Host secret key does not match any host public key');
  requireLength(random, SCALAR_BYTES, 'The randomness');
  if (random.every((byte) => byte === 0)) throw new RandomnessError('The randomness is all zeroes');
  // The seed only ever enters a hash, and so the host secret key can serve as the seed and the decryption key.
  const own = { participantId, decryptionKey: hostseckey };
  const { state, message } = encParticipantStep1(hostseckey, own, hostpubkeys, threshold, random);
  return { state: { params, enc: state }, message: writeEncParticipantMessage(message) };
}

/**
 * A participant's second step, on the coordinator's first message (162·n + 33·(t − 1) bytes); `auxRand` is 32 bytes,
 * best fresh. The message for the coordinator is a 64-byte signature.
 *
 * From here on never erase the host secret key: others may already hold a certificate for the key made here, and with
 * their recovery data this participant must be able to recover its share.
 *
 * Throws a ValueError on wrong lengths, a HostSeckeyError if the key is not step 1's, a FaultyCoordinatorError, a
 * FaultyParticipantOrCoordinatorError, or an UnknownFaultyParticipantOrCoordinatorError: see `participantInvestigate`.
 */
export function participantStep2(
  hostseckey: Uint8Array,
  { params, enc }: ParticipantState1,
  coordinatorMessage: Uint8Array,
  auxRand: Uint8Array,
): { readonly state: ParticipantState2; readonly message: Uint8Array } {
  const hostpubkey = hostpubkeyGen(hostseckey);
  requireLength(auxRand, SCALAR_BYTES, 'The auxiliary randomness');
  const { hostpubkeys, threshold } = params;
  const { participantId } = enc;
  const expected = hostpubkeys[participantId];
  if (!expected || !equalBytes(hostpubkey, expected)) {
    throw new HostSeckeyError('Host secret key does not match the one used in participant_step1');
  }
  const count = hostpubkeys.length;
  const length = encCoordinatorMessageBytes(threshold, count) + SCALAR_BYTES * count;
  requireLength(coordinatorMessage, length, "The coordinator's message");
  const { message, encryptedShares } = fromCoordinator(() => {
    const reader = new FieldReader(coordinatorMessage);
    const read = readEncCoordinatorMessage(reader, threshold, count);
    return { message: read, encryptedShares: reader.scalars(count, 'invalid encrypted secret shares') };
  });
  const encryptedShare = encryptedShares[participantId];
  if (encryptedShare === undefined) throw new ValueError('There is no share for this participant.');
  const result = encParticipantStep2(enc, hostseckey, message, encryptedShare);
  // With the encrypted shares certified, all have the same recovery data.
  const equalityInput = concatBytes(result.equalityInput, ...encryptedShares.map(scalarToBytes));
  return {
    state: { params, equalityInput, output: result.output },
    message: hostSign('certeq message', hostseckey, participantId, equalityInput, auxRand),
  };
}

/**
 * A participant's last step, on the coordinator's second message (64·n bytes): when it returns, the session succeeded
 * for this participant, and the recovery data can convince everyone else. An error does not mean that it failed for
 * the others: keep the host secret key, and see `participantRecover`.
 * Throws a ValueError on a wrong length and a FaultyCoordinatorError on an invalid certificate.
 */
export function participantFinalize(
  { params, equalityInput, output }: ParticipantState2,
  coordinatorMessage: Uint8Array,
): { readonly output: DkgOutput; readonly recoveryData: Uint8Array } {
  const { hostpubkeys } = params;
  requireLength(coordinatorMessage, certificateBytes(hostpubkeys.length), "The coordinator's message");
  if (firstInvalidSignature(hostpubkeys, equalityInput, coordinatorMessage) !== null) {
    throw new FaultyCoordinatorError('Coordinator has provided a certificate with an invalid signature');
  }
  return { output, recoveryData: concatBytes(equalityInput, coordinatorMessage) };
}

/**
 * Finds out who is to blame for the error that `participantStep2` threw, in this process, with the coordinator's
 * investigation message for this participant (65·n bytes). After a restart, replay step 2 to get the error again.
 * Never returns: throws a FaultyParticipantOrCoordinatorError or a FaultyCoordinatorError; a ValueError on a wrong
 * length or an error of other origin.
 */
export function participantInvestigate(
  error: UnknownFaultyParticipantOrCoordinatorError,
  investigationMessage: Uint8Array,
): never {
  const count = participantsUnderInvestigation(error);
  requireLength(investigationMessage, investigationMessageBytes(count), 'The investigation message');
  const message = fromCoordinator(() => readInvestigationMessage(new FieldReader(investigationMessage), count));
  return encParticipantInvestigate(error, message.encryptedPartialShares, message.partialVerifyingShares);
}
