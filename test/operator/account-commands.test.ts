// Accounts at a node: commands that run in this process, with the gate before them.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { base32nopad } from '@scure/base';
import { generateSync } from 'otplib';
import type { OperatorConfig } from '../../operator/config/config.ts';
import { runLocally } from '../../operator/local.ts';
import type { CommandName, CommandParams, Credentials } from '../../operator/runtime/command-types.ts';
import { systemEffects } from '../../operator/runtime/effects.ts';
import { listAudit } from '../../store/audit-log.ts';
import { openReader } from '../../store/open.ts';
import { PASSPHRASE, SetUpNodes } from './set-up-nodes.ts';

const SECRETS: Readonly<Record<string, string>> = {
  ada: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
  olga: 'KRSXG5DTEBQW4ZDTMVRXEZLUOMXC4LRO',
};
const RECIPIENT = 'ab'.repeat(32);
let nodes: SetUpNodes;
let config: OperatorConfig;
let now = Date.now();

beforeAll(async () => {
  nodes = await SetUpNodes.make();
  nodes.effects = { ...systemEffects, now: () => now };
  config = await nodes.init(0);
});
afterAll(() => nodes.close());

function locally<C extends CommandName>(
  command: C,
  params: CommandParams<C>,
  credentials: readonly Credentials[] = [],
) {
  const input = nodes.inputOf(config);
  const passphrase = async () => PASSPHRASE;
  return runLocally({ ...input, env: { ...input.env, MPC_OPERATOR_ARGON2_KIB: '8' } }, command, params, {
    ...{ progress: () => {}, signal: new AbortController().signal, passphrase, passphraseIfAny: passphrase },
    credentials,
  });
}

const password = (user: string) => `gravel tulip canoe of ${user}`;

function code(user: string): string {
  now += 30_000;
  return generateSync({ secret: base32nopad.decode(SECRETS[user] ?? ''), epoch: Math.floor(now / 1000) });
}

const as = (user: string): readonly Credentials[] => [{ user, password: password(user), code: code(user) }];
const created = (user: string, role: 'admin' | 'operator') => ({
  ...{ user, role, password: password(user), totp_secret: SECRETS[user] ?? '', code: code(user) },
});

