// Incidents and dates of the key ceremony among several nodes: one timeline for all, also for those that were away; deadlines;
// and peers that flood or deceive.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { commands } from '../../operator/commands.ts';
import { ceremonyDateReport } from '../../operator/incident-commands.ts';
import { say, TimelineExchange } from '../../operator/incidents/timeline.ts';
import type { Node } from '../../operator/node.ts';
import type { PeerClient } from '../../operator/peers/deliver.ts';
import { TIMELINE_ENTRIES_MAX } from '../../operator/peers/messages-timeline.ts';
import { CommandError } from '../../operator/runtime/command-error.ts';
import type { CommandName, CommandParams, CommandResults } from '../../operator/runtime/command-types.ts';
import { ceremonyDateNotices, incidentProblems } from '../../operator/status/incident-problems.ts';
import { BEGUN_PER_DAY_MAX } from '../../store/timeline.ts';
import { FederationInMemory } from './federation-in-memory.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const io = { progress: () => {}, signal: new AbortController().signal };

let federation: FederationInMemory;
beforeEach(async () => {
  federation = await FederationInMemory.make();
});
afterEach(() => federation.close());

// Of what is online, these commands need the services alone.
function node(index: number): Node {
  const { node: running, services } = federation.at(index);
  return { ...running, online: services as never };
}

async function run<C extends CommandName>(
  index: number,
  command: C,
  params: CommandParams<C>,
): Promise<CommandResults[C]> {
  return commands[command](node(index), params, io);
}

async function shown(index: number, id: string) {
  return (await run(index, 'incident-show', { id })).incident;
}

const escalate = (index: number, level: 1 | 2 | 3 = 2) =>
  run(index, 'escalate', { level, summary: 'an unknown login on our node' });

