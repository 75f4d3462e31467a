// `generate-report`: read from the database itself, in three forms, to a file or a pipe.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { REPORT_COLOURS } from '../../../operator/reporting/report-style.ts';
import { addActivity, beginRunSpan, dayOf, markRunSpan } from '../../../store/activity.ts';
import { appendAudit, auditHead } from '../../../store/audit-log.ts';
import { openStore, type Store } from '../../../store/open.ts';
import { recordOwner } from '../../../store/owner.ts';
import { DAY_MS, FIRST_DAY, makeChain, tell } from '../../operator/reporting/made-chain.ts';
import { Desk } from './desk.ts';

// In the made chain's future no report is made, so the chain lies in the past of every machine that runs this.
const BACK_DAYS = 400;
const DAY = FIRST_DAY - BACK_DAYS;
const HOSTILE = '<img src=x onerror=alert(1)> | [a](https://evil.example)\u202e"\'&';

let desk: Desk;
let store: Store;
beforeEach(() => {
  desk = new Desk();
  store = openStore(desk.path('security.db'));
  const { db } = store;
  recordOwner(db, { network: 'regtest', index: 0, identityKey: 'aa'.repeat(32) });
  const chain = makeChain(3, 6);
  const blocks = chain.blocks.map((block) => ({ ...block, at: block.at - BACK_DAYS * DAY_MS }));
  tell(db, { ...chain, blocks }, ({ at }) => at);
  const at = DAY * DAY_MS;
  const span = beginRunSpan(db, 'start', at);
  markRunSpan(db, span, at + DAY_MS / 2, false);
  markRunSpan(db, beginRunSpan(db, 'start', at + DAY_MS), at + 2 * DAY_MS, true);
  const counts = { answered: 4, slow: 1, silent: 0, refused: 2, lying: 0 };
  const times = { timed: 4, msTotal: 2_000, msMax: 1_500, within: [1, 2, 3, 4] };
  const refusal = { day: dayOf(at), peerIndex: 1, reason: 'policy', count: 2 };
  addActivity(db, [{ day: dayOf(at), peerIndex: 1, ...counts, ...times }], [refusal], at);
  appendAudit(db, at + 5, 'peer_added', { index: 1, name: HOSTILE });
  appendAudit(db, at + 6, 'signer_lied', { index: 1 });
});
afterEach(async () => {
  store.close();
  await desk.close();
});

const dated = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);
const period = () => ['--period', `${dated(DAY)}..${dated(DAY + 2)}`];

