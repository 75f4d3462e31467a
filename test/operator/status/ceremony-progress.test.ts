// A key ceremony in `status`: which step since when, and where each participant stands.
import { afterEach, describe, expect, test } from 'bun:test';
import type { DkgProgress } from '../../../ceremony/dkg/setup.ts';
import { CeremonyHistory } from '../../../operator/key-ceremonies/ceremony-history.ts';
import { ceremonyReports } from '../../../operator/reports.ts';
import { participantRows } from '../../../operator/status/ceremony-participants.ts';
import { FederationInMemory } from '../federation-in-memory.ts';

let federation: FederationInMemory | null = null;
afterEach(() => federation?.close());

const MEMBERS = [0, 1, 2, 3].map((index) => ({ index, name: `op-${index}` }));
const LOBBY: DkgProgress = {
  ...{ phase: 'lobby', step: 'lobby', attempt: null, coordinator: null, waitingFor: [1, 2], problems: [] },
  ...{ declined: [], abort: null, mayStillComplete: false },
};
const iso = (at: number) => new Date(at).toISOString();

test('a lobby shows at a running node who has joined and since when the others are awaited', async () => {
  federation = await FederationInMemory.make();
  const waiting = federation.dkg(0, { wait_s: 2 }).catch(() => null);
  const { node, services } = federation.at(0);
  const shown = () => ceremonyReports(Object.assign({}, node, { online: services })).ceremonies[0];
  while (shown()?.phase !== 'lobby') await Bun.sleep(5);
  const report = shown();
  expect(report?.participants).toMatchObject([
    { index: 0, name: 'operator-0', state: 'done', since: null },
    { index: 1, name: 'operator-1', state: 'awaited', detail: 'has not joined' },
    { index: 2, name: 'operator-2', state: 'awaited', detail: 'has not joined' },
  ]);
  const since = Date.parse(report?.participants[1]?.since ?? '');
  expect(Math.abs(Date.now() - since)).toBeLessThan(60_000);
  expect(report?.steps.length).toBeGreaterThan(0);
  await waiting;
});

describe('the history of a ceremony', () => {
  test('has each step once with its beginning, and counts the wait for a participant again in each', () => {
    const history = new CeremonyHistory();
    history.note({ step: 'lobby', waitingFor: [1, 2] }, 1_000);
    history.note({ step: 'lobby', waitingFor: [2] }, 2_000);
    expect([history.awaitedSince(1), history.awaitedSince(2)]).toEqual([null, 1_000]);
    history.note({ step: 'gathering_round1', waitingFor: [1, 2] }, 3_000);
    history.note({ step: 'gathering_round1', waitingFor: [2] }, 4_000);
    expect(history.awaitedSince(2)).toBe(3_000);
    expect(history.steps()).toEqual([
      { step: 'lobby', at: 1_000 },
      { step: 'gathering_round1', at: 3_000 },
    ]);
  });
});

describe('a participant', () => {
  const rows = (seen: Partial<DkgProgress>) => {
    const history = new CeremonyHistory();
    history.note({ ...LOBBY, ...seen }, 5_000);
    return participantRows(MEMBERS, { ...LOBBY, ...seen }, history);
  };

  test('is awaited since a time, or says why it cannot join, or fails a check by name', () => {
    const problems = [{ index: 3, name: 'op-3', check: 'clock', detail: '40 s off' }];
    expect(rows({ declined: [{ index: 2, reason: 'key_live' }], problems })).toMatchObject([
      { index: 0, state: 'done', since: null },
      { index: 1, state: 'awaited', since: iso(5_000) },
      { index: 2, state: 'declined', detail: expect.stringContaining('says that it ') },
      { index: 3, state: 'check_failed', detail: 'clock: 40 s off' },
    ]);
  });

  test('that is blamed is shown so, and so are the suspects of whom one is at fault', () => {
    const abort = { attempt: 'a', by: 0, reason: 'timeout' as const, culprit: 2, suspects: [1], detail: 'bad share' };
    const states = rows({ phase: 'aborted', waitingFor: [], abort }).map(({ state }) => state);
    expect(states).toEqual(['done', 'suspected', 'blamed', 'done']);
  });
});
