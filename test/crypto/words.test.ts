import { describe, expect, test } from 'bun:test';
import { FINGERPRINT_WORDS, toWords } from '../../crypto/words.ts';

/** Levenshtein distance, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

describe('fingerprint words', () => {
  test('there is one word of four to eight lowercase letters for each byte value', () => {
    expect(FINGERPRINT_WORDS).toHaveLength(256);
    expect(new Set(FINGERPRINT_WORDS).size).toBe(256);
    for (const word of FINGERPRINT_WORDS) expect(word).toMatch(/^[a-z]{4,8}$/);
  });

  test('turning one word into another takes three letters at least', () => {
    for (const [i, a] of FINGERPRINT_WORDS.entries()) {
      for (const b of FINGERPRINT_WORDS.slice(i + 1)) {
        if (distance(a, b) < 3) throw new Error(`${a} and ${b} are too close`);
      }
    }
    expect(distance('kitten', 'sitting')).toBe(3);
  });

  test('a byte string reads as one word per byte', () => {
    expect(toWords(Uint8Array.of(0, 255, 0))).toEqual(['absent', 'zigzag', 'absent']);
  });
});