describe('generate-report', () => {
  test('writes Markdown to standard output beside a running server, with everything that the period has', async () => {
    const { code, stdout, stderr } = await desk.run(['generate-report', ...period()]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.startsWith(`# Report of Alpha, ${dated(DAY)} to ${dated(DAY + 2)}\n`)).toBe(true);
    expect(stdout).toContain('- Unexplained difference: none: to the satoshi');
    expect(stdout).toContain('- Running: 50.0 %, 1 d 12 h');
    expect(stdout).toContain('- Starts: 2, 1 of them after a crash or a kill');
    expect(stdout).toContain('| operator 1 | 4 | 4 | 500 ms | 1,500 ms | 1 | 0 | 2 | 0 |');
    expect(stdout).toContain('| operator 1 | policy | a rule of this operator forbids it (see detail) | 2 |');
    expect(stdout).toContain('| signer_lied |');
    const { seq, hash } = auditHead(store.db);
    expect(stdout).toContain(`- Head: ${seq}, ${hash}`);
    expect(stdout).toContain('## Incidents\n\nNone.');
  });

  test('lets no text from outside become markup, in Markdown or in HTML', async () => {
    const markdown = (await desk.run(['generate-report', ...period()])).stdout;
    expect(markdown).toContain('\\<img src=x onerror=alert(1)\\> \\| \\[a\\](https\\://evil.example)?');
    const page = (await desk.run(['generate-report', ...period(), '--format', 'html'])).stdout;
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt; | [a](https://evil.example)?');
    for (const text of [markdown, page]) expect(text).not.toContain('\u202e');
  });

  test('is one self-contained page: no script, nothing loaded, charts with a text and a table each', async () => {
    const { stdout } = await desk.run(['generate-report', ...period(), '--format', 'html']);
    const tags = new Set([...stdout.matchAll(/<([a-z0-9]+)[\s>/]/g)].map(([, tag]) => tag));
    for (const tag of ['script', 'img', 'link', 'iframe', 'object', 'form', 'a']) expect(tags.has(tag)).toBe(false);
    expect(stdout).not.toMatch(/\s(on[a-z]+|src|href|style)="/);
    expect(stdout).not.toMatch(/url\(|@import/);
    expect(stdout).toContain(`content="default-src 'none'; style-src 'unsafe-inline'`);
    const figures = stdout.split('<figure').slice(1);
    expect(figures).toHaveLength(3);
    for (const figure of figures) {
      expect(figure).toMatch(/role="img" aria-label="[^"]{20,} The table below has/);
      expect(figure.slice(figure.indexOf('</figure>'))).toContain('<table>');
    }
    expect(stdout.split('\n').at(-2)).toBe('</html>');
  });

  test('prints JSON with sats as decimal strings, by --format json and by --json alike', async () => {
    const { stdout } = await desk.run(['generate-report', ...period(), '--format', 'json']);
    const report = JSON.parse(stdout);
    expect(report.closing.unexplained).toBe('0');
    expect(report.days).toHaveLength(3);
    expect(report.totals.deposited).toMatch(/^[1-9][0-9]+$/);
    expect(report.refusals).toMatchObject([{ index: 1, reason: 'policy', count: 2 }]);
    const again = JSON.parse((await desk.run(['generate-report', ...period(), '--json'])).stdout);
    expect({ ...again, made_at: report.made_at }).toEqual(report);
  });

  test('writes a file whole, for nobody else to read, in the format of its suffix unless --format says another', async () => {
    for (const [name, flags, start] of [
      ['r.html', [], '<!DOCTYPE html>'],
      ['r.json', [], '{'],
      ['r.txt', [], '# Report'],
      ['x.json', ['--format', 'md'], '# Report'],
    ] as const) {
      const path = desk.path(name);
      const { code, stdout, stderr } = await desk.run(['generate-report', ...period(), '--output', path, ...flags]);
      expect([code, stdout, stderr]).toEqual([0, '', `Written to ${path}.\n`]);
      expect(readFileSync(path, 'utf8').startsWith(start)).toBe(true);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
    expect(readdirSync(desk.home).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  test('of daily, weekly and monthly is about whole days that are over', async () => {
    for (const [name, days] of [
      ['daily', [1]],
      ['weekly', [7]],
      ['monthly', [28, 29, 30, 31]],
    ] as const) {
      const { stdout } = await desk.run(['generate-report', '--period', name, '--json']);
      const { period: found } = JSON.parse(stdout);
      expect([found.is_over, (days as readonly number[]).includes(found.days)]).toEqual([true, true]);
      if (name === 'weekly') expect(new Date(found.from).getUTCDay()).toBe(1);
      if (name === 'monthly') expect(found.from).toEndWith('-01');
    }
  });

  test('takes a server that runs now for running until now, and one that does not for running until its last mark', async () => {
    const today = dayOf(Date.now());
    const begun = today * DAY_MS - 6 * 60 * 60_000;
    beginRunSpan(store.db, 'start', begun);
    beginRunSpan(store.db, 'unseal', begun);
    const yesterday = ['generate-report', '--period', 'daily', '--json'];
    const running = async () => JSON.parse((await desk.run(yesterday)).stdout).uptime;
    expect(await running()).toMatchObject({ running_ms: 6 * 60 * 60_000, unsealed_ms: 6 * 60 * 60_000 });
    store.close();
    expect(await running()).toMatchObject({ running_ms: 0, unsealed_ms: 0 });
  });

  test('refuses a wrong period, format or file with one sentence, and writes nothing', async () => {
    for (const [flags, says] of [
      [['--period', 'yearly'], 'Give daily, weekly, monthly, or FROM..TO with dates such as 2026-03-01..2026-03-31.'],
      [['--period', '2025-02-30'], 'Give daily'],
      [['--period', '2025-01-01..2025-01-02..2025-01-03'], 'Give daily'],
      [['--period', '2025-03-02..2025-03-01'], 'Its end is before its beginning.'],
      [['--period', '2025-03-01..2999-01-01'], '2999-01-01 is in the future'],
      [['--period', '2020-01-01..2024-01-01'], 'A report spans at most 366 days.'],
      [[...period(), '--format', 'pdf'], '--format "pdf" is not one of md, html, json.'],
      [[...period(), '--format', 'md', '--json'], '--json and --format md contradict each other'],
      [[], "required option '--period <period>' not specified"],
    ] as const) {
      const output = desk.path('none');
      const { code, stdout, stderr } = await desk.run(['generate-report', ...flags, '--output', output]);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain(says);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
    const missing = await desk.run(['generate-report', ...period(), '--output', desk.path('no/r.md')]);
    expect([missing.code, missing.stderr.includes('there is no folder')]).toEqual([1, true]);
    expect(readdirSync(desk.home)).not.toContain('none');
  });
});

/** WCAG 2.2, relative luminance. */
function luminance(colour: string): number {
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
  const [r = 0, g = 0, b = 0] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

test('every text of the page has a contrast of 4.5 to its ground, and every drawing of 3, in light and dark', () => {
  for (const { ground, rule, ...colours } of Object.values(REPORT_COLOURS)) {
    expect(rule).not.toBe(ground);
    for (const [name, colour] of Object.entries(colours)) {
      const [low = 0, high = 0] = [luminance(colour), luminance(ground)].sort((a, b) => a - b);
      const ratio = (high + 0.05) / (low + 0.05);
      expect([name, ratio >= (name === 'text' || name === 'faint' ? 4.5 : 3)]).toEqual([name, true]);
    }
  }
});
