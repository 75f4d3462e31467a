// The root of the treasury line: written down once, and another only after the first is dead.
import type { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { listAudit } from '../../store/audit-log.ts';
import type { Store } from '../../store/open.ts';
import {
  currentRoot,
  getRoot,
  keepRootCertificate,
  markRootDead,
  type RootRecord,
  recordRoot,
} from '../../store/treasury-roots.ts';
import { id, NOW, outpoint, raw, withStore } from './fixture.ts';

const ROOT: RootRecord = { network: 'regtest', keyId: id('key'), ...outpoint('root'), amount: 25_000n };
const OTHER: RootRecord = { ...ROOT, ...outpoint('other root') };

describe('the root of a key', () => {
  test('is recorded once, and the same again is a repetition', () => {
    withStore(({ db }) => {
      expect(currentRoot(db, ROOT.keyId)).toBeNull();
      expect(recordRoot(db, ROOT, NOW)).toEqual({ ok: true, repeated: false });
      expect(recordRoot(db, ROOT, NOW + 1)).toEqual({ ok: true, repeated: true });
      expect(currentRoot(db, ROOT.keyId)).toEqual({ ...ROOT, signedAt: NOW, certificate: null, deadAt: null });
      expect(listAudit(db).rows.map(({ kind }) => kind)).toEqual(['treasury_root_signed']);
    });
  });

  test('refuses another outpoint or another amount while it is not dead, and says what is recorded', () => {
    withStore(({ db }) => {
      recordRoot(db, ROOT, NOW);
      const refused = { ok: false, reason: 'other_root', data: { txid: ROOT.txid, amount: '25000' } };
      expect(recordRoot(db, OTHER, NOW)).toMatchObject(refused);
      expect(recordRoot(db, { ...ROOT, amount: 25_001n }, NOW)).toMatchObject(refused);
      expect(keepRootCertificate(db, OTHER, {}, NOW)).toMatchObject(refused);
      expect(recordRoot(db, { ...OTHER, keyId: id('another key') }, NOW).ok).toBe(true);
    });
  });

  test('makes room for another once it is dead, and never comes back itself', () => {
    withStore(({ db }) => {
      recordRoot(db, ROOT, NOW);
      markRootDead(db, ROOT, NOW + 1);
      markRootDead(db, ROOT, NOW + 2);
      expect([currentRoot(db, ROOT.keyId), getRoot(db, ROOT)?.deadAt]).toEqual([null, NOW + 1]);
      expect(recordRoot(db, ROOT, NOW)).toMatchObject({ ok: false, reason: 'root_dead' });
      expect(recordRoot(db, OTHER, NOW).ok).toBe(true);
      expect(recordRoot(db, ROOT, NOW)).toMatchObject({ ok: false, reason: 'root_dead' });
      expect(currentRoot(db, ROOT.keyId)).toMatchObject(OTHER);
      expect(() => markRootDead(db, outpoint('nobody’s'), NOW)).toThrow(/there is no treasury root/);
    });
  });

  test('keeps its first certificate, also where the node had lost the root', () => {
    withStore(({ db }) => {
      expect(keepRootCertificate(db, ROOT, { by: 'all' }, NOW)).toEqual({ ok: true, repeated: false });
      expect(keepRootCertificate(db, ROOT, { by: 'others' }, NOW)).toEqual({ ok: true, repeated: true });
      expect(currentRoot(db, ROOT.keyId)?.certificate).toEqual({ by: 'all' });
      expect(listAudit(db).rows.map(({ kind }) => kind)).toEqual(['treasury_root_certified']);
    });
  });
});

function refuses(
  statement: string | ((database: Database) => void),
  error: RegExp,
  fill: (store: Store) => void,
): void {
  withStore((store) => {
    fill(store);
    raw(store, (database) => {
      const attempt = () => (typeof statement === 'string' ? database.run(statement) : statement(database));
      expect(attempt).toThrow(error);
    });
  });
}

const insert = (root: RootRecord, deadAt = 'NULL') =>
  `INSERT INTO treasury_roots (txid, vout, network, key_id, amount, signed_at, dead_at)
   VALUES ('${root.txid}', ${root.vout}, '${root.network}', '${root.keyId}', ${root.amount}, 1, ${deadAt})`;

describe('no statement', () => {
  const filled = ({ db }: Store) => {
    keepRootCertificate(db, ROOT, {}, NOW);
  };
  const attempts: Readonly<Record<string, readonly [statement: string, error: RegExp]>> = {
    'writes a second root of the key': [insert(OTHER), /another root of the key is not dead/],
    'writes a root again': [insert({ ...ROOT, keyId: id('another key') }), /is there already/],
    'replaces a root': [
      'INSERT OR REPLACE INTO treasury_roots SELECT * FROM treasury_roots',
      /is there already|another root/,
    ],
    'writes a root that is dead already': [insert({ ...OTHER, keyId: id('another key') }, '1'), /not dead at first/],
    'deletes a root': ['DELETE FROM treasury_roots', /never deleted/],
    'pushes a root away by its rowid': ['UPDATE treasury_roots SET rowid = 7', /does not change/],
    'takes a certificate away': ['UPDATE treasury_roots SET certificate = NULL', /does not change/],
  };
  for (const [name, [statement, error]] of Object.entries(attempts)) {
    test(name, () => refuses(statement, error, filled));
  }
  for (const column of ['txid', 'vout', 'network', 'key_id', 'amount', 'signed_at', 'certificate']) {
    test(`changes a root’s ${column}`, () =>
      refuses(`UPDATE treasury_roots SET ${column} = ${column} || '1'`, /does not change/, filled));
  }
  test('brings a dead root back', () =>
    refuses('UPDATE treasury_roots SET dead_at = NULL', /does not change/, (store) => {
      recordRoot(store.db, ROOT, NOW);
      markRootDead(store.db, ROOT, NOW);
    }));
});
