// May this node sign? The guard against a state that is older than what the node has already done, and against two live
// copies of a node (the design's Never list, 5). Pure: events in, verdict out.
//
// A node that has forgotten something cannot pay twice because of it, nor attest otherwise: the treasury line and the
// deposit addresses show on the chain what may be signed. So a node that was put back need not learn what it decided.
// It and its peers raise the alarm. It goes on in a new epoch, above the state that was shown, so that its next heads are
// newer.
//
// Why t − 1 peers after a start: any signature needs t − 1 other signers, so with fewer answers there can be none
// anyway. And if one of them has just heard another copy of this node, that copy has time to show itself before this
// one signs. Two copies that a network keeps apart cannot know of each other; what is promised of them is in
// docs/SECURITY.md.
//
// Only what this node itself has signed counts against it, so no peer can stop it by a claim: a head shown must carry
// its own signature, and each can be shown once, as the next epoch lies above it; a duplicate instance must prove
// itself by this node's identity key.

import type { StateHead } from '../crypto/head-statement.ts';

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
      /** Peers that have answered, and have seen nothing of this node that it lacks. */
      readonly agreed: ReadonlySet<number>;
      /** A peer heard another start of this node a moment ago: wait until a living one would have shown itself. */
      readonly unsettled: boolean;
      readonly quietPassed: boolean;
    }
  | { readonly phase: 'live' }
  /** Two copies of the node are alive; left only by a restart by its operator. */
  | { readonly phase: 'halted'; readonly detail: string };

/** Events that the guard is told of. All claims were verified before; see `validateSeen` and operator/rollback-guard/duplicate-instance.ts. */
export type GuardEvent =
  /** A peer answered, and whatever it has seen is in the own log. `settled`: no other start of the node spoke lately. */
  | { readonly kind: 'agreed'; readonly peer: number; readonly settled: boolean }
  /** This start, or its return to `starting`, is as old as it takes for another living one to show. */
  | { readonly kind: 'quiet' }
  /** A state was shown that the own log lacks; a new epoch above it is written down. */
  | { readonly kind: 'regressed' }
  | { readonly kind: 'duplicate'; readonly detail: string };

/** The first state of a start. */
export const GUARD_STARTING: Extract<GuardState, { phase: 'starting' }> = {
  phase: 'starting',
  agreed: new Set(),
  unsettled: false,
  quietPassed: false,
};

/** How many peers must have answered before a node signs: as many as any signature needs besides it. */
export function startQuorum({ threshold }: GuardSetup): number {
  return threshold - 1;
}

/** The next state. */
export function guardStep(setup: GuardSetup, state: GuardState, event: GuardEvent): GuardState {
  if (state.phase === 'halted') return state;
  switch (event.kind) {
    case 'duplicate':
      return { phase: 'halted', detail: event.detail };
    case 'regressed':
      // A living copy may hold the lost state: the wait for it to show begins anew.
      return GUARD_STARTING;
    case 'agreed':
    case 'quiet':
      return state.phase === 'starting' ? settle(setup, hear(setup, state, event)) : state;
  }
}

type Starting = Extract<GuardState, { phase: 'starting' }>;

function hear(
  { myIndex, participants }: GuardSetup,
  state: Starting,
  event: Extract<GuardEvent, { kind: 'agreed' | 'quiet' }>,
): Starting {
  if (event.kind === 'quiet') return { ...state, quietPassed: true };
  const { peer, settled } = event;
  if (peer === myIndex || peer < 0 || peer >= participants) return state;
  return { ...state, agreed: new Set(state.agreed).add(peer), unsettled: state.unsettled || !settled };
}

function settle(setup: GuardSetup, state: Starting): GuardState {
  const { agreed, unsettled, quietPassed } = state;
  return agreed.size >= startQuorum(setup) && (quietPassed || !unsettled) ? { phase: 'live' } : state;
}

/**
 * What a head that this node once signed says of the log it has now. `ownHash`: the hash of the own row `seen.seq`, null
 * where there is none. A row of the same epoch with another hash means that the log has grown apart from what it was.
 */
export function validateSeen(
  own: { readonly epoch: number },
  seen: StateHead,
  ownHash: string | null,
): 'known' | 'newer' {
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
    case 'starting':
      return { ok: false, detail: `the node has just started and waits ${awaited(setup, state)}` };
    case 'halted':
      return { ok: false, detail: `the node has stopped signing until its operator starts it again: ${state.detail}` };
  }
}

function awaited(setup: GuardSetup, { agreed }: Starting): string {
  const missing = startQuorum(setup) - agreed.size;
  if (missing <= 0)
    return 'a moment: a peer has just heard another start of it, and a second copy would show itself now';
  const peers = Array.from({ length: setup.participants }, (_, index) => index);
  const left = peers.filter((index) => index !== setup.myIndex && !agreed.has(index));
  const one = left.length === 1 ? `operator ${left.join()}` : `one of the operators ${left.join(', ')}`;
  return missing === 1 ? `for ${one} to answer` : `for ${missing} of the operators ${left.join(', ')} to answer`;
}
