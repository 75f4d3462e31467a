import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { Desk } from './desk.ts';
import { serviceOff, serviceOn } from './results.ts';

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

const asked = () => desk.calls.map(({ command }) => command);

describe('enable-service', () => {
  test('says what begins, and with --yes does it without a question', async () => {
    await desk.serve({ 'service-status': serviceOff, 'enable-service': serviceOn });
    const ran = await desk.run(['enable-service', '--yes']);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('enabled since') });
    for (const line of serviceOff.would_begin) expect(ran.stderr).toContain(line);
    expect(asked()).toEqual(['service-status', 'enable-service']);
  });

  test('without a terminal and without --yes enables nothing, exit code 2', async () => {
    await desk.serve({ 'service-status': serviceOff, 'enable-service': serviceOn });
    const ran = await desk.run(['enable-service']);
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('give --yes') });
    expect(asked()).toEqual(['service-status']);
  });

  test('asks nothing where the service is enabled already', async () => {
    await desk.serve({ 'service-status': serviceOn, 'enable-service': serviceOn });
    const ran = await desk.run(['enable-service', '--json']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(ran.stdout)).toEqual(serviceOn);
  });

  test('tells the refusal of the node, exit code 1, and does not ask for what is refused', async () => {
    const missing = 'the treasury is not open: run `mpc_operator treasury` to see what it lacks';
    await desk.serve({
      'service-status': { ...serviceOff, missing },
      'enable-service': { refusal: ['no_root', missing] },
    });
    const ran = await desk.run(['enable-service']);
    expect([ran.code, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toContain('(no_root).');
    expect(ran.stderr).not.toContain('Type yes');
  });
});

describe('service-status', () => {
  test('shows this node, the federation and each peer', async () => {
    await desk.serve({ 'service-status': serviceOff });
    const { code, stdout } = await desk.run(['service-status']);
    expect(code).toBe(0);
    for (const text of [
      'off: never enabled here',
      'It signs nothing real.',
      'NOT OPEN: 1 of 3 operators are enabled and answer, 2 are needed',
      'Beta: enabled, heard',
      'Gamma: enabled, but does not answer, heard',
    ]) {
      expect(stdout).toContain(text);
    }
  });

  test('--json prints what the node says', async () => {
    await desk.serve({ 'service-status': serviceOn });
    expect(JSON.parse((await desk.run(['service-status', '--json'])).stdout)).toEqual(serviceOn);
  });
});

test('disable-service asks nothing, and shows what is left', async () => {
  await desk.serve({ 'disable-service': { ...serviceOn, state: 'disabled', does: ['It attests nothing new.'] } });
  const { code, stdout } = await desk.run(['disable-service']);
  expect(code).toBe(0);
  expect(stdout).toContain('disabled since');
  expect(stdout).toContain('It attests nothing new.');
  expect(asked()).toEqual(['disable-service']);
});
