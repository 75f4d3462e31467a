// The bridge's main job by the command line of compiled executables: deposits become mints, burns become payouts, with
// all operators up and with one of three killed. Every claim is checked on the Bitcoin node and on the ledger.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { z } from 'zod';
import type { Federation } from '../../devnet/federation.ts';
import type { DevnetOperator } from '../../devnet/operator.ts';
import {
  burn,
  type Deposit,
  deposit,
  newRecipient,
  received,
  untilDepositKnown,
  untilSettled,
} from '../../devnet/steps.ts';
import {
  answer,
  attestedSchema,
  depositFlags,
  START_TIMEOUT_MS,
  type signingSchema,
  startBridge,
  TEST_TIMEOUT_MS,
  transaction,
  withdrawnSchema,
} from './federation.ts';

const recipient = newRecipient();
let federation: Federation;

beforeAll(async () => {
  federation = await startBridge();
}, START_TIMEOUT_MS);
afterAll(() => federation?.stop(), START_TIMEOUT_MS);

const attestAt = (index: number, claim: Deposit) =>
  answer(federation.operator(index), ['attest', ...depositFlags(claim)], attestedSchema);
const withdrawAt = (index: number, ...burns: readonly string[]) =>
  answer(federation.operator(index), ['withdraw', ...burns.flatMap((one) => ['--burn', one])], withdrawnSchema).then(
    ({ step }) => step,
  );

/** The treasury output of the last payout, once there is one. */
let treasury = { txid: '', vout: -1 };

test(
  'two deposits are minted, and one burn above either is paid from both',
  async () => {
    const address = z.object({ address: z.string() });
    const flags = ['deposit-address', '--recipient', recipient];
    const derived = await Promise.all(federation.operators.map((one) => answer(one, flags, address)));
    const deposits = [
      await deposit(federation, recipient, 30_000_000n),
      await deposit(federation, recipient, 30_000_001n),
    ];
    expect(derived).toEqual(derived.map(() => ({ address: deposits[0]?.address ?? '' })));
    for (const [index, claim] of deposits.entries()) {
      const { submitted, test: isTest, signing } = await attestAt(index, claim);
      expect({ submitted, isTest, signers: signing.signers.length, excluded: signing.excluded }).toEqual({
        submitted: true,
        isTest: false,
        signers: 2,
        excluded: [],
      });
      await untilDepositKnown(federation, claim);
    }
    expect(federation.ledger.balance(recipient)).toBe(60_000_001n);
    expect(federation.ledger.mints()).toHaveLength(2);

    const burnt = await burn(federation, { recipient, amount: 50_000_000n, fee: 5_000n });
    const paid = await withdrawAt(2, burnt.burn_txid);
    expect(paid).toMatchObject({ broadcast: true, burns: [{ burn_txid: burnt.burn_txid }], signing: { excluded: [] } });
    const { vin, vout } = await transaction(federation, paid.txid);
    const { root } = await federation.operator(0).control('treasury', {});
    const spent = vin.map(({ txid, vout: n }) => `${txid}:${n}`);
    expect(spent[0]).toBe(`${root?.txid}:${root?.vout}`);
    expect(spent.slice(1)).toEqual(deposits.map(({ txid, vout: n }) => `${txid}:${n}`).sort());
    const rest = BigInt(root?.amount ?? 0) + 60_000_001n - 49_995_000n - BigInt(paid.miner_fee);
    expect(vout.map(({ value }) => value)).toEqual([rest, 0n, 49_995_000n]);
    await untilSettled(federation, paid.txid);
    expect(await received(federation, burnt.btc_address)).toBe(49_995_000n);
    treasury = { txid: paid.txid, vout: 0 };
  },
  TEST_TIMEOUT_MS,
);

test(
  'all burns that wait leave in one transaction, which spends the treasury output of the last',
  async () => {
    const amounts = [1_000_000n, 2_000_000n, 3_000_000n];
    const burns = [];
    for (const amount of amounts) burns.push(await burn(federation, { recipient, amount, fee: 1_000n }));
    const paid = await withdrawAt(1);
    expect(paid.burns.map(({ burn_txid }) => burn_txid).sort()).toEqual(burns.map((one) => one.burn_txid).sort());
    const { vin, vout } = await transaction(federation, paid.txid);
    expect(vin).toMatchObject([treasury]);
    expect(vout).toHaveLength(5);
    await untilSettled(federation, paid.txid);
    for (const [at, { btc_address }] of burns.entries()) {
      expect(await received(federation, btc_address)).toBe((amounts[at] ?? 0n) - 1_000n);
    }
    const { withdrawals } = await answer(
      federation.operator(0),
      ['withdrawals'],
      z.object({ withdrawals: z.array(z.object({ txid: z.string(), status: z.string() })), total: z.int() }),
    );
    expect(withdrawals).toEqual([
      { txid: paid.txid, status: 'settled' },
      { txid: treasury.txid, status: 'settled' },
    ]);
  },
  TEST_TIMEOUT_MS,
);

// Signing takes whoever is ready first, so an operator that is down is named where it was asked, and only then.
function expectWithout(victim: number, { signers, excluded }: z.infer<typeof signingSchema>): void {
  expect(signers).toEqual([0, 1, 2].filter((index) => index !== victim));
  for (const { index, reason } of excluded) expect(`${index} ${reason}`).toStartWith(`${victim} unreachable: `);
}

async function expectNamedDown(victim: number, at: number): Promise<void> {
  const { code, stdout, stderr } = await federation.operator(at).cli(['test-communication', '--rounds', '1']);
  expect(code).toBe(1);
  expect(stdout).toMatch(new RegExp(`^ *${victim} +operator-${victim} .* NO .* unreachable: `, 'm'));
  expect(stderr).toContain(`operator-${victim}`);
}

/** Does something while one operator is down as after a crash, and starts it again, whatever happens. */
async function whileKilled<T>(victim: DevnetOperator, work: () => Promise<T>): Promise<T> {
  await victim.kill();
  try {
    return await work();
  } finally {
    await victim.start();
  }
}

test(
  'one of three killed before a deposit is attested is named, and knows the deposit once it is back',
  async () => {
    const claim = await deposit(federation, recipient, 20_000_000n);
    const victim = federation.operator(1);
    await whileKilled(victim, async () => {
      const { submitted, detail, signing } = await attestAt(0, claim);
      expect({ submitted, detail }).toEqual({ submitted: true, detail: 'minted' });
      expectWithout(1, signing);
      await expectNamedDown(1, 0);
    });
    expect(federation.ledger.mints()).toHaveLength(3);
    const keys = z.object({ keys: z.array(z.object({ status: z.string(), shares_valid: z.boolean() })) });
    expect(await answer(victim, ['key-info'], keys)).toEqual({ keys: [{ status: 'live', shares_valid: true }] });
    await untilDepositKnown(federation, claim);
  },
  TEST_TIMEOUT_MS,
);

test(
  'one of three killed before a burn is paid is named, and calls the payout settled once it is back',
  async () => {
    const burnt = await burn(federation, { recipient, amount: 10_000_000n, fee: 1_000n });
    const paid = await whileKilled(federation.operator(0), async () => {
      const { txid, broadcast, signing } = await withdrawAt(1, burnt.burn_txid);
      expect(broadcast).toBe(true);
      expectWithout(0, signing);
      await expectNamedDown(0, 2);
      return { txid };
    });
    await untilSettled(federation, paid.txid);
    expect(await received(federation, burnt.btc_address)).toBe(9_999_000n);
  },
  TEST_TIMEOUT_MS,
);
