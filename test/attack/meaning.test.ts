// Attacks on what is signed: a coordinator that changes recipient, amount, output, network or anything else of the
// meaning. Each is refused by its name on the victim's own view, decides nothing, and leaves the truth signable.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import type { AttestationIntent, PayoutIntent } from '../../ceremony/intent.ts';
import { scriptAddress } from '../../chain/network.ts';
import { planPayout } from '../../chain/payout.ts';
import { type CustodyUtxo, payoutIntentJson } from '../../chain/payout-intent.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { getAttestation } from '../../store/attestations.ts';
import { getBurn } from '../../store/burns.ts';
import { listPayouts } from '../../store/payout-listing.ts';
import { intentOf } from './coordinator.ts';
import { auditSeq, dealKeys } from './nodes.ts';
import { laySiege, type Siege } from './siege.ts';

const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const recipient = new Uint8Array(32).fill(7);
const thief = 'cc'.repeat(32);
const THIEF_ADDRESS = scriptAddress(fromHex(`0014${'cc'.repeat(20)}`), 'regtest') ?? '';

let siege: Siege;
let nextTxid = 1;
beforeAll(async () => {
  siege = await laySiege();
});
afterAll(() => siege.lift());

const txid = () => (nextTxid++).toString(16).padStart(64, 'd');
function groupKey(): Uint8Array {
  const [result] = dealKeys();
  if (result === undefined) throw new Error('a key was dealt');
  return result.bitcoin.groupKey.publicKey;
}

/** Refused for this reason, with nothing written; then the truth is signed and the honest go on. */
async function refusedFor(reason: string, lie: unknown, scheme: SchemeName): Promise<void> {
  const { coordinator, victim } = siege;
  const before = auditSeq(victim);
  const prepared = await coordinator.prepare(0, scheme, intentOf(lie), { messages: [anyMessage(scheme)] });
  expect(await coordinator.refusal(prepared)).toBe(reason);
  expect(auditSeq(victim)).toBe(before);
}

// What the attacker commits to does not matter: the victim derives its own messages before it looks at a nonce.
function anyMessage(scheme: SchemeName) {
  const tweaks = scheme === 'bip340' ? [{ tweak: new Uint8Array(32).fill(1), xOnly: true }] : [];
  return { message: new Uint8Array(32), tweaks };
}

async function signsTruth(truth: unknown, scheme: SchemeName): Promise<void> {
  const prepared = await siege.coordinator.prepare(0, scheme, intentOf(truth));
  const answer = await siege.coordinator.sign(prepared);
  expect(answer).not.toHaveProperty('reason');
  expect(siege.coordinator.isSigned(prepared, answer)).toBe(true);
  await siege.stillSigns();
}

