// Every check of `security-check`, by facts alone: nothing is wrong with good ones, and each check notices what it is for.
import { describe, expect, test } from 'bun:test';
import { unitText } from '../../../cli/service-unit.ts';
import type { Facts, FileFact } from '../../../operator/checks/facts.ts';
import { isPrivate, networkOf } from '../../../operator/checks/networks.ts';
import { CHECKS } from '../../../operator/checks/security-check.ts';
import { missingSettings, unitSettings } from '../../../operator/checks/unit-settings.ts';
import { countVerdicts, judged } from '../../../operator/checks/verdicts.ts';
import { DAY_MS, file, goodFacts, NOW, peer } from './good-facts.ts';

const FLAW = { problem: 'cannot be trusted: other users may write it', remedy: 'Run: chmod go-w FILE' };
const good = goodFacts();
const gone = (of: FileFact): FileFact => ({ ...of, found: null });
const flawed = (of: FileFact): FileFact => ({ ...of, flaw: FLAW });
const files = (change: Partial<Facts['files']>): Partial<Facts> => ({ files: { ...good.files, ...change } });
const keyFile = (change: Partial<NonNullable<Facts['keyFile']>>): Partial<Facts> => {
  const { keyFile: of } = goodFacts();
  return { keyFile: of === null ? null : { ...of, ...change } };
};
const key = (change: Partial<NonNullable<Facts['key']>>): Partial<Facts> => {
  const { key: of } = goodFacts();
  return { key: of === null ? null : { ...of, ...change } };
};
const server = (change: Partial<NonNullable<Facts['process']>>): Partial<Facts> => {
  const { process: of } = goodFacts();
  return { process: of === null ? null : { ...of, ...change } };
};
const certificate = (change: Partial<Facts['certificate']>): Partial<Facts> => ({
  certificate: { ...good.certificate, ...change },
});
const users = (change: Partial<Facts['accounts']['users'][number]>): Partial<Facts> => ({
  accounts: { ...good.accounts, users: good.accounts.users.map((user) => ({ ...user, ...change })) },
});
const backups = (change: Partial<Facts['backups']>): Partial<Facts> => ({ backups: { ...good.backups, ...change } });
const bitcoin = (change: Partial<Facts['bitcoin']>): Partial<Facts> => ({ bitcoin: { ...good.bitcoin, ...change } });
const conf = (allow: readonly string[], bind: readonly string[] = []): Partial<Facts> =>
  bitcoin({ conf: { path: '/home/a/.bitcoin/bitcoin.conf', allow, bind } });
const machine = (change: Partial<Facts['machine']>): Partial<Facts> => ({ machine: { ...good.machine, ...change } });
const listen = (change: Partial<Facts['listen']>): Partial<Facts> => ({ listen: { ...good.listen, ...change } });
const peers = (change: Partial<Facts['peers'][number]>): Partial<Facts> => ({
  peers: [peer(1), { ...peer(2), ...change }],
});
const wire = (change: Partial<Facts['wire'][number]>, many = 2): Partial<Facts> => ({
  wire: good.wire.slice(0, many).map((node, at) => (at === 0 ? { ...node, ...change } : node)),
});
const disk = (change: object) =>
  machine({ disk: { path: '/var/lib/mpc-operator', sizeBytes: 1e12, freeBytes: 5e11, ...change } });
const version = (told: number | null, name: string) =>
  bitcoin({ versions: [{ node: 'localhost:8332', version: told, name }] });

