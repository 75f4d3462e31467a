// The candidates of a signature at its coordinator: who is free, at work, late, or left out and why.
import type { Json } from '../../crypto/canonical-json.ts';
import type { RefusalReason } from '../refusals.ts';
import type { OpenSession, SigningTask } from './session.ts';

/** How often a candidate may have lost its nonces before it is left out for good. */
export const LAPSES_MAX = 2;
const DOUBLINGS_MAX = 8;

/**
 * Why a candidate is left out: its own refusal, or what it did. `no_nonces`: it has none to give, as a node whose share
 * of the key is not live, which right after a key ceremony means not yet.
 */
export type ExclusionReason =
  | RefusalReason
  | 'no_nonces'
  | 'timeout'
  | 'unreachable'
  | 'rejected'
  | 'bad_reply'
  | 'malformed'
  | 'bad_nonce'
  | 'bad_share';

/** A candidate that did not help, and why. */
export interface Exclusion {
  readonly index: number;
  readonly reason: ExclusionReason;
  readonly detail: string;
  readonly data?: Json;
  /** The signing session in which it gave a wrong partial signature. */
  readonly session?: string;
}

/** Where a candidate stands. `slow` ones may come back with a late answer; `excluded` ones may not. */
export type CandidatePhase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'asked'; readonly since: number }
  | { readonly kind: 'busy'; readonly session: string; readonly since: number }
  | { readonly kind: 'slow'; readonly session: string | null }
  | { readonly kind: 'excluded'; readonly exclusion: Exclusion };

/** A participant that may sign. `lapses`: how often it was late or had lost its nonces. */
export interface Candidate {
  readonly index: number;
  readonly phase: CandidatePhase;
  readonly lapses: number;
}

/** What `startSigning` needs. Times in ms. `random`: 32 fresh bytes, from which session ids are derived. */
export interface SigningStart {
  readonly task: SigningTask;
  /** Indices of participants, preferred first; the coordinator itself is one like any other. */
  readonly candidates: readonly number[];
  readonly random: Uint8Array;
  readonly now: number;
  /**
   * How long a candidate may take before the work goes on without it; doubles each time it is late. Being late costs it
   * nothing else: its answer still counts when it comes.
   */
  readonly patienceMs: number;
  /** The same for single candidates of which more is known. */
  readonly patienceOf?: ReadonlyMap<number, number>;
  /** When the whole is given up. */
  readonly deadline: number;
}

/** How a signing ended. */
export type SigningResult =
  | {
      readonly kind: 'signed';
      /** 64 bytes each, verified, in the order of the messages. */
      readonly signatures: readonly Uint8Array[];
      readonly signers: readonly number[];
      readonly session: string;
      readonly sessions: number;
      readonly exclusions: readonly Exclusion[];
    }
  | {
      readonly kind: 'failed';
      readonly detail: string;
      readonly sessions: number;
      readonly exclusions: readonly Exclusion[];
    };

/** A coordinator's state. `result` is null until it has ended; then nothing changes it. */
export interface SigningState {
  readonly start: SigningStart;
  readonly candidates: readonly Candidate[];
  readonly sessions: readonly OpenSession[];
  readonly launched: number;
  readonly result: SigningResult | null;
}

/** Whether everybody whose answer a session still needs is at work on it in good time. */
export function isHopeful(state: SigningState, session: OpenSession): boolean {
  return session.signers.every((signer) => {
    const phase = candidateOf(state, signer)?.phase;
    return session.responses.has(signer) || (phase?.kind === 'busy' && phase.session === session.id);
  });
}

/** Whether a candidate's answer in a session is still of use. */
export function isWorkingOn(phase: CandidatePhase, session: string): boolean {
  return (phase.kind === 'busy' || phase.kind === 'slow') && phase.session === session;
}

/** How long a candidate may take now, in ms. */
export function patienceWith({ start }: SigningState, candidate: Candidate): number {
  const patienceMs = start.patienceOf?.get(candidate.index) ?? start.patienceMs;
  return patienceMs * 2 ** Math.min(candidate.lapses, DOUBLINGS_MAX);
}

/** When a `tick` would next lead to something, in ms: the time of a candidate, or of the whole, is over then. */
export function nextTickAt(state: SigningState): number {
  return state.candidates.reduce((earliest, candidate) => {
    const { phase } = candidate;
    const waits = phase.kind === 'asked' || phase.kind === 'busy';
    return waits ? Math.min(earliest, phase.since + patienceWith(state, candidate)) : earliest;
  }, state.start.deadline);
}

/** A slow signer keeps its session open: its late answer makes it useful again and may still complete the session. */
export function lapse(state: SigningState, index: number): SigningState {
  const candidate = candidateOf(state, index);
  const phase = candidate?.phase;
  if (candidate === undefined || phase === undefined) return state;
  if (phase.kind !== 'asked' && phase.kind !== 'busy') return state;
  const session = phase.kind === 'busy' ? phase.session : null;
  return withLapse(stand(state, index, { kind: 'slow', session }), index);
}

/** Everybody who did not help, and why. */
export function exclusionsOf(state: SigningState): Exclusion[] {
  return state.candidates.flatMap(({ index, phase }): Exclusion[] => {
    if (phase.kind === 'excluded') return [phase.exclusion];
    return phase.kind === 'slow' ? [{ index, reason: 'timeout', detail: 'did not answer in time' }] : [];
  });
}

/** Leaves a candidate out for good. */
export function exclude(state: SigningState, exclusion: Exclusion): SigningState {
  const candidate = candidateOf(state, exclusion.index);
  if (candidate === undefined || candidate.phase.kind === 'excluded') return state;
  return stand(closeSessionsOf(state, exclusion.index), exclusion.index, { kind: 'excluded', exclusion });
}

/** Without this signer's answer its sessions cannot end; the others of them are free once they have answered. */
export function closeSessionsOf(state: SigningState, index: number): SigningState {
  return { ...state, sessions: state.sessions.filter((session) => !session.signers.includes(index)) };
}

/** Puts a candidate where it stands now. */
export function stand(state: SigningState, index: number, phase: CandidatePhase): SigningState {
  const candidates = state.candidates.map((candidate) =>
    candidate.index === index ? { ...candidate, phase } : candidate,
  );
  return { ...state, candidates };
}

/** Counts one lapse more. */
export function withLapse(state: SigningState, index: number): SigningState {
  const candidates = state.candidates.map((candidate) =>
    candidate.index === index ? { ...candidate, lapses: candidate.lapses + 1 } : candidate,
  );
  return { ...state, candidates };
}

/** A candidate by its index. */
export function candidateOf(state: SigningState, index: number): Candidate | undefined {
  return state.candidates.find((candidate) => candidate.index === index);
}
