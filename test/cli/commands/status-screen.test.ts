// `status` in a terminal of 80 columns and 24 rows: everything fits, what needs attention first.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { CommandResults, Problem } from '../../../operator/runtime/command-types.ts';
import { Desk } from './desk.ts';
import * as results from './results.ts';

const COLUMNS = 80;
const ROWS = 24;
const LONG =
  'it does not answer (unreachable: connection refused); 2 of 3 are left, and 2 must sign: one more loss stops signing';
const problems: readonly Problem[] = Array.from({ length: 9 }, (_, at) => ({
  ...results.sealedPeer,
  subject: `operator ${at} (a name of an operator that is not short)`,
  cause: LONG,
}));

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

/** The lines as a terminal shows them: without colours, long ones wrapped. */
async function screen(status: CommandResults['status'], ...flags: readonly string[]): Promise<readonly string[]> {
  await desk.serve({ status });
  const { stdout } = await desk.run(['status', ...flags], { terminal: true });
  const lines = Bun.stripANSI(stdout).trimEnd().split('\n');
  return lines.flatMap((line) => line.match(new RegExp(`.{1,${COLUMNS}}`, 'gu')) ?? ['']);
}

describe('status in a terminal', () => {
  test('fits with nine problems, the first of them at the top and the rest counted', async () => {
    const lines = await screen({ ...results.status, custody: results.custody, problems });
    // Below it: what stderr says, and the prompt.
    expect(lines.length).toBeLessThanOrEqual(ROWS - 2);
    expect(lines[0]).toBe('Needs attention:');
    expect(lines[1]).toStartWith('  ERROR    operator 0');
    expect(lines.filter((line) => line.length > COLUMNS)).toEqual([]);
    expect(lines.join('\n')).toMatch(/^ {2}\d more: mpc_operator status --full$/m);
    expect(lines.find((line) => line.startsWith('custody'))).toContain('1.50000000 BTC; owed 1.49000000 BTC');
  });

  test('cuts no problem short, and fields at the edge of the screen', async () => {
    const name = 'an-operator-whose-name-is-as-long-as-names-may-be-0123456789abcd';
    const lines = await screen({ ...results.status, name, problems: problems.slice(0, 1) });
    expect(lines.join(' ').replaceAll(/\s+/g, ' ')).toContain(LONG);
    expect(lines.find((line) => line.startsWith('operator '))).toEndWith('…');
    expect(lines.join('\n')).not.toContain('more: mpc_operator');
  });

  test('with --full shows all of them', async () => {
    const text = (await screen({ ...results.status, problems }, '--full')).join('\n');
    for (const { subject } of problems) expect(text.replaceAll(/\s+/g, ' ')).toContain(subject);
    expect(text).toContain('http://localhost:7000, NOT OK');
  });

  test('in a pipe cuts nothing', async () => {
    await desk.serve({ status: { ...results.status, problems } });
    const { stdout } = await desk.run(['status']);
    for (const { subject } of problems) expect(stdout).toContain(`${subject}: ${LONG}`);
    expect(stdout).not.toMatch(/…$/m);
  });
});
