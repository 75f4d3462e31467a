// Arithmetic modulo the order n of secp256k1 (SEC 2) as WebAssembly, for secret scalars: limbs as in field-program.ts, the
// same operations on the same addresses for all values. A scalar in memory is packed: four words, least first.
import { add, type Code, get, i64, mul, set, shiftLeft, type WasmFunction } from './assembler.ts';
import { chain, from, indices, LIMB_BITS, LIMBS, limb, limbsOfWords, storePacked, sumOf } from './field-program.ts';

/** The group order. */
export const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

const COLUMNS = 2 * LIMBS;
const limbsOf = (value: bigint): bigint[] => {
  const limbs: bigint[] = [];
  for (let rest = value; rest > 0n; rest >>= BigInt(LIMB_BITS)) limbs.push(BigInt.asUintN(LIMB_BITS, rest));
  return limbs;
};
// 2^256 ≡ COMPLEMENT, of 129 bits, and 2^261, which lies above the last limb, ≡ 2^5 times that.
const COMPLEMENT = 2n ** 256n - N;
const FOLD = limbsOf(COMPLEMENT << 5n);

/** Locals one after the other. */
const run = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

// The limbs in `value` above the ninth times FOLD, added to the nine below, in `to`: what no product reaches is taken over
// or zero. Carries are done; the last local of `to` takes what is over.
function folded(to: readonly number[], value: readonly number[]): Code[] {
  const high = value.slice(LIMBS);
  const column = (k: number): Code => {
    const products = high.flatMap((local, i) => {
      const factor = FOLD[k - i];
      return factor === undefined ? [] : [mul(get(local), i64(factor))];
    });
    const low = k < LIMBS ? value[k] : undefined;
    return sumOf([
      ...(low === undefined ? [] : [get(low)]),
      ...products,
      ...(low === undefined && products.length === 0 ? [i64(0)] : []),
    ]);
  };
  return [...to.map((local, k) => set(local, column(k))), ...chain(to)];
}

/** (to, a, b, c): a·b + c modulo n, for any 256 bits of each. */
export function multiplyAdd(): WasmFunction {
  const [a, b] = [from(4), from(4 + LIMBS)];
  const columns = run(4 + 2 * LIMBS, COLUMNS);
  const once = run(4 + 2 * LIMBS + COLUMNS, LIMBS + 5);
  const twice = run(4 + 3 * LIMBS + COLUMNS + 5, LIMBS + 1);
  const lowered = from(4 + 4 * LIMBS + COLUMNS + 6);
  const unpacked = (to: readonly number[], parameter: number): Code[] => {
    return limbsOfWords((word) => limb(parameter, word)).map((value, i) => set(to[i] ?? 0, value));
  };
  const terms = (k: number): Code[] => {
    return indices.flatMap((i) => (k - i >= 0 && k - i < LIMBS ? [mul(get(a[i] ?? 0), get(b[k - i] ?? 0))] : []));
  };
  const added = limbsOfWords((word) => limb(3, word));
  const [eighth, ninth] = [twice[LIMBS - 1] ?? 0, twice[LIMBS] ?? 0];
  const body = [
    ...unpacked(a, 1),
    ...unpacked(b, 2),
    ...columns.map((local, k) =>
      set(local, k === COLUMNS - 1 ? i64(0) : sumOf([...terms(k), ...added.slice(k, k + 1)])),
    ),
    ...chain(columns),
    // Below 2^386, then below 2^262: FOLD has 134 bits.
    ...folded(once, columns),
    ...folded(twice, once),
    set(eighth, add(get(eighth), shiftLeft(get(ninth), LIMB_BITS))),
    ...storePacked(get(0), twice.slice(0, LIMBS), lowered, limbsOf(COMPLEMENT)),
  ];
  return { name: 'multiplyAdd', parameters: 4, i64Locals: 5 * LIMBS + COLUMNS + 7, body };
}
