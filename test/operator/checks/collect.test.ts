// How the facts for the checks are gathered: from the files in which Linux tells them, and from a node as `init` makes it.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { capsOf, confOf, reachedBy } from '../../../operator/checks/collect-facts.ts';
import { fileFacts, keyFileFacts } from '../../../operator/checks/collect-files.ts';
import { type MachineFiles, machineFacts, processFacts } from '../../../operator/checks/collect-machine.ts';
import { securityCheck } from '../../../operator/checks/security-check.ts';
import type { OperatorConfig } from '../../../operator/config/config.ts';
import { runLocally } from '../../../operator/local.ts';
import { unsealNode } from '../../../operator/node.ts';
import type { CommandResults } from '../../../operator/runtime/command-types.ts';
import { recordBackup } from '../../../store/backups.ts';
import { PASSPHRASE, SetUpNodes } from '../set-up-nodes.ts';

function filesOf(texts: Readonly<Record<string, string>>, links: Readonly<Record<string, string>> = {}): MachineFiles {
  const paths = Object.keys(texts);
  return {
    text: (path) => texts[path] ?? null,
    names: (folder) => paths.filter((path) => dirname(path) === folder).map((path) => path.slice(folder.length + 1)),
    real: (path) => links[path] ?? (paths.some((one) => one === path || one.startsWith(`${path}/`)) ? path : null),
  };
}

const LIMITS =
  'Max core file size        0                    0                    bytes\nMax open files            4096  4096  files\n';
const STATUS = 'Name:\tmpc\nNoNewPrivs:\t1\nSeccomp:\t2\n';

describe('facts of a process', () => {
  test('are its limits, and its unit with the drop-ins after it', () => {
    const files = filesOf({
      '/proc/self/limits': LIMITS,
      '/proc/self/status': STATUS,
      '/proc/self/cgroup': '0::/system.slice/mpc-operator.service\n',
      '/sys/fs/cgroup/system.slice/mpc-operator.service/memory.swap.max': '0\n',
      '/usr/lib/systemd/system/mpc-operator.service': '[Service]\nUMask=0022\n',
      '/etc/systemd/system/mpc-operator.service': '[Service]\nUMask=0077\n',
      '/etc/systemd/system/mpc-operator.service.d/override.conf': '[Service]\nLimitCORE=0\n',
    });
    const facts = processFacts({ BUN_OPTIONS: '--preload=x', BUN_INSTALL: '/home/a/.bun', LD_PRELOAD: '' }, files);
    expect(facts).toMatchObject({ core: '0', openFiles: 4096, noNewPrivileges: true, seccomp: true, maySwap: false });
    expect(facts.riskyVariables).toEqual(['BUN_OPTIONS']);
    expect(facts.unit?.name).toBe('mpc-operator.service');
    expect([...(facts.unit?.settings ?? [])]).toEqual([
      ['UMask', ['0077']],
      ['LimitCORE', ['0']],
    ]);
  });

  test('hold of two drop-ins of one name the one that systemd takes, and read all in the order of their names', () => {
    const unit = 'mpc-operator.service';
    const files = filesOf({
      '/proc/self/cgroup': `0::/system.slice/${unit}\n`,
      [`/usr/lib/systemd/system/${unit}`]: '[Service]\nUMask=0022\n',
      [`/usr/lib/systemd/system/${unit}.d/50-hard.conf`]: '[Service]\nNoNewPrivileges=yes\n',
      [`/etc/systemd/system/${unit}.d/50-hard.conf`]: '',
      [`/usr/lib/systemd/system/${unit}.d/90-last.conf`]: '[Service]\nLimitCORE=infinity\n',
      [`/etc/systemd/system/${unit}.d/10-first.conf`]: '[Service]\nLimitCORE=0\n',
      '/etc/systemd/system/service.d/20-all.conf': '[Service]\nUMask=0000\n',
      [`/etc/systemd/system.control/${unit}.d/50-MemorySwapMax.conf`]: '[Service]\nMemorySwapMax=infinity\n',
    });
    expect([...(processFacts({}, files).unit?.settings ?? [])]).toEqual([
      ['UMask', ['0022', '0000']],
      ['LimitCORE', ['0', 'infinity']],
      ['MemorySwapMax', ['infinity']],
    ]);
  });

  test('of a unit of which a drop-in cannot be read are not guessed', () => {
    const unit = 'mpc-operator.service';
    const texts = {
      '/proc/self/cgroup': `0::/system.slice/${unit}\n`,
      [`/etc/systemd/system/${unit}`]: '[Service]\nUMask=0077\n',
      [`/etc/systemd/system/${unit}.d/override.conf`]: '',
    };
    const all = filesOf(texts);
    const files = { ...all, text: (path: string) => (path.endsWith('override.conf') ? null : all.text(path)) };
    expect(processFacts({}, files).unit).toEqual({ name: unit, settings: null });
  });

  test('name no unit of systemd where a person started it at a terminal', () => {
    const session = '0::/user.slice/user-1000.slice/user@1000.service\n';
    expect(processFacts({}, filesOf({ '/proc/self/cgroup': session })).unit).toBeNull();
    expect(processFacts({ MPC_OPERATOR_BITCOIN_RPC_PASSWORD: 'x' }, filesOf({}))).toMatchObject({
      ...{ core: null, openFiles: null, seccomp: null, maySwap: true, unit: null },
      secretVariables: ['MPC_OPERATOR_BITCOIN_RPC_PASSWORD'],
    });
  });
});

