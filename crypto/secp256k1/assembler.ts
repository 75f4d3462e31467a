// A WebAssembly module put together from expressions (WebAssembly Core Specification 1.0, section 5). Only what the
// arithmetic of this folder needs: 64-bit integers, one memory, functions whose parameters are addresses.

/** The bytes of an expression or statement, in postfix order. */
export type Code = readonly number[];

/** A function of the module. Its parameters, 32 bits each, are the first locals; those of 64 bits follow. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: number;
  readonly i64Locals: number;
  readonly body: readonly Code[];
}

const I32 = 0x7f;
const I64 = 0x7e;
/** log2 of the alignment of all that is read and written. */
const ALIGNMENT = 3;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? byte + 128 : byte);
  } while (rest > 0);
  return bytes;
}

function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const byte = Number(BigInt.asUintN(7, rest));
    const isLast = rest >= -64n && rest < 64n;
    bytes.push(isLast ? byte : byte + 128);
    if (isLast) return bytes;
  }
}

/** The value of a parameter or local. */
export const get = (local: number): Code => [0x20, ...unsigned(local)];
/** Assigns a local. */
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
/** A 32-bit constant: an address or a count. */
export const i32 = (value: number): Code => [0x41, ...signed(BigInt(value))];
/** A 64-bit constant. */
export const i64 = (value: bigint | number): Code => [0x42, ...signed(BigInt(value))];
/** Reads 64 bits at an address and offset. */
export const load = (at: Code, offset: number): Code => [...at, 0x29, ALIGNMENT, ...unsigned(offset)];
/** Writes 64 bits. */
export const store = (at: Code, offset: number, value: Code): Code => {
  return [...at, ...value, 0x37, ALIGNMENT, ...unsigned(offset)];
};
export const add = (a: Code, b: Code): Code => [...a, ...b, 0x7c];
export const sub = (a: Code, b: Code): Code => [...a, ...b, 0x7d];
export const mul = (a: Code, b: Code): Code => [...a, ...b, 0x7e];
export const and = (a: Code, b: Code): Code => [...a, ...b, 0x83];
export const or = (a: Code, b: Code): Code => [...a, ...b, 0x84];
export const shiftLeft = (a: Code, bits: number): Code => [...a, ...i64(bits), 0x86];
/** Shifts right, filling with zeroes. */
export const shiftRight = (a: Code, bits: number): Code => [...a, ...i64(bits), 0x88];
/** All ones where two 32-bit values are equal, else zero; both of 64 bits. No branch. */
export const maskIfEqual = (a: Code, b: Code): Code => sub(i64(0), [...a, ...b, 0x46, 0xad]);
export const add32 = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
export const sub32 = (a: Code, b: Code): Code => [...a, ...b, 0x6b];
/** Runs statements, then again for as long as a 32-bit value is not zero. */
export const repeatWhile = (statements: readonly Code[], value: Code): Code => {
  return [0x03, 0x40, ...statements.flat(), ...value, 0x0d, 0x00, 0x0b];
};
/** Calls the function at this position of the module. */
export const call = (position: number, args: readonly Code[]): Code => [...args.flat(), 0x10, ...unsigned(position)];

function vector(items: readonly Code[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function text(value: string): number[] {
  return [value.length, ...Array.from(value, (character) => character.charCodeAt(0))];
}

/** The module's bytes. It exports every function by its name, and its memory of so many 64 KiB pages as `memory`. */
export function assemble(functions: readonly WasmFunction[], pages: number): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [
    0x60,
    ...vector(Array.from({ length: parameters }, () => [I32])),
    0,
  ]);
  const exported = functions.map(({ name }, position) => [...text(name), 0x00, ...unsigned(position)]);
  const bodies = functions.map(({ i64Locals, body }) => {
    const content = [...vector(i64Locals > 0 ? [[...unsigned(i64Locals), I64]] : []), ...body.flat(), 0x0b];
    return [...unsigned(content.length), ...content];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(3, vector(functions.map((_, position) => unsigned(position)))),
    ...section(5, vector([[0x00, ...unsigned(pages)]])),
    ...section(7, vector([...exported, [...text('memory'), 0x02, 0x00]])),
    ...section(10, vector(bodies)),
  ]);
}
