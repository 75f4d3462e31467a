// Attacks on the child that pays for a payout: a coordinator that asks for one which pays elsewhere, spends what it must
// not, or gives the bridge's coins to miners. Each is refused by its name, decides nothing, and leaves the truth signable.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import type { PayoutChildIntent } from '../../ceremony/intent.ts';
import type { BurnClaim } from '../../chain/burn.ts';
import { changeScript, planPayout } from '../../chain/payout.ts';
import { buildChild, type ChildIntent, childIntentJson } from '../../chain/payout-child-intent.ts';
import { type CustodyUtxo, payoutIntentJson } from '../../chain/payout-intent.ts';
import type { BuiltPayout } from '../../chain/transaction.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { listAudit } from '../../store/audit-log.ts';
import { getBurn, recordBurn } from '../../store/burns.ts';
import { listChildrenOf } from '../../store/payout-children.ts';
import { getPayout } from '../../store/payout-listing.ts';
import { decidePayout } from '../../store/payouts.ts';
import { type Craft, intentOf } from './coordinator.ts';
import { dealKeys } from './nodes.ts';
import { laySiege, type Siege } from './siege.ts';

const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const THIEF_SCRIPT = `5120${'cc'.repeat(32)}`;
const FEE = 700n;

let siege: Siege;
let nextTxid = 1;
let parent: BuiltPayout;
let truth: PayoutChildIntent;

beforeAll(async () => {
  siege = await laySiege();
});
afterAll(() => siege.lift());

const txid = () => (nextTxid++).toString(16).padStart(64, 'c');
function groupKey(): Uint8Array {
  const [result] = dealKeys();
  if (result === undefined) throw new Error('a key was dealt');
  return result.bitcoin.groupKey.publicKey;
}

/** A payout that the victim has signed. */
async function signedPayout(coin: CustodyUtxo, fee = 1_000n): Promise<BuiltPayout> {
  const burn = { burnTxid: txid(), address: ADDRESS, amount: 500_000n, fee };
  siege.besieged.world.burns.push({ ...burn, txid: burn.burnTxid });
  const payout = planned(burn, coin);
  await sign(payoutIntentJson(payout.intent));
  return payout;
}

function fund(): CustodyUtxo {
  const coin: CustodyUtxo = { txid: txid(), vout: 0, amount: 700_000n, leaf: { kind: 'change' } };
  const script = custodyScript(groupKey(), { kind: 'change' }).scriptPubKey;
  siege.besieged.world.add({ txid: coin.txid, vout: 0, amount: coin.amount, script, confirmations: 6 });
  return coin;
}

/** Shows a payout to the victim's Bitcoin node, in the mempool or deep in the chain. */
function show({ txid: id, intent }: BuiltPayout, confirmations: number): void {
  for (const [vout, { script, amount }] of intent.outputs.entries()) {
    siege.besieged.world.add({ txid: id, vout, amount, script, confirmations });
  }
}

async function sign(intent: unknown): Promise<void> {
  const prepared = await siege.coordinator.prepare(0, 'bip340', intentOf(intent));
  const answer = await siege.coordinator.sign(prepared);
  expect(answer).not.toHaveProperty('reason');
  expect(siege.coordinator.isSigned(prepared, answer)).toBe(true);
}

function childOf({ txid: parentTxid, intent }: BuiltPayout, fee = FEE): PayoutChildIntent {
  const vout = intent.burns.length;
  const amount = intent.outputs[vout]?.amount ?? 0n;
  const output = { script: changeScript(groupKey()), amount: amount - fee };
  const child: ChildIntent = { kind: 'payout_child', parentTxid, vout, amount, output, fee };
  const json = intentOf(childIntentJson(child));
  if (json.kind !== 'payout_child') throw new Error('a child is a child');
  return json;
}

/**
 * Refused for this reason, with no decision written. What the attacker commits to does not matter to a judge: the victim
 * derives its own message before it looks at a nonce. An empty `craft`: a request that is right in all else.
 */
async function refusedFor(reason: string, lie: unknown, scheme: SchemeName = 'bip340', craft?: Craft): Promise<void> {
  const { coordinator, victim } = siege;
  const decisions = () =>
    listAudit(victim.store.db, { limit: 500 }).rows.filter(({ kind }) => kind.endsWith('_decided'));
  const before = decisions().length;
  const tweaks = scheme === 'bip340' ? [{ tweak: new Uint8Array(32).fill(1), xOnly: true }] : [];
  const any = { messages: [{ message: new Uint8Array(32), tweaks }] };
  const prepared = await coordinator.prepare(0, scheme, intentOf(lie), craft ?? any);
  expect(await coordinator.refusal(prepared)).toBe(reason);
  expect(decisions().length).toBe(before);
}

const decided = () => listChildrenOf(siege.victim.store.db, parent.txid).length;

