// `fees`: the figures of a line with payouts, a top-up, swept deposits and a consolidation, worked out anew from the raw
// transactions of the chain and from what the burns say.
import { afterEach, expect, test } from 'bun:test';
import { treasuryScript } from '../../../chain/line.ts';
import { addressScript } from '../../../chain/network.ts';
import type { WireBurn } from '../../../chain/wire-ledger.ts';
import { toHex } from '../../../crypto/bytes.ts';
import { feesReport } from '../../../operator/fees-report.ts';
import { consolidateFees } from '../../../operator/payouts/consolidate.ts';
import type { ChainTransaction } from '../../../simulation/chain.ts';
import { lineFigures } from '../../../store/line-steps.ts';
import { BridgeWorld } from '../bridge-world.ts';
import { codeOf, freshHash, someAddress } from '../custody.ts';

const DAY_S = 86_400;
const ROOT = 300_000n;
const address = someAddress();
let world: BridgeWorld;
const burns: WireBurn[] = [];

afterEach(() => world.close());

function hexOf(to: string): string {
  const parsed = addressScript(to, 'regtest');
  if (!parsed.ok) throw new Error(parsed.detail);
  return toHex(parsed.script);
}

/** Burns that are paid and mined. */
async function paid(...fees: readonly bigint[]): Promise<void> {
  const made = fees.map((fee) => world.burn({ fee }));
  burns.push(...made);
  world.pass(700);
  for (const one of made) await world.untilAll(one, 'signed');
  world.mine(1);
  for (const one of made) await world.untilAll(one, 'mined');
}

interface Sums {
  steps: number;
  burnFees: bigint;
  minerFees: bigint;
  topUps: bigint;
  consolidated: bigint;
  surplus: bigint;
}

/** The line by the raw transactions alone: each spends output 0 of the one before. */
function recomputed(): Map<string, Sums> {
  const treasury = toHex(treasuryScript(world.federation.key().bitcoin.publicKey));
  const mined = [...world.chain.known.values()].filter(({ txid }) => world.chain.best.heights.has(txid));
  const root = mined.find(({ outputs: [first] }) => first?.amount === ROOT && toHex(first.script) === treasury);
  const days = new Map<string, Sums>();
  let surplus = ROOT - 10_000n;
  let last: ChainTransaction | undefined = root;
  for (;;) {
    const step: ChainTransaction | undefined = mined.find(
      ({ inputs: [first] }) => first?.txid === last?.txid && first?.vout === 0,
    );
    if (step === undefined) return days;
    const spent = step.inputs.map(({ txid, vout }) => world.chain.known.get(txid)?.outputs[vout]);
    const sumOf = (outputs: readonly ({ readonly amount: bigint } | undefined)[]) =>
      outputs.reduce((sum, output) => sum + (output?.amount ?? 0n), 0n);
    const minerFees = sumOf(spent) - sumOf(step.outputs);
    const topUps = sumOf(spent.slice(1).filter((output) => toHex(output?.script ?? new Uint8Array()) === treasury));
    const others = step.outputs.slice(2).map((output) => ({ ...output, to: toHex(output.script) }));
    const consolidated = sumOf(others.filter(({ to }) => to === hexOf(address)));
    const told = others.flatMap(({ to }) => burns.find((one) => hexOf(one.address) === to) ?? []);
    const burnFees = told.reduce((sum, { fee }) => sum + fee, 0n);
    surplus += burnFees + topUps - minerFees - consolidated;
    const block = [...world.chain.blocks.values()].find(({ transactions }) => transactions.includes(step));
    const time = new DataView((block?.raw ?? new Uint8Array(80)).slice(0, 80).buffer).getUint32(68, true);
    const date = new Date(time * 1000).toISOString().slice(0, 10);
    const day = days.get(date) ?? { steps: 0, burnFees: 0n, minerFees: 0n, topUps: 0n, consolidated: 0n, surplus: 0n };
    days.set(date, {
      steps: day.steps + 1,
      burnFees: day.burnFees + burnFees,
      minerFees: day.minerFees + minerFees,
      topUps: day.topUps + topUps,
      consolidated: day.consolidated + consolidated,
      surplus,
    });
    last = step;
  }
}

test('the figures of each day are those of the raw transactions and of the burns, to the satoshi, at every node', async () => {
  world = await BridgeWorld.opened(ROOT);
  await paid(3_000n, 2_500n);
  world.chain.secondsPassed += DAY_S;
  const script = treasuryScript(world.federation.key().bitcoin.publicKey);
  world.chain.send([{ txid: freshHash(), vout: 0 }], [{ script, amount: 44_000n }]);
  await world.minted(700_000n);
  world.mine(12);
  await paid(4_000n);
  world.chain.secondsPassed += 2 * DAY_S;
  for (const { config } of world.federation.members) {
    const { script: to } = { script: addressScript(address, 'regtest') };
    if (!to.ok) throw new Error(to.detail);
    Object.assign(config, { policy: { ...config.policy, consolidateScripts: [to.script] } });
  }
  const { bridge, autopilot } = world.federation.at(0).services;
  await consolidateFees(bridge, autopilot.steps, { address }, () => {});
  world.mine(1);
  await world.rounds(2);
  const expected = recomputed();
  expect([...expected.values()].map(({ topUps }) => topUps)).toContain(44_000n);
  expect(expected.size).toBe(3);
  for (const index of [0, 1, 2]) {
    const report = feesReport(world.federation.at(index).node, { days: 3_660 });
    const told = report.days.map((day) => [
      day.date,
      day.steps,
      day.burn_fees,
      day.miner_fees,
      day.top_ups,
      day.consolidated,
      day.surplus,
    ]);
    const right = [...expected].map(([date, day]) => [
      date,
      day.steps,
      `${day.burnFees}`,
      `${day.minerFees}`,
      `${day.topUps}`,
      `${day.consolidated}`,
      `${day.surplus}`,
    ]);
    expect(told).toEqual(right);
    expect(report).toMatchObject({
      opening_surplus: '290000',
      surplus: '100000',
      above_reserve: '0',
      incomplete_steps: 0,
    });
    const figures = lineFigures(world.db(index), Number.MAX_SAFE_INTEGER);
    expect([report.total.burn_fees, report.total.miner_fees]).toEqual([
      `${figures.collectedFees}`,
      `${figures.minerFees}`,
    ]);
    expect(report.total.steps).toBe(figures.steps);
  }
  const [, , last] = [...expected.keys()];
  Object.assign(world.federation.at(0).node.input.effects, { now: () => Date.parse(`${last}T23:59:59Z`) });
  const today = feesReport(world.federation.at(0).node, { days: 1 });
  expect(today.days.map(({ date }) => date)).toEqual([last ?? '']);
  expect(BigInt(today.opening_surplus)).toBe([...expected.values()][1]?.surplus ?? 0n);
}, 60_000);

test('without a treasury that is open there is nothing to show, and the refusal says what to look at', async () => {
  world = await BridgeWorld.make(3, 2, 'closed');
  const told = Promise.resolve().then(() => feesReport(world.federation.at(0).node, { days: 30 }));
  expect(await codeOf(told)).toBe('no_root');
});
