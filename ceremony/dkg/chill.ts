// The bitcoin key's generation within a ceremony: ChillDKG, as verdicts. What its functions throw about others'
// messages becomes a fault that names who. All is determined by the arguments, so replaying a ceremony repeats it bit
// for bit.
import { zeroize } from '../../crypto/bytes.ts';
import {
  type CoordinatorState,
  coordinatorFinalize,
  coordinatorInvestigate,
  coordinatorStep1,
  FaultyCoordinatorError,
  FaultyParticipantError,
  FaultyParticipantOrCoordinatorError,
  type ParticipantState1,
  type ParticipantState2,
  ProtocolError,
  participantFinalize,
  participantInvestigate,
  participantStep1,
  participantStep2,
  type SessionParams,
  UnknownFaultyParticipantOrCoordinatorError,
} from '../../crypto/chilldkg.ts';
import type { GroupKey } from '../../crypto/scheme.ts';
import type { AbortReason } from '../messages-dkg.ts';
import { type Attempt, derive, faultOf, type OrFault, passedOnFault } from './attempt.ts';
import { type DkgSetup, type Fault, nameOf } from './setup.ts';

/** ChillDKG's parameters of a setup. */
export function chillParams(setup: Pick<DkgSetup, 'participants' | 'threshold'>): SessionParams {
  return { hostpubkeys: setup.participants.map(({ hostPublicKey }) => hostPublicKey), threshold: setup.threshold };
}

/** Length of a participant's first ChillDKG message in bytes. */
export function pmsg1Bytes({ threshold, participants }: Pick<DkgSetup, 'participants' | 'threshold'>): number {
  return 33 * threshold + 32 * participants.length + 97;
}

/** First step of a participant: its state and first message. */
export function chillStep1(attempt: Attempt): { readonly state1: ParticipantState1; readonly pmsg1: Uint8Array } {
  const { setup, secrets } = attempt.context;
  const random = derive(attempt.random, 'chilldkg');
  const { state, message } = participantStep1(secrets.hostSecret, chillParams(setup), random);
  zeroize(random);
  return { state1: state, pmsg1: message };
}

/** The outcome of ChillDKG's second step; `unknown` where only the coordinator can tell whose fault it is. */
export type ChillStep2 =
  | { readonly kind: 'agreed'; readonly state2: ParticipantState2; readonly pmsg2: Uint8Array }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'fault'; readonly fault: Fault };

/** ChillDKG's second step of a participant, on the coordinator's first message. */
export function chillStep2(attempt: Attempt, state1: ParticipantState1, cmsg1: Uint8Array): ChillStep2 {
  const { setup, secrets } = attempt.context;
  const n = setup.participants.length;
  if (cmsg1.length !== 162 * n + 33 * (setup.threshold - 1)) {
    return { kind: 'fault', fault: faultOf('invalid_message', attempt.coordinator, 'cmsg1 has a wrong length') };
  }
  const aux = derive(attempt.random, 'auxiliary');
  try {
    const { state, message } = participantStep2(secrets.hostSecret, state1, cmsg1, aux);
    return { kind: 'agreed', state2: state, pmsg2: message };
  } catch (error) {
    if (error instanceof UnknownFaultyParticipantOrCoordinatorError) return { kind: 'unknown' };
    return { kind: 'fault', fault: chillFault(attempt, error) };
  } finally {
    zeroize(aux);
  }
}

/** Whose fault an `unknown` outcome is, by the coordinator's investigation message (65·n bytes). */
export function investigate(attempt: Attempt, state1: ParticipantState1, cmsg1: Uint8Array, cinv: Uint8Array): Fault {
  const { setup, secrets } = attempt.context;
  if (cinv.length !== 65 * setup.participants.length) {
    return faultOf('invalid_message', attempt.coordinator, 'the investigation message has a wrong length');
  }
  const aux = derive(attempt.random, 'auxiliary');
  try {
    // The error that the investigation starts from lives in this process only; the step is repeated to have it.
    participantStep2(secrets.hostSecret, state1, cmsg1, aux);
  } catch (error) {
    if (!(error instanceof UnknownFaultyParticipantOrCoordinatorError)) return chillFault(attempt, error);
    try {
      participantInvestigate(error, cinv);
    } catch (found) {
      return chillFault(attempt, found);
    }
  } finally {
    zeroize(aux);
  }
  throw new Error('ChillDKG did not fail when it was repeated');
}

