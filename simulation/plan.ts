// What a seed stands for: the size of the federation, who lies, which faults strike and how hard. Drawn once, before
// anything happens.
import type { Prng } from './prng.ts';
import { NOTHING_RARE, type RareFaults, rareFaultsOf } from './rare-faults.ts';

/** How a lying node lies. */
export const LIES = [
  'wrong_partials',
  'refuses',
  'silent',
  'replays',
  'reuses_nonces',
  'alters_intents',
  'announces_lies',
  'equivocates',
] as const;
/** How a node lies in a key ceremony: always in messages of one type. */
export const CEREMONY_LIES = ['alters_keys', 'alters_keys_for_some', 'withholds_keys'] as const;
export type Lie = (typeof LIES)[number] | (typeof CEREMONY_LIES)[number];

/** Probabilities are per message or per await; times in ms of virtual time. */
export interface Faults {
  readonly loss: number;
  readonly duplication: number;
  readonly delayMax: number;
  readonly crash: number;
  readonly crashesMax: number;
  readonly partitions: number;
  readonly outages: number;
  readonly reorgs: number;
  /** Of these, how many are deeper than what nodes take for final. */
  readonly deepReorgs: number;
  readonly lagMax: number;
  readonly skewMax: number;
  /** How often a node is put back to an older state of its database. */
  readonly restores: number;
  /** Whether a copy of a node is started beside it. */
  readonly clone: boolean;
  /** A node whose clock is off by more than peers accept, or null. */
  readonly farOff: number | null;
}

export interface Plan {
  readonly seed: number;
  readonly participants: number;
  readonly threshold: number;
  readonly liars: ReadonlyMap<number, Lie>;
  readonly faults: Faults;
  readonly deposits: number;
  readonly burns: number;
  /** Payments to the treasury script beside the line. */
  readonly topUps: number;
  /** Whether the treasury is open from the start; else the nodes open it. */
  readonly isOpened: boolean;
  /** Whether nodes attest and pay by themselves; otherwise only when asked. */
  readonly automatic: boolean;
  /** How long faults last. */
  readonly faultsMs: number;
  /** How many nodes stay down once faults stop. */
  readonly dead: number;
  /** What only some seeds have. */
  readonly rare: RareFaults;
  /** Crash one node right after its that many-th await, and not else. */
  readonly crashAt: { readonly node: number; readonly await: number } | null;
}

const SIZES = [
  [3, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [5, 4],
] as const;
const CALM: Faults = {
  ...{
    loss: 0,
    duplication: 0,
    delayMax: 40,
    crash: 0,
    crashesMax: 0,
    partitions: 0,
    outages: 0,
    reorgs: 0,
    deepReorgs: 0,
  },
  ...{ lagMax: 0, skewMax: 0, farOff: null, restores: 0, clone: false },
};

// How copies stop each other is tried where they can meet; what else keeps them apart would only hide it.
const WITHIN_REACH = { loss: 0, partitions: 0, crash: 0, farOff: null } as const;

/** The plan of a seed. */
export function planOf(seed: number, prng: Prng): Plan {
  const [participants, threshold] = prng.pick(SIZES);
  const spare = participants - threshold;
  const liarCount = prng.chance(0.5) ? prng.int(1, Math.min(spare, threshold - 1)) : 0;
  const order = prng.shuffled(Array.from({ length: participants }, (_, index) => index));
  const liars = new Map(order.slice(0, liarCount).map((index) => [index, prng.pick(LIES)]));
  const dead = prng.int(0, spare - liarCount);
  const drawn = faultsOf(prng, order.at(-1) ?? 0);
  const restores = prng.chance(0.35) ? prng.int(1, 2) : 0;
  const clone = liarCount === 0 && dead === 0 && prng.chance(0.15);
  const faults = { ...drawn, restores, ...(clone ? { ...WITHIN_REACH, clone, restores: 0 } : {}) };
  const [deposits, burns, topUps] = [prng.int(2, 3), prng.int(1, 3), prng.chance(0.3) ? 1 : 0];
  const automatic = prng.chance(0.5);
  const drawnRare = rareFaultsOf(seed, participants);
  // What a copy did is not in the original's database: with its clock set back, nothing tells that copy from a living one.
  const rare = clone && !drawnRare.copyApart ? NOTHING_RARE : drawnRare;
  const plan = {
    ...{ seed, participants, threshold, liars, faults, deposits, burns, topUps, dead, automatic },
    ...{ isOpened: true, faultsMs: 110_000, rare, crashAt: null },
  };
  if (rare.copyApart) return withCopyApart(plan);
  if (rare.serviceOff !== null) return withOthersHonest(plan);
  return !clone && prng.chance(0.06) ? beforeOpening(plan) : plan;
}

// All n nodes must sign the root, so one that lies or is dead would keep the treasury shut.
function beforeOpening(plan: Plan): Plan {
  return { ...plan, liars: new Map(), dead: 0, isOpened: false };
}

// Without the node that signs nothing, t must be left.
function withOthersHonest(plan: Plan): Plan {
  return { ...plan, liars: new Map(), dead: 0 };
}

// Each part must have time to decide something while they are apart, and by itself: nobody asks a copy.
function withCopyApart(plan: Plan): Plan {
  const faults = { ...plan.faults, ...WITHIN_REACH, clone: true, restores: 0 };
  return { ...plan, faults, liars: new Map(), dead: 0, automatic: true, faultsMs: 160_000 };
}

/** A plan without faults but one crash: node `node` ends after its that many-th await. */
export function crashPlan(seed: number, node: number, at: number): Plan {
  const liars: ReadonlyMap<number, Lie> = new Map();
  return {
    ...{ seed, participants: 3, threshold: 2, liars, faults: CALM, deposits: 2, burns: 1, dead: 0 },
    ...{ topUps: 0, isOpened: true, automatic: false, faultsMs: 120_000, rare: NOTHING_RARE },
    crashAt: { node, await: at },
  };
}

/** A plan for making keys without faults but crashes: node `node` ends at those of its points (rare-faults.ts). */
export function ceremonyCrashPlan(seed: number, node: number, ...points: readonly number[]): Plan {
  const rare = { ...NOTHING_RARE, crashAt: points.map((point) => ({ node, point })) };
  return { ...crashPlan(seed, 0, 0), deposits: 0, burns: 0, crashAt: null, rare };
}

// Swarm testing: each kind of fault is off in some seeds, so that what one hides another shows.
function faultsOf(prng: Prng, outsider: number): Faults {
  const maybe = (probability: number, value: () => number): number => (prng.chance(probability) ? value() : 0);
  return {
    loss: maybe(0.6, () => prng.pick([0.01, 0.05, 0.2])),
    duplication: maybe(0.5, () => prng.pick([0.02, 0.1])),
    delayMax: prng.pick([40, 300, 3_000]),
    crash: maybe(0.7, () => prng.pick([0.002, 0.01])),
    crashesMax: prng.int(2, 8),
    partitions: maybe(0.5, () => prng.int(1, 3)),
    outages: maybe(0.5, () => prng.int(1, 3)),
    reorgs: maybe(0.6, () => prng.int(1, 3)),
    deepReorgs: maybe(0.25, () => 1),
    lagMax: maybe(0.6, () => prng.pick([2_000, 30_000])),
    skewMax: maybe(0.6, () => 4_000),
    farOff: prng.chance(0.15) ? outsider : null,
    ...{ restores: 0, clone: false },
  };
}
