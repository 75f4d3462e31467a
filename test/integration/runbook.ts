// The blocks of docs/OPERATING.md as a test carries them out: in their order, each with the chapter it stands in.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PATH = fileURLToPath(new URL('../../docs/OPERATING.md', import.meta.url));

/** Who runs a block here: the first operator, who stands for all where nothing depends on it; all at once; or all others. */
export type Runners = 'first' | 'all' | 'others';

/** A fenced block. `language`: `bash` of this program, `host` of the machine, `json` and `ini` of files. */
export interface Block {
  readonly chapter: string;
  /** Of its first line in the document, from 1. */
  readonly line: number;
  readonly language: string;
  readonly runners: Runners;
  readonly text: string;
}

const RUNNERS: ReadonlyMap<string, Runners> = new Map([
  ['', 'first'],
  ['all', 'all'],
  ['others', 'others'],
]);

/** Every fenced block. Throws on a fence that is not closed, and on a word after the language that means nothing. */
export function runbookBlocks(markdown: string = readFileSync(PATH, 'utf8')): readonly Block[] {
  const blocks: Block[] = [];
  let chapter = '';
  let open: { readonly block: Omit<Block, 'text'>; readonly indent: number; readonly lines: string[] } | null = null;
  for (const [at, line] of markdown.split('\n').entries()) {
    const fence = /^( *)```(.*)$/.exec(line);
    if (open !== null && fence?.[2] === '') {
      blocks.push({ ...open.block, text: open.lines.join('\n') });
      open = null;
    } else if (open !== null) {
      open.lines.push(line.slice(open.indent));
    } else if (fence !== null) {
      const [language = '', word = '', ...more] = (fence[2] ?? '').trim().split(' ');
      const runners = RUNNERS.get(word);
      if (runners === undefined || more.length > 0)
        throw new Error(`line ${at + 1}: "${line}" says who runs it wrongly`);
      open = { block: { chapter, line: at + 2, language, runners }, indent: fence[1]?.length ?? 0, lines: [] };
    } else {
      chapter = /^## (.+)$/.exec(line)?.[1] ?? chapter;
    }
  }
  if (open !== null) throw new Error(`the block of line ${open.block.line} has no end`);
  return blocks;
}

/** The commands of this program in a text: what follows `mpc_operator`, without flags and arguments. */
export function commandsIn(text: string): ReadonlySet<string> {
  const found = [...text.replaceAll('\\\n', ' ').matchAll(/\bmpc_operator((?: +[a-z][a-z-]*)+)/g)];
  return new Set(found.map(([, words = '']) => words.trim().split(/ +/).slice(0, 2).join(' ')));
}

/** The object that a block of JSON is, or is a part of. Throws where it is neither. */
export function jsonOf(text: string): Record<string, unknown> {
  const whole: unknown = JSON.parse(text.trimStart().startsWith('{') ? text : `{${text}}`);
  if (whole === null || typeof whole !== 'object' || Array.isArray(whole)) throw new Error('this is no JSON object');
  return { ...whole };
}

/** The lines of an ini file that are none. */
export function iniFaults(text: string): readonly string[] {
  return text.split('\n').filter((line) => !/^(\[[A-Za-z]+\]|[A-Za-z]+=\S.*|#.*|)$/.test(line));
}
