// The end of a key ceremony: who proves the keys when somebody is silent, how a node that missed the end comes to its
// keys, and that no node ever makes or uses two keys at once.
import { afterEach, describe, expect, test } from 'bun:test';
import { mkdir, rename, rm } from 'node:fs/promises';
import { storedOutcome } from '../../operator/key-ceremonies/ceremony-outcome.ts';
import { keepCard, listCards } from '../../operator/peers/federation.ts';
import { beginCeremony, endCeremony, getCeremony, listCeremonies } from '../../store/ceremonies.ts';
import { listKeys } from '../../store/keys.ts';
import { codeOf } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';

let federation: FederationInMemory;
afterEach(() => federation.close());

const db = (index: number) => federation.at(index).node.store.db;
const all = (): readonly number[] => federation.members.map(({ index }) => index);

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 2_000; tries++) {
    if (condition()) return;
    await Bun.sleep(5);
  }
  throw new Error(`never: ${what}`);
}

/** All take part in the first ceremony; node 0, which joins first, coordinates. */
async function joinAll(): Promise<readonly Promise<unknown>[]> {
  const join = (index: number): Promise<unknown> => federation.dkg(index).catch(() => null);
  const first = join(0);
  await until(() => phaseOf(0) === 'lobby', 'node 0 has joined first');
  return [first, ...all().slice(1).map(join)];
}

/** Makes every node's clock go fast. */
function hurry(): () => void {
  const timer = setInterval(() => {
    for (const member of federation.members) member.passedMs += 400;
  }, 20);
  return () => clearInterval(timer);
}

const isLive = (index: number): boolean => federation.member(index).running?.node.keys.live() != null;

function isProven(index: number, id = 'first'): boolean {
  if (federation.member(index).running === null) return false;
  const stored = getCeremony(db(index), id);
  return stored !== null && storedOutcome(stored)?.subsets != null;
}

function phaseOf(index: number, id = 'first'): string {
  return federation.at(index).services.ceremonies.running(id)?.progress().phase ?? 'none';
}

/** Loses the certificate on its way to a node, as a request and as an answer, until the end is no longer hidden. */
function hideTheEndFrom(node: number): () => void {
  federation.meddle = ({ to, message }) => (message.type === 'dkg_complete' && to === node ? 'lost' : message);
  federation.meddleReply = ({ from, replies }) =>
    replies.filter(({ type }) => !(type === 'dkg_complete' && from === node));
  return () => {
    federation.meddle = ({ message }) => message;
    federation.meddleReply = ({ replies }) => replies;
  };
}

/** Loses every message of signing that the coordinator of a ceremony, node 0, sends. */
function muteProver(): void {
  federation.meddle = ({ from, message }) =>
    from === 0 && (message.type === 'nonce_request' || message.type === 'sign_request') ? 'lost' : message;
}

describe('the proof of new keys', () => {
  test('is taken over by the next node where the coordinator is silent, and dkg succeeds at all', async () => {
    federation = await FederationInMemory.make();
    muteProver();
    const first = federation.dkg(0);
    await until(() => phaseOf(0) === 'lobby', 'node 0 has joined first');
    const joins = [first, federation.dkg(1), federation.dkg(2)];
    await until(() => all().every(isLive), 'the keys are made');
    const stop = hurry();
    const results = await Promise.all(joins);
    stop();
    expect(results.map(({ coordinator }) => coordinator)).toEqual([0, 0, 0]);
    expect(new Set(results.map(({ key_id }) => key_id)).size).toBe(1);
    expect(results.every(({ proven }) => new Set(proven.flat()).size === 3)).toBe(true);
    const announcers = federation.sent.filter(({ message }) => message.type === 'announce_proofs');
    expect(new Set(announcers.map(({ from }) => from))).toEqual(new Set([1]));
  });

  test('is resumed by the coordinator that died between the keys and the proof, and reaches all', async () => {
    federation = await FederationInMemory.make();
    muteProver();
    const first = federation.dkg(0).catch(() => null);
    await until(() => phaseOf(0) === 'lobby', 'node 0 has joined first');
    const others = [federation.dkg(1), federation.dkg(2)];
    await until(() => all().every(isLive), 'the keys are made');
    await federation.stop(0);
    await first;
    federation.meddle = ({ message }) => message;
    expect(all().some((index) => isProven(index))).toBe(false);
    await federation.start(0);
    const results = await Promise.all([federation.dkg(0), ...others]);
    expect(new Set(results.map(({ key_id }) => key_id)).size).toBe(1);
    expect(all().every((index) => isProven(index))).toBe(true);
  });

  test('comes to a node that was away when it was announced, from any other, with the rest asleep', async () => {
    federation = await FederationInMemory.make();
    federation.meddle = ({ to, message }) => (message.type === 'announce_proofs' && to === 2 ? 'lost' : message);
    const joins = await joinAll();
    await until(() => isProven(0) && isProven(1) && isLive(2), 'the others have the proof');
    await federation.stop(2);
    federation.down.add(0);
    await federation.start(2);
    await until(() => isProven(2), 'node 2 has the proof from node 1');
    await federation.close();
    await Promise.all(joins);
  });
});

