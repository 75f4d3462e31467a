// The state guard with real processes: an operator whose folder is put back to an older copy, and one whose copy is
// started beside it (Never 5).

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlClient } from '../../cli/control-client.ts';
import { type Child, startChild } from '../../devnet/child.ts';
import type { Federation } from '../../devnet/federation.ts';
import type { DevnetOperator } from '../../devnet/operator.ts';
import { freePorts } from '../../devnet/ports.ts';
import { attest, deposit, newRecipient } from '../../devnet/steps.ts';
import { until } from '../../devnet/until.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import { startBridge } from './federation.ts';

const TIMEOUT_MS = 240_000;
const WAIT = { timeoutMs: 60_000, signal: new AbortController().signal };
let federation: Federation;
let copy: Child | null = null;

beforeAll(async () => {
  federation = await startBridge();
}, TIMEOUT_MS);

afterAll(async () => {
  await copy?.stop();
  await federation.stop();
});

const problemsOf = async (one: DevnetOperator): Promise<string> =>
  (await one.control('status', {})).problems.map(problemText).join('\n');

function untilSays(one: DevnetOperator, what: string, expected: boolean): Promise<void> {
  const says = async () => (await problemsOf(one)).includes(what) === expected;
  return until(() => `operator ${one.index} ${expected ? 'says' : 'no longer says'} "${what}"`, says, WAIT);
}

/** Starts an operator and waits until its peers have confirmed its state. */
async function startLive(one: DevnetOperator): Promise<void> {
  const timesLive = async () => (await readFile(join(one.folder, 'server.log'), 'utf8')).split('"guard_live"').length;
  const before = await timesLive();
  await one.start();
  await until(
    () => `operator ${one.index} is live`,
    async () => (await timesLive()) > before,
    WAIT,
  );
}

// The journal belongs to the file: what was committed last may stand in it alone.
async function copyDatabase(from: string, to: string): Promise<void> {
  for (const end of ['', '-wal', '-shm']) await rm(`${to}${end}`, { force: true });
  for (const end of ['', '-wal']) if (existsSync(`${from}${end}`)) await cp(`${from}${end}`, `${to}${end}`);
}

test(
  'an operator that was put back to an older state goes on in a new epoch, with an alarm at it and at its peers',
  async () => {
    const [coordinator, victim, third] = [federation.operator(0), federation.operator(1), federation.operator(2)];
    const database = join(victim.folder, 'security.db');
    const first = await deposit(federation, newRecipient(), 200_000_000n);
    await attest(federation, first, 0);
    // With only two left, the victim takes part in whatever is signed.
    await third.stop();
    await victim.stop();
    await copyDatabase(database, `${database}.backup`);
    await startLive(victim);

    // What the older state lacks.
    const second = await deposit(federation, newRecipient(), 70_000_000n);
    const attested = await attest(federation, second, 0);
    expect(attested.signing.signers).toEqual([0, 1]);

    await victim.stop();
    await copyDatabase(`${database}.backup`, database);
    await victim.start();
    await untilSays(victim, 'operator 0 has seen a newer state of this node than its database has', true);
    await untilSays(coordinator, 'operator 1: it showed an older state than before', true);
    await untilSays(victim, 'signs nothing', false);
    const log = await readFile(join(victim.folder, 'server.log'), 'utf8');
    expect(log).toContain('state_regressed');

    // It has the same attestation again, from its peer, or by a new signature where it asks before it has heard of it.
    const again = await attest(federation, second, 1);
    expect(again.attestation).toMatchObject({ id: `${attested.attestation['id']}` });
    await victim.stop();
    await victim.start();
    await untilSays(victim, 'has seen a newer state', false);
    await untilSays(victim, 'signs nothing', false);
    await third.start();
  },
  TIMEOUT_MS,
);

test(
  'a copy that is started beside the living original stops both, with an alarm at both and at the peers',
  async () => {
    const original = federation.operator(2);
    const folder = join(federation.folder, 'operator-2-copy');
    await original.stop();
    await cp(original.folder, folder, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    await original.start();
    await untilSays(original, 'signs nothing', false);
    const configPath = join(folder, 'config.json');
    const text = (await readFile(configPath, 'utf8')).replaceAll(original.folder, folder);
    const [port, metrics] = freePorts(2);
    const places = { listen_address: `127.0.0.1:${port}`, metrics_address: `127.0.0.1:${metrics}` };
    await writeFile(configPath, JSON.stringify({ ...JSON.parse(text), ...places }));
    const command = [
      ...original.program,
      'server',
      '--config',
      configPath,
      '--passphrase-file',
      original.passphrasePath,
    ];
    const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };
    copy = startChild({ command, cwd: folder, env }, join(folder, 'server.log'));
    const socket = original.config().controlSocket.replace(original.folder, folder);
    const halted = async () => {
      const outcome = await new ControlClient(socket).call('status', {}, {}).catch(() => null);
      return JSON.stringify(outcome).includes('two copies of it are alive');
    };
    await until(() => 'the copy says that it has a duplicate', halted, WAIT);
    await untilSays(original, 'two copies of it are alive', true);
    await untilSays(federation.operator(0), 'operator 2: it seems to run twice', true);
    await expect(original.control('test-signing', { message: 'hello' })).rejects.toThrow(/two copies/);

    // With one of them gone, a start makes it sign again.
    await copy.stop();
    await original.stop();
    await original.start();
    await untilSays(original, 'signs nothing', false);
  },
  TIMEOUT_MS,
);
