// A federation of real operator processes as tests use it: operators ended and started one by one.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Federation, startFederation } from '../../devnet/federation.ts';
import { OperatorRefusal } from '../../devnet/operator.ts';
import { makeScratch } from '../../devnet/scratch.ts';
import {
  attest,
  deposit,
  depositAddress,
  enableService,
  exchangeCards,
  newRecipient,
  openTreasury,
  runDkg,
} from '../../devnet/steps.ts';

const START_TIMEOUT_MS = 180_000;
const folder = join(makeScratch(tmpdir(), 'mpc-federation'), 'data');
let federation: Federation;

beforeAll(async () => {
  // Makes key files quick to open; what they guard here is nothing.
  process.env['MPC_OPERATOR_SCRYPT_WORK_FACTOR'] = '4';
  federation = await startFederation({ parties: 3, threshold: 2, folder });
}, START_TIMEOUT_MS);

afterAll(async () => {
  await federation.stop();
  rmSync(join(folder, '..'), { recursive: true });
});

test('every operator has its own folder, and its passphrase and configuration are closed to others', () => {
  for (const { passphrasePath, configPath, folder: own } of federation.operators) {
    expect([passphrasePath, configPath].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(statSync(own).mode & 0o777).toBe(0o700);
  }
});

test('a command that the node refuses throws the name of the refusal', async () => {
  const refusal = await federation
    .operator(0)
    .control('deposit-address', { recipient: newRecipient() })
    .catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(OperatorRefusal);
  expect(refusal).toMatchObject({ index: 0, code: 'no_key' });
});

test(
  'an operator that was killed is missed by nobody else, and comes back with its keys and cards',
  async () => {
    await exchangeCards(federation);
    const { key_id } = await runDkg(federation, 'first');
    await openTreasury(federation);
    await enableService(federation);
    const victim = federation.operator(2);
    await victim.kill();
    expect(federation.operators.map(({ isRunning }) => isRunning)).toEqual([true, true, false]);
    expect(victim.pid).toBeNull();
    await expect(victim.control('status', {})).rejects.toThrow('operator 2 does not run');

    const paid = await deposit(federation, newRecipient(), 100_000n);
    const { signing } = await attest(federation, paid, 0);
    expect(signing.signers).toEqual([0, 1]);
    expect(federation.ledger.balance(paid.recipient)).toBe(100_000n);

    await victim.start();
    const { keys } = await victim.control('key-info', {});
    expect(keys).toMatchObject([{ key_id, shares_valid: true }]);
    expect(await depositAddress(federation, paid.recipient)).toBe(paid.address);
  },
  START_TIMEOUT_MS,
);

test(
  'stop ends every process, may be called twice, and leaves a folder that was given',
  async () => {
    const pids = [federation.bitcoin.pid, ...federation.operators.map(({ pid }) => pid ?? 0)];
    await federation.stop();
    await federation.stop();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(existsSync(join(folder, 'operator-0', 'security.db'))).toBe(true);
  },
  START_TIMEOUT_MS,
);
