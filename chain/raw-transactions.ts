// Serialised transactions (BIP 144) read by hand: one pass notes where each part stands, in flat arrays of offsets. Nothing
// is copied, hashed or turned into an object before it is asked for.
import { concat } from '../crypto/bytes.ts';
import { AMOUNT_SATS_MAX } from './amount.ts';
import { doubleSha256, HASH_BYTES, hashName } from './block-hash.ts';
import { ByteCursor, longCompactSize, MalformedBlockError } from './byte-cursor.ts';
import type { Outpoint } from './outpoint.ts';

/** Length of a serialised outpoint: txid in internal byte order, then vout u32 LE. */
export const OUTPOINT_BYTES = 36;
// Outpoint, empty script, sequence; amount and empty script. What is shorter cannot be one.
const INPUT_BYTES_MIN = OUTPOINT_BYTES + 1 + 4;
const OUTPUT_BYTES_MIN = 8 + 1;
/** Shortest transaction: version, one input, one output, lock time. */
export const TRANSACTION_BYTES_MIN = 4 + 1 + INPUT_BYTES_MIN + 1 + OUTPUT_BYTES_MIN + 4;

// The upper half of the largest amount: whatever is below it is small enough.
const AMOUNT_HIGH_MAX = Number(AMOUNT_SATS_MAX >> 32n);
const SEGWIT_FLAG = 1;
// One row per transaction: where it starts, where its input count stands (after marker and flag), where its outputs end
// and its witnesses begin, where it ends, and how many inputs and outputs all transactions up to it have.
const ROW = 6;

/** Transactions that follow one another in `bytes`, which must not be changed while this is in use. */
export class RawTransactions {
  readonly bytes: Uint8Array;
  /** The same bytes. */
  readonly view: DataView;
  readonly count: number;
  /** Where each input's outpoint stands, of all transactions in order. */
  readonly inputOffsets: Uint32Array;
  /** Where each output stands: amount u64 LE, script length, script. */
  readonly outputOffsets: Uint32Array;
  /** Where the last one ends. */
  readonly end: number;
  readonly #rows: Uint32Array;
  #txids: Uint8Array | null = null;

  /** Reads `count` transactions from `offset` on. Throws `MalformedBlockError`. */
  constructor(bytes: Uint8Array, offset: number, count: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const { rows, end, inputs, outputs } = readAll(bytes, this.view, offset, count);
    this.count = count;
    this.end = end;
    this.inputOffsets = inputs;
    this.outputOffsets = outputs;
    this.#rows = rows;
  }

  /** How many inputs the transactions before this one have: where its own begin in `inputOffsets`. */
  firstInput(index: number): number {
    return index === 0 ? 0 : this.#row(index - 1, 4);
  }

  /** How many outputs the transactions before this one have: where its own begin in `outputOffsets`. */
  firstOutput(index: number): number {
    return index === 0 ? 0 : this.#row(index - 1, 5);
  }

  /** Which transaction the input at this place of `inputOffsets` belongs to. */
  transactionOfInput(place: number): number {
    return this.#rowAbove(place, 4);
  }

  /** Which transaction the output at this place of `outputOffsets` belongs to. */
  transactionOfOutput(place: number): number {
    return this.#rowAbove(place, 5);
  }

  /** The outpoint that an input spends. */
  outpoint(place: number): Outpoint {
    const at = this.#offset(this.inputOffsets, place);
    const txid = hashName(this.bytes.subarray(at, at + HASH_BYTES));
    return { txid, vout: this.view.getUint32(at + HASH_BYTES, true) };
  }

