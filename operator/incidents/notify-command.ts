// `notify_command`: the operator's own program that calls people. It runs without a shell, with one JSON object on stdin, hardly
// any environment, a time limit, and an output of which only the beginning is read. Nothing of the node waits for it.
import { untrustedProgram } from '../config/trusted-files.ts';
import type { NotifyOutcome } from '../runtime/incident-command-types.ts';
import { printable } from '../runtime/shown-text.ts';

/** How long the program may take, in ms. */
export const NOTIFY_TIMEOUT_MS = 30_000;
/** How much of its output is kept, in bytes. */
const OUTPUT_BYTES_MAX = 2_000;
/** How long its output is waited for once it has ended, in ms: a child that it left behind may hold it open. */
const OUTPUT_WAIT_MS = 500;

/** How the program is run. */
export interface NotifyRun {
  readonly command: readonly [string, ...string[]];
  /** What `~` stands for: programs that send mail look for their settings there. */
  readonly home: string;
  readonly timeoutMs?: number;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

/** Runs the program once. Never rejects. */
export async function runNotify(run: NotifyRun, message: object): Promise<NotifyOutcome> {
  const { command, home, timeoutMs = NOTIFY_TIMEOUT_MS, signal } = run;
  const [program] = command;
  const failed = (detail: string, output = ''): NotifyOutcome => ({ ok: false, detail, output });
  const untrusted = untrustedProgram(command);
  if (untrusted !== null) return failed(untrusted);
  let child: Bun.Subprocess<Uint8Array, 'pipe', 'pipe'>;
  try {
    child = Bun.spawn([...command], {
      stdin: new TextEncoder().encode(`${JSON.stringify(message)}\n`),
      ...{ stdout: 'pipe', stderr: 'pipe', cwd: '/', detached: true },
      // Only what a program needs to start: the operator's environment may name secrets.
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home },
    });
  } catch {
    return failed(`${program} cannot be started: look at its path and mode`);
  }
  const readers = [beginningOf(child.stdout), beginningOf(child.stderr)];
  const ended = Promise.withResolvers<'late' | 'stopped'>();
  const timer = setTimeout(() => ended.resolve('late'), timeoutMs);
  const stop = (): void => ended.resolve('stopped');
  signal?.addEventListener('abort', stop);
  const status = await Promise.race([child.exited, ended.promise]);
  clearTimeout(timer);
  signal?.removeEventListener('abort', stop);
  endGroup(child.pid);
  const pause = Bun.sleep(OUTPUT_WAIT_MS).then(() => {
    for (const reader of readers) reader.stop();
  });
  await Promise.race([Promise.all(readers.map((reader) => reader.done)), pause]);
  const output = printable(readers.map((reader) => reader.text().trim().replaceAll('\n', ' ')).join(' ')).trim();
  if (status === 'late') return failed(`${program} took longer than ${timeoutMs / 1000} s, and was ended`, output);
  if (status === 'stopped') return failed(`${program} was ended, as the server stops`, output);
  if (status !== 0) return failed(`${program} ended with exit code ${status}`, output);
  return { ok: true, detail: `${program} ended well`, output };
}

// The program leads a process group of its own: whatever it started goes with it.
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended already.
  }
}

// Reads on to the end, so that nothing blocks a program that writes much, and keeps the beginning.
function beginningOf(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  const kept: Uint8Array[] = [];
  let bytes = 0;
  const read = async (): Promise<void> => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      if (bytes < OUTPUT_BYTES_MAX) kept.push(value.subarray(0, OUTPUT_BYTES_MAX - bytes));
      bytes += value.length;
    }
  };
  return {
    done: read().catch(() => {}),
    text: () => new TextDecoder().decode(Buffer.concat(kept)),
    stop: () => void reader.cancel().catch(() => {}),
  };
}