/** By check: what is made wrong, the verdict, and a piece of what is said. */
const CASES: readonly (readonly [id: string, change: Partial<Facts>, verdict: 'warn' | 'fail', said: string])[] = [
  ['config_file', files({ config: flawed(file('config.json')) }), 'fail', 'chmod go-w'],
  ['config_file', files({ config: gone(file('config.json')) }), 'fail', 'there is none'],
  ['key_file_mode', files({ keyFile: file('key_share.enc', 0o640) }), 'fail', 'mode 0640'],
  ['key_file_mode', files({ keyFile: gone(file('key_share.enc')) }), 'fail', 'from a backup'],
  ['tls_key_mode', files({ tlsKey: file('tls_key.pem', 0o604) }), 'fail', 'chmod go='],
  ['databases_mode', files({ databases: [file('security.db'), file('users.key', 0o644)] }), 'fail', 'users.key'],
  ['databases_mode', files({ databases: [file('security.db'), flawed(file('users.db'))] }), 'fail', 'other users'],
  ['control_socket', files({ socketFolder: file('run', 0o755), socket: file('run/c', 0o666) }), 'fail', 'other users'],
  ['control_socket', files({ socket: gone(file('run/c')) }), 'fail', 'no socket'],
  ['folders', files({ folders: [file('', 0o755)] }), 'warn', 'look into'],
  ['folders', files({ folders: [flawed(file('', 0o777))] }), 'fail', 'chmod go-w'],
  ['rpc_credentials', files({ credentials: { kind: 'file', files: [file('c', 0o644)] } }), 'fail', 'mode 0644'],
  ['rpc_credentials', files({ credentials: { kind: 'environment', files: [] } }), 'warn', 'environment'],
  ['rpc_credentials', files({ credentials: { kind: 'file', files: [gone(file('c'))] } }), 'warn', 'cannot tell'],
  ['executable', files({ executable: flawed(good.files.executable) }), 'fail', 'other users'],
  ['key_file_sealed', keyFile({ isSealed: false }), 'fail', 'not encrypted'],
  ['key_file_sealed', { keyFile: null }, 'fail', 'cannot be read'],
  ['key_file_work', keyFile({ workFactor: 14 }), 'fail', '2^14'],
  ['key_file_work', keyFile({ workFactor: null }), 'warn', 'cannot tell'],
  ['plain_copies', keyFile({ plainCopies: ['/var/lib/mpc-operator/key_share.json'] }), 'fail', 'shred -u'],
  ['plain_copies', keyFile({ plainCopies: null }), 'warn', 'cannot tell'],
  ['passphrase_place', keyFile({ passphraseBeside: '/var/lib/mpc-operator/passphrase' }), 'warn', 'beside'],
  ['key_shares', { key: null }, 'warn', 'no key yet'],
  ['key_shares', key({ sharesFit: false }), 'fail', 'ceremony recover'],
  ['key_shares', key({ sharesFit: null }), 'warn', 'sealed'],
  ['key_age', key({ createdAt: NOW - 200 * DAY_MS }), 'warn', '200 days'],
  ['key_age', key({ createdAt: NOW - 366 * DAY_MS }), 'fail', '366 days'],
  ['threshold', { threshold: 3, key: null }, 'warn', 'for ever'],
  ['threshold', { threshold: 1 }, 'fail', 'more than half'],
  ['threshold', { participants: 4 }, 'fail', 'more than half'],
  ['threshold', key({ threshold: 3 }), 'fail', 'made for 3 of 3'],
  ['certificate_days', certificate({ daysLeft: 29 }), 'warn', '29 days left'],
  ['certificate_days', certificate({ daysLeft: 6 }), 'fail', 'tls rotate'],
  ['certificate_days', certificate({ fault: 'the certificate expired', daysLeft: null }), 'fail', 'expired'],
  ['certificate_pin', certificate({ isOnCard: false }), 'fail', 'another certificate'],
  ['certificate_pin', certificate({ isOnCard: null }), 'warn', 'no card'],
  ['certificate_pin', certificate({ notTaken: [2] }), 'warn', 'operators 2'],
  ['second_factor', { accounts: { ...good.accounts, users: [] } }, 'fail', 'no accounts'],
  ['second_factor', users({ hasSecondFactor: false }), 'fail', 'user-0, user-1'],
  ['second_factor', { accounts: { ...good.accounts, fault: 'damaged' } }, 'fail', 'damaged'],
  ['admins', users({ role: 'observer' }), 'fail', 'no administrator'],
  ['admins', { accounts: { ...good.accounts, users: good.accounts.users.slice(0, 1) } }, 'warn', 'one person'],
  ['backup_codes', users({ backupCodesLeft: 2 }), 'warn', 'user-0 (2)'],
  ['backup_codes', { accounts: { ...good.accounts, users: [] } }, 'warn', 'no accounts'],
  ['single_operator', { accounts: { ...good.accounts, users: [] } }, 'warn', 'no accounts'],
  ['single_operator', { accounts: { ...good.accounts, singleOperator: true } }, 'warn', 'no act asks'],
  ['key_backup', backups({ keyShare: null }), 'fail', 'backup key-share'],
  ['key_backup', { ...backups({ keyShare: null }), key: null }, 'warn', 'none was made'],
  ['key_backup', { ...backups({ keyShare: null }), ...key({ createdAt: NOW - 3_600_000 }) }, 'warn', 'live key'],
  ['drill', backups({ drill: null }), 'fail', 'backup verify'],
  ['drill', backups({ drill: { at: NOW - 91 * DAY_MS, keyId: '00112233' } }), 'fail', '91 days ago'],
  ['drill', { ...backups({ drill: null }), key: null }, 'warn', 'none was ever held'],
  ['drill', backups({ drill: { at: NOW - DAY_MS, keyId: null } }), 'warn', 'without the shares of the live key'],
  ['database_backup', backups({ everyHours: null }), 'warn', 'no schedule'],
  ['database_backup', backups({ databaseAt: NOW - 3 * DAY_MS }), 'fail', 'late'],
  ['database_backup', backups({ databaseAt: null }), 'warn', 'none was made'],
  ['backup_place', backups({ besideKeys: ['/home/a/key-share-backup.enc'] }), 'warn', 'one fault'],
  ['audit_log', { audit: { fault: 'entry 3 of its audit log was changed', verified: 2, head: 9 } }, 'fail', 'entry 3'],
  ['audit_log', { audit: { fault: null, verified: 0, head: 9 } }, 'warn', 'audit verify'],
  ['state_guard', { alarms: ['operator 2: it seems to run twice'] }, 'fail', 'run twice'],
  ['state_guard', { ownPhase: null }, 'warn', 'cannot tell'],
  ['state_guard', { ownPhase: 'starting' }, 'warn', 'peers have not answered'],
  ['service_account', server({ uid: 0 }), 'fail', 'root'],
  ['service_account', { process: null, ...files({ keyFile: gone(file('k')) }) }, 'warn', 'no server'],
  ['systemd', server({ unit: null }), 'warn', 'not started by systemd'],
  ['systemd', { process: null }, 'warn', 'no server'],
  ['hardening', server({ unit: null }), 'warn', 'no unit'],
  [
    'hardening',
    server({ unit: { name: 'a.service', settings: unitSettings(['[Service]\nUMask=0077']) } }),
    'warn',
    'NoNew',
  ],
  ['hardening', server({ seccomp: false }), 'warn', 'daemon-reload'],
  ['hardening', server({ unit: { name: 'a.service', settings: null }, seccomp: null }), 'warn', 'cannot tell'],
  ['environment', server({ riskyVariables: ['BUN_OPTIONS'] }), 'fail', 'UnsetEnvironment=BUN_OPTIONS'],
  ['environment', server({ secretVariables: ['MPC_OPERATOR_BITCOIN_RPC_PASSWORD'] }), 'warn', 'mode 0600'],
  ['core_dumps', server({ core: 'unlimited' }), 'fail', 'LimitCORE=0'],
  ['core_dumps', server({ core: null }), 'warn', 'cannot tell'],
  ['open_files', server({ openFiles: 256 }), 'fail', 'LimitNOFILE'],
  ['open_files', server({ openFiles: 1_024 }), 'warn', 'LimitNOFILE'],
  [
    'swap',
    { ...server({ maySwap: true }), ...machine({ swaps: [{ name: '/dev/sda2', isSafe: false }] }) },
    'warn',
    '/dev/sda2',
  ],
  ['swap', { ...server({ maySwap: true }), ...machine({ swaps: null }) }, 'warn', 'cannot tell'],
  ['cores', machine({ cores: 2 }), 'warn', 'ask for 4'],
  ['memory', machine({ memoryBytes: 4e9 }), 'warn', '4.0 GB'],
  ['disk_size', disk({ sizeBytes: 40e9 }), 'warn', '40.0 GB'],
  ['disk_size', machine({ disk: null }), 'warn', 'cannot tell'],
  ['disk_free', disk({ freeBytes: 5e9 }), 'warn', '5.0 GB'],
  ['disk_free', disk({ freeBytes: 5e8 }), 'fail', '500 MB'],
  ['disk_kind', machine({ isSpinning: true }), 'warn', 'SSD'],
  ['disk_kind', machine({ isSpinning: null }), 'warn', 'cannot tell'],
  ['time_service', machine({ timeService: null }), 'warn', 'timedatectl'],
  ['firewall', machine({ firewall: null }), 'warn', 'cannot tell'],
  ['firewall', machine({ firewall: { name: 'ufw', isOn: false, denies: true } }), 'fail', 'ufw allow 50051/tcp'],
  ['firewall', machine({ firewall: { name: 'ufw', isOn: true, denies: false } }), 'fail', 'lets in'],
  ['bitcoin_version', version(230_000, '/Satoshi:23.0.0/'), 'fail', '23.0.0'],
  ['bitcoin_version', version(null, 'no answer'), 'warn', 'cannot tell'],
  ['bitcoin_version', version(290_400, '/Satoshi:29.4.0/Knots:20260210/'), 'warn', 'not Bitcoin Core'],
  ['bitcoin_sync', bitcoin({ problems: [{ name: 'node_syncing', detail: 'a:1: it is syncing' }] }), 'fail', 'syncing'],
  ['bitcoin_sync', bitcoin({ nodes: good.bitcoin.nodes.map((node) => ({ ...node, ok: false })) }), 'fail', '8332'],
  ['bitcoin_index', bitcoin({ problems: [{ name: 'index_missing', detail: 'a:1: no index' }] }), 'fail', 'txindex=1'],
  ['bitcoin_index', bitcoin({ problems: [{ name: 'index_behind', detail: 'a:1: behind' }] }), 'warn', 'behind'],
  [
    'bitcoin_transport',
    bitcoin({ nodes: [{ url: 'http://10.0.0.9:8332', isLocal: false, isEncrypted: false, ok: true, detail: '' }] }),
    'fail',
    'plain HTTP',
  ],
  ['bitcoin_exposure', conf(['127.0.0.1', '0.0.0.0/0'], ['0.0.0.0']), 'fail', 'anybody'],
  ['bitcoin_exposure', conf(['10.0.0.0/8'], ['10.0.0.9:8332']), 'warn', 'rpcallowip=10.0.0.0/8, rpcbind=10.0.0.9:8332'],
  ['bitcoin_exposure', conf(['127.0.0.1/0'], ['0.0.0.0']), 'fail', 'rpcallowip=127.0.0.1/0'],
  ['bitcoin_exposure', conf(['127.0.0.1/0.0.0.0'], ['0.0.0.0']), 'fail', 'anybody'],
  ['bitcoin_exposure', conf(['127.0.0.1/1'], ['0.0.0.0']), 'warn', 'rpcallowip=127.0.0.1/1'],
  ['bitcoin_exposure', conf(['::1/64'], ['[::]:8332']), 'warn', 'rpcallowip=::1/64'],
  ['bitcoin_exposure', conf(['0.0.0.0/0']), 'warn', 'the other of the two would open it'],
  ['bitcoin_exposure', conf(['127.0.0.1'], ['0.0.0.0']), 'warn', 'rpcbind=0.0.0.0'],
  ['bitcoin_exposure', bitcoin({ conf: null }), 'warn', 'cannot tell'],
  ['bitcoin_nodes', bitcoin({ nodes: good.bitcoin.nodes.slice(0, 1) }), 'warn', 'second'],
  ['wire_nodes', { wire: [] }, 'fail', 'no burn is paid'],
  ['wire_nodes', wire({}, 1), 'warn', 'one alone'],
  ['wire_answers', wire({ ok: false, detail: 'refused' }), 'fail', 'refused'],
  ['wire_transport', wire({ isEncrypted: false }), 'warn', 'invent burns'],
  ['automatic', { automatic: false }, 'warn', 'wait for a command'],
  ['policy_caps', { caps: [] }, 'warn', 'caps no payout'],
  ['listen_peers', listen({ peers: '127.0.0.1:50051' }), 'fail', 'listen_address'],
  ['listen_metrics', listen({ metrics: '0.0.0.0:9464' }), 'warn', 'metrics_address'],
  ['listen_public', listen({ publicApi: '[::]:8080' }), 'fail', 'public_address'],
  ['peer_cards', peers({ hasCard: false }), 'fail', 'operator 2'],
  ['peers_answer', peers({ reachable: false, detail: 'refused' }), 'fail', 'operator 2 (operator-2): refused'],
  ['peers_answer', peers({ reachable: null }), 'warn', 'cannot tell'],
  ['peer_versions', peers({ version: '0.2.0' }), 'warn', '0.2.0'],
  ['peer_certificates', peers({ certificateDays: 20 }), 'warn', '20 days'],
  ['peer_certificates', peers({ certificateDays: -1 }), 'fail', 'expired'],
  ['peer_networks', peers({ ips: ['198.51.101.200'] }), 'warn', 'operators 1 and 2 are both in 198.51.101.0/24'],
  ['peer_networks', peers({ ips: ['2001:db8:1:ff::9'] }), 'warn', 'operators 0 and 2 are both in 2001:db8:1::/48'],
  ['peer_networks', peers({ ips: [] }), 'warn', 'cannot tell'],
  ['peer_networks', peers({ ips: ['10.8.0.3'] }), 'warn', 'private addresses alone of operator 2'],
  ['latency', peers({ latencyMs: 140 }), 'warn', '140 ms'],
  ['latency', peers({ latencyMs: null }), 'warn', 'cannot tell'],
  ['clock', peers({ clockOffsetMs: -6_000 }), 'fail', '6.0 s apart'],
  ['clock', peers({ clockOffsetMs: 2_000 }), 'warn', '2.0 s apart'],
  [
    'contacts',
    { contacts: good.contacts.map((card) => ({ ...card, values: ['ops@same.example.com'] })) },
    'fail',
    'both give ops@same.example.com',
  ],
  [
    'contacts',
    { contacts: good.contacts.map((card) => ({ ...card, values: [] })) },
    'warn',
    'nobody is named on the card',
  ],
];

