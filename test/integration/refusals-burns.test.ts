// Burns that the federation must not pay, refused by compiled executables: by the command line with exit code 1 and the
// refusal's name, for a real payout and for a test alike; and burns delivered more than once, which are paid once.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { Federation } from '../../devnet/federation.ts';
import type { LedgerBurn } from '../../devnet/ledger.ts';
import {
  attest,
  burn,
  deposit,
  newRecipient,
  received,
  untilDepositKnown,
  untilSettled,
  withdraw,
} from '../../devnet/steps.ts';
import {
  answer,
  auditHead,
  burnFlags,
  eventually,
  failure,
  paymentsTo,
  START_TIMEOUT_MS,
  startBridge,
  TEST_TIMEOUT_MS,
  waitingSchema,
  withdrawnSchema,
} from './federation.ts';

const recipient = newRecipient();
let federation: Federation;

beforeAll(async () => {
  federation = await startBridge();
  for (const amount of [40_000_000n, 60_000_000n]) {
    const claim = await deposit(federation, recipient, amount);
    await attest(federation, claim, 0);
    await untilDepositKnown(federation, claim);
  }
  // A node writes down that a mint is final a moment after the attestation; the heads stand still from then on.
  await eventually('every operator knows that all is minted', async () => {
    const reports = await Promise.all(
      federation.operators.map((one) => one.control('deposits', { limit: 9, offset: 0 })),
    );
    return reports.every(
      ({ deposits }) => deposits.length === 2 && deposits.every(({ minted_at }) => minted_at !== null),
    );
  });
}, START_TIMEOUT_MS);
afterAll(() => federation?.stop(), START_TIMEOUT_MS);

/** `withdraw` and `test-burn` refuse by this name at different operators, nobody decides anything, no coin is touched. */
async function expectRefused(burnt: Parameters<typeof burnFlags>[0], name: string, says: string): Promise<void> {
  const before = await Promise.all(federation.operators.map(auditHead));
  const commands = [
    ['withdraw', '--burn', burnt.burn_txid],
    ['test-burn', ...burnFlags(burnt)],
    ['test-burn', '--broadcast', ...burnFlags(burnt)],
  ];
  for (const [at, command] of commands.entries()) {
    const said = await failure(federation.operator(at), command);
    expect({ command, ...said }).toEqual({ command, code: 1, says: expect.stringContaining(says) });
    expect(said.says).toEndWith(` (${name}).`);
  }
  expect(await Promise.all(federation.operators.map(auditHead))).toEqual(before);
}

const VALID = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const wrongBurns: readonly [what: string, address: string, amount: bigint, fee: bigint, name: string, says: string][] =
  [
    ['to no address at all', 'not-an-address', 100_000n, 1_000n, 'address_invalid', 'cannot be decoded'],
    [
      'to an address with a typing error',
      VALID.replace('kyg', 'kyq'),
      100_000n,
      1_000n,
      'address_invalid',
      'cannot be decoded',
    ],
    [
      'to a mainnet address',
      'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
      100_000n,
      1_000n,
      'address_invalid',
      'regtest',
    ],
    [
      'to a mainnet P2PKH address',
      '1BoatSLRHtKNngkdXEeobR76b53LETtpyT',
      100_000n,
      1_000n,
      'address_invalid',
      'regtest',
    ],
    ['below dust', VALID, 1_293n, 1_000n, 'below_dust', 'pays 293 sats, the least is 294'],
    ['with a fee of all of it', VALID, 5_000n, 5_000n, 'fee_above_amount', 'is not smaller than the amount 5000'],
    [
      'with a fee above it',
      VALID,
      5_000n,
      5_001n,
      'fee_above_amount',
      'the fee 5001 is not smaller than the amount 5000',
    ],
    ['with a fee below its own bytes', VALID, 100_000n, 20n, 'nothing_to_pay', 'fee_too_small'],
  ];

for (const [what, address, amount, fee, name, says] of wrongBurns) {
  test(
    `a burn ${what} is ${name}`,
    async () => expectRefused(await burn(federation, { recipient, amount, fee, address }), name, says),
    TEST_TIMEOUT_MS,
  );
}

