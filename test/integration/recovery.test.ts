// Operators that start sealed, end, crash and come back, as compiled executables: nothing is signed without the
// passphrase, nothing is left behind, and what an operator missed cannot make it pay a burn twice.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Child, type Finished, runChild, startChild } from '../../devnet/child.ts';
import type { Federation } from '../../devnet/federation.ts';
import type { DevnetOperator } from '../../devnet/operator.ts';
import {
  attest,
  burn,
  deposit,
  newRecipient,
  runDkg,
  untilDepositKnown,
  untilSettled,
  withdraw,
} from '../../devnet/steps.ts';
import {
  depositFlags,
  eventually,
  failure,
  paymentsTo,
  START_TIMEOUT_MS,
  saidBy,
  startBridge,
  TEST_TIMEOUT_MS,
} from './federation.ts';

const recipient = newRecipient();
let federation: Federation;
const started: Pick<Child, 'stop'>[] = [];

beforeAll(async () => {
  federation = await startBridge();
}, START_TIMEOUT_MS);
afterAll(async () => {
  await Promise.all(started.map((child) => child.stop()));
  await federation?.stop();
}, START_TIMEOUT_MS);

const environment = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' };
const serverCommand = ({ program, configPath }: DevnetOperator) => [...program, 'server', '--config', configPath];

/** Starts a server that is given no passphrase, and waits until it answers. */
async function startSealed(operator: DevnetOperator): Promise<Child> {
  const cwd = operator.folder;
  const child = startChild({ command: serverCommand(operator), cwd, env: environment }, join(cwd, 'sealed.log'));
  started.push(child);
  const answers = async () => (await operator.cli(['test-communication'])).stderr.includes('sealed');
  await eventually('the sealed server answers', answers);
  return child;
}

test(
  'a server without a passphrase is sealed: it says so, and signs nothing until it is unsealed with the right one',
  async () => {
    const operator = federation.operator(0);
    const claim = await deposit(federation, recipient, 3_000_000n);
    await operator.stop();
    const server = await startSealed(operator);

    const status = await operator.cli(['status']);
    expect(status).toMatchObject({ code: 1, stdout: expect.stringMatching(/^key .*, key file sealed$/m) });
    const keyInfo = await operator.mustRun(['key-info']);
    expect(keyInfo).toContain('not checked, the node is sealed');
    const sealed = [
      ['attest', ...depositFlags(claim)],
      ['test-attestation', ...depositFlags(claim)],
      ['test-signing', '--message', 'hello'],
      ['test-burn', '--txid', 'ab'.repeat(32), '--address', 'bcrt1', '--amount', '1', '--fee', '1'],
      ['withdraw'],
      ['test-communication'],
      ['dkg', '--ceremony-id', 'second'],
    ];
    for (const args of sealed) {
      const said = await failure(operator, args);
      const says = expect.stringContaining('The node is sealed: open its key file with `mpc_operator unseal`');
      expect({ command: args[0], ...said }).toEqual({ command: args[0] ?? '', code: 1, says });
    }

    const wrong = join(operator.folder, 'wrong');
    writeFileSync(wrong, 'another passphrase\n', { mode: 0o600 });
    const refused = await failure(operator, ['unseal', '--passphrase-file', wrong]);
    expect(refused).toEqual({ code: 1, says: expect.stringContaining('passphrase') });
    chmodSync(wrong, 0o644);
    expect((await failure(operator, ['unseal', '--passphrase-file', wrong])).says).toContain('open to other users');

    const unseal = ['unseal', '--passphrase-file', operator.passphrasePath];
    expect(await operator.mustRun(unseal)).toStartWith('The node is unsealed.\n');
    expect(await operator.mustRun(['attest', ...depositFlags(claim)])).toContain('handed to Wire: minted');
    await untilDepositKnown(federation, claim);
    await server.stop();
    await operator.start();
  },
  TEST_TIMEOUT_MS,
);

