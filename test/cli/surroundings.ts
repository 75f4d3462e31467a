// A command line in memory: what was written where, and the exit code.
import { EventEmitter } from 'node:events';
import { CliContext } from '../../cli/context.ts';
import { type CommandModule, runCli } from '../../cli/program.ts';

/** Keeps what is written; a terminal where told to be one. */
export class MemoryStream {
  readonly isTTY: boolean;
  columns?: number;
  text = '';
  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }
  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

/** Keys typed at a terminal. */
export class MemoryInput extends EventEmitter {
  readonly isTTY: boolean;
  /** Every setting of raw mode, in order. */
  readonly rawModes: boolean[] = [];
  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }
  setRawMode(mode: boolean): this {
    this.rawModes.push(mode);
    return this;
  }
  resume(): this {
    return this;
  }
  pause(): this {
    return this;
  }
  type(keys: string): Uint8Array {
    const chunk = new TextEncoder().encode(keys);
    this.emit('data', chunk);
    return chunk;
  }
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface World {
  readonly env?: Record<string, string>;
  readonly terminal?: boolean;
  readonly home?: string;
}

export function memoryContext({ env = {}, terminal = false, home = '/nowhere' }: World = {}) {
  const stdout = new MemoryStream(terminal);
  const stderr = new MemoryStream(terminal);
  const stdin = new MemoryInput(terminal);
  const paths = { home, workingDirectory: home, env };
  const context = new CliContext({ paths, stdin, stdout, stderr, signal: new AbortController().signal });
  return { context, stdin, stdout, stderr };
}

/** Runs one command line, written with spaces between its words. */
export async function run(line: string, modules: readonly CommandModule[], world: World = {}): Promise<Ran> {
  const { context, stdout, stderr } = memoryContext(world);
  const code = await runCli(
    line.split(' ').filter((word) => word !== ''),
    context,
    modules,
  );
  return { code, stdout: stdout.text, stderr: stderr.text };
}
