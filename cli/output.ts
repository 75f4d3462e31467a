// How commands speak: data on stdout as text or JSON, everything else on stderr. Colours only on a terminal that wants
// them (no-color.org). Text from outside is cleared of control characters, which a terminal would obey.
import type { Progress } from '../operator/runtime/progress.ts';
import { escapedJson, printable } from '../operator/runtime/shown-text.ts';

/** A stream to write text to; process.stdout and process.stderr are such. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Of a terminal, in characters. */
  readonly rows?: number | undefined;
  readonly columns?: number | undefined;
}

/** The size of a terminal. */
export interface Screen {
  readonly rows: number;
  readonly columns: number;
}

/** What `--json` can print: bigints become decimal strings, undefined members are left out. */
export type Printable =
  | null
  | undefined
  | boolean
  | number
  | string
  | bigint
  | readonly Printable[]
  | { readonly [key: string]: Printable };

export interface Column {
  readonly title: string;
  /** Numbers are set to the right; default 'left'. */
  readonly align?: 'left' | 'right';
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

/** A terminal that does not tell its size. */
const SCREEN: Screen = { rows: 24, columns: 80 };

const STYLE_CODES: Record<Style, readonly [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};
// In brackets, so that split keeps what it splits at, at the odd places.
const OWN_STYLES = new RegExp(`(\\u001b\\[(?:${Object.values(STYLE_CODES).flat().join('|')})m)`);
const SPINNER_FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const SPINNER_INTERVAL_MS = 80;
const ERASE_LINE = '\r\u001b[2K';

/** A running display of progress; `stop` clears what must not stay on the terminal. */
export interface ProgressDisplay {
  readonly report: Progress;
  stop(): void;
}

/** Everything a command prints goes through here. */
export interface Output {
  readonly json: boolean;
  /** The terminal that results go to; null where they go to a file or a pipe, which has no end. */
  readonly screen: Screen | null;
  /** Prints a result: as JSON with `--json`, else the text that `render` makes of it. */
  result(data: Printable, render: () => string): void;
  /** One line on stderr for the person in front of the screen. */
  note(line: string): void;
  /** `mpc_operator: …` on stderr. */
  fault(sentence: string): void;
  /** Shows steps on stderr: a spinner on a terminal, plain lines otherwise. */
  progress(): ProgressDisplay;
  /** Styles text meant for stdout; unchanged where colours are off. */
  style(text: string, ...styles: readonly Style[]): string;
}

export interface OutputOptions {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly json: boolean;
}

export function createOutput({ stdout, stderr, env, json }: OutputOptions): Output {
  const coloured = wantsColour(stdout, env);
  const { rows = SCREEN.rows, columns = SCREEN.columns } = stdout;
  return {
    json,
    screen: isTerminal(stdout, env) ? { rows, columns } : null,
    result: (data, render) =>
      void stdout.write(`${json ? jsonText(data) : ownMarksOnly(render().trimEnd(), coloured)}\n`),
    note: (line) => void stderr.write(`${printable(line)}\n`),
    fault: (sentence) => void stderr.write(`mpc_operator: ${printable(sentence)}\n`),
    progress: () => (isTerminal(stderr, env) ? spinner(stderr) : plainLines(stderr)),
    style: (text, ...styles) => (coloured ? styles.reduce(styled, text) : text),
  };
}

/** JSON, indented, bigints as decimal strings; what a terminal would obey is escaped. */
export function jsonText(data: Printable): string {
  return escapedJson(JSON.stringify(data, (_, value) => (typeof value === 'bigint' ? value.toString() : value), 2));
}

// The last look at a text: whatever a command forgot to clear, only line breaks and this file's own styles get through.
function ownMarksOnly(text: string, coloured: boolean): string {
  const parts = coloured ? text.split(OWN_STYLES) : [text];
  return parts.map((part, at) => (at % 2 === 1 ? part : part.split('\n').map(printable).join('\n'))).join('');
}

/**
 * A table of text with aligned columns, two spaces apart, no line ending in spaces. Cells are cleared of control
 * characters. An empty table is its heading.
 */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map((column) => column.title), ...rows].map((line) => line.map(printable));
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => Bun.stringWidth(line[at] ?? ''))));
  const rendered = lines.map((line) =>
    columns.map((column, at) => cell(line[at] ?? '', widths[at] ?? 0, column.align)),
  );
  return rendered.map((line) => line.join('  ').trimEnd()).join('\n');
}

/** Names and values below each other, the values aligned. */
export function renderFields(fields: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(0, ...fields.map(([name]) => Bun.stringWidth(name)));
  return fields.map(([name, value]) => `${cell(name, width)}  ${printable(value)}`.trimEnd()).join('\n');
}

function cell(text: string, width: number, align: Column['align'] = 'left'): string {
  const padding = ' '.repeat(Math.max(0, width - Bun.stringWidth(text)));
  return align === 'right' ? padding + text : text + padding;
}

function styled(text: string, style: Style): string {
  const [on, off] = STYLE_CODES[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

function isTerminal(stream: TextStream, env: OutputOptions['env']): boolean {
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

function wantsColour(stream: TextStream, env: OutputOptions['env']): boolean {
  return isTerminal(stream, env) && (env['NO_COLOR'] ?? '') === '';
}

function plainLines(stderr: TextStream): ProgressDisplay {
  const report: Progress = ({ text, remaining_ms }) =>
    void stderr.write(`${printable(text)}${leftText(remaining_ms)}\n`);
  return { report, stop: () => {} };
}

// The spinner shows the step under way and how long it may take; a step that another replaces stays on the screen as a line.
function spinner(stderr: TextStream): ProgressDisplay {
  let frame = 0;
  let current: { readonly text: string; readonly until: number | null } | null = null;
  let timer: ReturnType<typeof setInterval> | null = null;
  const draw = () => {
    if (current === null) return;
    const { text, until } = current;
    const left = leftText(until === null ? undefined : Math.max(0, until - performance.now()));
    const mark = `${SPINNER_FRAMES[frame++ % SPINNER_FRAMES.length]} `;
    stderr.write(`${ERASE_LINE}${mark}${clipped(text, columnsOf(stderr) - 1 - mark.length - left.length)}${left}`);
  };
  const settle = () => {
    if (current !== null) stderr.write(`${ERASE_LINE}  ${current.text}\n`);
    current = null;
  };
  return {
    report: ({ text, remaining_ms }) => {
      settle();
      current = { text: printable(text), until: remaining_ms === undefined ? null : performance.now() + remaining_ms };
      // Also after a stop: a question to the person at the terminal comes between the steps of a command.
      timer ??= setInterval(draw, SPINNER_INTERVAL_MS);
      timer.unref();
      draw();
    },
    stop: () => {
      if (timer !== null) clearInterval(timer);
      timer = null;
      settle();
    },
  };
}

// A line that wraps is erased only from its last row on: each frame would leave the rest of it on the screen.
function clipped(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  let [kept, used] = ['', 1];
  for (const character of text) {
    used += Bun.stringWidth(character);
    if (used > width) break;
    kept += character;
  }
  return `${kept}…`;
}

// Asked for each time: a window may be made smaller meanwhile. Some terminals say that they have no columns.
function columnsOf(stream: TextStream): number {
  return stream.columns === undefined || stream.columns === 0 ? SCREEN.columns : stream.columns;
}

function leftText(remainingMs: number | undefined): string {
  if (remainingMs === undefined) return '';
  const seconds = Math.ceil(remainingMs / 1000);
  return ` (${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left)`;
}
