// The process around the command line: its streams, its signals and its end.
import { readFileSync } from 'node:fs';
import { processPaths } from '../operator/config/paths.ts';
import { CliContext } from './context.ts';
import { EXIT_FAILURE, EXIT_OK } from './errors.ts';
import { type CommandModule, runCli } from './program.ts';

// Of <signal.h>.
const SIGHUP = 1;

/** Runs the process's own command line and ends the process with its exit code. */
export async function main(modules: readonly CommandModule[]): Promise<never> {
  const stop = new AbortController();
  // The first signal asks, the second ends at once.
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => (stop.signal.aborted ? process.exit(EXIT_FAILURE) : stop.abort()));
  }
  // A closed terminal tells so by two signals at once, from the shell and from the kernel: this one never insists.
  if (!isIgnored(SIGHUP)) process.on('SIGHUP', () => stop.abort());
  // A reader that closes its pipe (`| head`) has what it wanted.
  process.stdout.on('error', (error: Error & { code?: string }) => {
    process.exit(error.code === 'EPIPE' ? EXIT_OK : EXIT_FAILURE);
  });
  // What is said beside the work is not worth the work: a server, a key ceremony and an exit code outlive its reader.
  process.stderr.on('error', () => {});
  const context = new CliContext({
    paths: processPaths(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stop.signal,
  });
  const code = await runCli(process.argv.slice(2), context, modules);
  await Promise.all([process.stdout, process.stderr].map(flushed));
  process.exit(code);
}

// What nohup(1) made a process ignore, it must go on ignoring: a handler would undo that. Bit n - 1 stands for signal n.
function isIgnored(signal: number): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}

// process.exit drops what a pipe has not taken yet; only the end of the stream is told when it has.
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.end(() => resolve()));
}
