// What a key ceremony is given, told and asked: the vocabulary shared by its state machines. All of a ceremony's state
// follows from its setup, secrets and events, so a node that crashed replays its events and is where it was.
import type { Ed25519Signer } from '../../crypto/ed25519.ts';
import type { GroupKey } from '../../crypto/scheme.ts';
import type { DkgMessage } from '../messages.ts';
import type { AbortReason, NotJoinedReason, PreflightCheck, SharedParameters } from '../messages-dkg.ts';
import type { CeremonyCertificate, Transcript } from '../transcript.ts';

/** A member of the federation, from its operator card. Public keys: 32 bytes (Ed25519), 33 bytes (secp256k1). */
export interface CeremonyParticipant {
  readonly index: number;
  readonly name: string;
  readonly identityKey: Uint8Array;
  readonly hostPublicKey: Uint8Array;
}

/** Times in milliseconds. */
export interface DkgTiming {
  /** Pause before a message is sent again; doubles up to `resendMaxMs`. */
  readonly resendFirstMs: number;
  readonly resendMaxMs: number;
  /** How long the coordinator waits in each step; participants wait twice as long, so that it names who is missing. */
  readonly stepTimeoutMs: number;
  /** After how long a participant that has confirmed asks everybody how it ended, not the coordinator alone. */
  readonly doubtAfterMs: number;
  /** How far apart two clocks may stand. */
  readonly clockSkewMaxMs: number;
}

/** Sensible times. */
export const DKG_TIMING: DkgTiming = {
  resendFirstMs: 500,
  resendMaxMs: 10_000,
  stepTimeoutMs: 180_000,
  doubtAfterMs: 20_000,
  clockSkewMaxMs: 5_000,
};

/** Everything about a ceremony that does not change. `participants` in index order. */
export interface DkgSetup {
  readonly network: string;
  readonly ceremonyId: string;
  /** Version of this program; all must run the same. */
  readonly version: string;
  readonly myIndex: number;
  readonly threshold: number;
  readonly participants: readonly CeremonyParticipant[];
  /** The settings and cards that must be equal at all operators, as this node has them. */
  readonly parameters: SharedParameters;
  readonly timing: DkgTiming;
}

/** What only this node has. Neither is changed nor kept by the ceremony. */
export interface DkgSecrets {
  /** ChillDKG host secret key, 32 bytes. */
  readonly hostSecret: Uint8Array;
  readonly identity: Ed25519Signer;
}

/** What a step is computed with. */
export interface DkgContext {
  readonly setup: DkgSetup;
  readonly secrets: DkgSecrets;
}

/** An event at a node; plain JSON. */
export type DkgHappening =
  | {
      readonly kind: 'operator_joined';
      readonly rehearsal: boolean;
      readonly checks: readonly PreflightCheck[];
      /** After so many ms this node leaves the lobby although nobody tells it to; absent: never. */
      readonly waitMs?: number;
    }
  /** Answers `wantsRandomness`: 32 fresh random bytes in hexadecimal. */
  | { readonly kind: 'begin'; readonly random: string }
  /** `from` is authenticated by the envelope. */
  | { readonly kind: 'message'; readonly from: number; readonly message: DkgMessage }
  | { readonly kind: 'tick' }
  | { readonly kind: 'operator_aborted'; readonly detail: string };

/** When it happens, in ms. */
export interface DkgTime {
  /** Since 1970, by a clock that may be set: what nodes compare with each other's. */
  readonly now: number;
  /** By a clock that never goes back, over restarts neither: what all waiting is measured by. */
  readonly elapsed: number;
}

/**
 * What happens to a node, and when. To be stored (encrypted: `begin` holds the attempt's secret randomness) whenever
 * `dkgStep` says `durable`, before anything outgoing is sent.
 */
export type DkgEvent = DkgHappening & DkgTime;

/** The attempt of an abort that is about no attempt: its sender has given up the ceremony for good. */
export const NO_ATTEMPT = '00'.repeat(16);

/** Why an attempt ended. `by`: whose word that is (this node's index where it found out itself). */
export interface DkgAbort {
  readonly attempt: string;
  readonly by: number;
  readonly reason: AbortReason;
  /** Who is known (to `by`) to have lied or been silent. */
  readonly culprit: number | null;
  /** Where `by` can only say that one of these did. */
  readonly suspects: readonly number[];
  readonly detail: string;
}

/** An abort as its finder states it. */
export type Fault = Omit<DkgAbort, 'attempt' | 'by'>;

/** What a completed ceremony gives a node. Signing shares are secret, 32 bytes each. */
export interface DkgResult {
  readonly rehearsal: boolean;
  readonly transcript: Transcript;
  readonly certificate: CeremonyCertificate;
  /** ChillDKG's recovery data; with the host secret it restores the bitcoin share. */
  readonly recoveryData: Uint8Array;
  readonly bitcoin: { readonly groupKey: GroupKey; readonly signingShare: Uint8Array };
  readonly attestation: { readonly groupKey: GroupKey; readonly signingShare: Uint8Array };
}

/** One reason for which keys cannot be made yet: who fails what. */
export interface PreflightProblem {
  readonly index: number;
  readonly name: string;
  readonly check: string;
  readonly detail: string;
}

/** What to show an operator. */
export interface DkgProgress {
  readonly phase: 'idle' | 'lobby' | 'running' | 'confirmed' | 'complete' | 'aborted';
  /** Sentence-like name of what goes on. */
  readonly step: string;
  readonly attempt: string | null;
  readonly coordinator: number | null;
  /** Indices whose answer is awaited, as far as this node can know. */
  readonly waitingFor: readonly number[];
  readonly problems: readonly PreflightProblem[];
  /** Who says that it cannot join, and why: their word, which nobody can check. */
  readonly declined: readonly { readonly index: number; readonly reason: NotJoinedReason }[];
  readonly abort: DkgAbort | null;
  /** After this node confirmed: others may hold live keys already, so this node's part must be kept. */
  readonly mayStillComplete: boolean;
}

/** The name of a participant, for sentences. */
export function nameOf(setup: DkgSetup, index: number): string {
  return setup.participants[index]?.name ?? `participant ${index}`;
}

/** Names in a row. */
export function namesOf(setup: DkgSetup, indices: readonly number[]): string {
  return indices.map((index) => nameOf(setup, index)).join(', ');
}
