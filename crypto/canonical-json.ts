// Canonical JSON (RFC 8785), the form in which everything that is signed or hashed as JSON is written. Integers that may
// pass 2^53 − 1 travel as decimal strings; a number beyond it is refused, so two readers cannot round it differently.
import canonicalize from 'canonicalize';
import { equal, utf8 } from './bytes.ts';

/** A value that JSON can carry without loss. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Limits of `parseCanonicalJson`. */
export interface JsonLimits {
  readonly bytesMax: number;
  /** How many arrays and objects may be open at once. */
  readonly depthMax: number;
}

/** What `parseCanonicalJson` found. */
export type JsonVerdict =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly reason: 'too_large' | 'malformed' };

/**
 * The RFC 8785 text of a value. Throws on undefined, NaN, infinities, integers beyond ±(2^53 − 1), bigint, functions,
 * symbols, lone surrogates and cycles: each is a bug of the caller, who holds typed data.
 */
export function canonicalJson(value: Json): string {
  assertJson(value, new Set());
  const text = canonicalize(value);
  if (text === undefined) throw new Error('not representable as JSON');
  return text;
}

/** `canonicalJson` as UTF-8 bytes. */
export function canonicalBytes(value: Json): Uint8Array {
  return utf8(canonicalJson(value));
}

/**
 * Reads bytes from outside that must be exactly the canonical form: size first, then strict UTF-8, then nesting depth
 * (before the parser recurses), then JSON, then byte equality with the canonical form, which also shuts out duplicate
 * keys, spare white space, −0 and second spellings of a number. Never throws.
 */
export function parseCanonicalJson(bytes: Uint8Array, limits: JsonLimits): JsonVerdict {
  if (bytes.length > limits.bytesMax) return { ok: false, reason: 'too_large' };
  try {
    // ignoreBOM keeps a leading U+FEFF in the text, where JSON.parse refuses it.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!nestsWithin(text, limits.depthMax)) return { ok: false, reason: 'malformed' };
    const value: Json = JSON.parse(text);
    return equal(canonicalBytes(value), bytes) ? { ok: true, value } : { ok: false, reason: 'malformed' };
  } catch {
    return { ok: false, reason: 'malformed' };
  }
}

/** Whether no more than `depthMax` brackets are open at any place of a JSON text; brackets inside strings are text. */
export function nestsWithin(text: string, depthMax: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (inString) {
      if (character === '\\') i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '[' || character === '{') {
      depth++;
      if (depth > depthMax) return false;
    } else if (character === ']' || character === '}') depth--;
  }
  return true;
}

// The library drops undefined members and asks toJSON; both would let the signed bytes differ from what was meant.
function assertJson(value: unknown, open: Set<object>): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new Error('JSON cannot carry a number that is not finite');
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new Error('integer beyond 2^53 - 1 in JSON');
    return;
  }
  if (typeof value !== 'object') throw new Error(`JSON cannot carry a value of type ${typeof value}`);
  if (open.has(value)) throw new Error('JSON cannot carry a cycle');
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) {
    throw new Error('JSON carries plain objects and arrays only');
  }
  open.add(value);
  // Array.from shows the holes of a sparse array as undefined, which is then refused.
  for (const member of Array.isArray(value) ? Array.from<unknown>(value) : Object.values(value)) {
    assertJson(member, open);
  }
  open.delete(value);
}
