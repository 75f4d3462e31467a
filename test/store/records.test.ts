import { describe, expect, test } from 'bun:test';
import { auditHead, listAudit } from '../../store/audit-log.ts';
import { getBurn, recordBurn } from '../../store/burns.ts';
import {
  appendCeremonyEvents,
  beginCeremony,
  endCeremony,
  eraseCeremonyEvents,
  getCeremony,
  listCeremonies,
  readCeremonyEvents,
} from '../../store/ceremonies.ts';
import { loadCursor, saveCursor } from '../../store/cursors.ts';
import {
  type DepositSighting,
  getDeposit,
  listDeposits,
  recordDeposit,
  setDepositStatus,
} from '../../store/deposits.ts';
import { getKey, listKeys, setKeyStatus, storeKey } from '../../store/keys.ts';
import { recordRegression, stateHead } from '../../store/node-state.ts';
import type { Store } from '../../store/open.ts';
import { notePayouts, signedWithinDay } from '../../store/payout-limits.ts';
import { decidePayout, openPayoutRequest, requestPayout } from '../../store/payout-requests.ts';
import { getPeer, listPeers, putPeer, recordPeerHead, removePeer } from '../../store/peers.ts';
import { findRecipient, listRecipients, recipientOfScript, rememberRecipient } from '../../store/recipients.ts';
import { requestIdBeginning } from '../../store/request-ids.ts';
import { decideRequest, getRequest, recordRequest } from '../../store/requests.ts';
import {
  getUtxo,
  listMaturedDeposits,
  listMaturedStrays,
  listUtxos,
  markUtxoGone,
  markUtxoSpent,
  recordUtxo,
} from '../../store/utxos.ts';
import { approveVetoed, getVeto, recordVeto } from '../../store/vetoes.ts';
import { burn, id, NOW, outpoint, raw, withStore } from './fixture.ts';

const OK = { ok: true } as const;

const run = (store: Store, statement: string) => raw(store, (database) => database.run(statement));

describe('burns', () => {
  test('are kept once; the same again is ok, other content under the id is not, and a nullifier may come again under another', () => {
    withStore(({ db }) => {
      expect(recordBurn(db, burn('a'), NOW)).toEqual({ ok: true, added: true });
      expect(recordBurn(db, { ...burn('a'), wireHeight: 12 }, NOW)).toEqual({ ok: true, added: false });
      expect(getBurn(db, burn('a').burnTxid)).toEqual({ ...burn('a'), wireHeight: 12, seenAt: NOW });
      const { burnTxid, nullifier, address } = burn('a');
      const data = { burn_txid: burnTxid, nullifier, address, amount: '50000000', fee: '10000' };
      const others = [
        { ...burn('a'), amount: 1n, fee: 1n },
        { ...burn('a'), fee: 1n },
        { ...burn('a'), address: 'x' },
        { ...burn('a'), nullifier: id('n') },
      ];
      for (const other of others) {
        expect(recordBurn(db, other, NOW)).toEqual({ ok: false, reason: 'burn_mismatch', data });
      }
      expect(recordBurn(db, { ...burn('b'), nullifier }, NOW)).toEqual({ ok: true, added: true });
    });
  });
});

