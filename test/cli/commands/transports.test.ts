import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { NodeServices } from '../../../cli/services.ts';
import { CommandError } from '../../../operator/runtime/command-error.ts';
import type { CommandName } from '../../../operator/runtime/command-types.ts';
import { Desk, untouchedServices } from './desk.ts';
import * as results from './results.ts';

const { TXID, BURN, RECIPIENT } = results;
let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

/** A node in this process that answers every command with one thing, and what it was asked. */
function localNode(answer: unknown): NodeServices & { readonly asked: { command: CommandName; params: unknown }[] } {
  const asked: { command: CommandName; params: unknown }[] = [];
  return {
    ...untouchedServices,
    asked,
    runLocally: async (config, command, params, { progress }) => {
      expect(config.name).toBe('Alpha');
      asked.push({ command, params });
      progress({ step: 'opened', text: 'opened the node' });
      if (answer instanceof Error) throw answer;
      // Each test pairs a command with a result of it.
      return JSON.parse(JSON.stringify(answer));
    },
  };
}

const offline: readonly (readonly [args: readonly string[], command: CommandName, params: unknown, result: unknown])[] =
  [
    [['status'], 'status', {}, results.status],
    [['key-info'], 'key-info', {}, results.keyInfo],
    [['peer', 'list'], 'peer-list', {}, results.peerList],
    [['ceremony', 'list'], 'ceremony-list', {}, results.ceremonyList],
    [['ceremony', 'show', 'a'], 'ceremony-show', { ceremony_id: 'a' }, results.ceremonyShow],
    [
      ['deposit-address', '--recipient', RECIPIENT],
      'deposit-address',
      { recipient: RECIPIENT },
      results.depositAddress,
    ],
    [['treasury'], 'treasury', {}, results.treasury],
    [['fees'], 'fees', { days: 30 }, results.fees],
    [['deposits'], 'deposits', { limit: 50, offset: 0 }, results.deposits],
    [['withdrawals'], 'withdrawals', { limit: 50, offset: 0 }, results.withdrawals],
    [['dkg', '--ceremony-id', 'a'], 'dkg', { ceremony_id: 'a', rehearsal: false, wait_s: 3600 }, results.dkg],
  ];

describe('without a server', () => {
  for (const [args, command, params, result] of offline) {
    test(`${args.slice(0, 2).join(' ')} runs in this process and prints the same`, async () => {
      const node = localNode(result);
      const ran = await desk.run([...args, '--json'], { services: node });
      expect(ran.code).toBe(0);
      expect(node.asked).toEqual([{ command, params }]);
      expect(JSON.parse(ran.stdout)).toEqual(result);
      expect(ran.stderr).toBe('opened the node\n');
    });
  }

  const online = [
    ['attest', '--txid', TXID, '--vout', '0', '--recipient', RECIPIENT, '--amount', '1'],
    ['test-attestation', '--txid', TXID, '--vout', '0', '--recipient', RECIPIENT, '--amount', '1'],
    ['withdraw'],
    ['test-burn', '--txid', BURN, '--address', 'bcrt1q', '--amount', '1', '--fee', '0'],
    ['test-signing', '--message', 'hello'],
    ['test-communication'],
    ['unseal'],
    ['treasury', 'open'],
  ];
  for (const args of online) {
    test(`${args[0]} says how to start one, exit code 1`, async () => {
      const ran = await desk.run(args);
      expect(ran.code).toBe(1);
      expect(ran.stdout).toBe('');
      expect(ran.stderr).toContain('Start it with: mpc_operator server');
    });
  }

  test('a refusal of the node is one sentence, exit code 1', async () => {
    const node = localNode(new CommandError('no_key', 'there is no key yet'));
    const ran = await desk.run(['deposit-address', '--recipient', RECIPIENT], { services: node });
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toEndWith('mpc_operator: There is no key yet (no_key).\n');
  });

  test('a refusal that begins with an identifier leaves it as it is', async () => {
    const told = async (message: string) => {
      const node = localNode(new CommandError('deposit_spent', message));
      const { stderr } = await desk.run(['deposits'], { services: node });
      return stderr.split('\n').at(-2);
    };
    const outpoint = `${'c1'.repeat(32)}:0`;
    expect(await told(`${outpoint} is spent`)).toBe(`mpc_operator: ${outpoint} is spent (deposit_spent).`);
    expect(await told('one.example.com:1 is gone')).toBe('mpc_operator: one.example.com:1 is gone (deposit_spent).');
  });

  test('a bug of the node is reported as a bug', async () => {
    const ran = await desk.run(['status'], { services: localNode(new TypeError('x is undefined')) });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('Unexpected fault: x is undefined');
  });

  test('a command that needs the passphrase reads it from --passphrase-file', async () => {
    const file = desk.write('passphrase', 'correct horse battery\n');
    let read = '';
    const services: NodeServices = {
      ...untouchedServices,
      runLocally: async (_config, _command, _params, { passphrase }) => {
        read = new TextDecoder().decode(await passphrase());
        throw new CommandError('done', 'enough seen');
      },
    };
    await desk.run(['key-info', '--passphrase-file', file], { services });
    expect(read).toBe('correct horse battery');
  });

  test('a command that can do without a passphrase is given none where nobody can be asked', async () => {
    let given: Uint8Array | null = new Uint8Array();
    const services: NodeServices = {
      ...untouchedServices,
      runLocally: async (_config, _command, _params, { passphraseIfAny }) => {
        given = await passphraseIfAny();
        throw new CommandError('done', 'enough seen');
      },
    };
    await desk.run(['key-info'], { services });
    expect(given).toBeNull();
  });

  test('a command that needs the passphrase and can ask nobody says how to give it', async () => {
    const services: NodeServices = {
      ...untouchedServices,
      runLocally: async (_config, _command, _params, { passphrase }) => {
        await passphrase();
        throw new Error('went on without');
      },
    };
    const ran = await desk.run(['dkg', '--ceremony-id', 'a'], { services });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('--passphrase-file');
  });
});