describe('a child that pays for a payout, changed by the coordinator in its', () => {
  beforeEach(async () => {
    parent = await signedPayout(fund());
    show(parent, 0);
    truth = childOf(parent);
  });

  const lessFor = (fee: bigint) => () => childOf(parent, fee);
  const cases: readonly (readonly [string, () => unknown, string])[] = [
    ['output script', () => ({ ...truth, output: { ...truth.output, script: THIEF_SCRIPT } }), 'output_mismatch'],
    ['output amount', () => ({ ...truth, output: { ...truth.output, amount: '1000' } }), 'output_mismatch'],
    ['fee, without its output', () => ({ ...truth, fee: '701' }), 'output_mismatch'],
    ['fee, above what the burns paid', lessFor(900n), 'fee_too_high'],
    ['fee, to all there is but dust', lessFor(199_000n), 'fee_too_high'],
    ['fee, below what relays', lessFor(100n), 'fee_rate_too_low'],
    ['output, to that of the burn', () => ({ ...truth, vout: 0 }), 'parent_unknown'],
    ['output, to one that the parent does not have', () => ({ ...truth, vout: 7 }), 'parent_unknown'],
    ['amount', () => ({ ...truth, amount: `${BigInt(truth.amount) + 1n}` }), 'parent_unknown'],
    ['parent, to a payout that nobody signed', () => ({ ...truth, parent_txid: 'ee'.repeat(32) }), 'parent_unknown'],
  ];
  for (const [what, lie, reason] of cases) {
    test(`${what} is refused as ${reason}, and nothing is decided`, async () => {
      await refusedFor(reason, lie());
      expect(decided()).toBe(0);
      await sign(truth);
      expect(decided()).toBe(1);
      await siege.stillSigns();
    });
  }

  test('parent, to a coin of custody that is no change of a payout, is refused as parent_unknown', async () => {
    const coin = fund();
    await refusedFor('parent_unknown', { ...truth, parent_txid: coin.txid, vout: 0, amount: `${coin.amount}` });
    await sign(truth);
  });

  test('parent, to one that is mined, is refused as parent_not_waiting', async () => {
    show(parent, 3);
    await refusedFor('parent_not_waiting', truth);
    expect(decided()).toBe(0);
    await siege.stillSigns();
  });

  test('parent, to one that no node of the victim has seen, is refused as parent_not_waiting', async () => {
    const unseen = await signedPayout(fund());
    await refusedFor('parent_not_waiting', childOf(unseen));
  });

  test('input, to one that is an anchor already, is refused as input_reserved', async () => {
    const { db } = siege.victim.store;
    // As after a reorganisation that has put back a parent upon which the next payout was decided.
    const { payout, burn } = nextPayout();
    recordBurn(db, { ...burn, nullifier: burn.burnTxid, wireSeq: 1n, wireHeight: 1 }, Date.now());
    const decision = {
      ...{ txid: payout.txid, unsignedTx: toHex(payout.unsigned), fee: payout.intent.fee, feeRate: 1, change: null },
      ...{ inputs: [{ txid: parent.txid, vout: 1 }], burns: [{ burnTxid: burn.burnTxid, outputIndex: 0 }] },
    };
    expect(decidePayout(db, decision, Date.now()).ok).toBe(true);
    expect(getBurn(db, burn.burnTxid)?.anchor).toEqual({ txid: parent.txid, vout: 1 });
    await refusedFor('input_reserved', truth, 'bip340', {});
    expect(decided()).toBe(0);
    await siege.stillSigns();
  });

  test('place: a payout of the output that is promised to a child is refused as input_reserved', async () => {
    await sign(truth);
    show(parent, 6);
    const { payout } = nextPayout();
    await refusedFor('input_reserved', payoutIntentJson(payout.intent), 'bip340', {});
    expect(getPayout(siege.victim.store.db, payout.txid)).toBeNull();
    await siege.stillSigns();
  });

  test('fee, to less than that of a child before it, is refused as fee_rate_too_low; the very same may come again', async () => {
    await sign(truth);
    await refusedFor('fee_rate_too_low', childOf(parent, FEE + 10n));
    await sign(truth);
    await sign(childOf(parent, FEE + 111n));
    expect(decided()).toBe(2);
  });

  test('key is refused as unknown_intent: the attestation key helps no payout', async () => {
    await refusedFor('unknown_intent', truth, 'ed25519');
    await sign(truth);
  });

  test('signature serves for one transaction alone, which spends the change back to the change script', async () => {
    const { output, vout } = truth;
    const amount = BigInt(truth.amount);
    const child = { script: changeScript(groupKey()), amount: BigInt(output.amount) };
    const built = buildChild(
      { kind: 'payout_child', parentTxid: parent.txid, vout, amount, output: child, fee: FEE },
      groupKey(),
    );
    await sign(truth);
    expect(listChildrenOf(siege.victim.store.db, parent.txid)).toMatchObject([
      { txid: built.txid, unsignedTx: toHex(built.unsigned), parentVout: 1, fee: FEE, status: 'decided' },
    ]);
  });
});

/** A payout of another burn from the parent's change. */
function nextPayout() {
  const burn = { burnTxid: txid(), address: ADDRESS, amount: 100_000n, fee: 1_000n };
  siege.besieged.world.burns.push({ ...burn, txid: burn.burnTxid });
  const amount = parent.intent.outputs[1]?.amount ?? 0n;
  return { burn, payout: planned(burn, { txid: parent.txid, vout: 1, amount, leaf: { kind: 'change' } }) };
}

function planned(burn: BurnClaim, coin: CustodyUtxo): BuiltPayout {
  const rules = { network: 'regtest', groupKey: groupKey(), feeRateMin: 1_000n, feeRateMax: 200_000n } as const;
  const plan = planPayout(rules, { test: false, burns: [burn], required: [coin], candidates: [], feeRate: 1_000n });
  if (!plan.ok) throw new Error(plan.detail);
  return plan.payout;
}