describe('requests', () => {
  test('are found by a beginning of their id that no other has', () => {
    withStore(({ db }) => {
      const ids = ['0a0a0a'.padEnd(32, '1'), '0a0a0a'.padEnd(32, '2'), '0b'.repeat(16)];
      for (const one of ids) {
        const what = { id: one, kind: 'void', treasury: outpoint(1), reason: 'r', askedBy: 1 } as const;
        expect(recordRequest(db, { ...what, createdAt: NOW, expiresAt: NOW + 1 }, NOW)).toBe(true);
      }
      const found = (beginning: string) => requestIdBeginning(db, beginning);
      expect([found('0a0a0a'), found('0a0a0a1'), found(ids[1] ?? ''), found('0b0b0b'), found('0c0c0c')]).toEqual([
        'ambiguous',
        ...ids,
        null,
      ]);
    });
  });

  test('of payouts that were approved wait again once the database is found to be an older one', () => {
    withStore(({ db }) => {
      const [burnTxid, requestId, policy] = [id('burn'), id('request').slice(0, 32), id('policy')];
      requestPayout(db, burnTxid, requestId, NOW);
      expect(decidePayout(db, requestId, { decision: 'approved', reason: null, policy }, NOW)).toEqual({ ok: true });
      recordRegression(db, { epoch: 1, peer: 2, shown: { ...stateHead(db), seq: 99 } }, NOW + 5);
      expect(openPayoutRequest(db, burnTxid, NOW + 5)).toMatchObject({ decision: null, policy: null });
      expect(listAudit(db, { limit: 5 }).rows.map(({ kind }) => kind)).toContain('payout_approval_voided');
    });
  });

  const dayMs = 86_400_000;
  const [voidId, payoutId] = [id('void').slice(0, 32), id('payout').slice(0, 32)];
  const asksForVoid = (db: Store['db']) => {
    const what = { id: voidId, kind: 'void', treasury: outpoint(1), reason: 'r', askedBy: 1 } as const;
    recordRequest(db, { ...what, createdAt: NOW, expiresAt: NOW + dayMs }, NOW);
    decideRequest(db, voidId, 'refused', 'why?', NOW);
  };

  test.each([
    "UPDATE requests SET decision = 'approved'",
    'UPDATE requests SET decision = NULL, decided_at = NULL',
    'UPDATE requests SET expires_at = expires_at + 1',
    'INSERT OR REPLACE INTO requests SELECT * FROM requests',
    'UPDATE OR REPLACE requests SET id = id',
    `INSERT INTO requests SELECT '${'a'.repeat(32)}', kind, treasury_txid, treasury_vout, reason, asked_by, created_at, expires_at, 'approved', reason, created_at FROM requests`,
  ])('keep their decision, whatever statement is made: %s', (statement) => {
    withStore((store) => {
      const { db } = store;
      asksForVoid(db);
      expect(() => run(store, statement)).toThrow('requests: ');
      expect(getRequest(db, voidId)?.decision).toBe('refused');
    });
  });

  test.each([
    ['refused', "UPDATE payout_requests SET decision = 'approved', policy = burn_txid"],
    ['refused', 'UPDATE payout_requests SET decision = NULL, decided_at = NULL'],
    ['refused', `UPDATE payout_requests SET id = '${'b'.repeat(32)}', decision = NULL, decided_at = NULL`],
    ['approved', 'UPDATE payout_requests SET expires_at = expires_at + 1'],
    ['approved', "UPDATE payout_requests SET decision_reason = 'another'"],
    [
      'approved',
      `INSERT INTO payout_requests SELECT policy, '${'b'.repeat(32)}', created_at, expires_at, 'approved', NULL, created_at, policy FROM payout_requests`,
    ],
  ] as const)('of payouts that were %s stay so, whatever statement is made: %s', (decision, statement) => {
    withStore((store) => {
      const { db } = store;
      requestPayout(db, id('burn'), payoutId, NOW);
      decidePayout(db, payoutId, { decision, reason: null, policy: id('policy') }, NOW);
      expect(() => run(store, statement)).toThrow('payout_requests: ');
      expect(openPayoutRequest(db, id('burn'), NOW)).toMatchObject({ decision, expiresAt: NOW + dayMs });
    });
  });

  test.each([
    'INSERT OR REPLACE INTO payouts_signed SELECT burn_txid, 0, at FROM payouts_signed',
    'INSERT OR REPLACE INTO veto_approvals SELECT id, approved_by, at + 1 FROM veto_approvals',
    'UPDATE veto_approvals SET approved_by = 2',
    'DELETE FROM veto_approvals',
  ])('beside them, what was signed and who let a payout go stays: %s', (statement) => {
    withStore((store) => {
      const { db } = store;
      notePayouts(db, [{ burnTxid: id('burn'), sats: 7n }], NOW);
      notePayouts(db, [{ burnTxid: id('burn'), sats: 9n }], NOW + 1);
      const veto = { id: id('veto').slice(0, 32), burnTxid: id('burn'), vetoedBy: 1, reason: 'r' };
      recordVeto(db, { ...veto, at: NOW, expiresAt: NOW + dayMs });
      approveVetoed(db, veto.id, 0, NOW);
      expect(() => run(store, statement)).toThrow(/payouts_signed: |veto_approvals: /);
      expect(signedWithinDay(db, NOW)).toEqual([{ burnTxid: id('burn'), sats: 7n, at: NOW }]);
      expect(getVeto(db, veto.id)?.approvals).toEqual([0]);
    });
  });

  test('of one peer are bounded, also where each expires at once', () => {
    withStore(({ db }) => {
      const asked = (n: number, askedBy: number, now: number) => {
        const what = { id: id('request', n).slice(0, 32), kind: 'void', treasury: outpoint(1), reason: 'r' } as const;
        return recordRequest(db, { ...what, askedBy, createdAt: now, expiresAt: now + 1 }, now);
      };
      const taken = Array.from({ length: 30 }, (_, n) => asked(n, 1, NOW + 10 * n)).filter((isTaken) => isTaken);
      expect(taken).toHaveLength(20);
      expect(asked(50, 2, NOW + 400)).toBe(true);
      expect(asked(51, 1, NOW + 86_400_000 + 400)).toBe(true);
    });
  });
});

