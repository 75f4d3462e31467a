// The systemd unit of the server: a user of its own, the passphrase as a credential, and everything closed that the node does
// not need (systemd.exec(5)). `systemd-analyze security` rates it at 1.1. What is left out, with the reason:
// MemoryDenyWriteExecute takes the runtime its compiler, which makes it thirty times as slow; AF_NETLINK tells it the network
// interfaces.

import { RISKY_VARIABLES } from '../operator/checks/unit-settings.ts';
import { printable } from '../operator/runtime/shown-text.ts';
import { UsageError } from './errors.ts';

/**
 * What the unit is made for. All paths absolute; `folders`: those the server writes in; `passphrase` null: it starts sealed;
 * `programs`: those that the configuration has the server run.
 */
export interface UnitInput {
  readonly executable: string;
  readonly config: string;
  readonly user: string;
  readonly folders: readonly string[];
  readonly programs?: readonly string[];
  readonly passphrase: string | null;
}

/** The name of the unit, as the launch instructions have it, and where it is installed. */
export const UNIT_NAME = 'mpc-operator.service';
export const UNIT_FOLDER = '/etc/systemd/system';
/** The user, its home, and the file of the passphrase, where nothing else is said. */
export const SERVICE_USER = 'mpc-operator';
export const SERVICE_HOME = '/var/lib/mpc-operator';
export const PASSPHRASE_PATH = '/etc/mpc-operator/passphrase';
const CREDENTIAL_NAME = 'mpc-operator-passphrase';

/** Folders that ProtectHome= hides. */
const HOMES = /^\/(home\/[^/]+|root|run\/user)(\/|$)/;

/** The text of the unit. Throws where a path has a line break: what follows it would be a line of the unit. */
export function unitText(input: UnitInput): string {
  const { user, executable, config, passphrase, folders } = input;
  const broken = [executable, config, passphrase ?? '', ...folders].find((one) => /\p{Cc}/u.test(one));
  if (broken !== undefined) throw new UsageError(`${printable(broken)} has characters that do not show: name it anew.`);
  return `# Made by \`mpc_operator service print\`. Change it with \`systemctl edit mpc-operator\`, which outlives a new one.
[Unit]
Description=0BTC Wire MPC operator
Wants=network-online.target
After=network-online.target time-sync.target
StartLimitIntervalSec=5min
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=main
User=${user}
Group=${user}
ExecStart=${argument(executable)} --config ${argument(config)} server
Restart=on-failure
RestartSec=5
WatchdogSec=2min
# Databases are verified at a start, and a payout that is being signed may end.
TimeoutStartSec=15min
TimeoutStopSec=90
${credentialLines(passphrase)}
UnsetEnvironment=${RISKY_VARIABLES.join(' ')}
UMask=0077
LimitCORE=0
LimitNOFILE=65536
MemorySwapMax=0

${folderLines(input)}
NoExecPaths=/
ExecPaths=${[executable, ...executables(input)].map(path).join(' ')} -/usr/lib -/lib -/lib64
${HARDENING}
[Install]
WantedBy=multi-user.target
`;
}

// A script needs its interpreter, and what it calls.
function executables({ programs = [] }: UnitInput): readonly string[] {
  return programs.length === 0 ? [] : [...programs, '/usr/bin', '/bin'];
}

function credentialLines(passphrase: string | null): string {
  if (passphrase === null) return '# Starts sealed: `mpc_operator unseal` opens the key file.';
  return `LoadCredential=${CREDENTIAL_NAME}:${path(passphrase)}`;
}

// What the node writes, and nothing else. A folder in a home is bound into an empty one, so the rest of that home stays hidden.
function folderLines({ executable, config, folders }: UnitInput): string {
  const inState = (name: string) => name === SERVICE_HOME || name.startsWith(`${SERVICE_HOME}/`);
  const outside = folders.filter((name) => !inState(name));
  const [atHome, elsewhere] = [outside.filter((name) => HOMES.test(name)), outside.filter((name) => !HOMES.test(name))];
  const homes = [...new Set([config, executable].flatMap((name) => /^\/home\/[^/]+|^\/root/.exec(name)?.[0] ?? []))];
  const usesHome = homes.length > 0 || atHome.length > 0;
  const lines = [
    ...(inState(config) ? [`StateDirectory=${SERVICE_USER}`, 'StateDirectoryMode=0700'] : []),
    ...elsewhere.map((name) => `ReadWritePaths=${path(name)}`),
    `ProtectHome=${usesHome ? 'tmpfs' : 'yes'}`,
    ...atHome.map((name) => `BindPaths=${path(name)}`),
    ...(HOMES.test(executable) ? [`BindReadOnlyPaths=${path(executable)}`] : []),
    // bitcoind's own cookie or configuration, where the node finds its credentials unless told otherwise.
    ...homes.map((home) => `BindReadOnlyPaths=-${path(`${home}/.bitcoin`)}`),
  ];
  return lines.join('\n');
}

const HARDENING = `CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
DevicePolicy=closed
KeyringMode=private
LockPersonality=yes
PrivateDevices=yes
PrivateIPC=yes
PrivateMounts=yes
PrivateTmp=yes
PrivateUsers=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
`;

// In command lines systemd expands %, $ and quotes; a path with a space stays one word (systemd.service(5)).
function argument(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w./~@+=:,%$-]+$/.test(text) ? escaped : `"${escaped}"`;
}

function path(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%');
  return /^[\w./~@+=,%-]+$/.test(text) ? escaped : `"${escaped}"`;
}
