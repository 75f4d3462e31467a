// How long signers take to answer a coordinator, and so how long the coordinator waits for each of them. A wait that is
// too short costs one session of nonces; one that is too long delays the signature. Neither can make a signature wrong.
// The usual time is the median of the last answers, and its spread is their median deviation. A mean (RFC 6298) remembers
// one stall, or one connection that had to be opened first, for many answers.
import type { Intent } from '../intent.ts';

/** How long a signer of which nothing is known is waited for, in ms: a far round trip and a verdict. */
export const PATIENCE_UNKNOWN_MS = 200;
/** The least that any signer is waited for, in ms: its Bitcoin and Wire nodes are asked in that time. */
export const PATIENCE_MS_MIN = 150;
/** The most, in ms. */
export const PATIENCE_MS_MAX = 5_000;
/** What is waited beyond the usual at least, in ms: a verdict takes now longer, now shorter. */
const MARGIN_MS_MIN = 50;
/** How much longer a signer may take for each message after the first, in ms; SIGN_MESSAGES_MAX bounds it. */
const PER_MESSAGE_MS = 15;
/** And for each burn after the first, in ms: it asks its own Wire nodes about every one, many at a time. */
const PER_BURN_MS = 5;
/** How long a signer counts as slow after its last answer, in ms; then it gets another chance. */
const SLOW_MS = 10 * 60_000;
/** How much longer than the fastest quorum a signer is waited for at most. */
const SLOWNESS_MAX = 1.2;
/** So many last answers tell the usual time. */
const SAMPLES_MAX = 15;
/** How many deviations, and what part of the usual time, are waited beyond it. */
const DEVIATIONS = 4;
const MARGIN_SHARE = 0.25;

/** What was timed: a request for nonces, or one to sign an intent of a kind, as some are validated faster than others. */
export type Timed = 'nonces' | Intent['kind'];

interface Estimate {
  readonly samples: readonly number[];
  readonly usualMs: number;
  readonly deviationMs: number;
  /** When the last answer came, in ms. */
  readonly at: number;
}

/** Time in ms that a signer is granted on top, for work beyond one message of one item. */
export function allowanceMs(messages: number, intent: Intent): number {
  const burns = intent.kind === 'line' ? intent.burns.length : 0;
  return PER_MESSAGE_MS * Math.max(0, messages - 1) + PER_BURN_MS * Math.max(0, burns - 1);
}

/** What the coordinator knows of the signers' times. One for each process. */
export class AnswerTimes {
  readonly #quorum: number;
  readonly #myIndex: number;
  readonly #estimates = new Map<number, ReadonlyMap<Timed, Estimate>>();

  /** `quorum`: how many peers a signature needs beside this node, t − 1. */
  constructor(myIndex: number, quorum: number) {
    this.#myIndex = myIndex;
    this.#quorum = quorum;
  }

  /** Notes how long an answer took, late ones too; only requests without an allowance are comparable. */
  note(index: number, timed: Timed, tookMs: number, now: number): void {
    const known = new Map(this.#estimates.get(index));
    // Taken out first, so that the last one is the newest.
    const before = known.get(timed);
    known.delete(timed);
    this.#estimates.set(index, known.set(timed, withSample(before, tookMs, now)));
  }

  /** The usual time of a signer's answer to what it was asked last, in ms; null where it never answered. */
  expectedMs(index: number): number | null {
    return [...(this.#estimates.get(index)?.values() ?? [])].at(-1)?.usualMs ?? null;
  }

  /**
   * How long a signer is waited for, in ms, for a request of one message. No signer can make others wait much longer than
   * the fastest quorum of peers needs, by being slow again and again.
   */
  patienceMs(index: number, timed: Timed): number {
    const known = this.#estimates.get(index);
    const same = known?.get(timed);
    const trip = known?.get('nonces');
    // Where only its round trip is known, how long it validates is not.
    const unknown = Math.max(PATIENCE_UNKNOWN_MS, trip === undefined ? 0 : wishedMs(trip));
    return Math.min(same === undefined ? unknown : wishedMs(same), this.#allowedMs(timed));
  }

  /** Whether a signer lately took so much longer than the fastest quorum that it is better asked last. */
  isSlow(index: number, now: number): boolean {
    return [...(this.#estimates.get(index) ?? [])].some(
      ([timed, { usualMs, at }]) => now - at < SLOW_MS && usualMs + MARGIN_MS_MIN > this.#allowedMs(timed),
    );
  }

  // Bounded by what the slowest of the fastest quorum is granted; not at all while fewer have answered ever.
  #allowedMs(timed: Timed): number {
    const wishes = [...this.#estimates]
      .flatMap(([index, known]) => (index === this.#myIndex ? [] : (known.get(timed) ?? [])))
      .map(wishedMs)
      .sort((a, b) => a - b);
    const quorum = wishes[this.#quorum - 1] ?? Number.POSITIVE_INFINITY;
    return Math.min(PATIENCE_MS_MAX, quorum * SLOWNESS_MAX);
  }
}

function wishedMs({ usualMs, deviationMs }: Estimate): number {
  const margin = Math.max(MARGIN_MS_MIN, usualMs * MARGIN_SHARE, deviationMs * DEVIATIONS);
  return Math.max(PATIENCE_MS_MIN, usualMs + margin);
}

function withSample(known: Estimate | undefined, tookMs: number, at: number): Estimate {
  const samples = [...(known?.samples ?? []), Math.max(0, tookMs)].slice(-SAMPLES_MAX);
  const usualMs = median(samples);
  return { samples, usualMs, deviationMs: median(samples.map((sample) => Math.abs(sample - usualMs))), at };
}

// The lower one of two in the middle: of two answers, the one without a stall.
function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1] ?? 0;
}
