import { afterAll, describe, expect, test } from 'bun:test';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PassphrasePurpose, passphraseWeakness, readPassphrase } from '../../operator/config/secrets-input.ts';

const folder = mkdtempSync(join(tmpdir(), 'passphrase-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const STRONG = 'correct horse battery';
const bytes = (text: string) => new TextEncoder().encode(text);

function secretFile(name: string, content: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode });
  return path;
}

interface Given {
  readonly file?: string;
  readonly descriptor?: number;
  readonly env?: Record<string, string>;
  /** What the person types, one entry a question; null gives up. */
  readonly typed?: (string | null)[];
}

/** Text of the passphrase found, 'none', or the reason of the refusal. */
async function found(given: Given, purpose: PassphrasePurpose = 'open'): Promise<string> {
  const typed = given.typed?.slice();
  const verdict = await readPassphrase(
    {
      file: given.file,
      descriptor: given.descriptor,
      paths: { home: folder, workingDirectory: folder, env: given.env ?? {} },
      prompt:
        typed === undefined
          ? null
          : async () => {
              const answer = typed.shift();
              if (answer === undefined) throw new Error('asked too often');
              return answer === null ? null : bytes(answer);
            },
    },
    purpose,
  );
  if (!verdict.ok) return verdict.reason;
  return verdict.passphrase === null ? 'none' : new TextDecoder().decode(verdict.passphrase);
}

describe('the passphrase', () => {
  test('comes from --passphrase-file, one closing line break dropped', async () => {
    expect(await found({ file: secretFile('lf', `${STRONG}\n`) })).toBe(STRONG);
    expect(await found({ file: secretFile('crlf', `${STRONG}\r\n`) })).toBe(STRONG);
    expect(await found({ file: secretFile('bare', STRONG) })).toBe(STRONG);
    expect(await found({ file: '~/bare' })).toBe(STRONG);
    expect(await found({ file: secretFile('spaces', ' a b ') })).toBe(' a b ');
  });

  test('comes from --passphrase-fd', async () => {
    const descriptor = openSync(secretFile('fd', `${STRONG}\n`), 'r');
    expect(await found({ descriptor })).toBe(STRONG);
    closeSync(descriptor);
  });

  test('comes from the environment by the name of a file, the command line going first', async () => {
    const env = { MPC_OPERATOR_PASSPHRASE_FILE: secretFile('env', 'from the environment') };
    expect(await found({ env })).toBe('from the environment');
    expect(await found({ env, file: secretFile('flag', 'from the flag') })).toBe('from the flag');
  });

  test('comes from a systemd credential, whose mode bits systemd guards', async () => {
    const credentials = join(folder, 'credentials');
    mkdirSync(credentials);
    const env = { CREDENTIALS_DIRECTORY: credentials };
    expect(await found({ env })).toBe('none');
    writeFileSync(join(credentials, 'mpc-operator-passphrase'), STRONG, { mode: 0o440 });
    expect(await found({ env })).toBe(STRONG);
    writeFileSync(join(credentials, 'passphrase'), `${STRONG} by the short name`, { mode: 0o440 });
    expect(await found({ env })).toBe(`${STRONG} by the short name`);
  });

  test('is asked for last: once to open, twice to create', async () => {
    expect(await found({ typed: ['short'] })).toBe('short');
    expect(await found({ typed: [STRONG, STRONG] }, 'create')).toBe(STRONG);
    expect(await found({ typed: [STRONG, `${STRONG}!`] }, 'create')).toBe('mismatch');
    expect(await found({ typed: [STRONG, null] }, 'create')).toBe('cancelled');
    expect(await found({ typed: [null] })).toBe('cancelled');
  });

  test('is none where there is no source and nobody to ask, so that a server starts sealed', async () => {
    expect(await found({})).toBe('none');
  });

  test('as a plain environment value is refused, not used', async () => {
    expect(await found({ env: { MPC_OPERATOR_PASSPHRASE: STRONG } })).toBe('plain_environment');
  });

  test('in a file in a folder that others may write is refused', async () => {
    const open = join(folder, 'shared');
    mkdirSync(open);
    const file = secretFile('shared/passphrase', STRONG);
    expect(await found({ file })).toBe(STRONG);
    chmodSync(open, 0o777);
    expect(await found({ file })).toBe('open_to_others');
  });

  test('in a file that others may read is refused', async () => {
    expect(await found({ file: secretFile('open', STRONG, 0o640) })).toBe('readable_by_others');
    expect(await found({ file: secretFile('world', STRONG, 0o604) })).toBe('readable_by_others');
  });

  test('from a file that is missing or no file, or from two sources, is refused', async () => {
    expect(await found({ file: 'missing' })).toBe('unreadable');
    expect(await found({ env: { MPC_OPERATOR_PASSPHRASE_FILE: '/' } })).toBe('unreadable');
    expect(await found({ descriptor: 987 })).toBe('unreadable');
    expect(await found({ file: 'a', descriptor: 3 })).toBe('two_sources');
  });

  test('that is empty, too long, of two lines or no UTF-8 is refused', async () => {
    expect(await found({ file: secretFile('empty', '\n') })).toBe('empty');
    expect(await found({ file: secretFile('long', 'x'.repeat(1025)) })).toBe('too_long');
    expect(await found({ file: secretFile('most', 'x'.repeat(1024)) })).toHaveLength(1024);
    expect(await found({ file: secretFile('lines', 'a\nb') })).toBe('not_text');
    const path = secretFile('latin1', '');
    writeFileSync(path, new Uint8Array([0x61, 0xe9]));
    expect(await found({ file: path })).toBe('not_text');
  });

  test('of a new key file has at least 12 characters, counted as characters', async () => {
    expect(await found({ file: secretFile('eleven', 'abcdefghijk') }, 'create')).toBe('too_weak');
    expect(await found({ file: secretFile('twelve', 'abcdefghijkl') }, 'create')).toBe('abcdefghijkl');
    expect(passphraseWeakness(bytes('ééééüüüüäää'))).not.toBeNull();
    expect(passphraseWeakness(bytes('éüäöéüäöéüäö'))).toBeNull();
    expect(passphraseWeakness(bytes('aaaaaaaaaaaaaaaa'))).not.toBeNull();
    expect(await found({ file: secretFile('old', 'weak') }, 'open')).toBe('weak');
  });
});
