// Deposits that the federation must not attest, refused by compiled executables on a real bitcoind: by the command line
// with exit code 1 and the refusal's name, for a real attestation and for a test alike.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { createBitcoinRpc } from '../../chain/rpc.ts';
import { findBitcoind } from '../../devnet/bitcoind.ts';
import { type Child, startChild } from '../../devnet/child.ts';
import type { Federation } from '../../devnet/federation.ts';
import { freePorts } from '../../devnet/ports.ts';
import {
  burn,
  type Deposit,
  deposit,
  newRecipient,
  untilDepositKnown,
  untilRead,
  untilSettled,
} from '../../devnet/steps.ts';
import {
  answer,
  attestedSchema,
  auditHead,
  depositFlags,
  eventually,
  failure,
  START_TIMEOUT_MS,
  startBridge,
  TEST_TIMEOUT_MS,
  withdrawnSchema,
} from './federation.ts';

const AMOUNT = 1_000_000n;
let federation: Federation;
let claim: Deposit;
const started: Child[] = [];

beforeAll(async () => {
  federation = await startBridge();
  claim = await deposit(federation, newRecipient(), AMOUNT);
}, START_TIMEOUT_MS);
afterAll(async () => {
  await federation?.stop();
  await Promise.all(started.map((child) => child.stop()));
}, START_TIMEOUT_MS);

/** Both commands refuse the claim by this name at every operator, and nobody decides anything. */
async function expectRefused(wrong: Omit<Deposit, 'address'>, name: string, says: string): Promise<void> {
  const before = await Promise.all(federation.operators.map(auditHead));
  for (const [at, command] of ['attest', 'test-attestation', 'attest'].entries()) {
    const said = await failure(federation.operator(at), [command, ...depositFlags(wrong)]);
    expect({ command, ...said }).toEqual({ command, code: 1, says: expect.stringContaining(says) });
    expect(said.says).toEndWith(` (${name}).`);
  }
  expect(await Promise.all(federation.operators.map(auditHead))).toEqual(before);
}

const wrongClaims: readonly [what: string, change: () => Partial<Deposit>, name: string, says: string][] = [
  [
    'one sat more',
    () => ({ amount: AMOUNT + 1n }),
    'deposit_wrong_amount',
    'pays 1000000 sats, not the claimed 1000001',
  ],
  [
    'one sat less',
    () => ({ amount: AMOUNT - 1n }),
    'deposit_wrong_amount',
    'pays 1000000 sats, not the claimed 999999',
  ],
  ['another recipient', () => ({ recipient: newRecipient() }), 'deposit_wrong_script', "the recipient's address"],
  ['the vout of the change', () => ({ vout: 1 - claim.vout }), 'deposit_wrong_script', "the recipient's address"],
  ['a vout that is not there', () => ({ vout: 7 }), 'deposit_not_found', 'has no output'],
  ['an unknown transaction', () => ({ txid: 'ab'.repeat(32) }), 'deposit_not_found', 'transaction abab'],
];

for (const [what, change, name, says] of wrongClaims) {
  test(
    `a claim of ${what} is ${name}, everywhere and in a test`,
    () => expectRefused({ ...claim, ...change() }, name, says),
    TEST_TIMEOUT_MS,
  );
}

test(
  'a deposit has to have all its confirmations, and then is attested',
  async () => {
    const fresh = { ...claim, ...(await federation.wallet.send(claim.address, AMOUNT)) };
    await expectRefused(fresh, 'deposit_too_few_confirmations', 'has 0 of 3 confirmations');
    await federation.bitcoin.mine(2);
    await expectRefused(fresh, 'deposit_too_few_confirmations', 'has 2 of 3 confirmations');
    await federation.bitcoin.mine(1);
    const { submitted } = await answer(federation.operator(0), ['attest', ...depositFlags(fresh)], attestedSchema);
    expect(submitted).toBe(true);
  },
  TEST_TIMEOUT_MS,
);

test(
  'what is attested is never attested otherwise, again is the same attestation, and minted once',
  async () => {
    const flags = ['attest', ...depositFlags(claim)];
    const first = await answer(federation.operator(0), flags, attestedSchema);
    await untilDepositKnown(federation, claim);
    for (const operator of federation.operators) {
      for (const change of [{ amount: AMOUNT - 1n }, { recipient: newRecipient() }]) {
        const said = await failure(operator, ['attest', ...depositFlags({ ...claim, ...change })]);
        expect(said).toEqual({
          code: 1,
          says: expect.stringMatching(/ was attested with .* \(attested_otherwise\)\.$/),
        });
      }
      const again = await answer(operator, flags, attestedSchema);
      expect(again).toMatchObject({ submitted: true, detail: 'it was minted before', signing: { signers: [] } });
      const { signature, nonce, expiry } = first.attestation;
      expect(again.attestation).toMatchObject({ signature: `${signature}`, nonce: `${nonce}`, expiry: `${expiry}` });
    }
    const mints = federation.ledger.mints().filter(({ depositTxid }) => depositTxid === claim.txid);
    expect(mints.map(({ amountSats }) => amountSats)).toEqual([AMOUNT]);
  },
  TEST_TIMEOUT_MS,
);