describe('two ceremonies', () => {
  test('are not taken part in at once, rehearsals included: the one in the way is named, and what to do', async () => {
    federation = await FederationInMemory.make();
    const waiting = federation.dkg(0, { ceremony_id: 'one', rehearsal: true }).catch(() => null);
    await until(() => phaseOf(0, 'one') === 'lobby', 'node 0 waits in the lobby');
    const refused = await federation.dkg(0, { ceremony_id: 'two' }).catch(String);
    expect(refused).toContain('ceremony one is under way at this node');
    expect(refused).toContain('ceremony abandon one');
    expect(await codeOf(federation.dkg(0, { ceremony_id: 'two' }))).toBe('ceremony_running');
    expect(await codeOf(federation.dkg(0, { ceremony_id: 'three', rehearsal: true }))).toBe('ceremony_running');
    await federation.at(0).services.ceremonies.abandon('one');
    await waiting;
    expect(await federation.dkgByAll({ ceremony_id: 'two' })).toHaveLength(3);
  });

  test('that two operators ask one node for in the same moment become one', async () => {
    federation = await FederationInMemory.make();
    const asked = ['one', 'two'].map((ceremony_id) => federation.dkg(0, { ceremony_id }).catch(String));
    await until(() => phaseOf(0, 'one') === 'lobby' || phaseOf(0, 'two') === 'lobby', 'one of them is joined');
    await Bun.sleep(50);
    const phases = ['one', 'two'].map((id) => phaseOf(0, id));
    expect(phases.filter((phase) => phase === 'lobby')).toHaveLength(1);
    await federation.close();
    expect((await Promise.all(asked)).join()).toContain('is under way at this node');
  });

  test('in doubt block another until the operator abandons the first, which then never makes keys here', async () => {
    federation = await FederationInMemory.make();
    federation.meddle = ({ from, to, message }) =>
      message.type === 'dkg_complete' || (message.type === 'dkg_confirm' && from === 2 && to === 0) ? 'lost' : message;
    const joins = await joinAll();
    await until(() => phaseOf(1) === 'confirmed' && phaseOf(2) === 'confirmed', 'two have confirmed');
    expect(await codeOf(federation.dkg(1, { ceremony_id: 'second' }))).toBe('ceremony_running');
    federation.meddle = ({ message }) => (message.type === 'dkg_complete' ? 'lost' : message);
    for (const index of all().filter((one) => phaseOf(one) !== 'complete')) {
      await federation
        .at(index)
        .services.ceremonies.abandon('first')
        .catch(() => null);
    }
    expect(await codeOf(federation.at(1).services.ceremonies.abandon('first'))).toBe('ceremony_over');
    expect(await codeOf(federation.dkg(1))).toBe('ceremony_exists');
    await federation.restart(1);
    expect(phaseOf(1)).toBe('none');
    expect(listKeys(db(1))).toEqual([]);
    await federation.close();
    await Promise.all(joins);
  });
});

describe('a ceremony that was ended at one node by a false word', () => {
  test('completes there after all, and the lobby of the next one is left', async () => {
    federation = await FederationInMemory.make();
    const tell = hideTheEndFrom(1);
    const joins = await joinAll();
    await until(() => isLive(0) && isLive(2) && phaseOf(1) === 'confirmed', 'the others hold the keys');
    const attempt = federation.at(1).services.ceremonies.running('first')?.progress().attempt ?? '';
    const body = { attempt, reason: 'operator', culprit: null, suspects: [], detail: 'a lie' };
    await federation.send(2, 1, { type: 'dkg_abort', body }, 'first');
    expect(phaseOf(1)).toBe('aborted');
    const second = federation.dkg(1, { ceremony_id: 'second' }).catch(String);
    await until(() => phaseOf(1, 'second') === 'lobby', 'node 1 waits in another lobby');
    tell();
    const stop = hurry();
    await until(() => isLive(1), 'node 1 holds the keys of the first');
    stop();
    expect(phaseOf(1, 'second')).toBe('idle');
    expect(await second).toContain('no keys were made');
    expect(federation.key(1).keyId).toBe(federation.key(0).keyId);
    await federation.close();
    await Promise.all(joins);
  });
});

describe('a node that restarts', () => {
  test('resumes what is unfinished, however many ceremonies came after it', async () => {
    federation = await FederationInMemory.make();
    const waiting = federation.dkg(0, { ceremony_id: 'unfinished' }).catch(() => null);
    await until(() => phaseOf(0, 'unfinished') === 'lobby', 'the first is in its lobby');
    await federation.stop(0);
    await waiting;
    const running = await federation.start(0);
    for (let i = 0; i < 60; i++) {
      const now = Date.now() + 1_000 + i;
      beginCeremony(running.node.store.db, { ceremonyId: `later-${i}`, kind: 'dkg', rehearsal: true }, now);
      endCeremony(running.node.store.db, `later-${i}`, 'failed', null, now);
    }
    await federation.restart(0);
    expect(listCeremonies(db(0)).rows.some(({ ceremonyId }) => ceremonyId === 'unfinished')).toBe(false);
    expect(phaseOf(0, 'unfinished')).toBe('lobby');
  });
});

