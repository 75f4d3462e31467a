// Child processes of the devnet: each is ended by its own process id, and none outlives this process, however that ends.
import { closeSync, openSync } from 'node:fs';

/** How long a process may take to end when asked, in ms; then it is killed. */
const STOP_TIMEOUT_MS = 10_000;

/** What a child is started with. `command` is an absolute path and its arguments. */
export interface ChildOptions {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A program that ran to its end. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program. */
export interface Child {
  readonly pid: number;
  isRunning(): boolean;
  /** Resolves when the process is gone. */
  readonly exited: Promise<unknown>;
  /** Asks the process to end (SIGTERM), kills it where it does not, and waits until it is gone. */
  stop(): Promise<void>;
  /** Ends the process at once (SIGKILL), as a crash would, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts a program that runs until it is stopped; what it prints is added to the file `log`. */
export function startChild(options: ChildOptions, log: string): Child {
  const descriptor = openSync(log, 'a', 0o600);
  try {
    const { cwd, env } = options;
    const child = Bun.spawn([...options.command], {
      cwd,
      env: { ...env },
      stdin: 'ignore',
      stdout: descriptor,
      stderr: descriptor,
    });
    return endingWithParent(child);
  } finally {
    closeSync(descriptor);
  }
}

/** Runs a program to its end; an abort ends it early. */
export async function runChild(options: ChildOptions, signal: AbortSignal): Promise<Finished> {
  signal.throwIfAborted();
  const child = Bun.spawn([...options.command], {
    cwd: options.cwd,
    env: { ...options.env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const handle = endingWithParent(child);
  const onAbort = () => void handle.stop();
  signal.addEventListener('abort', onAbort, { once: true });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  signal.removeEventListener('abort', onAbort);
  signal.throwIfAborted();
  return { code, stdout, stderr };
}

const running = new Set<() => void>();
process.on('exit', () => {
  for (const killNow of running) killNow();
});

type Spawned = Pick<Bun.Subprocess, 'pid' | 'kill' | 'exited' | 'exitCode' | 'signalCode'>;

function endingWithParent(child: Spawned): Child {
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const killNow = () => {
    if (isRunning()) child.kill('SIGKILL');
  };
  running.add(killNow);
  const exited = child.exited.then(() => running.delete(killNow));
  return {
    pid: child.pid,
    isRunning,
    exited,
    async stop() {
      if (isRunning()) child.kill('SIGTERM');
      const timer = setTimeout(killNow, STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(timer);
    },
    async kill() {
      killNow();
      await exited;
    },
  };
}
