// The structure's rules, applied to parsed source files: which way imports go, what is pure, how large things may be,
// which ways around the type checker are closed. architecture.test.ts runs them over the project and over samples.
import { posix } from 'node:path';
import type { Node, SourceFile } from 'typescript/unstable/ast';
import { SyntaxKind } from 'typescript/unstable/ast';
import {
  isArrowFunction,
  isAsExpression,
  isCallExpression,
  isConstructorDeclaration,
  isExportDeclaration,
  isForOfStatement,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportTypeNode,
  isMethodDeclaration,
  isNonNullExpression,
  isPropertyAccessExpression,
  isSetAccessorDeclaration,
  isStringLiteral,
} from 'typescript/unstable/ast/is';

export const FILE_LINES_MAX = 500;
export const FUNCTION_LINES_MAX = 70;

/** A source file of the project; `path` is relative to its root, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly file: SourceFile;
}

/** Whether a layer may import from another; its own is always allowed. Everything may import npm packages. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  crypto: [],
  ceremony: ['crypto'],
  chain: ['crypto'],
  store: ['crypto', 'migrations'],
  migrations: [],
  operator: ['store', 'ceremony', 'chain', 'crypto'],
  views: ['routes', 'operator', 'store', 'ceremony', 'chain', 'crypto'],
  // A file for browsers that its package exports to bundlers alone is named by its path.
  routes: ['views', 'operator', 'store', 'ceremony', 'chain', 'crypto', 'node_modules'],
  simulation: ['operator', 'store', 'ceremony', 'chain', 'crypto'],
  cli: ['simulation', 'operator', 'store', 'ceremony', 'chain', 'crypto', 'package.json'],
  server: ['cli', 'routes', 'views', 'operator', 'store', 'ceremony', 'chain', 'crypto', 'migrations', 'package.json'],
};
/**
 * The rooms of operator/, from the ground up: each may import from those before it. The five that a node's work is done in do
 * not import each other. Backups stand above them: a restored node's keys come back the way a key ceremony's do. What lies in
 * operator/ itself puts them together, and no room imports it but those at the top, which show operators how all of it does.
 */
const GROUND_ROOMS = [
  'runtime',
  'config',
  'accounts',
  'keys',
  'peers',
  'chain-state',
  'validation',
  'signing',
  'bridge',
];
const TOP_ROOMS = ['status', 'checks', 'reporting', 'admin'];
const KEEPING_ROOMS = ['backups'];
const WORK_ROOMS = ['deposits', 'payouts', 'rollback-guard', 'key-ceremonies', 'incidents'];
/** Folders that stand outside the layers and may import whatever they show, measure or test. */
const OUTSIDE = ['test', 'devnet', 'bench'];
/** Settings of development tools, which lie in the root. */
const TOOL_SETTINGS = /^[a-z]+\.config\.ts$/;
/** Where the node is put together with its listeners. */
const COMPOSITION = ['cli/compose.ts'];

const PURE_LAYERS = ['crypto', 'ceremony'];
/** age files are encrypted by an asynchronous library; nothing else there waits. */
const AWAIT_ALLOWED = ['crypto/seal.ts'];
const IMPURE_NAMES = new Set([
  'Bun',
  'Date',
  'console',
  'fetch',
  'getRandomValues',
  'performance',
  'process',
  'randomBytes',
  'randomFillSync',
  'randomInt',
  'randomUUID',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);
const PURE_MODULES = ['node:crypto', 'node:buffer'];

const VAGUE_NAME = /(^|[-_./])(utils?|helpers?|managers?)([-_./]|$)/i;
const SUPPRESSION = /@ts-(ignore|expect-error|nocheck)|biome-ignore/;

/** Every rule broken by one file, each as `path:line what`. */
export function violations(source: Source): string[] {
  return [
    ...importViolations(source),
    ...purityViolations(source),
    ...sizeViolations(source),
    ...nameViolations(source),
    ...escapeViolations(source),
  ];
}

interface ImportOf {
  readonly node: Node;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** Static, dynamic and type imports, and re-exports. */
export function importsOf({ file }: Source): ImportOf[] {
  const found: ImportOf[] = [];
  const add = (node: Node, specifier: Node | undefined, typeOnly: boolean) => {
    if (specifier !== undefined && isStringLiteral(specifier))
      found.push({ node, specifier: specifier.text, typeOnly });
  };
  walk(file, (node) => {
    if (isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === SyntaxKind.TypeKeyword);
    } else if (isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false);
    } else if (isImportTypeNode(node)) node.argument.forEachChild((literal) => add(node, literal, true));
  });
  return found;
}