describe('a deposit, changed by the coordinator in its', () => {
  let truth: AttestationIntent;
  let deposit: { readonly txid: string; readonly vout: number };
  beforeEach(() => {
    deposit = { txid: txid(), vout: 1 };
    const script = custodyScript(groupKey(), { kind: 'deposit', recipient }).scriptPubKey;
    siege.besieged.world.add({ ...deposit, amount: 50_000n, script, confirmations: 6 });
    const [{ attestationValidityS = 0 } = {}] = siege.besieged.configs;
    const expiry = `${Math.floor(Date.now() / 1000) + attestationValidityS}`;
    const item = { ...deposit, recipient: toHex(recipient), amount: '50000', expiry };
    truth = { kind: 'attestation', test: false, items: [item] };
  });

  const changed = (change: Partial<AttestationIntent['items'][number]>) => ({
    ...truth,
    items: truth.items.map((item) => ({ ...item, ...change })),
  });
  const cases: readonly (readonly [string, Partial<AttestationIntent['items'][number]>, string])[] = [
    ['recipient', { recipient: thief }, 'deposit_wrong_script'],
    ['amount, upwards', { amount: '50001' }, 'deposit_wrong_amount'],
    ['amount, downwards', { amount: '49999' }, 'deposit_wrong_amount'],
    ['amount, to nothing', { amount: '0' }, 'deposit_wrong_amount'],
    ['vout', { vout: 0 }, 'deposit_spent'],
    ['vout, to one that the transaction does not have', { vout: 9 }, 'deposit_not_found'],
    ['txid', { txid: 'ee'.repeat(32) }, 'deposit_not_found'],
    ['expiry, to forever', { expiry: '18446744073709551615' }, 'expiry_out_of_range'],
    ['expiry, to the past', { expiry: '0' }, 'expiry_out_of_range'],
  ];
  for (const [what, change, reason] of cases) {
    test(`${what} is refused as ${reason}, and nothing is decided`, async () => {
      await refusedFor(reason, changed(change), 'ed25519');
      expect(getAttestation(siege.victim.store.db, deposit)).toBeNull();
      await signsTruth(truth, 'ed25519');
      expect(getAttestation(siege.victim.store.db, deposit)).toMatchObject({
        recipient: toHex(recipient),
        amount: 50_000n,
      });
    });
  }

  test('key is refused as unknown_intent: the bitcoin key attests nothing', async () => {
    await refusedFor('unknown_intent', truth, 'bip340');
    await signsTruth(truth, 'ed25519');
  });

  test('place, listed twice in one request, is refused as bad_request', async () => {
    await refusedFor('bad_request', { ...truth, items: [...truth.items, ...truth.items] }, 'ed25519');
    await signsTruth(truth, 'ed25519');
  });

  test('confirmations, claimed before there are enough, is refused as deposit_too_few_confirmations', async () => {
    const script = custodyScript(groupKey(), { kind: 'deposit', recipient }).scriptPubKey;
    siege.besieged.world.add({ ...deposit, amount: 50_000n, script, confirmations: 1 });
    await refusedFor('deposit_too_few_confirmations', truth, 'ed25519');
    siege.besieged.world.add({ ...deposit, amount: 50_000n, script, confirmations: 2 });
    await signsTruth(truth, 'ed25519');
  });

  test('recipient after it was attested, on a chain that now says so, is refused as attested_otherwise', async () => {
    await signsTruth(truth, 'ed25519');
    const script = custodyScript(groupKey(), {
      kind: 'deposit',
      recipient: new Uint8Array(32).fill(0xcc),
    }).scriptPubKey;
    siege.besieged.world.add({ ...deposit, amount: 50_000n, script, confirmations: 6 });
    await refusedFor('attested_otherwise', changed({ recipient: thief }), 'ed25519');
    expect(getAttestation(siege.victim.store.db, deposit)).toMatchObject({ recipient: toHex(recipient) });
    await siege.stillSigns();
  });

  test('network, on the chain of the node itself, is refused as wrong_network', async () => {
    const { world } = siege.besieged;
    world.chain = 'main';
    await refusedFor('wrong_network', truth, 'ed25519');
    world.chain = 'regtest';
    await signsTruth(truth, 'ed25519');
  });

  test('network, in the envelope, is rejected as wrong_network', async () => {
    const { mallory, coordinator } = siege;
    const prepared = await coordinator.prepare(0, 'ed25519', truth);
    const envelope = { network: 'mainnet', type: 'sign_request', body: JSON.parse(JSON.stringify(prepared.request)) };
    expect(await mallory.post(0, mallory.seal(0, envelope))).toEqual({ status: 400, rejected: 'wrong_network' });
    expect(getAttestation(siege.victim.store.db, deposit)).toBeNull();
    await siege.stillSigns();
  });

  test('purpose: a test attestation decides nothing and is no mint attestation', async () => {
    const { coordinator } = siege;
    const real = await coordinator.prepare(0, 'ed25519', truth);
    const prepared = await coordinator.prepare(
      0,
      'ed25519',
      { ...truth, test: true },
      { messages: real.task.messages },
    );
    const answer = await coordinator.sign(prepared);
    expect(coordinator.isSigned(prepared, answer)).toBe(false);
    expect(getAttestation(siege.victim.store.db, deposit)).toBeNull();
    await signsTruth(truth, 'ed25519');
  });
});

