// The disaster drills of the runbook with real processes, in one federation: a node that was away catches up, what is signed is
// made worthless, nodes are updated one by one, and a disk is lost of which the key file and the exported ceremony are left.
// Backups are in backup.test.ts, two live copies of one node in rollback.test.ts.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { VERSION } from '../../cli/version.ts';
import { runChild } from '../../devnet/child.ts';
import type { Federation } from '../../devnet/federation.ts';
import type { DevnetOperator } from '../../devnet/operator.ts';
import {
  attest,
  burn,
  type Deposit,
  deposit,
  newRecipient,
  untilDepositKnown,
  untilSettled,
  withdraw,
} from '../../devnet/steps.ts';
import { configFileSchema } from '../../operator/config/config-keys.ts';
import { eventually, mempool, paymentsTo, START_TIMEOUT_MS, startBridge, TEST_TIMEOUT_MS } from './federation.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NEXT_VERSION = `${VERSION}-drill`;
const PAGE = { limit: 100, offset: 0 } as const;
const recipient = newRecipient();
let federation: Federation;
let claim: Deposit;

beforeAll(async () => {
  federation = await startBridge();
}, START_TIMEOUT_MS);
afterAll(async () => {
  await federation?.stop();
}, START_TIMEOUT_MS);

/** Waits until a node is live: its peers have confirmed its state. */
function untilSigning(one: DevnetOperator): Promise<void> {
  const isLive = async () => {
    const { problems, scan } = await one.control('status', {});
    return scan !== null && !problems.some(({ cause }) => cause.includes('signs nothing'));
  };
  return eventually(`operator ${one.index} signs`, () => isLive().catch(() => false), TEST_TIMEOUT_MS);
}

/** Has operator `at` pay a new burn while operator `down` is stopped; who signed it, and the transaction. */
async function payWithout(down: number, at: number, amount: bigint) {
  await federation.operator(down).stop();
  await untilSigning(federation.operator(at));
  const one = await burn(federation, { recipient, amount, fee: 3_000n });
  const { step } = await withdraw(federation, [one.burn_txid], at);
  return { one, txid: step.txid, signers: step.signing.signers };
}

async function startLive(one: DevnetOperator): Promise<void> {
  await one.start();
  await untilSigning(one);
}

test(
  'a server that signs nothing stops within a second of SIGTERM, with its peers connected',
  async () => {
    const took: number[] = [];
    for (const one of federation.operators) {
      const { pid } = one;
      if (pid === null) throw new Error(`operator ${one.index} runs`);
      const begun = performance.now();
      process.kill(pid, 'SIGTERM');
      await one.ended();
      took.push(performance.now() - begun);
      await startLive(one);
    }
    // On a busy machine one may have to wait for its turn; what a server itself waits for, all of them would.
    expect(Math.min(...took)).toBeLessThan(1_000);
  },
  TEST_TIMEOUT_MS,
);

test(
  'a node that was stopped while the others attested and paid lists both when it is back, and signs with either of them',
  async () => {
    const away = federation.operator(2);
    await away.stop();
    claim = await deposit(federation, recipient, 80_000_000n);
    const attested = await attest(federation, claim, 0);
    expect(attested.signing.signers).toEqual([0, 1]);
    const { txid, signers } = await payWithout(2, 1, 1_000_000n);
    expect(signers).toEqual([0, 1]);
    await untilSettled(federation, txid);

    await startLive(away);
    await untilDepositKnown(federation, claim);
    const listed = async () =>
      (await away.control('withdrawals', PAGE)).withdrawals.some(
        (row) => row.txid === txid && row.status === 'settled',
      );
    await eventually('it lists the payout that it missed', listed, TEST_TIMEOUT_MS);
    const together = await payWithout(1, 2, 1_100_000n);
    expect(together.signers).toEqual([0, 2]);
    await startLive(federation.operator(1));
    await untilSettled(federation, together.txid);
  },
  3 * TEST_TIMEOUT_MS,
);

test(
  '`void` makes a signed payout worthless once another operator approves, and a later step pays its burn, once',
  async () => {
    const one = await burn(federation, { recipient, amount: 2_000_000n, fee: 3_000n });
    const { step } = await withdraw(federation, [one.burn_txid], 0);
    expect(await mempool(federation)).toEqual([step.txid]);
    const asked = z.object({ request: z.object({ id: z.string() }) });
    const reason = ['--reason', 'the estimate was wrong'];
    const { request } = asked.parse(JSON.parse(await federation.operator(0).mustRun(['void', ...reason, '--json'])));
    const approver = federation.operator(1);
    const listed = async () => (await approver.mustRun(['requests', 'list'])).includes(request.id);
    await eventually('the request is known', listed);
    expect(await mempool(federation)).toEqual([step.txid]);
    await approver.mustRun(['requests', 'approve', request.id.slice(0, 8)]);
    const voided = async () => {
      const [waiting, ...others] = await mempool(federation);
      return others.length === 0 && waiting !== undefined && waiting !== step.txid;
    };
    await eventually('the void step has taken its place', voided, TEST_TIMEOUT_MS);
    await federation.bitcoin.mine(3);
    expect(await paymentsTo(federation, one.btc_address)).toEqual([]);
    const { outcome } = (await federation.operator(0).control('requests-show', { id: request.id })).request;
    expect(['signed', 'done']).toContain(outcome.state);

    const again = async () => {
      const ran = await federation.operator(2).cli(['withdraw', '--burn', one.burn_txid]);
      return ran.code === 0;
    };
    await eventually('a later step pays the burn', again, TEST_TIMEOUT_MS);
    await federation.bitcoin.mine(3);
    expect(await paymentsTo(federation, one.btc_address)).toHaveLength(1);
  },
  3 * TEST_TIMEOUT_MS,
);