test('with a server nothing runs in this process', async () => {
  await desk.serve({ status: results.status });
  const node = localNode(results.status);
  expect((await desk.run(['status'], { services: node })).code).toBe(0);
  expect(node.asked).toEqual([]);
  expect(desk.calls).toHaveLength(1);
});

test('a wrong configuration is reported before anything runs', async () => {
  desk.write('config.json', '{"parties": 3}');
  const ran = await desk.run(['status'], { services: localNode(results.status) });
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain('"threshold" is missing');
  expect(ran.stdout).toBe('');
});

describe('unseal', () => {
  test('hands the passphrase to the server and never prints it', async () => {
    await desk.serve({ unseal: { sealed: false } });
    const file = desk.write('passphrase', 'correct horse battery\n');
    const ran = await desk.run(['unseal', '--passphrase-file', file]);
    expect(ran).toEqual({ code: 0, stdout: 'The node is unsealed.\nNext: mpc_operator status\n', stderr: '' });
    expect(desk.calls).toEqual([{ command: 'unseal', params: { passphrase: 'correct horse battery' } }]);
  });
  test('refuses a passphrase file that others can read', async () => {
    await desk.serve({ unseal: { sealed: false } });
    const file = desk.write('passphrase', 'correct horse battery\n', 0o644);
    const ran = await desk.run(['unseal', '--passphrase-file', file]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('chmod 600');
    expect(desk.calls).toEqual([]);
  });
});

describe('server', () => {
  test('is served with the passphrase, which is zeroed afterwards', async () => {
    const file = desk.write('passphrase', 'correct horse battery\n');
    const seen: { text: string; bytes: Uint8Array }[] = [];
    const services: NodeServices = {
      ...untouchedServices,
      serve: async (config, { passphrase }) => {
        const bytes = passphrase ?? new Uint8Array();
        seen.push({ text: `${config.name} ${new TextDecoder().decode(bytes)}`, bytes });
      },
    };
    const ran = await desk.run(['server', '--passphrase-file', file], { services });
    expect(ran.code).toBe(0);
    expect(seen.map(({ text }) => text)).toEqual(['Alpha correct horse battery']);
    expect(seen[0]?.bytes.every((byte) => byte === 0)).toBe(true);
  });
  test('starts sealed where no passphrase is given and nobody can be asked', async () => {
    const given: (Uint8Array | null)[] = [];
    const services: NodeServices = {
      ...untouchedServices,
      serve: async (_config, { passphrase }) => void given.push(passphrase),
    };
    expect((await desk.run(['server'], { services })).code).toBe(0);
    expect(given).toEqual([null]);
  });
  test('does not start beside one that runs', async () => {
    await desk.serve({});
    const ran = await desk.run(['server']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('already');
  });
});
