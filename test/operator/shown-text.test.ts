import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { createLog } from '../../operator/runtime/log.ts';
import { escapedJson, printable } from '../../operator/runtime/shown-text.ts';

/** What peers and names can try: the terminal's own introducer, directions, separators, zero width, tags. */
const HOSTILE = [
  '\u0000',
  '\u0007',
  '\u001b',
  '\u007f',
  '\u0085',
  '\u009b',
  '\u00ad',
  '\u061c',
  '\u200b',
  '\u200e',
].concat(['\u2028', '\u2029', '\u202e', '\u2066', '\ufeff', '\ud800', '\u{e0041}', '\n', '\r']);
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

const line = (fields: Readonly<Record<string, string>>): string => {
  const lines: string[] = [];
  createLog(
    (written) => lines.push(written),
    () => 0,
  )('warn', 'peer_said', fields);
  return lines.join('');
};

describe('a line of the log', () => {
  test.each(HOSTILE.map((text) => [JSON.stringify(escapedJson(JSON.stringify(text))), text]))(
    'escapes %s of a peer, and a reader of JSON gets it back',
    (_, text) => {
      const written = line({ detail: `before${text}after` });
      expect(written.slice(0, -1)).not.toMatch(UNSHOWN);
      expect(JSON.parse(written).detail).toBe(`before${text}after`);
    },
  );

  test('is one line, and shows nothing that a terminal obeys, whatever a peer says', () => {
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 1 })),
    });
    fc.assert(
      fc.property(text, (detail) => {
        const written = line({ detail });
        expect(written.endsWith('\n')).toBe(true);
        expect(written.slice(0, -1)).not.toMatch(UNSHOWN);
        expect(JSON.parse(written).detail).toBe(detail);
      }),
    );
  });
});

test('printable text has a question mark for whatever would not be shown', () => {
  for (const text of HOSTILE) expect(printable(`a${text}b`)).toBe('a?b');
});
