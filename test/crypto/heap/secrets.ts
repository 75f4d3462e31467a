// How a secret of 32 bytes may lie in memory: as its bytes, as a bigint's digits, as hexadecimal, as the digits that it is
// multiplied by. The middle of each is looked for, so that a copy that lost its ends is found too.
import { toHex } from '../../../crypto/bytes.ts';
import { signedWindows } from '../../../crypto/secp256k1/recoding.ts';
import type { Pattern } from './process-memory.ts';

const middle = (bytes: Uint8Array): Uint8Array => bytes.slice(8, bytes.length - 8);

/** All forms of a secret. */
export function formsOf(name: string, secret: Uint8Array): Pattern[] {
  const hex = toHex(secret);
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const windows = [5, 6].map((width) => new Uint8Array(signedWindows(secret, width).buffer));
  return [
    { name: `${name}, as bytes`, bytes: middle(secret) },
    { name: `${name}, as a bigint`, bytes: middle(secret.toReversed()) },
    { name: `${name}, as hexadecimal`, bytes: middle(text(hex)) },
    {
      name: `${name}, as hexadecimal of two bytes a digit`,
      bytes: new Uint8Array(Uint16Array.from(middle(text(hex))).buffer),
    },
    ...windows.map((digits) => ({ name: `${name}, as digits`, bytes: middle(digits) })),
  ];
}
