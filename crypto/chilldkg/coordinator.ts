// A ChillDKG session from the coordinator's side. It holds no secret and is not trusted with any.

import { concatBytes } from '@noble/curves/utils.js';
import { requireLength, SIGNATURE_BYTES, scalarToBytes, ValueError } from '../secp256k1.ts';
import { firstInvalidSignature } from './certeq.ts';
import { FieldReader } from './encoding.ts';
import {
  type EncParticipantMessage,
  encCoordinatorInvestigate,
  encCoordinatorStep,
  encParticipantMessageBytes,
  readEncParticipantMessage,
  writeEncCoordinatorMessage,
} from './encpedpop.ts';
import { FaultyParticipantError, MsgParseError } from './errors.ts';
import { paramsValidate, type SessionParams } from './params.ts';
import type { DkgOutput } from './vss.ts';

/** The coordinator's state after its first step: plain data, none of it secret. */
export interface CoordinatorState {
  readonly params: SessionParams;
  /** What the certificate certifies. */
  readonly equalityInput: Uint8Array;
  readonly output: DkgOutput;
}

/** Throws a ValueError on a wrong length and a FaultyParticipantError on a message that does not parse. */
function readMessages(messages: readonly Uint8Array[], threshold: number): EncParticipantMessage[] {
  const count = messages.length;
  return messages.map((bytes, participantId) => {
    requireLength(bytes, encParticipantMessageBytes(threshold, count), `The message of participant ${participantId}`);
    try {
      return readEncParticipantMessage(new FieldReader(bytes), threshold, count);
    } catch (error) {
      if (error instanceof MsgParseError) throw new FaultyParticipantError(participantId, error.message);
      throw error;
    }
  });
}

/**
 * The coordinator's first step, on the first messages of all participants in index order. Its message is for all.
 * Throws a SessionParamsError, a ValueError on a wrong number or length of messages, a FaultyParticipantError, and a
 * ProtocolError if the participants' commitments cancel each other out.
 */
export function coordinatorStep1(
  participantMessages: readonly Uint8Array[],
  params: SessionParams,
): { readonly state: CoordinatorState; readonly message: Uint8Array } {
  paramsValidate(params);
  const { hostpubkeys, threshold } = params;
  if (participantMessages.length !== hostpubkeys.length) {
    throw new ValueError('There must be one message per participant.');
  }
  const messages = readMessages(participantMessages, threshold);
  const { message, output, equalityInput, encryptedShares } = encCoordinatorStep(messages, threshold, hostpubkeys);
  const sharesBytes = concatBytes(...encryptedShares.map(scalarToBytes));
  return {
    state: { params, equalityInput: concatBytes(equalityInput, sharesBytes), output },
    message: concatBytes(writeEncCoordinatorMessage(message), sharesBytes),
  };
}

/**
 * The coordinator's last step, on the participants' second messages (64 bytes each): the certificate for all, the
 * output (without a share) and the recovery data.
 * Throws a ValueError on a wrong number or length of messages and a FaultyParticipantError on an invalid signature.
 */
export function coordinatorFinalize(
  { params, equalityInput, output }: CoordinatorState,
  participantMessages: readonly Uint8Array[],
): { readonly message: Uint8Array; readonly output: DkgOutput; readonly recoveryData: Uint8Array } {
  if (participantMessages.length !== params.hostpubkeys.length) {
    throw new ValueError('There must be one message per participant.');
  }
  for (const [i, message] of participantMessages.entries()) {
    requireLength(message, SIGNATURE_BYTES, `The message of participant ${i}`);
  }
  const certificate = concatBytes(...participantMessages);
  const culprit = firstInvalidSignature(params.hostpubkeys, equalityInput, certificate);
  if (culprit !== null) {
    throw new FaultyParticipantError(culprit, 'Participant has provided an invalid signature for the certificate');
  }
  return { message: certificate, output, recoveryData: concatBytes(equalityInput, certificate) };
}

/**
 * The investigation message (65·n bytes) for each participant in index order, from the participants' first messages;
 * none is confidential. Throws a ValueError on a wrong length and a FaultyParticipantError.
 */
export function coordinatorInvestigate(
  participantMessages: readonly Uint8Array[],
  params: SessionParams,
): Uint8Array[] {
  return encCoordinatorInvestigate(readMessages(participantMessages, params.threshold));
}
