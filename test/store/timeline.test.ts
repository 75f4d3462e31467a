// The timeline in the store: whose an entry is, that it never changes, and that no peer can fill it.
import { describe, expect, test } from 'bun:test';
import {
  BEGUN_PER_DAY_MAX,
  ENTRIES_PER_DAY_MAX,
  ENTRIES_PER_THREAD_MAX,
  entriesOfThread,
  listIncidents,
  openIncidents,
  proposedDates,
  recordEntry,
  type TimelineEntry,
} from '../../store/timeline.ts';
import { NOW, raw, withStore } from './fixture.ts';

const DAY_MS = 86_400_000;
const nothing = { level: null, ceremonyId: null, firstAt: null, backupAt: null };
const hex = (number: number, bytes: number) => number.toString(16).padStart(2 * bytes, '0');

function opened(author: number, number: number): TimelineEntry {
  const thread = `${author}-${hex(number, 4)}`;
  return { ...nothing, author, id: hex(number, 16), thread, kind: 'opened', text: 'x', level: 2, at: NOW };
}
function said(author: number, number: number, thread: string): TimelineEntry {
  return { ...nothing, author, id: hex(number, 16), thread, kind: 'responded', text: 'x', at: NOW };
}

describe('the timeline', () => {
  test('keeps an entry once, and refuses another of the same id by name', () => {
    withStore(({ db }) => {
      expect(recordEntry(db, opened(1, 1), NOW)).toBe('kept');
      expect(recordEntry(db, opened(1, 1), NOW + 5)).toBe('known');
      expect(recordEntry(db, { ...opened(1, 1), text: 'y' }, NOW)).toBe('timeline_differs');
      expect(entriesOfThread(db, '1-00000001')).toEqual([{ ...opened(1, 1), receivedAt: NOW }]);
    });
  });

  test('lets only its operator begin a thread, and once; anybody may say something of it, in any order', () => {
    withStore(({ db }) => {
      expect(recordEntry(db, said(2, 9, '1-00000001'), NOW)).toBe('kept');
      expect(recordEntry(db, { ...opened(2, 1), thread: '1-00000001' }, NOW)).toBe('timeline_thread');
      expect(recordEntry(db, opened(1, 1), NOW)).toBe('kept');
      expect(recordEntry(db, { ...opened(1, 2), thread: '1-00000001' }, NOW)).toBe('timeline_thread');
      expect(recordEntry(db, { ...opened(1, 3), at: NOW + 120_000 }, NOW)).toBe('timeline_time');
      expect(listIncidents(db)).toEqual({ rows: ['1-00000001'], total: 1 });
    });
  });

  test('takes so many incidents and entries of one operator a day, and those of others all the same', () => {
    withStore(({ db }) => {
      for (let n = 0; n < BEGUN_PER_DAY_MAX; n++) expect(recordEntry(db, opened(1, n), NOW)).toBe('kept');
      expect(recordEntry(db, opened(1, 50), NOW)).toBe('timeline_limit');
      for (let n = BEGUN_PER_DAY_MAX; n < ENTRIES_PER_DAY_MAX; n++) {
        expect(recordEntry(db, said(1, 100 + n, `1-0000000${n % 4}`), NOW)).toBe('kept');
      }
      expect(recordEntry(db, said(1, 999, '1-00000003'), NOW)).toBe('timeline_limit');
      expect(recordEntry(db, opened(2, 1), NOW)).toBe('kept');
      expect(recordEntry(db, opened(1, 50), NOW + DAY_MS + 1)).toBe('kept');
      expect(openIncidents(db, 3)).toHaveLength(3);
    });
  });

  test('lets one operator say so much of one incident, which it can close still, and others all the same', () => {
    withStore(({ db }) => {
      const thread = '1-00000000';
      const later = (n: number) => NOW + Math.floor(n / 40) * (DAY_MS + 1);
      for (let n = 0; n < ENTRIES_PER_THREAD_MAX; n++) {
        expect(recordEntry(db, said(1, n, thread), later(n))).toBe('kept');
      }
      const now = later(ENTRIES_PER_THREAD_MAX);
      expect(recordEntry(db, said(1, 97, thread), now)).toBe('timeline_limit');
      expect(recordEntry(db, { ...said(1, 98, thread), kind: 'closed' }, now)).toBe('kept');
      expect(recordEntry(db, { ...said(1, 99, thread), kind: 'closed' }, now)).toBe('timeline_limit');
      expect(recordEntry(db, said(2, 97, thread), now)).toBe('kept');
      expect(recordEntry(db, said(1, 97, '1-00000001'), now)).toBe('kept');
      expect(entriesOfThread(db, thread)).toHaveLength(ENTRIES_PER_THREAD_MAX + 2);
    });
  });

  test('lets no operator crowd out the open incidents and the dates of another, however many it begins', () => {
    withStore(({ db }) => {
      const dates = { firstAt: NOW + 50 * DAY_MS, backupAt: NOW + 51 * DAY_MS };
      const date = (author: number, number: number) => {
        const { level: _, ...rest } = opened(author, number);
        return { ...rest, ...dates, level: null, kind: 'scheduled' as const, text: '' };
      };
      recordEntry(db, { ...opened(2, 1), level: 1 }, NOW);
      recordEntry(db, date(2, 2), NOW);
      for (let n = 0; n < 40; n++) {
        const now = NOW + Math.floor(n / BEGUN_PER_DAY_MAX) * (DAY_MS + 1);
        const one = n % 2 === 0 ? { ...opened(1, n), level: 3 } : date(1, n);
        expect(recordEntry(db, { ...one, at: now }, now)).toBe('kept');
      }
      const shown = openIncidents(db, 10);
      expect([shown.length, shown.at(-1)]).toEqual([10, '2-00000001']);
      expect(proposedDates(db, NOW, 10).map(({ author }) => author)).toContain(2);
      expect(proposedDates(db, NOW, 10)).toHaveLength(10);
    });
  });

  test('shows an incident as open until somebody closes it', () => {
    withStore(({ db }) => {
      recordEntry(db, opened(1, 1), NOW);
      expect(openIncidents(db, 10)).toEqual(['1-00000001']);
      recordEntry(db, { ...said(2, 1, '1-00000001'), kind: 'closed' }, NOW);
      expect(openIncidents(db, 10)).toEqual([]);
      expect(listIncidents(db).total).toBe(1);
    });
  });

  const statements: Readonly<Record<string, string>> = {
    'an entry is changed': "UPDATE timeline SET text = 'z'",
    'an entry is deleted': 'DELETE FROM timeline',
    'an entry is replaced':
      "INSERT OR REPLACE INTO timeline SELECT author, id, thread, 'closed', text, NULL, NULL, NULL, NULL, at, received_at FROM timeline",
    'an incident is opened in the name of another':
      "INSERT INTO timeline VALUES (3, '000000000000000000000000000000aa', '1-000000aa', 'opened', 'x', 1, NULL, NULL, NULL, 1, 1)",
    'an entry has a level that does not exist':
      "INSERT INTO timeline VALUES (3, '000000000000000000000000000000aa', '3-000000aa', 'opened', 'x', 4, NULL, NULL, NULL, 1, 1)",
    'a date has no second date':
      "INSERT INTO timeline VALUES (3, '000000000000000000000000000000aa', '3-000000aa', 'scheduled', '', NULL, NULL, 5, NULL, 1, 1)",
    'a notification is forgotten': 'DELETE FROM notified',
  };
  for (const [name, statement] of Object.entries(statements)) {
    test(`SQL is refused by which ${name}`, () => {
      withStore((store) => {
        recordEntry(store.db, opened(1, 1), NOW);
        raw(store, (database) => {
          database.run("INSERT INTO notified VALUES ('opened 1-00000001', 1)");
          expect(() => database.run(statement)).toThrow(/timeline|notified/);
        });
      });
    });
  }
});
