import { expect, test } from 'bun:test';
import { findSummary, summaryLine } from './run-summary.ts';

const output = (counts: string) =>
  `test/a.test.ts:\n(fail) 3 pass\n 7 fail\n\n${counts}\n 9 expect() calls\nRan 5 tests across 2 files. [3ms]\n`;

test('the counts are those of the closing summary', () => {
  expect(findSummary(output(' 12 pass\n 0 fail'), 0)).toEqual({ passed: 12, failed: 0, skipped: 0 });
  expect(findSummary(output(' 12 pass\n 3 skip\n 2 fail\n 1 error'), 1)).toEqual({ passed: 12, failed: 2, skipped: 3 });
});

test('colours do not hide the counts', () => {
  expect(findSummary(output('\u001b[32m 12 pass\u001b[0m\n\u001b[2m 0 fail\u001b[0m'), 0)).toMatchObject({
    passed: 12,
  });
});

test('a run that failed never sums to no failure', () => {
  expect(findSummary(output(' 12 pass\n 0 fail'), 1).failed).toBe(1);
  expect(findSummary('Segmentation fault', 139)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test('the closing line is plain, and names skipped tests if there are any', () => {
  expect(summaryLine({ passed: 2, failed: 0, skipped: 0 })).toBe('2 passed, 0 failed');
  expect(summaryLine({ passed: 2, failed: 1, skipped: 4 })).toBe('2 passed, 1 failed, 4 skipped');
});
