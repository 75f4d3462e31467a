// What a report shows of the audit log: what people and alarms wrote there is never left out.
import { expect, test } from 'bun:test';
import { Glob } from 'bun';
import { logOf, sectionOfKind } from '../../../operator/reporting/collect-node.ts';
import { appendAudit } from '../../../store/audit-log.ts';
import { withStore } from '../../store/fixture.ts';

const ROOT = `${import.meta.dir}/../../..`;
/** Kinds that the node writes as it works; a report counts them. */
const WORK =
  /^(attestations?_|backup_|ceremony_|deposits?_|line_(decided|listed|mined|signed)$|payout_request_opened$|web_signed_(in|out)$)/;

test('shows a pause, a veto, an approval, an incident and what a person confirmed', () => {
  withStore(({ db }) => {
    const kinds = ['node_paused', 'node_resumed', 'payout_vetoed', 'veto_approval', 'payout_request_decided'];
    const all = [...kinds, 'timeline_entry', 'act_authorised', 'checklist_confirmed', 'payout_approval_voided'];
    for (const [at, kind] of all.entries()) appendAudit(db, 1_000 + at, kind, {});
    const { events, changes } = logOf(db, { from: 0, to: 10_000 });
    expect(events.rows.map(({ kind }) => kind)).toEqual(all);
    expect(changes.rows).toEqual([]);
  });
});

test('shows every kind of entry of the audit log that is not the daily work of the node', async () => {
  const found = new Set<string>();
  for (const pattern of ['store/**/*.ts', 'operator/**/*.ts', 'cli/**/*.ts']) {
    for await (const path of new Glob(pattern).scan(ROOT)) {
      const text = await Bun.file(`${ROOT}/${path}`).text();
      for (const [, kind = ''] of text.matchAll(/(?:appendAudit\((?:[^'"`;]*?)|\baudit\()'([a-z_]+)'/g))
        found.add(kind);
    }
  }
  expect(found.size).toBeGreaterThan(40);
  expect([...found].filter((kind) => sectionOfKind(kind) === null && !WORK.test(kind)).sort()).toEqual([]);
  // What is shown is not work as well: else the one hides what the other forgets.
  expect([...found].filter((kind) => sectionOfKind(kind) !== null && WORK.test(kind)).sort()).toEqual([]);
});
