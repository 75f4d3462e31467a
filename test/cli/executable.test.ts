import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };

const built = fileURLToPath(new URL('../../dist/mpc_operator', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'executable-test-'));

beforeAll(() => {
  if (!existsSync(built)) throw new Error('dist/mpc_operator is missing: npm run build makes it');
  copyFileSync(built, join(folder, 'mpc_operator'));
  // What a folder might hold that the executable must not obey.
  writeFileSync(join(folder, '.env'), 'MPC_OPERATOR_CONFIG=/from/dotenv.json\n');
  writeFileSync(join(folder, 'bunfig.toml'), 'preload = ["./preloaded.ts"]\n');
  writeFileSync(join(folder, 'preloaded.ts'), 'console.log("preloaded");\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

async function execute(...args: readonly string[]) {
  const env = { HOME: folder, PATH: '/usr/bin:/bin' };
  const child = Bun.spawn(['./mpc_operator', ...args], {
    cwd: folder,
    env,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { code, stdout, stderr };
}

describe('the executable alone in a folder', () => {
  test('tells its version', async () => {
    expect(await execute('--version')).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  });

  test('shows help for every command it lists', async () => {
    const { stdout } = await execute('--help');
    const names = [...stdout.matchAll(/^ {2}([a-z][a-z-]+)(?= )/gm)].flatMap((match) => match[1] ?? []);
    expect(names).toContain('dkg');
    for (const name of names.filter((each) => each !== 'help')) {
      const help = await execute(name, '--help');
      expect({ name, code: help.code, stderr: help.stderr }).toEqual({ name, code: 0, stderr: '' });
      expect(help.stdout).toMatch(/\nExamples?:\n {2}\$ mpc_operator /);
    }
  });

  test('obeys no .env and no bunfig.toml of the folder it is started in', async () => {
    const { code, stdout, stderr } = await execute('status');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`${folder}/.0btc-wire/mpc/config.json does not exist`);
  });

  test('refuses an unknown command with exit code 2', async () => {
    const { code, stderr } = await execute('xyzzy');
    expect(code).toBe(2);
    expect(stderr).toBe("mpc_operator: unknown command 'xyzzy'\n");
  });
});
