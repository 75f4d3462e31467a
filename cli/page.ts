// Lists that come in pages: their options and the line that says where one is.
import type { Command } from 'commander';
import { wholeValue } from './values.ts';

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 500;
const OFFSET_MAX = 1_000_000_000;

export interface PageOptions {
  readonly limit: number;
  readonly offset: number;
}

export function addPageOptions(command: Command): Command {
  return command
    .option(
      '--limit <number>',
      'how many to list',
      wholeValue('--limit', 1, LIMIT_MAX, 'a whole number of lines'),
      LIMIT_DEFAULT,
    )
    .option(
      '--offset <number>',
      'how many to skip',
      wholeValue('--offset', 0, OFFSET_MAX, 'a whole number of lines'),
      0,
    );
}

/** `41 to 60 of 73`, with the way to the next page where there is one. */
export function pageLine(shown: number, offset: number, total: number): string {
  if (shown === 0) return `None from ${offset} on; there are ${total}.`;
  const end = offset + shown;
  return `${offset + 1} to ${end} of ${total}${end < total ? `; go on with --offset ${end}` : ''}`;
}
