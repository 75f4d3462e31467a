// A hash table whose keys are byte strings of one length, looked up where they stand in larger bytes: open addressing over
// flat arrays, so that a lookup allocates nothing, and a hundred thousand keys take a few megabytes.

const SLOTS_MIN = 16;
// Two words per slot: the key's hash, then the place of its entry + 1, or 0. The hash spares a look at another key.
const SLOT_WORDS = 2;
// At most three of four slots are taken.
const TAKEN_MAX = 0.75;
// Keys are many and kept for ever: little room is made ahead.
const KEYS_GROWTH = 1.25;

/** Keys of `keyBytes` bytes (at least 8) to values. Keys are added or given another value, never removed. */
export class ByteTable<Value> {
  readonly keyBytes: number;
  readonly #seed: number;
  readonly #values: Value[] = [];
  #keys: DataView;
  #slots: Uint32Array;

  /**
   * `keyBytes`: a multiple of 4. `seed`: any 32-bit number; by default a random one, as who chooses keys (others'
   * addresses, for one) could otherwise choose many for one slot.
   */
  constructor(keyBytes: number, seed: number = randomSeed()) {
    if (!Number.isInteger(keyBytes / 4) || keyBytes < 8) throw new RangeError('keys have 8, 12, 16, … bytes');
    this.keyBytes = keyBytes;
    this.#seed = seed;
    this.#slots = new Uint32Array(SLOTS_MIN * SLOT_WORDS);
    this.#keys = viewOf(new Uint8Array(SLOTS_MIN * keyBytes));
  }

  get size(): number {
    return this.#values.length;
  }

  /** Adds a key, or gives it another value. Throws where its length is another. */
  set(key: Uint8Array, value: Value): void {
    if (key.length !== this.keyBytes) throw new RangeError(`keys have ${this.keyBytes} bytes`);
    const view = viewOf(key);
    const hash = this.#hash(view, 0);
    const slot = this.#slotOf(hash, view, 0);
    const entry = this.#slots[slot + 1] ?? 0;
    if (entry !== 0) {
      this.#values[entry - 1] = value;
      return;
    }
    const place = this.#values.push(value) - 1;
    this.#keep(key, place);
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = place + 1;
    if (this.size * SLOT_WORDS > this.#slots.length * TAKEN_MAX) this.#grow();
  }

  /** The value of the key that stands in `view` at `offset`; undefined where there is none or the bytes end before. */
  get(view: DataView, offset: number): Value | undefined {
    if (offset < 0 || offset + this.keyBytes > view.byteLength) return undefined;
    const entry = this.#slots[this.#slotOf(this.#hash(view, offset), view, offset) + 1] ?? 0;
    return entry === 0 ? undefined : this.#values[entry - 1];
  }

  // The slot of the key, or the free one where it would be.
  #slotOf(hash: number, view: DataView, offset: number): number {
    const slots = this.#slots;
    const mask = slots.length - SLOT_WORDS;
    for (let slot = (hash * SLOT_WORDS) & mask; ; slot = (slot + SLOT_WORDS) & mask) {
      const entry = slots[slot + 1] ?? 0;
      if (entry === 0 || (slots[slot] === hash && this.#isKey(entry - 1, view, offset))) return slot;
    }
  }

  #isKey(place: number, view: DataView, offset: number): boolean {
    const from = place * this.keyBytes;
    for (let at = 0; at < this.keyBytes; at += 4) {
      if (this.#keys.getUint32(from + at) !== view.getUint32(offset + at)) return false;
    }
    return true;
  }

  // Keys are hashes or curve points, told apart by their first eight bytes, and outpoints of one transaction by their last
  // four. Multiplied and folded with the seed as in MurmurHash3.
  #hash(view: DataView, offset: number): number {
    let hash = Math.imul(view.getUint32(offset) ^ this.#seed, 0x85eb_ca6b);
    hash = Math.imul((hash ^ (hash >>> 15)) + view.getUint32(offset + 4), 0xc2b2_ae35);
    hash = Math.imul((hash ^ (hash >>> 13)) + view.getUint32(offset + this.keyBytes - 4), 0x27d4_eb2f);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  #keep(key: Uint8Array, place: number): void {
    const { keyBytes } = this;
    const kept = bytesOf(this.#keys);
    if ((place + 1) * keyBytes <= kept.length) {
      kept.set(key, place * keyBytes);
      return;
    }
    const larger = new Uint8Array(Math.ceil((place + 1) * KEYS_GROWTH) * keyBytes);
    larger.set(kept);
    larger.set(key, place * keyBytes);
    this.#keys = viewOf(larger);
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let place = 0; place < this.size; place++) {
      const hash = this.#hash(this.#keys, place * this.keyBytes);
      const slot = this.#slotOf(hash, this.#keys, place * this.keyBytes);
      this.#slots[slot] = hash;
      this.#slots[slot + 1] = place + 1;
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
