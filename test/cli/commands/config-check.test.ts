// `config check` as an operator runs it: what it prints, and its exit code.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { Desk } from './desk.ts';

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

test('config check lists each finding with what to do, and exits with 1 where there is a fault', async () => {
  const { code, stdout, stderr } = await desk.run(['config', 'check']);
  expect(code).toBe(1);
  expect(stdout).toContain(`ok      configuration: ${desk.path('config.json')}: operator 0 of 3 on regtest`);
  expect(stdout).toContain(
    `FAULT   key file: there is none at ${desk.path('key_share.enc')}.\n        Run \`mpc_operator init\`, or put it back from a backup.\n`,
  );
  expect(stderr).toBe('mpc_operator: 3 faults to correct before a start.\n');
});

test('config check tells the same as JSON, also of a configuration that is not there', async () => {
  const told = JSON.parse((await desk.run(['config', 'check', '--json'])).stdout);
  expect(told.ok).toBe(false);
  expect(told.findings).toContainEqual({
    subject: 'key file',
    verdict: 'fault',
    detail: `there is none at ${desk.path('key_share.enc')}`,
    action: 'run `mpc_operator init`, or put it back from a backup',
  });
  const none = await desk.run(['config', 'check', '--config', 'none.json', '--json']);
  expect(none.code).toBe(1);
  expect(JSON.parse(none.stdout).findings).toEqual([
    {
      subject: 'configuration',
      verdict: 'fault',
      detail: `${desk.path('none.json')} does not exist`,
      action: 'Write it with `mpc_operator init`, or name another with --config',
    },
  ]);
});
