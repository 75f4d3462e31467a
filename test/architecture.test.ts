// Holds the whole project to the rules of its structure, and each rule to a sample that breaks it.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { API } from 'typescript/unstable/async';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { circles, FILE_LINES_MAX, FUNCTION_LINES_MAX, type Source, violations } from './architecture-rules.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const opened: API[] = [];

async function parseProject(api: API, folder: string): Promise<Source[]> {
  opened.push(api);
  const snapshot = await api.updateSnapshot({ openProject: `${folder}tsconfig.json` });
  const project = snapshot.getProjects()[0];
  if (project === undefined) throw new Error(`no project in ${folder}`);
  const sources = await Promise.all(
    project.rootFiles.map(async (name) => {
      const file = await project.program.getSourceFile(name);
      return file === undefined ? [] : [{ path: relative(folder, name).split(sep).join('/'), file }];
    }),
  );
  return sources.flat();
}

afterAll(async () => {
  await Promise.all(opened.map((api) => api.close()));
});

describe('the project', () => {
  let sources: Source[] = [];
  beforeAll(async () => {
    sources = await parseProject(new API({ cwd: root }), root);
  });

  test('is read whole: every layer that has files is seen', () => {
    const layers = new Set(sources.map((source) => source.path.split('/')[0]));
    expect([...layers]).toEqual(expect.arrayContaining(['server.ts', 'cli', 'routes', 'operator', 'crypto', 'test']));
    expect(sources.length).toBeGreaterThan(50);
  });

  test('keeps to its structure: imports, purity, sizes, names, no way around the type checker', () => {
    expect(sources.flatMap(violations)).toEqual([]);
  });

  test('has no files that import each other in a circle', () => {
    expect(circles(sources)).toEqual([]);
  });
});

const lines = (count: number, line: string) => `${line}\n`.repeat(count);
// Split, so that the rule does not find its own samples.
const suppression = (name: string) => ['//', `@${name}`].join(' ');

/** Files that break one rule each, after an opening comment, and what the rule says. */
const breaking: Readonly<Record<string, readonly [path: string, text: string, says: string]>> = {
  'crypto importing ceremony': ['crypto/a.ts', `import '../ceremony/x.ts';`, 'must not import ceremony'],
  'ceremony importing chain': ['ceremony/a.ts', `import { x } from '../chain/x.ts';`, 'must not import chain'],
  'chain importing ceremony, even types': [
    'chain/a.ts',
    `import type { X } from '../ceremony/x.ts';`,
    'must not import ceremony',
  ],
  'a room of operator importing one above it': [
    'operator/keys/a.ts',
    `import type { X } from '../signing/x.ts';`,
    'which is not below it',
  ],
  'a room of operator importing what puts the rooms together': [
    'operator/payouts/a.ts',
    `import { x } from '../x.ts';`,
    'which is not below it',
  ],
  'payouts importing deposits': ['operator/payouts/b.ts', `import { x } from '../deposits/x.ts';`, 'is not below it'],
  'key ceremonies importing backups': [
    'operator/key-ceremonies/a.ts',
    `import { x } from '../backups/x.ts';`,
    'is not below it',
  ],
  'backups importing what puts the rooms together': [
    'operator/backups/a.ts',
    `import { x } from '../x.ts';`,
    'is not below it',
  ],
  'a room that operator has not': ['operator/other/a.ts', `import { x } from '../keys/x.ts';`, 'has not'],
  'store importing chain by re-export': ['store/a.ts', `export { x } from '../chain/x.ts';`, 'must not import chain'],
  'operator importing routes dynamically': [
    'operator/a.ts',
    `const x = import('../routes/x.ts');`,
    'must not import routes',
  ],
  'operator naming a type of cli': ['operator/b.ts', `type X = import('../cli/x.ts').X;`, 'must not import cli'],
  'routes importing cli': ['routes/a.ts', `import { x } from '../cli/x.ts';`, 'must not import cli'],
  'a command importing routes': ['cli/a.ts', `import { x } from '../routes/x.ts';`, 'must not import routes'],
  'product code importing tests': ['operator/c.ts', `import { x } from '../test/x.ts';`, 'must not import test'],
  'product code importing the devnet': ['cli/b.ts', `import { x } from '../devnet/x.ts';`, 'must not import devnet'],
  'a view importing a value': ['views/a.tsx', `import { x } from '../operator/x.ts';`, 'more than types'],
  'a view importing a value among types': [
    'views/b.tsx',
    `import { type X, y } from '../operator/x.ts';`,
    'more than types',
  ],
  'a folder that is no layer': ['lib/a.ts', 'export const a = 1;', 'no layer'],
  'await in crypto': ['crypto/b.ts', 'export const a = async () => await b;', 'awaits'],
  'for await in ceremony': ['ceremony/b.ts', 'async function a() { for await (const x of y) x(); }', 'awaits'],
  'Date in ceremony': ['ceremony/c.ts', 'export const a = Date.now();', 'uses Date'],
  'new Date in crypto': ['crypto/c.ts', 'export const a = new Date();', 'uses Date'],
  'Math.random in crypto': ['crypto/d.ts', 'export const a = Math.random();', 'uses Math.random'],
  'fetch in ceremony': ['ceremony/d.ts', `export const a = () => fetch('x');`, 'uses fetch'],
  'process in crypto': ['crypto/e.ts', 'export const a = process.env;', 'uses process'],
  'randomBytes in crypto': ['crypto/f.ts', `import { randomBytes } from 'node:crypto';`, 'uses randomBytes'],
  'a global reached around': ['crypto/g.ts', 'export const a = globalThis.Date;', 'uses globalThis.Date'],
  'node:fs in ceremony': ['ceremony/e.ts', `import { readFileSync } from 'node:fs';`, 'imports node:fs'],
  'a file too long': ['chain/b.ts', lines(FILE_LINES_MAX, 'export {};'), `more than ${FILE_LINES_MAX}`],
  'a function too long': [
    'chain/c.ts',
    `function a() {\n${lines(FUNCTION_LINES_MAX - 1, ';')}}`,
    `more than ${FUNCTION_LINES_MAX}`,
  ],
  'an arrow function too long': [
    'chain/d.ts',
    `export const a = () => {\n${lines(FUNCTION_LINES_MAX, ';')}};`,
    'a function of',
  ],
  'a method too long': ['chain/e.ts', `class A {\n a() {\n${lines(FUNCTION_LINES_MAX, ';')}}\n}`, 'a function of'],
  'a file called utils': ['chain/string-utils.ts', 'export {};', 'says nothing'],
  'a folder called helpers': ['chain/helpers/a.ts', 'export {};', 'says nothing'],
  'a file called manager': ['operator/key_manager.ts', 'export {};', 'says nothing'],
  any: ['chain/f.ts', 'export const a = (b: any[]) => b;', ' any'],
  'a double cast': ['chain/g.ts', 'export const a = b as unknown as string;', 'a double cast'],
  'a double cast in parentheses': ['chain/h.ts', 'export const a = (b as unknown) as string;', 'a double cast'],
  'a non-null assertion': ['chain/i.ts', 'export const a = b!.c;', 'non-null'],
  'a type error silenced': ['chain/j.ts', `${suppression('ts-ignore')}\nexport {};`, 'suppressed'],
  'an expected type error': ['chain/k.ts', `export {}; ${suppression('ts-expect-error')}`, 'suppressed'],
  'a lint finding silenced': ['test/a.ts', ['// biome', 'ignore lint: why\nexport {};'].join('-'), 'suppressed'],
};

