// Reading Bitcoin's serialisation (blocks, transactions) without ever leaving the bytes, and the error for those that
// are malformed.

/** What is wrong with bytes that should be a block or a transaction. */
export type MalformedReason =
  | 'too_large'
  | 'truncated'
  | 'trailing_bytes'
  | 'bad_count'
  | 'bad_transaction'
  | 'bad_amount'
  | 'no_coinbase'
  | 'duplicate_transactions'
  | 'wrong_merkle_root'
  | 'wrong_hash';

/** Bytes that are no block or transaction, or not the one that was asked for: a fault of the node that sent them. */
export class MalformedBlockError extends Error {
  readonly reason: MalformedReason;
  constructor(reason: MalformedReason, message: string) {
    super(message);
    this.name = 'MalformedBlockError';
    this.reason = reason;
  }
}

/** A place in bytes that never leaves them. */
export class ByteCursor {
  offset: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array, offset: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.offset = offset;
  }

  /** Passes so many bytes and gives where they began. */
  skip(length: number): number {
    const at = this.offset;
    if (length > this.bytes.length - at) throw new MalformedBlockError('truncated', `the bytes end within ${at}`);
    this.offset = at + length;
    return at;
  }

  /** A CompactSize in its shortest form, as consensus code demands. Nothing here is longer than 2^32 bytes. */
  compactSize(): number {
    const first = this.bytes[this.skip(1)] ?? 0;
    if (first < 0xfd) return first;
    return longCompactSize(this.view, first, this.skip(first === 0xfd ? 2 : 4));
  }

  /** How many items follow, none shorter than `bytesMin`: checked before anything loops over them. */
  count(bytesMin: number): number {
    const count = this.compactSize();
    if (count * bytesMin <= this.bytes.length - this.offset) return count;
    throw new MalformedBlockError('truncated', `${count} items cannot follow at ${this.offset}`);
  }
}

/** The value of a CompactSize that begins with `first` (0xfd or more) and goes on at `offset`, where it ends within. */
export function longCompactSize(view: DataView, first: number, offset: number): number {
  if (first === 0xff) throw new MalformedBlockError('bad_count', 'a count beyond 32 bits');
  const value = first === 0xfd ? view.getUint16(offset, true) : view.getUint32(offset, true);
  if (value >= (first === 0xfd ? 0xfd : 0x1_0000)) return value;
  throw new MalformedBlockError('bad_count', 'a count that is not in its shortest form');
}
