// Gathers the facts about the machine and this process from the files in which Linux tells them (proc(5), sysfs(5)). Nothing is
// run: the hardened unit lets the server run no other program.
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { MachineFacts, ProcessFacts } from './facts.ts';
import { RISKY_VARIABLES, unitSettings } from './unit-settings.ts';

/** The files of a machine; null where there is nothing that may be read. */
export interface MachineFiles {
  readonly text: (path: string) => string | null;
  readonly names: (folder: string) => readonly string[];
  readonly real: (path: string) => string | null;
}

/** Those of this machine. */
export const systemFiles: MachineFiles = {
  text: (path) => orNull(() => readFileSync(path, 'utf8')),
  names: (folder) => orNull(() => readdirSync(folder).sort()) ?? [],
  real: (path) => orNull(() => (existsSync(path) ? realpathSync(path) : null)),
};

// What stands in a later one takes the place of what has its name in an earlier one (systemd.unit(5)).
const UNIT_FOLDERS = [
  ...['/lib/systemd/system', '/usr/lib/systemd/system', '/usr/local/lib/systemd/system', '/run/systemd/system'],
  ...['/etc/systemd/system', '/run/systemd/transient', '/run/systemd/system.control', '/etc/systemd/system.control'],
];
const TIME_SERVICES = [
  ['/run/systemd/timesync/synchronized', 'systemd-timesyncd has set the clock'],
  ['/run/chrony', 'chrony runs'],
  ['/run/ntpd.pid', 'ntpd runs'],
] as const;
const WANTS = ['multi-user.target.wants', 'sysinit.target.wants'].map((name) => `/etc/systemd/system/${name}`);
/** Every variable that this runtime obeys; its installer's is read by nobody here. */
const RUNTIME_VARIABLE = /^BUN_(?!INSTALL)/;
const SECRET_VARIABLES = ['MPC_OPERATOR_BITCOIN_RPC_PASSWORD', 'MPC_OPERATOR_PASSPHRASE', 'MPC_OPERATOR_PASSWORD'];

/** The machine. `path`: the database, whose disk counts. */
export async function machineFacts(path: string, files: MachineFiles = systemFiles): Promise<MachineFacts> {
  return {
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    disk: await diskOf(dirname(path)),
    isSpinning: spinning(path, files),
    swaps: swapsOf(files),
    timeService: TIME_SERVICES.find(([sign]) => files.real(sign) !== null)?.[1] ?? null,
    firewall: firewallOf(files),
  };
}

/** This process. */
export function processFacts(env: Readonly<Record<string, string | undefined>>, files = systemFiles): ProcessFacts {
  const limits = files.text('/proc/self/limits') ?? '';
  const status = files.text('/proc/self/status') ?? '';
  const group = /^0::(.*)$/m.exec(files.text('/proc/self/cgroup') ?? '')?.[1] ?? null;
  const openFiles = Number(/^Max open files +(\d+)/m.exec(limits)?.[1]);
  const set = Object.keys(env).filter((name) => (env[name] ?? '') !== '');
  const risky: readonly string[] = RISKY_VARIABLES;
  return {
    uid: process.geteuid?.() ?? 0,
    core: /^Max core file size +(\S+)/m.exec(limits)?.[1] ?? null,
    openFiles: Number.isInteger(openFiles) ? openFiles : null,
    noNewPrivileges: flag(/^NoNewPrivs:\s*(\d)/m.exec(status)?.[1], '1'),
    seccomp: flag(/^Seccomp:\s*(\d)/m.exec(status)?.[1], '2'),
    maySwap: group === null || files.text(join('/sys/fs/cgroup', group, 'memory.swap.max'))?.trim() !== '0',
    unit: unitOf(group, files),
    riskyVariables: set.filter((name) => RUNTIME_VARIABLE.test(name) || risky.includes(name)).sort(),
    secretVariables: set.filter((name) => SECRET_VARIABLES.includes(name)).sort(),
  };
}

