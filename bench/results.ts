// The table that a run prints.
import type { Figure } from './measure.ts';

/** The figures as lines of text, one for each, columns aligned. */
export function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, ratio, target, better, pass }) => {
    const bound = `${better === 'lower' ? '≤' : '≥'} ${target}`;
    return [name, ratio.toFixed(3), bound, pass ? 'pass' : 'FAIL'];
  });
  const all = [['figure', 'ratio', 'target', ''], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
