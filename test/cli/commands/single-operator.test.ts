// `init` on a configuration in use: who may change it, and the exception for one person that it can hold.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import type { NodeServices } from '../../../cli/services.ts';
import { CommandError } from '../../../operator/runtime/command-error.ts';
import type { CommandName } from '../../../operator/runtime/command-types.ts';
import { ADDRESSES, Desk, untouchedServices } from './desk.ts';

const INIT = ['init', '--parties', '3', '--threshold', '2', '--index', '0', '--addresses', ADDRESSES.join(',')];
let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

function node(refusal: string | null) {
  const asked: [CommandName, unknown][] = [];
  const written: unknown[] = [];
  const services: NodeServices = {
    ...untouchedServices,
    runLocally: async (_config, command, params) => {
      asked.push([command, params]);
      if (refusal !== null) throw new CommandError(refusal, `refused as ${refusal}`);
      return JSON.parse('{"user":"ada"}');
    },
    initialise: async ({ content }) => {
      written.push(content.single_operator);
      return { configPath: 'c', certificatePath: 't', created: [], kept: [], fingerprint: 'acid' };
    },
  };
  return { services, asked, written };
}

test('with users, only who signs in and may changes a configuration; else it stays as it is', async () => {
  desk.write('users.db', '');
  const before = readFileSync(desk.path('config.json'), 'utf8');
  const refused = node('sign_in_needed');
  const ran = await desk.run([...INIT, '--force', '--single-operator'], { services: refused.services });
  expect(ran).toMatchObject({ code: 1, stderr: 'mpc_operator: Refused as sign_in_needed (sign_in_needed).\n' });
  expect(refused.asked).toEqual([['authorise', { action: 'configure' }]]);
  expect(refused.written).toEqual([]);
  expect(readFileSync(desk.path('config.json'), 'utf8')).toBe(before);
  const allowed = node(null);
  await desk.run([...INIT, '--force', '--single-operator'], { services: allowed.services });
  expect(allowed.written).toEqual([true]);
});

test('without users nobody is asked; the exception is set and taken back by a flag, and stays without one', async () => {
  const { services, asked, written } = node(null);
  for (const flags of [['--single-operator'], ['--no-single-operator'], []]) {
    await desk.run([...INIT, '--force', ...flags], { services });
  }
  expect(asked).toEqual([]);
  expect(written).toEqual([true, false, undefined]);
});
