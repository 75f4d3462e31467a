import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { InitialiseInput, NodeServices } from '../../../cli/services.ts';
import type { PassphrasePurpose } from '../../../operator/config/secrets-input.ts';
import { CommandError } from '../../../operator/runtime/command-error.ts';
import { ADDRESSES, Desk, untouchedServices } from './desk.ts';

const PASSPHRASE = 'correct horse battery';
const FEDERATION = ['init', '--parties', '3', '--threshold', '2', '--index', '1', '--addresses', ADDRESSES.join(', ')];
let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

/** A node that notes how it was initialised. */
function noting({ fault, purpose = 'create' }: { fault?: Error; purpose?: PassphrasePurpose } = {}) {
  const inputs: (InitialiseInput & { readonly typed: string; readonly typedRpc: string | null })[] = [];
  const services: NodeServices = {
    ...untouchedServices,
    initialise: async (input) => {
      const passphrase = await input.passphrase(purpose);
      const rpc = (await input.rpcPassword?.()) ?? null;
      const typedRpc = rpc === null ? null : new TextDecoder().decode(rpc);
      inputs.push({ ...input, typed: new TextDecoder().decode(passphrase), typedRpc });
      if (fault !== undefined) throw fault;
      return {
        configPath: input.file,
        certificatePath: '/x/tls_cert.pem',
        created: [input.file],
        kept: ['/x/config.json.old'],
        fingerprint: 'acid adult',
      };
    },
  };
  return { inputs, services };
}