  /** What an output is worth in sats. */
  amount(place: number): bigint {
    return this.view.getBigUint64(this.#offset(this.outputOffsets, place), true);
  }

  /** An output's script, copied. */
  script(place: number): Uint8Array {
    const cursor = new ByteCursor(this.bytes, this.#offset(this.outputOffsets, place) + 8);
    const length = cursor.compactSize();
    const at = cursor.skip(length);
    return this.bytes.slice(at, at + length);
  }

  /** A transaction's id in display order. */
  txid(index: number): string {
    this.#row(index, 0);
    if (this.#txids !== null) return hashName(this.#txids.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES));
    const txid = new Uint8Array(HASH_BYTES);
    this.#hash(index, txid);
    return hashName(txid);
  }

  /** A transaction's bytes as they stand, witnesses included, copied. */
  raw(index: number): Uint8Array {
    return this.bytes.slice(this.#row(index, 0), this.#row(index, 3));
  }

  /** A transaction's bytes without marker, flag and witnesses (BIP 144): what its id is the hash of. */
  unsigned(index: number): Uint8Array {
    const start = this.#row(index, 0);
    const body = this.#row(index, 1);
    const witness = this.#row(index, 2);
    const end = this.#row(index, 3);
    const parts = [
      [start, start + 4],
      [body, witness],
      [end - 4, end],
    ] as const;
    return concat(...parts.map(([from, to]) => this.bytes.subarray(from, to)));
  }

  /** All ids in internal byte order, one after the other; computed once, not to be changed. */
  txids(): Uint8Array {
    if (this.#txids === null) {
      const txids = new Uint8Array(this.count * HASH_BYTES);
      for (let index = 0; index < this.count; index++) {
        this.#hash(index, txids.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES));
      }
      this.#txids = txids;
    }
    return this.#txids;
  }

  // BIP 144: the id is the hash without marker, flag and witnesses.
  #hash(index: number, into: Uint8Array): void {
    const start = this.#row(index, 0);
    const body = this.#row(index, 1);
    const witness = this.#row(index, 2);
    const end = this.#row(index, 3);
    if (body === start + 4) {
      doubleSha256(this.bytes.subarray(start, end), into);
      return;
    }
    const length = 4 + (witness - body) + 4;
    const plain = length <= SCRATCH.length ? SCRATCH.subarray(0, length) : new Uint8Array(length);
    plain.set(this.bytes.subarray(start, start + 4));
    plain.set(this.bytes.subarray(body, witness), 4);
    plain.set(this.bytes.subarray(end - 4, end), length - 4);
    doubleSha256(plain, into);
  }

  #row(index: number, column: number): number {
    const value = this.#rows[index * ROW + column];
    if (value === undefined || index < 0) throw new RangeError(`no transaction ${index}`);
    return value;
  }

  #offset(offsets: Uint32Array, place: number): number {
    const at = offsets[place];
    if (at === undefined) throw new RangeError(`no input or output ${place}`);
    return at;
  }

  // The first transaction up to which there are more than `place` of them.
  #rowAbove(place: number, column: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#row(middle, column) > place) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** One transaction and nothing else. Throws `MalformedBlockError`. */
export function parseTransaction(bytes: Uint8Array): RawTransactions {
  const one = new RawTransactions(bytes, 0, 1);
  if (one.end === bytes.length) return one;
  throw new MalformedBlockError('trailing_bytes', 'bytes follow the transaction');
}

/** As `parseTransaction`; null where the bytes are no transaction. */
export function tryParseTransaction(bytes: Uint8Array): RawTransactions | null {
  try {
    return parseTransaction(bytes);
  } catch (error) {
    if (error instanceof MalformedBlockError) return null;
    throw error;
  }
}

// Room for what nearly every transaction is without its witnesses; nothing here waits, so one is enough.
const SCRATCH = new Uint8Array(16 * 1024);

interface Offsets {
  readonly end: number;
  readonly rows: Uint32Array;
  readonly inputs: Uint32Array;
  readonly outputs: Uint32Array;
}

// The one loop that every byte of every block passes through: its place is a local variable, for that is twice as fast as
// ByteCursor's field. What is passed is held against the end once per item; a byte beyond it reads as 0 until then.
function readAll(bytes: Uint8Array, view: DataView, offset: number, count: number): Offsets {
  const left = bytes.length - offset;
  if (count * TRANSACTION_BYTES_MIN > left) throw truncated(offset);
  const { rows, inputs, outputs } = reserve(left, count);
  let inputTotal = 0;
  let outputTotal = 0;
  const end = bytes.length;
  let at = offset;
  // Zeros read beyond the end must not be taken for what the bytes say.
  const refusal = (what: string) => (at > end ? truncated(end) : badTransaction(what));
  const compactSize = (): number => {
    const first = bytes[at++] ?? 0;
    if (first < 0xfd) return first;
    const from = at;
    at += first === 0xfd ? 2 : 4;
    if (at > end) throw truncated(from);
    return longCompactSize(view, first, from);
  };
  for (let row = 0; row < rows.length; row += ROW) {
    const start = at;
    at += 4;
    let inputCount = compactSize();
    const isSegwit = inputCount === 0;
    if (isSegwit) {
      if (bytes[at++] !== SEGWIT_FLAG) throw refusal('no inputs');
      inputCount = compactSize();
      if (inputCount === 0) throw refusal('no inputs');
    }
    rows[row] = start;
    rows[row + 1] = isSegwit ? start + 6 : start + 4;
    for (let input = 0; input < inputCount; input++) {
      inputs[inputTotal++] = at;
      at += OUTPOINT_BYTES;
      const script = compactSize();
      at += script + 4;
      if (at > end) throw truncated(start);
    }
    const outputCount = compactSize();
    if (outputCount === 0) throw refusal('no outputs');
    for (let output = 0; output < outputCount; output++) {
      const from = at;
      outputs[outputTotal++] = from;
      at += 8;
      const script = compactSize();
      at += script;
      if (at > end) throw truncated(start);
      if (view.getUint32(from + 4, true) >= AMOUNT_HIGH_MAX) assertAmount(view.getBigUint64(from, true));
    }
    rows[row + 2] = at;
    let items = 0;
    for (let input = 0; isSegwit && input < inputCount; input++) {
      const stack = compactSize();
      items += stack;
      for (let item = 0; item < stack; item++) {
        const length = compactSize();
        at += length;
        if (at > end) throw truncated(start);
      }
    }
    // BIP 144: a transaction without witnesses is serialised without marker and flag.
    if (isSegwit && items === 0) throw refusal('witness data that holds no witness');
    at += 4;
    if (at > end) throw truncated(start);
    rows[row + 3] = at;
    rows[row + 4] = inputTotal;
    rows[row + 5] = outputTotal;
  }
  // Copies, so that what is kept does not keep the room for the most that could have been there.
  return { rows, end: at, inputs: inputs.slice(0, inputTotal), outputs: outputs.slice(0, outputTotal) };
}

// Room for as many as so many bytes can hold.
function reserve(bytes: number, count: number): Omit<Offsets, 'end'> {
  return {
    rows: new Uint32Array(count * ROW),
    inputs: new Uint32Array(Math.floor(bytes / INPUT_BYTES_MIN)),
    outputs: new Uint32Array(Math.floor(bytes / OUTPUT_BYTES_MIN)),
  };
}

function assertAmount(sats: bigint): void {
  if (sats > AMOUNT_SATS_MAX) throw new MalformedBlockError('bad_amount', `an output of ${sats} sats`);
}

function truncated(at: number): MalformedBlockError {
  return new MalformedBlockError('truncated', `the bytes end within what begins at ${at}`);
}

function badTransaction(what: string): MalformedBlockError {
  return new MalformedBlockError('bad_transaction', `a transaction with ${what}`);
}
