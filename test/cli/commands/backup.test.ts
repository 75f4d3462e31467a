import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { commandModules } from '../../../cli/commands.ts';
import { CliContext } from '../../../cli/context.ts';
import { runCli } from '../../../cli/program.ts';

const ADDRESSES = '127.0.0.1:7300,127.0.0.1:7301,127.0.0.1:7302';
const home = mkdtempSync(join(tmpdir(), 'backup-commands-'));
const path = (name: string): string => join(home, name);
const written = (name: string, content: string, mode = 0o600): string => {
  writeFileSync(path(name), content, { mode });
  return name;
};
const FACTOR = 'MPC_OPERATOR_SCRYPT_WORK_FACTOR';
const factorBefore = process.env[FACTOR];

/** Runs a command as on a node of its own, in this process: no server runs, and nobody can be asked. */
async function run(...args: readonly string[]) {
  let [stdout, stderr] = ['', ''];
  const context = new CliContext({
    paths: { home, workingDirectory: home, env: { [FACTOR]: '2', MPC_OPERATOR_CONFIG: path('config.json') } },
    stdin: Readable.from([]),
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    signal: new AbortController().signal,
  });
  const code = await runCli(args, context, commandModules());
  return { code, stdout, stderr };
}
const KEYS = ['--passphrase-file', 'key-passphrase'];
const BACKUP = ['--backup-passphrase-file', 'backup-passphrase'];
const keyShare = (...more: readonly string[]) => run('backup', 'key-share', ...KEYS, ...more);
const verify = (...more: readonly string[]) => run('backup', 'verify', ...more);
const list = async () => JSON.parse((await run('backup', 'list', '--json')).stdout);

beforeAll(async () => {
  process.env[FACTOR] = '2';
  written('key-passphrase', 'a passphrase of the key file\n');
  written('backup-passphrase', 'a passphrase of the backup\n');
  const flags = ['--parties', '3', '--threshold', '2', '--index', '0', '--network', 'regtest', '--name', 'alpha'];
  const made = await run('init', ...flags, '--addresses', ADDRESSES, ...KEYS);
  expect(made.stderr).toContain('Next:');
  written('bitcoin-password', 'p');
  const config = JSON.parse(readFileSync(path('config.json'), 'utf8'));
  written(
    'config.json',
    JSON.stringify({ ...config, bitcoin_rpc_user: 'u', bitcoin_rpc_password_file: 'bitcoin-password' }),
  );
}, 60_000);
afterAll(() => {
  if (factorBefore === undefined) delete process.env[FACTOR];
  else process.env[FACTOR] = factorBefore;
  rmSync(home, { recursive: true });
});