test(
  'a burn that does not exist is burn_unknown, and one told otherwise than the ledger has it is burn_mismatch',
  async () => {
    const unknown = { burn_txid: 'cd'.repeat(32), btc_address: VALID, amount: '50000000', fee: '1000' };
    await expectRefused(unknown, 'burn_unknown', `burn ${unknown.burn_txid}`);
    const burnt = await burn(federation, { recipient, amount: 200_000n, fee: 1_000n, address: VALID });
    const changes = { btc_address: await federation.wallet.newAddress(), amount: '200001', fee: '999' };
    for (const [field, value] of Object.entries(changes)) {
      const said = await failure(federation.operator(0), ['test-burn', ...burnFlags({ ...burnt, [field]: value })]);
      expect(said).toEqual({ code: 1, says: expect.stringMatching(/ on Wire, but .* was given \(burn_mismatch\)\.$/) });
    }
    expect((await federation.operator(0).mustRun(['test-burn', ...burnFlags(burnt)])).length).toBeGreaterThan(0);
  },
  TEST_TIMEOUT_MS,
);

test(
  'burns that cannot be paid hold up nobody: the others are paid, and it is told which were passed over',
  async () => {
    const good = await burn(federation, { recipient, amount: 300_000n, fee: 2_000n });
    const { step: paid, left } = await answer(federation.operator(0), ['withdraw'], withdrawnSchema);
    expect(paid.burns.map(({ burn_txid }) => burn_txid)).toContain(good.burn_txid);
    const reasons = left.map(({ reason }) => reason);
    for (const reason of ['address_invalid', 'below_dust', 'fee_above_amount', 'fee_too_small']) {
      expect(reasons).toContain(reason);
    }
    const waiting = await answer(federation.operator(2), ['withdrawals', '--waiting'], waitingSchema);
    expect(waiting.waiting.map(({ reason }) => reason)).toEqual(expect.arrayContaining(reasons));
    await untilSettled(federation, paid.txid);
    expect(await received(federation, good.btc_address)).toBe(298_000n);
  },
  TEST_TIMEOUT_MS,
);

test(
  'a burn asked for at all operators at once is paid by one transaction, and after that by none',
  async () => {
    const burnt = await burn(federation, { recipient, amount: 7_000_000n, fee: 5_000n });
    const flags = ['withdraw', '--burn', burnt.burn_txid];
    const ask = (at: number) => answer(federation.operator(at), flags, withdrawnSchema).catch(() => null);
    await Promise.all([0, 1, 2, 1].map(ask));
    // Who asked too close behind another may have been refused; asked again, it is told of the payout.
    await eventually('every operator tells of the same payout', async () => {
      const told: (string | null)[] = [];
      for (const at of [0, 1, 2]) {
        const again = await ask(at);
        told.push(again?.status === 'under_way' ? again.step.txid : null);
      }
      return new Set(told).size === 1 && !told.includes(null);
    });
    const [{ txid } = { txid: '' }] = await expectPaidOnce(burnt, 6_995_000n);
    expect(await ask(0)).toMatchObject({ status: 'under_way', step: { txid } });
    await untilSettled(federation, txid);
    await expectRefused(burnt, 'burn_already_paid', 'paid');
    await expectPaidOnce(burnt, 6_995_000n);
  },
  TEST_TIMEOUT_MS,
);

test(
  'two burns delivered twice, alone and in a batch, at two operators at a time, are each paid once',
  async () => {
    const burns: LedgerBurn[] = [];
    for (const amount of [1_000_000n, 1_100_000n]) {
      burns.push(await burn(federation, { recipient, amount, fee: 3_000n }));
    }
    const [first, second] = burns.map(({ burn_txid }) => burn_txid);
    const attempts = [
      withdraw(federation, [first ?? '', second ?? ''], 0),
      withdraw(federation, [second ?? ''], 1),
      withdraw(federation, [first ?? ''], 2),
    ];
    await Promise.allSettled(attempts);
    // Whatever did not come about in the race comes about now; where one of the payouts took the other's input, once that
    // is so deep that the other can never be mined.
    const payments = () => Promise.all(burns.map(({ btc_address }) => paymentsTo(federation, btc_address)));
    await eventually('both burns are paid', async () => {
      for (const at of [0, 1, 2]) {
        await Promise.allSettled(burns.map(({ burn_txid }) => withdraw(federation, [burn_txid], at)));
      }
      await federation.bitcoin.mine(1);
      return (await payments()).every(({ length }) => length > 0);
    });
    await expectPaidOnce(burns[0], 997_000n);
    await expectPaidOnce(burns[1], 1_097_000n);
  },
  TEST_TIMEOUT_MS,
);

/** One transaction in chain and mempool together pays the burn, by one output of the right amount. */
async function expectPaidOnce(burnt: LedgerBurn | undefined, sats: bigint) {
  const address = burnt?.btc_address ?? '';
  const payments = await paymentsTo(federation, address);
  const outputs = payments.flatMap(({ vout }) => vout.filter(({ scriptPubKey }) => scriptPubKey.address === address));
  expect(outputs.map(({ value }) => value)).toEqual([sats]);
  return payments;
}