function finding(id: string, facts: Facts) {
  const check = CHECKS.find((one) => one.id === id);
  if (check === undefined) throw new Error(`there is no check ${id}`);
  return check.judge(facts);
}

describe('security-check', () => {
  test('has more than thirty checks, each by a name of its own, and passes all of a node with which nothing is wrong', () => {
    const reports = judged(CHECKS, goodFacts());
    expect(reports.filter(({ verdict }) => verdict !== 'pass')).toEqual([]);
    expect(new Set(reports.map(({ id }) => id)).size).toBe(CHECKS.length);
    expect(CHECKS.length).toBeGreaterThan(30);
    expect(reports.every(({ action, seen }) => action === null && seen !== '')).toBe(true);
  });

  test('has no check that is not shown to notice something', () => {
    const shown = new Set(CASES.map(([id]) => id));
    expect(CHECKS.map(({ id }) => id).filter((id) => !shown.has(id))).toEqual([]);
  });

  for (const [at, [id, change, verdict, said]] of CASES.entries()) {
    test(`${id} (${at}) ends in ${verdict}: ${said}`, () => {
      const found = finding(id, { ...goodFacts(), ...change });
      expect(found.verdict).toBe(verdict);
      expect(`${found.seen}; ${found.action}`).toContain(said);
      // What is not well says what to do; sentences end where they are printed.
      expect(found.action).toBeString();
      expect(`${found.seen} ${found.action}`).not.toMatch(/\.( |$)(?!enc)/);
    });
  }

  test('shows the fails first, then the warnings, and counts them', () => {
    const reports = judged(CHECKS, { ...goodFacts(), automatic: false, wire: [] });
    expect(reports.slice(0, 3).map(({ id, verdict }) => `${verdict} ${id}`)).toEqual([
      'fail wire_nodes',
      'warn wire_answers',
      'warn automatic',
    ]);
    expect(countVerdicts(reports)).toEqual({ fail: 1, warn: 2, pass: CHECKS.length - 3 });
  });
});

