// The one source of chance in a simulated run: sfc32, seeded by SHA-256 of a label. The same label gives the same stream.
import { sha256, utf8 } from '../crypto/bytes.ts';

/** A stream of pseudo-random numbers; no secret may ever come of it outside a simulation. */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  readonly #label: string;

  constructor(label: string) {
    const seed = new DataView(sha256(utf8('0BTC_WIRE_SIMULATION'), utf8(label)).buffer);
    this.#label = label;
    this.#a = seed.getUint32(0);
    this.#b = seed.getUint32(4);
    this.#c = seed.getUint32(8);
    for (let i = 0; i < 12; i++) this.u32();
  }

  /** A stream of its own, which takes nothing from this one. */
  fork(label: string): Prng {
    return new Prng(`${this.#label}/${label}`);
  }

  /** 0 … 2³² − 1. */
  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** least … most, both included. */
  int(least: number, most: number): number {
    return least + Math.floor((this.u32() / 2 ** 32) * (most - least + 1));
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.u32() / 2 ** 32 < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.u32() & 0xff;
    return bytes;
  }

  /** 64 lowercase hexadecimal characters. */
  hash(): string {
    return Buffer.from(this.bytes(32)).toString('hex');
  }

  shuffled<T>(items: readonly T[]): T[] {
    const rest = [...items];
    const out: T[] = [];
    while (rest.length > 0) out.push(...rest.splice(this.int(0, rest.length - 1), 1));
    return out;
  }
}