function importViolations(source: Source): string[] {
  const layer = layerOf(source.path);
  if (OUTSIDE.includes(layer) || TOOL_SETTINGS.test(source.path)) return [];
  const composes = COMPOSITION.includes(source.path);
  const allowed = composes ? LAYERS['server'] : LAYERS[layer];
  if (allowed === undefined) return [at(source, source.file, `lies in a folder that is no layer: ${layer}`)];
  return importsOf(source).flatMap(({ node, specifier, typeOnly }) => {
    if (!specifier.startsWith('.')) return [];
    const target = layerOf(posix.normalize(posix.join(posix.dirname(source.path), specifier)));
    if (target === layer) return roomViolation(source, node, specifier);
    if (!allowed.includes(target))
      return [at(source, node, `${layer} imports ${specifier}, and must not import ${target}`)];
    if (layer === 'views' && !typeOnly) return [at(source, node, `a view imports more than types from ${specifier}`)];
    return [];
  });
}

function roomViolation(source: Source, node: Node, specifier: string): string[] {
  const room = roomOf(source.path);
  const target = roomOf(posix.normalize(posix.join(posix.dirname(source.path), specifier)));
  if (room === null || room === target || TOP_ROOMS.includes(room)) return [];
  const below = roomsBelow(room);
  if (below === null) return [at(source, source.file, `is in a room that operator/ has not`)];
  if (target !== null && below.includes(target)) return [];
  return [at(source, node, `operator/${room} imports ${specifier}, which is not below it`)];
}

// Null where operator/ has no such room.
function roomsBelow(room: string): readonly string[] | null {
  if (KEEPING_ROOMS.includes(room)) return [...GROUND_ROOMS, ...WORK_ROOMS];
  if (WORK_ROOMS.includes(room)) return GROUND_ROOMS;
  const place = GROUND_ROOMS.indexOf(room);
  return place < 0 ? null : GROUND_ROOMS.slice(0, place);
}

// Null for what lies in operator/ itself, and for other layers.
function roomOf(path: string): string | null {
  const [layer, room, file] = path.split('/');
  return layer === 'operator' && room !== undefined && file !== undefined ? room : null;
}

/** Files that import each other in a circle, by types too, one circle a line. */
export function circles(sources: readonly Source[]): string[] {
  const imports = new Map<string, readonly string[]>();
  for (const source of sources) {
    const counted = importsOf(source).filter(({ specifier }) => specifier.startsWith('.'));
    const targets = counted.map(({ specifier }) => posix.normalize(posix.join(posix.dirname(source.path), specifier)));
    imports.set(source.path, targets);
  }
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const begun = way.indexOf(path);
    if (begun >= 0) found.push([...way.slice(begun), path].join(' → '));
    if (begun >= 0 || done.has(path)) return;
    for (const target of imports.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return found;
}

function purityViolations(source: Source): string[] {
  const layer = layerOf(source.path);
  if (!PURE_LAYERS.includes(layer)) return [];
  const found: string[] = [];
  walk(source.file, (node) => {
    const waits =
      node.kind === SyntaxKind.AwaitExpression || (isForOfStatement(node) && node.awaitModifier !== undefined);
    if (waits && !AWAIT_ALLOWED.includes(source.path))
      found.push(at(source, node, `${layer} is pure, and this awaits`));
    const impure = impureName(node);
    if (impure !== null) found.push(at(source, node, `${layer} is pure, and this uses ${impure}`));
  });
  for (const { node, specifier } of importsOf(source)) {
    const builtin = specifier.startsWith('node:') || specifier === 'bun' || specifier.startsWith('bun:');
    if (builtin && !PURE_MODULES.includes(specifier)) {
      found.push(at(source, node, `${layer} is pure, and this imports ${specifier}`));
    }
  }
  return found;
}

function impureName(node: Node): string | null {
  if (isPropertyAccessExpression(node)) {
    const whole = `${isIdentifier(node.expression) ? node.expression.text : ''}.${node.name.text}`;
    return whole === 'Math.random' || whole.startsWith('globalThis.') ? whole : null;
  }
  if (!isIdentifier(node) || !IMPURE_NAMES.has(node.text)) return null;
  // `entry.process` and `{ process: 1 }` name a member, not the global; the receiver of an access is one.
  const parent = node.parent;
  if (isPropertyAccessExpression(parent)) return parent.expression === node ? node.text : null;
  return MEMBER_PARENTS.has(parent.kind) ? null : node.text;
}

const MEMBER_PARENTS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.PropertySignature,
  SyntaxKind.PropertyAssignment,
  SyntaxKind.PropertyDeclaration,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.MethodSignature,
]);

