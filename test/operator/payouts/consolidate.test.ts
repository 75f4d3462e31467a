// Fee consolidation by a whole federation: each signer holds the address and the reserve against its own configuration.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { addressScript } from '../../../chain/network.ts';
import { toHex } from '../../../crypto/bytes.ts';
import { consolidateFees, testConsolidateFees } from '../../../operator/payouts/consolidate.ts';
import { treasuryReport } from '../../../operator/treasury-report.ts';
import { getStep, listLine } from '../../../store/line.ts';
import { BridgeWorld } from '../bridge-world.ts';
import { codeOf, someAddress } from '../custody.ts';

const RESERVE = 100_000n;
const address = someAddress();
const quiet = (): void => {};
let world: BridgeWorld;

/** Sets the policy of some nodes, as a restart with another configuration would. */
function policy(indices: readonly number[], listed: readonly string[], feeReserveSats = RESERVE): void {
  for (const index of indices) {
    const { config } = world.federation.member(index);
    Object.assign(config, {
      policy: { ...config.policy, feeReserveSats, consolidateScripts: listed.map(scriptOf) },
    });
  }
}

function scriptOf(to: string): Uint8Array {
  const parsed = addressScript(to, 'regtest');
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.script;
}

const services = (index = 0) => world.federation.at(index).services;
const consolidate = (params: { readonly fee_rate?: number } = {}, index = 0) =>
  consolidateFees(services(index).bridge, services(index).autopilot.steps, { address, ...params }, quiet);
const tryOut = (broadcast = false, index = 0) =>
  testConsolidateFees(services(index).bridge, services(index).autopilot.steps, { address, broadcast }, quiet);
const told = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no refusal',
    (error: Error) => error.message,
  );
const mempool = () => [...world.chain.mempool.keys()];

describe('consolidate-fees', () => {
  beforeEach(async () => {
    world = await BridgeWorld.opened();
    policy([0, 1, 2], [address]);
  });
  afterEach(() => world.close());

  test('pays the surplus above the reserve, less the fee, and `treasury` shows what is left', async () => {
    const made = await consolidate();
    expect(mempool()).toEqual([made.step.txid]);
    expect(made).toMatchObject({ surplus: `${RESERVE}`, reserve: `${RESERVE}`, step: { kind: 'consolidate' } });
    expect(BigInt(made.amount)).toBe(290_000n - RESERVE - BigInt(made.step.miner_fee));
    const output = world.chain.known.get(made.step.txid)?.outputs[2];
    expect([toHex(output?.script ?? new Uint8Array()), `${output?.amount}`]).toEqual([
      toHex(scriptOf(address)),
      made.amount,
    ]);
    world.mine(1);
    await world.rounds(1);
    for (const index of [0, 1, 2]) {
      const report = treasuryReport(world.federation.at(index).node);
      expect(report).toMatchObject({
        surplus: `${RESERVE}`,
        fee_reserve: `${RESERVE}`,
        consolidate_addresses: [address],
      });
    }
    expect(await codeOf(consolidate())).toBe('no_funds');
  });

  test('is refused by the own policy before anything is planned, and with how many others lack the address', async () => {
    policy([0], []);
    expect(await told(consolidate())).toBe(
      `the policy of this operator lacks ${address}: add it to policy.consolidate_addresses in the configuration, and ` +
        'restart the server; 2 of 3 operators have to list it, each in its own configuration',
    );
    policy([0], [address]);
    policy([1, 2], [someAddress()]);
    expect(await codeOf(consolidate())).toBe('policy');
    expect(await told(consolidate())).toStartWith(`the policies of 2 of 3 operators lack ${address}: operator `);
    expect(await told(consolidate())).toContain('each adds it to policy.consolidate_addresses');
    expect(mempool()).toEqual([]);
    for (const index of [1, 2]) expect(listLine(world.db(index)).rows).toEqual([]);
  });

  test('goes on with those that list the address, and names the one that does not', async () => {
    policy([1], []);
    const { step } = await consolidate();
    expect(step.signing.signers).toEqual([0, 2]);
  });

  test('leaves as much as enough signers keep, whatever the own reserve is', async () => {
    policy([1], [address], 120_000n);
    policy([2], [address], 150_000n);
    const { surplus, step } = await consolidate();
    expect([surplus, step.signing.signers]).toEqual(['120000', [0, 1]]);
  });

  test('refuses by name an address that is none, and a rate that signers do not sign', async () => {
    const other = { address: 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4' };
    expect(await codeOf(consolidateFees(services().bridge, services().autopilot.steps, other, quiet))).toBe(
      'address_invalid',
    );
    expect(await codeOf(consolidate({ fee_rate: 90 }))).toBe('fee_too_high');
    expect(mempool()).toEqual([]);
  });

  test('follows a payout that waits; burns that come later wait for both and are paid', async () => {
    const one = world.burn({ fee: 3_000n });
    world.pass(700);
    await world.untilAll(one, 'signed');
    const [payout] = mempool();
    const { step } = await consolidate();
    expect(getStep(world.db(0), step.txid)?.parentTxid).toBe(payout ?? '');
    const late = world.burn({ fee: 3_000n });
    world.pass(700);
    await world.rounds(2);
    expect(mempool().toSorted()).toEqual([payout ?? '', step.txid].toSorted());
    world.mine(1);
    await world.untilAll(late, 'signed');
    expect(world.statuses(one)).toEqual(['mined', 'mined', 'mined']);
  });
});

describe('test-consolidate-fees', () => {
  beforeEach(async () => {
    world = await BridgeWorld.opened(20_000n, 3, 2, 'off');
    policy([0, 1, 2], [address]);
  });
  afterEach(() => world.close());

  test('signs every input before the service is enabled and below the reserve, and keeps and sends nothing', async () => {
    const made = await tryOut();
    expect(made).toMatchObject({ inputs: 2, broadcast: false, address });
    expect(made.detail).toContain('the real one waits until the surplus is above the reserve');
    expect(BigInt(made.amount) + BigInt(made.miner_fee) + BigInt(made.surplus)).toBe(10_000n);
    expect(made.signing.signers).toHaveLength(2);
    expect(mempool()).toEqual([]);
    for (const index of [0, 1, 2]) expect(listLine(world.db(index)).rows).toEqual([]);
  });

  test('is held against the same policies as the real thing', async () => {
    policy([1, 2], []);
    expect(await told(tryOut())).toStartWith(`the policies of 2 of 3 operators lack ${address}: operator `);
    policy([0], []);
    expect(await codeOf(tryOut())).toBe('policy');
  });

  test('--broadcast is the real thing: the service has to be enabled, and the network regtest', async () => {
    expect(await codeOf(tryOut(true))).toBe('service_off');
    Object.assign(world.federation.member(0).config, { network: 'signet' });
    expect(await codeOf(tryOut(true))).toBe('not_regtest');
  });
});
