// Raw blocks, as `getblock HASH 0` gives them: the header, and the transactions as raw-transactions.ts reads them. What a
// node sends is held against the hash that was asked for and against the header's merkle root. So a node that leaves
// something out, adds or changes it is noticed. Witnesses are not looked at.
import { doubleSha256, HASH_BYTES, hashName } from './block-hash.ts';
import { ByteCursor, MalformedBlockError } from './byte-cursor.ts';
import { RawTransactions, TRANSACTION_BYTES_MIN } from './raw-transactions.ts';

/** Largest block (BIP 141: 4,000,000 weight units, of which a byte is at least one). */
export const BLOCK_BYTES_MAX = 4_000_000;
/** Length of a block header. */
export const HEADER_BYTES = 80;

const NULL_VOUT = 0xffff_ffff;

/** A block's header. Hashes as 64 lowercase hexadecimal characters in display order; `time` in Unix seconds. */
export interface BlockHeader {
  readonly hash: string;
  readonly prev: string;
  readonly merkleRoot: string;
  readonly time: number;
}

/** A block. */
export interface Block {
  readonly header: BlockHeader;
  readonly transactions: RawTransactions;
}

/**
 * `hash`: the block that was asked for. `merkleRoot`: `verify` (default) computes every txid and the root; `trust` is for
 * bytes that were verified before.
 */
export interface BlockChecks {
  readonly hash?: string;
  readonly merkleRoot?: 'verify' | 'trust';
}

/** Reads a whole block; `bytes` must not be changed while it is in use. Throws `MalformedBlockError`, nothing else. */
export function parseBlock(bytes: Uint8Array, checks: BlockChecks = {}): Block {
  if (bytes.length > BLOCK_BYTES_MAX) {
    throw new MalformedBlockError('too_large', `a block of ${bytes.length} bytes`);
  }
  const header = parseHeader(bytes);
  if (checks.hash !== undefined && checks.hash !== header.hash) {
    throw new MalformedBlockError('wrong_hash', `block ${header.hash} came in place of ${checks.hash}`);
  }
  const cursor = new ByteCursor(bytes, HEADER_BYTES);
  const count = cursor.count(TRANSACTION_BYTES_MIN);
  const transactions = new RawTransactions(bytes, cursor.offset, count);
  if (transactions.end !== bytes.length) {
    throw new MalformedBlockError('trailing_bytes', 'bytes follow the last transaction');
  }
  assertCoinbaseFirst(transactions);
  if (checks.merkleRoot !== 'trust' && merkleRoot(transactions) !== header.merkleRoot) {
    throw new MalformedBlockError('wrong_merkle_root', `the transactions are not those of block ${header.hash}`);
  }
  return { header, transactions };
}

/** Reads the header that bytes begin with. Throws `MalformedBlockError` where they are fewer than 80. */
export function parseHeader(bytes: Uint8Array): BlockHeader {
  new ByteCursor(bytes, 0).skip(HEADER_BYTES);
  const hash = new Uint8Array(HASH_BYTES);
  doubleSha256(bytes.subarray(0, HEADER_BYTES), hash);
  return {
    hash: hashName(hash),
    prev: hashName(bytes.subarray(4, 36)),
    merkleRoot: hashName(bytes.subarray(36, 68)),
    time: new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(68, true),
  };
}

/**
 * The merkle root of transactions, in display order. Throws `MalformedBlockError` where two neighbours are alike: such a
 * list has the root of the shorter list without the repetition (CVE-2012-2459).
 */
export function merkleRoot(transactions: RawTransactions): string {
  const level = transactions.txids().slice();
  const hashAt = (place: number) => level.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES);
  const pair = new Uint8Array(2 * HASH_BYTES);
  for (let width = transactions.count; width > 1; width = Math.ceil(width / 2)) {
    for (let left = 0; left < width; left += 2) {
      const isLone = left + 1 === width;
      pair.set(hashAt(left));
      pair.set(hashAt(isLone ? left : left + 1), HASH_BYTES);
      if (!isLone && isRepeated(pair)) {
        throw new MalformedBlockError('duplicate_transactions', 'transactions repeat within the block');
      }
      // Each parent lands at or before its left child, whose level is read no further back.
      doubleSha256(pair, hashAt(left / 2));
    }
  }
  return hashName(level.subarray(0, HASH_BYTES));
}

function isRepeated(pair: Uint8Array): boolean {
  for (let byte = 0; byte < HASH_BYTES; byte++) if (pair[byte] !== pair[byte + HASH_BYTES]) return false;
  return true;
}

// A coinbase spends nothing, only it does, and it comes first. All leaves of the tree are equally deep. So a real coinbase
// among them also shows that none is an inner node in the form of a transaction of 64 bytes (CVE-2017-12842).
function assertCoinbaseFirst(transactions: RawTransactions): void {
  if (transactions.count === 0) throw new MalformedBlockError('no_coinbase', 'a block without transactions');
  const { view, inputOffsets } = transactions;
  const isCoinbase = transactions.firstInput(1) === 1 && spendsNothing(view, inputOffsets[0] ?? 0);
  if (!isCoinbase) throw new MalformedBlockError('no_coinbase', 'the first transaction is no coinbase');
  for (let place = 1; place < inputOffsets.length; place++) {
    const at = inputOffsets[place] ?? 0;
    // Nearly every outpoint ends this in its first bytes.
    if (view.getUint32(at) === 0 && spendsNothing(view, at)) {
      throw new MalformedBlockError('bad_transaction', 'a transaction after the first spends nothing');
    }
  }
}

function spendsNothing(view: DataView, outpointAt: number): boolean {
  for (let at = 0; at < HASH_BYTES; at += 4) if (view.getUint32(outpointAt + at) !== 0) return false;
  return view.getUint32(outpointAt + HASH_BYTES) === NULL_VOUT;
}
