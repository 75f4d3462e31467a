// The incidents of a report: those opened in its days, with the steps that came too late, in every format.
import { expect, test } from 'bun:test';
import { collectReport } from '../../../operator/reporting/collect.ts';
import { htmlOf } from '../../../operator/reporting/html.ts';
import { markdownOf } from '../../../operator/reporting/markdown.ts';
import type { Queries } from '../../../store/database.ts';
import { recordEntry, type TimelineEntry } from '../../../store/timeline.ts';
import { withStore } from '../../store/fixture.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const DAY = 20_700;
const config = { network: 'regtest', myIndex: 0, name: 'Alpha', parties: 3, threshold: 2 } as const;

let said = 0;
function say(db: Queries, entry: Pick<TimelineEntry, 'author' | 'thread' | 'kind' | 'at' | 'text'>): void {
  said += 1;
  const level = entry.kind === 'opened' ? 2 : null;
  const whole = {
    ...entry,
    id: said.toString(16).padStart(32, '0'),
    level,
    firstAt: null,
    backupAt: null,
    ceremonyId: null,
  };
  expect(recordEntry(db, whole, entry.at)).toBe('kept');
}

function reportOf(db: Queries, firstDay: number, lastDay: number, now = (DAY + 5) * DAY_MS) {
  return collectReport(db, { config, version: 'test', period: { firstDay, lastDay }, now });
}

test('incidents count in the days in which they were opened, with the steps that came too late', () => {
  withStore(({ db }) => {
    const begun = DAY * DAY_MS + 1_000;
    const thread = '0-1f2e3d4c';
    say(db, { author: 0, thread, kind: 'opened', at: begun, text: 'an unknown login' });
    say(db, { author: 1, thread, kind: 'acknowledged', at: begun + 10 * MINUTE_MS, text: '' });
    say(db, { author: 1, thread, kind: 'responded', at: begun + 90 * MINUTE_MS, text: 'we look' });
    say(db, { author: 0, thread, kind: 'closed', at: begun + 100 * MINUTE_MS, text: 'a <b>test</b> account' });
    say(db, { author: 2, thread: '2-aabbccdd', kind: 'opened', at: begun + DAY_MS, text: 'the disk is full' });
    const [first] = reportOf(db, DAY, DAY).incidents.rows;
    expect(first).toMatchObject({ id: thread, opened_by: 0, level: '2', state: 'closed', late: ['respond'] });
    expect(reportOf(db, DAY - 1, DAY - 1).incidents).toEqual({ rows: [], total: 0 });
    const { incidents } = reportOf(db, DAY, DAY + 1);
    expect(incidents.rows.map(({ id }) => id)).toEqual(['2-aabbccdd', thread]);
    expect(incidents.rows[0]).toMatchObject({ state: 'open', late: ['acknowledge', 'respond', 'plan'], review: '' });
    const whole = reportOf(db, DAY, DAY + 1);
    expect(htmlOf(whole)).toContain('a &lt;b&gt;test&lt;/b&gt; account');
    expect(markdownOf(whole)).toContain('the disk is full');
  });
});
