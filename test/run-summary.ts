// Reads the counts at the end of the test runner's output. Files that do not load count as failed there, which its
// machine-readable reports leave out.

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * The counts of a run. A run that died before its summary, or says it failed without counting a failure, counts as one
 * failure, so that nothing broken can look passed.
 */
export function findSummary(output: string, exitCode: number): Summary {
  const plain = Bun.stripANSI(output);
  const ran = plain.lastIndexOf('\nRan ');
  const block =
    ran < 0
      ? ''
      : (plain
          .slice(0, ran)
          .split(/\n\s*\n/)
          .at(-1) ?? '');
  const count = (word: string) => Number(new RegExp(`^ *([0-9]+) ${word}$`, 'm').exec(block)?.[1] ?? 0);
  const failed = count('fail');
  return { passed: count('pass'), failed: exitCode === 0 ? failed : Math.max(failed, 1), skipped: count('skip') };
}

/** `N passed, N failed`, and what was skipped if anything was. */
export function summaryLine({ passed, failed, skipped }: Summary): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
