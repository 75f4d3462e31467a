import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { payoutIntentSchema } from '../../ceremony/intent.ts';
import { type PayoutIntent, payoutIntentJson } from '../../chain/payout-intent.ts';
import { checkSignedPayout } from '../../chain/signed-payout.ts';
import { buildPayout } from '../../chain/transaction.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { testBurn } from '../../operator/bridge/payouts.ts';
import { getBurn } from '../../store/burns.ts';
import { getPayout, getWithdrawal, listPayouts } from '../../store/payout-listing.ts';
import {
  askPayout,
  burn,
  type Claim,
  codeOf,
  deposit,
  freshHash,
  minted,
  planned,
  requestFor,
  someAddress,
  withdrawBy,
} from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';

let federation: FederationInMemory;

beforeAll(async () => {
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
});

// For tests that leave decisions behind, which bind the nodes for ever.
async function renew(): Promise<void> {
  await federation.close();
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
}
afterAll(() => federation.close());
afterEach(() => {
  federation.meddle = ({ message }) => message;
  federation.meddleReply = ({ replies }) => replies;
  federation.down.clear();
  for (const ledger of federation.chain.ledgers) ledger.known.length = 0;
});

const quiet = (): void => {};
const db = (index: number) => federation.at(index).node.store.db;

describe('a batch of burns', () => {
  test('is paid by one transaction that the chain takes, and whose fee the burns have paid', async () => {
    await minted(federation);
    const burns = [burn(federation), burn(federation, { amount: 70_000n }), burn(federation, { fee: 2_000n })];
    const result = await withdrawBy(federation, 0, []);
    expect(result.broadcast).toBe(true);
    expect(result.burns.map(({ burn_txid }) => burn_txid)).toEqual(burns.map(({ burnTxid }) => burnTxid).sort());
    const taken = federation.chain.taken.filter(({ id }) => id === result.txid);
    expect(taken).toHaveLength(1);
    const paid = Array.from({ length: 3 }, (_, vout) => taken[0]?.getOutput(vout).amount ?? 0n);
    expect(paid.sort()).toEqual(burns.map(({ amount, fee }) => amount - fee).sort());
    const collected = burns.reduce((sum, { fee }) => sum + fee, 0n);
    expect(BigInt(result.miner_fee)).toBeLessThanOrEqual(collected);
    await federation.settle();
    for (const { index } of federation.members) {
      const payout = getPayout(db(index), result.txid);
      expect(payout?.status).toBe('broadcast');
      expect(payout?.signedTx).not.toBeNull();
    }
    federation.chain.mine(6);
    await federation.settle();
    for (const { index } of federation.members) expect(getPayout(db(index), result.txid)?.status).toBe('settled');
  });

  test('delivered twice, to one node or to two, is paid once', async () => {
    await minted(federation);
    const burns = [burn(federation)];
    const first = await withdrawBy(federation, 0, burns);
    await federation.settle();
    expect((await withdrawBy(federation, 0, burns)).txid).toBe(first.txid);
    expect((await withdrawBy(federation, 2, burns)).txid).toBe(first.txid);
    expect(await codeOf(withdrawBy(federation, 1, []))).toBe('nothing_to_pay');
    federation.chain.mine(6);
    await federation.settle();
    expect(await codeOf(withdrawBy(federation, 1, burns))).toBe('burn_already_paid');
    const paying = federation.chain.taken.filter(({ id }) => id === first.txid);
    expect(paying).toHaveLength(1);
  });

  test('asked for by two nodes at once is paid once', async () => {
    await minted(federation);
    const burns = [burn(federation)];
    const results = await Promise.allSettled([withdrawBy(federation, 0, burns), withdrawBy(federation, 1, burns)]);
    expect(results.some(({ status }) => status === 'fulfilled')).toBe(true);
    await federation.settle();
    const script = federation.chain.taken.flatMap((taken) =>
      Array.from({ length: taken.outputsLength }, (_, vout) =>
        taken.getOutputAddress(vout, { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef }),
      ),
    );
    expect(script.filter((address) => address === burns[0]?.address)).toHaveLength(1);
  });

  test('of which one is paid already has the others paid', async () => {
    await minted(federation);
    await minted(federation);
    const [paid, waiting] = [burn(federation), burn(federation)];
    const first = await withdrawBy(federation, 0, [paid]);
    const second = await withdrawBy(federation, 0, [paid, waiting]);
    expect(second.txid).not.toBe(first.txid);
    expect(second.burns.map(({ burn_txid }) => burn_txid)).toEqual([waiting.burnTxid]);
  });

  test('that only the others signed is kept and broadcast by its coordinator all the same', async () => {
    await minted(federation);
    const burns = [burn(federation)];
    // The coordinator's own node answers nothing in time; its plan was its own all the same.
    const { signing } = federation.at(0).services.bridge;
    const { answer } = signing;
    signing.answer = (from, message) =>
      from === 0 && message.type === 'sign_request' ? new Promise(() => {}) : answer.call(signing, from, message);
    const result = await withdrawBy(federation, 0, burns);
    signing.answer = answer;
    expect(result.signing.signers).toEqual([1, 2]);
    expect(result.broadcast).toBe(true);
    expect(getPayout(db(0), result.txid)?.status).toBe('broadcast');
  });
});

