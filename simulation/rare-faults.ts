// Faults that only some seeds have, drawn from a stream of their own, so that all other seeds are the runs they were before:
// crashes at every point of a key ceremony, a node put back to an older key file or database around one, clocks that are set
// back, a copy of a node that the network keeps apart from the original, and a node whose operator never enables the service.
import { Prng } from './prng.ts';

/** What of a node is put back; `after`: once the keys are live everywhere, else while they are being made. */
export interface KeyRestore {
  readonly node: number;
  readonly what: 'database' | 'key file' | 'both';
  /** After which commit of the node it is kept, counted from 1; 0: as it was before the first start. */
  readonly keptAt: number;
  /** After how many further commits it is put back, where that is during the ceremony. */
  readonly commitsLater: number;
  readonly after: boolean;
}

/** A point is any at which a process may end: before an await, after what it asks for was sent, after a commit. */
export interface RareFaults {
  /** Ends a node at that many-th point of it. */
  readonly crashAt: readonly { readonly node: number; readonly point: number }[];
  /** Probability of a crash at each point of a key ceremony, and how many of these there are at most. */
  readonly pointCrash: number;
  readonly crashesMax: number;
  /** Probability that a start is cut short at one of its first points. */
  readonly cutStart: number;
  /** Probability that a node's clock is set back before it is started again. */
  readonly setBack: number;
  /** How often the clock of a running node is put forward or back, and how often a node is ended and started at once. */
  readonly clockSteps: number;
  readonly restarts: number;
  readonly keyRestore: KeyRestore | null;
  /** Whether the copy of a node cannot be reached from where the original is, nor the original from there, for a while. */
  readonly copyApart: boolean;
  /** A node whose operator has not enabled the service, by index. */
  readonly serviceOff: number | null;
}

/** What most seeds have of these. */
export const NOTHING_RARE: RareFaults = {
  ...{ crashAt: [], pointCrash: 0, crashesMax: 0, cutStart: 0 },
  ...{ setBack: 0, clockSteps: 0, restarts: 0, keyRestore: null, copyApart: false },
  serviceOff: null,
};

/** Which of a hundred seeds have what; those that make keys are every 25th (simulate.ts). */
const SEEDS = 100;
const MAKE_KEYS: readonly number[] = [0, 75];
const SET_CLOCKS: readonly number[] = [30, 40, 80, 90];
const PART_COPIES: readonly number[] = [10, 60];
const LEAVE_OFF: readonly number[] = [20, 70];
/** A node has about so many points, and commits about that often, in a key ceremony. */
const POINTS_MAX = 250;
const COMMITS_MAX = 25;

/** The rare faults of a seed. */
export function rareFaultsOf(seed: number, participants: number): RareFaults {
  const place = seed % SEEDS;
  const prng = new Prng(`rare/${seed}`);
  if (PART_COPIES.includes(place)) return { ...NOTHING_RARE, copyApart: true };
  if (SET_CLOCKS.includes(place)) return { ...NOTHING_RARE, ...clocksOf(prng), restarts: prng.int(1, 4) };
  const aNode = (): number => prng.int(0, participants - 1);
  if (LEAVE_OFF.includes(place)) return { ...NOTHING_RARE, serviceOff: aNode() };
  if (!MAKE_KEYS.includes(place)) return NOTHING_RARE;
  const crashAt = Array.from({ length: prng.int(1, 6) }, () => ({ node: aNode(), point: prng.int(1, POINTS_MAX) }));
  return {
    ...NOTHING_RARE,
    ...{ crashAt, pointCrash: prng.pick([0, 0.01, 0.03]), crashesMax: prng.int(3, 15) },
    cutStart: prng.pick([0, 0.2, 0.5]),
    ...(prng.chance(0.4) ? clocksOf(prng) : {}),
    keyRestore: prng.chance(0.5) ? keyRestoreOf(prng, aNode()) : null,
  };
}

function clocksOf(prng: Prng): Pick<RareFaults, 'setBack' | 'clockSteps'> {
  return { setBack: prng.pick([0.3, 0.7]), clockSteps: prng.int(0, 4) };
}

function keyRestoreOf(prng: Prng, node: number): KeyRestore {
  const after = prng.chance(0.5);
  return {
    node,
    what: prng.pick(['database', 'key file', 'both'] as const),
    keptAt: prng.int(0, COMMITS_MAX),
    commitsLater: prng.int(1, COMMITS_MAX),
    after,
  };
}
