import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { jsonFault } from '../../operator/config/json-fault.ts';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('the fault of a text that is no JSON', () => {
  const cases: readonly (readonly [what: string, text: string, told: string])[] = [
    ['a missing comma', '{\n  "parties": 3\n  "threshold": 2\n}', 'line 3, column 3: a comma or }'],
    ['a comma too many', '{\n  "parties": 3,\n}', 'line 3, column 1: a key in double quotes'],
    ['a placeholder', '{\n  "parties": <number_of_operators>\n}', 'line 2, column 14: a value'],
    ['a key without quotes', '{ parties: 3 }', 'line 1, column 3: a key in double quotes'],
    ['a missing colon', '{ "parties" 3 }', 'line 1, column 13: a colon'],
    ['an open list', '{"bitcoin_nodes": ["a"', 'line 1, column 23: a comma or ]'],
    ['something behind the end', '{}\n}', 'line 2, column 1: the end of the file'],
    ['no text', '', 'line 1, column 1: a value'],
  ];
  for (const [what, text, told] of cases) {
    test(`is reported with line and column: ${what}`, () => expect(jsonFault(text)).toStartWith(told));
  }

  test('is found exactly where the runtime finds the text to be none, for any text', () => {
    const noise = fc.array(fc.constantFrom(...'{}[]",:01.-e \n', '"a"', 'true', '\\u00ff'), { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json({ maxDepth: 5 }),
          noise.map((parts) => parts.join('')),
        ),
        (text) => {
          expect(jsonFault(text) === null).toBe(isJson(text));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test('of an endlessly nested text is reported, and is not a fault of this program', () => {
    expect(jsonFault('['.repeat(200_000))).toStartWith('line 1, column 65: a value');
  });
});
