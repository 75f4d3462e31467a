// Carries out the rare faults of a run (rare-faults.ts) other than restores and copies: crashes at the points of a key
// ceremony and of a start, and clocks that are set.
import type { Member, Process } from './member.ts';
import type { Prng } from './prng.ts';
import type { Stage } from './stage.ts';

/** A start is cut short at one of its first points. */
const CUT_POINTS_MAX = 12;
/** Clocks are off by less than peers accept before they are set back, in ms. */
const STEP_MS_MAX = 25_000;
const SET_BACK_MS: readonly (readonly [number, number])[] = [
  [200, 3_000],
  [3_000, 30_000],
  [30_000, 300_000],
];
/** After that long a clock that was set wrong is set right, in ms. */
const RIGHT_MS_MIN = 500;
const RIGHT_MS_MAX = 60_000;
const RIGHT_SKEW_MS = 1_000;
const RESTART_MS_MIN = 50;
const RESTART_MS_MAX = 8_000;

/** What the run does to nodes at this part's wish. */
interface Stopping extends Stage {
  readonly members: readonly Member[];
  crash(member: Member, where: string): void;
  start(member: Member): void;
}

export class CrashPoints {
  readonly #world: Stopping;
  readonly #prng: Prng;
  readonly #cuts = new Map<Process, number>();
  #crashes = 0;

  constructor(world: Stopping) {
    this.#world = world;
    this.#prng = world.prng.fork('crashPoints');
  }

  /** Plans what happens to clocks while faults last. */
  schedule(): void {
    const { plan, time, members } = this.#world;
    const sometime = (run: (member: Member) => void): void => {
      const [at, member] = [this.#prng.int(0, plan.faultsMs), this.#prng.pick(members)];
      time.after(at, () => {
        if (this.#world.faulty) run(member);
      });
    };
    for (let i = 0; i < plan.rare.clockSteps; i++) sometime((member) => this.#step(member));
    for (let i = 0; i < plan.rare.restarts; i++) sometime((member) => this.#restart(member));
  }

  /** Whether a process ends at this point. */
  strikes(member: Member, where: string): boolean {
    const { rare } = this.#world.plan;
    const { process } = member;
    if (process === null) return false;
    if (rare.crashAt.some(({ node, point }) => member.index === node && member.points === point)) {
      this.#world.tally.add(`crashes ${kindOf(where)}`);
      return true;
    }
    if (!this.#world.faulty || this.#crashes >= rare.crashesMax) return false;
    const left = this.#cuts.get(process) ?? null;
    if (left !== null) this.#cuts.set(process, left - 1);
    // Heartbeats are by far the most frequent of all awaits.
    const struck = left === 1 || (!where.includes('heartbeat') && this.#prng.chance(rare.pointCrash));
    if (!struck) return false;
    this.#crashes += 1;
    this.#world.tally.add(left === 1 ? 'starts cut short' : `crashes ${kindOf(where)}`);
    return true;
  }

  /** To be called before a node is started. */
  starting(member: Member): void {
    const { rare } = this.#world.plan;
    if (!this.#world.faulty || member.starts === 0 || rare.setBack === 0) return;
    if (Math.abs(member.skewMs) > STEP_MS_MAX || !this.#prng.chance(rare.setBack)) return;
    const [least, most] = this.#prng.pick(SET_BACK_MS);
    const back = this.#prng.int(least, most);
    this.#world.tally.add('clocks set back before a start');
    this.#world.trace.add(`clock of ${member.name} is set back by ${back}`);
    member.skewMs -= back;
    this.#setRightLater(member);
  }

  /** To be called when a node was started; true where that start ends at once. */
  started(process: Process): boolean {
    const { rare } = this.#world.plan;
    if (!this.#world.faulty || rare.cutStart === 0 || this.#crashes >= rare.crashesMax) return false;
    if (process.member.starts === 1 || !this.#prng.chance(rare.cutStart)) return false;
    const points = this.#prng.int(0, CUT_POINTS_MAX);
    if (points > 0) this.#cuts.set(process, points);
    else {
      this.#crashes += 1;
      this.#world.tally.add('starts cut short');
    }
    return points === 0;
  }

  #step(member: Member): void {
    const by = this.#prng.int(500, STEP_MS_MAX) * this.#prng.pick([-1, 1]);
    if (Math.abs(member.skewMs + by) > STEP_MS_MAX) return;
    this.#world.tally.add('clocks stepped while running');
    this.#world.trace.add(`clock of ${member.name} steps by ${by}`);
    member.skewMs += by;
    this.#setRightLater(member);
  }

  #setRightLater(member: Member): void {
    const { time, trace } = this.#world;
    time.after(this.#prng.int(RIGHT_MS_MIN, RIGHT_MS_MAX), () => {
      if (!this.#world.faulty) return;
      if (member.process === null) {
        this.#setRightLater(member);
        return;
      }
      trace.add(`clock of ${member.name} is set right from ${member.skewMs}`);
      member.skewMs = this.#prng.int(-RIGHT_SKEW_MS, RIGHT_SKEW_MS);
    });
  }

  #restart(member: Member): void {
    const { time } = this.#world;
    if (member.process === null) return;
    this.#world.crash(member, 'and is started again');
    time.after(this.#prng.int(RESTART_MS_MIN, RESTART_MS_MAX), () => this.#world.start(member));
  }
}

function kindOf(where: string): string {
  if (where.includes('send')) return `${where.startsWith('before') ? 'before' : 'after'} sending`;
  if (where.includes('key file')) return 'at writing the key file';
  return where.includes('commit') ? 'after a commit' : 'at another await';
}
