import { expect, test } from 'bun:test';
import { ownerOf, recordOwner } from '../../store/owner.ts';
import { id, raw, withStore } from './fixture.ts';

const one = { network: 'regtest', index: 2, identityKey: id('identity') };

test('a database has one owner for ever: no other is written, and its row neither changes nor goes', () => {
  withStore((store) => {
    expect(ownerOf(store.db)).toBeNull();
    recordOwner(store.db, one);
    expect(ownerOf(store.db)).toEqual(one);
    expect(() => recordOwner(store.db, { ...one, index: 3 })).toThrow();
    for (const statement of [
      'UPDATE owner SET node_index = 1',
      'DELETE FROM owner',
      `INSERT OR REPLACE INTO owner VALUES (1, 'regtest', 1, '${id('other')}')`,
    ]) {
      expect(() => raw(store, (database) => database.run(statement))).toThrow(/^owner: /);
    }
    expect(ownerOf(store.db)).toEqual(one);
  });
});