describe('deposits', () => {
  const seen: DepositSighting = { ...outpoint(1), recipient: id('r'), amount: 5n, height: null, blockHash: null };

  test('follow the chain, and refuse another recipient or amount', () => {
    withStore(({ db }) => {
      expect(recordDeposit(db, seen, NOW)).toEqual({ ok: true, added: true });
      const mined = { ...seen, height: 9, blockHash: id('block') };
      expect(recordDeposit(db, mined, NOW + 1)).toEqual({ ok: true, added: false });
      expect(getDeposit(db, seen)).toEqual({ ...mined, status: 'seen', seenAt: NOW, updatedAt: NOW + 1 });
      const data = { ...outpoint(1), recipient: id('r'), amount: '5' };
      for (const other of [
        { ...seen, amount: 6n },
        { ...seen, recipient: id('s') },
      ]) {
        expect(recordDeposit(db, other, NOW)).toEqual({ ok: false, reason: 'deposit_mismatch', data });
      }
    });
  });

  test('go from seen to minted, never back from attested or minted', () => {
    withStore(({ db }) => {
      expect(setDepositStatus(db, seen, 'confirmed', NOW)).toEqual({ ok: false, reason: 'deposit_unknown' });
      recordDeposit(db, seen, NOW);
      for (const status of ['confirmed', 'seen', 'gone', 'seen', 'confirmed', 'attested'] as const) {
        expect(setDepositStatus(db, seen, status, NOW)).toEqual(OK);
      }
      expect(setDepositStatus(db, seen, 'confirmed', NOW)).toEqual({ ok: false, reason: 'wrong_order' });
      expect(setDepositStatus(db, seen, 'minted', NOW)).toEqual(OK);
      expect(setDepositStatus(db, seen, 'gone', NOW)).toEqual({ ok: false, reason: 'wrong_order' });
      expect(listAudit(db).rows[0]?.kind).toBe('deposit_minted');
    });
  });

  test('are listed by status in pages, newest first', () => {
    withStore(({ db }) => {
      for (const n of [1, 2, 3]) recordDeposit(db, { ...seen, ...outpoint(n) }, NOW + n);
      setDepositStatus(db, outpoint(2), 'confirmed', NOW);
      const txids = (page: ReturnType<typeof listDeposits>) => page.rows.map(({ txid }) => txid);
      expect(txids(listDeposits(db))).toEqual([3, 2, 1].map((n) => outpoint(n).txid));
      expect(txids(listDeposits(db, ['seen'], { limit: 1, offset: 1 }))).toEqual([outpoint(1).txid]);
      expect(listDeposits(db, ['seen']).total).toBe(2);
    });
  });
});

