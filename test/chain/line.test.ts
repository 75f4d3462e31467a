// The bytes of a step of the treasury line, held against another reader of Bitcoin transactions, and its sums.
import { describe, expect, test } from 'bun:test';
import { SigHash, Transaction } from '@scure/btc-signer';
import fc from 'fast-check';
import { finalizeSpend, placeholderSpend } from '../../chain/custody-spend.ts';
import {
  IMPOSSIBLE_VOUT,
  type LineTerms,
  lineCommitment,
  lineInputs,
  lineSums,
  parseLine,
  ROOT_SATS_MIN,
  rootSurplus,
  surplusAfter,
  TREASURY_SATS_MIN,
  treasuryScript,
} from '../../chain/line.ts';
import { LINE_BURNS_MAX, LINE_INPUTS_MAX, LINE_KINDS, type LineIntent } from '../../chain/line-intent.ts';
import { addressScript } from '../../chain/network.ts';
import { concat, fromHex, toHex, u64le } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import {
  addressOf,
  anyStep,
  built,
  burn,
  deposit,
  groupKey,
  hash,
  otherScript,
  root,
  signer,
  stepOf,
  steps,
  stray,
  terms,
} from './line-steps.ts';

const reading = (bytes: Uint8Array) => Transaction.fromRaw(bytes, { allowUnknownOutputs: true });
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const total = (amounts: readonly bigint[]) => amounts.reduce((sum, amount) => sum + amount, 0n);

describe('the bytes of a step', () => {
  test('are read by another reader as the inputs and outputs of the form, in its order, version 2, replaceable', () => {
    fc.assert(
      fc.property(anyStep, (intent) => {
        const { unsigned, txid, commitment } = built(intent);
        const other = reading(unsigned);
        expect(other.id).toBe(txid);
        expect({ version: other.version, lockTime: other.lockTime }).toEqual({ version: 2, lockTime: 0 });
        const inputs = numbers(other.inputsLength).map((index) => other.getInput(index));
        const named = inputs.map(({ txid: spent, index }) => `${toHex(spent ?? new Uint8Array())}:${index}`);
        const { treasury, swept, test: isTest } = intent;
        expect(named.slice(0, 1 + swept.length)).toEqual([treasury, ...swept].map((one) => `${one.txid}:${one.vout}`));
        expect(named.slice(1 + swept.length).map((name) => name.split(':')[1])).toEqual(
          isTest ? [`${IMPOSSIBLE_VOUT}`] : [],
        );
        for (const { sequence } of inputs) expect(sequence).toBe(0xffff_fffd);

        const outputs = numbers(other.outputsLength).map((index) => other.getOutput(index));
        const scripts = outputs.map(({ script }) => toHex(script ?? new Uint8Array()));
        const note = concat(u64le(intent.surplus), commitment);
        expect(note).toHaveLength(40);
        expect(scripts.slice(0, 2)).toEqual([toHex(treasuryScript(groupKey)), `6a28${toHex(note)}`]);
        expect(outputs[1]?.amount).toBe(0n);
        const paid = intent.burns.map(({ address, amount, fee }) => [address, amount - fee] as const);
        const rest =
          intent.destination === null ? [] : [[addressOf(intent.destination.script), intent.destination.amount]];
        expect(outputs.slice(2).map(({ script = new Uint8Array(), amount }) => [addressOf(script), amount])).toEqual([
          ...paid.map((one) => [...one]),
          ...rest,
        ]);
      }),
      { numRuns: 150 },
    );
  });

  test('are, word for word, those of a sweep written down once', () => {
    const { unsigned, commitment, intent } = built(steps.sweep);
    const reversed = (txid: string) => toHex(fromHex(txid).reverse());
    const input = (txid: string, vout: string) => `${reversed(txid)}${vout}00fdffffff`;
    expect(toHex(unsigned)).toBe(
      [
        '02000000',
        '03',
        input(root.txid, '00000000'),
        input(deposit(1, 0n).txid, '01000000'),
        input(deposit(2, 0n).txid, '02000000'),
        '02',
        // 2,000,000 + 75,000 − 400 sats.
        `e8a71f0000000000225120${toHex(custodyScript(groupKey, { kind: 'treasury' }).outputKey)}`,
        // 1,990,000 − 400 sats of surplus.
        `00000000000000002a6a28e05b1e0000000000${toHex(commitment)}`,
        '00000000',
      ].join(''),
    );
    expect(intent.surplus).toBe(1_989_600n);
  });

  test('ask for the signatures that Bitcoin verifies, of every input under its own leaf', () => {
    fc.assert(
      fc.property(anyStep, (intent) => {
        const { messages, unsigned } = built(intent);
        const other = reading(unsigned);
        const inputs = lineInputs(intent);
        const scripts = inputs.map(({ leaf }) => custodyScript(groupKey, leaf).scriptPubKey);
        const amounts = inputs.map(({ amount }) => amount);
        for (const [index, { message }] of messages.entries()) {
          expect(message).toEqual(other.preimageWitnessV1(index, scripts, SigHash.DEFAULT, amounts));
        }
      }),
      { numRuns: 40 },
    );
  });

  test('have exactly the size that was promised once they are signed, and as a placeholder', () => {
    for (const intent of Object.values(steps)) {
      const step = built(intent);
      const final = finalizeSpend(step, step.messages.map(signer.sign));
      if (!final.ok) throw new Error(final.reason);
      const placeholder = placeholderSpend(step);
      for (const bytes of [final.transaction, placeholder]) {
        const other = reading(bytes);
        expect([other.id, other.vsize, other.weight]).toEqual([step.txid, step.vsize, step.weight]);
      }
      expect(placeholder).toHaveLength(final.transaction.length);
    }
  });

  test('grow by 43.3 vB or less for each of 1,000 burns to the largest kind of address, with the most inputs still standard', () => {
    const address = addressOf(otherScript(3));
    const burns = numbers(LINE_BURNS_MAX).map((n) => burn(n, 1_400n, 100n, address));
    const none = built(stepOf({ step: 'void' }));
    const most = built(stepOf({ step: 'payout', burns }));
    expect(reading(placeholderSpend(most)).vsize).toBe(most.vsize);
    expect((most.vsize - none.vsize) / LINE_BURNS_MAX).toBeLessThanOrEqual(43.3);
    const swept = numbers(LINE_INPUTS_MAX - 1).map((n) => deposit(n, 1_000n));
    const full = built(stepOf({ step: 'payout', burns, swept }));
    expect(reading(placeholderSpend(full)).weight).toBe(full.weight);
    expect(full.weight).toBeLessThan(400_000);
  });
});