/** Builds the program from these sources under another version. */
async function buildNext(): Promise<string> {
  const folder = join(federation.folder, 'next');
  mkdirSync(folder);
  const skipped = new Set(['node_modules', 'dist', 'test', 'docs', 'bench', 'devnet']);
  for (const name of readdirSync(ROOT).filter((one) => !one.startsWith('.') && !skipped.has(one))) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const manifest = z
    .record(z.string(), z.unknown())
    .parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, version: NEXT_VERSION }));
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder };
  const built = await runChild({ command: [process.execPath, 'run', 'build'], cwd: folder, env }, federation.signal);
  if (built.code !== 0) throw new Error(built.stderr);
  return join(folder, 'dist/mpc_operator');
}

test(
  'nodes are updated one by one: the new version signs with the old one, then all run it',
  async () => {
    const next = await buildNext();
    const update = async (index: number) => {
      const one = federation.operator(index);
      await one.stop();
      one.useBinary(next);
      await startLive(one);
      expect(await one.mustRun(['--version'])).toBe(`${NEXT_VERSION}\n`);
    };
    await update(0);
    const mixed = await payWithout(2, 0, 1_200_000n);
    expect(mixed.signers).toEqual([0, 1]);
    // The third one is updated while it is down.
    federation.operator(2).useBinary(next);
    await startLive(federation.operator(2));
    await untilSettled(federation, mixed.txid);
    const { peers } = await federation.operator(0).control('test-communication', { rounds: 1 });
    expect(peers.map(({ version }) => version)).toEqual([VERSION, NEXT_VERSION]);
    await update(1);
    const { bitcoin, attestation } = await federation.operator(2).control('test-signing', { message: 'all are new' });
    expect([bitcoin.signers.length, attestation.signers.length]).toEqual([2, 2]);
  },
  3 * TEST_TIMEOUT_MS,
);

test(
  'a node whose disk is lost comes back from its key file and the exported ceremony alone, and signs the next payout',
  async () => {
    const lost = federation.operator(2);
    const exported = join(federation.folder, 'initial-dkg.json');
    await federation.operator(0).mustRun(['ceremony', 'show', 'initial-dkg', '--output', exported]);
    const settings = configFileSchema.parse(JSON.parse(readFileSync(lost.configPath, 'utf8')));
    const { keySharePath } = lost.config();
    await lost.stop();
    const left = new Set([keySharePath, lost.passphrasePath, lost.logPath]);
    for (const name of readdirSync(lost.folder)) {
      if (!left.has(join(lost.folder, name))) rmSync(join(lost.folder, name), { recursive: true });
    }
    const flags = [
      ...['--parties', '3', '--threshold', '2', '--index', '2', '--network', 'regtest'],
      ...['--addresses', settings.party_addresses.join(','), '--passphrase-file', lost.passphrasePath],
    ];
    await lost.mustRun(['init', ...flags]);
    // Its operator writes the other settings again.
    await lost.configure(settings);
    const cards = await Promise.all(
      federation.operators.map(async (one) => {
        const card = join(federation.folder, `card-${one.index}.json`);
        const unlocking = one === lost ? ['--passphrase-file', lost.passphrasePath] : [];
        await one.mustRun(['peer', 'export', '--output', card, ...unlocking]);
        return card;
      }),
    );
    await lost.mustRun(['peer', 'add', cards[0] ?? '', cards[1] ?? '']);
    // The certificate is a new one, so people compare its card again.
    for (const index of [0, 1]) await federation.operator(index).mustRun(['peer', 'add', '--replace', cards[2] ?? '']);
    await lost.start();
    await lost.mustRun(['ceremony', 'recover', exported]);
    await untilSigning(lost);
    expect((await lost.control('key-info', {})).keys).toMatchObject([{ status: 'live', shares_valid: true }]);
    await eventually(
      'it has the root',
      async () => (await lost.control('treasury', {})).state === 'open',
      TEST_TIMEOUT_MS,
    );
    await untilDepositKnown(federation, claim);
    await lost.mustRun(['enable-service', '--yes']);
    const { one, txid, signers } = await payWithout(1, 0, 1_300_000n);
    expect(signers).toEqual([0, 2]);
    await federation.operator(1).start();
    await untilSettled(federation, txid);
    expect(await paymentsTo(federation, one.btc_address)).toHaveLength(1);
  },
  3 * TEST_TIMEOUT_MS,
);
