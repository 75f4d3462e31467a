// What a scan finds, against a plain search through the same transactions.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { parseBlock } from '../../chain/block.ts';
import { scanTransactions, WatchList } from '../../chain/block-scan.ts';
import { ByteTable } from '../../chain/byte-table.ts';
import { concat } from '../../crypto/bytes.ts';
import { anyTransaction, display, makeBlock, txidOf } from './block-arbitraries.ts';

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const taproot = (fill: number) => concat(Uint8Array.of(0x51, 32), new Uint8Array(32).fill(fill));

describe('a table of byte strings', () => {
  test('holds what a map of the same keys holds, whatever its seed and however many', () => {
    // Keys that differ in few bytes, so that slots collide.
    const key = fc.tuple(fc.nat(30), fc.nat(30)).map(([a, b]) => {
      const bytes = new Uint8Array(12);
      bytes[0] = a;
      bytes[11] = b;
      return bytes;
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.nat()), { maxLength: 400 }), key, fc.nat(), (entries, other, seed) => {
        const table = new ByteTable<number>(12, seed);
        const map = new Map<string, number>();
        for (const [bytes, value] of entries) {
          table.set(bytes, value);
          map.set(bytes.toString(), value);
        }
        expect(table.size).toBe(map.size);
        for (const [bytes] of [...entries, [other] as const]) {
          expect(table.get(viewOf(concat(new Uint8Array(3), bytes)), 3)).toBe(map.get(bytes.toString()));
        }
      }),
      { seed: 31, numRuns: 100 },
    );
  });

  test('distinguishes keys that share all bytes which the hash uses', () => {
    const table = new ByteTable<number>(32, 1);
    const key = (byte: number) => new Uint8Array(32).fill(byte, 8, 28);
    for (const value of [0, 1, 2]) table.set(key(value), value);
    expect([0, 1, 2, 3].map((byte) => table.get(viewOf(key(byte)), 0))).toEqual([0, 1, 2, undefined]);
  });

  test('finds nothing beyond the end of the bytes, and takes keys of its own length alone', () => {
    const table = new ByteTable<string>(8);
    table.set(new Uint8Array(8), 'zero');
    expect(table.get(viewOf(new Uint8Array(8)), 0)).toBe('zero');
    expect(table.get(viewOf(new Uint8Array(8)), 1)).toBeUndefined();
    expect(table.get(viewOf(new Uint8Array(8)), -1)).toBeUndefined();
    expect(() => table.set(new Uint8Array(9), '')).toThrow('8 bytes');
    expect(() => new ByteTable(6)).toThrow('bytes');
  });
});

describe('the scan of a block', () => {
  test('finds the payments to watched scripts and the spends of watched outpoints, and no others', () => {
    const scripts = [1, 2, 3, 4].map(taproot);
    const pays = fc.array(fc.nat(5), { minLength: 1, maxLength: 4 });
    const paying = fc.tuple(anyTransaction, pays).map(([transaction, payees]) => ({
      ...transaction,
      outputs: payees.map((fill) => ({ amount: BigInt(fill) + 1n, script: taproot(fill) })),
    }));
    const blocks = fc.array(fc.oneof(anyTransaction, paying), { maxLength: 8 });
    fc.assert(
      fc.property(blocks, fc.nat(), (list, pick) => {
        const made = makeBlock(list);
        const watched = new WatchList<number, string>();
        for (const [index, script] of scripts.entries()) watched.watchScript(script, index);
        const inputs = list.flatMap(({ inputs: own }) => own);
        const spent = inputs.length === 0 ? undefined : inputs[pick % inputs.length];
        const outpoint = spent && { txid: Buffer.from(spent.txid).toString('hex'), vout: spent.index };
        if (outpoint !== undefined) watched.watchOutpoint(outpoint, 'picked');
        const found = scanTransactions(parseBlock(made.bytes).transactions, watched);
        const expected = made.transactions.flatMap((transaction) =>
          transaction.outputs.flatMap(({ amount, script }, vout) => {
            const index = scripts.findIndex((one) => Buffer.compare(one, script) === 0);
            return index < 0 ? [] : [{ txid: display(txidOf(transaction)), vout, amount, script, watched: index }];
          }),
        );
        expect(found.payments).toEqual(expected);
        expect(found.spends).toEqual(
          made.transactions.flatMap((transaction) =>
            transaction.inputs.flatMap((input, number) =>
              outpoint !== undefined && spent !== undefined && input.txid === spent.txid && input.index === spent.index
                ? [{ txid: display(txidOf(transaction)), input: number, outpoint, watched: 'picked' }]
                : [],
            ),
          ),
        );
      }),
      { seed: 32, numRuns: 150 },
    );
  });

  test('is not taken in by scripts that only begin as a watched one does, or hold its key elsewhere', () => {
    const watched = new WatchList<string, never>();
    watched.watchScript(taproot(7), 'seven');
    const almost = [
      concat(taproot(7), Uint8Array.of(0)),
      taproot(7).slice(0, 33),
      concat(Uint8Array.of(0x52, 32), new Uint8Array(32).fill(7)),
      concat(Uint8Array.of(0x00, 32), new Uint8Array(32).fill(7)),
      concat(new Uint8Array(32).fill(7), Uint8Array.of(0x51, 32)),
    ];
    const outputs = almost.map((script) => ({ amount: 1n, script }));
    const input = { txid: new Uint8Array(32).fill(1), index: 0, finalScriptSig: taproot(7), sequence: 0 };
    const made = makeBlock([{ version: 2, segwitFlag: false, inputs: [input], outputs, lockTime: 0 }]);
    expect(scanTransactions(parseBlock(made.bytes).transactions, watched).payments).toEqual([]);
    expect(() => watched.watchScript(almost[0] ?? taproot(0), '')).toThrow('Taproot');
    expect(() => watched.watchScript(almost[3] ?? taproot(0), '')).toThrow('Taproot');
  });
});
