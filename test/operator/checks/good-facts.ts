// Facts of a node with which nothing is wrong, for tests that make one thing wrong.
import { unitText } from '../../../cli/service-unit.ts';
import type { Facts, FileFact, PeerFact } from '../../../operator/checks/facts.ts';
import { unitSettings } from '../../../operator/checks/unit-settings.ts';

export const NOW = Date.parse('2026-06-01T12:00:00Z');
export const DAY_MS = 86_400_000;
const FOLDER = '/var/lib/mpc-operator';

export function file(name: string, mode = 0o600): FileFact {
  return { path: `${FOLDER}/${name}`, found: { uid: 990, mode, device: 1 }, flaw: null };
}

export function peer(index: number): PeerFact {
  return {
    ...{ index, name: `operator-${index}`, hasCard: true, ips: [`198.51.${100 + index}.7`] },
    ...{ reachable: true, detail: 'reachable', version: '0.1.0', certificateDays: 300, latencyMs: 12 },
    ...{ clockOffsetMs: 40, phase: 'live', bitcoinHeight: 900_000 },
  };
}

const unit = unitText({
  ...{ executable: '/usr/local/bin/mpc_operator', config: `${FOLDER}/config.json`, user: 'mpc-operator' },
  ...{ folders: [FOLDER], passphrase: '/etc/mpc-operator/passphrase' },
});

/** All of them; each call gives fresh ones. */
export function goodFacts(): Facts {
  return {
    ...{ now: NOW, network: 'mainnet', version: '0.1.0', myIndex: 0, threshold: 2, participants: 3 },
    files: {
      ...{ config: file('config.json'), keyFile: file('key_share.enc'), tlsKey: file('tls_key.pem') },
      databases: [file('security.db'), file('users.db'), file('users.key')],
      ...{ socket: file('run/control.sock'), socketFolder: file('run', 0o700), folders: [file('', 0o700)] },
      executable: { path: '/usr/local/bin/mpc_operator', found: { uid: 0, mode: 0o755, device: 1 }, flaw: null },
      credentials: { kind: 'file', files: [file('rpc_password')] },
    },
    keyFile: { isSealed: true, workFactor: 18, plainCopies: [], passphraseBeside: null },
    key: { keyId: '00112233', createdAt: NOW - 30 * DAY_MS, threshold: 2, participants: 3, sharesFit: true },
    certificate: { fault: null, daysLeft: 300, isOnCard: true, notTaken: [] },
    accounts: {
      ...{ fault: null, singleOperator: false },
      users: (['admin', 'security-officer'] as const).map((role, at) => {
        return { user: `user-${at}`, role, isActive: true, hasSecondFactor: true, backupCodesLeft: 10 };
      }),
    },
    backups: {
      keyShare: { madeAt: NOW - 20 * DAY_MS, keyId: '00112233' },
      ...{
        drill: { at: NOW - 10 * DAY_MS, keyId: '00112233' },
        databaseAt: NOW - DAY_MS,
        everyHours: 24,
        besideKeys: [],
      },
    },
    bitcoin: {
      nodes: [8332, 8334].map((port) => {
        return { url: `http://localhost:${port}`, isLocal: true, isEncrypted: false, ok: true, detail: 'hash' };
      }),
      versions: [
        { node: 'localhost:8332', version: 270_100, name: '/Satoshi:27.1.0/' },
        { node: 'localhost:8334', version: 240_001, name: '/Satoshi:24.0.1/' },
      ],
      problems: [],
      conf: { path: '/home/a/.bitcoin/bitcoin.conf', allow: ['127.0.0.1', '::1/128'], bind: ['127.0.0.1:8332'] },
    },
    bitcoinHeight: 900_000,
    ownPhase: 'live',
    wire: [1, 2].map((at) => {
      return { url: `https://wire-${at}.example.com`, isLocal: false, isEncrypted: true, ok: true, detail: '' };
    }),
    machine: {
      ...{ cores: 8, memoryBytes: 16e9, disk: { path: FOLDER, sizeBytes: 1e12, freeBytes: 5e11 }, isSpinning: false },
      ...{ swaps: [], timeService: 'chrony runs', firewall: { name: 'ufw', isOn: true, denies: true } },
    },
    process: {
      ...{ uid: 990, core: '0', openFiles: 65_536, noNewPrivileges: true, seccomp: true, maySwap: false },
      unit: { name: 'mpc-operator.service', settings: unitSettings([unit]) },
      ...{ riskyVariables: [], secretVariables: [] },
    },
    listen: {
      ...{ peers: '0.0.0.0:50051', told: 'one.example.com:50051' },
      ...{ metrics: '127.0.0.1:9464', publicApi: '127.0.0.1:8080' },
    },
    peers: [peer(1), peer(2)],
    ownIps: ['2001:db8:1::5'],
    contacts: [0, 1, 2].map((index) => ({ index, name: `operator-${index}`, values: [`ops@${index}.example.com`] })),
    audit: { fault: null, verified: 90, head: 100 },
    automatic: true,
    caps: ['withdrawalMaxSats'],
    alarms: [],
    problems: [],
  };
}
