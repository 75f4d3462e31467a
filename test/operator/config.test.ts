import { afterAll, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex } from '../../crypto/bytes.ts';
import { checkConfig, describeProblem, loadConfig } from '../../operator/config/config.ts';
import { bitcoinCredentials } from '../../operator/config/config-bitcoin.ts';
import { draftConfig, writeConfig } from '../../operator/config/config-write.ts';
import { locateConfig } from '../../operator/config/paths.ts';

const HOME = '/home/op';
const FILE = '/home/op/.0btc-wire/mpc/config.json';
const folder = mkdtempSync(join(tmpdir(), 'config-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Appendix A of the launch instructions, letter by letter. */
const APPENDIX_A = {
  parties: 3,
  threshold: 2,
  party_addresses: ['operator1.example.com:50051', 'operator2.example.com:50051', 'operator3.example.com:50051'],
  my_index: 0,
  key_share_path: '~/.0btc-wire/mpc/key_share.enc',
  tls_cert_path: '~/.0btc-wire/mpc/tls_cert.pem',
  tls_key_path: '~/.0btc-wire/mpc/tls_key.pem',
  user_db_path: '~/.0btc-wire/mpc/users.json',
  security_db_path: '~/.0btc-wire/mpc/security.json',
  bitcoin_nodes: ['http://localhost:8332'],
  normal_confirmations: 6,
  fork_confirmations: 12,
};

function accepted(raw: unknown, file = FILE) {
  const verdict = checkConfig(raw, file, HOME);
  if (!verdict.ok) throw new Error(verdict.problems.map((problem) => describeProblem(file, problem)).join('\n'));
  return verdict.config;
}

/** The problems of Appendix A with some keys changed, as a user reads them. */
function refused(change: Record<string, unknown>): string[] {
  const verdict = checkConfig({ ...APPENDIX_A, ...change }, FILE, HOME);
  return verdict.ok ? [] : verdict.problems.map((problem) => describeProblem(FILE, problem));
}

describe('a configuration', () => {
  test('whose name turns lines around or hides characters is refused with one sentence', () => {
    for (const name of ['A\u202elpha', 'Al\u200bpha', 'Al\u2028pha']) {
      const [told = '', ...more] = refused({ name });
      expect(told).toContain('"name"');
      expect(told).toContain('a text of at most 64 characters that all show');
      expect(more).toEqual([]);
    }
  });

  test('whose path has a line break, or anything else that does not show, is refused by its key', () => {
    for (const key of ['key_share_path', 'security_db_path', 'user_db_path', 'control_socket'] as const) {
      const verdict = checkConfig({ ...APPENDIX_A, [key]: '~/a\nExecStartPre=+/bin/sh' }, FILE, HOME);
      expect(verdict.ok ? [] : verdict.problems.map((problem) => problem.key)).toEqual([key]);
    }
  });

  test('that is far too large is not read to its end', () => {
    const file = join(folder, 'endless.json');
    writeFileSync(file, '{}', { mode: 0o600 });
    truncateSync(file, 64 * 1024 * 1024 * 1024);
    const verdict = loadConfig(file, HOME);
    expect(verdict.ok ? [] : verdict.problems.map(({ problem }) => problem)).toEqual(['is larger than 256 KiB']);
  });
});

describe('Appendix A of the launch instructions', () => {
  test('loads unchanged, every key with its meaning', () => {
    const config = accepted(APPENDIX_A);
    expect(config).toMatchObject({
      parties: 3,
      threshold: 2,
      myIndex: 0,
      keySharePath: '/home/op/.0btc-wire/mpc/key_share.enc',
      tlsCertPath: '/home/op/.0btc-wire/mpc/tls_cert.pem',
      tlsKeyPath: '/home/op/.0btc-wire/mpc/tls_key.pem',
      bitcoinNodes: ['http://localhost:8332'],
      normalConfirmations: 6,
      forkConfirmations: 12,
    });
    expect(config.partyAddresses[2]).toEqual({
      host: 'operator3.example.com',
      port: 50051,
      text: 'operator3.example.com:50051',
    });
  });

  test('is named by the host of its address, or by its index where others share that host', () => {
    const shared = ['10.0.0.1:1', '10.0.0.1:2', '10.0.0.2:1'];
    const nameOf = (my_index: number) => accepted({ ...APPENDIX_A, party_addresses: shared, my_index }).name;
    expect([0, 1, 2].map(nameOf)).toEqual(['operator-0', 'operator-1', '10.0.0.2']);
    const long = `${'a'.repeat(60)}.example.com:1`;
    expect(accepted({ ...APPENDIX_A, party_addresses: [long, ...shared.slice(1)] }).name).toBe('operator-0');
    expect(accepted({ ...APPENDIX_A, name: 'Bank of Zug' }).name).toBe('Bank of Zug');
  });

  test('gets safe defaults for the keys it does not know', () => {
    const config = accepted(APPENDIX_A);
    expect(config.network).toBe('mainnet');
    expect(config.name).toBe('operator1.example.com');
    expect(config.listenAddress.text).toBe('0.0.0.0:50051');
    expect(config.metricsAddress.text).toBe('127.0.0.1:9464');
    expect(config.publicAddress).toBeNull();
    expect(config.controlSocket).toBe('/home/op/.0btc-wire/mpc/run/control.sock');
    expect(config.wireNodes).toEqual([]);
    expect(config.attestationValidityS).toBe(86_400);
    expect(config.burnProofVerifier).toBeNull();
  });

  test('names databases .db where it says .json', () => {
    expect(accepted(APPENDIX_A).userDbPath).toBe('/home/op/.0btc-wire/mpc/users.db');
    expect(accepted(APPENDIX_A).securityDbPath).toBe('/home/op/.0btc-wire/mpc/security.db');
  });

  test('lacking any one key is refused by the name of that key', () => {
    for (const key of Object.keys(APPENDIX_A)) {
      const problems = refused({ [key]: undefined });
      expect(problems.some((line) => line.startsWith(`${FILE}: "${key}" is missing. It must be`))).toBe(true);
    }
  });
});

describe('the block "policy"', () => {
  const address = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';

  test('is optional: deposits of 1,000 sats are swept, nothing is consolidated, and 100,000 sats are kept for fees', () => {
    const none = { withdrawalMaxSats: null, dayMaxSats: null, approveAboveSats: null, holdAboveSats: null };
    const standard = {
      ...{ depositMinSats: 1_000n, consolidateScripts: [], feeReserveSats: 100_000n },
      ...none,
      holdMinutes: 60,
    };
    for (const raw of [APPENDIX_A, { ...APPENDIX_A, policy: {} }]) expect(accepted(raw).policy).toEqual(standard);
  });

  test('is read', () => {
    const limits = {
      withdrawal_max_sats: 5,
      day_max_sats: 6,
      approve_above_sats: 0,
      hold_above_sats: 7,
      hold_minutes: 8,
    };
    const policy = { deposit_min_sats: 5_000, consolidate_addresses: [address], fee_reserve_sats: 50_000, ...limits };
    const script = fromHex('0014751e76e8199196d454941c45d1b3a323f1433bd6');
    const read = {
      ...{
        depositMinSats: 5_000n,
        consolidateScripts: [script],
        feeReserveSats: 50_000n,
        withdrawalMaxSats: 5n,
        dayMaxSats: 6n,
      },
      ...{ approveAboveSats: 0n, holdAboveSats: 7n, holdMinutes: 8 },
    };
    expect(accepted({ ...APPENDIX_A, network: 'regtest', policy }).policy).toEqual(read);
  });

  test('with a value out of bounds is refused by the key in it and what the value must be', () => {
    for (const sats of [329, 1_000_001, 1.5, '1000', null]) {
      const [line, ...others] = refused({ policy: { deposit_min_sats: sats } });
      expect(line).toContain(`"policy.deposit_min_sats" (${JSON.stringify(sats)}) has a value that cannot be used`);
      expect(line).toContain('It must be a whole number, 330 to 1000000: the least deposit');
      expect(others).toEqual([]);
    }
    for (const sats of [9_999, 100_000_001, 1.5, '50000', null]) {
      const [line, ...others] = refused({ policy: { fee_reserve_sats: sats } });
      expect(line).toContain(`"policy.fee_reserve_sats" (${JSON.stringify(sats)}) has a value that cannot be used`);
      expect(line).toContain('It must be a whole number, 10000 to 100000000: what a consolidation leaves');
      expect(others).toEqual([]);
    }
    const all = Array.from({ length: 17 }, () => address);
    expect(refused({ policy: { consolidate_addresses: all } }).join()).toContain('up to 16 Bitcoin addresses');
  });

  test('that is no object, or has a key that nobody knows, is refused with the keys it may have', () => {
    for (const policy of [[], 'x', null, 1, { deposit_min: 1 }]) {
      expect(refused({ policy }).join()).toContain('any of the keys deposit_min_sats, consolidate_addresses');
    }
  });

  test('with an address of another network is refused by its place in the list', () => {
    expect(refused({ network: 'regtest', policy: { consolidate_addresses: [address] } })).toEqual([]);
    const policy = { consolidate_addresses: ['bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', address] };
    expect(refused({ policy }).join()).toContain('"policy.consolidate_addresses[1]"');
    expect(refused({ policy }).join()).toContain('belongs to another network than mainnet');
    expect(refused({ policy: { consolidate_addresses: ['x'] } }).join()).toContain('cannot be decoded');
  });
});

describe('the federation', () => {
  const addresses = (n: number) => Array.from({ length: n }, (_, index) => `operator${index}.example.com:50051`);
  const federation = (parties: number, threshold: number, more: Record<string, unknown> = {}) =>
    refused({ parties, threshold, party_addresses: addresses(parties), ...more }).join('\n');

  test('of 2 of 2, 2 of 3, 3 of 4, 3 of 5 and 33 of 64 is accepted', () => {
    for (const [t, n] of [
      [2, 2],
      [2, 3],
      [3, 4],
      [3, 5],
      [33, 64],
    ] as const)
      expect(federation(n, t)).toBe('');
  });

  test('with t = 1 is refused', () => {
    expect(federation(3, 1)).toContain(
      '"threshold" (1) has a value that cannot be used. It must be a whole number, 2 to',
    );
  });

  test('with t > n is refused, as no signature could be made', () => {
    expect(federation(3, 4)).toContain('"threshold" (4) is more than the 3 operators');
  });

  test('with two quorums that need not share a node is refused, with the smallest safe t', () => {
    expect(federation(4, 2)).toContain('"threshold" (2) of 4 lets two groups of 2 sign without sharing an operator');
    expect(federation(4, 2)).toContain('Set it to 3 or more');
    expect(federation(64, 32)).toContain('Set it to 33 or more');
    expect(federation(5, 2)).toContain('Set it to 3 or more');
  });

  test('of more than 64 is refused', () => {
    expect(federation(65, 33)).toContain('"parties" (65)');
  });

  test('with an index outside 0 to n - 1 is refused', () => {
    expect(federation(3, 2, { my_index: 3 })).toContain(
      '"my_index" (3) is not a place among 3 operators. Indices count from 0',
    );
    expect(federation(3, 2, { my_index: -1 })).toContain('"my_index" (-1)');
    expect(federation(3, 2, { my_index: 0.5 })).toContain('"my_index" (0.5)');
  });

  test('with another number of addresses than operators is refused', () => {
    expect(refused({ party_addresses: addresses(2) }).join()).toContain('lists 2 addresses for 3 operators');
    expect(refused({ party_addresses: addresses(4) }).join()).toContain('lists 4 addresses for 3 operators');
  });

  test('with two operators at one address is refused, however it is spelt', () => {
    const twice = ['a.example:1', 'b.example:1', 'A.example:01'];
    expect(refused({ party_addresses: twice }).join()).toContain(
      'party_addresses[2]" ("A.example:01") is the address of operator 0',
    );
  });
});

describe('an address', () => {
  const withFirst = (first: string) => refused({ party_addresses: [first, 'b.example:1', 'c.example:1'] }).join('\n');

  test('may be a name, IPv4, or IPv6 in brackets', () => {
    for (const good of [
      'localhost:1',
      'a-b.example.com:65535',
      '10.0.0.7:50051',
      '[2001:db8::1]:50051',
      ' x.example:9 ',
    ]) {
      expect(withFirst(good)).toBe('');
    }
  });

  test('of any other form is refused with what is wrong', () => {
    const wrong: [string, string][] = [
      ['a.example', 'is not host:port'],
      ['a.example:', 'is not host:port'],
      [':50051', 'neither a DNS name nor an IP address'],
      ['a.example:0', 'port outside 1 to 65535'],
      ['a.example:65536', 'port outside 1 to 65535'],
      ['https://a.example:50051', 'has a scheme'],
      ['2001:db8::1', 'IPv6 address without brackets'],
      ['2001:db8::1:50051', 'IPv6 address without brackets'],
      ['[10.0.0.1]:50051', 'not an IPv6 address'],
      ['[2001:db8::1]', 'is not host:port'],
      ['10.0.0.256:50051', 'neither a DNS name nor an IP address'],
      ['a b.example:1', 'neither a DNS name nor an IP address'],
      ['<operator1_address>:50051', 'neither a DNS name nor an IP address'],
    ];
    for (const [address, says] of wrong) expect(`${address}: ${withFirst(address)}`).toContain(says);
  });
});

describe('a configuration file', () => {
  test('with an unknown key is refused with the nearest known one', () => {
    expect(refused({ treshold: 2 }).join()).toContain('"treshold" (2) is not a known key. Did you mean "threshold"?');
    expect(refused({ 'bitcoin-node': [] }).join()).toContain('Did you mean "bitcoin_nodes"?');
    expect(refused({ fork_confirmation: 1 }).join()).toContain('Did you mean "fork_confirmations"?');
    expect(refused({ q: 1 }).join()).toContain('the known keys are parties, threshold');
  });

  test('gets every problem reported at once', () => {
    expect(refused({ parties: 'three', my_index: null, extra_thing: 1 })).toHaveLength(3);
    expect(refused({ threshold: 1 + 3, my_index: 7, fork_confirmations: 1 })).toHaveLength(3);
  });

  test('trusting forks sooner than the normal chain is refused', () => {
    expect(refused({ fork_confirmations: 5 }).join()).toContain(
      '"fork_confirmations" (5) is less than normal_confirmations (6)',
    );
    expect(refused({ fork_confirmations: 6 })).toEqual([]);
  });

  test('with credentials in a URL is refused without repeating them', () => {
    const said = refused({ bitcoin_nodes: ['http://user:hunter2secret@localhost:8332'] }).join();
    expect(said).toContain('"bitcoin_nodes[0]" carries a user name or password in a URL');
    expect(said).not.toContain('hunter2secret');
  });

  test('with node URLs that are none is refused', () => {
    expect(refused({ bitcoin_nodes: ['localhost:8332'] }).join()).toContain('is not an http or https URL');
    expect(refused({ wire_nodes: ['ftp://x'] }).join()).toContain('"wire_nodes[0]" ("ftp://x") is not an http');
    expect(refused({ bitcoin_nodes: [] }).join()).toContain('"bitcoin_nodes" ([])');
  });

  test('with half of the RPC credentials, or two kinds of them, is refused', () => {
    expect(refused({ bitcoin_rpc_user: 'u' }).join()).toContain('"bitcoin_rpc_user" has no password');
    expect(refused({ bitcoin_rpc_password_file: 'p' }).join()).toContain('"bitcoin_rpc_password_file" has no user');
    const both = { bitcoin_rpc_cookie_file: 'c', bitcoin_rpc_user: 'u', bitcoin_rpc_password_file: 'p' };
    expect(refused(both).join()).toContain('together');
  });

  test('with two files in one place is refused, after .json has become .db', () => {
    expect(refused({ user_db_path: 'a.json', security_db_path: 'a.db' }).join()).toContain(
      'is the file of "user_db_path" too',
    );
  });

  test('with a control socket too long for the system is refused', () => {
    expect(refused({ control_socket: `/${'x'.repeat(110)}` }).join()).toContain('"control_socket"');
  });

  test('takes its relative paths from its own folder, so operators on one machine stay apart', () => {
    const first = accepted({ ...APPENDIX_A, key_share_path: 'share.enc' }, '/net/op0/config.json');
    const second = accepted({ ...APPENDIX_A, key_share_path: 'share.enc' }, '/net/op1/config.json');
    expect([first.keySharePath, second.keySharePath]).toEqual(['/net/op0/share.enc', '/net/op1/share.enc']);
    expect(first.controlSocket).not.toBe(second.controlSocket);
  });

  test('that is missing, no JSON, or no object is refused by one sentence', () => {
    const said = (name: string, text: string | null) => {
      const file = join(folder, name);
      if (text !== null) writeFileSync(file, text);
      const verdict = loadConfig(file, HOME);
      return verdict.ok ? [] : verdict.problems.map((problem) => describeProblem(file, problem).replace(file, 'F'));
    };
    expect(said('none.json', null)).toEqual([
      'F does not exist. Write it with `mpc_operator init`, or name another with --config.',
    ]);
    expect(said('bad.json', '{"parties": <n>}')[0]).toContain('F is not JSON');
    expect(said('list.json', '[]')[0]).toContain('F is not a JSON object');
    expect(said('good.json', JSON.stringify(APPENDIX_A))).toEqual([]);
  });

  test('that others may write is refused before it is read, by one sentence with the remedy', () => {
    const file = join(folder, 'shared.json');
    writeFileSync(file, 'not even JSON');
    chmodSync(file, 0o664);
    const verdict = loadConfig(file, HOME);
    const owner = statSync(file).uid;
    expect(verdict.ok ? [] : verdict.problems.map((problem) => describeProblem(file, problem))).toEqual([
      `${file} cannot be trusted: its group may write ${file} (of user ${owner}, mode 0664). Run: chmod go-w ${file}`,
    ]);
  });
});

describe('init', () => {
  const draft = { parties: 3, threshold: 2, index: 1, addresses: ['a.example:1', ' b.example:2', 'c.example:3'] };

  test('writes a file that loads, mode 0600, and leaves nothing else behind', async () => {
    const place = join(folder, 'new', 'config.json');
    expect(await writeConfig(place, draftConfig(draft), { force: false })).toEqual({ ok: true });
    expect(loadConfig(place, HOME)).toMatchObject({ ok: true, config: { myIndex: 1, listenAddress: { port: 2 } } });
    expect(statSync(place).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, 'new'))).toEqual(['config.json']);
  });

  test('keeps an existing file unless forced', async () => {
    const place = join(folder, 'kept.json');
    writeFileSync(place, 'mine');
    expect(await writeConfig(place, draftConfig(draft), { force: false })).toEqual({ ok: false, reason: 'exists' });
    expect(readFileSync(place, 'utf8')).toBe('mine');
    expect(await writeConfig(place, draftConfig(draft), { force: true })).toEqual({ ok: true });
    expect(JSON.parse(readFileSync(place, 'utf8')).my_index).toBe(1);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('at the default place puts every file where Appendix A has it', () => {
    const { controlSocket, name: _, ...written } = accepted(draftConfig({ ...draft, index: 0 }));
    const { controlSocket: same, name: __, ...instructed } = accepted(APPENDIX_A);
    expect(controlSocket).toBe(same);
    expect({ ...written, partyAddresses: [], listenAddress: null }).toEqual({
      ...instructed,
      partyAddresses: [],
      listenAddress: null,
    });
  });
});

describe('the place of the configuration', () => {
  const env = { MPC_OPERATOR_CONFIG: '~/env.json' };
  test('is --config, else the environment, else that of the launch instructions', () => {
    const paths = { home: '/h', workingDirectory: '/w', env };
    expect(locateConfig('x.json', paths)).toBe('/w/x.json');
    expect(locateConfig('~/x.json', paths)).toBe('/h/x.json');
    expect(locateConfig(undefined, paths)).toBe('/h/env.json');
    expect(locateConfig(undefined, { ...paths, env: {} })).toBe('/h/.0btc-wire/mpc/config.json');
    expect(locateConfig(undefined, { ...paths, env: { MPC_OPERATOR_CONFIG: '' } })).toBe(
      '/h/.0btc-wire/mpc/config.json',
    );
  });
});

describe('the RPC credentials of the Bitcoin nodes', () => {
  const none = { cookieFile: null, user: null, passwordFile: null };
  const of = (bitcoinRpc: typeof none | object, env = {}) =>
    bitcoinCredentials({ bitcoinRpc: { ...none, ...bitcoinRpc }, network: 'regtest' }, env, '/h');

  test('come from the environment first, then the configuration, then bitcoind itself', () => {
    const env = { MPC_OPERATOR_BITCOIN_RPC_USER: 'u', MPC_OPERATOR_BITCOIN_RPC_PASSWORD: 'p' };
    expect(of({ cookieFile: '/c' }, env)).toMatchObject({ ok: true, credentials: { kind: 'environment' } });
    expect(of({ cookieFile: '/c' })).toEqual({ ok: true, credentials: { kind: 'file', path: '/c' } });
    expect(of({ user: 'u', passwordFile: '/p' })).toEqual({
      ok: true,
      credentials: { kind: 'password_file', user: 'u', path: '/p' },
    });
    const places = {
      cookie: '/h/.bitcoin/regtest/.cookie',
      conf: '/h/.bitcoin/bitcoin.conf',
      network: 'regtest',
    } as const;
    expect(of({})).toEqual({ ok: true, credentials: { kind: 'bitcoind', ...places } });
  });

  test('half given in the environment are refused by name', () => {
    const verdict = of({}, { MPC_OPERATOR_BITCOIN_RPC_USER: 'u' });
    expect(verdict).toMatchObject({
      ok: false,
      detail: expect.stringContaining('MPC_OPERATOR_BITCOIN_RPC_PASSWORD is not set'),
    });
  });
});
