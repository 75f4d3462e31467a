// The state guard with real processes: an operator whose folder is put back to an older copy, and one whose copy is
// started beside it (Never 5).
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlClient } from '../../cli/control-client.ts';
import { type Child, startChild } from '../../devnet/child.ts';
import type { Federation } from '../../devnet/federation.ts';
import { type DevnetOperator, OperatorRefusal } from '../../devnet/operator.ts';
import { freePorts } from '../../devnet/ports.ts';
import { attest, burn, deposit, newRecipient, withdraw } from '../../devnet/steps.ts';
import { until } from '../../devnet/until.ts';
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
  (await one.control('status', {})).problems.join('\n');

function untilSays(one: DevnetOperator, what: string, expected: boolean): Promise<void> {
  const says = async () => (await problemsOf(one)).includes(what) === expected;
  return until(() => `operator ${one.index} ${expected ? 'says' : 'no longer says'} "${what}"`, says, WAIT);
}

// The journal belongs to the file: what was committed last may stand in it alone.
async function copyDatabase(from: string, to: string): Promise<void> {
  for (const end of ['', '-wal', '-shm']) await rm(`${to}${end}`, { force: true });
  for (const end of ['', '-wal']) if (existsSync(`${from}${end}`)) await cp(`${from}${end}`, `${to}${end}`);
}

test(
  'an operator that was put back to an older state signs nothing until its peers have told it what it decided since',
  async () => {
    const [coordinator, victim, third] = [federation.operator(0), federation.operator(1), federation.operator(2)];
    const database = join(victim.folder, 'security.db');
    const recipient = newRecipient();
    const first = await deposit(federation, recipient, 200_000_000n);
    await attest(federation, first, 0);
    // With only two left, the victim takes part in whatever is signed.
    await third.stop();
    await victim.stop();
    await copyDatabase(database, `${database}.backup`);
    await victim.start();
    await untilSays(victim, 'signs nothing', false);

    // What the older state lacks: an attestation, and a payout that is not mined.
    const second = await deposit(federation, newRecipient(), 70_000_000n);
    expect((await attest(federation, second, 0)).signing.signers).toEqual([0, 1]);
    const { burn_txid } = await burn(federation, { recipient, amount: 50_000_000n, fee: 10_000n });
    federation.ledger.addBlocks(10);
    const paid = await withdraw(federation, [burn_txid], 0);
    expect(paid.signing.signers).toEqual([0, 1]);

    await victim.stop();
    await copyDatabase(`${database}.backup`, database);
    await victim.start();
    await untilSays(victim, 'catching up', true);

    // One peer has told by now, and two are needed.
    const refusal = await coordinator.control('test-signing', { message: 'hello' }).catch((e: unknown) => e);
    expect(refusal).toBeInstanceOf(OperatorRefusal);
    expect(String(refusal)).toContain('state_regressed');
    expect(await problemsOf(victim)).toContain('operator 0 has seen a newer state of this node than it has');
    await untilSays(coordinator, 'operator 1 shows an older state than it had', true);

    await third.start();
    await untilSays(victim, 'signs nothing', false);
    await untilSays(coordinator, 'operator 1 shows an older state than it had', false);
    const { deposits } = await victim.control('deposits', { limit: 100, offset: 0 });
    expect(deposits.map(({ txid }) => txid)).toContain(second.txid);
    // Its old decision binds it: the burn is paid by the transaction that it signed before.
    const again = await withdraw(federation, [burn_txid], 1);
    expect(again.txid).toBe(paid.txid);
    // It signs again: with the third away, nothing is signed without it.
    await third.stop();
    const later = await deposit(federation, newRecipient(), 30_000_000n);
    expect((await attest(federation, later, 1)).signing.signers).toEqual([0, 1]);
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
    await until(() => 'the copy says that it has a twin', halted, WAIT);
    await untilSays(original, 'two copies of it are alive', true);
    await untilSays(federation.operator(0), 'operator 2 seems to run twice', true);
    await expect(original.control('test-signing', { message: 'hello' })).rejects.toThrow(/two copies/);

    // With one of them gone, a start makes it sign again.
    await copy.stop();
    await original.stop();
    await original.start();
    await untilSays(original, 'signs nothing', false);
  },
  TIMEOUT_MS,
);