describe('utxos', () => {
  const coin = (n: number, amount: bigint) => ({ ...outpoint(n), amount, leaf: { kind: 'treasury' }, height: 5 });

  test('are strays or deposits: many large deposits hide no stray, and none that is minted', () => {
    withStore(({ db }) => {
      recordUtxo(db, coin(1, 30_000n), NOW);
      for (const n of [2, 3, 4, 5]) {
        const amount = BigInt(n) * 1_000_000n;
        const place = { ...outpoint(n), amount, height: 5 };
        recordUtxo(db, { ...place, leaf: { kind: 'deposit', recipient: id('to') } }, NOW);
        recordDeposit(db, { ...place, recipient: id('to'), blockHash: id('block') }, NOW);
      }
      for (const status of ['attested', 'minted'] as const) setDepositStatus(db, outpoint(2), status, NOW);
      expect(listMaturedStrays(db, 5, 1)).toMatchObject([outpoint(1)]);
      expect(listMaturedDeposits(db, 5, 1_000n, 2)).toMatchObject([outpoint(2), outpoint(5)]);
      expect(listMaturedDeposits(db, 5, 4_000_000n, 9)).toMatchObject([outpoint(5), outpoint(4)]);
      expect(listMaturedDeposits(db, 4, 1_000n, 9)).toEqual([]);
    });
  });

  test('are matured while unspent in a block that is deep enough; largest first', () => {
    withStore(({ db }) => {
      for (const n of [1, 2, 3, 4]) recordUtxo(db, coin(n, BigInt(n)), NOW);
      recordUtxo(db, { ...coin(5, 5n), height: null }, NOW);
      expect(markUtxoSpent(db, outpoint(3), id('spender'), null, NOW)).toBe(true);
      expect(markUtxoSpent(db, outpoint(9), id('spender'), null, NOW)).toBe(false);
      const matured = (heightMax = 5, limit = 10) =>
        listMaturedStrays(db, heightMax, limit).map(({ amount }) => amount);
      expect(matured()).toEqual([4n, 2n, 1n]);
      expect([matured(4), matured(5, 2)]).toEqual([[], [4n, 2n]]);
      recordUtxo(db, coin(5, 5n), NOW);
      expect(matured()).toEqual([5n, 4n, 2n, 1n]);
      expect(markUtxoGone(db, outpoint(4), NOW)).toBe(true);
      expect(matured()).toEqual([5n, 2n, 1n]);
      recordUtxo(db, coin(4, 4n), NOW);
      expect(matured()).toEqual([5n, 4n, 2n, 1n]);
      expect(listUtxos(db, { limit: 2 })).toMatchObject({ total: 5, rows: [coin(5, 5n), coin(4, 4n)] });
    });
  });

  test('remember who spent them; a new sighting does not unspend them', () => {
    withStore(({ db }) => {
      recordUtxo(db, coin(1, 1n), NOW);
      markUtxoSpent(db, outpoint(1), id('spender'), 8, NOW);
      recordUtxo(db, coin(1, 1n), NOW);
      expect(getUtxo(db, outpoint(1))).toMatchObject({ status: 'spent', spentBy: id('spender'), spentHeight: 8 });
      expect(() => recordUtxo(db, coin(1, 2n), NOW)).toThrow(/differ in amount/);
    });
  });
});

describe('peers', () => {
  const peer = { index: 2, identityKey: id('key'), card: { name: 'Two', contacts: ['x'] } };

  test('are added, updated, and keep their identity until removed', () => {
    withStore(({ db }) => {
      expect(putPeer(db, peer, NOW)).toEqual({ ok: true, change: 'added' });
      expect(putPeer(db, peer, NOW)).toEqual({ ok: true, change: 'same' });
      expect(putPeer(db, { ...peer, card: { name: 'Zwei' } }, NOW)).toEqual({ ok: true, change: 'updated' });
      const stranger = { ...peer, identityKey: id('other key') };
      expect(putPeer(db, stranger, NOW)).toEqual({ ok: false, reason: 'identity_changed' });
      expect(putPeer(db, { ...peer, index: 3 }, NOW)).toEqual({ ok: false, reason: 'identity_taken' });
      expect(removePeer(db, 2, NOW)).toBe(true);
      expect(removePeer(db, 2, NOW)).toBe(false);
      putPeer(db, stranger, NOW);
      putPeer(db, { ...peer, index: 0 }, NOW);
      expect(listPeers(db).map(({ index }) => index)).toEqual([0, 2]);
      const kinds = listAudit(db).rows.map(({ kind }) => kind);
      expect(kinds.reverse()).toEqual(['peer_added', 'peer_updated', 'peer_removed', 'peer_added', 'peer_added']);
      expect(() => putPeer(db, { ...peer, index: 64, identityKey: id('z') }, NOW)).toThrow(/CHECK/);
    });
  });

  test('show heads that only rise; a lower one or another at the same place is named with the highest', () => {
    withStore(({ db }) => {
      const shown = { epoch: 0, boot: null, follows: null, statement: null, at: NOW };
      const highest = { ...shown, seq: 7, hash: id('seven') };
      expect(recordPeerHead(db, 2, highest, NOW)).toEqual({ ok: false, reason: 'peer_unknown' });
      putPeer(db, peer, NOW);
      expect(getPeer(db, 2)?.head).toBeNull();
      for (const _ of [1, 2]) expect(recordPeerHead(db, 2, highest, NOW)).toEqual({ ok: true, epochRose: false });
      const regressed = { ok: false, reason: 'regressed', highest } as const;
      expect(recordPeerHead(db, 2, { ...shown, seq: 6, hash: id('six'), boot: 'b' }, NOW)).toEqual(regressed);
      const forked = { ok: false, reason: 'forked', highest } as const;
      expect(recordPeerHead(db, 2, { ...shown, seq: 7, hash: id('other') }, NOW)).toEqual(forked);
      expect(getPeer(db, 2)?.head).toEqual(highest);
      const later = { ...shown, epoch: 1, seq: 3, hash: id('later'), boot: 'b' };
      expect(recordPeerHead(db, 2, later, NOW)).toEqual({ ok: true, epochRose: true });
      expect(getPeer(db, 2)?.head).toMatchObject({ epoch: 1, seq: 3, hash: id('later') });
    });
  });
});

