// Random transactions and blocks, encoded by @scure/btc-signer, for tests of this project's own reading of them.
import { RawTx } from '@scure/btc-signer';
import fc from 'fast-check';
import { concat, sha256, u32le } from '../../crypto/bytes.ts';

export type AnyTransaction = Parameters<typeof RawTx.encode>[0];

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const script = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  bytes(32).map((key) => concat(Uint8Array.of(0x51, 32), key)),
  // Lengths that take a CompactSize of three and of five bytes.
  fc.constantFrom(253, 70_000).map((length) => new Uint8Array(length)),
);
const input = fc.record({
  txid: bytes(32).filter((txid) => txid.some((byte) => byte !== 0)),
  index: fc.nat(),
  finalScriptSig: script,
  sequence: fc.nat(),
});
const output = fc.record({ amount: fc.bigInt(0n, 2_100_000_000_000_000n), script });
const witness = fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 3 });
const common = {
  version: fc.integer({ min: 1, max: 3 }),
  outputs: fc.array(output, { minLength: 1, maxLength: 5 }),
  lockTime: fc.nat(),
};

const legacy = fc.record({
  ...common,
  segwitFlag: fc.constant(false),
  inputs: fc.array(input, { minLength: 1, maxLength: 4 }),
});
const segwit = fc
  .record({ ...common, spent: fc.array(fc.tuple(input, witness), { minLength: 1, maxLength: 4 }) })
  .map(({ spent, ...rest }) => ({
    ...rest,
    segwitFlag: true,
    inputs: spent.map(([one]) => one),
    // At least one item, or the transaction would be serialised without marker and flag.
    witnesses: spent.map(([, stack], index) => (index === 0 ? [...stack, new Uint8Array(64)] : stack)),
  }));

export const anyTransaction: fc.Arbitrary<AnyTransaction> = fc.oneof(legacy, segwit);

/** The transaction's id in internal byte order, by btc-signer's encoding without witnesses. */
export function txidOf({ version, inputs, outputs, lockTime }: AnyTransaction): Uint8Array {
  return sha256(sha256(RawTx.encode({ version, inputs, outputs, lockTime, segwitFlag: false })));
}

export const COINBASE: AnyTransaction = {
  version: 2,
  segwitFlag: true,
  inputs: [{ txid: new Uint8Array(32), index: 0xffff_ffff, finalScriptSig: new Uint8Array(4), sequence: 0xffff_ffff }],
  outputs: [{ amount: 5_000_000_000n, script: Uint8Array.of(0x51) }],
  witnesses: [[new Uint8Array(32)]],
  lockTime: 0,
};

export interface MadeBlock {
  readonly bytes: Uint8Array;
  /** In display order. */
  readonly hash: string;
  readonly transactions: readonly AnyTransaction[];
}

/** A block of a coinbase and these transactions, on top of `prev` (internal byte order). */
export function makeBlock(others: readonly AnyTransaction[], prev: Uint8Array = new Uint8Array(32)): MadeBlock {
  const transactions = [COINBASE, ...others];
  const root = rootOf(transactions.map(txidOf));
  const header = concat(u32le(2), prev, root, u32le(1_700_000_000), u32le(0x207f_ffff), u32le(7));
  const count = Uint8Array.of(transactions.length);
  const bytes = concat(header, count, ...transactions.map((transaction) => RawTx.encode(transaction)));
  return { bytes, hash: display(sha256(sha256(header))), transactions };
}

export function display(hash: Uint8Array): string {
  return Buffer.from(hash).reverse().toString('hex');
}

// The definition, level by level, without the node's way of doing it in place.
export function rootOf(txids: readonly Uint8Array[]): Uint8Array {
  const [only = new Uint8Array(32)] = txids;
  if (txids.length <= 1) return only;
  const even = txids.length % 2 === 0 ? txids : [...txids, txids.at(-1) ?? only];
  return rootOf(
    even.flatMap((left, index) => (index % 2 === 0 ? [sha256(sha256(left, even[index + 1] ?? left))] : [])),
  );
}