describe('an incident', () => {
  test('has one timeline at all operators, from its opening to the review', async () => {
    const { incident, delivery } = await escalate(0);
    expect(delivery).toEqual({ told: [1, 2], untold: [] });
    const { id } = incident;
    await run(1, 'incident-acknowledge', { id, text: 'Ann takes it' });
    await run(1, 'incident-respond', { id, text: 'off the network' });
    await run(2, 'incident-plan', { id, text: 'restore tonight' });
    await run(0, 'incident-close', { id, text: 'a test login; accounts are named now' });
    const seen = await Promise.all([0, 1, 2].map((index) => shown(index, id)));
    expect(new Set(seen.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(seen[0]).toMatchObject({ level: 2, state: 'closed', review: 'a test login; accounts are named now' });
    const said = seen[0]?.timeline.map(({ kind }) => `${kind}`);
    expect(said).toEqual(['opened', 'acknowledged', 'responded', 'planned', 'closed']);
    await expect(run(1, 'incident-respond', { id, text: 'late' })).rejects.toThrow(/operator 0 closed incident/);
    await expect(run(1, 'incident-respond', { id: '2-00000000', text: 'x' })).rejects.toThrow(/no incident 2-00000000/);
  });

  test('reaches an operator that was away, also when those who spoke have restarted meanwhile', async () => {
    federation.down.add(2);
    const { incident, delivery } = await escalate(0);
    expect(delivery).toMatchObject({ told: [1], untold: [{ index: 2 }] });
    await run(1, 'incident-acknowledge', { id: incident.id, text: 'seen' });
    await federation.restart(0);
    await federation.restart(1);
    federation.down.delete(2);
    for (const index of [1, 0]) await federation.at(index).services.timeline.tell();
    expect(await shown(2, incident.id)).toEqual(await shown(0, incident.id));
    expect(federation.at(0).services.timeline.untold()).toEqual([]);
  });

  test('is told again to a peer that lost its database, once that has restarted', async () => {
    const { incident } = await escalate(0);
    await federation.restart(2);
    const before = federation.sent.length;
    await run(0, 'incident-respond', { id: incident.id, text: 'we look' });
    await federation.at(0).services.timeline.tell();
    const again = federation.sent
      .slice(before)
      .filter(({ to, message }) => to === 2 && message.type === 'announce_timeline');
    expect(JSON.stringify(again)).toContain('an unknown login');
  });

  test('that nobody answers becomes overdue, step by step, with since when; one answer of a peer is enough', async () => {
    const { incident } = await escalate(0);
    const overdue = (index: number) => incidentProblems(node(index)).filter(({ code }) => code === 'incident_overdue');
    expect(incidentProblems(node(1))).toMatchObject([{ code: 'incident_open', severity: 'error' }]);
    const pass = (ms: number) => {
      for (const member of federation.members) member.passedMs += ms;
    };
    pass(16 * MINUTE_MS);
    expect(overdue(1)).toMatchObject([{ cause: 'it was not acknowledged by operator 1, 2 in time' }]);
    expect(Date.parse(overdue(1)[0]?.since ?? '')).toBe(Date.parse(incident.opened_at) + 15 * MINUTE_MS);
    await run(0, 'incident-acknowledge', { id: incident.id, text: 'my own word does not count' });
    expect(overdue(1)).toHaveLength(1);
    await run(2, 'incident-acknowledge', { id: incident.id, text: 'seen' });
    expect(overdue(1)).toEqual([]);
    pass(240 * MINUTE_MS);
    expect(overdue(0).map(({ cause }) => cause)).toEqual([
      'it was not answered in time',
      'it was not given a plan in time',
    ]);
    await run(1, 'incident-plan', { id: incident.id, text: 'restore tonight' });
    expect(overdue(2)).toEqual([]);
    expect((await shown(2, incident.id)).state).toBe('open');
  });

  test('of level 3 has to be acknowledged by every other operator', async () => {
    const { incident } = await escalate(0, 3);
    await run(1, 'incident-acknowledge', { id: incident.id, text: 'seen' });
    const missing = async () => (await shown(0, incident.id)).deadlines[0];
    expect(await missing()).toMatchObject({ done_at: null, missing: [2] });
    await run(2, 'incident-respond', { id: incident.id, text: 'we stop' });
    expect(await missing()).toMatchObject({ done_at: expect.any(String), missing: [] });
  });
});

describe('a peer', () => {
  const entry = (number: number, more: object = {}) => ({
    ...{ id: `${number}`.padStart(32, '0'), thread: `1-${`${number}`.padStart(8, '0')}`, kind: 'opened', level: 3 },
    ...{ text: 'fire', at: Date.now(), ...more },
  });
  const flood = (from: number, entries: readonly object[]) =>
    federation.send(from, 0, { type: 'announce_timeline', body: { entries: JSON.parse(JSON.stringify(entries)) } });

  test('that floods is refused by name, and the others are heard as before', async () => {
    const entries = Array.from({ length: BEGUN_PER_DAY_MAX + 5 }, (_, number) => entry(number));
    const result = await flood(1, entries);
    const refused = result.ok ? JSON.stringify(result.messages[0]?.body) : '';
    expect(refused.match(/timeline_limit/g)).toHaveLength(5);
    expect((await run(0, 'incident-list', { limit: 50, offset: 0 })).total).toBe(BEGUN_PER_DAY_MAX);
    expect(federation.member(0).log.join('\n')).toContain('timeline_of_peer_full');
    await escalate(2);
    expect((await run(0, 'incident-list', { limit: 50, offset: 0 })).total).toBe(BEGUN_PER_DAY_MAX + 1);
  });

  test('cannot open in the name of another, nor send texts that deceive', async () => {
    const taken = await flood(1, [entry(1, { thread: '2-00000001' })]);
    expect(JSON.stringify(taken.ok ? taken.messages : [])).toContain('timeline_thread');
    for (const text of ['a\u202eb', 'a\nb', 'a\u0007b', '', 'x'.repeat(1001)]) {
      expect((await flood(1, [entry(1, { text })])).ok).toBe(false);
    }
    expect((await flood(1, [entry(1, { kind: 'scheduled', level: undefined })])).ok).toBe(false);
    expect((await run(0, 'incident-list', { limit: 50, offset: 0 })).total).toBe(0);
  });

  test('cannot propose a date that no calendar has, or that is years away: neither would ever be over', async () => {
    const date = (number: number, firstAt: number) => {
      const { text: _, level: __, ...rest } = entry(number);
      return { ...rest, kind: 'scheduled', ceremony_id: null, first_at: firstAt, backup_at: firstAt + 1 };
    };
    expect((await flood(1, [date(1, Number.MAX_SAFE_INTEGER - 1)])).ok).toBe(false);
    const taken = await flood(1, [
      date(2, Date.now() + 400 * DAY_MS),
      date(3, 8.64e15 - 1),
      date(4, Date.now() + DAY_MS),
    ]);
    expect(JSON.stringify(taken.ok ? taken.messages : []).match(/timeline_time/g)).toHaveLength(2);
    expect(incidentProblems(node(0)).map(({ code }) => code)).toEqual(['date_unanswered']);
    expect(ceremonyDateNotices(node(0))).toHaveLength(1);
  });

  test('learns nothing more from an operator that spoke too often, who is told so', async () => {
    for (let n = 0; n < BEGUN_PER_DAY_MAX; n++) await escalate(0);
    await expect(escalate(0)).rejects.toThrow(CommandError);
    await expect(escalate(0)).rejects.toThrow(/peers take no more/);
  });
});

describe('the date of the key ceremony', () => {
  const iso = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();
  const propose = (index: number, days = 3) =>
    run(index, 'ceremony-schedule', { at: iso(days), backup: iso(days + 2), ceremony_id: 'initial-dkg' });

  test('is agreed once every operator has accepted it, and each is asked until it has answered', async () => {
    const { date } = await propose(0);
    expect(date).toMatchObject({ accepted: 1, participants: 3, agreed: false });
    const asked = (index: number) => incidentProblems(node(index)).map(({ code }) => code);
    expect([asked(0), asked(1)]).toEqual([[], ['date_unanswered']]);
    await run(1, 'ceremony-schedule-answer', { id: null, answer: 'accepted', reason: 'accepted' });
    await run(2, 'ceremony-schedule-answer', { id: date.id, answer: 'refused', reason: 'away' });
    expect(ceremonyDateReport(node(0))).toMatchObject({ accepted: 2, agreed: false });
    expect(ceremonyDateNotices(node(1))[0]?.cause).toContain('accepted by 2 of 3; refused by operator 2');
    await run(2, 'ceremony-schedule-answer', { id: date.id, answer: 'accepted', reason: 'moved it' });
    for (const index of [0, 1, 2]) expect(ceremonyDateReport(node(index))).toMatchObject({ accepted: 3, agreed: true });
    expect(asked(1)).toEqual([]);
    expect(ceremonyDateNotices(node(2))[0]).toMatchObject({ subject: 'key ceremony initial-dkg' });
  });

  test('that all accept stands until another is accepted by all, and goes when its second date is over', async () => {
    const { date } = await propose(0);
    for (const index of [1, 2])
      await run(index, 'ceremony-schedule-answer', { id: date.id, answer: 'accepted', reason: 'ok' });
    await propose(1, 30);
    expect(ceremonyDateReport(node(2))?.id).toBe(date.id);
    for (const member of federation.members) member.passedMs += 6 * DAY_MS;
    expect(ceremonyDateReport(node(2))?.proposed_by).toBe(1);
  });

  test('is refused where it is over, in the wrong order or too far off', async () => {
    await expect(propose(0, -1)).rejects.toThrow(/is over/);
    await expect(propose(0, 400)).rejects.toThrow(/within a year/);
    const wrong = { at: iso(3), backup: iso(2), ceremony_id: null };
    await expect(run(0, 'ceremony-schedule', wrong)).rejects.toThrow(/later than the first/);
    await expect(run(0, 'ceremony-schedule-answer', { id: null, answer: 'accepted', reason: 'x' })).rejects.toThrow(
      /no date is proposed/,
    );
  });
});

test('a peer that answers slowly holds nobody up who escalates, and has the newest first', async () => {
  const { node: running } = federation.at(0);
  let passed = 0;
  const told: string[] = [];
  const client: PeerClient = {
    send: async (_, { body }) => {
      passed += 3_000;
      told.push(JSON.stringify(body));
      return { ok: true, boot: 'a', messages: [{ type: 'timeline_answer', body: { refused: [] } }] } as never;
    },
  };
  const { config, input, store } = running;
  const effects = { ...input.effects, monotonic: () => passed };
  const exchange = new TimelineExchange({ config, db: store.db, client, peers: () => [1], effects, log: () => {} });
  const thread = (await escalate(0)).incident.id;
  const spoken = (text: string) =>
    say({ db: store.db, config, effects: input.effects }, { kind: 'responded', thread, text });
  for (let n = 0; n < 2 * TIMELINE_ENTRIES_MAX; n++) spoken(`step ${n}`);
  const { id } = spoken('the newest');
  await exchange.tell();
  expect(passed).toBeLessThanOrEqual(6_000);
  expect(told[0]).toContain(id);
  expect(exchange.untold(id)).toEqual([]);
  expect(exchange.untold()).toMatchObject([{ index: 1, detail: expect.stringContaining('slowly') }]);
  await exchange.tell();
  expect(exchange.untold()).toEqual([]);
});

test('a sealed node writes an incident down, and says that it tells the others later', async () => {
  const sealed = { ...federation.at(0).node, online: null };
  const { delivery } = await commands.escalate(sealed, { level: 1, summary: 'the disk fails' }, io);
  expect(delivery.told).toEqual([]);
  expect(delivery.untold[0]?.detail).toContain('sealed');
  await federation.at(0).services.timeline.round();
  expect((await run(1, 'incident-list', { limit: 5, offset: 0 })).incidents[0]?.summary).toBe('the disk fails');
});
