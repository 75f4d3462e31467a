// Checks of the machine and of the server's own process. Sizes are the launch instructions' minimums.
import type { Facts } from './facts.ts';
import { missingSettings } from './unit-settings.ts';
import { type Check, type Finding, fail, NO_SERVER, pass, unseen, warn } from './verdicts.ts';

const GIB = 1024 ** 3;
/** 4 cores, 8 GB of memory and a disk of 100 GB; a system keeps a part of the last two for itself. */
export const CORES_MIN = 4;
export const MEMORY_BYTES_MIN = 7.4e9;
export const DISK_BYTES_MIN = 90e9;
/** Free room: below the first a warning, below the second a fail. */
const FREE_BYTES_WARNED = 10 * GIB;
const FREE_BYTES_MIN = GIB;
/** A server of 64 peers holds some hundred descriptors; a flood of connections needs room above them. */
const OPEN_FILES_MIN = 1_024;
const OPEN_FILES_WARNED = 16_384;
const SHOWN_MAX = 4;

/** In the order in which they are shown. */
export const MACHINE_CHECKS: readonly Check[] = [
  { id: 'service_account', title: 'Service account', judge: serviceAccount },
  { id: 'systemd', title: 'Run by systemd', judge: systemd },
  { id: 'hardening', title: 'Hardening of the unit', judge: hardening },
  { id: 'environment', title: 'Environment of the server', judge: environment },
  { id: 'core_dumps', title: 'Core dumps', judge: coreDumps },
  { id: 'open_files', title: 'Limit of open files', judge: openFiles },
  { id: 'swap', title: 'Swap', judge: swap },
  { id: 'cores', title: 'Cores', judge: cores },
  { id: 'memory', title: 'Memory', judge: memory },
  { id: 'disk_size', title: 'Disk: size', judge: diskSize },
  { id: 'disk_free', title: 'Disk: free room', judge: diskFree },
  { id: 'disk_kind', title: 'Disk: kind', judge: diskKind },
  { id: 'time_service', title: 'Time service', judge: timeService },
  { id: 'firewall', title: 'Firewall', judge: firewall },
];

function serviceAccount({ process, files }: Facts): Finding {
  const uid = process?.uid ?? files.keyFile.found?.uid ?? null;
  if (uid === null) return NO_SERVER;
  const seen = process === null ? `its files belong to user ${uid}` : `it runs as user ${uid}`;
  if (uid !== 0) return pass(seen);
  return fail(
    `${seen}, which is root`,
    'run it as a user of its own, who owns its files: `sudo mpc_operator service install --user NAME`',
  );
}

function systemd({ process }: Facts): Finding {
  if (process === null) return NO_SERVER;
  if (process.unit !== null) return pass(process.unit.name);
  return warn('the server was not started by systemd', 'run: mpc_operator service install');
}

function hardening({ process }: Facts): Finding {
  const action = 'compare the unit with `mpc_operator service print`, or run `mpc_operator service install`';
  if (process === null) return NO_SERVER;
  if (process.unit === null) return warn('no unit closes what the node does not need', action);
  if (process.unit.settings === null) {
    const isClosed = process.noNewPrivileges === true && process.seccomp === true;
    return isClosed
      ? pass('no new privileges, and system calls are filtered')
      : unseen(`the files of ${process.unit.name} cannot be read`, action);
  }
  const missing = missingSettings(process.unit.settings);
  if (missing.length > 0) {
    const more = missing.length > SHOWN_MAX ? ` and ${missing.length - SHOWN_MAX} more` : '';
    return warn(`${process.unit.name} lacks ${missing.slice(0, SHOWN_MAX).join(', ')}${more}`, action);
  }
  if (process.noNewPrivileges === false || process.seccomp === false) {
    return warn('the running server is not bound by its unit', 'run: systemctl daemon-reload, then restart it');
  }
  return pass(`${process.unit.name} has all settings of \`service print\``);
}

function environment({ process }: Facts): Finding {
  if (process === null) return NO_SERVER;
  const { riskyVariables: risky, secretVariables: secret } = process;
  if (risky.length > 0) {
    return fail(
      `${risky.join(', ')}: whoever sets these runs code in the node`,
      `put UnsetEnvironment=${risky.join(' ')} into its unit`,
    );
  }
  if (secret.length > 0) {
    return warn(
      `${secret.join(', ')}: processes of this user can read them`,
      'put what they hold into a file of mode 0600',
    );
  }
  return pass('nothing in it changes how the node runs');
}

