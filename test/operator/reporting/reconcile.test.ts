// The figures of a report against those of the chain's transactions, to the satoshi.
import { describe, expect, test } from 'bun:test';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import { collectReport } from '../../../operator/reporting/collect.ts';
import { htmlOf } from '../../../operator/reporting/html.ts';
import { markdownOf } from '../../../operator/reporting/markdown.ts';
import type { MoneyReport } from '../../../operator/reporting/report.ts';
import { recordBackup } from '../../../store/backups.ts';
import type { Queries } from '../../../store/database.ts';
import { exposedDeposits, takeBackAbove } from '../../../store/reorganisation.ts';
import { id, raw, withStore } from '../../store/fixture.ts';
import { DAY_MS, FIRST_DAY, figuresOf, type LearnedAt, makeChain, tell } from './made-chain.ts';

const DAYS = 5;
const LAST_DAY = FIRST_DAY + DAYS - 1;
const chain = makeChain(DAYS, 8);
const atOnce: LearnedAt = ({ at }) => at + 5_000;
const longAfter: LearnedAt = () => (LAST_DAY + 300) * DAY_MS;
const config = { network: 'regtest', myIndex: 0, name: 'Alpha', parties: 3, threshold: 2 } as const;

function reportOf(db: Queries, firstDay: number, lastDay: number) {
  const period = { firstDay, lastDay };
  return collectReport(db, { config, version: 'test', period, now: (LAST_DAY + 400) * DAY_MS });
}

test('every backup of the period is counted once, however many were made since', () => {
  withStore(({ db }) => {
    const madeAt = FIRST_DAY * DAY_MS;
    const made = { event: 'made', kind: 'database', bytes: 9, path: '/backups/a', keyId: null } as const;
    for (let n = 0; n < 505; n++) {
      recordBackup(db, { ...made, sha256: id('backup', n), madeAt: madeAt + n * 3_600_000 }, madeAt);
    }
    const restored = { ...made, kind: 'key_share', sha256: id('keys'), madeAt } as const;
    for (const at of [0, DAY_MS]) recordBackup(db, restored, madeAt + at);
    const counts = reportOf(db, FIRST_DAY, FIRST_DAY).backups.map(({ kind, made_in_period }) => [kind, made_in_period]);
    expect(Object.fromEntries(counts)).toEqual({ key_share: 1, database: 24 });
    const whole = reportOf(db, FIRST_DAY, FIRST_DAY + 30).backups.find(({ kind }) => kind === 'database');
    expect(whole?.made_in_period).toBe(505);
  });
});

