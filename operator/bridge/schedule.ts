// Who begins what, and when: a leader per piece of work, whom all nodes compute alike. The others take over one after the
// other while it stays undone. And the rule that says when waiting burns are paid. Pure; two that begin at once do no harm.

import { sha256, u32be, utf8 } from '../../crypto/bytes.ts';

/** A piece of work as one node sees it. Times in ms by this node's monotonic clock. */
export interface Work {
  /** What all nodes call it: an outpoint, or the lowest burn of a batch. */
  readonly name: string;
  /** Since when it could have been done. */
  readonly readySince: number;
}

/**
 * A node's place in the order of those who may begin a piece of work: 0 is the leader. The order is that of
 * SHA-256(tag ‖ name ‖ index), so that work spreads evenly and nobody can choose its leader.
 */
export function rankFor(name: string, index: number, participants: number): number {
  const keys = Array.from({ length: participants }, (_, i) => ({ i, key: orderKey(name, i) }));
  keys.sort((a, b) => Buffer.compare(a.key, b.key));
  return keys.findIndex(({ i }) => i === index);
}

/** Whether it is this node's turn: the leader's at once, each next one's after another `takeoverMs` of silence. */
export function isTurn(work: Work, index: number, participants: number, takeoverMs: number, now: number): boolean {
  return now - work.readySince >= rankFor(work.name, index, participants) * takeoverMs;
}

/** When burns that wait are paid together. Rates in sats per 1000 vbytes. */
export interface BatchPolicy {
  /** So many are paid at once, however young. */
  readonly count: number;
  /** The oldest waits no longer than this, in ms. */
  readonly ageMs: number;
  /** At a fee rate up to this, nothing waits. */
  readonly cheapRate: bigint;
}

/**
 * Why a batch is due, or null where it can wait. `since`: when the burns were first seen, in ms since 1970, as it is stored.
 * A time that is still to come was written by a clock that was ahead, and tells nothing of how long the burn has waited.
 */
export function batchDue(
  policy: BatchPolicy,
  since: readonly number[],
  feeRate: bigint,
  now: number,
): 'count' | 'age' | 'fee_rate' | null {
  if (since.length === 0) return null;
  if (since.length >= policy.count) return 'count';
  if (now - Math.min(...since) >= policy.ageMs || since.some((seenAt) => seenAt > now)) return 'age';
  return feeRate <= policy.cheapRate ? 'fee_rate' : null;
}

function orderKey(name: string, index: number): Uint8Array {
  return sha256(utf8('0BTC_WIRE_LEADER/v1'), utf8(name), u32be(index));
}