function sizeViolations(source: Source): string[] {
  if (isTestOrGenerated(source.path)) return [];
  const found: string[] = [];
  const lines = source.file.text.trimEnd().split('\n').length;
  if (lines > FILE_LINES_MAX) found.push(at(source, source.file, `${lines} lines, more than ${FILE_LINES_MAX}`));
  walk(source.file, (node) => {
    if (!isFunction(node)) return;
    const length = lineOf(source, node.end) - lineOf(source, node.getStart(source.file)) + 1;
    if (length > FUNCTION_LINES_MAX) {
      found.push(at(source, node, `a function of ${length} lines, more than ${FUNCTION_LINES_MAX}`));
    }
  });
  return found;
}

function nameViolations(source: Source): string[] {
  const found: string[] = [];
  if (VAGUE_NAME.test(source.path.replace(/\.tsx?$/, '')))
    found.push(at(source, source.file, 'a name that says nothing'));
  const generated = layerOf(source.path) === 'migrations';
  // A test file is named after what it tests and opens with what it claims.
  if (!generated && !source.path.endsWith('.test.ts') && !/^(#!.*\n)?(\/\/|\/\*)/.test(source.file.text)) {
    found.push(at(source, source.file, 'does not open with a comment on what it is'));
  }
  return found;
}

function escapeViolations(source: Source): string[] {
  const found: string[] = [];
  walk(source.file, (node) => {
    if (node.kind === SyntaxKind.AnyKeyword) found.push(at(source, node, 'any'));
    if (isNonNullExpression(node)) found.push(at(source, node, 'a non-null assertion'));
    if (isAsExpression(node) && isAsExpression(bare(node.expression))) found.push(at(source, node, 'a double cast'));
  });
  source.file.text.split('\n').forEach((line, index) => {
    const comment = line.slice(Math.max(0, line.search(/\/\/|\/\*|^\s*\*/)));
    if (/^\s*(\/\/|\/\*|\*)/.test(comment) && SUPPRESSION.test(comment)) {
      found.push(`${source.path}:${index + 1} a suppressed check`);
    }
  });
  return found;
}

function bare(node: Node): Node {
  if (node.kind !== SyntaxKind.ParenthesizedExpression) return node;
  return node.forEachChild((child) => bare(child)) ?? node;
}

function isFunction(node: Node): boolean {
  return (
    isFunctionDeclaration(node) ||
    isFunctionExpression(node) ||
    isArrowFunction(node) ||
    isMethodDeclaration(node) ||
    isConstructorDeclaration(node) ||
    isGetAccessorDeclaration(node) ||
    isSetAccessorDeclaration(node)
  );
}

/** The first folder of a path; `server` for the entry in the root, the file's own name for what else lies there. */
function layerOf(path: string): string {
  const [first = '', ...rest] = path.split('/');
  if (rest.length > 0) return first;
  return first === 'server.ts' ? 'server' : first;
}

function isTestOrGenerated(path: string): boolean {
  return ['test', 'migrations'].includes(layerOf(path));
}

function at(source: Source, node: Node, what: string): string {
  const start = node === source.file ? 0 : node.getStart(source.file);
  return `${source.path}:${lineOf(source, start) + 1} ${what}`;
}

function lineOf({ file }: Source, position: number): number {
  return file.getLineAndCharacterOfPosition(position).line;
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}