describe('facts of a machine', () => {
  test('tell encrypted swap from plain, also by the name of a mapping', async () => {
    const files = filesOf(
      {
        '/proc/swaps':
          'Filename Type Size Used Priority\n/dev/mapper/swap partition 1 0 -2\n/dev/sda2 partition 1 0 -3\n/dev/zram0 partition 1 0 5\n',
        '/sys/class/block/dm-1/dm/uuid': 'CRYPT-PLAIN-swap\n',
      },
      { '/dev/mapper/swap': '/dev/dm-1' },
    );
    const { swaps } = await machineFacts('/', files);
    expect(swaps).toEqual([
      { name: '/dev/mapper/swap', isSafe: true },
      { name: '/dev/sda2', isSafe: false },
      { name: '/dev/zram0', isSafe: true },
    ]);
    expect((await machineFacts('/', filesOf({ '/proc/swaps': 'Filename Type\n' }))).swaps).toEqual([]);
    expect((await machineFacts('/', filesOf({}))).swaps).toBeNull();
  });

  const ufw = (enabled: string, policy: string) => ({
    '/etc/ufw/ufw.conf': `LOGLEVEL=low\nENABLED=${enabled}\n`,
    '/etc/default/ufw': `IPV6=yes\nDEFAULT_INPUT_POLICY="${policy}"\n`,
  });
  const nftables = {
    '/etc/nftables.conf': 'table inet f {\n chain i {\n type filter hook input priority 0; policy drop;\n }\n}\n',
  };
  const wanted = { '/etc/systemd/system/sysinit.target.wants/nftables.service': '' };
  const firewalls: readonly (readonly [string, Readonly<Record<string, string>>, object | null])[] = [
    ['ufw that is on', ufw('yes', 'DROP'), { name: 'ufw', isOn: true, denies: true }],
    ['ufw that is off', ufw('no', 'DROP'), { name: 'ufw', isOn: false, denies: true }],
    ['ufw that lets everything in', ufw('yes', 'ACCEPT'), { name: 'ufw', isOn: true, denies: false }],
    [
      'nftables beside ufw that is off',
      { ...ufw('no', 'DROP'), ...nftables, ...wanted },
      { name: 'nftables', isOn: true, denies: true },
    ],
    ['nftables that nothing starts', nftables, { name: 'nftables', isOn: false, denies: true }],
    [
      'nftables whose comments alone deny',
      {
        '/etc/nftables.conf':
          'table inet f {\n chain i {\n type filter hook input priority 0; # policy drop;\n # policy drop\n policy accept;\n }\n}\n',
        ...wanted,
      },
      { name: 'nftables', isOn: true, denies: false },
    ],
    [
      'firewalld',
      { '/etc/systemd/system/multi-user.target.wants/firewalld.service': '' },
      { name: 'firewalld', isOn: true, denies: true },
    ],
    [
      'firewalld that trusts every network',
      {
        '/etc/systemd/system/multi-user.target.wants/firewalld.service': '',
        '/etc/firewalld/firewalld.conf': '# DefaultZone=public\nDefaultZone=trusted\n',
      },
      { name: 'firewalld', isOn: true, denies: false },
    ],
    ['none', {}, null],
  ];
  for (const [name, texts, found] of firewalls) {
    test(`see a firewall: ${name}`, async () => {
      expect((await machineFacts('/', filesOf(texts))).firewall).toEqual(found as never);
    });
  }

  test('are there for the machine that the test runs on', async () => {
    const { cores, memoryBytes, disk, timeService } = await machineFacts(
      '/',
      filesOf({ '/run/chrony/chronyd.pid': '' }),
    );
    expect(cores).toBeGreaterThan(0);
    expect(memoryBytes).toBeGreaterThan(1e8);
    expect(disk?.sizeBytes).toBeGreaterThan(disk?.freeBytes ?? Number.POSITIVE_INFINITY);
    expect(timeService).toBe('chrony runs');
  });
});

