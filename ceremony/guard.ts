// May this node sign? The guard against a state that is older than what the node has already done (the design's Never
// list, 5): after a restore from a backup, or in a copy of a node that is alive elsewhere. Pure: events in, verdict out.
//
// Why which quorum. A signature of t signers with this node among them has t − 1 others; n − t + 1 of the n − 1 peers
// always include one of those, and t − 1 of them at least 2t − n − 1, of which all but one may lie.
//  · To start, the larger of the two suffices at once. With fewer, every peer must have been tried in vain twice and
//    t − 1 must agree: no signature comes about with fewer, and a federation that has lost n − t nodes must go on when
//    one of the rest is started again. What is promised then is the Never's own sentence: no peer that can be reached
//    has seen a newer state. Not promised where t − 1 < n − t + 1: that a state which only dead peers have seen is found
//    missing before one of them is back; then it is, and the node stops signing.
//  · To catch up, the larger of the two must have told all they have decided, without that relief: the state is known
//    to be incomplete, and fewer could all have missed a signature. Where that is n − t + 1 and one of those lies, the
//    only one that took part in a lost decision may be it.
// Only whole peers make the full quorum up: one that is not live itself may have lost what it would have shown or told.
// Where too few are whole, as when a federation starts again or several nodes were put back, all n − 1 must have agreed
// or been tried, and all n − 1 must have told: then nobody is left who could know more. Where one of those n − 1 stays
// away as well, a node takes the word of the others after five minutes (operator/guard/standing.ts): a federation must
// not stand still for ever, and what was signed in full stands in blocks or mempools by then.
// Only what this node itself has signed counts against it, so no peer can stop it by a claim: a head shown must carry
// its own signature, and a twin must prove itself by this node's identity key.

import type { StateHead } from '../crypto/head-statement.ts';

/** How often a peer must have been tried in vain before it counts as out of reach. */
export const SILENCES_NEEDED = 2;

/** The federation's n and t. */
export interface GuardSetup {
  readonly myIndex: number;
  readonly participants: number;
  readonly threshold: number;
}

/** Where a node stands; it signs only while `live`. */
export type GuardState =
  | {
      readonly phase: 'starting';
      /** Peers that have seen nothing of this node that it lacks. */
      readonly agreed: ReadonlySet<number>;
      /** Those of them that were live when they last said so. */
      readonly whole: ReadonlySet<number>;
      readonly silences: ReadonlyMap<number, number>;
      /** A peer heard another start of this node a moment ago: wait until a living one would have shown itself. */
      readonly unsettled: boolean;
      readonly quietPassed: boolean;
    }
  | { readonly phase: 'live' }
  /** `epoch`: the highest that was seen; `witness`: the peer that showed it first. */
  | { readonly phase: 'catching_up'; readonly epoch: number; readonly witness: number }
  | { readonly phase: 'halted'; readonly cause: HaltCause; readonly detail: string };

/** Why a node stops for good, until it is started again by its operator. */
export type HaltCause = 'twin' | 'contradiction';

/** What the guard is told of. All claims were verified before; see `judgeSeen` and operator/guard/twin.ts. */
export type GuardEvent =
  /**
   * A peer answered, and whatever it has seen is in the own log. `settled`: no other start of the node spoke lately;
   * `whole`: the peer is live itself.
   */
  | { readonly kind: 'agreed'; readonly peer: number; readonly settled: boolean; readonly whole: boolean }
  /** A peer gave no usable answer. */
  | { readonly kind: 'silent'; readonly peer: number }
  /** This start is as old as it takes for another living one to show. */
  | { readonly kind: 'quiet' }
  /** A peer holds this node's own signature under a state that the own log lacks; `epoch` is that state's. */
  | { readonly kind: 'newer'; readonly peer: number; readonly epoch: number }
  /** What was lost has been adopted and written down under a higher epoch. */
  | { readonly kind: 'recovered' }
  | { readonly kind: 'halt'; readonly cause: HaltCause; readonly detail: string };

/** The first state of a start. */
export const GUARD_STARTING: Extract<GuardState, { phase: 'starting' }> = {
  phase: 'starting',
  agreed: new Set(),
  whole: new Set(),
  silences: new Map(),
  unsettled: false,
  quietPassed: false,
};

