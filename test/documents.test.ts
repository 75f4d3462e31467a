// Holds the documents to the files: whatever file a document names is there, so that what goes from the code goes from the
// documents too. Names of tables and triggers are held against the schema.
import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['bench', 'ceremony', 'chain', 'cli', 'crypto', 'devnet', 'docs', 'migrations', 'operator'];
const MORE_FOLDERS = ['routes', 'simulation', 'store', 'test', 'views'];
const DOCUMENTS = ['README.md', 'CHANGELOG.md', ...readdirSync(`${root}docs`).map((name) => `docs/${name}`)];

/** Every file and folder of the project, relative to its root, and what its commands write. */
const FILES: readonly string[] = [
  ...FOLDERS,
  ...MORE_FOLDERS,
  'bench/results.json',
  ...readdirSync(root).filter((name) => name.includes('.')),
  ...[...FOLDERS, ...MORE_FOLDERS].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true }).map((name) => `${folder}/${name}`),
  ),
];

/** The files and folders that a text names in backquotes; `*` stands for anything. */
function namesIn(markdown: string): readonly string[] {
  const quoted = [...markdown.matchAll(/`([a-z][A-Za-z0-9_.*-]*(?:\/[A-Za-z0-9_.*-]+)*\/?)`/g)].map(
    (match) => match[1] ?? '',
  );
  const isPath = (name: string): boolean =>
    /\.(ts|tsx|sql|sh)$/.test(name) || [...FOLDERS, ...MORE_FOLDERS].some((folder) => name.startsWith(`${folder}/`));
  return [...new Set(quoted.filter(isPath))];
}

/** Which of the names no file has. One without a folder may be that of a file in any folder. */
function missing(names: readonly string[], files: readonly string[]): readonly string[] {
  return names.filter((name) => {
    const path = name.replace(/\/$/, '');
    const globs = [new Bun.Glob(path), new Bun.Glob(`**/${path}`)];
    return !files.some((file) => globs.some((glob) => glob.match(file)));
  });
}

describe('every file exists that is named by', () => {
  for (const document of DOCUMENTS.filter((name) => name.endsWith('.md'))) {
    test(document, () => {
      expect(missing(namesIn(readFileSync(`${root}${document}`, 'utf8')), FILES)).toEqual([]);
    });
  }
});

describe('what messages of the program send the operator to', () => {
  const sources = ['server.ts', ...FILES.filter((name) => /^(cli|operator|routes|chain|store)\/.*\.tsx?$/.test(name))];
  const messages = sources.flatMap((file) =>
    readFileSync(`${root}${file}`, 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\/\/|\/?\*)/.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );

  test('is never the README, as the runbook has every command', () => {
    expect(messages.filter((line) => line.includes('README'))).toEqual([]);
  });

  test('is a section that the named document has', () => {
    const named = messages.flatMap((line) =>
      [...line.matchAll(/(?:docs\/)?([A-Z]+)(?:\.md)?, "([^"]+)"/g)].map(([, document, section]) => ({
        line,
        document: document ?? '',
        section: section ?? '',
      })),
    );
    expect(named.length).toBeGreaterThan(4);
    const lacking = named.filter(({ document, section }) => {
      const lines = readFileSync(`${root}docs/${document}.md`, 'utf8').split('\n');
      return !lines.some((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === section);
    });
    expect(lacking).toEqual([]);
  });
});

describe('docs/ARCHITECTURE.md', () => {
  const text = readFileSync(`${root}docs/ARCHITECTURE.md`, 'utf8');
  const schema = readdirSync(`${root}migrations`)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => readFileSync(`${root}migrations/${name}`, 'utf8'))
    .join('\n');
  const made = (what: string): readonly string[] =>
    [...schema.matchAll(new RegExp(`CREATE ${what} \`?([a-z_]+)`, 'g'))].map((match) => match[1] ?? '');

  test('describes every table of the schema, and no other', () => {
    const storage = text.slice(text.indexOf('| table | one row is |'), text.indexOf('| table | triggers |'));
    const rows = storage.split('\n').filter((line) => line.startsWith('| `'));
    const named = rows.flatMap((line) =>
      [...(line.split(' | ')[0] ?? '').matchAll(/`([a-z_]+)`/g)].map((one) => one[1]),
    );
    expect(named.sort()).toEqual([...made('TABLE')].sort());
  });

  test('lists every trigger of the schema, and no other', () => {
    const from = text.indexOf('| table | triggers |');
    const rows = text
      .slice(from, text.indexOf('###', from))
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const named = rows.flatMap((line) => {
      const [table = '', ...rest] = [...line.matchAll(/`([a-z_]+)`/g)].map((one) => one[1] ?? '');
      return rest.map((name) => (name.startsWith('_') ? `${table}${name}` : name));
    });
    expect(named.sort()).toEqual([...made('TRIGGER')].sort());
  });
});

test('a file that is not there is found out', () => {
  const names = namesIn('`store/gone.ts`, `line.ts`, `test/a*.test.ts`, `operator/`, `x.y`, `burn_txid`');
  expect(names).toEqual(['store/gone.ts', 'line.ts', 'test/a*.test.ts', 'operator/']);
  expect(missing(names, ['chain/line.ts', 'test/b.test.ts', 'operator/node.ts', 'operator'])).toEqual([
    'store/gone.ts',
    'test/a*.test.ts',
  ]);
});
