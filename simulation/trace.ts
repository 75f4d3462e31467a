// What happened in a simulated run: the last lines for people, and a hash over all lines, by which two runs of one seed
// are compared.

/** How many lines are kept. */
export const TRACE_LINES = 120;
const LINE_CHARACTERS_MAX = 300;

/** The promise that a run has broken: a line of the design's Never list, or progress. */
export interface Violation {
  readonly line:
    | 'never 1'
    | 'never 2'
    | 'never 3'
    | 'never 4'
    | 'never 5'
    | 'never 6'
    | 'never 7'
    | 'progress'
    | 'fault';
  readonly detail: string;
}

/** Lines with their virtual times. */
export class Trace {
  readonly #lines: string[] = [];
  readonly #hash = new Bun.CryptoHasher('sha256');
  readonly #now: () => number;
  readonly #tolerated: readonly Violation['line'][];
  #first: Violation | null = null;

  constructor(now: () => number, tolerated: readonly Violation['line'][] = []) {
    this.#now = now;
    this.#tolerated = tolerated;
  }

  add(text: string): void {
    const line = `${(this.#now() / 1000).toFixed(3).padStart(9)} ${text}`.slice(0, LINE_CHARACTERS_MAX);
    this.#hash.update(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * TRACE_LINES) this.#lines.splice(0, TRACE_LINES);
  }

  /** Keeps the first violation of the run. */
  violated(line: Violation['line'], detail: string): void {
    if (this.#tolerated.includes(line)) return;
    this.#first ??= { line, detail };
    this.add(`VIOLATED ${line}: ${detail}`);
  }

  get violation(): Violation | null {
    return this.#first;
  }

  /** The last lines. */
  lines(): readonly string[] {
    return this.#lines.slice(-TRACE_LINES);
  }

  /** The hash over all lines so far. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}