describe('reading a step back', () => {
  test('gives what was built, from unsigned and from signed bytes', () => {
    fc.assert(
      fc.property(anyStep, (intent) => {
        const step = built({ ...intent, test: false });
        const expected = {
          txid: step.txid,
          treasury: { txid: intent.treasury.txid, vout: intent.treasury.vout },
          inputs: step.inputs.map(({ txid, vout }) => ({ txid, vout })),
          outputs: step.outputs,
          surplus: intent.surplus,
          commitment: step.commitment,
        };
        expect(parseLine(step.unsigned, groupKey)).toEqual(expected);
        expect(parseLine(placeholderSpend(step), groupKey)).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  test('finds no step in a test: it stands outside the line', () => {
    for (const intent of Object.values(steps)) {
      expect(parseLine(built(intent).unsigned, groupKey)).not.toBeNull();
      expect(parseLine(built({ ...intent, test: true }).unsigned, groupKey)).toBeNull();
    }
  });

  test('finds no step under another key, in other notes, or in bytes with something before, after or missing', () => {
    const { unsigned, commitment, intent } = built(steps.payout);
    const text = toHex(unsigned);
    const note = toHex(concat(u64le(intent.surplus), commitment));
    const changed = (from: string, to: string) => {
      expect(text).toContain(from);
      return parseLine(fromHex(text.replace(from, to)), groupKey);
    };
    expect(parseLine(unsigned, groupKey)).not.toBeNull();
    expect(parseLine(unsigned, new Uint8Array(groupKey).fill(2, 0, 1).fill(9, 1))).toBeNull();
    expect(changed(`2a6a28${note}`, `2a6b28${note}`)).toBeNull();
    expect(changed(`2a6a28${note}`, `2a6a27${note}`)).toBeNull();
    expect(changed(`2a6a28${note}`, `296a27${note.slice(2)}`)).toBeNull();
    expect(changed(`2a6a28${note}`, `2b6a29${note}00`)).toBeNull();
    expect(changed(toHex(treasuryScript(groupKey)), toHex(otherScript(3)))).toBeNull();
    expect(parseLine(concat(unsigned, Uint8Array.of(0)), groupKey)).toBeNull();
    expect(parseLine(unsigned.subarray(1), groupKey)).toBeNull();
    for (const length of numbers(unsigned.length)) expect(parseLine(unsigned.subarray(0, length), groupKey)).toBeNull();
  });
});

describe('the sums of a step', () => {
  test('what goes in is what comes out and the miner fee, and the treasury holds at least the floor', () => {
    fc.assert(
      fc.property(anyStep, (intent) => {
        const { inputs, outputs } = built(intent);
        const ins = total(inputs.map(({ amount }) => amount));
        const outs = total(outputs.map(({ amount }) => amount));
        expect(ins).toBe(outs + intent.fee);
        expect(outputs[0]?.amount).toBe(lineSums(intent).treasury);
        expect(lineSums(intent).treasury).toBeGreaterThanOrEqual(TREASURY_SATS_MIN);
      }),
      { numRuns: 150 },
    );
  });

  test('the surplus gains fees and strays, not deposits, and loses the miner fee and what is consolidated', () => {
    const after = (intent: LineIntent) => surplusAfter(100_000n, intent);
    expect(after(stepOf({ step: 'void', fee: 700n }))).toBe(99_300n);
    expect(after(stepOf({ step: 'sweep', swept: [deposit(1, 50_000n)], fee: 0n }))).toBe(100_000n);
    expect(after(stepOf({ step: 'sweep', swept: [stray(1, 50_000n)], fee: 0n }))).toBe(150_000n);
    expect(after(stepOf({ step: 'payout', burns: [burn(1, 9_000n, 70n), burn(2, 9_000n, 7n)], fee: 0n }))).toBe(
      100_077n,
    );
    const destination = { script: otherScript(4), amount: 60_000n };
    expect(after(stepOf({ step: 'consolidate', destination, fee: 0n }))).toBe(40_000n);
    expect(after(stepOf({ step: 'void', fee: 100_001n }))).toBe(-1n);
  });

  test('what the treasury holds beyond floor and surplus changes by deposits swept and burns paid in full, by nothing else', () => {
    const backing = (treasury: bigint, surplus: bigint) => treasury - surplus - TREASURY_SATS_MIN;
    fc.assert(
      fc.property(anyStep, (intent) => {
        const deposits = intent.swept.filter(({ leaf }) => leaf.kind === 'deposit').map(({ amount }) => amount);
        const burnt = intent.burns.map(({ amount }) => amount);
        const before = backing(root.amount, rootSurplus(root));
        expect(before).toBe(0n);
        expect(backing(lineSums(intent).treasury, intent.surplus)).toBe(total(deposits) - total(burnt));
      }),
      { numRuns: 150 },
    );
  });

  test('the least root leaves a reserve above the floor', () => {
    expect([TREASURY_SATS_MIN, ROOT_SATS_MIN, rootSurplus({ ...root, amount: ROOT_SATS_MIN })]).toEqual([
      10_000n,
      20_000n,
      10_000n,
    ]);
  });
});

describe('the commitment of a step', () => {
  const burns = [burn(1), burn(2), burn(3)];
  const of = (on: Partial<LineTerms> = {}, kind: LineIntent['step'] = 'payout', list = burns) =>
    toHex(lineCommitment({ ...terms, ...on }, kind, list));

  test('differs by network, key, root, kind, and each burn txid, nullifier and place in the list', () => {
    const [first = burn(1), second = burn(2), third = burn(3)] = burns;
    const all = [
      of(),
      of({ network: 'signet' }),
      of({ keyId: hash(2, 'a') }),
      of({ root: { ...root, txid: hash(2) } }),
      of({ root: { ...root, vout: 1 } }),
      ...LINE_KINDS.filter((kind) => kind !== 'payout').map((kind) => of({}, kind)),
      of({}, 'payout', [first, second]),
      of({}, 'payout', [second, first, third]),
      of({}, 'payout', [first, second, { ...third, nullifier: hash(9, 'c') }]),
      of({}, 'payout', [first, second, { ...third, burnTxid: hash(9, 'b') }]),
      of({}, 'payout', [first, { ...second, burnTxid: second.nullifier, nullifier: second.burnTxid }, third]),
      of({}, 'payout', []),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  test('is the same whatever else the list and the root carry', () => {
    expect(of({ root: { ...root, amount: 1n } })).toBe(of());
    expect(of({}, 'payout', [burn(1, 7n, 3n), burn(2), burn(3)])).toBe(of());
  });
});

test('an address names one script in either spelling, so that two spellings of a burn make one transaction', () => {
  const upper = burn(1).address.toUpperCase();
  expect(addressScript(upper, 'regtest')).toEqual(addressScript(burn(1).address, 'regtest'));
  const intent = stepOf({ step: 'payout', burns: [burn(1)] });
  expect(built({ ...intent, burns: [{ ...burn(1), address: upper }] }).txid).toBe(built(intent).txid);
});
