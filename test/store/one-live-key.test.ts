// At most one key of the federation is in use, whoever asks for another; and unfinished ceremonies are found however
// many came after them.
import { describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { beginCeremony, endCeremony, runningCeremonies } from '../../store/ceremonies.ts';
import { transact } from '../../store/database.ts';
import { getKey, liveKey, setKeyStatus, storeKey } from '../../store/keys.ts';
import { NOW, withStore } from './fixture.ts';

const record = (keyId: string) => ({
  ...{ keyId, ceremonyId: `of-${keyId}`, groupKeys: {} },
  ...{ transcript: {}, certificate: {} },
});

describe('the live key', () => {
  test('is the only one: a second is refused by name, and kept if it is not to be used', () => {
    withStore(({ db }) => {
      expect(liveKey(db)).toBeNull();
      expect(storeKey(db, record('k1'), 'live', NOW)).toEqual({ ok: true });
      expect(storeKey(db, record('k2'), 'live', NOW)).toEqual({ ok: false, reason: 'live_key_exists' });
      expect(getKey(db, 'k2')).toBeNull();
      expect(storeKey(db, record('k2'), 'pending', NOW)).toEqual({ ok: true });
      expect(liveKey(db)?.keyId).toBe('k1');
    });
  });

  test('is the only one for the database itself, however a second is written', () => {
    withStore(({ db }) => {
      storeKey(db, record('k1'), 'live', NOW);
      storeKey(db, record('k2'), 'pending', NOW);
      expect(() => setKeyStatus(db, 'k2', 'live', NOW)).toThrow();
      expect(() => db.run(sql`UPDATE keys SET status = 'live' WHERE key_id = 'k2'`)).toThrow();
      const insert = sql`INSERT INTO keys SELECT 'k3', ceremony_id, 'live', group_keys, transcript, certificate, 0, 0
        FROM keys WHERE key_id = 'k1'`;
      expect(() => db.run(insert)).toThrow();
      expect(getKey(db, 'k2')?.status).toBe('pending');
      expect(getKey(db, 'k3')).toBeNull();
      // The live one may be written again as what it is.
      db.run(sql`UPDATE keys SET status = 'live', updated_at = ${NOW + 1} WHERE key_id = 'k1'`);
    });
  });

  test('gives way to another in one commit that retires it first, as a rotation does', () => {
    withStore(({ db }) => {
      storeKey(db, record('k1'), 'live', NOW);
      storeKey(db, record('k2'), 'pending', NOW);
      transact(db, (tx) => {
        setKeyStatus(tx, 'k1', 'retired', NOW);
        setKeyStatus(tx, 'k2', 'live', NOW);
      });
      expect(liveKey(db)?.keyId).toBe('k2');
    });
  });
});

describe('unfinished ceremonies', () => {
  test('are all found, oldest first, and none that has ended', () => {
    withStore(({ db }) => {
      for (let i = 0; i < 200; i++) {
        beginCeremony(db, { ceremonyId: `c${i}`, kind: 'dkg', rehearsal: true }, NOW + i);
        if (i !== 3 && i !== 120) endCeremony(db, `c${i}`, 'failed', null, NOW + i);
      }
      expect(runningCeremonies(db)).toEqual(['c3', 'c120']);
    });
  });
});
