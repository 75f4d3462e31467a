import { describe, expect, test } from 'bun:test';
import {
  decideAttestations,
  EXPIRY_STEP_S,
  getAttestation,
  listAttestations,
  recordAttestationSignature,
} from '../../store/attestations.ts';
import { auditHead, listAudit, verifyAuditLog } from '../../store/audit-log.ts';
import { BATCH_ITEMS_MAX } from '../../store/database.ts';
import { claim, id, NOW, outpoint, withStore } from './fixture.ts';

const SIGNATURE = 'ab'.repeat(64);
const OK = { ok: true } as const;

describe('attestations', () => {
  test('a batch is decided with one audit row, verdicts in order', () => {
    withStore(({ db }) => {
      expect(decideAttestations(db, [claim(1), claim(2)], NOW)).toEqual([OK, OK]);
      expect(getAttestation(db, outpoint(1))).toEqual({
        ...claim(1),
        signature: null,
        signatureExpiry: null,
        decidedAt: NOW,
        updatedAt: NOW,
      });
      expect(auditHead(db).seq).toBe(1);
      expect(listAudit(db).rows[0]?.kind).toBe('attestations_decided');
      expect(verifyAuditLog(db).ok).toBe(true);
    });
  });

  test('the same claim again is ok and writes nothing; another expiry is ok and kept', () => {
    withStore(({ db }) => {
      decideAttestations(db, [claim(1)], NOW);
      expect(decideAttestations(db, [claim(1)], NOW + 1)).toEqual([OK]);
      expect(auditHead(db).seq).toBe(1);
      expect(decideAttestations(db, [claim(1, { expiry: 1_900_000_000n })], NOW + 2)).toEqual([OK]);
      expect(getAttestation(db, outpoint(1))).toMatchObject({
        expiry: 1_900_000_000n,
        decidedAt: NOW,
        updatedAt: NOW + 2,
      });
      expect(auditHead(db).seq).toBe(2);
    });
  });

  for (const changes of [{ recipient: id('other') }, { amount: 99_999_999n }, { nonce: 78n }]) {
    test(`another ${Object.keys(changes)[0]} is refused with what was attested; its neighbours pass`, () => {
      withStore(({ db }) => {
        decideAttestations(db, [claim(1)], NOW);
        const [bad, good] = decideAttestations(db, [claim(1, changes), claim(2)], NOW);
        const { txid, vout, recipient } = claim(1);
        const data = { txid, vout, recipient, amount: '100000000', nonce: '77', expiry: '1800003600' };
        expect(bad).toEqual({ ok: false, reason: 'attested_otherwise', data });
        expect(good).toEqual(OK);
        expect(getAttestation(db, outpoint(1))).toMatchObject(claim(1));
      });
    });
  }

  test('two claims for one outpoint in one batch: the first holds', () => {
    withStore(({ db }) => {
      const verdicts = decideAttestations(db, [claim(1), claim(1, { amount: 1n }), claim(1)], NOW);
      expect(verdicts.map(({ ok }) => ok)).toEqual([true, false, true]);
    });
  });

  test('the outputs of one transaction are attested apart', () => {
    withStore(({ db }) => {
      const verdicts = decideAttestations(db, [claim(1), claim(1, { vout: 4_294_967_295, amount: 1n })], NOW);
      expect(verdicts).toEqual([OK, OK]);
    });
  });

  test('numbers past 2^53 come back as they went in, and amounts that cannot exist are refused whole', () => {
    withStore(({ db }) => {
      const nonce = 0x7fff_ffff_ffff_ffffn;
      decideAttestations(
        db,
        [claim(1, { nonce, amount: 2_100_000_000_000_000n, expiry: 9_007_199_254_740_993n })],
        NOW,
      );
      expect(getAttestation(db, outpoint(1))).toMatchObject({ nonce, expiry: 9_007_199_254_740_993n });
      expect(() => decideAttestations(db, [claim(2), claim(3, { amount: 2_100_000_000_000_001n })], NOW)).toThrow();
      expect(() => decideAttestations(db, [claim(2), claim(3, { nonce: 1n << 63n })], NOW)).toThrow();
      expect(listAttestations(db).total).toBe(1);
    });
  });

  test('a batch over the limit is refused', () => {
    withStore(({ db }) => {
      expect(() => decideAttestations(db, Array(BATCH_ITEMS_MAX + 1).fill(claim(1)), NOW)).toThrow(RangeError);
    });
  });

  test('asked for again and again, with whatever expiry, cost a row for half an hour at most', () => {
    withStore(({ db }) => {
      const begun = 1_800_003_600n;
      decideAttestations(db, [claim(1, { expiry: begun })], NOW);
      recordAttestationSignature(db, claim(1, { expiry: begun }), SIGNATURE, NOW);
      const { seq } = auditHead(db);
      for (let at = -600n; at <= 600n; at += 7n) {
        const asked = claim(1, { expiry: begun + (at % 2n === 0n ? at : -at) });
        expect(decideAttestations(db, [asked], NOW)).toEqual([OK]);
        const other = `${asked.expiry}`.padStart(128, '0');
        expect(recordAttestationSignature(db, asked, other, NOW)).toEqual(OK);
      }
      expect(auditHead(db).seq).toBe(seq);
      expect(getAttestation(db, outpoint(1))).toMatchObject({ signature: SIGNATURE, signatureExpiry: begun });
      const later = claim(1, { expiry: begun + EXPIRY_STEP_S });
      decideAttestations(db, [later], NOW);
      recordAttestationSignature(db, later, 'cd'.repeat(64), NOW);
      expect(getAttestation(db, outpoint(1))).toMatchObject({ expiry: later.expiry, signatureExpiry: later.expiry });
    });
  });

  test('a signature is kept only for what was decided, together with the expiry that it covers', () => {
    withStore(({ db }) => {
      expect(recordAttestationSignature(db, claim(1), SIGNATURE, NOW)).toEqual({ ok: false, reason: 'not_decided' });
      decideAttestations(db, [claim(1)], NOW);
      const other = claim(1, { amount: 1n });
      expect(recordAttestationSignature(db, other, SIGNATURE, NOW)).toEqual({
        ok: false,
        reason: 'attested_otherwise',
      });
      decideAttestations(db, [claim(1, { expiry: 1_900_000_000n })], NOW);
      expect(recordAttestationSignature(db, claim(1), SIGNATURE, NOW)).toEqual(OK);
      expect(getAttestation(db, outpoint(1))).toMatchObject({
        signature: SIGNATURE,
        signatureExpiry: 1_800_003_600n,
        expiry: 1_900_000_000n,
      });
      const { seq } = auditHead(db);
      expect(recordAttestationSignature(db, claim(1), SIGNATURE, NOW)).toEqual(OK);
      expect(auditHead(db).seq).toBe(seq);
    });
  });

  test('are listed in pages, newest decision first', () => {
    withStore(({ db }) => {
      decideAttestations(db, [claim(1), claim(2)], NOW);
      decideAttestations(db, [claim(3)], NOW + 1);
      const { rows, total } = listAttestations(db, { limit: 2 });
      expect(total).toBe(3);
      expect(rows.map(({ txid }) => txid)).toEqual([3, 2].map((name) => outpoint(name).txid));
    });
  });
});
