// Holds docs/PROTOCOL.md to ceremony/refusals.ts: every refusal is explained there, none that is gone is, and the files that
// are said to refuse really name the reason.
import { beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { REFUSAL_REASONS } from '../ceremony/refusals.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A row of the table: the reason, and the files that say it. */
interface Row {
  readonly reason: string;
  readonly files: readonly string[];
}

/** The rows of the table whose head is "reason | meaning | said by". */
function rowsIn(markdown: string): readonly Row[] {
  const lines = markdown.split('\n');
  const head = lines.indexOf('| reason | meaning | said by |');
  const rest = lines.slice(head + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, head < 0 ? 0 : end).map((line) => {
    const cells = line.split(' | ');
    const files = [...(cells.at(-1) ?? '').matchAll(/`([^`]+\.ts)`/g)].map((match) => match[1] ?? '');
    return { reason: /^\| `([a-z_]+)`$/.exec(cells[0] ?? '')?.[1] ?? line, files };
  });
}

describe('the table of refusals in docs/PROTOCOL.md', () => {
  let rows: readonly Row[] = [];
  beforeAll(() => {
    rows = rowsIn(readFileSync(`${root}docs/PROTOCOL.md`, 'utf8'));
  });

  test('has every refusal once, and no other', () => {
    expect(rows.map(({ reason }) => reason).sort()).toEqual([...REFUSAL_REASONS].sort());
  });

  test('names for each the files that say it', () => {
    const wrong = rows.flatMap(({ reason, files }) => {
      if (files.length === 0) return [`${reason}: no file`];
      const silent = files.filter((file) => {
        const path = `${root}${file}`;
        return !existsSync(path) || !readFileSync(path, 'utf8').includes(`'${reason}'`);
      });
      return silent.map((file) => `${reason}: ${file}`);
    });
    expect(wrong).toEqual([]);
  });
});

test('a table that lacks a row, or has one too many, is found out', () => {
  const table =
    '| reason | meaning | said by |\n|---|---|---|\n| `one` | a, b | `x.ts`, `y.ts` |\n| `two` | c | `z.ts` |\n\n';
  expect(rowsIn(table)).toEqual([
    { reason: 'one', files: ['x.ts', 'y.ts'] },
    { reason: 'two', files: ['z.ts'] },
  ]);
  expect(rowsIn('no table')).toEqual([]);
});
