import { afterAll, beforeAll, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runtimeSettingsProblem } from '../../cli/runtime-settings.ts';
import { LoneNode } from './lone-node.ts';

let node: LoneNode;
beforeAll(async () => {
  node = await LoneNode.make();
});
afterAll(() => node.close());

test.each([
  ['BUN_OPTIONS', '--smol'],
  ['BUN_INSPECT', 'ws+unix://inspector'],
  ['BUN_CONFIG_VERBOSE_FETCH', 'curl'],
  ['BUN_JSC_useJIT', '0'],
  ['NODE_OPTIONS', '--no-warnings'],
  ['NODE_TLS_REJECT_UNAUTHORIZED', '0'],
])('the executable does not start where %s is set, and says how to', async (name, value) => {
  const { code, stdout, stderr } = await node.runWith({ [name]: value }, 'key-info', ...node.unlocking);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toStartWith(`mpc_operator: ${name} in the environment would change how this program runs: `);
  expect(stderr).toContain(`env -u ${name} mpc_operator`);
});

test('code that BUN_OPTIONS loads first is followed by a refusal, so that no passphrase is read', async () => {
  const preload = join(node.folder, 'preload.ts');
  writeFileSync(preload, 'console.log("loaded");');
  const { code, stderr } = await node.runWith({ BUN_OPTIONS: `--preload ${preload}` }, 'server', ...node.unlocking);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('BUN_OPTIONS') });
});

test('an executable that BUN_BE_BUN turns into the bare runtime knows no command of this program', async () => {
  const { code, stdout } = await node.runWith({ BUN_BE_BUN: '1' }, 'key-info', ...node.unlocking);
  expect(code).not.toBe(0);
  expect(stdout).not.toContain('key');
});

test('variables of the package manager and of other programs are nothing to it', () => {
  expect(runtimeSettingsProblem({ BUN_INSTALL: '/home/me/.bun', NODE_ENV: 'production', PATH: '/bin' })).toBeNull();
});
