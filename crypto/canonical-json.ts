// Canonical JSON (RFC 8785), the form in which everything that is signed or hashed as JSON is written. Integers that may
// pass 2^53 − 1 travel as decimal strings; a number beyond it is refused, so two readers cannot round it differently.
import { utf8 } from './bytes.ts';

/** A value that JSON can carry without loss. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Limits of `parseCanonicalJson`. */
export interface JsonLimits {
  readonly bytesMax: number;
  /** How many arrays and objects may be open at once. */
  readonly depthMax: number;
}

/** What `parseCanonicalJson` found; `text` is what the bytes say. */
export type JsonVerdict =
  | { readonly ok: true; readonly value: Json; readonly text: string }
  | { readonly ok: false; readonly reason: 'too_large' | 'malformed' };

/**
 * The RFC 8785 text of a value. Throws on undefined, NaN, infinities, integers beyond ±(2^53 − 1), bigint, functions,
 * symbols, lone surrogates and cycles: each is a bug of the caller, who holds typed data.
 */
export function canonicalJson(value: Json): string {
  return textOf(value, []);
}

/**
 * `canonicalJson` of an object whose member `name` has been written before: `text` is that member's canonical text, so
 * that something large is written once for all that it is part of.
 */
export function canonicalJsonWith(others: { readonly [key: string]: Json }, name: string, text: string): string {
  if (Object.hasOwn(others, name)) throw new Error('a member of an object is named once');
  const members: readonly (readonly [string, string])[] = Object.entries(others).map(([key, value]) => [
    key,
    canonicalJson(value),
  ]);
  // RFC 8785 section 3.2.3: names are sorted by their UTF-16 code units, as strings are compared here.
  const sorted = [...members, [name, text] as const].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, value]) => `${canonicalJson(key)}:${value}`).join(',')}}`;
}

/** `canonicalJson` as UTF-8 bytes. */
export function canonicalBytes(value: Json): Uint8Array {
  return utf8(canonicalJson(value));
}

// ignoreBOM keeps a leading U+FEFF in the text, where JSON.parse refuses it.
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads bytes from outside that must be exactly the canonical form: size first, then strict UTF-8, then nesting depth
 * (before the parser recurses), then JSON, then byte equality with the canonical form. The last also shuts out duplicate
 * keys, spare white space, −0 and second spellings of a number. Never throws.
 */
export function parseCanonicalJson(bytes: Uint8Array, limits: JsonLimits): JsonVerdict {
  if (bytes.length > limits.bytesMax) return { ok: false, reason: 'too_large' };
  try {
    const text = strict.decode(bytes);
    if (!nestsWithin(text, limits.depthMax)) return { ok: false, reason: 'malformed' };
    const value: Json = JSON.parse(text);
    // Strict UTF-8 has one text for the same bytes, and one spelling for each text.
    return canonicalJson(value) === text ? { ok: true, value, text } : { ok: false, reason: 'malformed' };
  } catch {
    return { ok: false, reason: 'malformed' };
  }
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Whether no more than `depthMax` brackets are open at any place of a JSON text; brackets inside strings are text. */
export function nestsWithin(text: string, depthMax: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) i = endOfString(text, i + 1);
    else if (unit === OPEN_ARRAY || unit === OPEN_OBJECT) {
      depth++;
      if (depth > depthMax) return false;
    } else if (unit === CLOSE_ARRAY || unit === CLOSE_OBJECT) depth--;
  }
  return true;
}

// Where the string that began before `from` is closed: at a quote after an even number of backslashes.
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

// RFC 8785 is JSON.stringify (ECMAScript's numbers and escapes) with the members of objects sorted by their names' UTF-16
// code units, which is how JavaScript sorts. All that stringify would drop, round or ask toJSON about is refused.
function textOf(value: unknown, open: object[]): string {
  if (typeof value === 'string') return textOfString(value);
  if (value === null || typeof value === 'boolean') return `${value}`;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new Error('JSON cannot carry a number that is not finite');
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new Error('integer beyond 2^53 - 1 in JSON');
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') throw new Error(`JSON cannot carry a value of type ${typeof value}`);
  // Messages are a few objects deep: looking through those is quicker than a set of them.
  if (open.includes(value)) throw new Error('JSON cannot carry a cycle');
  open.push(value);
  const text = Array.isArray(value) ? textOfArray(value, open) : textOfObject(value, open);
  open.pop();
  return text;
}

// Texts are appended, not mapped and joined: every message of every signature comes through here, read or written.
function textOfArray(value: readonly unknown[], open: object[]): string {
  let text = '[';
  // By index, so that the holes of a sparse array are seen as undefined and refused.
  for (let i = 0; i < value.length; i++) text += (i === 0 ? '' : ',') + textOf(value[i], open);
  return `${text}]`;
}

function textOfObject(value: object, open: object[]): string {
  if (!isPlain(value)) throw new Error('JSON carries plain objects and arrays only');
  let text = '{';
  for (const name of sortedNames(value)) {
    text += `${text === '{' ? '' : ','}${textOfString(name)}:${textOf(value[name], open)}`;
  }
  return `${text}}`;
}

// What was read in canonical form has its names in order already.
function sortedNames(value: object): readonly string[] {
  const names = Object.keys(value);
  const isSorted = names.every((name, i) => i === 0 || (names[i - 1] ?? '') < name);
  return isSorted ? names : names.sort();
}

function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

// Printable ASCII without quote and backslash, which nothing escapes: nearly all strings of a message.
const PLAIN = /^[ !#-[\]-~]*$/;

function textOfString(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`;
  if (!value.isWellFormed()) throw new Error('JSON cannot carry a lone surrogate');
  return JSON.stringify(value);
}