/** How many whole peers must agree at a start before the others need not be waited for, and must tell for catching up. */
export function fullQuorum({ participants, threshold }: GuardSetup): number {
  return Math.max(participants - threshold + 1, threshold - 1);
}

/** How many peers must agree at a start in any case. */
export function leastQuorum({ threshold }: GuardSetup): number {
  return threshold - 1;
}

/** The next state. */
export function guardStep(setup: GuardSetup, state: GuardState, event: GuardEvent): GuardState {
  if (state.phase === 'halted') return state;
  switch (event.kind) {
    case 'halt':
      return { phase: 'halted', cause: event.cause, detail: event.detail };
    case 'newer':
      return state.phase === 'catching_up'
        ? { ...state, epoch: Math.max(state.epoch, event.epoch) }
        : { phase: 'catching_up', epoch: event.epoch, witness: event.peer };
    case 'recovered':
      // What was lost may have been lost to a copy that is alive: the wait for it to show is not over because of this.
      return state.phase === 'catching_up' ? GUARD_STARTING : state;
    case 'agreed':
    case 'silent':
    case 'quiet':
      return state.phase === 'starting' ? settle(setup, hear(setup, state, event)) : state;
  }
}

function peersOf({ participants, myIndex }: GuardSetup): readonly number[] {
  return Array.from({ length: participants }, (_, index) => index).filter((index) => index !== myIndex);
}

type Starting = Extract<GuardState, { phase: 'starting' }>;

function hear(
  setup: GuardSetup,
  state: Starting,
  event: Extract<GuardEvent, { kind: 'agreed' | 'silent' | 'quiet' }>,
): Starting {
  if (event.kind === 'quiet') return { ...state, quietPassed: true };
  const { peer } = event;
  if (peer === setup.myIndex || peer < 0 || peer >= setup.participants) return state;
  if (event.kind === 'agreed') {
    const agreed = new Set(state.agreed).add(peer);
    const whole = new Set(state.whole);
    if (event.whole) whole.add(peer);
    else whole.delete(peer);
    return { ...state, agreed, whole, unsettled: state.unsettled || !event.settled };
  }
  const silences = new Map(state.silences).set(peer, (state.silences.get(peer) ?? 0) + 1);
  return { ...state, silences };
}

function settle(setup: GuardSetup, state: Starting): GuardState {
  const { agreed, whole, silences, unsettled, quietPassed } = state;
  const tried = peersOf(setup).every((peer) => agreed.has(peer) || (silences.get(peer) ?? 0) >= SILENCES_NEEDED);
  const enough = whole.size >= fullQuorum(setup) || (tried && agreed.size >= leastQuorum(setup));
  return enough && (quietPassed || !unsettled) ? { phase: 'live' } : state;
}

/**
 * What a head that this node once signed says of the log it has now. `ownHash`: the hash of the own row `seen.seq`, null
 * where there is none. A row of the same epoch with another hash means that the log has grown apart from what it was.
 */
export function judgeSeen(own: { readonly epoch: number }, seen: StateHead, ownHash: string | null): 'known' | 'newer' {
  if (seen.epoch !== own.epoch) return seen.epoch < own.epoch ? 'known' : 'newer';
  return seen.hash === ownHash ? 'known' : 'newer';
}

/** Whether the node may sign, or one sentence on why not. */
export function maySign(
  setup: GuardSetup,
  state: GuardState,
): { readonly ok: true } | { readonly ok: false; readonly detail: string } {
  switch (state.phase) {
    case 'live':
      return { ok: true };
    case 'starting': {
      const awaited = peersOf(setup).filter((peer) => !state.whole.has(peer));
      const needed = Math.max(1, fullQuorum(setup) - state.whole.size);
      const who = `${needed} of operators ${awaited.join(', ')}`;
      return { ok: false, detail: `the node has just started and waits for ${who} to confirm its state` };
    }
    case 'catching_up': {
      const [needed, others] = [fullQuorum(setup), setup.participants - 1];
      const whom = needed === others ? `all ${others} other operators` : `${needed} of the ${others} other operators`;
      const what = `operator ${state.witness} has seen a newer state of this node than it has`;
      return {
        ok: false,
        detail: `${what}: it is catching up and needs ${whom} to tell what was decided since`,
      };
    }
    case 'halted':
      return { ok: false, detail: `the node has stopped signing until its operator starts it again: ${state.detail}` };
  }
}