describe('the money of a report', () => {
  test('is that of the raw transactions, to the satoshi, for every span of days', () => {
    withStore(({ db }) => {
      tell(db, chain, atOnce);
      for (let first = FIRST_DAY - 1; first <= LAST_DAY; first++) {
        for (let last = first; last <= LAST_DAY + 1; last++) {
          expect(reportOf(db, first, last)).toMatchObject(figuresOf(chain, first, last));
        }
      }
      // The chain must have what the claim is about.
      const { totals, closing } = reportOf(db, FIRST_DAY, LAST_DAY);
      expect(totals.burns_paid).toBeGreaterThan(10);
      expect(totals.mints).toBeGreaterThan(10);
      expect(BigInt(closing.unswept)).toBeGreaterThan(0n);
    });
  });

  test('of a period is the sum of its days', () => {
    withStore(({ db }) => {
      tell(db, chain, atOnce);
      const { totals, days } = reportOf(db, FIRST_DAY, LAST_DAY);
      const alone = days.map((_, at) => reportOf(db, FIRST_DAY + at, FIRST_DAY + at).totals);
      for (const name of ['deposited', 'minted', 'burnt', 'paid_out', 'burn_fees', 'miner_fees'] as const) {
        const sum = (all: readonly MoneyReport[]) => `${all.reduce((total, one) => total + BigInt(one[name]), 0n)}`;
        expect([name, sum(days), sum(alone)]).toEqual([name, totals[name], totals[name]]);
      }
      for (const name of ['deposits', 'mints', 'burns', 'burns_paid'] as const) {
        const sum = (all: readonly MoneyReport[]) => all.reduce((total, one) => total + one[name], 0);
        expect([name, sum(days), sum(alone)]).toEqual([name, totals[name], totals[name]]);
      }
      expect(totals.burns).toBe(totals.burns_paid);
    });
  });

  test('of a database that was rebuilt long after is the same, on the same days', () => {
    withStore(({ db }) => {
      tell(db, chain, atOnce);
      withStore((rebuilt) => {
        tell(rebuilt.db, chain, longAfter);
        const [before, after] = [db, rebuilt.db].map((one) => reportOf(one, FIRST_DAY, LAST_DAY));
        expect(after?.days).toEqual(before?.days ?? []);
        expect(after?.totals).toEqual(before?.totals);
      });
    });
  });

  test('goes back with blocks that leave the chain', () => {
    withStore(({ db }) => {
      tell(db, chain, atOnce);
      const cut = chain.blocks.slice(0, -5);
      takeBackAbove(db, cut.at(-1)?.height ?? 0, LAST_DAY * DAY_MS);
      const expected = figuresOf({ ...chain, blocks: cut }, FIRST_DAY, LAST_DAY);
      expect(reportOf(db, FIRST_DAY, LAST_DAY)).toMatchObject(expected);
    });
  });

  test('owes what was minted for a deposit whose block left the chain, from then on, and says so', () => {
    withStore(({ db }) => {
      tell(db, chain, atOnce);
      const cut = chain.blocks.slice(0, -5);
      takeBackAbove(db, cut.at(-1)?.height ?? 0, LAST_DAY * DAY_MS + 1);
      const minted = exposedDeposits(db).reduce((sum, { amount }) => sum + amount, 0n);
      expect(minted).toBeGreaterThan(0n);
      const { opening, closing, days } = reportOf(db, LAST_DAY, LAST_DAY);
      expect([opening.exposed, closing.exposed, closing.unexplained]).toEqual(['0', `${minted}`, '0']);
      expect(BigInt(closing.difference)).toBe(
        BigInt(closing.floor) + BigInt(closing.surplus) + BigInt(closing.unswept) - minted,
      );
      expect(days.at(-1)?.liabilities).toBe(closing.liabilities);
      const text = markdownOf(reportOf(db, FIRST_DAY, LAST_DAY));
      expect(text).toContain('minted for, or may be minted for, although no block holds them');
      expect(text).toContain('– of which attested deposits that no block holds | 0 | -');
      expect(markdownOf(reportOf(db, FIRST_DAY, FIRST_DAY))).not.toContain('no block holds');
    });
  });

  test('counts payouts and miner fees also of steps whose burns are not known, and says that liabilities are not whole', () => {
    withStore(({ db }) => {
      tell(db, chain, atOnce, false);
      const { totals, incomplete, closing } = reportOf(db, FIRST_DAY, LAST_DAY);
      const { paid_out, miner_fees } = figuresOf(chain, FIRST_DAY, LAST_DAY).totals;
      expect([totals.paid_out, totals.miner_fees]).toEqual([paid_out, miner_fees]);
      expect(incomplete).toEqual({
        unlisted_steps: chain.blocks.filter(({ step }) => step !== null).length,
        unknown_fees: 0,
        unknown_burns: 0,
      });
      expect(closing.unexplained).not.toBe('0');
      expect(markdownOf(reportOf(db, FIRST_DAY, LAST_DAY))).toContain('unexplained: find out why');
    });
  });

  test('says of how many paid burns the amount is not known, as after a restore, also of those before the period', () => {
    withStore((store) => {
      tell(store.db, chain, atOnce);
      expect(reportOf(store.db, LAST_DAY, LAST_DAY).incomplete.unknown_burns).toBe(0);
      raw(store, (database) => {
        database.run('PRAGMA foreign_keys = OFF');
        for (const { name } of database
          .query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'burns'")
          .all()) {
          database.run(`DROP TRIGGER ${name}`);
        }
        database.run('DELETE FROM burns WHERE burn_txid IN (SELECT burn_txid FROM line_burns LIMIT 2)');
      });
      for (const first of [FIRST_DAY, LAST_DAY]) {
        const report = reportOf(store.db, first, LAST_DAY);
        expect(report.incomplete.unknown_burns).toBe(2);
        expect(markdownOf(report)).toContain('Of 2 burns that were paid this node does not know the amount yet');
      }
    });
  });

  test('shows a coin that custody lost as an unexplained difference', () => {
    withStore((store) => {
      tell(store.db, chain, atOnce);
      raw(store, (database) => {
        database.run('DROP TRIGGER utxos_no_delete');
        database.run(
          `DELETE FROM utxos WHERE rowid = (SELECT min(rowid) FROM utxos WHERE leaf LIKE '%deposit%' AND status = 'unspent')`,
        );
      });
      expect(BigInt(reportOf(store.db, FIRST_DAY, LAST_DAY).closing.unexplained)).toBeLessThan(0n);
    });
  });

  test('is added up by indexes: no table that grows with the work is read whole', () => {
    withStore((store) => {
      tell(store.db, chain, atOnce);
      const asked = new Set<string>();
      const plans = raw(store, (database) => {
        const db = drizzle(database, { logger: { logQuery: (text) => void asked.add(text) } });
        reportOf(db, FIRST_DAY, LAST_DAY);
        // The head is the last row of the log, so that scan ends where it begins.
        return [...asked]
          .filter((text) => !text.includes('order by "audit_log"."seq" desc limit'))
          .flatMap((text) => database.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${text}`).all());
      });
      expect(asked.size).toBeGreaterThan(20);
      const whole = /^SCAN (deposits|utxos|attestations|audit_log|line_steps|line_burns|[asul])( |$)(?!USING)/;
      expect(plans.map(({ detail }) => detail).filter((detail) => whole.test(detail))).toEqual([]);
    });
  });

  test('of a node that has nothing yet is a report of nothing, in every form', () => {
    withStore(({ db }) => {
      const report = reportOf(db, FIRST_DAY, FIRST_DAY);
      expect(report.closing).toMatchObject({ reserves: '0', liabilities: '0', unexplained: '0' });
      expect(markdownOf(report)).toContain('Nothing is recorded of this period');
      expect(htmlOf(report)).toContain('This node coordinated no signature.');
    });
  });
});
