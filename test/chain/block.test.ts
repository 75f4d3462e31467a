// Raw blocks and transactions read by hand, against btc-signer's encoding, and with bytes that are neither.
import { describe, expect, test } from 'bun:test';
import { RawTx } from '@scure/btc-signer';
import fc from 'fast-check';
import { BLOCK_BYTES_MAX, parseBlock } from '../../chain/block.ts';
import { MalformedBlockError } from '../../chain/byte-cursor.ts';
import { parseTransaction } from '../../chain/raw-transactions.ts';
import { concat } from '../../crypto/bytes.ts';
import { type AnyTransaction, anyTransaction, COINBASE, display, makeBlock, txidOf } from './block-arbitraries.ts';

const RUNS = { seed: 21, numRuns: 150 };

function reasonOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof MalformedBlockError) return error.reason;
    throw error;
  }
  return 'ok';
}

const plain: AnyTransaction = {
  version: 2,
  segwitFlag: false,
  inputs: [{ txid: new Uint8Array(32).fill(9), index: 1, finalScriptSig: new Uint8Array(0), sequence: 0 }],
  outputs: [{ amount: 5n, script: Uint8Array.of(0x51) }],
  lockTime: 0,
};
const numbered = (index: number): AnyTransaction => ({ ...plain, lockTime: index });

describe('a raw transaction', () => {
  test('has the id, inputs and outputs that btc-signer encoded', () => {
    fc.assert(
      fc.property(anyTransaction, (transaction) => {
        const raw = parseTransaction(RawTx.encode(transaction));
        expect(raw.txid(0)).toBe(display(txidOf(transaction)));
        expect([...raw.inputOffsets].map((_, place) => raw.outpoint(place))).toEqual(
          transaction.inputs.map(({ txid, index }) => ({ txid: Buffer.from(txid).toString('hex'), vout: index })),
        );
        expect(
          [...raw.outputOffsets].map((_, place) => ({ amount: raw.amount(place), script: raw.script(place) })),
        ).toEqual(transaction.outputs.map(({ amount, script }) => ({ amount, script: new Uint8Array(script) })));
      }),
      RUNS,
    );
  });

  test('is refused when it is cut anywhere, or followed by a byte', () => {
    const bytes = RawTx.encode({ ...COINBASE, outputs: [...COINBASE.outputs, ...plain.outputs] });
    for (let length = 0; length < bytes.length; length++) {
      expect(reasonOf(() => parseTransaction(bytes.subarray(0, length)))).toBe('truncated');
    }
    expect(reasonOf(() => parseTransaction(concat(bytes, Uint8Array.of(0))))).toBe('trailing_bytes');
  });

  test('is refused with an amount beyond 21 million bitcoins, counts not in shortest form, or no inputs', () => {
    const amount = (sats: bigint) => () =>
      parseTransaction(RawTx.encode({ ...plain, outputs: [{ amount: sats, script: new Uint8Array(1) }] }));
    expect(reasonOf(amount(2_100_000_000_000_000n))).toBe('ok');
    expect(reasonOf(amount(2_100_000_000_000_001n))).toBe('bad_amount');
    expect(reasonOf(amount(2n ** 64n - 1n))).toBe('bad_amount');
    const bytes = RawTx.encode(plain);
    const longer = concat(bytes.subarray(0, 4), Uint8Array.of(0xfd, 1, 0), bytes.subarray(5));
    expect(reasonOf(() => parseTransaction(longer))).toBe('bad_count');
    const huge = concat(bytes.subarray(0, 4), new Uint8Array(9).fill(0xff), bytes.subarray(5));
    expect(reasonOf(() => parseTransaction(huge))).toBe('bad_count');
    const without = concat(bytes.subarray(0, 4), Uint8Array.of(0, 1, 0), new Uint8Array(60));
    expect(reasonOf(() => parseTransaction(without))).toBe('bad_transaction');
    const noWitness = concat(bytes.subarray(0, 4), Uint8Array.of(0, 1), bytes.subarray(4, -4), new Uint8Array(5));
    expect(reasonOf(() => parseTransaction(noWitness))).toBe('bad_transaction');
  });

  test('that claims more inputs, outputs or script than there are bytes is refused without reserving room', () => {
    const bytes = RawTx.encode(plain);
    const inputs = concat(bytes.subarray(0, 4), Uint8Array.of(0xfe, 255, 255, 255, 255), bytes.subarray(5));
    expect(reasonOf(() => parseTransaction(inputs))).toBe('truncated');
    const script = concat(bytes.subarray(0, 41), Uint8Array.of(0xfe, 255, 255, 255, 255), bytes.subarray(42));
    expect(reasonOf(() => parseTransaction(script))).toBe('truncated');
  });
});