test('RPC for this machine alone passes, however its addresses are written', () => {
  const local = ['127.0.0.1', '127.0.0.0/8', '127.0.0.1/255.255.255.255', '::1', '::1/128', 'localhost'];
  const change = conf(local, ['127.0.0.1:8332', '[::1]:8332']);
  expect(finding('bitcoin_exposure', { ...goodFacts(), ...change }).verdict).toBe('pass');
});

describe('what a unit lacks', () => {
  const made = unitText({
    ...{ executable: '/opt/mpc_operator', config: '/home/a/.0btc-wire/mpc/config.json', user: 'a' },
    ...{ folders: ['/home/a/.0btc-wire/mpc'], passphrase: null },
  });

  test('is nothing in the unit that `service print` makes', () => {
    expect(missingSettings(unitSettings([made]))).toEqual([]);
  });

  test('is nearly everything in the unit of the launch instructions', () => {
    const missing = missingSettings(unitSettings(['[Service]\nUser=a\nExecStart=/opt/mpc_operator server\n']));
    expect(missing).toContain('NoNewPrivileges=yes');
    expect(missing).toContain('LimitCORE=0');
    expect(missing.length).toBeGreaterThan(15);
  });

  test('is what a drop-in empties, for an empty value takes back all before it', () => {
    const dropIn = '[Service]\nSystemCallFilter=\nUnsetEnvironment=\nProtectHome=\n';
    expect(missingSettings(unitSettings([made, dropIn]))).toEqual([
      'ProtectHome=yes',
      'SystemCallFilter=@system-service',
      'UnsetEnvironment=BUN_OPTIONS …',
    ]);
    const closed = '[Service]\nCapabilityBoundingSet=CAP_SYS_ADMIN\nCapabilityBoundingSet=\n';
    expect(missingSettings(unitSettings([made, closed]))).toEqual([]);
  });

  test('is what a drop-in takes away', () => {
    const dropIn = '[Service]\n# a comment\nNoNewPrivileges=no\nCapabilityBoundingSet=CAP_SYS_ADMIN\n';
    expect(missingSettings(unitSettings([made, dropIn]))).toEqual(['NoNewPrivileges=yes', 'CapabilityBoundingSet=']);
  });
});

test('an address of a private network says nothing of where a node is', () => {
  const hidden = [
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '127.0.0.1',
    '100.64.0.1',
    '169.254.1.1',
    '::1',
    'fd00::1',
    'fe80::1',
  ];
  expect([...hidden, '::ffff:10.0.0.1'].filter((ip) => !isPrivate(ip))).toEqual([]);
  expect(['172.32.0.1', '100.128.0.1', '192.169.1.1', '9.9.9.9', '2001:db8::1'].filter(isPrivate)).toEqual([]);
});

test('the network of an address is its /24 or /48, however it is written', () => {
  expect(networkOf('203.0.113.9')).toBe('203.0.113.0/24');
  expect(networkOf('::ffff:203.0.113.9')).toBe('203.0.113.0/24');
  expect(networkOf('2001:0db8:0001:2::1')).toBe('2001:db8:1::/48');
  expect(networkOf('2001:db8::1')).toBe('2001:db8:0::/48');
  expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0::/48');
});
