// Backups with real processes: a node whose disk is lost comes back from the backup of its key material alone, from an old
// backup of its database and from a new one, and never signs against what it signed before.

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { passingIdentity } from '../../crypto/seal.ts';
import type { Federation } from '../../devnet/federation.ts';
import type { LedgerBurn } from '../../devnet/ledger.ts';
import type { DevnetOperator } from '../../devnet/operator.ts';
import { attest, burn, deposit, newRecipient, untilDepositKnown, untilSettled, withdraw } from '../../devnet/steps.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import { eventually, paymentsTo, START_TIMEOUT_MS, startBridge, TEST_TIMEOUT_MS } from './federation.ts';

const recipient = newRecipient();
const paid: LedgerBurn[] = [];
const backups = (name: string): string => join(federation.folder, 'backups', name);
let federation: Federation;
let claim: Awaited<ReturnType<typeof deposit>>;
let sealing: readonly string[];

beforeAll(async () => {
  federation = await startBridge();
  await mkdir(backups('scheduled'), { recursive: true, mode: 0o700 });
  await writeFile(backups('passphrase'), 'a passphrase of the backups\n', { mode: 0o600 });
  sealing = ['--backup-passphrase-file', backups('passphrase')];
  claim = await deposit(federation, recipient, 50_000_000n);
}, START_TIMEOUT_MS);
afterAll(async () => {
  await federation?.stop();
}, START_TIMEOUT_MS);

const victim = (): DevnetOperator => federation.operator(2);
const problems = async (one: DevnetOperator): Promise<string> =>
  (await one.control('status', {})).problems.map(problemText).join('\n');
// A connection that ended while it was idle is no answer yet.
const untilSigning = (one: DevnetOperator): Promise<void> =>
  eventually(
    'the peers confirm its state',
    async () => !(await problems(one).catch(() => 'signs nothing')).includes('signs nothing'),
    TEST_TIMEOUT_MS,
  );

/** A burn that operator 0 pays together with the victim, as the third is down meanwhile. */
async function payWithVictim(amount: bigint): Promise<void> {
  await federation.operator(1).stop();
  await untilSigning(federation.operator(0));
  const one = await burn(federation, { recipient, amount, fee: 3_000n });
  const { step } = await withdraw(federation, [one.burn_txid], 0);
  expect(step.signing.signers).toEqual([0, 2]);
  await federation.operator(1).start();
  await untilSettled(federation, step.txid);
  paid.push(one);
}

/** The victim attests again what it attested before, and every burn so far is paid once. */
async function holdsToWhatItSigned(): Promise<void> {
  const again = await attest(federation, claim, 2);
  expect(again.attestation).toMatchObject({
    deposit_txid: claim.txid,
    amount: `${claim.amount}`,
    recipient_pubkey_hash: recipient,
  });
  const other = ['--txid', claim.txid, '--vout', `${claim.vout}`, '--amount', `${claim.amount}`];
  expect((await victim().cli(['attest', ...other, '--recipient', newRecipient()])).code).toBe(1);
  for (const { btc_address } of paid) expect(await paymentsTo(federation, btc_address)).toHaveLength(1);
}

async function loseDatabase(): Promise<void> {
  const { securityDbPath } = victim().config();
  for (const end of ['', '-wal', '-shm']) await rm(`${securityDbPath}${end}`, { force: true });
}

test(
  'a node whose disk is lost comes back from the backup of its key material alone, lists what was paid, and signs the next payout',
  async () => {
    const keyShare = backups('key-share.enc');
    await victim().mustRun(['backup', 'key-share', '--output', keyShare, ...sealing]);
    await victim().mustRun(['backup', 'database', '--output', backups('old.age'), ...sealing]);
    await attest(federation, claim, 0);
    await untilDepositKnown(federation, claim);
    await payWithVictim(1_000_000n);
    await victim().mustRun(['backup', 'verify', '--input', keyShare, ...sealing]);
    expect((await victim().control('status', {})).backups.drill).not.toBeNull();
    await victim().mustRun(['backup', 'database', '--output', backups('new.age'), ...sealing]);

    await victim().stop();
    const { file, keySharePath, tlsCertPath, tlsKeyPath } = victim().config();
    await loseDatabase();
    for (const path of [file, keySharePath, `${keySharePath}.treasury.json`, tlsCertPath, tlsKeyPath]) {
      await rm(path, { force: true });
    }
    const unlocking = ['--passphrase-file', victim().passphrasePath];
    await victim().mustRun(['restore', 'key-share', '--input', keyShare, ...sealing, ...unlocking, '--yes']);
    await victim().start();
    await untilSigning(victim());
    expect((await victim().control('key-info', {})).keys).toMatchObject([{ status: 'live', shares_valid: true }]);
    const listed = async () => (await victim().control('withdrawals', { limit: 100, offset: 0 })).total === paid.length;
    await eventually('it lists what was paid', listed, TEST_TIMEOUT_MS);
    // A new database holds no decision of its operator, so the service is off.
    expect((await victim().control('service-status', {})).state).toBe('off');
    await victim().mustRun(['enable-service', '--yes']);
    await payWithVictim(1_100_000n);
    await holdsToWhatItSigned();
  },
  3 * TEST_TIMEOUT_MS,
);

for (const [which, name, amount] of [
  ['an old', 'old.age', 1_200_000n],
  ['a newer', 'new.age', 1_300_000n],
] as const) {
  test(
    `a node whose database is lost goes on from ${which} backup of it, with an alarm, and holds to what it signed since`,
    async () => {
      await victim().stop();
      await loseDatabase();
      await victim().mustRun(['restore', 'database', '--input', backups(name), ...sealing, '--yes']);
      await victim().start();
      const alarm = async () =>
        (await problems(federation.operator(0))).includes('operator 2: it showed an older state');
      await eventually('its peers notice', alarm, TEST_TIMEOUT_MS);
      await untilSigning(victim());
      await payWithVictim(amount);
      await holdsToWhatItSigned();
    },
    2 * TEST_TIMEOUT_MS,
  );
}

test(
  'a running server makes the backups of its schedule, and after `seal` signs nothing until it is unsealed',
  async () => {
    const { recipient: of } = await passingIdentity();
    await victim().stop();
    await victim().configure({ backup: { folder: backups('scheduled'), every_hours: 1, keep: 2, recipient: of } });
    await victim().start();
    const made = async () => readdirSync(backups('scheduled')).some((name) => name.endsWith('.age'));
    await eventually('a scheduled backup is there', made);
    expect((await readFile(victim().logPath, 'utf8')).includes('"backup_failed"')).toBe(false);
    await untilSigning(victim());
    await victim().mustRun(['seal']);
    expect((await victim().control('status', {})).sealed).toBe(true);
    await expect(victim().control('test-signing', { message: 'hello' })).rejects.toThrow(/sealed/);
    // A sealed node is backed up all the same, with the passphrase of its key file.
    const unlocking = ['--passphrase-file', victim().passphrasePath];
    const output = ['--output', backups('sealed.enc'), ...sealing];
    await victim().mustRun(['backup', 'key-share', ...output, ...unlocking]);
    expect(existsSync(backups('sealed.enc'))).toBe(true);
    await victim().mustRun(['unseal', ...unlocking]);
    await untilSigning(victim());
  },
  TEST_TIMEOUT_MS,
);