describe('a raw block', () => {
  test('has the header, txids and merkle root of its transactions', () => {
    const others = fc.array(anyTransaction, { maxLength: 9 });
    fc.assert(
      fc.property(others, fc.uint8Array({ minLength: 32, maxLength: 32 }), (list, prev) => {
        const made = makeBlock(list, prev);
        const { header, transactions } = parseBlock(made.bytes, { hash: made.hash });
        expect(header).toMatchObject({ hash: made.hash, prev: display(prev), time: 1_700_000_000 });
        expect(Array.from({ length: transactions.count }, (_, index) => transactions.txid(index))).toEqual(
          made.transactions.map((transaction) => display(txidOf(transaction))),
        );
        const outputs = made.transactions.flatMap((one, index) => one.outputs.map(() => index));
        expect(outputs.map((_, place) => transactions.transactionOfOutput(place))).toEqual(outputs);
        const inputs = made.transactions.flatMap((one, index) => one.inputs.map(() => index));
        expect(inputs.map((_, place) => transactions.transactionOfInput(place))).toEqual(inputs);
      }),
      RUNS,
    );
  });

  test('is read alike where it stands within larger bytes', () => {
    const made = makeBlock([plain]);
    const around = concat(new Uint8Array(5), made.bytes, new Uint8Array(5));
    const within = around.subarray(5, 5 + made.bytes.length);
    expect(parseBlock(within).header).toEqual(parseBlock(made.bytes).header);
    expect(parseBlock(within).transactions.txid(1)).toBe(display(txidOf(plain)));
  });

  test('from a node that lies is noticed: another block, a transaction changed, left out, added or repeated', () => {
    const made = makeBlock([numbered(1), numbered(2)]);
    expect(reasonOf(() => parseBlock(made.bytes, { hash: '00'.repeat(32) }))).toBe('wrong_hash');
    const { hash } = made;
    const withList = (list: readonly AnyTransaction[]) => () =>
      parseBlock(concat(made.bytes.subarray(0, 80), makeBlock(list).bytes.subarray(80)), { hash });
    expect(reasonOf(withList([numbered(1), numbered(2)]))).toBe('ok');
    expect(reasonOf(withList([numbered(1), numbered(3)]))).toBe('wrong_merkle_root');
    expect(reasonOf(withList([numbered(1)]))).toBe('wrong_merkle_root');
    expect(reasonOf(withList([numbered(2), numbered(1)]))).toBe('wrong_merkle_root');
    // The lone last leaf is paired with itself, so this list has the very same root (CVE-2012-2459).
    expect(reasonOf(withList([numbered(1), numbered(2), numbered(2)]))).toBe('duplicate_transactions');
    const later = concat(made.bytes.subarray(0, 68), Uint8Array.of(1), made.bytes.subarray(69));
    expect(reasonOf(() => parseBlock(later, { hash }))).toBe('wrong_hash');
  });

  test('must begin with its only coinbase', () => {
    const bytes = makeBlock([plain]).bytes;
    const body = (list: readonly AnyTransaction[]) =>
      concat(bytes.subarray(0, 80), Uint8Array.of(list.length), ...list.map((one) => RawTx.encode(one)));
    expect(reasonOf(() => parseBlock(body([])))).toBe('no_coinbase');
    expect(reasonOf(() => parseBlock(body([plain, COINBASE])))).toBe('no_coinbase');
    expect(reasonOf(() => parseBlock(body([COINBASE, COINBASE])))).toBe('bad_transaction');
  });

  test('is refused when it is cut anywhere, followed by a byte, or too large', () => {
    const { bytes } = makeBlock([plain]);
    for (let length = 0; length < bytes.length; length++) {
      expect(reasonOf(() => parseBlock(bytes.subarray(0, length)))).toBe('truncated');
    }
    expect(reasonOf(() => parseBlock(concat(bytes, Uint8Array.of(0))))).toBe('trailing_bytes');
    expect(reasonOf(() => parseBlock(new Uint8Array(BLOCK_BYTES_MAX + 1)))).toBe('too_large');
  });

  test('made of random or damaged bytes ends in nothing but its own error', () => {
    const { bytes } = makeBlock([numbered(1), numbered(2), COINBASE]);
    const damaged = fc
      .array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const copy = bytes.slice();
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      });
    const random = fc.oneof(
      damaged,
      fc.uint8Array({ maxLength: 400 }),
      fc.uint8Array({ minLength: 80, maxLength: 300 }),
    );
    fc.assert(
      fc.property(random, (noise) => {
        // Rethrows whatever is not a MalformedBlockError.
        reasonOf(() => parseBlock(noise, { merkleRoot: 'trust' }));
        reasonOf(() => parseBlock(noise));
        reasonOf(() => parseTransaction(noise));
      }),
      { seed: 22, numRuns: 3_000 },
    );
  });
});
