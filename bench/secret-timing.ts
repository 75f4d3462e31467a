// Whether secret work on secp256k1 takes its time by the secret: one fixed scalar against random ones, in random order,
// Welch's t between their times (Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?", 2017). |t| ≥ 5 says
// that the two can be told apart. Load of the machine falls on both alike; the slowest times, which are its, are left out.
import { multiplyRegular, multiplyRegularToBytes, multiplyRegularTwice } from '../crypto/secp256k1/multiply.ts';
import { productSum } from '../crypto/secp256k1/scalars.ts';
import { G, multiplySmallPublic, reduceSecret } from '../crypto/secp256k1.ts';
import { randomBytes } from './deal.ts';
import { type BenchOptions, figure, quantile, type Report } from './measure.ts';

const SAMPLES = 20_000;
const SAMPLES_QUICK = 5_000;
/** Runs before the first sample, in which the code is compiled. */
const WARMUP = 2_000;
/** The shares of all times that count, each by itself: a small difference shows among the fastest. */
const KEPT = [0.25, 0.5, 0.9];
const T_MAX = 5;
const SCALAR_BYTES = 32;

/** Times of one class: their number, mean and variance. */
interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
}

function momentsOf(values: readonly number[]): Moments {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { count: values.length, mean, variance };
}

/** Welch's t of two lists of values, two or more each. Infinite where they differ and never vary. */
export function welch(first: readonly number[], second: readonly number[]): number {
  const [a, b] = [momentsOf(first), momentsOf(second)];
  const difference = a.mean - b.mean;
  return difference === 0 ? 0 : difference / Math.sqrt(a.variance / a.count + b.variance / b.count);
}

/** The work that is timed, and the clock that times it, in any unit. */
export interface TimedWork {
  /** Called with the same byte string each time, and another scalar in it. */
  readonly work: (scalar: Uint8Array) => unknown;
  readonly fixed: Uint8Array;
  /** Another fixed scalar that the first is held against; random ones where it is absent. */
  readonly other?: Uint8Array;
  readonly samples: number;
  readonly clock: () => number;
}

/** The t of largest size between the times for the fixed scalar and those for the others. */
export function leakage({ work, fixed, other, samples, clock }: TimedWork): number {
  const scalar = new Uint8Array(SCALAR_BYTES);
  const times: { readonly isFixed: boolean; readonly took: number }[] = [];
  for (let i = -WARMUP; i < samples; i++) {
    // Drawn for both classes, so that what comes before the clock is the same.
    const drawn = reduceSecret(randomBytes(SCALAR_BYTES));
    const isFixed = ((randomBytes(1)[0] ?? 0) & 1) === 1;
    scalar.set(isFixed ? fixed : (other ?? drawn));
    const begun = clock();
    work(scalar);
    const took = clock() - begun;
    if (i >= 0) times.push({ isFixed, took });
  }
  const all = times.map(({ took }) => took);
  const found = KEPT.map((share) => {
    const slowest = quantile(all, share);
    const kept = times.filter(({ took }) => took <= slowest);
    const of = (which: boolean): number[] => kept.filter(({ isFixed }) => isFixed === which).map(({ took }) => took);
    return welch(of(true), of(false));
  });
  return found.reduce((most, t) => (Math.abs(t) > Math.abs(most) ? t : most), 0);
}

/** Scalars whose digits are all of one kind, in windows of 6 bits: where a leak by digits shows most. */
const digitsOf = (sextet: number): Uint8Array => {
  const bits = Array.from({ length: 252 }, (_, i) => (sextet >> (i % 6)) & 1);
  return Uint8Array.from({ length: SCALAR_BYTES }, (_, byte) => {
    return bits.slice(8 * (31 - byte), 8 * (32 - byte)).reduce((value, bit, i) => value | (bit << i), 0);
  });
};

/** The largest |t| of each kind of secret work, against a bound of 5. */
export async function secretTiming({ quick }: BenchOptions): Promise<Report> {
  const samples = quick ? SAMPLES_QUICK : SAMPLES;
  const point = multiplySmallPublic(7, G);
  const other = reduceSecret(randomBytes(SCALAR_BYTES));
  const subjects: Readonly<Record<string, TimedWork['work']>> = {
    'multiplication with a table': (scalar) => multiplyRegular(scalar, G),
    'multiplication without a table': (scalar) => multiplyRegular(scalar, point),
    'shared secret': (scalar) => multiplyRegularToBytes(scalar, point),
    'two multiplications': (scalar) => multiplyRegularTwice(scalar, other, G),
    'product and sum': (scalar) => productSum(scalar, other, scalar),
  };
  const fixed = { one: digitsOf(0).fill(1, 31), positive: digitsOf(0b000001), negative: digitsOf(0b111110) };
  const figures = [];
  const notes = [];
  for (const [name, work] of Object.entries(subjects)) {
    const timed = (kind: string, scalar: Uint8Array, against?: Uint8Array) => {
      const classes = against === undefined ? {} : { other: against };
      return { kind, t: leakage({ work, fixed: scalar, ...classes, samples, clock: () => Bun.nanoseconds() }) };
    };
    const found = [
      ...Object.entries(fixed).map(([kind, scalar]) => timed(kind, scalar)),
      timed('positive against negative', fixed.positive, fixed.negative),
    ];
    const most = Math.max(...found.map(({ t }) => Math.abs(t)));
    figures.push(figure(`${name}: |t| of fixed against random scalars`, most, T_MAX, 'lower'));
    notes.push(`${name}: ${found.map(({ kind, t }) => `${kind} ${t.toFixed(1)}`).join(', ')}`);
  }
  return { figures, notes };
}
