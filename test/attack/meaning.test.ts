// Attacks on what is signed: a coordinator that changes recipient, amount, output, network or anything else of the
// meaning. Each is refused by its name on the victim's own view, decides nothing, and leaves the truth signable.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import type { AttestationIntent, LineStepIntent } from '../../ceremony/intent.ts';
import { buildLine, rootSurplus, surplusAfter, treasuryScript } from '../../chain/line.ts';
import { type LineIntent, lineJson, readLine } from '../../chain/line-intent.ts';
import { scriptAddress } from '../../chain/network.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { getAttestation } from '../../store/attestations.ts';
import { getBurn } from '../../store/burns.ts';
import { getStep, listLine } from '../../store/line.ts';
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
    ['amount, to nothing', { amount: '0' }, 'deposit_too_small'],
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

describe('a step of the treasury line, changed by the coordinator in its', () => {
  let truth: LineStepIntent;
  let burnTxid: string;
  beforeEach(() => {
    burnTxid = txid();
    siege.besieged.world.burns.push({ txid: burnTxid, address: ADDRESS, amount: 500_000n, fee: 1_000n });
    truth = stepUpon(siege.root, { fee: 600n });
  });

  /** A payout of the burn upon a treasury output, with the surplus that follows. */
  function stepUpon(
    treasury: LineIntent['treasury'],
    { surplus, ...changes }: Partial<LineIntent> = {},
  ): LineStepIntent {
    const burn = { burnTxid, nullifier: burnTxid, address: ADDRESS, amount: 500_000n, fee: 1_000n };
    const { txid: of, vout, amount } = treasury;
    const intent: LineIntent = {
      ...{ step: 'payout', test: false, treasury: { txid: of, vout, amount }, swept: [], burns: [burn] },
      ...{ destination: null, fee: 600n, surplus: 0n },
      ...changes,
    };
    return lineJson({ ...intent, surplus: surplus ?? surplusAfter(rootSurplus(siege.root), intent) });
  }

  const treasury = (change: Partial<LineStepIntent['treasury']>) => (step: LineStepIntent) => ({
    ...step,
    treasury: { ...step.treasury, ...change },
  });
  const burns = (change: Partial<LineStepIntent['burns'][number]>) => (step: LineStepIntent) => ({
    ...step,
    burns: step.burns.map((burn) => ({ ...burn, ...change })),
  });
  /** Whatever follows from it is put right, so that only the lie itself is left. */
  const consistent = (change: (step: LineIntent) => Partial<LineIntent>) => (step: LineStepIntent) => {
    const { surplus: _, ...intent } = readLine(step);
    return stepUpon(intent.treasury, { ...intent, ...change(readLine(step)) });
  };
  const stranger = { txid: 'ee'.repeat(32), vout: 0, amount: 40_000n };
  const recipientOf = new Uint8Array(32).fill(7);
  const cases: readonly (readonly [string, (step: LineStepIntent) => unknown, string])[] = [
    ['treasury output, to one that nobody made', treasury({ txid: 'ee'.repeat(32) }), 'parent_unknown'],
    ['treasury output, to another of the same transaction', treasury({ vout: 1 }), 'parent_unknown'],
    ['treasury amount', treasury({ amount: '1200001' }), 'bad_request'],
    ['kind, to one without burns', (step) => ({ ...step, step: 'sweep' }), 'bad_request'],
    ['kind, to a void step that nobody approved', consistent(() => ({ step: 'void', burns: [] })), 'approval_needed'],
    [
      'destination, of sats that no operator agreed on',
      consistent(() => ({
        step: 'consolidate',
        burns: [],
        destination: { script: fromHex(`0014${'cc'.repeat(20)}`), amount: 9_000n },
      })),
      'policy',
    ],
    [
      'swept outputs, to one that is none of the federation',
      consistent(() => ({ swept: [{ ...stranger, leaf: { kind: 'deposit', recipient: recipientOf } }] })),
      'input_unknown',
    ],
    [
      'swept outputs, to one that is no stray',
      consistent(() => ({ swept: [{ ...stranger, leaf: { kind: 'treasury' } }] })),
      'input_unknown',
    ],
    ['surplus, upwards', (step) => ({ ...step, surplus: `${BigInt(step.surplus) + 1n}` }), 'surplus_wrong'],
    ['surplus, downwards', (step) => ({ ...step, surplus: `${BigInt(step.surplus) - 1n}` }), 'surplus_wrong'],
    ['fee, without its surplus', (step) => ({ ...step, fee: '601' }), 'surplus_wrong'],
    ['fee, to all that was collected and more', consistent(() => ({ fee: 5_000n })), 'fee_too_high'],
    ['fee, to what no node relays', consistent(() => ({ fee: 10n })), 'fee_rate_too_low'],
    ['burn, to one that nobody knows', burns({ burn_txid: 'ee'.repeat(32) }), 'burn_unknown'],
    ['nullifier', burns({ nullifier: 'ee'.repeat(32) }), 'burn_mismatch'],
    ['payee', burns({ address: THIEF_ADDRESS }), 'burn_mismatch'],
    [
      'amount of a burn',
      consistent(({ burns: all }) => ({ burns: all.map((one) => ({ ...one, amount: 600_000n })) })),
      'burn_mismatch',
    ],
    [
      'fee of a burn',
      consistent(({ burns: all }) => ({ burns: all.map((one) => ({ ...one, fee: 2_000n })) })),
      'burn_mismatch',
    ],
    ['burns, one twice', (step) => ({ ...step, burns: [...step.burns, ...step.burns] }), 'bad_request'],
    ['burns, to none', (step) => ({ ...step, burns: [] }), 'bad_request'],
  ];
  for (const [what, change, reason] of cases) {
    test(`${what} is refused as ${reason}, and nothing is decided`, async () => {
      const { victim } = siege;
      await refusedFor(reason, change(truth), 'bip340');
      expect(getBurn(victim.store.db, burnTxid)).toBeNull();
      await signsTruth(truth, 'bip340');
      expect(getStep(victim.store.db, txidOf(truth))).toMatchObject({ kind: 'payout', burns: [{ burnTxid }] });
    });
  }

  /** The transaction of a step. */
  function txidOf(step: LineStepIntent): string {
    const { keyId, root } = siege;
    const formed = buildLine({ network: 'regtest', keyId, groupKey: groupKey(), root }, readLine(step));
    if (!formed.ok) throw new Error(formed.detail);
    return formed.built.txid;
  }

  test('payee, to the treasury itself, is refused as burn_pays_treasury', async () => {
    const id = txid();
    const address = scriptAddress(treasuryScript(groupKey()), 'regtest') ?? '';
    siege.besieged.world.burns.push({ txid: id, address, amount: 500_000n, fee: 1_000n });
    const burn = { burnTxid: id, nullifier: id, address, amount: 500_000n, fee: 1_000n };
    await refusedFor('burn_pays_treasury', stepUpon(siege.root, { burns: [burn] }), 'bip340');
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

  test('place, to pay a second time behind what was signed, is refused as burn_already_paid', async () => {
    await signsTruth(truth, 'bip340');
    const { db } = siege.victim.store;
    const held = getStep(db, txidOf(truth));
    if (held === null) throw new Error('the step was decided');
    const steps = listLine(db).total;
    const behind = { txid: held.txid, vout: 0, amount: held.treasuryAmount };
    await refusedFor('burn_already_paid', stepUpon(behind, { surplus: held.surplus + 400n }), 'bip340');
    expect(listLine(db).total).toBe(steps);
    await siege.stillSigns();
  });

  test('place, to one that is not the tip and waits in no mempool, is refused as not_tip', async () => {
    await signsTruth(truth, 'bip340');
    const held = getStep(siege.victim.store.db, txidOf(truth));
    if (held === null) throw new Error('the step was decided');
    const id = txid();
    siege.besieged.world.burns.push({ txid: id, address: ADDRESS, amount: 300_000n, fee: 1_000n });
    const burn = { burnTxid: id, nullifier: id, address: ADDRESS, amount: 300_000n, fee: 1_000n };
    const behind = { txid: held.txid, vout: 0, amount: held.treasuryAmount };
    await refusedFor('not_tip', stepUpon(behind, { burns: [burn], surplus: held.surplus + 400n }), 'bip340');
    await siege.stillSigns();
  });
});
