// The errors of ChillDKG, named as in its reference and vectors, with the blame they carry. None holds a secret.

import { ValueError } from '../secp256k1.ts';

/** The host secret key is invalid, or not the one that the session expects. */
export class HostSeckeyError extends ValueError {
  override readonly name: string = 'HostSeckeyError';
}

/** The session parameters are invalid. */
export class SessionParamsError extends ValueError {
  override readonly name: string = 'SessionParamsError';
}

/** 1 ≤ t ≤ n ≤ 2³² − 1 does not hold. */
export class ThresholdOrCountError extends SessionParamsError {
  override readonly name: string = 'ThresholdOrCountError';
}

/** The host public key of `participantId` is not a compressed point. */
export class InvalidHostPubkeyError extends SessionParamsError {
  override readonly name: string = 'InvalidHostPubkeyError';
  readonly participantId: number;

  constructor(participantId: number) {
    super(`The host public key of participant ${participantId} is invalid`);
    this.participantId = participantId;
  }
}

/** Two participants have the same host public key: at least one of them copied it. */
export class DuplicateHostPubkeyError extends SessionParamsError {
  override readonly name: string = 'DuplicateHostPubkeyError';
  readonly participantId1: number;
  readonly participantId2: number;

  constructor(participantId1: number, participantId2: number) {
    super(`Participants ${participantId1} and ${participantId2} have the same host public key`);
    this.participantId1 = participantId1;
    this.participantId2 = participantId2;
  }
}

/** The randomness is all zeroes: the random number generator is broken. */
export class RandomnessError extends ValueError {
  override readonly name: string = 'RandomnessError';
}

/** The recovery data is malformed, or its certificate does not hold. */
export class RecoveryDataError extends ValueError {
  override readonly name: string = 'RecoveryDataError';
}

/** A message of the right length does not parse; the layer that knows its sender turns it into blame. */
export class MsgParseError extends ValueError {
  override readonly name: string = 'MsgParseError';
}

/** A received message breaks the protocol. */
export class ProtocolError extends Error {
  override readonly name: string = 'ProtocolError';
}

/** Raised by the coordinator: this participant is faulty, provided that messages arrived as sent. */
export class FaultyParticipantError extends ProtocolError {
  override readonly name: string = 'FaultyParticipantError';
  readonly participantId: number;

  constructor(participantId: number, message: string) {
    super(message);
    this.participantId = participantId;
  }
}

/** Raised by a participant: this other participant is faulty, or the coordinator is and frames them. No proof. */
export class FaultyParticipantOrCoordinatorError extends ProtocolError {
  override readonly name: string = 'FaultyParticipantOrCoordinatorError';
  readonly participantId: number;

  constructor(participantId: number, message: string) {
    super(message);
    this.participantId = participantId;
  }
}

/** Raised by a participant: the coordinator is faulty, provided that messages arrived as sent. */
export class FaultyCoordinatorError extends ProtocolError {
  override readonly name: string = 'FaultyCoordinatorError';
}

/**
 * Raised by a participant: someone sent a wrong encrypted share, and only `participantInvestigate` with a message
 * from the coordinator can tell who. What that needs is secret and is kept apart from the error.
 */
export class UnknownFaultyParticipantOrCoordinatorError extends ProtocolError {
  override readonly name: string = 'UnknownFaultyParticipantOrCoordinatorError';
}

/**
 * A recovery acknowledgment is not signed by `participantId`. The key itself is fine; it is only not confirmed that
 * this participant holds the recovery data.
 */
export class InvalidRecoveryAckError extends FaultyParticipantError {
  override readonly name: string = 'InvalidRecoveryAckError';
}