test(
  'a deposit that a payout sweeps is deposit_spent until that is settled, then attestable as before, and minted once',
  async () => {
    const { recipient } = claim;
    const balance = federation.ledger.balance(recipient);
    // All but the dust limit: every coin has to be spent, this deposit among them.
    const { burn_txid } = await burn(federation, { recipient, amount: balance, fee: 2_000n });
    // The deposits are swept only when they are deep, and nothing else can pay this burn.
    await federation.bitcoin.mine(6);
    await untilRead(federation);
    const { step: paid } = await answer(federation.operator(1), ['withdraw', '--burn', burn_txid], withdrawnSchema);
    const flags = ['test-attestation', ...depositFlags(claim)];
    const said = await failure(federation.operator(2), flags);
    expect(said).toEqual({ code: 1, says: expect.stringMatching(/ is spent.* \(deposit_spent\)\.$/) });
    await untilSettled(federation, paid.txid);
    await answer(federation.operator(2), flags, attestedSchema);
    const minted = federation.ledger.mints().length;
    await answer(federation.operator(0), ['attest', ...depositFlags(claim)], attestedSchema);
    expect(federation.ledger.mints()).toHaveLength(minted);
  },
  TEST_TIMEOUT_MS,
);

test(
  'an operator whose Bitcoin node is on another network attests nothing, and is named where it is asked to sign',
  async () => {
    const [stray, others] = [federation.operator(2), federation.operators.slice(0, 2)];
    const { url, cookie } = await startSignet();
    await stray.stop();
    await stray.configure({ bitcoin_nodes: [url], bitcoin_rpc_cookie_file: cookie });
    await stray.start();
    const fresh = await deposit(federation, newRecipient(), AMOUNT, others);
    for (const command of ['attest', 'test-attestation']) {
      const said = await failure(stray, [command, ...depositFlags(fresh)]);
      expect(said).toEqual({ code: 1, says: expect.stringMatching(/is on signet.* \(wrong_network\)\.$/) });
    }
    const status = await stray.cli(['status']);
    expect({ code: status.code, text: status.stdout }).toEqual({ code: 1, text: expect.stringContaining('signet') });

    const { submitted, signing } = await answer(
      federation.operator(0),
      ['attest', ...depositFlags(fresh)],
      attestedSchema,
    );
    expect({ submitted, signers: signing.signers }).toEqual({ submitted: true, signers: [0, 1] });
    // In its first moments it says that it has just started.
    for (const { index, reason } of signing.excluded) {
      expect(`${index} ${reason}`).toMatch(/^2 (wrong_network|state_regressed): /);
    }

    const another = await deposit(federation, newRecipient(), AMOUNT, others);
    await federation.operator(1).stop();
    // For its first moments it says that it has just started and waits for its peers to confirm its state.
    await eventually('it says why it does not sign', async () => {
      const { says, code } = await failure(federation.operator(0), ['attest', ...depositFlags(another)]);
      expect(code).toBe(1);
      expect(says).toEndWith(' (not_signed).');
      return says.includes('operator 2: wrong_network (');
    });
  },
  TEST_TIMEOUT_MS,
);

/** A real node on signet that speaks to nobody: its chain is the genesis block. */
async function startSignet(): Promise<{ readonly url: string; readonly cookie: string }> {
  const bitcoind = await findBitcoind();
  const dir = join(federation.folder, 'signet');
  const [port] = freePorts(1);
  mkdirSync(dir);
  const flags = ['-signet', `-datadir=${dir}`, '-conf=/dev/null', '-server=1', '-listen=0', '-connect=0', '-dnsseed=0'];
  const rpcFlags = ['-rpcbind=127.0.0.1', '-rpcallowip=127.0.0.1', `-rpcport=${port}`, '-printtoconsole=0'];
  const command = [bitcoind, ...flags, ...rpcFlags];
  started.push(startChild({ command, cwd: dir, env: { HOME: dir } }, join(federation.folder, 'signet.log')));
  const url = `http://127.0.0.1:${port}`;
  const cookie = join(dir, 'signet', '.cookie');
  const rpc = createBitcoinRpc({ url, credentials: { kind: 'file', path: cookie } });
  const answers = () =>
    rpc.call('getblockcount', [], z.int()).then(
      () => true,
      () => false,
    );
  await eventually('the signet node answers', answers);
  return { url, cookie };
}
