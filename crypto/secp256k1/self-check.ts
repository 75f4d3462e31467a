// A self-check at start: the compiled arithmetic against noble's on a few scalars. Tests hold both together on many; this
// one is for the machine and the engine it runs on, where a fault would show only as signatures that nobody accepts.
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE } from '@noble/curves/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { multiplyRegular, type Point, sumOfProducts } from './multiply.ts';

const { BASE, Fn } = secp256k1.Point;

/** The two multiplications that are checked. */
export interface Arithmetic {
  readonly secret: (scalar: Uint8Array, point: Point) => Point;
  readonly publicSum: (points: readonly Point[], scalars: readonly bigint[]) => Point;
}

const COMPILED: Arithmetic = { secret: multiplyRegular, publicSum: sumOfProducts };

const scalarOf = (name: string): bigint => Fn.create(bytesToNumberBE(sha256(utf8ToBytes(name))));

/** Throws where the compiled arithmetic and noble's disagree: then nothing may be computed with it. */
export function checkArithmetic(arithmetic: Arithmetic = COMPILED): void {
  const [a, b] = [scalarOf('self-check a'), Fn.ORDER - 2n];
  const other = BASE.multiply(scalarOf('self-check point'));
  const expected = BASE.multiply(a).add(other.multiply(b));
  const secret = arithmetic.secret(Fn.toBytes(a), BASE).add(arithmetic.secret(Fn.toBytes(b), other));
  const open = arithmetic.publicSum([BASE, other], [a, b]);
  if (secret.equals(expected) && open.equals(expected)) return;
  throw new Error('The arithmetic of secp256k1 computes wrongly on this machine: nothing can be signed here.');
}
