// The process around the command line: its streams, its signals and its end.
import { processPaths } from '../operator/config/paths.ts';
import { CliContext } from './context.ts';
import { EXIT_FAILURE, EXIT_OK } from './errors.ts';
import { type CommandModule, runCli } from './program.ts';

/** Runs the process's own command line and ends the process with its exit code. */
export async function main(modules: readonly CommandModule[]): Promise<never> {
  const stop = new AbortController();
  // The first signal asks, the second ends at once.
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => (stop.signal.aborted ? process.exit(EXIT_FAILURE) : stop.abort()));
  }
  for (const stream of [process.stdout, process.stderr]) {
    // A reader that closes its pipe (`| head`) has what it wanted.
    stream.on('error', (error: Error & { code?: string }) => {
      process.exit(error.code === 'EPIPE' ? EXIT_OK : EXIT_FAILURE);
    });
  }
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

// process.exit drops what a pipe has not taken yet; only the end of the stream is told when it has.
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.end(() => resolve()));
}