describe('a node as init makes it', () => {
  let nodes: SetUpNodes;
  let config: OperatorConfig;
  beforeEach(async () => {
    nodes = await SetUpNodes.make();
    config = await nodes.init(0, { automatic: false });
  });
  afterEach(() => nodes.close());

  const verdicts = ({ checks }: CommandResults['security-check']) =>
    Object.fromEntries(checks.map(({ id, verdict }) => [id, verdict]));

  test('has its files for itself, its certificate on its card, and a key file that costs little to guess in tests', async () => {
    const node = nodes.open(config);
    await unsealNode(node, PASSPHRASE);
    const report = await securityCheck(node);
    expect(report.server).toBe(true);
    expect(verdicts(report)).toMatchObject({
      ...{ config_file: 'pass', key_file_mode: 'pass', tls_key_mode: 'pass', databases_mode: 'pass' },
      ...{ key_file_sealed: 'pass', key_file_work: 'fail', plain_copies: 'pass', certificate_days: 'pass' },
      ...{
        certificate_pin: 'pass',
        second_factor: 'fail',
        bitcoin_sync: 'fail',
        wire_nodes: 'fail',
        audit_log: 'pass',
      },
      ...{ automatic: 'warn', policy_caps: 'warn', peer_cards: 'fail', peer_networks: 'warn', key_shares: 'warn' },
    });
    expect(JSON.stringify(report)).not.toContain(PASSPHRASE);
  });

  test('without a server says of everything that only a server sees that it cannot be seen', async () => {
    const run = { progress: () => {}, signal: new AbortController().signal };
    const noSecret = { passphrase: async () => PASSPHRASE, passphraseIfAny: async () => null };
    const report = await runLocally(nodes.inputOf(config), 'security-check', {}, { ...run, ...noSecret });
    expect(report.server).toBe(false);
    for (const id of ['core_dumps', 'open_files', 'environment', 'systemd', 'hardening', 'control_socket']) {
      const seen = report.checks.find((check) => check.id === id);
      expect([id, seen?.verdict, seen?.seen]).toEqual([id, 'warn', 'cannot tell: no server runs']);
    }
    expect(verdicts(report)).toMatchObject({ key_file_mode: 'pass', audit_log: 'pass', latency: 'warn' });
  });

  test('names a backup of the keys beside them, however many backups of the database came after', async () => {
    const node = nodes.open(config);
    const beside = join(dirname(config.keySharePath), 'key-share-backup.enc');
    writeFileSync(beside, 'sealed');
    const made = { event: 'made', bytes: 6, madeAt: 1, keyId: null } as const;
    recordBackup(node.store.db, { ...made, kind: 'key_share', sha256: 'aa'.repeat(32), path: beside }, 1);
    for (let n = 0; n < 60; n++) {
      recordBackup(node.store.db, { ...made, kind: 'database', sha256: 'bb'.repeat(32), path: '/b' }, n + 2);
    }
    const { checks } = await securityCheck(node);
    expect(checks.find(({ id }) => id === 'backup_place')).toMatchObject({ verdict: 'warn' });
    expect(JSON.stringify(checks)).toContain('key-share-backup.enc');
  });

  test('shows keys in the clear however a tool has set their JSON, and does not say that there are none where it saw not all', () => {
    const folder = dirname(config.keySharePath);
    const copy = join(folder, 'shown.json');
    writeFileSync(copy, `{\n  "identity_seed": "${'5e'.repeat(32)}"\n}`);
    const input = nodes.inputOf(config);
    expect(keyFileFacts(input)?.plainCopies).toEqual([copy]);
    rmSync(copy);
    for (let n = 0; n <= 500; n++) writeFileSync(join(folder, `note-${n}`), '');
    expect(keyFileFacts(input)?.plainCopies).toBeNull();
  });

  test('shows what others can read, and keys in the clear beside the key file, without a word of them', async () => {
    const { keySharePath } = config;
    chmodSync(keySharePath, 0o644);
    const copy = join(dirname(keySharePath), 'emergency.json');
    writeFileSync(copy, `{"host_secret":"${'5e'.repeat(32)}","identity_seed":"${'5e'.repeat(32)}"}`);
    const input = nodes.inputOf(config);
    expect(fileFacts(input).keyFile.found?.mode).toBe(0o644);
    expect(keyFileFacts(input)).toMatchObject({ isSealed: true, workFactor: 1, plainCopies: [copy] });
    const node = nodes.open(config);
    const report = await securityCheck(node);
    expect(verdicts(report)).toMatchObject({ key_file_mode: 'fail', plain_copies: 'fail', latency: 'warn' });
    expect(JSON.stringify(report)).not.toContain('5e5e');
  });
});

