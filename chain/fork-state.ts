// Whether the chain looks forked, which raises the confirmations that are asked for from `normal_confirmations` to
// `fork_confirmations`. It stays so until the nodes have agreed for some blocks. A pure state machine, to be kept in
// storage: a restart in the middle of a fork must not forget it.
import type { TipVerdict } from './tips.ts';

/** A reorg of so many blocks counts as a fork: one block happens by chance every few weeks. */
export const FORK_REORG_BLOCKS_MIN = 2;
/** For how many blocks the nodes must agree before the fork counts as over, unless configured otherwise. */
export const FORK_SETTLE_BLOCKS_DEFAULT = 6;

/** `at`: when it was first seen, Unix milliseconds; `height`: where the chains part. */
export type ForkState =
  | { readonly state: 'agreed' }
  | {
      readonly state: 'forked';
      readonly at: number;
      readonly height: number;
      /** The height from which on the nodes have agreed again; null while they do not. */
      readonly agreedFrom: number | null;
    };

/** What is seen: the nodes' tips compared, or a reorg that the scan met (`height`: the last block that stayed). */
export type ForkObservation =
  | { readonly kind: 'tips'; readonly verdict: TipVerdict }
  | { readonly kind: 'reorg'; readonly height: number; readonly depth: number };

/** The state after an observation. `settleBlocks`: at least 1. An unavailable tip changes nothing. */
export function followFork(
  state: ForkState,
  observed: ForkObservation,
  settleBlocks: number,
  nowMs: number,
): ForkState {
  if (settleBlocks < 1) throw new Error('a fork is over after one block at the earliest');
  if (observed.kind === 'reorg') {
    return observed.depth < FORK_REORG_BLOCKS_MIN ? state : forkedAt(state, observed.height + 1, nowMs);
  }
  const { verdict } = observed;
  if (verdict.state === 'fork') return forkedAt(state, verdict.height, nowMs);
  if (verdict.state === 'unavailable' || state.state === 'agreed') return state;
  // The tip may fall back while nodes come and go; what counts is how much was built since.
  const agreedFrom = Math.min(state.agreedFrom ?? verdict.height, verdict.height);
  if (verdict.height - agreedFrom >= settleBlocks) return { state: 'agreed' };
  return { ...state, agreedFrom };
}

/** The confirmations that are asked for. Throws where a fork would ask for fewer. */
export function confirmationsInForce(state: ForkState, normal: number, fork: number): number {
  if (fork < normal) throw new Error('a forked chain asks for no fewer confirmations');
  return state.state === 'forked' ? fork : normal;
}

function forkedAt(state: ForkState, height: number, nowMs: number): ForkState {
  if (state.state === 'agreed') return { state: 'forked', at: nowMs, height, agreedFrom: null };
  return { ...state, height: Math.min(state.height, height), agreedFrom: null };
}
