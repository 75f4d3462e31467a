import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { authorise } from '../../../operator/accounts/authorise.ts';
import { type Action, actionOf, mayDo, PERMISSIONS, permissionRows } from '../../../operator/accounts/permissions.ts';
import type { Credentials } from '../../../operator/runtime/account-command-types.ts';
import { type CommandName, commandParams } from '../../../operator/runtime/command-types.ts';
import type { USER_ROLES } from '../../../store/schema-users.ts';
import { People, passwordOf, STEP_MS } from './people.ts';

let people: People;
let audited: [string, unknown][];
beforeEach(() => {
  people = new People();
  audited = [];
});
afterEach(() => people.close());

function shown(...users: readonly string[]): readonly Credentials[] {
  const text = (user: string) => new TextDecoder().decode(passwordOf(user));
  return users.map((user) => ({ user, password: text(user), code: people.code(user) }));
}

async function act(action: Action, credentials: readonly Credentials[], singleOperator = false): Promise<string> {
  const { accounts } = people;
  const audit = (kind: string, body: unknown) => void audited.push([kind, body]);
  try {
    const by = await authorise({ accounts, singleOperator, audit }, { action, command: 'c', shown: credentials });
    return by === null ? 'nobody' : by.user;
  } catch (error) {
    return error instanceof Error && 'code' in error ? `${error.code}: ${error.message}` : String(error);
  }
}

describe('without users', () => {
  test('whoever may run a command acts, and nothing is audited', async () => {
    expect(await act('payouts', [])).toBe('nobody');
    expect(await act('recover-key', [])).toBe('nobody');
    expect(audited).toEqual([]);
  });

  test('nobody is made to believe that signing in did anything', async () => {
    expect(await act('payouts', shown('ada'))).toContain('no_users: nobody can sign in');
  });
});

describe('with users', () => {
  beforeEach(async () => {
    await people.create('ada');
    await people.create('olga', 'operator');
    await people.create('sam', 'security-officer');
    await people.create('otto', 'observer');
  });

  test('nobody acts who does not sign in', async () => {
    expect(await act('payouts', [])).toContain('sign_in_needed: only a user who signs in may pay burns');
    expect(audited).toEqual([]);
  });

  test('whoever signs in and may is named in the audit log before the act', async () => {
    expect(await act('payouts', shown('olga'))).toBe('olga');
    expect(audited).toEqual([['act_authorised', { command: 'c', action: 'payouts', by: 'olga', role: 'operator' }]]);
  });

  test('a role that may not is refused by name, and the refusal is audited', async () => {
    expect(await act('payouts', shown('otto'))).toBe(
      'not_permitted: the role of otto (observer) may not pay burns and raise fees: admin, operator may',
    );
    expect(audited).toEqual([
      ['act_refused', { command: 'c', action: 'payouts', by: 'otto', reason: 'not_permitted' }],
    ]);
  });

  test('one sign-in is one act: the same code does not do another', async () => {
    const once = shown('olga');
    expect(await act('payouts', once)).toBe('olga');
    expect(await act('payouts', once)).toContain('sign_in_refused');
  });

  test('an unknown user and a wrong password are refused in the same words, without a name', async () => {
    const [right] = shown('olga');
    const wrong = await act('payouts', [{ user: 'olga', password: 'x', code: right?.code ?? '' }]);
    expect(await act('payouts', [{ user: 'nobody', password: 'x', code: right?.code ?? '' }])).toBe(wrong);
    expect(wrong).not.toContain('olga');
    expect(audited).toEqual([]);
  });

  test('an account that guessing has locked is in the audit log', async () => {
    for (let at = 0; at < 6; at++) await act('payouts', [{ user: 'olga', password: 'x', code: '000000' }]);
    expect(audited).toEqual([['account_locked', { user: 'olga', until: new Date(people.now + 30_000).toISOString() }]]);
  });

  describe('what takes a second person', () => {
    test('is refused to one, before a code is used up', async () => {
      const one = shown('ada');
      expect(await act('recover-key', one)).toContain(
        'second_person_needed: to bring a key back takes a second person',
      );
      expect(await act('recover-key', [...one, ...shown('sam')])).toBe('ada');
      const second = { user: 'sam', role: 'security-officer' };
      const by = { command: 'c', action: 'recover-key', by: 'ada', role: 'admin', second };
      expect(audited).toEqual([['act_authorised', by]]);
    });

    test('is refused to one person twice, and to two of one role', async () => {
      expect(await act('recover-key', [...shown('ada'), ...shown('ada')])).toContain('same_person');
      await people.create('eve');
      people.now += STEP_MS;
      expect(await act('recover-key', shown('ada', 'eve'))).toContain(
        'same_role: the second person has to be of another role',
      );
    });

    test('is refused with the remedy where all who may have one role, before a code is used up', async () => {
      people.accounts.change('sam', { state: 'disabled' });
      await people.create('eve');
      const both = shown('ada', 'eve');
      const sentence = await act('recover-key', both);
      expect(sentence).toStartWith('no_second_person: to bring a key back takes two people of different roles');
      expect(sentence).toContain('`mpc_operator user create --username NAME --role security-officer`');
      expect(await act('recover-key', both.slice(0, 1))).toBe(sentence);
      expect(audited).toEqual([]);
      await people.create('sue', 'security-officer');
      expect(await act('recover-key', [...both.slice(0, 1), ...shown('sue')])).toBe('ada');
    });

    test('is refused where the second person has a role that may not, or does not sign in', async () => {
      expect(await act('recover-key', shown('ada', 'otto'))).toContain('not_permitted: the role of otto (observer)');
      people.now += STEP_MS;
      const [ada, sam] = shown('ada', 'sam');
      if (ada === undefined || sam === undefined) throw new Error('both were shown');
      expect(await act('recover-key', [ada, { ...sam, password: 'x' }])).toContain('sign_in_refused');
      expect(audited.some(([kind]) => kind === 'act_authorised')).toBe(false);
    });

    test('takes one where the configuration says so, and the exception is in the audit log', async () => {
      expect(await act('recover-key', shown('ada'), true)).toBe('ada');
      expect(audited).toEqual([
        [
          'act_authorised',
          { command: 'c', action: 'recover-key', by: 'ada', role: 'admin', exception: 'single_operator' },
        ],
      ]);
    });
  });
});