describe('a burn that cannot be paid is refused by name', () => {
  beforeEach(renew);

  const cases: Readonly<Record<string, () => WireBurn>> = {
    burn_unknown: () => ({ ...burn(federation), burnTxid: freshHash() }),
    burn_unconfirmed: () => burn(federation, { confirmations: 5 }),
    'address_invalid (no address)': () => burn(federation, { address: 'nonsense' }),
    'address_invalid (of mainnet)': () => burn(federation, { address: 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4' }),
    below_dust: () => burn(federation, { amount: 1_200n }),
    fee_above_amount: () => burn(federation, { amount: 1_000n }),
    fee_too_high: () => burn(federation, { fee: 100n }),
  };
  for (const [name, make] of Object.entries(cases)) {
    test(name, async () => {
      await minted(federation);
      expect(await codeOf(withdrawBy(federation, 0, [make()]))).toBe(name.replace(/ .*/, ''));
    });
  }

  test('wire_unavailable by participants whose ledger is silent', async () => {
    await minted(federation);
    const intent = await planned(federation, 0, [burn(federation)]);
    const ledger = federation.chain.ledgers[1];
    if (ledger === undefined) throw new Error('there are three ledgers');
    ledger.unavailable = true;
    const said = await askPayout(federation, 0, intent, [1, 2]);
    ledger.unavailable = false;
    expect(said).toEqual(['1: wire_unavailable', '2: signed']);
  });

  test('and burns that wait behind one that can never be paid are paid', async () => {
    await minted(federation);
    burn(federation, { address: 'nonsense' });
    const good = burn(federation);
    const result = await withdrawBy(federation, 0, []);
    expect(result.burns.map(({ burn_txid }) => burn_txid)).toEqual([good.burnTxid]);
  });

  test('and burns that wait behind a hundred that bring no fee are paid', async () => {
    await minted(federation, 10_000_000n);
    for (let i = 0; i < 110; i++) burn(federation, { fee: 0n, amount: 1_000n });
    const good = burn(federation);
    const result = await withdrawBy(federation, 0, []);
    expect(result.burns.map(({ burn_txid }) => burn_txid)).toContain(good.burnTxid);
  });
});

describe('a coordinator that changes a payout', () => {
  const elsewhere = (): Uint8Array => Uint8Array.from([0x51, 0x20, ...Buffer.from(freshHash(), 'hex')]);
  const withOutput = (intent: PayoutIntent, at: number, change: Partial<PayoutIntent['outputs'][number]>) => ({
    ...intent,
    outputs: intent.outputs.map((output, index) => (index === at ? { ...output, ...change } : output)),
  });
  const lies: Readonly<Record<string, (intent: PayoutIntent) => PayoutIntent>> = {
    'output_mismatch: another recipient': (intent) => withOutput(intent, 0, { script: elsewhere() }),
    'output_mismatch: another change script': (intent) => withOutput(intent, 1, { script: elsewhere() }),
    'output_mismatch: another amount': (intent) => withOutput(intent, 0, { amount: 49_001n }),
    'output_mismatch: one output more': (intent) => ({
      ...intent,
      outputs: [...intent.outputs, { script: elsewhere(), amount: 1_000n }],
    }),
    'output_mismatch: no change': (intent) => ({ ...intent, outputs: intent.outputs.slice(0, 1) }),
    'output_mismatch: a fee that the outputs do not leave': (intent) => ({ ...intent, fee: intent.fee + 1n }),
    'fee_too_high: a fee beyond what the burns brought': (intent) => ({
      ...withOutput(intent, 1, { amount: (intent.outputs[1]?.amount ?? 0n) - 2_000n }),
      fee: intent.fee + 2_000n,
    }),
    'fee_rate_too_low: a fee below what relays': (intent) => ({
      ...withOutput(intent, 1, { amount: (intent.outputs[1]?.amount ?? 0n) + intent.fee - 10n }),
      fee: 10n,
    }),
    'burn_mismatch: another fee of the burn': (intent) => ({
      ...withOutput(intent, 0, { amount: 49_500n }),
      outputs: [
        { script: intent.outputs[0]?.script ?? elsewhere(), amount: 49_500n },
        { script: intent.outputs[1]?.script ?? elsewhere(), amount: (intent.outputs[1]?.amount ?? 0n) - 500n },
      ],
      burns: intent.burns.map((one) => ({ ...one, fee: 500n })),
    }),
    'input_unknown: an input that does not exist': (intent) => ({
      ...intent,
      inputs: intent.inputs.map((input) => ({ ...input, txid: freshHash() })),
    }),
    'input_unknown: an input of another amount': (intent) => ({
      ...withOutput(intent, 1, { amount: (intent.outputs[1]?.amount ?? 0n) + 5n }),
      inputs: intent.inputs.map((input) => ({ ...input, amount: input.amount + 5n })),
    }),
    'input_unknown: an input of another leaf': (intent) => ({
      ...intent,
      inputs: intent.inputs.map((input) => ({ ...input, leaf: { kind: 'change' } })),
    }),
    'bad_request: a test input in a payout that counts': (intent) => ({
      ...intent,
      inputs: intent.inputs.map((input) => ({ ...input, leaf: { kind: 'test' } })),
    }),
    'bad_request: a test payout without its test input': (intent) => ({ ...intent, test: true }),
    'not_standard: a lock time': (intent) => ({ ...intent, lockTime: 21 }),
  };
  for (const [name, lie] of Object.entries(lies)) {
    test(`is refused by every honest participant with ${name}`, async () => {
      await minted(federation);
      const intent = await planned(federation, 0, [burn(federation)]);
      const reason = name.replace(/:.*/, '');
      expect(await askPayout(federation, 0, lie(intent), [1, 2])).toEqual([`1: ${reason}`, `2: ${reason}`]);
      expect(getBurn(db(1), intent.burns[0]?.burnTxid ?? '')).toBeNull();
    });
  }
});

describe('a coordinator that changes a payout half-way', () => {
  beforeEach(renew);

  test('after nonces were given makes participants sign another message, which serves for nothing', async () => {
    await minted(federation);
    const [honest, other] = [burn(federation), burn(federation)];
    const groupKey = federation.key().bitcoin.publicKey;
    const intent = await planned(federation, 0, [honest]);
    const swapped = await planned(federation, 0, [other]);
    const { messages } = buildPayout(intent, groupKey);
    const asked = { name: 'bip340' as const, intent: payoutJson(swapped), messages };
    // Nonces and commitment are for one payout, the meaning is of another: each signs what it judged, once.
    const request = await requestFor(federation, 0, asked, [1, 2]);
    const first = await federation.send(0, 1, { type: 'sign_request', body: { ...request } });
    expect(first.ok && first.messages[0]?.type).toBe('sign_response');
    expect(listPayouts(db(1)).rows.some(({ txid }) => txid === buildPayout(swapped, groupKey).txid)).toBe(true);
    expect(getBurn(db(1), honest.burnTxid)).toBeNull();
    const second = await federation.send(0, 1, { type: 'sign_request', body: { ...request } });
    const [refusal] = second.ok ? second.messages : [];
    expect(refusal).toMatchObject({ type: 'sign_refusal', body: { reason: 'nonce_unknown' } });
  });

  test('and swaps its inputs for a burn that was decided is refused with burn_conflict and the anchor', async () => {
    await minted(federation);
    await minted(federation);
    const one = burn(federation);
    const intent = await planned(federation, 0, [one]);
    expect(await askPayout(federation, 0, intent, [1])).toEqual(['1: signed']);
    const fresh = (await planned(federation, 0, [one, burn(federation, { amount: 990_000n })])).inputs;
    const swapped = fresh.find(({ txid }) => txid !== intent.inputs[0]?.txid);
    if (swapped === undefined) throw new Error('two burns need two inputs');
    const [paid, change] = intent.outputs;
    if (paid === undefined || change === undefined) throw new Error('a payout has change');
    const difference = swapped.amount - (intent.inputs[0]?.amount ?? 0n);
    const outputs = [paid, { ...change, amount: change.amount + difference }];
    const rival = { ...intent, inputs: [swapped], outputs };
    expect(await askPayout(federation, 0, rival, [1])).toEqual(['1: burn_conflict']);
  });

  // A payout whose input is this deposit and nothing else.
  function spending(model: PayoutIntent, { txid, vout, recipient, amount }: Claim): PayoutIntent {
    const [paid, change] = model.outputs;
    if (paid === undefined || change === undefined) throw new Error('a payout has change');
    const leaf = { kind: 'deposit', recipient: Uint8Array.from(Buffer.from(recipient, 'hex')) } as const;
    const inputs = [{ txid, vout, amount: BigInt(amount), leaf }];
    return { ...model, inputs, outputs: [paid, { ...change, amount: BigInt(amount) - paid.amount - model.fee }] };
  }

  test('and spends a deposit that nobody has attested is refused with input_unknown', async () => {
    await minted(federation);
    const model = await planned(federation, 0, [burn(federation)]);
    const intent = spending(model, deposit(federation, 5_000_000n));
    expect(await askPayout(federation, 0, intent, [1, 2])).toEqual(['1: input_unknown', '2: input_unknown']);
  });

  test('and spends a deposit that is attested but not minted yet is refused, as its attestation may expire', async () => {
    await minted(federation);
    const kept = federation.chain.ledgers.map((ledger) => ledger.postMint);
    for (const ledger of federation.chain.ledgers) {
      ledger.postMint = async () => ({ ok: false, reason: 'wire_unavailable', detail: 'the ledger is away' });
    }
    const attested = await minted(federation, 6_000_000n);
    expect(await codeOf(withdrawBy(federation, 0, [burn(federation, { amount: 5_900_000n })]))).toBe(
      'insufficient_funds',
    );
    const unminted = spending(await planned(federation, 0, [burn(federation)]), attested);
    expect(await askPayout(federation, 0, unminted, [1, 2])).toEqual(['1: input_unknown', '2: input_unknown']);
    for (const [index, ledger] of federation.chain.ledgers.entries()) ledger.postMint = kept[index] ?? ledger.postMint;
    await federation.settle();
    expect(await askPayout(federation, 0, unminted, [1, 2])).toEqual(['1: signed', '2: signed']);
  });
});

describe('a payout that was decided and not finished', () => {
  beforeEach(renew);

  test('is planned again with its anchor and comes to one signed transaction', async () => {
    await minted(federation);
    const one = burn(federation);
    const intent = await planned(federation, 0, [one]);
    expect(await askPayout(federation, 1, intent, [0])).toEqual(['0: signed']);
    const anchor = getBurn(db(0), one.burnTxid)?.anchor;
    expect(anchor).toEqual({ txid: intent.inputs[0]?.txid ?? '', vout: intent.inputs[0]?.vout ?? -1 });
    const result = await withdrawBy(federation, 0, [one]);
    expect(result.broadcast).toBe(true);
    const inputs = getPayout(db(0), result.txid)?.inputs ?? [];
    expect(inputs.map(({ txid }) => txid)).toContain(intent.inputs[0]?.txid ?? '');
  });

  test('at one node alone is adapted to by another that coordinates, of one burn or of several', async () => {
    for (const count of [1, 2]) {
      await minted(federation, 3_000_000n);
      const burns = Array.from({ length: count }, () => burn(federation));
      const intent = await planned(federation, 0, burns);
      expect(await askPayout(federation, 1, intent, [0])).toEqual(['0: signed']);
      // Node 1 would take another coin, and node 2 is away, so it needs the word of node 0.
      await minted(federation, 200_000n);
      federation.down.add(2);
      const result = await withdrawBy(federation, 1, []);
      federation.down.clear();
      expect(result.signing.signers).toEqual([0, 1]);
      expect(result.burns).toHaveLength(count);
      const inputs = getPayout(db(1), result.txid)?.inputs ?? [];
      expect(inputs.map(({ txid }) => txid)).toContain(intent.inputs[0]?.txid ?? '');
      federation.chain.mine(6);
      await federation.settle();
      for (const ledger of federation.chain.ledgers) ledger.known.length = 0;
    }
  });

  test('is not held up by a peer that hints at an anchor which nobody knows', async () => {
    await minted(federation, 3_000_000n);
    const one = burn(federation);
    const intent = await planned(federation, 0, [one]);
    expect(await askPayout(federation, 1, intent, [2])).toEqual(['2: signed']);
    await minted(federation, 200_000n);
    const lie = { burn_txid: one.burnTxid, anchor: { txid: freshHash(), vout: 0 } };
    federation.meddleReply = ({ to, request, replies }) => {
      if (to !== 0 || request.type !== 'sign_request') return replies;
      const { session } = Object(request.body);
      return [{ type: 'sign_refusal', body: { session, reason: 'burn_conflict', detail: 'a lie', data: lie } }];
    };
    const result = await withdrawBy(federation, 1, [one]);
    expect(result.signing.signers).toEqual([1, 2]);
  });
});

describe('a test burn', () => {
  beforeAll(renew);

  test('is signed by the federation, can never be mined, and leaves no decision', async () => {
    await minted(federation);
    const { burnTxid: txid, address, amount, fee } = burn(federation);
    const params = { txid, address, amount: `${amount}`, fee: `${fee}`, broadcast: false };
    const before = federation.members.map(({ index }) => listPayouts(db(index)).total);
    const result = await testBurn(federation.at(0).services.bridge, params, quiet);
    const verdict = await federation.chain.views[0]?.broadcast(Uint8Array.from(Buffer.from(result.transaction, 'hex')));
    expect(verdict).toMatchObject({ ok: false, detail: 'bad-txns-inputs-missingorspent' });
    await federation.settle();
    expect(federation.members.map(({ index }) => listPayouts(db(index)).total)).toEqual(before);
    for (const { index } of federation.members) expect(getWithdrawal(db(index), txid)).toBeNull();
  });

  test('is really signed: every input verifies under its own key', async () => {
    await minted(federation);
    const one = burn(federation);
    const intent = await planned(federation, 0, [one], true);
    const { burnTxid: txid, address, amount, fee } = one;
    const params = { txid, address, amount: `${amount}`, fee: `${fee}`, broadcast: false };
    const result = await testBurn(federation.at(0).services.bridge, params, quiet);
    const bytes = Uint8Array.from(Buffer.from(result.transaction, 'hex'));
    expect(checkSignedPayout(intent, federation.key().bitcoin.publicKey, bytes).ok).toBe(true);
    expect(result.inputs).toBe(intent.inputs.length);
  });

  test('of wrong terms is refused by name', async () => {
    await minted(federation);
    const { burnTxid: txid, amount, fee } = burn(federation);
    const params = { txid, address: someAddress(), amount: `${amount}`, fee: `${fee}`, broadcast: false };
    expect(await codeOf(testBurn(federation.at(0).services.bridge, params, quiet))).toBe('burn_mismatch');
  });
});

function payoutJson(intent: PayoutIntent) {
  return payoutIntentSchema.parse(payoutIntentJson(intent));
}
