// What a restore of the database says of pauses, holds, vetoes and the service.
import { expect, test } from 'bun:test';
import { decisionChange, standingDecisions } from '../../../operator/backups/standing-decisions.ts';
import type { Queries } from '../../../store/database.ts';
import { holdBurn, releaseHold } from '../../../store/holds.ts';
import { pauseHere, resumeHere } from '../../../store/pauses.ts';
import { disableService, enableService } from '../../../store/service.ts';
import { approveVetoed, recordVeto } from '../../../store/vetoes.ts';
import { id, NOW, withStore } from '../../store/fixture.ts';

const hex = (name: string) => id(name).slice(0, 32);
const standing = (db: Queries) => standingDecisions(db, 2, NOW);
const sayAll = (db: Queries) => {
  enableService(db, NOW);
  pauseHere(db, { id: hex('pause'), askedBy: 0, scope: 'node', reason: 'why\u202eever' }, NOW);
  holdBurn(db, id('held'), 'nobody knows it', NOW);
  const veto = { id: hex('veto'), burnTxid: id('vetoed'), vetoedBy: 1, reason: 'too much' };
  recordVeto(db, { ...veto, at: NOW, expiresAt: NOW + 1 });
  disableService(db, NOW);
};

test('whatever stands here and not in the backup is named, and what stands in the backup as well', () => {
  withStore(({ db }) => {
    const backup = standing(db);
    expect(backup).toEqual([]);
    sayAll(db);
    const { lost } = decisionChange(standing(db), backup);
    expect(lost).toEqual([
      expect.stringMatching(/^the node is paused since \S+ by its own operator: why[^\u202e]+ever$/),
      `burn ${id('held')} is held: nobody knows it`,
      `operator 1 vetoes burn ${id('vetoed')} until ${new Date(NOW + 1).toISOString()}: too much`,
      'the service is disabled: no new attestations',
    ]);
    expect(decisionChange([], standing(db))).toEqual({ lost: [], kept: lost ?? [] });
    expect(decisionChange(standing(db), standing(db)).lost).toEqual([]);
    expect(decisionChange(null, backup)).toEqual({ lost: null, kept: [] });
  });
});

test('what was ended stands no more', () => {
  withStore(({ db }) => {
    sayAll(db);
    resumeHere(db, NOW);
    releaseHold(db, id('held'), NOW);
    for (const operator of [0, 2]) approveVetoed(db, hex('veto'), operator, NOW);
    enableService(db, NOW);
    expect(standing(db)).toEqual([]);
  });
});
