// Who waits in the lobby of a key ceremony is told by the others when there is nothing to wait for, whatever of them has
// restarted since, and leaves by itself when nobody is there.
import { afterEach, expect, test } from 'bun:test';
import { rm } from 'node:fs/promises';
import { keepCard, listCards } from '../../operator/peers/federation.ts';
import { ceremonyReports } from '../../operator/reports.ts';
import type { ProgressStep } from '../../operator/runtime/progress.ts';
import { codeOf } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';

let federation: FederationInMemory;
afterEach(() => federation.close());

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 2_000; tries++) {
    if (condition()) return;
    await Bun.sleep(5);
  }
  throw new Error(`never: ${what}`);
}

function listed(index: number, id = 'first') {
  const { node } = federation.at(index);
  const { ceremonies } = ceremonyReports({ ...node, online: null });
  return ceremonies.find(({ ceremony_id }) => ceremony_id === id);
}

function phaseOf(index: number, id = 'first'): string {
  return federation.at(index).services.ceremonies.running(id)?.progress().phase ?? 'none';
}

test('a ceremony that another node has abandoned ends the wait for it by name, also after a restart of that node', async () => {
  federation = await FederationInMemory.make();
  const lonely = federation.dkg(1, { wait_s: 1 }).catch(() => null);
  await until(() => phaseOf(1) === 'lobby', 'node 1 has joined');
  await federation.at(1).services.ceremonies.abandon('first');
  await lonely;
  await federation.restart(1);
  for (const _ of ['joined', 'joined again']) {
    const told = await federation.dkg(0).catch(String);
    expect(told).toContain('says operator 1 (operator-1) (has given up this ceremony for good)');
  }
});

test('a ceremony that the others have finished is no wait for a node that lost its database', async () => {
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
  await until(() => [0, 1].every((index) => phaseOf(index) === 'none'), 'it is over for the others');
  await federation.stop(2);
  const { securityDbPath } = federation.member(2).config;
  for (const suffix of ['', '-wal', '-shm']) await rm(`${securityDbPath}${suffix}`, { force: true });
  await federation.start(2);
  const { db } = federation.at(2).node.store;
  for (const card of listCards(federation.at(0).node.store.db)) keepCard(db, card, false, Date.now());
  const told = await federation.dkg(2).catch(String);
  expect(told).toContain('this node holds no keys of it: the others have finished the ceremony');
  expect(told).toContain('ceremony recover');
});

test('a lobby that a restart has left without its command ends when that would have, and another may be entered', async () => {
  federation = await FederationInMemory.make();
  const waiting = federation.dkg(0).catch(() => null);
  await until(() => phaseOf(0) === 'lobby', 'node 0 waits in the lobby');
  await federation.restart(0);
  await waiting;
  expect(phaseOf(0)).toBe('lobby');
  expect(await codeOf(federation.dkg(0, { ceremony_id: 'second', wait_s: 1 }))).toBe('ceremony_running');
  for (const member of federation.members) member.passedMs += 70_000;
  await until(() => phaseOf(0) === 'idle', 'node 0 has left the lobby');
  expect(await federation.dkgByAll({ ceremony_id: 'second' })).toHaveLength(3);
});

test('a stay that came to nothing is listed as failed with its reason, also by a process that cannot open the events', async () => {
  federation = await FederationInMemory.make();
  const failed = await codeOf(federation.dkg(0, { wait_s: 1, rehearsal: true }));
  expect(failed).toBe('left_lobby');
  expect(listed(0)).toMatchObject({
    phase: 'failed',
    detail: expect.stringMatching(
      /^no keys were made: operator 1 \(operator-1\), operator 2 \(operator-2\) did not join.*dkg --ceremony-id first --rehearsal/,
    ),
  });
  const again = federation.dkg(0, { wait_s: 2, rehearsal: true }).catch(() => null);
  await until(() => phaseOf(0) === 'lobby', 'node 0 waits in the lobby again');
  expect(listed(0)).toMatchObject({ phase: 'interrupted', detail: expect.stringContaining('once the server runs') });
  await again;
});

test('a rehearsal never says that its keys are live or go live', async () => {
  federation = await FederationInMemory.make();
  const told: string[] = [];
  const params = { ceremony_id: 'try', rehearsal: true, wait_s: 60 };
  const joins = federation.members.map(({ index }) => {
    const { services, ended } = federation.at(index);
    return services.ceremonies.join(params, ({ text }) => void told.push(text), ended.signal);
  });
  await Promise.all(joins);
  expect(told.filter((text) => text.includes('then destroyed')).length).toBeGreaterThan(0);
  expect(told.filter((text) => /\blive\b/.test(text))).toEqual([]);
});

test('a node in the lobby says of each operator why it is waited for, and how long the wait goes on', async () => {
  federation = await FederationInMemory.make();
  await federation.stop(2);
  const steps: ProgressStep[] = [];
  const { services, ended } = federation.at(0);
  const params = { ceremony_id: 'initial', rehearsal: false, wait_s: 60 };
  const waiting = services.ceremonies.join(params, (step) => void steps.push(step), ended.signal).catch(() => null);
  const told = (text: string) => steps.some((step) => step.text.includes(text));
  await until(() => told('operator 2 (operator-2): '), 'the absent operator is named');
  await until(() => told('its node answers, but its operator has not joined'), 'the other is told to join');
  const elsewhere = federation.dkg(1, { ceremony_id: 'inital', wait_s: 1 }).catch(() => null);
  await until(() => told('it waits in ceremony inital, this node in initial'), 'the mistyped id is named');
  const [first] = steps.filter(({ step }) => step === 'joining');
  expect(first?.remaining_ms).toBeWithin(50_000, 60_001);
  await federation.stop(0);
  await Promise.all([waiting, elsewhere]);
});
