// A report as Markdown (CommonMark with the tables of GFM). Everything from outside is escaped, so that no name or reason can
// begin a heading, a link or a cell of its own.
import { printable } from '../runtime/shown-text.ts';
import type { Report } from './report.ts';
import { type Section, sectionsOf, type Table, titleOf } from './sections.ts';

/** The whole document. */
export function markdownOf(report: Report): string {
  return `${[`# ${escaped(titleOf(report))}`, ...sectionsOf(report).flatMap(sectionLines)].join('\n\n')}\n`;
}

function sectionLines({ title, facts = [], lines = [], chart, tables = [] }: Section): readonly string[] {
  const named = facts.map(([name, value]) => `- ${escaped(name)}: ${escaped(value)}`).join('\n');
  return [
    `## ${escaped(title)}`,
    ...(named === '' ? [] : [named]),
    ...lines.map(escaped),
    ...(chart === undefined || chart === null ? [] : [escaped(chart.text)]),
    ...tables.map(tableText),
  ];
}

function tableText({ caption, columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;
  const rule = `|${columns.map(({ isNumber }) => (isNumber === true ? '---:' : '---')).join('|')}|`;
  return [`${escaped(caption)}:`, '', line(columns.map(({ title }) => title)), rule, ...rows.map(line)].join('\n');
}

// Bare addresses and mails would become links; an underscore within a word stands for itself.
function escaped(text: string): string {
  return printable(text)
    .replace(/[\\`*[\]<>|#~&!]/g, '\\$&')
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
    .replace(/:(?=\/\/)|@|(?<=www)\./gi, '\\$&')
    .replace(/^([-+=]|\d+[.)])(?=\s|$)/, '\\$1');
}