describe('a payout, changed by the coordinator in its', () => {
  let truth: PayoutIntent;
  let spare: PayoutIntent;
  let burnTxid: string;
  beforeEach(() => {
    burnTxid = txid();
    const { world } = siege.besieged;
    const burn = { burnTxid, address: ADDRESS, amount: 500_000n, fee: 1_000n };
    world.burns.push({ ...burn, txid: burnTxid });
    const coins = [txid(), txid()].map(
      (id): CustodyUtxo => ({ txid: id, vout: 0, amount: 700_000n, leaf: { kind: 'change' } }),
    );
    const script = custodyScript(groupKey(), { kind: 'change' }).scriptPubKey;
    for (const { txid: id, vout, amount } of coins) world.add({ txid: id, vout, amount, script, confirmations: 6 });
    const plans = coins.map((coin) => {
      const rules = { network: 'regtest', groupKey: groupKey(), feeRateMin: 1_000n, feeRateMax: 200_000n } as const;
      const plan = planPayout(rules, { test: false, burns: [burn], required: [coin], candidates: [], feeRate: 2_000n });
      if (!plan.ok) throw new Error(plan.detail);
      return intentOf(payoutIntentJson(plan.payout.intent));
    });
    const [first, second] = plans;
    if (first?.kind !== 'payout' || second?.kind !== 'payout') throw new Error('two payouts were planned');
    [truth, spare] = [first, second];
  });

  const burns = (change: Partial<PayoutIntent['burns'][number]>) => (intent: PayoutIntent) => ({
    ...intent,
    burns: intent.burns.map((burn) => ({ ...burn, ...change })),
  });
  const inputs = (change: Partial<PayoutIntent['inputs'][number]>) => (intent: PayoutIntent) => ({
    ...intent,
    inputs: intent.inputs.map((input) => ({ ...input, ...change })),
  });
  const thiefScript = `5120${thief}`;
  const cases: readonly (readonly [string, (intent: PayoutIntent) => unknown, string])[] = [
    ['output script', (intent) => ({ ...intent, outputs: swapScript(intent, 0, thiefScript) }), 'output_mismatch'],
    ['change script', (intent) => ({ ...intent, outputs: swapScript(intent, 1, thiefScript) }), 'output_mismatch'],
    ['output amount', (intent) => ({ ...intent, outputs: shift(intent, 1n) }), 'output_mismatch'],
    [
      'outputs, by one more',
      (intent) => ({ ...intent, outputs: [...intent.outputs, ...intent.outputs] }),
      'output_mismatch',
    ],
    [
      'outputs, without the change',
      (intent) => ({ ...intent, outputs: intent.outputs.slice(0, 1) }),
      'output_mismatch',
    ],
    ['fee, without its outputs', (intent) => ({ ...intent, fee: '5000' }), 'output_mismatch'],
    ['burn, to one that nobody knows', burns({ burn_txid: 'ee'.repeat(32) }), 'burn_unknown'],
    ['lock time', (intent) => ({ ...intent, lock_time: 21 }), 'not_standard'],
    ['input amount', inputs({ amount: '700001' }), 'output_mismatch'],
    ['input leaf', inputs({ leaf: { kind: 'reservoir' } }), 'input_unknown'],
    ['input, to one that is none of the federation', inputs({ txid: 'ee'.repeat(32) }), 'input_unknown'],
    ['inputs, one twice', (intent) => ({ ...intent, inputs: [...intent.inputs, ...intent.inputs] }), 'bad_request'],
    ['burns, one twice', (intent) => ({ ...intent, burns: [...intent.burns, ...intent.burns] }), 'bad_request'],
    ['burns, to none', (intent) => ({ ...intent, burns: [] }), 'bad_request'],
    ['purpose, with a test input out of place', inputs({ leaf: { kind: 'test' } }), 'bad_request'],
  ];
  for (const [what, change, reason] of cases) {
    test(`${what} is refused as ${reason}, and nothing is decided`, async () => {
      await refusedFor(reason, change(truth), 'bip340');
      expect(getBurn(siege.victim.store.db, burnTxid)).toBeNull();
      await signsTruth(truth, 'bip340');
      expect(getBurn(siege.victim.store.db, burnTxid)?.anchor).toMatchObject({ vout: 0 });
    });
  }

  test('recipient, with every output to match, is refused as burn_mismatch', async () => {
    for (const change of [{ address: THIEF_ADDRESS }, { amount: 600_000n }, { fee: 2_000n }]) {
      const burn = { burnTxid, address: ADDRESS, amount: 500_000n, fee: 1_000n, ...change };
      await refusedFor('burn_mismatch', replanned(truth, burn), 'bip340');
    }
    expect(getBurn(siege.victim.store.db, burnTxid)).toBeNull();
    await signsTruth(truth, 'bip340');
  });

  test('key is refused as unknown_intent: the attestation key pays nothing', async () => {
    await refusedFor('unknown_intent', truth, 'ed25519');
    await signsTruth(truth, 'bip340');
  });

  test('network, on Wire or on Bitcoin, is refused as wrong_network', async () => {
    const { world } = siege.besieged;
    world.wireNetwork = 'mainnet';
    await refusedFor('wrong_network', truth, 'bip340');
    [world.wireNetwork, world.chain] = ['regtest', 'test'];
    await refusedFor('wrong_network', truth, 'bip340');
    world.chain = 'regtest';
    await signsTruth(truth, 'bip340');
  });

  test('inputs, to pay a second time beside what was signed, is refused as burn_conflict', async () => {
    await signsTruth(truth, 'bip340');
    const payouts = listPayouts(siege.victim.store.db).total;
    await refusedFor('burn_conflict', spare, 'bip340');
    expect(listPayouts(siege.victim.store.db).total).toBe(payouts);
    await siege.stillSigns();
  });

  function replanned(intent: PayoutIntent, burn: { burnTxid: string; address: string; amount: bigint; fee: bigint }) {
    const required = intent.inputs.map(
      (input): CustodyUtxo => ({
        txid: input.txid,
        vout: input.vout,
        amount: BigInt(input.amount),
        leaf: { kind: 'change' },
      }),
    );
    const rules = { network: 'regtest', groupKey: groupKey(), feeRateMin: 1_000n, feeRateMax: 200_000n } as const;
    const plan = planPayout(rules, { test: false, burns: [burn], required, candidates: [], feeRate: 2_000n });
    if (!plan.ok) throw new Error(plan.detail);
    return payoutIntentJson(plan.payout.intent);
  }
});

function swapScript(intent: PayoutIntent, at: number, script: string) {
  return intent.outputs.map((output, i) => (i === at ? { ...output, script } : output));
}

function shift(intent: PayoutIntent, by: bigint) {
  return intent.outputs.map((output, i) => ({
    ...output,
    amount: `${BigInt(output.amount) + (i === 0 ? by : -by)}`,
  }));
}
