// Interval analysis of the compiled arithmetic of secp256k1: runs a function's very bytes on sets of values instead of
// values. Every word is a sum of multiples of symbols, each of which has bounds; what adds, subtracts and scales stays such
// a sum, so that x − x is 0. A word that leaves 0 … 2^64 − 1 where that matters is an error, with the operation that it
// came from.
import type { WasmFunction } from '../../crypto/secp256k1/assembler.ts';

/** Smallest and largest value, both included. */
export type Interval = readonly [low: bigint, high: bigint];

/** What a function may be given, and where a shift to the left may drop bits because only the lower ones are meant. */
export interface Assumptions {
  /** The bounds of what lies at an address, a text such as `p1`. */
  readonly loaded: (address: string) => Interval;
  readonly droppingShifts: ReadonlySet<number>;
}

/** What was stored where, over all inputs. */
export type Stores = ReadonlyMap<string, Interval>;

const WORD = 2n ** 64n;
const WHOLE: Interval = [0n, WORD - 1n];

interface Linear {
  readonly constant: bigint;
  readonly terms: ReadonlyMap<number, bigint>;
}
/** A symbol; `shifted`: it is this sum, shifted to the right. */
interface Known {
  low: bigint;
  high: bigint;
  readonly shifted: { readonly of: Linear; readonly by: bigint } | null;
}
type Value = Linear | string;

const constant = (value: bigint): Linear => ({ constant: value, terms: new Map() });

/** One way through a function: each mask that is all ones or zero is the one or the other from its first use on. */
class Run {
  readonly stores = new Map<string, Interval>();
  /** How many masks were decided. */
  decided = 0;
  readonly #symbols: Known[] = [];
  readonly #loads = new Map<string, Linear>();
  readonly #locals = new Map<number, Value>();
  readonly #stack: Value[] = [];
  /** Sums of which a decided mask says how large they are. */
  readonly #limits: { readonly of: Linear; readonly high: bigint }[] = [];
  readonly #fn: WasmFunction;
  readonly #code: readonly number[];
  readonly #assumed: Assumptions;
  /** The choices for masks, a bit for each. */
  readonly #choices: number;
  #at = 0;

  constructor(fn: WasmFunction, assumed: Assumptions, choices: number) {
    this.#fn = fn;
    this.#code = fn.body.flat();
    this.#assumed = assumed;
    this.#choices = choices;
    for (let i = 0; i < fn.parameters; i++) this.#locals.set(i, `p${i}`);
    while (this.#at < this.#code.length) this.#step();
  }

  #fail(what: string): never {
    throw new Error(`${this.#fn.name}, byte ${this.#at}: ${what}`);
  }

