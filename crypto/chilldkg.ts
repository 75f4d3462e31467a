// ChillDKG ("BIP DKG"): distributed key generation for BIP 445 over an untrusted coordinator. Layers, one file each:
// SimplPedPop (chilldkg/simplpedpop.ts) inside EncPedPop (chilldkg/encpedpop.ts) inside ChillDKG (participant.ts,
// coordinator.ts, recovery.ts), which adds host keys, the equality certificate and recovery. All messages are bytes.

export {
  type CoordinatorState,
  coordinatorFinalize,
  coordinatorInvestigate,
  coordinatorStep1,
} from './chilldkg/coordinator.ts';
export {
  DuplicateHostPubkeyError,
  FaultyCoordinatorError,
  FaultyParticipantError,
  FaultyParticipantOrCoordinatorError,
  HostSeckeyError,
  InvalidHostPubkeyError,
  InvalidRecoveryAckError,
  ProtocolError,
  RandomnessError,
  RecoveryDataError,
  SessionParamsError,
  ThresholdOrCountError,
  UnknownFaultyParticipantOrCoordinatorError,
} from './chilldkg/errors.ts';
export { hostpubkeyGen, paramsHash, paramsValidate, type SessionParams } from './chilldkg/params.ts';
export {
  type ParticipantState1,
  type ParticipantState2,
  participantFinalize,
  participantInvestigate,
  participantStep1,
  participantStep2,
} from './chilldkg/participant.ts';
export {
  coordinatorRecover,
  participantRecover,
  participantRecoveryAckSign,
  participantRecoveryAcksVerify,
} from './chilldkg/recovery.ts';
export { type DkgOutput, deriveUnspendableTaprootTweak } from './chilldkg/vss.ts';
export { ValueError } from './secp256k1.ts';
