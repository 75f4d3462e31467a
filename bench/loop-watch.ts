// How long the event loop of a process is held at a stretch. A timer fires every other millisecond; what this process
// computed between two of its ticks is how long something would have had to wait for it. CPU time is taken where it is
// less than the time that passed: what the machine gave to other processes held nothing.
import { cpuMs, wallMs } from './measure.ts';

const PROBE_MS = 2;

/** Watches the event loop between `start` and `stop`. */
export class LoopWatch {
  #timer: ReturnType<typeof setInterval> | null = null;
  #longest = 0;

  start(): void {
    this.stop();
    this.#longest = 0;
    let [wall, cpu] = [wallMs(), cpuMs()];
    this.#timer = setInterval(() => {
      const [nowWall, nowCpu] = [wallMs(), cpuMs()];
      this.#longest = Math.max(this.#longest, Math.min(nowWall - wall, nowCpu - cpu));
      [wall, cpu] = [nowWall, nowCpu];
    }, PROBE_MS);
  }

  /** The longest stretch since the start, in ms; 0 where nothing was watched. */
  stop(): number {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    return this.#longest;
  }
}