  #leb(signed: boolean): bigint {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = this.#code[this.#at++] ?? this.#fail('the code ends');
      value |= BigInt(byte & 127) << shift;
      shift += 7n;
      if (byte < 128) return signed && (byte & 64) !== 0 ? value - (1n << shift) : value;
    }
  }

  #pop(): Value {
    return this.#stack.pop() ?? this.#fail('the stack is empty');
  }

  #popWord(): Linear {
    const value = this.#pop();
    return typeof value === 'string' ? this.#fail(`${value} is no word`) : value;
  }

  #bounds(value: Linear): Interval {
    const [low, high] = this.#boundsOfParts(value);
    // Where value + rest is limited, value is at most that less the least rest.
    const limits = this.#limits.map(
      (limit) => limit.high - this.#boundsOfParts(this.#combined(limit.of, value, -1n))[0],
    );
    return [low, limits.reduce((least, limit) => (limit < least ? limit : least), high)];
  }

  #boundsOfParts({ constant: low, terms }: Linear): Interval {
    const found = { low, high: low };
    for (const [id, factor] of terms) {
      const known = this.#symbols[id] ?? this.#fail('an unknown symbol');
      found.low += factor * (factor > 0n ? known.low : known.high);
      found.high += factor * (factor > 0n ? known.high : known.low);
    }
    return [found.low, found.high];
  }

  /** The bounds of what must be a word as it is. */
  #word(value: Linear, what: string): Interval {
    const [low, high] = this.#bounds(value);
    if (low < 0n || high >= WORD) this.#fail(`${what} may be ${low} to ${high}`);
    return [low, high];
  }

  #symbol([low, high]: Interval, shifted: Known['shifted'] = null): Linear {
    if (low === high) return constant(low);
    this.#symbols.push({ low, high, shifted });
    return { constant: 0n, terms: new Map([[this.#symbols.length - 1, 1n]]) };
  }

  #combined(a: Linear, b: Linear, sign: bigint): Linear {
    const terms = new Map(a.terms);
    for (const [id, factor] of b.terms) {
      const sum = (terms.get(id) ?? 0n) + sign * factor;
      if (sum === 0n) terms.delete(id);
      else terms.set(id, sum);
    }
    return { constant: a.constant + sign * b.constant, terms };
  }

  #scaled({ constant: value, terms }: Linear, by: bigint): Linear {
    return { constant: value * by, terms: new Map([...terms].map(([id, factor]) => [id, factor * by])) };
  }

  #step(): void {
    const opcode = this.#code[this.#at++];
    if (opcode === 0x03 || opcode === 0x0d) this.#leb(false);
    if (opcode === 0x03 || opcode === 0x0b) return;
    if (opcode === 0x0d) this.#pop();
    else if (opcode === 0x20) this.#get(Number(this.#leb(false)));
    else if (opcode === 0x21) this.#locals.set(Number(this.#leb(false)), this.#pop());
    else if (opcode === 0x41) this.#stack.push(`${this.#leb(true)}`);
    else if (opcode === 0x42) this.#stack.push(constant(this.#leb(true)));
    else if (opcode === 0x29) this.#load();
    else if (opcode === 0x37) this.#store();
    else if (opcode === 0x46 || opcode === 0x6a || opcode === 0x6b || opcode === 0x6c) {
      const [b, a] = [this.#pop(), this.#pop()];
      this.#stack.push(`(${a} ${opcode} ${b})`);
    } else if (opcode === 0xad) {
      this.#pop();
      this.#stack.push(this.#symbol([0n, 1n]));
    } else this.#arithmetic(opcode ?? 0);
  }

  #get(local: number): void {
    this.#stack.push(this.#locals.get(local) ?? constant(0n));
  }

  #load(): void {
    this.#leb(false);
    const offset = this.#leb(false);
    const address = this.#pop();
    if (typeof address !== 'string') this.#fail('an address is a 32-bit value');
    const name = `${address}+${offset}`;
    const known = this.#loads.get(name) ?? this.#symbol(this.#assumed.loaded(address));
    this.#loads.set(name, known);
    this.#stack.push(known);
  }

  #store(): void {
    this.#leb(false);
    const offset = this.#leb(false);
    const [value, address] = [this.#popWord(), this.#pop()];
    this.stores.set(`${String(address)}+${offset}`, this.#word(value, 'what is stored'));
  }

  #arithmetic(opcode: number): void {
    const [b, a] = [this.#popWord(), this.#popWord()];
    if (opcode === 0x7c) this.#push(this.#combined(a, b, 1n), 'a sum');
    else if (opcode === 0x7d) this.#push(this.#combined(a, b, -1n), 'a difference');
    else if (opcode === 0x7e) this.#product(a, b);
    else if (opcode === 0x83) this.#and(a, b);
    else if (opcode === 0x84) {
      this.#word(a, 'an operand of or');
      this.#word(b, 'an operand of or');
      this.#stack.push(this.#symbol(WHOLE));
    } else if (opcode === 0x86) this.#shiftLeft(a, b.constant);
    else if (opcode === 0x88) {
      const [low, high] = this.#word(a, 'what is shifted to the right');
      this.#stack.push(this.#symbol([low >> b.constant, high >> b.constant], { of: a, by: b.constant }));
    } else this.#fail(`no known operation: ${opcode}`);
  }

  // A difference may be negative for a while; it is no word then, and not taken for one.
  #push(value: Linear, what: string): void {
    const [low, high] = this.#bounds(value);
    if (high >= WORD || low <= -WORD) this.#fail(`${what} may be ${low} to ${high}`);
    this.#stack.push(value);
  }

  #product(a: Linear, b: Linear): void {
    if (b.terms.size === 0) {
      this.#push(this.#scaled(a, b.constant), 'a product');
      return;
    }
    const [[lowA, highA], [lowB, highB]] = [this.#word(a, 'a factor'), this.#word(b, 'a factor')];
    this.#push(this.#symbol([lowA * lowB, highA * highB]), 'a product');
  }

  #shiftLeft(a: Linear, by: bigint): void {
    const [low, high] = this.#word(a, 'what is shifted to the left');
    if (high << by < WORD) {
      // Where a limit makes it smaller than its parts say, that is kept instead of the parts.
      const isLimited = high < this.#boundsOfParts(a)[1];
      const value = isLimited ? this.#symbol([low, high]) : a;
      this.#push(this.#scaled(value, 1n << by), 'what was shifted to the left');
      return;
    }
    if (!this.#assumed.droppingShifts.has(Number(by))) this.#fail(`up to ${high}, shifted by ${by}, drops bits`);
    this.#stack.push(this.#symbol([0n, WORD - (1n << by)]));
  }

  #and(a: Linear, b: Linear): void {
    if (b.terms.size === 0 && b.constant >= 0n) {
      const [, high] = this.#word(a, 'what is cut');
      this.#stack.push(high <= b.constant ? a : this.#symbol([0n, b.constant]));
      return;
    }
    // −1 or 0.
    const [id = -1, ...others] = b.terms.keys();
    const mask = this.#symbols[id];
    if (b.terms.size === 0 && b.constant === -1n) this.#stack.push(a);
    else if (
      mask === undefined ||
      others.length > 0 ||
      b.terms.get(id) !== -1n ||
      b.constant !== 0n ||
      mask.high > 1n
    ) {
      this.#fail('no mask');
    } else this.#stack.push(this.#isOnes(mask) ? a : constant(0n));
  }

  #isOnes(mask: Known): boolean {
    if (mask.low === mask.high) return mask.low === 1n;
    const isOnes = ((this.#choices >> this.decided) & 1) === 1;
    this.decided += 1;
    mask.low = mask.high = isOnes ? 1n : 0n;
    // What was shifted to 0 was small.
    if (!isOnes && mask.shifted !== null)
      this.#limits.push({ of: mask.shifted.of, high: (1n << mask.shifted.by) - 1n });
    return isOnes;
  }
}

