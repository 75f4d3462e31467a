// Accounts through the executable as it ships, at a real terminal: what only a person's keys and screen show.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';
import { base32nopad } from '@scure/base';
import { generateSync } from 'otplib';
import { LoneNode } from './lone-node.ts';

const EXECUTABLE = fileURLToPath(new URL('../../dist/mpc_operator', import.meta.url));
const PASSWORD = 'gravel tulip canoe prism';
let node: LoneNode;
beforeAll(async () => {
  node = await LoneNode.make();
}, 60_000);
afterAll(() => node.close());

/** What is typed when a question stands at the end of the screen; the text so far is given. */
type Replies = readonly (readonly [question: string, reply: (screen: string) => string])[];

/** Runs a command at a terminal of its own, and answers its questions in their order. */
async function atTerminal(args: readonly string[], replies: Replies): Promise<{ code: number; screen: string }> {
  const decoder = new TextDecoder();
  const left = [...replies];
  let screen = '';
  let answered = 0;
  const child = Bun.spawn([EXECUTABLE, ...args], {
    cwd: node.folder,
    env: { ...node.env, MPC_OPERATOR_ARGON2_KIB: '8', TERM: 'dumb' },
    terminal: {
      cols: 120,
      rows: 60,
      data(terminal, data) {
        screen += decoder.decode(data, { stream: true });
        const [next] = left;
        if (next === undefined || !screen.slice(answered).includes(`${next[0]}: `)) return;
        left.shift();
        answered = screen.length;
        terminal.write(`${next[1](screen)}\r`);
      },
    },
  });
  const code = await child.exited;
  child.terminal?.close();
  expect(left.map(([question]) => question)).toEqual([]);
  return { code, screen };
}

function secretOn(screen: string): string {
  return /into the app \(time-based, 6 digits\): ([A-Z2-7 ]+)/.exec(screen)?.[1]?.replaceAll(' ', '').trim() ?? '';
}

const codeOf = (secret: string, ahead = 0) =>
  generateSync({ secret: base32nopad.decode(secret), epoch: Math.floor(Date.now() / 1000) + ahead });

describe('the launch instructions’ `user create`', () => {
  let secret = '';
  let screen = '';
  test('asks for a password twice and shows nothing of it, draws the QR code, and confirms its first code', async () => {
    const ran = await atTerminal(
      ['user', 'create', '--username', 'admin', '--role', 'admin'],
      [
        ['New password of admin (at least 12 characters)', () => 'Password1234'],
        ['New password of admin (at least 12 characters)', () => PASSWORD],
        ['The same password again', () => PASSWORD],
        ['The code that the app shows now', () => '000000'],
        [
          'The code that the app shows now',
          (text) => {
            secret = secretOn(text);
            return codeOf(secret, -30);
          },
        ],
      ],
    );
    ({ screen } = ran);
    expect(ran.code).toBe(0);
    expect(secret).toHaveLength(32);
    expect(screen).toContain('too easy to guess');
    expect(screen).toContain('That is not the code of this secret');
    expect(screen.match(/[▀▄█]{5}/g)?.length ?? 0).toBeGreaterThan(5);
    expect(screen).not.toContain(PASSWORD);
    expect(screen.match(/^ {2}([0-9a-z]{4}-){3}[0-9a-z]{4}\r?$/gm)).toHaveLength(10);
    expect(screen).toContain('Next: mpc_operator user list');
  }, 60_000);

  test('is followed by commands that ask who acts, also as the launch instructions write them', async () => {
    const list = JSON.parse((await node.run('user', 'list', '--json')).stdout);
    expect(list.users).toMatchObject([{ user: 'admin', role: 'admin', state: 'active', backup_codes_left: 10 }]);
    expect((await node.run('status')).stdout).toContain('1 user, 1 admin');
    const alone = await node.run('deposit-address', '--recipient', 'ab'.repeat(32));
    expect(alone).toMatchObject({ code: 1, stdout: '' });
    expect(alone.stderr).toContain('give --as USER');
    const asked = await atTerminal(
      ['deposit-address', '--recipient', 'ab'.repeat(32)],
      [
        ['User', () => 'admin'],
        ['Password of admin', () => PASSWORD],
        ['Code of admin (or a backup code)', () => codeOf(secret)],
      ],
    );
    // Past the gate: the node has no key yet, which is its own answer.
    expect(asked.screen).toContain('no key');
    expect(asked.screen).not.toContain(PASSWORD);
  }, 60_000);

  const backupCodes = () => [...screen.matchAll(/([0-9a-z]{4}-){3}[0-9a-z]{4}/g)].map(([code]) => code);

  test('leaves backup codes that sign in once, each', async () => {
    const [code = ''] = backupCodes();
    const line = `exec "$0" user disable admin --as admin --as-fd 3 3< <(printf '%s\\n%s\\n' "$1" "$2")`;
    const disable = () => {
      const env = { ...node.env, MPC_OPERATOR_ARGON2_KIB: '8' };
      const options = { cwd: node.folder, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' } as const;
      return Bun.spawn(['bash', '-c', line, EXECUTABLE, PASSWORD, code], options);
    };
    // Signed in, and refused for another reason; then not even that.
    expect(await disable().stderr.text()).toContain('The last active admin, admin, has to stay');
    expect(await disable().stderr.text()).toContain('The user name, password or code is wrong');
  }, 60_000);

  test('holds for commands that the running server answers, too', async () => {
    const server = node.serve('exec "$@"');
    await node.answers();
    const alone = await node.run('unseal', ...node.unlocking);
    expect(alone.stderr).toContain('Only a user who signs in may open the key file of the running server');
    const line = `exec "$0" unseal --passphrase-file "$3" --as admin --as-fd 3 3< <(printf '%s\\n%s\\n' "$1" "$2")`;
    const unseal = (code: string) => {
      const options = { cwd: node.folder, env: node.env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' } as const;
      return Bun.spawn(['bash', '-c', line, EXECUTABLE, PASSWORD, code, node.passphraseFile], options);
    };
    expect(await unseal('0000-0000-0000-0000').stderr.text()).toContain('The user name, password or code is wrong');
    expect(await unseal(backupCodes()[1] ?? '').stdout.text()).toContain('The node is unsealed');
    server.kill();
    await server.exited;
  }, 120_000);
});