describe('init', () => {
  test('refuses a name that does not show as it is, in one sentence, before anything is made', async () => {
    for (const name of ['A\u202elpha', 'Al\u200bpha', 'Al\u2028pha', 'Al\u0007pha']) {
      const { inputs, services } = noting();
      const ran = await desk.run([...FEDERATION, '--name', name], { services });
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain('is not a name of characters that all show.');
      expect(ran.stderr.trim().split('\n')).toHaveLength(1);
      expect(ran.stderr).not.toContain(name);
      expect(inputs).toEqual([]);
    }
  });

  test('takes people to call by role as the instructions write them, and keeps those of other roles', async () => {
    const file = desk.write('passphrase', `${PASSPHRASE}\n`);
    const sam = { name: 'Sam', phone: '112' };
    const draft: unknown = JSON.parse(await Bun.file(desk.path('config.json')).text());
    desk.write('config.json', JSON.stringify(Object.assign({}, draft, { contacts: { security_officer: sam } })));
    const { inputs, services } = noting();
    const ann = 'technical-coordinator: Ann-Marie Smith - ann@example.org - +49 30 123456 - Signal ann.42';
    const ran = await desk.run([...FEDERATION, '--contact', ann, '--passphrase-file', file], { services });
    expect(ran.code).toBe(0);
    expect(inputs[0]?.content.contacts).toEqual({
      technical_coordinator: {
        ...{ name: 'Ann-Marie Smith', email: 'ann@example.org', phone: '+49 30 123456', messaging: 'Signal ann.42' },
      },
      security_officer: sam,
    });
  });

  test('refuses a person with no role, no name or no way to be called, in one sentence that shows the form', async () => {
    const { inputs, services } = noting();
    for (const text of ['Ann - 112', 'boss: Ann - 112', 'security-officer: Ann', 'security-officer: Ann - 112 - 113']) {
      const ran = await desk.run([...FEDERATION, '--contact', text], { services });
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain('technical-coordinator: Ann Smith - ann@example.org');
      expect(ran.stderr.trim().split('\n')).toHaveLength(1);
    }
    expect(inputs).toEqual([]);
  });

  test('hands over the launch instructions’ keys, the output path and the passphrase', async () => {
    const { inputs, services } = noting();
    const file = desk.write('passphrase', `${PASSPHRASE}\n`);
    const args = [...FEDERATION, '--output', '~/new/config.json', '--passphrase-file', file];
    const ran = await desk.run(args, { services });
    expect(ran.code).toBe(0);
    const [input] = inputs;
    expect(input?.file).toBe(desk.path('new/config.json'));
    expect(input?.typed).toBe(PASSPHRASE);
    expect(input?.force).toBe(false);
    expect(input?.content).toEqual({
      parties: 3,
      threshold: 2,
      party_addresses: [...ADDRESSES],
      my_index: 1,
      key_share_path: 'key_share.enc',
      tls_cert_path: 'tls_cert.pem',
      tls_key_path: 'tls_key.pem',
      user_db_path: 'users.json',
      security_db_path: 'security.json',
      bitcoin_nodes: ['http://localhost:8332'],
      normal_confirmations: 6,
      fork_confirmations: 12,
    });
    expect(ran.stdout).toContain('acid adult');
    expect(ran.stdout + ran.stderr).not.toContain(PASSPHRASE);
  });

  test('takes name, network and nodes, and prints the result with --json', async () => {
    const { inputs, services } = noting();
    const file = desk.write('passphrase', PASSPHRASE);
    const more = ['--name', 'Beta', '--network', 'regtest', '--wire-node', 'http://a:1', '--wire-node', 'http://b:1'];
    const nodes = ['--bitcoin-node', 'http://c:1', '--bitcoin-node', 'http://d:1', '--output', 'x.json', '--json'];
    const ran = await desk.run([...FEDERATION, ...more, ...nodes, '--passphrase-file', file], { services });
    expect(inputs[0]?.content).toMatchObject({
      name: 'Beta',
      network: 'regtest',
      wire_nodes: ['http://a:1', 'http://b:1'],
      bitcoin_nodes: ['http://c:1', 'http://d:1'],
    });
    expect(JSON.parse(ran.stdout)).toEqual({
      configPath: desk.path('x.json'),
      certificatePath: '/x/tls_cert.pem',
      created: [desk.path('x.json')],
      kept: ['/x/config.json.old'],
      fingerprint: 'acid adult',
    });
  });

  test('completes a configuration written by hand: the flags count, what they do not say is kept', async () => {
    const { inputs, services } = noting();
    const passphrase = desk.write('passphrase', PASSPHRASE);
    const nodes = { bitcoin_nodes: ['http://10.0.0.7:8332'], normal_confirmations: 9, threshold: 3, my_index: 0 };
    const draft = JSON.stringify({ ...nodes, tls_cert_path: '~/tls/cert.pem', parties: 5, party_addresses: ['x:1'] });
    const path = desk.write('draft.json', draft);
    const ran = await desk.run([...FEDERATION, '--output', path, '--passphrase-file', passphrase], { services });
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain(`${path} was there`);
    expect(inputs[0]?.force).toBe(false);
    expect(inputs[0]?.content).toEqual({
      parties: 3,
      threshold: 2,
      party_addresses: [...ADDRESSES],
      my_index: 1,
      key_share_path: 'key_share.enc',
      tls_cert_path: '~/tls/cert.pem',
      tls_key_path: 'tls_key.pem',
      user_db_path: 'users.json',
      security_db_path: 'security.json',
      bitcoin_nodes: ['http://10.0.0.7:8332'],
      normal_confirmations: 9,
      fork_confirmations: 12,
    });
  });

  test('refuses a draft that cannot be used, saying what is wrong, and leaves it', async () => {
    const { inputs, services } = noting();
    const passphrase = desk.write('passphrase', PASSPHRASE);
    for (const [draft, told] of [
      ['{\n"parties": <number_of_operators>}', 'is not JSON (line 2, column 12: a value'],
      ['["parties"]', 'is not a JSON object: correct it, or give --force'],
      ['{"bitcoin_node": ["http://a:1"]}', 'Did you mean "bitcoin_nodes"?'],
    ] as const) {
      const path = desk.write('draft.json', draft);
      const ran = await desk.run([...FEDERATION, '--output', path, '--passphrase-file', passphrase], { services });
      expect(ran.code).toBeGreaterThan(0);
      expect(ran.stderr).toContain(told);
      expect(await Bun.file(path).text()).toBe(draft);
    }
    expect(inputs).toEqual([]);
  });

  test('with --force keeps what no flag says of a configuration in use, and shows what files are called now', async () => {
    const { inputs, services } = noting({ purpose: 'open' });
    const passphrase = desk.write('passphrase', PASSPHRASE);
    const nodes = { bitcoin_nodes: ['http://10.0.0.7:8332'], bitcoin_rpc_user: 'u', wire_nodes: ['http://w:1'] };
    const draft = JSON.stringify({ ...nodes, bitcoin_rpc_password_file: 'p', network: 'signet', my_index: 0 });
    const path = desk.write('used.json', draft);
    const args = [...FEDERATION, '--network', 'regtest', '--output', path, '--force', '--passphrase-file', passphrase];
    const ran = await desk.run(args, { services });
    expect(ran.code).toBe(0);
    expect(inputs[0]?.force).toBe(true);
    expect(inputs[0]?.content).toMatchObject({
      ...nodes,
      bitcoin_rpc_password_file: 'p',
      network: 'regtest',
      my_index: 1,
    });
    expect(ran.stdout).toContain('/x/config.json.old');
  });

  describe('of the RPC credentials of the Bitcoin nodes', () => {
    const run = (more: readonly string[], services: NodeServices, typed?: string) =>
      desk.run(
        [...FEDERATION, '--output', 'x.json', '--passphrase-file', desk.write('passphrase', PASSPHRASE), ...more],
        {
          services,
          ...(typed !== undefined && { typed }),
        },
      );

    test('asks for the password of the user without showing it, for a file beside the configuration', async () => {
      const { inputs, services } = noting();
      const ran = await run(['--bitcoin-rpc-user', 'alice'], services, 'hidden secret\n');
      expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('RPC password of your Bitcoin nodes: ') });
      expect(ran.stdout + ran.stderr).not.toContain('hidden secret');
      const named = { bitcoin_rpc_user: 'alice', bitcoin_rpc_password_file: 'bitcoin_rpc_password' };
      expect(inputs[0]?.content).toMatchObject(named);
      expect(inputs[0]?.typedRpc).toBe('hidden secret');
    });

    test('names the file of the password, or the cookie file, and then asks for nothing', async () => {
      const { inputs, services } = noting();
      const user = ['--bitcoin-rpc-user', 'alice', '--bitcoin-rpc-password-file', 'p'];
      expect((await run(user, services)).code).toBe(0);
      expect(inputs[0]?.content).toMatchObject({ bitcoin_rpc_password_file: desk.path('p') });
      expect(inputs[0]?.rpcPassword).toBeUndefined();
      desk.write('x.json', JSON.stringify(inputs[0]?.content));
      expect((await run(['--bitcoin-rpc-cookie-file', '~/c', '--force'], services)).code).toBe(0);
      expect(inputs[1]?.content).toMatchObject({ bitcoin_rpc_cookie_file: desk.path('c') });
      expect(Object.keys(inputs[1]?.content ?? {})).not.toContain('bitcoin_rpc_user');
    });

    test('says how to give the password where nobody can be asked, and which flags exclude each other', async () => {
      const { inputs, services } = noting();
      const silent = await run(['--bitcoin-rpc-user', 'alice'], services);
      expect(silent).toMatchObject({ code: 1, stderr: expect.stringContaining('give --bitcoin-rpc-password-file.') });
      const both = await run(['--bitcoin-rpc-user', 'a', '--bitcoin-rpc-cookie-file', 'c'], services);
      expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('--bitcoin-rpc-cookie-file') });
      expect(inputs).toEqual([]);
    });
  });

  test('asks for strength only of a new key file’s passphrase', async () => {
    const file = desk.write('passphrase', 'short');
    const args = [...FEDERATION, '--output', 'x.json', '--passphrase-file', file];
    const weak = await desk.run(args, noting());
    expect(weak.code).toBe(1);
    expect(weak.stderr).toContain('12 characters');
    expect((await desk.run(args, noting({ purpose: 'open' }))).code).toBe(0);
  });

  test('without a passphrase and with nobody to ask says how to give one', async () => {
    const ran = await desk.run([...FEDERATION, '--output', 'x.json'], noting());
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('--passphrase-file');
  });

  test('prints a refusal of the node as one sentence', async () => {
    const { services } = noting({ fault: new CommandError('exists', 'the key file belongs to another node') });
    const file = desk.write('passphrase', PASSPHRASE);
    const ran = await desk.run([...FEDERATION, '--output', 'x.json', '--passphrase-file', file], { services });
    expect(ran).toEqual({ code: 1, stdout: '', stderr: 'mpc_operator: The key file belongs to another node.\n' });
  });
});
