// The configuration file as pages show it: every key with its value, and nothing that lets anybody in anywhere.
import { readFileSync } from 'node:fs';
import { keyExpectation } from '../config/config-keys.ts';
import type { Node } from '../node.ts';
import { errorText } from '../runtime/log.ts';

/** One key. `isHidden`: a part of the value is left out, as it may let somebody in somewhere. `what`: see `keyExpectation`. */
export interface ConfigRow {
  readonly key: string;
  readonly value: string;
  readonly isHidden: boolean;
  readonly what: string | null;
}

/** The file as it is now. `changedAt`: since when it is not what the server runs with, ISO 8601; null where it is. */
export interface ConfigShown {
  readonly file: string;
  readonly rows: readonly ConfigRow[];
  readonly fault: string | null;
  readonly changedAt: string | null;
}

const BLOCK_KEYS = new Set(['policy', 'backup', 'contacts']);
/** Commands: their arguments may hold a password of whatever they call. */
const COMMAND_KEYS = new Set(['notify_command', 'burn_proof_verifier']);
const SECRET_KEY = /pass(word|phrase)?$|secret|token|credential/i;

/** The configuration file of a node. Never throws for a file that cannot be read. */
export function configShown({ config, selfWatch }: Pick<Node, 'config' | 'selfWatch'>): ConfigShown {
  const at = selfWatch?.configChangedAt() ?? null;
  const about = { file: config.file, changedAt: at === null ? null : new Date(at).toISOString() };
  try {
    const json: unknown = JSON.parse(readFileSync(config.file, 'utf8'));
    return { ...about, rows: configRows(json), fault: null };
  } catch (error) {
    return { ...about, rows: [], fault: errorText(error) };
  }
}

/** The rows of a configuration as JSON, blocks with their keys. */
export function configRows(json: unknown): readonly ConfigRow[] {
  if (typeof json !== 'object' || json === null) return [];
  return Object.entries(json).flatMap(([key, value]) => {
    const isBlock = BLOCK_KEYS.has(key) && typeof value === 'object' && value !== null && !Array.isArray(value);
    return isBlock ? Object.entries(value).map(([name, inner]) => rowOf(`${key}.${name}`, inner)) : [rowOf(key, value)];
  });
}

function rowOf(key: string, value: unknown): ConfigRow {
  const what = keyExpectation(key);
  if (SECRET_KEY.test(key)) return { key, value: 'set, not shown', isHidden: true, what };
  if (COMMAND_KEYS.has(key) && Array.isArray(value)) {
    const more = value.length - 1;
    const rest = more === 0 ? '' : more === 1 ? ' and 1 argument' : ` and ${more} arguments`;
    return { key, value: `${value[0]}${rest}`, isHidden: more > 0, what };
  }
  const given = (Array.isArray(value) ? value : [value]).map((one) =>
    typeof one === 'string' ? one : JSON.stringify(one),
  );
  const shown = given.map(withoutKeys);
  return { key, value: shown.join('\n'), isHidden: shown.some((text, at) => text !== given[at]), what };
}

// The path and query of a URL may be a key of whoever serves it.
function withoutKeys(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return text;
  const { origin, pathname, search, username, password } = new URL(text);
  const isPlain = (pathname === '/' || pathname === '') && search === '' && username === '' && password === '';
  return isPlain ? text : `${origin}/…`;
}
