// Who else can change what lies at a path. A user who may write a file, or any folder on the way to it, decides what
// the node reads there: a configuration that names commands to run, keys, or a socket that takes the passphrase.
//
// The rule: every step of a path, symbolic links followed, belongs to this user or to root, and neither its group nor
// others may write it. A sticky folder such as /tmp may be open, as only owners can replace what lies in it. Writing by
// a group is refused even where it is the user's private group: nobody knows who is in a group, or joins it later.
import { lstatSync, readlinkSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';

/** What a look at one step of a path shows. `mode`: permission bits with the sticky bit; `link`: where it leads, or null. */
export interface PathStep {
  readonly uid: number;
  readonly mode: number;
  readonly isFolder: boolean;
  readonly link: string | null;
}

/** Who asks, and how to look at a path without following its last link; null where there is nothing. */
export interface PathView {
  readonly uid: number;
  readonly look: (path: string) => PathStep | null;
}

/** Why a path cannot be trusted: what is wrong, and the command that mends it. */
export interface PathFlaw {
  readonly problem: string;
  readonly remedy: string;
}

const ROOT_UID = 0;
const WRITABLE = 0o022;
const STICKY = 0o1000;
const LINKS_MAX = 40;

/** This process's user and file system. */
export function systemPathView(): PathView {
  return { uid: process.geteuid?.() ?? ROOT_UID, look };
}

/** What is wrong with who can change an absolute path or what will be made there; null where nobody else can. */
export function pathFlaw(path: string, view: PathView = systemPathView()): PathFlaw | null {
  for (const { at, step } of stepsOf(path, view.look)) {
    const flaw = step === 'endless' ? endless(at) : stepFlaw(at, step, view.uid);
    if (flaw !== null) return flaw;
  }
  return null;
}

/** The flaw of the first path that has one, as a sentence with its remedy; null where there is none. */
export function untrusted(paths: readonly string[], view: PathView = systemPathView()): string | null {
  for (const path of paths) {
    const flaw = pathFlaw(path, view);
    if (flaw !== null) return `${path} ${flaw.problem}. ${flaw.remedy}`;
  }
  return null;
}

function stepFlaw(at: string, { uid, mode, isFolder, link }: PathStep, own: number): PathFlaw | null {
  const shown = `mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`;
  if (uid !== own && uid !== ROOT_UID) {
    const whose = `${at} belongs to user ${uid} (${shown}), who can change it`;
    const command = `chown ${link === null ? '' : '-h '}${own} ${quoted(at)}`;
    // For root everything of the node would become root's, and the node would not start any more.
    if (own === ROOT_UID)
      return { problem: `cannot be trusted: ${whose}`, remedy: `Run as user ${uid} instead, without sudo.` };
    return {
      problem: `cannot be trusted: ${whose}`,
      remedy: `If it is yours, run: sudo ${command}; if this is a shared account, run as user ${uid} instead.`,
    };
  }
  // The permissions of a link itself mean nothing: what matters is the folder it lies in.
  if (link !== null || (mode & WRITABLE) === 0 || (isFolder && (mode & STICKY) !== 0)) return null;
  const who = (mode & 0o002) === 0 ? 'its group' : 'other users';
  return {
    problem: `cannot be trusted: ${who} may write ${at} (of user ${uid}, ${shown})`,
    remedy: `Run: ${uid === own ? '' : 'sudo '}chmod go-w ${quoted(at)}`,
  };
}

function endless(at: string): PathFlaw {
  return {
    problem: `cannot be followed: ${at} is one of more than ${LINKS_MAX} symbolic links`,
    remedy: `Look at it: ls -l ${quoted(at)}`,
  };
}

/** Every step from the root to the path, of links both themselves and what they lead to, as far as it exists. */
function* stepsOf(
  path: string,
  lookAt: PathView['look'],
): Generator<{ readonly at: string; readonly step: PathStep } | { readonly at: string; readonly step: 'endless' }> {
  let [current, links] = ['/', 0];
  const left = path.split('/');
  const root = lookAt(current);
  if (root !== null) yield { at: current, step: root };
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      current = dirname(current);
      continue;
    }
    const at = join(current, name);
    const step = lookAt(at);
    if (step === null) return;
    yield { at, step };
    if (step.link === null) {
      current = at;
      continue;
    }
    links += 1;
    if (links > LINKS_MAX) {
      yield { at, step: 'endless' };
      return;
    }
    if (isAbsolute(step.link)) current = '/';
    left.unshift(...step.link.split('/'));
  }
}

// What this user may not even look at, it cannot open either: whoever opens it says so.
function look(path: string): PathStep | null {
  try {
    const status = lstatSync(path);
    const link = status.isSymbolicLink() ? readlinkSync(path) : null;
    return { uid: status.uid, mode: status.mode & 0o7777, isFolder: status.isDirectory(), link };
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}

// As a shell takes it: the command is there to be copied.
function quoted(path: string): string {
  return /^[\w./~@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
