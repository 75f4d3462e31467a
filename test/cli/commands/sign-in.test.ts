// Who acts, on the command line: flags, descriptors, and what the node is sent.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { openSync, rmSync } from 'node:fs';
import type { NodeServices } from '../../../cli/services.ts';
import { CommandError } from '../../../operator/runtime/command-error.ts';
import type { CommandName, Credentials } from '../../../operator/runtime/command-types.ts';
import { Desk, untouchedServices } from './desk.ts';
import * as results from './results.ts';

const { RECIPIENT } = results;
const ADDRESS = ['deposit-address', '--recipient', RECIPIENT];
let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

/** A node in this process that answers, or refuses in turn; with what each call was asked. */
function node(answer: unknown, refusals: readonly string[] = []) {
  const asked: {
    readonly command: CommandName;
    readonly params: unknown;
    readonly credentials: readonly Credentials[];
  }[] = [];
  const left = [...refusals];
  const services: NodeServices = {
    ...untouchedServices,
    runLocally: async (_config, command, params, { credentials = [] }) => {
      asked.push({ command, params, credentials });
      const code = left.shift();
      if (code !== undefined) throw new CommandError(code, `refused as ${code}`);
      return JSON.parse(JSON.stringify(answer));
    },
  };
  return { services, asked };
}

/** A file descriptor that holds a text. */
function descriptor(name: string, text: string): string {
  return `${openSync(desk.write(name, text), 'r')}`;
}

describe('a command that acts', () => {
  test('sends who acts and the second person, from descriptors, to the node in this process', async () => {
    const { services, asked } = node(results.depositAddress);
    const flags = ['--as', 'ada', '--as-fd', descriptor('a', 'a pass word\n123456\n')];
    const second = ['--second', 'sam', '--second-fd', descriptor('b', 'another\r\n654321\r\n')];
    expect((await desk.run([...ADDRESS, ...flags, ...second], { services })).code).toBe(0);
    expect(asked.map(({ credentials }) => credentials)).toEqual([
      [
        { user: 'ada', password: 'a pass word', code: '123456' },
        { user: 'sam', password: 'another', code: '654321' },
      ],
    ]);
  });

  test('without anybody to ask tells what the node asks for, and that is all', async () => {
    const { services, asked } = node(results.depositAddress, ['sign_in_needed']);
    const ran = await desk.run(ADDRESS, { services });
    expect(ran).toEqual({ code: 1, stdout: '', stderr: 'mpc_operator: Refused as sign_in_needed (sign_in_needed).\n' });
    expect(asked).toHaveLength(1);
  });

  test('with --as alone and no terminal says which flag gives the password', async () => {
    const ran = await desk.run([...ADDRESS, '--as', 'ada'], { services: node(results.depositAddress).services });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('Password of ada: nobody can be asked, as this is no terminal: give --as-fd');
  });

  const wrong: readonly (readonly [string, readonly string[], string])[] = [
    ['--as-fd alone', ['--as-fd', '3'], '--as-fd needs --as USER'],
    ['--second alone', ['--second', 'sam'], '--second needs --as USER'],
    ['one person twice', ['--as', 'ada', '--second', 'ada'], 'it has to be another person'],
    ['a descriptor that is none', ['--as', 'ada', '--as-fd', 'x'], '--as-fd "x" is not a file descriptor'],
  ];
  for (const [name, flags, says] of wrong) {
    test(`with ${name} is wrong usage, and nothing is asked of the node`, async () => {
      const { services, asked } = node(results.depositAddress);
      const ran = await desk.run([...ADDRESS, ...flags], { services });
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain(says);
      expect(asked).toEqual([]);
    });
  }

  test('with a descriptor that lacks the code, or cannot be read, says so without what it holds', async () => {
    const { services } = node(results.depositAddress);
    const lacking = await desk.run([...ADDRESS, '--as', 'ada', '--as-fd', descriptor('c', 'hunter2secret\n')], {
      services,
    });
    expect(lacking.code).toBe(2);
    expect(lacking.stderr).toContain('has to hold the password, then the code, each on a line');
    expect(lacking.stderr).not.toContain('hunter2secret');
    const closed = await desk.run([...ADDRESS, '--as', 'ada', '--as-fd', '1023'], { services });
    expect(closed.stderr).toContain('--as-fd 1023: it cannot be read');
  });
});

test('a command that only reads asks nobody, whatever the flags', async () => {
  const { services, asked } = node({ users: [], single_operator: false });
  expect((await desk.run(['user', 'list', '--as', 'ada'], { services })).code).toBe(0);
  expect(asked).toEqual([{ command: 'user-list', params: {}, credentials: [] }]);
});

describe('user create', () => {
  const row = { role: 'admin', state: 'active', locked_until: null, failures: 0, backup_codes_left: 10 };
  const ada = { user: 'ada', ...row, created_at: '2026-01-01T00:00:00.000Z', signed_in_at: null };

  test('of a name that is taken, or of a first user who is no admin, asks for nothing', async () => {
    const taken = await desk.run(['user', 'create', '--username', 'ada', '--role', 'operator'], {
      services: node({ users: [ada], single_operator: false }).services,
    });
    expect(taken).toMatchObject({ code: 1, stderr: 'mpc_operator: There is a user ada already: take another name.\n' });
    const first = await desk.run(['user', 'create', '--username', 'olga', '--role', 'operator'], {
      services: node({ users: [], single_operator: false }).services,
    });
    expect(first.stderr).toContain('The first user has to be an admin');
  });

  test('with a bad name or role is wrong usage', async () => {
    for (const [name, role] of [
      ['Ada', 'admin'],
      ['a b', 'admin'],
      ['ada', 'root'],
    ] as const) {
      expect((await desk.run(['user', 'create', '--username', name, '--role', role])).code).toBe(2);
    }
  });
});

test('user roles prints the matrix without a node or a configuration', async () => {
  rmSync(desk.path('config.json'));
  const text = await desk.run(['user', 'roles']);
  expect(text.stdout).toContain('pay burns and raise fees');
  expect(text.stdout).toContain('of another role');
  const { roles, actions } = JSON.parse((await desk.run(['user', 'roles', '--json'])).stdout);
  expect(roles).toEqual(['admin', 'operator', 'security-officer', 'observer']);
  expect(actions.find((one: { action: string }) => one.action === 'recover-key')).toEqual({
    ...{ action: 'recover-key', what: 'bring a key back', roles: ['admin', 'security-officer'], second_person: true },
  });
});