async function refusal(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'none';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

function lastAudit(count: number): readonly (readonly [string, unknown])[] {
  const store = openReader(config.securityDbPath);
  try {
    return listAudit(store.db, { limit: count })
      .rows.map(({ kind, body }) => [kind, body] as const)
      .reverse();
  } finally {
    store.close();
  }
}

describe('a node', () => {
  test('without users acts for whoever runs a command, and its status says so', async () => {
    // What a node without a key answers: the gate let it through.
    expect(await refusal(() => locally('deposit-address', { recipient: RECIPIENT }))).not.toBe('sign_in_needed');
    expect((await locally('status', {})).accounts).toEqual({
      ...{ users: 0, admins: 0, locked: [], single_operator: false, fault: null },
    });
    expect(await refusal(() => locally('user-delete', { user: 'ada' }))).toBe('no_users');
  });

  test('takes its first user from whoever runs the command, an admin, and every other from an admin', async () => {
    const first = await locally('user-create', created('ada', 'admin'));
    expect(first.backup_codes).toHaveLength(10);
    expect(lastAudit(1)).toEqual([['user_created', { user: 'ada', role: 'admin', by: null }]]);
    expect(await refusal(() => locally('user-create', created('olga', 'operator')))).toBe('sign_in_needed');
    await locally('user-create', created('olga', 'operator'), as('ada'));
    expect(lastAudit(2)).toEqual([
      ['act_authorised', { command: 'user-create', action: 'accounts', by: 'ada', role: 'admin' }],
      ['user_created', { user: 'olga', role: 'operator', by: 'ada' }],
    ]);
    const { users } = await locally('user-list', {});
    expect(users.map(({ user, role, state }) => [user, role, state])).toEqual([
      ['ada', 'admin', 'active'],
      ['olga', 'operator', 'active'],
    ]);
    expect((await locally('status', {})).accounts).toMatchObject({ users: 2, admins: 1 });
  });

  test('lets nobody act who does not sign in, and anybody read', async () => {
    expect(await refusal(() => locally('deposit-address', { recipient: RECIPIENT }))).toBe('sign_in_needed');
    expect(await refusal(() => locally('dkg', { ceremony_id: 'c', rehearsal: false, wait_s: 1 }))).toBe(
      'sign_in_needed',
    );
    for (const name of ['status', 'key-info', 'peer-list'] as const) await locally(name, {});
    expect(await refusal(() => locally('user-create', created('olga', 'admin'), as('olga')))).toBe('not_permitted');
  });

  test('lets an operator do what operators may', async () => {
    const said = await refusal(() => locally('deposit-address', { recipient: RECIPIENT }, as('olga')));
    expect(said).toBe('no_key');
    expect(lastAudit(1)).toEqual([
      ['act_authorised', { command: 'deposit-address', action: 'deposits', by: 'olga', role: 'operator' }],
    ]);
  });

  test('never loses its last admin, by whichever command, and says so', async () => {
    const paths = [
      () => locally('user-set-role', { user: 'ada', role: 'observer' }, as('ada')),
      () => locally('user-disable', { user: 'ada' }, as('ada')),
      () => locally('user-delete', { user: 'ada' }, as('ada')),
    ];
    for (const path of paths) expect(await refusal(path)).toBe('last_admin');
    expect((await locally('status', {})).accounts.admins).toBe(1);
  });

  test('changes users for an admin: role, disabled, enabled, unlocked, deleted, each in the audit log', async () => {
    await locally('user-set-role', { user: 'olga', role: 'observer' }, as('ada'));
    await locally('user-disable', { user: 'olga' }, as('ada'));
    expect(await refusal(() => locally('deposit-address', { recipient: RECIPIENT }, as('olga')))).toBe(
      'sign_in_refused',
    );
    await locally('user-enable', { user: 'olga' }, as('ada'));
    for (let at = 0; at < 5; at++) {
      const wrong = [{ user: 'olga', password: 'x', code: '000000' }];
      expect(await refusal(() => locally('deposit-address', { recipient: RECIPIENT }, wrong))).toBe('sign_in_refused');
    }
    expect((await locally('status', {})).accounts.locked).toEqual(['olga']);
    await locally('user-unlock', { user: 'olga' }, as('ada'));
    const kinds = lastAudit(12).map(([kind]) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['user_role_set', 'user_disabled', 'user_enabled', 'account_locked']));
    expect(kinds.at(-1)).toBe('user_unlocked');
  });

  test('sets a new password for the person alone, by a one-time code of an admin', async () => {
    const { code: reset_code } = await locally('user-reset', { user: 'olga', kind: 'password' }, as('ada'));
    const fresh = { user: 'olga', password: 'prism canoe tulip gravel' };
    expect(await refusal(() => locally('user-set-password', { ...fresh, reset_code: 'x', code: code('olga') }))).toBe(
      'reset_refused',
    );
    expect(await locally('user-set-password', { ...fresh, reset_code, code: code('olga') })).toEqual({ user: 'olga' });
    expect(lastAudit(1)).toEqual([['user_password_set', { user: 'olga', by: null }]]);
    await locally('user-delete', { user: 'olga' }, as('ada'));
  });

  test('writes no password, secret or code into its audit log', () => {
    const text = JSON.stringify(lastAudit(100));
    for (const secret of [password('ada'), SECRETS['ada'] ?? '', 'prism canoe']) expect(text).not.toContain(secret);
    expect(text).not.toMatch(/"(code|password|totp_secret)":/);
  });

  test('with a damaged accounts database lets nobody act, and its status says why', async () => {
    writeFileSync(config.userDbPath, 'this is no database, and longer than a header of one'.repeat(20));
    expect(await refusal(() => locally('deposit-address', { recipient: RECIPIENT }))).toContain('damaged');
    expect((await locally('status', {})).accounts.fault).toContain('is damaged');
  });
});
