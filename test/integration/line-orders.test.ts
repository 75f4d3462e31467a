// What operators order of the treasury line, on a real bitcoind: a payout that waits is made worthless once enough of them
// approve, and a burn is not paid while so many hold it that no signature comes about.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { z } from 'zod';
import type { Federation } from '../../devnet/federation.ts';
import type { LedgerBurn } from '../../devnet/ledger.ts';
import { attest, burn, deposit, newRecipient, untilDepositKnown, untilRead, untilSettled } from '../../devnet/steps.ts';
import {
  answer,
  eventually,
  failure,
  mempool,
  paymentsTo,
  START_TIMEOUT_MS,
  startBridge,
  stepSchema,
  TEST_TIMEOUT_MS,
  transaction,
  waitingSchema,
  withdrawnSchema,
} from './federation.ts';

const recipient = newRecipient();
const requestSchema = z.object({ id: z.string(), kind: z.string(), decision: z.string().nullable() });
const voidSchema = z.object({ request: requestSchema, step: stepSchema.nullable(), detail: z.string() });
let federation: Federation;

beforeAll(async () => {
  federation = await startBridge();
  const claim = await deposit(federation, recipient, 50_000_000n);
  await attest(federation, claim, 0);
  await untilDepositKnown(federation, claim);
}, START_TIMEOUT_MS);
afterAll(() => federation?.stop(), START_TIMEOUT_MS);

const withdrawAt = (index: number, { burn_txid }: LedgerBurn) =>
  answer(federation.operator(index), ['withdraw', '--burn', burn_txid], withdrawnSchema);

test(
  'a payout that waits is made worthless once a second operator approves, and its burn is paid anew, once',
  async () => {
    const one = await burn(federation, { recipient, amount: 3_000_000n, fee: 5_000n });
    const { step: bad } = await withdrawAt(0, one);
    const [spent] = (await transaction(federation, bad.txid)).vin;
    const reason = ['--reason', 'signed upon a wrong estimate'];
    const asked = await answer(federation.operator(0), ['void', ...reason], voidSchema);
    expect([asked.step, asked.request.kind]).toEqual([null, 'void']);
    expect(asked.detail).toContain('approval_needed');
    expect(await mempool(federation)).toEqual([bad.txid]);

    const list = z.object({ requests: z.array(requestSchema) });
    const { id } = asked.request;
    await eventually('another operator has the request', async () => {
      const { requests } = await answer(federation.operator(2), ['requests', 'list'], list);
      return requests.some((request) => request.id === id && request.decision === null);
    });
    await federation.operator(2).mustRun(['requests', 'approve', id]);
    // The one that asked tries again by itself.
    await eventually(
      'the void step has the place of the payout',
      async () => !(await mempool(federation)).includes(bad.txid),
      TEST_TIMEOUT_MS,
    );
    const [voiding = '', ...others] = await mempool(federation);
    const { vin, vout } = await transaction(federation, voiding);
    expect([others, vin.length, vout.length]).toEqual([[], 1, 2]);
    expect(vin[0]).toEqual(spent);
    await federation.bitcoin.mine(1);
    await untilRead(federation);
    expect(await paymentsTo(federation, one.btc_address)).toEqual([]);

    const { status, step } = await withdrawAt(1, one);
    expect([status, step.txid === bad.txid]).toEqual(['new', false]);
    await untilSettled(federation, step.txid);
    expect((await paymentsTo(federation, one.btc_address)).map(({ txid }) => txid)).toEqual([step.txid]);
  },
  2 * TEST_TIMEOUT_MS,
);

test(
  'a burn that two of three operators hold is not paid by anybody, and goes on once one of them lets it go',
  async () => {
    const one = await burn(federation, { recipient, amount: 2_000_000n, fee: 5_000n });
    const why = ['--reason', 'asked to look at it'];
    for (const at of [1, 2]) await federation.operator(at).mustRun(['hold', one.burn_txid, ...why]);
    for (const at of [0, 1]) {
      const said = await failure(federation.operator(at), ['withdraw', '--burn', one.burn_txid]);
      expect(said.says).toContain(one.burn_txid);
    }
    const { waiting } = await answer(federation.operator(1), ['withdrawals', '--waiting'], waitingSchema);
    expect(waiting).toContainEqual(expect.objectContaining({ burn_txid: one.burn_txid, reason: 'held' }));
    expect(await mempool(federation)).toEqual([]);

    // A burn beside it does not wait.
    const next = await burn(federation, { recipient, amount: 1_000_000n, fee: 5_000n });
    const other = await answer(federation.operator(0), ['withdraw'], withdrawnSchema);
    expect(other.step.burns.map(({ burn_txid }) => burn_txid)).toEqual([next.burn_txid]);
    await untilSettled(federation, other.step.txid);

    await federation.operator(2).mustRun(['unhold', one.burn_txid]);
    const { step } = await withdrawAt(0, one);
    expect(step.signing.signers).toEqual([0, 2]);
    await untilSettled(federation, step.txid);
    expect(await paymentsTo(federation, one.btc_address)).toHaveLength(1);
  },
  2 * TEST_TIMEOUT_MS,
);
