// Column types of the store. Every connection reads integers as bigint (bun:sqlite `safeIntegers`), so a 64-bit value
// never passes through a double on its way; these types say which columns stay bigint and which are small enough.
import { type SQL, sql } from 'drizzle-orm';
import { type AnySQLiteColumn, customType } from 'drizzle-orm/sqlite-core';
import type { Json } from '../crypto/canonical-json.ts';

/** All the bitcoin there can be, in sats. */
export const SATS_MAX = 2_100_000_000_000_000n;
const I64_MAX = 0x7fff_ffff_ffff_ffffn;

/** An amount in sats, 0 … SATS_MAX; INTEGER in the file, bigint here. */
export const sats = customType<{ data: bigint; driverData: bigint }>({
  dataType: () => 'integer',
  toDriver: (value) => within(value, SATS_MAX),
  fromDriver: (value) => within(value, SATS_MAX),
});

/** A non-negative 63-bit integer (mint nonces have their top bit cleared, so they fit); INTEGER in the file. */
export const uint63 = customType<{ data: bigint; driverData: bigint }>({
  dataType: () => 'integer',
  toDriver: (value) => within(value, I64_MAX),
  fromDriver: (value) => within(value, I64_MAX),
});

/** An integer that a double holds exactly: heights, indices, sequence numbers, milliseconds since 1970. */
export const integer53 = customType<{ data: number; driverData: bigint }>({
  dataType: () => 'integer',
  toDriver: (value) => BigInt(safe(value)),
  fromDriver: (value) => safe(Number(value)),
});

/** A JSON value as text. Nothing hashes these columns, so their form need not be canonical. */
export const json = customType<{ data: Json; driverData: string }>({
  dataType: () => 'text',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: (text) => JSON.parse(text),
});

/** Bytes that mean nothing to the store. */
export const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'blob' });

/** CHECK: lowercase hexadecimal of so many bytes; null passes, as in every CHECK. */
export function isHex(column: AnySQLiteColumn, byteLength: number): SQL {
  return sql`length(${column}) = ${sql.raw(String(byteLength * 2))} and ${column} not glob '*[^0-9a-f]*'`;
}

/** CHECK: a whole number of sats that can exist. */
export function isSats(column: AnySQLiteColumn): SQL {
  return sql`typeof(${column}) = 'integer' and ${column} between 0 and ${sql.raw(SATS_MAX.toString())}`;
}

/** CHECK: one of these words. */
export function isOneOf(column: AnySQLiteColumn, words: readonly string[]): SQL {
  return sql`${column} in (${sql.raw(words.map((word) => `'${word}'`).join(', '))})`;
}

/** CHECK: a transaction id and an output number (u32). */
export function isOutpoint(txid: AnySQLiteColumn, vout: AnySQLiteColumn): SQL {
  return sql`${isHex(txid, 32)} and ${vout} between 0 and 4294967295`;
}

function within(value: bigint, max: bigint): bigint {
  if (typeof value !== 'bigint' || value < 0n || value > max) throw new RangeError('integer out of its column’s range');
  return value;
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value)) throw new RangeError('not an integer that a double holds exactly');
  return value;
}
