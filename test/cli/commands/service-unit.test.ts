// The systemd unit: what systemd itself says of it, and that `install` writes it and nothing else.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unitText } from '../../../cli/service-unit.ts';
import { Desk } from './desk.ts';

const analyze = Bun.which('systemd-analyze');
const isRoot = process.geteuid?.() === 0;
const EXPOSURE_MAX = 1.5;

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

const INPUT = {
  executable: '/usr/local/bin/mpc_operator',
  config: '/var/lib/mpc-operator/.0btc-wire/mpc/config.json',
  user: 'mpc-operator',
  folders: ['/var/lib/mpc-operator/.0btc-wire/mpc'],
  passphrase: '/etc/mpc-operator/passphrase',
};
const UNITS = {
  'of its own user': INPUT,
  'of a person, in that home': {
    ...INPUT,
    ...{ executable: '/home/ann/Wire/mpc_operator', config: '/home/ann/.0btc-wire/mpc/config.json', user: 'ann' },
    ...{ folders: ['/home/ann/.0btc-wire/mpc', '/srv/100% of it'], passphrase: null },
  },
} as const;

/** Runs systemd-analyze on a unit; the program is one that is there, as systemd looks for it. */
function analyzed(unit: string, ...args: readonly string[]) {
  const file = desk.write('mpc-operator.service', unit.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'));
  const { stdout, stderr, exitCode } = Bun.spawnSync([analyze ?? '', ...args, file]);
  return { code: exitCode, text: `${stdout}${stderr}` };
}

test('a path with a line break makes no unit: what follows it would be run by root', () => {
  const broken = '/var/lib/x\nExecStartPre=+/bin/sh';
  for (const input of [{ config: broken }, { executable: broken }, { folders: [broken] }, { passphrase: broken }]) {
    expect(() => unitText({ ...INPUT, ...input })).toThrow('has characters that do not show');
  }
});

describe.skipIf(analyze === null)('a unit', () => {
  for (const [which, input] of Object.entries(UNITS)) {
    test(`${which} is well-formed to systemd`, () => {
      expect(analyzed(unitText(input), 'verify', '--man=no')).toEqual({ code: 0, text: '' });
    });

    test(`${which} is exposed by ${EXPOSURE_MAX} at most to systemd`, () => {
      const { text } = analyzed(unitText(input), 'security', '--offline=true');
      const exposure = Number(/Overall exposure level for \S+: ([0-9.]+)/.exec(text)?.[1]);
      expect(exposure).toBeGreaterThan(0);
      expect(exposure).toBeLessThanOrEqual(EXPOSURE_MAX);
    });
  }

  test('with a setting that systemd does not know is found out', () => {
    expect(analyzed(`${unitText(INPUT)}\n[Service]\nProtectNothing=yes\n`, 'verify', '--man=no').text).toContain(
      'ProtectNothing',
    );
  });
});

describe('the unit', () => {
  test('scrubs what changes the runtime, forbids core dumps, gives descriptors, and waits until the server says it is ready', () => {
    const lines = unitText(INPUT).split('\n');
    for (const line of [
      ...['Type=notify', 'LimitCORE=0', 'LimitNOFILE=65536', 'User=mpc-operator', 'MemorySwapMax=0'],
      'LoadCredential=mpc-operator-passphrase:/etc/mpc-operator/passphrase',
      'ExecStart=/usr/local/bin/mpc_operator --config /var/lib/mpc-operator/.0btc-wire/mpc/config.json server',
    ]) {
      expect(lines).toContain(line);
    }
    const scrubbed = lines.find((line) => line.startsWith('UnsetEnvironment='));
    for (const name of ['BUN_OPTIONS', 'BUN_BE_BUN', 'NODE_OPTIONS', 'LD_PRELOAD']) expect(scrubbed).toContain(name);
    // With it the runtime silently loses its compiler.
    expect(lines.join()).not.toContain('MemoryDenyWriteExecute=');
  });

  test('of a person opens the node folder in that home alone, and what else it writes', () => {
    const lines = unitText(UNITS['of a person, in that home']).split('\n');
    for (const line of [
      ...['ProtectHome=tmpfs', 'BindPaths=/home/ann/.0btc-wire/mpc', 'BindReadOnlyPaths=-/home/ann/.bitcoin'],
      ...['BindReadOnlyPaths=/home/ann/Wire/mpc_operator', 'ReadWritePaths="/srv/100%% of it"'],
    ]) {
      expect(lines).toContain(line);
    }
    expect(lines.join()).not.toContain('LoadCredential=');
    expect(lines.join()).not.toContain('StateDirectory=');
  });

  test('lets the server run what the configuration names, and without that nothing but itself', () => {
    const unit = (programs: readonly string[]) => unitText({ ...INPUT, programs }).match(/^ExecPaths=.*$/m)?.[0];
    const own = 'ExecPaths=/usr/local/bin/mpc_operator';
    expect(unit([])).toBe(`${own} -/usr/lib -/lib -/lib64`);
    expect(unit(['/etc/mpc-operator/notify'])).toBe(
      `${own} /etc/mpc-operator/notify /usr/bin /bin -/usr/lib -/lib -/lib64`,
    );
  });

  test('keeps a path with a space, a quote, a percent and a dollar sign one word', () => {
    const unit = unitText({ ...INPUT, config: '/srv/a "b" 5% $HOME/config.json' });
    expect(unit).toContain('--config "/srv/a \\"b\\" 5%% $$HOME/config.json" server\n');
  });
});

describe('service', () => {
  test('print prints the unit, with the folders of the configuration that it is given', async () => {
    const { code, stdout } = await desk.run(['service', 'print', '--config', desk.path('config.json'), '--sealed']);
    expect(code).toBe(0);
    expect(stdout).toContain(`--config ${desk.path('config.json')} server\n`);
    expect(stdout).toContain(`ReadWritePaths=${desk.home}\n`);
    expect(JSON.parse((await desk.run(['service', 'print', '--json'])).stdout).name).toBe('mpc-operator.service');
  });

  test('install --dry-run writes nothing and says what to run', async () => {
    mkdirSync(desk.path('units'));
    const args = ['service', 'install', '--dry-run', '--to', desk.path('units')];
    const { code, stdout } = await desk.run(args);
    expect(code).toBe(0);
    expect(stdout).toContain('[Service]');
    for (const command of ['useradd --system', 'config check', 'daemon-reload', 'enable --now mpc-operator.service']) {
      expect(stdout).toContain(command);
    }
    expect(readdirSync(desk.path('units'))).toEqual([]);
  });

  test.skipIf(isRoot)('install and uninstall without root change nothing, exit code 1', async () => {
    for (const what of ['install', 'uninstall']) {
      const { code, stderr } = await desk.run(['service', what, '--to', desk.home]);
      expect([code, stderr]).toEqual([
        1,
        `mpc_operator: This needs root: run \`sudo mpc_operator service ${what}\`, or look first with --dry-run.\n`,
      ]);
    }
    expect(readdirSync(desk.home)).toEqual(['config.json']);
  });

  test.skipIf(!isRoot)(
    'install writes the unit as printed, readable by all, and uninstall removes it alone',
    async () => {
      const units = desk.path('units');
      mkdirSync(units);
      writeFileSync(join(units, 'other.service'), '');
      const { stdout: printed } = await desk.run(['service', 'print']);
      const installed = await desk.run(['service', 'install', '--to', units]);
      expect(installed.code).toBe(0);
      expect(installed.stdout).toStartWith(`Wrote ${join(units, 'mpc-operator.service')}.\nNext:\n  useradd`);
      expect(readFileSync(join(units, 'mpc-operator.service'), 'utf8').trim()).toBe(printed.trim());
      expect(statSync(join(units, 'mpc-operator.service')).mode & 0o777).toBe(0o644);
      expect((await desk.run(['service', 'uninstall', '--to', units])).code).toBe(0);
      expect(readdirSync(units)).toEqual(['other.service']);
      const again = await desk.run(['service', 'uninstall', '--to', units]);
      expect([again.code, again.stderr]).toEqual([
        1,
        `mpc_operator: There is no unit at ${join(units, 'mpc-operator.service')}: nothing was removed.\n`,
      ]);
    },
  );

  test('refuses a user or path that is none, exit code 2', async () => {
    for (const [flag, value] of [
      ['--user', 'a b'],
      ['--executable', 'mpc_operator'],
      ['--passphrase-file', 'x'],
    ] as const) {
      const { code, stderr } = await desk.run(['service', 'print', flag, value]);
      expect(code).toBe(2);
      expect(stderr).toContain(`${flag} ${JSON.stringify(value)} is not`);
    }
  });
});