function coreDumps({ process }: Facts): Finding {
  if (process === null) return NO_SERVER;
  if (process.core === null) return unseen('its limits cannot be read', 'put LimitCORE=0 into its unit');
  if (process.core === '0') return pass('off');
  return fail(
    'on: one would hold the passphrase and the keys',
    'put LimitCORE=0 into its unit, or run `ulimit -c 0` before the start',
  );
}

function openFiles({ process }: Facts): Finding {
  if (process === null) return NO_SERVER;
  const limit = process.openFiles;
  if (limit === null) return unseen('its limits cannot be read', 'put LimitNOFILE=65536 into its unit');
  if (limit >= OPEN_FILES_WARNED) return pass(`${limit}`);
  const action = 'put LimitNOFILE=65536 into its unit';
  return limit < OPEN_FILES_MIN
    ? fail(`${limit}: a few connections use them up`, action)
    : warn(`${limit}: a flood of connections uses them up`, action);
}

function swap({ machine: { swaps }, process }: Facts): Finding {
  if (process !== null && !process.maySwap) return pass('the server is never swapped out (MemorySwapMax=0)');
  const action = 'put MemorySwapMax=0 into the unit, or run `swapoff -a`, or encrypt it';
  if (swaps === null) return unseen('/proc/swaps cannot be read', action);
  const open = swaps.filter(({ isSafe }) => !isSafe).map(({ name }) => name);
  if (open.length === 0) return pass(swaps.length === 0 ? 'none' : 'encrypted, or in memory');
  return warn(`${open.join(', ')} is not encrypted, and may come to hold secrets`, action);
}

function cores({ machine }: Facts): Finding {
  if (machine.cores >= CORES_MIN) return pass(`${machine.cores}`);
  return warn(`${machine.cores}, and the launch instructions ask for ${CORES_MIN}`, 'move to a larger machine');
}

function memory({ machine: { memoryBytes } }: Facts): Finding {
  if (memoryBytes >= MEMORY_BYTES_MIN) return pass(gigabytes(memoryBytes));
  return warn(`${gigabytes(memoryBytes)}, and the launch instructions ask for 8 GB`, 'move to a larger machine');
}

function diskSize({ machine: { disk } }: Facts): Finding {
  if (disk === null) return unseen('the file system does not say', 'look: df -h');
  if (disk.sizeBytes >= DISK_BYTES_MIN) return pass(`${gigabytes(disk.sizeBytes)} for ${disk.path}`);
  const seen = `${gigabytes(disk.sizeBytes)} for ${disk.path}, and the launch instructions ask for 100 GB`;
  return warn(seen, 'move the databases to a larger disk');
}

function diskFree({ machine: { disk } }: Facts): Finding {
  if (disk === null) return unseen('the file system does not say', 'look: df -h');
  const seen = `${gigabytes(disk.freeBytes)} free for ${disk.path}`;
  if (disk.freeBytes >= FREE_BYTES_WARNED) return pass(seen);
  const action = 'make room on this disk: a full one stops the node';
  return disk.freeBytes < FREE_BYTES_MIN ? fail(seen, action) : warn(seen, action);
}

function diskKind({ machine: { isSpinning } }: Facts): Finding {
  if (isSpinning === false) return pass('a solid-state disk');
  if (isSpinning === null) return unseen('the system does not name it', 'look: lsblk -d -o NAME,ROTA');
  return warn(
    'the system calls it a spinning disk',
    'use an SSD, as the launch instructions ask; virtual disks may be one all the same',
  );
}

function timeService({ machine: { timeService: name } }: Facts): Finding {
  if (name !== null) return pass(name);
  return unseen('none is seen', 'run: timedatectl, and install systemd-timesyncd or chrony');
}

function firewall({ machine: { firewall: found }, listen }: Facts): Finding {
  const port = listen.peers.replace(/^.*:/, '');
  const action = `run: ufw default deny incoming && ufw allow ssh && ufw allow ${port}/tcp && ufw enable`;
  if (found === null) return unseen('neither ufw nor nftables nor firewalld is seen', action);
  if (!found.isOn) return fail(`${found.name} is installed, but not enabled`, action);
  if (!found.denies) return fail(`${found.name} lets in what no rule names`, action);
  return pass(`${found.name} is on, and denies what no rule names`);
}

function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