const keeping: Readonly<Record<string, readonly [path: string, text: string]>> = {
  'crypto with node:crypto and a member called process': [
    'crypto/ok.ts',
    `import { createHash } from 'node:crypto';\nexport const a = (b: { process: number }) => [createHash, b.process];`,
  ],
  'await in the one file that may': ['crypto/seal.ts', 'export const a = async () => await b;'],
  'time in operator': ['operator/ok.ts', 'export const a = Date.now();'],
  'routes using operator and below': ['routes/ok.ts', `import '../operator/x.ts';\nimport '../crypto/x.ts';`],
  'the composition of the node with its listeners': ['cli/compose.ts', `import { x } from '../routes/x.ts';`],
  'the devnet using anything': ['devnet/ok.ts', `import { x } from '../cli/x.ts';`],
  'a view with types, partials and the JSX runtime': [
    'views/ok.tsx',
    `import type { X } from '../operator/x.ts';\nimport { y } from './partials/y.tsx';\nimport { html } from 'hono/html';`,
  ],
  'a function of exactly the limit': ['chain/ok.ts', `function a() {\n${lines(FUNCTION_LINES_MAX - 2, ';')}}`],
  'as const and one cast': ['chain/ok2.ts', 'export const a = [b as string] as const;'],
  'a long test': ['test/ok.ts', lines(FILE_LINES_MAX + 1, 'export {};')],
};

describe('the rules', () => {
  const found = new Map<string, string[]>();
  let parsed: readonly Source[] = [];
  beforeAll(async () => {
    const files: Record<string, string> = {
      '/samples/tsconfig.json': '{"compilerOptions":{"noLib":true,"jsx":"preserve"}}',
    };
    for (const [path, text] of [...Object.values(breaking), ...Object.values(keeping)]) {
      files[`/samples/${path}`] = `// A sample.\n${text}`;
    }
    files['/samples/chain/uncommented.ts'] = 'export {};';
    files['/samples/crypto/circle-a.ts'] = `// A sample.\nimport { b } from './circle-b.ts';\n`;
    files['/samples/crypto/circle-b.ts'] = `// A sample.\nimport type { a } from './circle-a.ts';\n`;
    const api = new API({ cwd: '/samples', fs: createVirtualFileSystem(files) });
    parsed = await parseProject(api, '/samples/');
    for (const source of parsed) found.set(source.path, violations(source));
  });

  for (const [name, [path, , says]] of Object.entries(breaking)) {
    test(`catch ${name}`, () => {
      const said = found.get(path) ?? [];
      expect(said.some((line) => line.startsWith(`${path}:`) && line.includes(says))).toBe(true);
    });
  }

  test('catch a file without an opening comment', () => {
    expect(found.get('chain/uncommented.ts')).toEqual([
      'chain/uncommented.ts:1 does not open with a comment on what it is',
    ]);
  });

  test('catch files that import each other in a circle, also by types alone', () => {
    expect(circles(parsed)).toEqual(['crypto/circle-a.ts → crypto/circle-b.ts → crypto/circle-a.ts']);
  });

  for (const [name, [path]] of Object.entries(keeping)) {
    test(`allow ${name}`, () => expect(found.get(path)).toEqual([]));
  }
});
