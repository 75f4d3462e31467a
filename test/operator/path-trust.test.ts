// Who else can change what lies at a path: owners, modes, folders on the way and links, for a user and for root.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PathStep, pathFlaw, untrusted } from '../../operator/config/path-trust.ts';

const OWN = 1000;
const OTHER = 1001;

const folder = (uid: number, mode = 0o755): PathStep => ({ uid, mode, isFolder: true, link: null });
const file = (uid: number, mode = 0o600): PathStep => ({ uid, mode, isFolder: false, link: null });
const link = (uid: number, to: string): PathStep => ({ uid, mode: 0o777, isFolder: false, link: to });

/** The flaw of a path for user 1000 in a file system of these things alone. */
function flawIn(things: Readonly<Record<string, PathStep>>, path: string, uid = OWN) {
  return pathFlaw(path, { uid, look: (at) => things[at] ?? null });
}

const HOME = { '/': folder(0), '/home': folder(0), '/home/op': folder(OWN, 0o700) };

describe('a path is trusted', () => {
  test('where it and all folders on the way are the own ones or those of root, and nobody else may write them', () => {
    expect(flawIn({ ...HOME, '/home/op/config.json': file(OWN, 0o644) }, '/home/op/config.json')).toBeNull();
    const etc = { '/': folder(0), '/etc': folder(0), '/etc/config.json': file(0, 0o644) };
    expect(flawIn(etc, '/etc/config.json')).toBeNull();
  });

  test('where nothing is there yet in a folder that is', () => {
    expect(flawIn(HOME, '/home/op/.0btc-wire/mpc/config.json')).toBeNull();
  });

  test('in a sticky folder that all may write, where it is the own one', () => {
    const tmp = { '/': folder(0), '/tmp': folder(0, 0o1777) };
    expect(flawIn({ ...tmp, '/tmp/mine': file(OWN) }, '/tmp/mine')).toBeNull();
    expect(flawIn({ ...tmp, '/tmp/theirs': file(OTHER) }, '/tmp/theirs')?.problem).toContain('belongs to user 1001');
  });

  test('over a link of the own user to what can be trusted', () => {
    const things = { ...HOME, '/home/op/a': link(OWN, '../op/b'), '/home/op/b': file(OWN) };
    expect(flawIn(things, '/home/op/a')).toBeNull();
  });
});

describe('a path is not trusted', () => {
  test('where another user owns it, and the sentence names file, owner, mode and remedy', () => {
    expect(flawIn({ ...HOME, '/home/op/config.json': file(OTHER, 0o644) }, '/home/op/config.json')).toEqual({
      problem: 'cannot be trusted: /home/op/config.json belongs to user 1001 (mode 0644), who can change it',
      remedy:
        'If it is yours, run: sudo chown 1000 /home/op/config.json; if this is a shared account, run as user 1001 instead.',
    });
  });

  test('where its group or others may write it, also in a private group', () => {
    for (const [mode, who] of [
      [0o620, 'its group'],
      [0o602, 'other users'],
      [0o1666, 'other users'],
    ] as const) {
      const flaw = flawIn({ ...HOME, '/home/op/key file': file(OWN, mode) }, '/home/op/key file');
      expect(flaw?.problem).toStartWith(`cannot be trusted: ${who} may write /home/op/key file (of user 1000, mode `);
      expect(flaw?.remedy).toBe("Run: chmod go-w '/home/op/key file'");
    }
  });

  test('where a folder on the way is open or of another user', () => {
    const inside = { '/home/op/mpc': folder(OWN, 0o777), '/home/op/mpc/key': file(OWN) };
    expect(flawIn({ ...HOME, ...inside }, '/home/op/mpc/key')?.remedy).toBe('Run: chmod go-w /home/op/mpc');
    const theirs = { ...HOME, '/home/op': folder(OTHER), '/home/op/key': file(OWN) };
    expect(flawIn(theirs, '/home/op/key')?.problem).toContain('/home/op belongs to user 1001');
    expect(flawIn(theirs, '/home/op/missing')?.problem).toContain('/home/op belongs to user 1001');
  });

  test('over a link of another user, or one that leads to what cannot be trusted', () => {
    const tmp = { '/': folder(0), '/tmp': folder(0, 0o1777), '/tmp/mine': file(OWN), '/tmp/theirs': file(OTHER) };
    expect(flawIn({ ...tmp, '/tmp/a': link(OTHER, 'mine') }, '/tmp/a')?.remedy).toContain('chown -h 1000 /tmp/a');
    expect(flawIn({ ...tmp, '/tmp/a': link(OWN, '/tmp/theirs') }, '/tmp/a')?.problem).toContain('/tmp/theirs belongs');
    expect(flawIn({ ...tmp, '/tmp/a': link(OWN, 'b'), '/tmp/b': link(OWN, 'a') }, '/tmp/a')?.problem).toContain(
      'more than 40 symbolic links',
    );
  });

  test('by root where it belongs to anybody else', () => {
    expect(flawIn({ ...HOME, '/home/op/key': file(OWN) }, '/home/op/key', 0)?.remedy).toBe(
      'Run as user 1000 instead, without sudo.',
    );
  });
});

describe('on the file system', () => {
  let scratch: string;
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'path-trust-'));
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  test('owner, mode and links are those of the files', () => {
    const inside = join(scratch, 'inside');
    mkdirSync(inside);
    const path = join(inside, 'key');
    writeFileSync(path, '');
    symlinkSync('inside/key', join(scratch, 'link'));
    expect(untrusted([path, join(scratch, 'link')])).toBeNull();
    chmodSync(path, 0o646);
    const flaw = `cannot be trusted: other users may write ${path} (of user ${process.geteuid?.()}, mode 0646). Run: chmod go-w ${path}`;
    expect(untrusted([path])).toBe(`${path} ${flaw}`);
    expect(untrusted([join(scratch, 'link')])).toBe(`${join(scratch, 'link')} ${flaw}`);
    chmodSync(path, 0o600);
    chmodSync(inside, 0o770);
    expect(untrusted([path])).toContain(`its group may write ${inside}`);
    chmodSync(inside, 0o700);
  });

  test.skipIf(process.geteuid?.() !== 0)('a file that was given to another user is no longer trusted', () => {
    const path = join(scratch, 'given');
    writeFileSync(path, '');
    chownSync(path, OTHER, OTHER);
    expect(untrusted([path])).toContain('belongs to user 1001 (mode 0644)');
  });
});