/** ChillDKG's last step of a participant: its share of the bitcoin key. */
export function chillFinish(
  attempt: Attempt,
  state2: ParticipantState2,
  cmsg2: Uint8Array,
): OrFault<{ readonly groupKey: GroupKey; readonly signingShare: Uint8Array; readonly recoveryData: Uint8Array }> {
  const { setup } = attempt.context;
  if (cmsg2.length !== 64 * setup.participants.length) {
    return { ok: false, fault: faultOf('invalid_message', attempt.coordinator, 'cmsg2 has a wrong length') };
  }
  try {
    const { output, recoveryData } = participantFinalize(state2, cmsg2);
    if (output.signingShare === null) throw new Error('ChillDKG gave no share');
    const { publicKey, verifyingShares, signingShare } = output;
    const groupKey = bitcoinKey(setup.threshold, publicKey, verifyingShares);
    return { ok: true, groupKey, signingShare, recoveryData };
  } catch (error) {
    const fault = chillFault(attempt, error);
    return { ok: false, fault: { ...fault, reason: 'invalid_certificate' } };
  }
}

/** A bitcoin group key of ChillDKG's public output. */
export function bitcoinKey(threshold: number, publicKey: Uint8Array, verifyingShares: readonly Uint8Array[]): GroupKey {
  return { scheme: 'bip340', threshold, participants: verifyingShares.length, publicKey, verifyingShares };
}

/** The coordinator's first step, on all participants' first messages (right lengths). */
export function coordinate(
  setup: DkgSetup,
  pmsgs1: readonly Uint8Array[],
): OrFault<{ readonly state: CoordinatorState; readonly cmsg1: Uint8Array }> {
  try {
    const { state, message } = coordinatorStep1(pmsgs1, chillParams(setup));
    return { ok: true, state, cmsg1: message };
  } catch (error) {
    return { ok: false, fault: contributionFault(setup, error, 'invalid_contribution') };
  }
}

/** The coordinator's last step, on all participants' signatures. */
export function certify(
  setup: DkgSetup,
  state: CoordinatorState,
  pmsgs2: readonly Uint8Array[],
): OrFault<{ readonly cmsg2: Uint8Array }> {
  try {
    return { ok: true, cmsg2: coordinatorFinalize(state, pmsgs2).message };
  } catch (error) {
    return { ok: false, fault: contributionFault(setup, error, 'invalid_certificate') };
  }
}

/** The investigation message for each participant. */
export function investigationMessages(setup: DkgSetup, pmsgs1: readonly Uint8Array[]): readonly Uint8Array[] {
  return coordinatorInvestigate(pmsgs1, chillParams(setup));
}

function chillFault(attempt: Attempt, error: unknown): Fault {
  const { coordinator } = attempt;
  if (error instanceof FaultyCoordinatorError) return faultOf('invalid_contribution', coordinator, error.message);
  if (error instanceof FaultyParticipantOrCoordinatorError) {
    return passedOnFault(attempt, 'invalid_contribution', error.participantId, error.message);
  }
  if (error instanceof ProtocolError) return faultOf('invalid_contribution', null, error.message);
  throw error;
}

function contributionFault(setup: DkgSetup, error: unknown, reason: AbortReason): Fault {
  if (error instanceof FaultyParticipantError) {
    return faultOf(reason, error.participantId, `${nameOf(setup, error.participantId)}: ${error.message}`);
  }
  if (error instanceof ProtocolError) return faultOf(reason, null, error.message);
  throw error;
}
