// Holds docs/SECURITY.md to the tests: what it promises names the test that shows it, and each test that it names is there
// under that name.
import { beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A file or folder that the text names, with the names of tests that follow it. */
interface Citation {
  readonly path: string;
  readonly names: readonly string[];
}

/** The citations of a text: a path in backquotes, then, before the next such path, names in double quotes. */
function citationsIn(text: string): readonly Citation[] {
  const flat = text.replaceAll(/\s+/g, ' ');
  const paths = [...flat.matchAll(/`((?:test|simulation)\/[^`]*)`/g)];
  return paths.map((match, i) => {
    const end = paths[i + 1]?.index ?? flat.length;
    // Names follow at once, parted by commas, "and" or brackets; anything else ends them.
    const after = flat.slice(match.index + match[0].length, end);
    const listed = /^(?:[ ,(;]|and)*((?:"[^"]+"(?:[ ,;)]|and)*)*)/.exec(after)?.[1] ?? '';
    return { path: match[1] ?? '', names: [...listed.matchAll(/"([^"]+)"/g)].map((name) => name[1] ?? '') };
  });
}

/** What is wrong with a citation, one sentence each. `read`: a file's text, null where there is none. */
function flaws({ path, names }: Citation, read: (path: string) => string | null): readonly string[] {
  const text = read(path);
  if (text === null) return [`${path} is not there`];
  // Names stand in string literals, where quotes may be escaped; comments prove nothing.
  const code = text.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '').replaceAll("\\'", "'");
  return names.filter((name) => !code.includes(name)).map((name) => `${path} has no test "${name}"`);
}

/** The rows of tables whose last column says what shows a promise, without their heads. */
function promisesIn(markdown: string): readonly string[] {
  const rows: string[] = [];
  let isPromise = false;
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) isPromise = false;
    else if (/\| shown by \|$/.test(line)) isPromise = true;
    else if (isPromise && !/^\|[-| ]+\|$/.test(line)) rows.push(line);
  }
  return rows;
}

function fileOf(path: string): string | null {
  const full = `${root}${path}`;
  if (!existsSync(full)) return null;
  return statSync(full).isDirectory() ? '' : readFileSync(full, 'utf8');
}

describe('docs/SECURITY.md', () => {
  let text = '';
  beforeAll(() => {
    text = readFileSync(`${root}docs/SECURITY.md`, 'utf8');
  });

  test('names files and tests that exist', () => {
    const citations = citationsIn(text);
    expect(citations.length).toBeGreaterThan(30);
    expect(citations.flatMap(({ names }) => names).length).toBeGreaterThan(20);
    expect(citations.flatMap((citation) => flaws(citation, fileOf))).toEqual([]);
  });

  test('names the test behind every promise', () => {
    const promises = promisesIn(text);
    expect(promises.length).toBeGreaterThan(20);
    const unshown = promises.filter((row) => {
      const shown = row.split('|').at(-2) ?? '';
      return !citationsIn(shown).some(({ path }) => path.startsWith('test/'));
    });
    expect(unshown).toEqual([]);
  });
});

describe('the check would', () => {
  const files: Readonly<Record<string, string>> = {
    'test/a.test.ts': "// says 'only a comment'\ntest('keeps a promise', () => {});\ntest('it\\'s kept', () => {});",
  };
  const read = (path: string) => files[path] ?? null;
  const told = (markdown: string) => citationsIn(markdown).flatMap((citation) => flaws(citation, read));

  test('pass a test that is there, also where the name breaks over two lines', () => {
    expect(told('shown by `test/a.test.ts`, "keeps a\npromise", "it\'s kept"; and more')).toEqual([]);
  });

  test('miss a test that is not there, and one that only a comment names', () => {
    expect(told('`test/a.test.ts` ("keeps another promise")')).toEqual([
      'test/a.test.ts has no test "keeps another promise"',
    ]);
    expect(told('`test/a.test.ts`, "only a comment"')).toHaveLength(1);
    expect(told('`test/b.test.ts`')).toEqual(['test/b.test.ts is not there']);
  });

  test('find every promise of a table, and none in other tables', () => {
    const table =
      '| promise | shown by |\n|---|---|\n| one | x |\n| two | y |\n\n| word | meaning |\n|---|---|\n| a | b |';
    expect(promisesIn(table)).toEqual(['| one | x |', '| two | y |']);
  });
});
