// Amounts: Bitcoin Core writes bitcoins as decimal numbers with eight places, this project counts sats as bigint. No
// floating point in between: the RPC client keeps the number's own digits (see json.ts of this folder).
import { z } from 'zod';
import { SATS_MAX, satsField } from '../crypto/json-fields.ts';

/** Sats in one bitcoin. */
export const SATS_PER_BTC = 100_000_000n;
/** No amount on the chain is larger, in sats. */
export const AMOUNT_SATS_MAX = SATS_MAX;

const DECIMAL = /^(-?)(\d{1,8})(?:\.(\d{1,8}))?$/;

/** Sats of a decimal text in bitcoins, exactly, or null where it is not one or exceeds 21 million. */
export function satsFromBtc(text: string): bigint | null {
  const match = DECIMAL.exec(text);
  if (match === null) return null;
  const [, sign, whole = '', fraction = ''] = match;
  const sats = BigInt(whole) * SATS_PER_BTC + BigInt(fraction.padEnd(8, '0'));
  if (sats > AMOUNT_SATS_MAX) return null;
  return sign === '-' ? -sats : sats;
}

/** Bitcoins with eight places, the form Bitcoin Core reads and writes. */
export function btcFromSats(sats: bigint): string {
  const magnitude = sats < 0n ? -sats : sats;
  const fraction = (magnitude % SATS_PER_BTC).toString().padStart(8, '0');
  return `${sats < 0n ? '-' : ''}${magnitude / SATS_PER_BTC}.${fraction}`;
}

/** The larger of two amounts; Math.max takes no bigint. */
export function larger(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

/** The smaller of two amounts. */
export function smaller(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

/** An amount in Bitcoin Core's JSON (as text, or a whole number) to sats. */
export const btcAmount = z.union([z.string(), z.int().transform(String)]).transform((text, context) => {
  const sats = satsFromBtc(text);
  if (sats !== null) return sats;
  context.addIssue({ code: 'custom', message: 'not an amount in bitcoins' });
  return z.NEVER;
});

/** An amount in this project's own JSON: sats as a decimal string. */
export const satsAmount = satsField.transform((text) => BigInt(text));