test(
  'a second server is refused, and SIGTERM ends a server in order: no socket, no process, exit code 0',
  async () => {
    const operator = federation.operator(0);
    const socket = operator.config().controlSocket;
    expect([statSync(socket).mode & 0o777, statSync(dirname(socket)).mode & 0o777]).toEqual([0o600, 0o700]);
    const unguarded = new AbortController().signal;
    const second = (args: readonly string[]): Promise<Finished> =>
      runChild({ command: [...operator.program, ...args], cwd: operator.folder, env: environment }, unguarded);
    const flags = ['--passphrase-file', operator.passphrasePath];
    const said = saidBy(await second(['server', '--config', operator.configPath, ...flags]));
    expect(said).toEqual({ code: 1, says: expect.stringContaining(`it answers at ${socket}`) });

    // The same database under another socket: the file itself is guarded too.
    const copy = join(operator.folder, 'copy.json');
    const content: object = JSON.parse(readFileSync(operator.configPath, 'utf8'));
    writeFileSync(
      copy,
      JSON.stringify({ ...content, control_socket: join(operator.folder, 'other', 'control.sock') }),
      {
        mode: 0o600,
      },
    );
    const other = saidBy(await second(['server', '--config', copy, ...flags]));
    expect(other.code).toBe(1);
    expect(other.says).toContain(operator.config().securityDbPath);

    await operator.stop();
    try {
      const server = Bun.spawn([...serverCommand(operator), ...flags], { env: environment, stderr: 'ignore' });
      started.push({ stop: async () => server.kill('SIGKILL') });
      await eventually('the server answers', async () => (await operator.cli(['test-communication'])).code === 0);
      server.kill('SIGTERM');
      expect(await server.exited).toBe(0);
      expect(existsSync(socket)).toBe(false);
      expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
    } finally {
      await operator.start();
    }
    await eventually('the peers confirm its state', async () => (await operator.cli(['status'])).code === 0);
  },
  TEST_TIMEOUT_MS,
);

test(
  'a socket that a killed server left behind does not stop the next start',
  async () => {
    const operator = federation.operator(1);
    await operator.kill();
    expect(existsSync(operator.config().controlSocket)).toBe(true);
    expect((await failure(operator, ['withdraw'])).says).toContain('No server runs');
    await operator.start();
    await eventually('the peers confirm its state', async () => (await operator.cli(['status'])).code === 0);
  },
  TEST_TIMEOUT_MS,
);

test(
  'a second key is refused while one is live',
  async () => {
    const said = await failure(federation.operator(2), ['dkg', '--ceremony-id', 'another']);
    expect(said).toEqual({ code: 1, says: expect.stringMatching(/has a live key already.*\(key_exists\)\.$/) });
    await expect(runDkg(federation, 'initial-dkg')).rejects.toThrow('initial-dkg is done already');
  },
  TEST_TIMEOUT_MS,
);

test(
  'an operator that missed a payout cannot have its burn paid a second time',
  async () => {
    for (const amount of [5_000_000n, 5_000_001n]) {
      const claim = await deposit(federation, recipient, amount);
      await attest(federation, claim, 0);
      await untilDepositKnown(federation, claim);
    }
    const burnt = await burn(federation, { recipient, amount: 4_000_000n, fee: 2_000n });
    const unaware = federation.operator(2);
    await unaware.kill();
    const { step: paid } = await withdraw(federation, [burnt.burn_txid], 0);
    // Those who announce it end before the third is back, and their announcements with them.
    await Promise.all([federation.operator(0).kill(), federation.operator(1).kill()]);
    for (const operator of federation.operators) await operator.start();

    const flags = ['withdraw', '--burn', burnt.burn_txid];
    const again = await unaware.cli(flags);
    expect(again.stdout + again.stderr).not.toBe('');
    expect((await paymentsTo(federation, burnt.btc_address)).map(({ txid }) => txid)).toEqual([paid.txid]);

    await federation.bitcoin.mine(3);
    await eventually('a signer calls the payout settled', async () => {
      const { withdrawals } = await federation.operator(0).control('withdrawals', { limit: 10, offset: 0 });
      return withdrawals.some(({ txid, status }) => txid === paid.txid && status === 'settled');
    });
    // It has found the payout on the chain by now, hears of it from whoever it asks, or its Bitcoin node refuses.
    const late = await unaware.cli(flags);
    expect(late.stdout + late.stderr).toMatch(/burn_already_paid|Under way already/);
    await eventually('a signer calls the burn paid', async () => {
      const { code, stderr } = await federation.operator(1).cli(flags);
      return code === 1 && stderr.trim().endsWith(' (burn_already_paid).');
    });
    const payments = await paymentsTo(federation, burnt.btc_address);
    expect(payments.map(({ txid }) => txid)).toEqual([paid.txid]);

    const next = await burn(federation, { recipient, amount: 1_000_000n, fee: 2_000n });
    const { step } = await withdraw(federation, [next.burn_txid], 2);
    await untilSettled(federation, step.txid);
  },
  TEST_TIMEOUT_MS,
);