/** Goes through a function on all inputs that it may be given. Throws where a word may leave its bounds. */
export function analyse(fn: WasmFunction, assumed: Assumptions): Stores {
  const all = new Map<string, Interval>();
  for (let choices = 0, count = 1; choices < count; choices++) {
    const run = new Run(fn, assumed, choices);
    count = Math.max(count, 2 ** run.decided);
    for (const [name, [low, high]] of run.stores) {
      const known = all.get(name) ?? [low, high];
      all.set(name, [low < known[0] ? low : known[0], high > known[1] ? high : known[1]]);
    }
  }
  return all;
}

/** Whether a function does nothing itself but call others, so that what holds for them holds for it. */
export function onlyCalls(fn: WasmFunction): boolean {
  const positions = fn.body.flat();
  // Operations on words, loads and stores: 0x29, 0x37, and what lies between 0x7c and 0x8a.
  const isOwn = (opcode: number): boolean => opcode === 0x29 || opcode === 0x37 || (opcode >= 0x7c && opcode <= 0x8a);
  return fn.i64Locals === 0 && !opcodesOf(positions).some(isOwn);
}

function opcodesOf(code: readonly number[]): number[] {
  const found: number[] = [];
  for (let at = 0; at < code.length; ) {
    const opcode = code[at++] ?? 0;
    found.push(opcode);
    if ([0x0b, 0x46, 0x6a, 0x6b, 0x6c, 0xad].includes(opcode) || opcode >= 0x7c) continue;
    while ((code[at] ?? 0) >= 128) at++;
    at++;
    if (opcode === 0x29 || opcode === 0x37) while ((code[at++] ?? 0) >= 128);
  }
  return found;
}
