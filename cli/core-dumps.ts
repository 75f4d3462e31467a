// Keeps secrets off the disk when the process crashes: no core dump of it is written, and no other process of the user may
// read its memory (core(5), prctl(2)). The runtime offers neither call, so the C library is asked directly.
import { dlopen, FFIType } from 'bun:ffi';
import { readFileSync } from 'node:fs';
import { type Problem, problem } from '../operator/runtime/problems.ts';

// Of <sys/resource.h> and <linux/prctl.h>, the same on x86-64 and arm64.
const RLIMIT_CORE = 4;
const PR_SET_DUMPABLE = 4;
const C_LIBRARY = 'libc.so.6';
const LIMITS_FILE = '/proc/self/limits';

/**
 * Switches core dumps off for this process and those that it starts. Returns false where the C library cannot be called;
 * the process goes on, and `coreDumpProblem` then says what a person can do.
 */
export function forbidCoreDumps(library: string = C_LIBRARY): boolean {
  try {
    const { symbols } = dlopen(library, {
      setrlimit: { args: [FFIType.int, FFIType.ptr], returns: FFIType.int },
      prctl: { args: [FFIType.int, FFIType.u64, FFIType.u64, FFIType.u64, FFIType.u64], returns: FFIType.int },
    });
    // Soft and hard limit: nothing that runs later may raise it again.
    const isLimited = symbols.setrlimit(RLIMIT_CORE, new BigUint64Array([0n, 0n])) === 0;
    // Where core(5) hands dumps to a program, the kernel passes over the limit, but not over this.
    const isClosed = symbols.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) === 0;
    return isLimited && isClosed;
  } catch {
    return false;
  }
}

/** Null where no core dump can be written; else the problem. `limits`: the text of `/proc/PID/limits`. */
export function coreDumpProblem(limits: string | null = ownLimits()): Problem | null {
  const soft = /^Max core file size +(\S+)/m.exec(limits ?? '')?.[1];
  if (soft === '0') return null;
  return problem('core_dumps', {
    subject: 'this node',
    // They are on or off for the whole life of the process.
    since: Math.floor(performance.timeOrigin),
    cause: 'core dumps are on, and one would hold the passphrase and the keys',
    action: 'put LimitCORE=0 into the systemd unit, or run `ulimit -c 0` before the server is started',
  });
}

function ownLimits(): string | null {
  try {
    return readFileSync(LIMITS_FILE, 'utf8');
  } catch {
    return null;
  }
}
