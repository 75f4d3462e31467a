// What a systemd unit of the node should set (systemd.exec(5), systemd.resource-control(5)), and reading a unit's files.

/** Variables by which whoever sets them for the server runs code in it, or opens its connections. */
export const RISKY_VARIABLES = [
  ...['BUN_OPTIONS', 'BUN_BE_BUN', 'BUN_INSPECT', 'NODE_OPTIONS', 'NODE_TLS_REJECT_UNAUTHORIZED'],
  ...['LD_PRELOAD', 'LD_LIBRARY_PATH', 'LD_AUDIT'],
] as const;

type Expected = readonly [setting: string, fits: (values: readonly string[]) => boolean, shown: string];

const isYes = (values: readonly string[]) => ['yes', 'true', '1', 'on'].includes(last(values).toLowerCase());
const yes = (setting: string): Expected => [setting, isYes, `${setting}=yes`];
const is = (setting: string, ...allowed: readonly string[]): Expected => [
  setting,
  (values) => values.length > 0 && allowed.includes(last(values)),
  `${setting}=${allowed[0]}`,
];

const EXPECTED: readonly Expected[] = [
  yes('NoNewPrivileges'),
  is('ProtectSystem', 'strict'),
  ['ProtectHome', (values) => values.length > 0 && !['no', 'false', '0', ''].includes(last(values)), 'ProtectHome=yes'],
  is('CapabilityBoundingSet', ''),
  yes('PrivateTmp'),
  yes('PrivateDevices'),
  yes('ProtectClock'),
  yes('ProtectControlGroups'),
  yes('ProtectKernelLogs'),
  yes('ProtectKernelModules'),
  yes('ProtectKernelTunables'),
  yes('LockPersonality'),
  yes('RestrictNamespaces'),
  yes('RestrictRealtime'),
  yes('RestrictSUIDSGID'),
  is('SystemCallArchitectures', 'native'),
  [
    'SystemCallFilter',
    (values) => values.some((one) => !one.startsWith('~') && one !== ''),
    'SystemCallFilter=@system-service',
  ],
  is('UMask', '0077', '077'),
  is('LimitCORE', '0'),
  is('MemorySwapMax', '0'),
  [
    'UnsetEnvironment',
    (values) => RISKY_VARIABLES.every((name) => values.join(' ').split(/\s+/).includes(name)),
    `UnsetEnvironment=${RISKY_VARIABLES[0]} …`,
  ],
];

/** What a unit lacks, as it would be written. */
export function missingSettings(settings: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return EXPECTED.flatMap(([name, fits, shown]) => (fits(settings.get(name) ?? []) ? [] : [shown]));
}

/** The settings of `[Service]` in a unit's file and its drop-ins, in their order (systemd.syntax(7)); comments left out. */
export function unitSettings(texts: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  for (const text of texts) {
    let section = '';
    for (const line of text
      .replaceAll('\\\n', ' ')
      .split('\n')
      .map((raw) => raw.trim())) {
      if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
      section = /^\[(.*)\]$/.exec(line)?.[1] ?? section;
      const [, name, value] = /^([A-Za-z]+)\s*=\s*(.*)$/.exec(line) ?? [];
      if (section !== 'Service' || name === undefined || value === undefined) continue;
      // An empty value takes back what was set before; of one that lists nothing, as CapabilityBoundingSet, it is the value.
      settings.set(name, value === '' ? [''] : [...(settings.get(name) ?? []), value]);
    }
  }
  return settings;
}

function last(values: readonly string[]): string {
  return values.at(-1) ?? '';
}