describe('backup key-share', () => {
  test('writes a file that nobody else can read, which backup verify opens, and backup list tells of both', async () => {
    const made = await keyShare('--output', 'one.enc', ...BACKUP, '--json');
    expect(made).toMatchObject({ code: 0 });
    expect(JSON.parse(made.stdout)).toMatchObject({ path: path('one.enc'), network: 'regtest', index: 0, key_ids: [] });
    expect(made.stdout).not.toContain('BEGIN AGE');
    expect(statSync(path('one.enc')).mode & 0o777).toBe(0o600);
    const drilled = await verify('--input', 'one.enc', ...BACKUP, '--json');
    expect(drilled).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(drilled.stdout)).toMatchObject({ ok: true, kind: 'key_share', recorded: true, problems: [] });
    const { backups, newest } = await list();
    const bytes = statSync(path('one.enc')).size;
    expect(backups).toMatchObject([
      { event: 'drilled', kind: 'key_share', path: path('one.enc'), bytes },
      { event: 'made', kind: 'key_share', path: path('one.enc'), bytes },
    ]);
    expect(newest).toMatchObject({ key_share: backups[1].made_at, drill: backups[0].at, database: null });
  });

  test('never writes over a file without --force, and asks for nothing before it says so', async () => {
    written('taken', 'precious');
    const refused = await run('backup', 'key-share', '--output', 'taken');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('taken exists already: name another file, or give --force to replace it.');
    expect(readFileSync(path('taken'), 'utf8')).toBe('precious');
    expect((await keyShare('--output', 'taken', ...BACKUP, '--force')).code).toBe(0);
    expect((await verify('--input', 'taken', ...BACKUP)).code).toBe(0);
  });

  test('refuses a folder, a device, and a path without a folder', async () => {
    mkdirSync(path('folder'));
    for (const [output, says] of [
      ['folder', 'is not a regular file'],
      ['/dev/null', 'is not a regular file'],
      ['nowhere/x.enc', 'there is no folder'],
    ] as const) {
      const refused = await keyShare('--output', output, ...BACKUP, '--force');
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain(says);
    }
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test('seals to a recipient, whose identity alone opens it', async () => {
    const keygen = Bun.which('age-keygen');
    const { generateIdentity, identityToRecipient } = await import('age-encryption');
    const [identity, other] = [await generateIdentity(), await generateIdentity()];
    const recipient = await identityToRecipient(identity);
    expect((await keyShare('--output', 'to.enc', '--recipient', recipient)).code).toBe(0);
    written('identity', `# created: today\n# public key: ${recipient}\n${identity}\n`);
    written('other', `${other}\n`);
    written('open', `${identity}\n`, 0o644);
    expect((await verify('--input', 'to.enc', '--identity', 'identity')).code).toBe(0);
    expect((await verify('--input', 'to.enc', '--identity', 'other')).stderr).toContain(
      'was sealed to another recipient',
    );
    expect((await verify('--input', 'to.enc', '--identity', 'open')).stderr).toContain('chmod 600');
    expect((await verify('--input', 'to.enc', ...BACKUP)).stderr).toContain(
      'give the file of its identity with --identity',
    );
    expect(keygen === null || readFileSync(path('to.enc'), 'utf8').startsWith('-----BEGIN AGE')).toBe(true);
  });

  test('with a wrong recipient, or with two ways to seal, is wrong usage', async () => {
    const wrong = await keyShare('--output', 'x.enc', '--recipient', 'age1nobody');
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('--recipient "age1nobody" is not a recipient of age');
    const { generateIdentity, identityToRecipient } = await import('age-encryption');
    const recipient = await identityToRecipient(await generateIdentity());
    expect((await keyShare('--output', 'x.enc', '--recipient', recipient, ...BACKUP)).code).toBe(2);
  });

  test('without a passphrase and without anybody to ask says what to give, and writes nothing', async () => {
    const refused = await keyShare('--output', 'none.enc');
    expect(refused.stderr).toContain('give --backup-passphrase-file or --recipient');
    const sealed = await run('backup', 'key-share', '--output', 'none.enc', ...BACKUP);
    expect(sealed.stderr).toContain('This needs the passphrase of the key file');
    written('weak', 'short\n');
    const weak = await keyShare('--output', 'none.enc', '--backup-passphrase-file', 'weak');
    expect(weak.stderr).toContain('fewer than 12 characters');
    expect(() => statSync(path('none.enc'))).toThrow();
  });
});

describe('backup verify', () => {
  test('of a damaged file, of none, and with another passphrase fails in one sentence and records nothing', async () => {
    const before = (await list()).total;
    await keyShare('--output', 'good.enc', ...BACKUP);
    const text = readFileSync(path('good.enc'), 'utf8');
    const middle = Math.floor(text.length / 2);
    written('damaged.enc', `${text.slice(0, middle)}${text[middle] === 'A' ? 'B' : 'A'}${text.slice(middle + 1)}`);
    written('none.txt', 'hello');
    written('other-passphrase', 'another passphrase altogether\n');
    for (const [args, says] of [
      [['--input', 'damaged.enc', ...BACKUP], 'damaged.enc is damaged: take another copy of it.'],
      [['--input', 'none.txt', ...BACKUP], 'none.txt is not a backup'],
      [['--input', 'missing.enc', ...BACKUP], 'there is no such file'],
      [
        ['--input', 'good.enc', '--backup-passphrase-file', 'other-passphrase'],
        'The passphrase does not open good.enc.',
      ],
      [
        ['--input', 'key_share.enc', ...KEYS.map((flag) => flag.replace('--', '--backup-'))],
        'is no backup that can be restored',
      ],
    ] as const) {
      const failed = await verify(...args);
      expect(failed).toMatchObject({ code: 1, stdout: '' });
      expect(failed.stderr).toContain(says);
      expect(failed.stderr.trimEnd().split('\n')).toHaveLength(1);
    }
    expect((await list()).total).toBe(before + 1);
  });
});

describe('backup database and restore database', () => {
  const sealed = ['--input', 'db.age', ...BACKUP];
  const restore = (...more: readonly string[]) => run('restore', 'database', ...sealed, ...more);

  test('copy all that is committed into a sealed file, which holds in a drill, and leave no copy in the clear', async () => {
    const made = await run('backup', 'database', '--output', 'db.age', ...BACKUP, '--json');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(statSync(path('db.age')).mode & 0o777).toBe(0o600);
    const drilled = await verify(...sealed, '--json');
    expect(JSON.parse(drilled.stdout)).toMatchObject({ ok: true, kind: 'database', index: 0, recorded: true });
    expect((await list()).newest.database).toBe(JSON.parse(made.stdout).made_at);
    expect(readdirSync(home).filter((name) => name.includes('backup-copy') || name.includes('.new'))).toEqual([]);
  });

  test('put the older database back, with what came since kept under another name', async () => {
    expect((await run('emergency', 'pause', '--reason', 'a key file was copied')).code).toBe(0);
    const before = await list();
    const asked = await restore();
    expect(asked).toMatchObject({ code: 2, stdout: '' });
    expect(asked.stderr).toMatch(
      /LOST by the restore:\n.*the node is paused since .* own operator: a key file was copied/,
    );
    expect(asked.stderr).toContain('`mpc_operator emergency pause` before `mpc_operator server`');
    expect(asked.stderr).toContain('nobody can be asked here: give --yes');
    expect(await list()).toEqual(before);
    const restored = await restore('--yes', '--json');
    expect(restored.code).toBe(0);
    const { aside, lost, kept } = JSON.parse(restored.stdout);
    expect([lost, kept]).toEqual([[expect.stringContaining('a key file was copied')], []]);
    expect((await list()).total).toBeLessThan(before.total);
    expect(existsSync(aside)).toBe(true);
    expect((await run('status', '--json')).stdout).toContain('"sealed": true');
  });

  test('refuse another kind of backup, a damaged one, and another passphrase, and change nothing', async () => {
    const bytes = readFileSync(path('db.age'));
    bytes[bytes.length - 5000] = (bytes[bytes.length - 5000] ?? 0) ^ 1;
    writeFileSync(path('bad.age'), bytes, { mode: 0o600 });
    const before = await list();
    for (const [args, says] of [
      [['--input', 'bad.age', ...BACKUP], 'bad.age is damaged'],
      [['--input', 'db.age', '--backup-passphrase-file', 'other-passphrase'], 'The passphrase does not open db.age.'],
      [['--input', 'none.txt', ...BACKUP], 'none.txt is not a backup'],
    ] as const) {
      const refused = await run('restore', 'database', ...args, '--yes');
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain(says);
    }
    expect(await list()).toEqual(before);
    expect(readdirSync(home).filter((name) => name.includes('.new'))).toEqual([]);
  });
});

describe('restore key-share', () => {
  test('asks first, shows what it will do, and says what comes next', async () => {
    await keyShare('--output', 'mine.enc', ...BACKUP);
    const restore = (...more: readonly string[]) =>
      run('restore', 'key-share', '--input', 'mine.enc', ...BACKUP, ...KEYS, ...more);
    const asked = await restore();
    expect(asked).toMatchObject({ code: 2, stdout: '' });
    expect(asked.stderr).toContain(`replaces, and keeps the old key file ${path('key_share.enc')}`);
    const restored = await restore('--yes', '--json');
    expect(restored.code).toBe(0);
    expect(restored.stderr).toContain('The node is sealed, and signs nothing yet.');
    expect(restored.stderr).toContain('Next: mpc_operator server, then mpc_operator unseal.');
    const { files } = JSON.parse(restored.stdout);
    expect(files).toContainEqual(expect.objectContaining({ what: 'database', action: 'keep' }));
  });
});
