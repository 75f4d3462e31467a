// How everything here is measured: the subjects of one figure take turns in one process, and medians are compared, so
// that other load on the machine falls on all of them alike. Only ratios mean anything.

/** One promise of the bridge's speed. `ratio` is what was measured; it passes on the right side of `target`. */
export interface Figure {
  readonly name: string;
  readonly ratio: number;
  readonly target: number;
  readonly better: 'lower' | 'higher';
  readonly pass: boolean;
}

/** What a measurement gives: its figures, and lines for people that promise nothing. */
export interface Report {
  readonly figures: readonly Figure[];
  readonly notes: readonly string[];
}

/** `quick`: fewer rounds, for a look; its figures are noisy. */
export interface BenchOptions {
  readonly quick: boolean;
}

/** Something to be measured. */
export type Subject = () => unknown;

/** A figure with its verdict. */
export function figure(name: string, ratio: number, target: number, better: Figure['better']): Figure {
  return { name, ratio, target, better, pass: better === 'lower' ? ratio <= target : ratio >= target };
}

/** The middle of the values; the mean of the two middle ones where their number is even. Throws on none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share (0 … 1) of the values lies, between two of them where need be. Throws on none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(position)], sorted[Math.ceil(position)]];
  if (below === undefined || above === undefined) throw new Error('no values');
  return below + (above - below) * (position - Math.floor(position));
}

/** CPU time in ms that this process has used, all threads together. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Wall time in ms. */
export function wallMs(): number {
  return performance.now();
}

/**
 * Runs the subjects in turn for so many rounds, after `warmup` rounds that do not count; medians of `clock` for each. A
 * subject goes `perTurn` times when it is its turn. What the one before it left for the garbage collector is collected then,
 * so that none pays for another's.
 */
export async function interleaved<Name extends string>(
  subjects: Readonly<Record<Name, Subject>>,
  rounds: number,
  clock: () => number = wallMs,
  warmup = 3,
  perTurn = 1,
): Promise<Record<Name, number>> {
  const names: Name[] = Object.keys(subjects).filter((name): name is Name => Object.hasOwn(subjects, name));
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = -warmup; round < rounds; round++) {
    // Each round another one goes first, as what runs first may pay for what ran before.
    for (const position of names.keys()) {
      const name = names[(position + round + warmup) % names.length];
      if (name === undefined) continue;
      if (perTurn > 1) Bun.gc(true);
      for (let time = 0; time < perTurn; time++) {
        const begun = clock();
        await subjects[name]();
        const took = clock() - begun;
        if (round >= 0) times.get(name)?.push(took);
      }
    }
  }
  const medians: Partial<Record<Name, number>> = {};
  for (const [name, values] of times) medians[name] = median(values);
  if (!isWhole(medians, names)) throw new Error('every subject was measured');
  return medians;
}

function isWhole<Name extends string>(
  medians: Partial<Record<Name, number>>,
  names: readonly Name[],
): medians is Record<Name, number> {
  return names.every((name) => medians[name] !== undefined);
}