describe('the permission matrix', () => {
  const actions = permissionRows().map(({ action }) => action);

  test('lets an admin do everything and an observer nothing', () => {
    expect(actions.filter((action) => !mayDo('admin', action))).toEqual([]);
    expect(actions.filter((action) => mayDo('observer', action))).toEqual([]);
  });

  test('lets an operator move money and no keys, and a security officer keep keys and move no money', () => {
    const may = (role: (typeof USER_ROLES)[number]) => actions.filter((action) => mayDo(role, action));
    expect(may('operator')).toEqual([
      'unseal',
      'seal',
      'enable-service',
      'disable-service',
      'pause',
      'open-treasury',
      'deposits',
      'payouts',
      'consolidate',
      'hold',
      'veto',
      'void',
      'approve',
      'checklist',
      'test',
      'incidents',
      'ceremony-date',
    ]);
    expect(may('security-officer')).toEqual([
      ...(['account-access', 'cards', 'key-ceremony', 'recover-key', 'unseal', 'seal', 'backup'] as const),
      ...(['enable-service', 'disable-service', 'pause', 'resume', 'policy', 'hold', 'veto', 'approve'] as const),
      ...(['checklist', 'incidents', 'ceremony-date'] as const),
    ]);
  });

  test('has for every act that takes two people two roles that may', () => {
    for (const { roles, second_person } of permissionRows()) if (second_person) expect(roles.length).toBeGreaterThan(1);
    expect(PERMISSIONS['recover-key'].second).toBe(true);
  });

  // Another command is one of these only after somebody has thought about it.
  const READING: readonly CommandName[] = [
    ...(['status', 'key-info', 'peer-export', 'peer-list', 'ceremony-list', 'ceremony-show', 'treasury'] as const),
    ...(['test-communication', 'deposits', 'requests-list', 'requests-show', 'withdrawals', 'fees'] as const),
    ...([
      'withdrawals-waiting',
      'service-status',
      'emergency-status',
      'policy-show',
      'backup-list',
      'backup-record',
      'user-list',
      'user-set-password',
      'user-set-totp',
      'security-check',
      'checklist',
    ] as const),
    ...(['contacts', 'incident-list', 'incident-show', 'ceremony-schedule-show'] as const),
  ];
  test('makes every command an act but those that read, and the two by which a person ends a reset', () => {
    const names = Object.keys(commandParams).filter((name): name is CommandName => Object.hasOwn(commandParams, name));
    const free = names.filter((name) => name !== 'attest' && actionOf(name, {} as never) === null);
    expect(free.sort()).toEqual([...READING].sort());
  });

  test('tells a test attestation from one that counts', () => {
    const claim = { txid: '', vout: 0, recipient: '', amount: '1' };
    expect(actionOf('attest', { ...claim, test: true })).toBe('test');
    expect(actionOf('attest', { ...claim, test: false })).toBe('deposits');
  });
});