describe('ceremonies', () => {
  const start = { ceremonyId: 'first', kind: 'dkg', rehearsal: true };

  test('begin once, keep their events in order, and end with an outcome', () => {
    withStore(({ db }) => {
      expect(beginCeremony(db, start, NOW)).toEqual(OK);
      expect(beginCeremony(db, start, NOW)).toEqual({ ok: false, reason: 'ceremony_exists' });
      expect(appendCeremonyEvents(db, 'first', [Uint8Array.of(1, 255), Uint8Array.of()], NOW)).toBe(2);
      expect(appendCeremonyEvents(db, 'first', [Uint8Array.of(3)], NOW)).toBe(3);
      expect(readCeremonyEvents(db, 'first').map((event) => [...event])).toEqual([[1, 255], [], [3]]);
      expect(() => eraseCeremonyEvents(db, 'first')).toThrow(/is running/);
      endCeremony(db, 'first', 'destroyed', { culprit: null }, NOW + 1);
      expect(getCeremony(db, 'first')).toEqual({
        ...start,
        status: 'destroyed',
        outcome: { culprit: null },
        createdAt: NOW,
        updatedAt: NOW + 1,
      });
      expect(() => appendCeremonyEvents(db, 'first', [Uint8Array.of(4)], NOW)).toThrow(/not running/);
      eraseCeremonyEvents(db, 'first');
      expect(readCeremonyEvents(db, 'first')).toEqual([]);
      expect(listCeremonies(db)).toMatchObject({ total: 1, rows: [start] });
      expect(() => appendCeremonyEvents(db, 'none', [], NOW)).toThrow(/not running/);
      expect(() => endCeremony(db, 'none', 'failed', null, NOW)).toThrow(/no ceremony/);
    });
  });
});

describe('keys', () => {
  const record = { keyId: 'k1', ceremonyId: 'c', groupKeys: { a: 1 }, transcript: { b: [2] }, certificate: { c: 'x' } };

  test('are stored once; their status changes are audited, and destroyed is the end', () => {
    withStore(({ db }) => {
      expect(storeKey(db, record, 'pending', NOW)).toEqual(OK);
      expect(storeKey(db, record, 'live', NOW)).toEqual({ ok: false, reason: 'key_exists' });
      for (const status of ['live', 'live', 'retired', 'destroyed'] as const) setKeyStatus(db, 'k1', status, NOW + 1);
      expect(getKey(db, 'k1')).toEqual({ ...record, status: 'destroyed', createdAt: NOW, updatedAt: NOW + 1 });
      expect(() => setKeyStatus(db, 'k1', 'live', NOW)).toThrow();
      expect(() => setKeyStatus(db, 'k2', 'live', NOW)).toThrow(/no key/);
      expect(auditHead(db).seq).toBe(4);
      expect(listKeys(db)).toHaveLength(1);
    });
  });
});

describe('recipients', () => {
  const entry = { recipient: id('r'), keyId: 'k1', script: '5120aa' };

  test('are found by script and by key; another derivation is a bug', () => {
    withStore(({ db }) => {
      rememberRecipient(db, entry, NOW);
      rememberRecipient(db, entry, NOW + 1);
      rememberRecipient(db, { ...entry, keyId: 'k2', script: '5120bb' }, NOW + 2);
      expect(recipientOfScript(db, '5120aa')).toEqual({ ...entry, createdAt: NOW, height: null, toldBy: null });
      expect(recipientOfScript(db, '5120cc')).toBeNull();
      expect(findRecipient(db, id('r'), 'k2')?.script).toBe('5120bb');
      expect(listRecipients(db, { limit: 1, offset: 1 })).toMatchObject({ total: 2, rows: [{ keyId: 'k2' }] });
      expect(() => rememberRecipient(db, { ...entry, script: '5120dd' }, NOW)).toThrow(/differ/);
      expect(() => rememberRecipient(db, { ...entry, recipient: id('s') }, NOW)).toThrow(/differ/);
    });
  });
});

describe('cursors', () => {
  test('keep the last position', () => {
    withStore(({ db }) => {
      expect(loadCursor(db, 'blocks')).toBeNull();
      saveCursor(db, 'blocks', { height: 1, hash: id('b') }, NOW);
      saveCursor(db, 'blocks', { height: 2, hash: id('c') }, NOW);
      expect(loadCursor(db, 'blocks')).toEqual({ height: 2, hash: id('c') });
      expect(loadCursor(db, 'burns')).toBeNull();
    });
  });
});