test('what a bitcoin.conf includes counts, and one that cannot be read is not taken for empty', () => {
  const home = mkdtempSync(join(tmpdir(), 'conf-'));
  try {
    const folder = join(home, '.bitcoin');
    mkdirSync(folder);
    writeFileSync(join(folder, 'bitcoin.conf'), 'server=1\nrpcbind=127.0.0.1\nincludeconf=more.conf\n');
    expect(confOf(home, 'mainnet')).toBeNull();
    writeFileSync(join(folder, 'more.conf'), 'rpcallowip=0.0.0.0/0\nrpcbind=0.0.0.0\n');
    expect(confOf(home, 'mainnet')).toMatchObject({ allow: ['0.0.0.0/0'], bind: ['127.0.0.1', '0.0.0.0'] });
  } finally {
    rmSync(home, { recursive: true });
  }
});

test('people on a card are reached by every way that it names, at any depth, and not by their names', () => {
  const officer = { name: 'Ada', email: 'ADA@Example.com', phone: '+41 44 1' };
  expect(reachedBy({ email: 'ops@example.com', security_officer: officer })).toEqual([
    'ops@example.com',
    'ada@example.com',
    '+41 44 1',
  ]);
  expect(reachedBy({})).toEqual([]);
});

test('caps of a policy are found by what they are called, and only where they are set', () => {
  expect(capsOf({ depositMinSats: 1n, consolidateScripts: [], withdrawalMaxSats: 5n, dayMaxSats: null })).toEqual([
    'withdrawalMaxSats',
  ]);
});