// A unit's file, or the one that takes its place, then its drop-ins by name, whatever folders they lie in.
function unitOf(group: string | null, files: MachineFiles): ProcessFacts['unit'] {
  const name = /(?:^|\/)([^/]+\.service)$/.exec(group ?? '')?.[1];
  // What a person starts at a terminal is in a unit of that person's session.
  if (name === undefined || /^user@\d+\.service$/.test(name)) return null;
  const texts = UNIT_FOLDERS.flatMap((folder) => files.text(join(folder, name)) ?? []);
  const main = texts.at(-1);
  if (main === undefined) return { name, settings: null };
  const dropIns = new Map<string, string | null>();
  // Those for all services make way for those of this one.
  for (const unit of ['service', name]) {
    for (const folder of UNIT_FOLDERS.map((one) => join(one, `${unit}.d`))) {
      for (const file of files.names(folder)) {
        if (file.endsWith('.conf')) dropIns.set(file, files.text(join(folder, file)));
      }
    }
  }
  const inOrder = [...dropIns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  const read = inOrder.filter((text) => text !== null);
  return { name, settings: read.length < inOrder.length ? null : unitSettings([main, ...read]) };
}

function swapsOf(files: MachineFiles): MachineFacts['swaps'] {
  const text = files.text('/proc/swaps');
  if (text === null) return null;
  const names = text
    .split('\n')
    .slice(1)
    .flatMap((line) => line.split(/\s+/)[0] || []);
  return names.map((name) => ({ name, isSafe: isSafeSwap(name, files) }));
}

// zram lies in memory; dm-crypt names its devices so.
function isSafeSwap(name: string, files: MachineFiles): boolean {
  const device = /^\/dev\/([a-z]+-?\d+)$/.exec(files.real(name) ?? name)?.[1] ?? '';
  if (device.startsWith('zram')) return true;
  return files.text(`/sys/class/block/${device}/dm/uuid`)?.startsWith('CRYPT-') === true;
}

function firewallOf(files: MachineFiles): MachineFacts['firewall'] {
  const isWanted = (unit: string) => WANTS.some((folder) => files.names(folder).includes(`${unit}.service`));
  const ufw = files.text('/etc/ufw/ufw.conf');
  const rules = files.text('/etc/nftables.conf')?.replace(/#.*$/gm, '') ?? null;
  const isTrusting = /^DefaultZone=trusted\s*$/m.test(files.text('/etc/firewalld/firewalld.conf') ?? '');
  const found = [
    ...(ufw === null ? [] : [ufwOf(ufw, files)]),
    ...(rules === null
      ? []
      : [{ name: 'nftables', isOn: isWanted('nftables'), denies: /hook\s+input[^}]*policy\s+drop/s.test(rules) }]),
    ...(isWanted('firewalld') ? [{ name: 'firewalld', isOn: true, denies: !isTrusting }] : []),
  ];
  return found.find(({ isOn }) => isOn) ?? found[0] ?? null;
}

function ufwOf(conf: string, files: MachineFiles): NonNullable<MachineFacts['firewall']> {
  const policy = /^DEFAULT_INPUT_POLICY="?(\w+)"?/m.exec(files.text('/etc/default/ufw') ?? '')?.[1] ?? '';
  return { name: 'ufw', isOn: /^ENABLED="?yes"?/im.test(conf), denies: /^(DROP|REJECT)$/i.test(policy) };
}

async function diskOf(path: string): Promise<MachineFacts['disk']> {
  try {
    const { blocks, bavail, bsize } = await statfs(path);
    return { path, sizeBytes: blocks * bsize, freeBytes: bavail * bsize };
  } catch {
    return null;
  }
}

// Linux packs major and minor numbers into one (makedev(3)); a partition shares the queue of its disk.
function spinning(path: string, files: MachineFiles): boolean | null {
  const device = orNull(() => BigInt(statSync(path).dev));
  if (device === null) return null;
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  const folder = files.real(`/sys/dev/block/${major}:${minor}`);
  if (folder === null) return null;
  const told = [folder, dirname(folder)].map((at) => files.text(join(at, 'queue/rotational'))?.trim());
  return flag(
    told.find((one) => one !== undefined),
    '1',
  );
}

function flag(found: string | undefined, yes: string): boolean | null {
  return found === undefined ? null : found === yes;
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
