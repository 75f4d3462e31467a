import { expect, test } from 'bun:test';
import { confirmBox, newestConfirmation } from '../../store/checklist.ts';
import { id, NOW, raw, withStore } from './fixture.ts';

const confirmation = { box: 'channel', note: 'twelve words', by: 'sam', cards: id('cards'), at: NOW } as const;

test('the newest confirmation of a box counts, each box by itself', () => {
  withStore(({ db }) => {
    expect(newestConfirmation(db, 'channel')).toBeNull();
    confirmBox(db, confirmation);
    confirmBox(db, { ...confirmation, note: 'again', by: null, at: NOW + 1 });
    expect(newestConfirmation(db, 'channel')).toEqual({ ...confirmation, note: 'again', by: null, at: NOW + 1 });
    expect(newestConfirmation(db, 'emergency')).toBeNull();
  });
});

for (const statement of [
  "UPDATE checklist_confirmations SET note = 'other'",
  'DELETE FROM checklist_confirmations',
  `INSERT OR REPLACE INTO checklist_confirmations VALUES (1, 0, 'channel', 'n', NULL, '${id('cards')}')`,
  `INSERT INTO checklist_confirmations VALUES (2, 0, 'bitcoin', 'n', NULL, '${id('cards')}')`,
]) {
  test(`the database refuses: ${statement.slice(0, 44)}`, () => {
    withStore((store) => {
      confirmBox(store.db, confirmation);
      raw(store, (database) => {
        expect(() => database.run(statement)).toThrow(/checklist_confirmations/);
      });
    });
  });
}
