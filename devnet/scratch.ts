// Folders for what a run needs and leaves nothing of. Each is named after the process that made it. So a later run can
// remove what a killed one has left behind, often in memory.
import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes `<prefix>-<pid namespace>-<pid>-XXXXXX` in a folder and gives its path. Before, removes those of the same prefix
 * whose process is gone, where this user made them. Process ids mean nothing across namespaces: others' folders stay.
 */
export function makeScratch(parent: string, prefix: string): string {
  const own = `${prefix}-${pidNamespace()}-`;
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(own) ? /^([1-9]\d*)-[^-]+$/.exec(name.slice(own.length))?.[1] : undefined;
    if (pid !== undefined && !isRunning(Number(pid))) removeOwn(join(parent, name));
  }
  return mkdtempSync(join(parent, `${own}${process.pid}-`));
}

// Linux tells it as `pid:[4026531836]`; elsewhere there is only one.
function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Anything else means that there is such a process, another user's say.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

// Another run may remove it at the same time; what cannot be removed stays, and is in nobody's way.
function removeOwn(path: string): void {
  try {
    const { uid } = lstatSync(path);
    if (uid === process.getuid?.()) rmSync(path, { recursive: true, force: true });
  } catch {}
}