describe('a node that missed the end', () => {
  test('completes after its restart from any node that has the certificate, with the coordinator gone', async () => {
    federation = await FederationInMemory.make();
    const tellNodeTwo = hideTheEndFrom(2);
    const first = federation.dkg(0).catch(() => null);
    await until(() => phaseOf(0) === 'lobby', 'node 0 has joined first');
    const joins = [first, ...[1, 2].map((index) => federation.dkg(index).catch(() => null))];
    await until(() => isLive(0) && isLive(1) && phaseOf(2) === 'confirmed', 'the others hold the keys');
    await federation.stop(2);
    tellNodeTwo();
    federation.down.add(0);
    await federation.start(2);
    expect(isLive(2)).toBe(false);
    const stop = hurry();
    await until(() => isLive(2), 'node 2 holds the keys');
    stop();
    expect(federation.key(2).keyId).toBe(federation.key(1).keyId);
    expect(federation.at(2).node.keys.sharesFit(federation.key(1).keyId)).toBe(true);
    await federation.close();
    await Promise.all(joins);
  });

  test('or lost its database, gets its key back from the exported ceremony, and its share signs', async () => {
    federation = await FederationInMemory.make();
    const tellNodeTwo = hideTheEndFrom(2);
    const joins = await joinAll();
    await until(() => isLive(0) && isLive(1) && phaseOf(2) === 'confirmed', 'the others hold the keys');
    await loseDatabase(2);
    tellNodeTwo();
    const file = exported(0);
    const { ceremonies } = federation.at(2).services;
    const recovered = await ceremonies.recover(file);
    expect(recovered).toMatchObject({ ceremony_id: 'first', key_id: federation.key(0).keyId, shares: 'recovered' });
    expect(federation.at(2).node.keys.sharesFit(recovered.key_id)).toBe(true);
    expect(await codeOf(ceremonies.recover(file))).toBe('key_exists');
    // Only now can every share sign, its own included.
    const stop = hurry();
    await until(() => all().every((index) => isProven(index)), 'the keys are proven at all');
    stop();
    await federation.close();
    await Promise.all(joins);
  });

  test('and kept its shares takes up the key with them', async () => {
    federation = await FederationInMemory.make();
    await federation.dkgByAll();
    await loseDatabase(2);
    expect(isLive(2)).toBe(false);
    const recovered = await federation.at(2).services.ceremonies.recover(exported(1));
    expect(recovered.shares).toBe('kept');
    await until(() => isProven(2), 'the proof comes from the others');
    await federation.restart(2);
    expect(federation.at(2).node.keys.sharesFit(federation.key(0).keyId)).toBe(true);
  });

  test('takes no file of strangers, none that was altered, and none of a rehearsal', async () => {
    federation = await FederationInMemory.make();
    await federation.dkgByAll({ ceremony_id: 'rehearsed', rehearsal: true });
    await federation.dkgByAll();
    const [good, rehearsed] = [exported(0), exported(0, 'rehearsed')];
    await loseDatabase(2);
    const { ceremonies } = federation.at(2).services;
    const refusalOf = (file: unknown): Promise<string> => ceremonies.recover(file).then(() => 'taken', String);
    expect(await refusalOf(rehearsed)).toContain('rehearsal');
    expect(await refusalOf({ ...good, v: 2 })).toContain('is not valid');
    const own = federation;
    try {
      federation = await FederationInMemory.make();
      await federation.dkgByAll();
      const foreign = exported(0);
      await federation.close();
      expect(await refusalOf(foreign)).toContain('other keys than its card');
    } finally {
      federation = own;
    }
    expect(listKeys(db(2))).toEqual([]);
    expect(await refusalOf(good)).toBe('taken');
  });
});

function exported(index: number, id = 'first'): Readonly<Record<string, unknown>> {
  const stored = getCeremony(db(index), id);
  const outcome = stored === null ? null : storedOutcome(stored);
  if (outcome === null) throw new Error('the ceremony is over');
  return JSON.parse(JSON.stringify(outcome.file));
}

/** The key file survives, the security database does not; the cards are exchanged again, as their operator would. */
async function loseDatabase(index: number): Promise<void> {
  await federation.stop(index);
  const { securityDbPath } = federation.member(index).config;
  await mkdir(`${securityDbPath}.lost`, { recursive: true });
  for (const suffix of ['', '-wal', '-shm']) {
    await rename(`${securityDbPath}${suffix}`, `${securityDbPath}.lost/db${suffix}`).catch(() => null);
  }
  await rm(`${securityDbPath}.lost`, { recursive: true });
  await federation.start(index);
  const cards = listCards(db(index === 0 ? 1 : 0));
  for (const card of cards) keepCard(db(index), card, false, Date.now());
}
