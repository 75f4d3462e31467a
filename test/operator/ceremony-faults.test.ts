// Key ceremonies where something else goes wrong: a peer that answers without end, a disk that is full, a key that comes
// back while another is about to be made, a node that others tell why they do not join.
import { afterEach, describe, expect, test } from 'bun:test';
import { storedOutcome } from '../../operator/key-ceremonies/ceremony-outcome.ts';
import { keepCard, listCards } from '../../operator/peers/federation.ts';
import { getCeremony } from '../../store/ceremonies.ts';
import { listKeys } from '../../store/keys.ts';
import { removePeer } from '../../store/peers.ts';
import { codeOf } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';

let federation: FederationInMemory;
afterEach(() => federation.close());

const SEAL_NONCE_BYTES = 12;
const db = (index: number) => federation.at(index).node.store.db;
const isLive = (index: number): boolean => federation.at(index).node.keys.live() !== null;

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 2_000; tries++) {
    if (condition()) return;
    await Bun.sleep(5);
  }
  throw new Error(`never: ${what}`);
}

function phaseOf(index: number, id: string): string {
  return federation.at(index).services.ceremonies.running(id)?.progress().phase ?? 'none';
}

function exported(index: number): Readonly<Record<string, unknown>> {
  const stored = getCeremony(db(index), 'first');
  const outcome = stored === null ? null : storedOutcome(stored);
  if (outcome === null) throw new Error('the ceremony is over');
  return JSON.parse(JSON.stringify(outcome.file));
}

/** The key file survives, the security database does not; the cards are exchanged again, as their operator would. */
async function loseDatabase(index: number): Promise<void> {
  await federation.stop(index);
  const { securityDbPath } = federation.member(index).config;
  for (const suffix of ['', '-wal', '-shm'])
    await Bun.file(`${securityDbPath}${suffix}`)
      .delete()
      .catch(() => null);
  await federation.start(index);
  for (const card of listCards(db(index === 0 ? 1 : 0))) keepCard(db(index), card, false, Date.now());
}

/** All have made a key and lost their databases, and two wait in the lobby of another ceremony. */
async function twoInAnotherLobby() {
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
  const file = exported(0);
  for (const index of [0, 1, 2]) await loseDatabase(index);
  const joins = [0, 1].map((index) => federation.dkg(index, { ceremony_id: 'another' }).catch(String));
  await until(() => [0, 1].every((index) => phaseOf(index, 'another') === 'lobby'), 'two wait in the lobby');
  return { file, joins };
}

/** Makes every node's clock go fast meanwhile. */
async function hurrying(work: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => {
    for (const member of federation.members) member.passedMs += 400;
  }, 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
}

describe('a node without the key', () => {
  test('that begins another ceremony hears from each that it holds a live key, and what to do instead', async () => {
    federation = await FederationInMemory.make();
    await federation.dkgByAll();
    await loseDatabase(2);
    const told: string[] = [];
    const { services, ended } = federation.at(2);
    const params = { ceremony_id: 'another', rehearsal: false, wait_s: 1 };
    const joined = services.ceremonies.join(params, ({ text }) => told.push(text), ended.signal);
    const failure = await joined.then(() => 'joined', String);
    expect(failure).toContain('operator 0 (operator-0), operator 1 (operator-1) did not join');
    expect(failure).toContain(
      'operator 0 (operator-0), operator 1 (operator-1) each say that it holds a live key already',
    );
    expect(failure).toContain('ceremony recover FILE');
    // It is told while there is still time to stop waiting.
    expect(told.at(-1)).toContain('holds a live key already');
    await services.ceremonies.recover(exported(0));
    expect(federation.key(2).keyId).toBe(federation.key(0).keyId);
  });

  test('gets no such answer about a rehearsal, which they could join', async () => {
    federation = await FederationInMemory.make();
    await federation.dkgByAll();
    await loseDatabase(2);
    const failure = await federation.dkg(2, { ceremony_id: 'another', rehearsal: true, wait_s: 1 }).catch(String);
    expect(failure).toContain('operator 0 (operator-0), operator 1 (operator-1) did not join');
    expect(failure).not.toContain('live key');
  });

  test('that takes its key up again makes no second one in a ceremony that it had entered before', async () => {
    const { file, joins } = await twoInAnotherLobby();
    for (const index of [0, 1]) await federation.at(index).services.ceremonies.recover(file);
    const late = federation.dkg(2, { ceremony_id: 'another', wait_s: 1 }).catch(String);
    expect(await late).toContain('did not join');
    expect([0, 1].map((index) => phaseOf(index, 'another'))).toEqual(['idle', 'idle']);
    expect([0, 1, 2].map((index) => listKeys(db(index)).length)).toEqual([1, 1, 0]);
    await federation.close();
    await Promise.all(joins);
  });

  test('that takes its key up and cannot write down that it leaves the other ceremony makes no keys in it all the same', async () => {
    const { file, joins } = await twoInAnotherLobby();
    await Bun.sleep(100);
    const member = federation.member(1);
    const { random } = member;
    member.random = (bytes) => {
      if (bytes === SEAL_NONCE_BYTES) throw new Error('database or disk is full');
      return random(bytes);
    };
    await federation.at(1).services.ceremonies.recover(file);
    member.random = random;
    expect(phaseOf(1, 'another')).toBe('lobby');
    joins.push(federation.dkg(2, { ceremony_id: 'another' }).catch(String));
    const awaited = () => federation.at(1).services.ceremonies.running('another')?.progress().waitingFor;
    await until(() => awaited()?.length === 0, 'all have joined');
    await Bun.sleep(1_000);
    expect(phaseOf(1, 'another')).toBe('lobby');
    expect([0, 1, 2].map((index) => listKeys(db(index)).length)).toEqual([0, 1, 0]);
    await federation.close();
    await Promise.all(joins);
  });

  test('that takes its key up while it checks itself for another ceremony does not enter that', async () => {
    federation = await FederationInMemory.make();
    await federation.dkgByAll();
    const file = exported(0);
    await loseDatabase(2);
    const { bitcoin } = federation.at(2).node;
    const tip = bitcoin.tip.bind(bitcoin);
    const { promise: isRecovered, resolve } = Promise.withResolvers<void>();
    bitcoin.tip = async () => {
      await isRecovered;
      return tip();
    };
    const joined = codeOf(federation.dkg(2, { ceremony_id: 'another', wait_s: 1 }));
    await federation.at(2).services.ceremonies.recover(file);
    resolve();
    expect(await joined).toBe('key_exists');
    expect(phaseOf(2, 'another')).toBe('idle');
  });
});

test('a peer that answers each join with many that want an answer gets no flood of messages going', async () => {
  federation = await FederationInMemory.make();
  let answered = false;
  federation.meddle = ({ from, to, message }) => {
    if (from !== 0 || to !== 1 || message.type !== 'dkg_join') return message;
    return answered ? 'silent' : message;
  };
  federation.meddleReply = ({ from, to, request, replies }) => {
    if (from !== 0 || to !== 1 || request.type !== 'dkg_join') return replies;
    answered = true;
    const body = { ...Object(request.body), joined_at: Date.now(), heard: [], answer: true };
    return Array.from({ length: 64 }, () => ({ type: 'dkg_join', body }));
  };
  const waiting = federation.dkg(0, { wait_s: 1 }).catch(String);
  await until(() => answered, 'node 1 has answered');
  expect(await waiting).toContain('did not join');
  const unanswered = federation.sent.filter(({ from, to }) => from === 0 && to === 1);
  expect(unanswered.length).toBeLessThan(45);
});

describe('a disk that is full', () => {
  test('does not end the process where one ceremony makes keys and the lobby of another is to be left', async () => {
    federation = await FederationInMemory.make();
    federation.meddle = ({ to, message }) => (message.type === 'dkg_complete' && to === 1 ? 'lost' : message);
    federation.meddleReply = ({ from, replies }) =>
      replies.filter(({ type }) => !(type === 'dkg_complete' && from === 1));
    const first = federation.dkg(0).catch(() => null);
    await until(() => phaseOf(0, 'first') === 'lobby', 'node 0 has joined first');
    const joins = [first, ...[1, 2].map((index) => federation.dkg(index).catch(() => null))];
    await until(() => isLive(0) && isLive(2) && phaseOf(1, 'first') === 'confirmed', 'the others hold the keys');
    const attempt = federation.at(1).services.ceremonies.running('first')?.progress().attempt ?? '';
    const body = { attempt, reason: 'operator', culprit: null, suspects: [], detail: 'a lie' };
    await federation.send(2, 1, { type: 'dkg_abort', body }, 'first');
    const second = federation.dkg(1, { ceremony_id: 'second' }).catch(() => null);
    await until(() => phaseOf(1, 'second') === 'lobby', 'node 1 waits in another lobby');
    await Bun.sleep(100);
    // The word that the first is complete can still be written, the next event cannot.
    const member = federation.member(1);
    const { random } = member;
    let written = 0;
    member.random = (bytes) => {
      if (bytes === SEAL_NONCE_BYTES && ++written > 1) throw new Error('database or disk is full');
      return random(bytes);
    };
    federation.meddle = ({ message }) => message;
    federation.meddleReply = ({ replies }) => replies;
    await hurrying(async () => {
      await until(() => isLive(1), 'node 1 holds the keys of the first');
      await until(() => member.log.some((line) => line.includes('ceremony_not_left')), 'that is logged');
    });
    member.random = random;
    await federation.close();
    await Promise.all([...joins, second]);
  });

  test('does not keep a node at work sealing its new keys again and again, nor leave copies of them in memory', async () => {
    federation = await FederationInMemory.make();
    const { keyRing } = federation.at(1).node;
    const add = keyRing.add.bind(keyRing);
    const tried: Parameters<typeof add>[0][] = [];
    keyRing.add = async (keys) => {
      tried.push(keys);
      throw new Error('no space left on device');
    };
    const joins = [0, 1, 2].map((index) => federation.dkg(index).catch(() => null));
    await until(() => tried.length > 0, 'node 1 has made its keys');
    await Bun.sleep(1_000);
    expect(tried).toHaveLength(1);
    const shares = tried.flatMap(({ bitcoin, attestation }) => [bitcoin.signingShare, attestation.signingShare]);
    expect(shares.every((share) => share.every((byte) => byte === 0))).toBe(true);
    keyRing.add = add;
    federation.member(1).passedMs += 2_000;
    await until(() => isLive(1), 'they are stored once there is room');
    expect(federation.at(1).node.keys.sharesFit(federation.key(1).keyId)).toBe(true);
    await federation.close();
    await Promise.all(joins);
  });
});

test('a ceremony that could not be taken up again after a restart may be live elsewhere, when it is abandoned', async () => {
  federation = await FederationInMemory.make();
  federation.meddle = ({ to, message }) => (message.type === 'dkg_complete' && to === 1 ? 'lost' : message);
  federation.meddleReply = ({ from, replies }) =>
    replies.filter(({ type }) => !(type === 'dkg_complete' && from === 1));
  const first = federation.dkg(0).catch(() => null);
  await until(() => phaseOf(0, 'first') === 'lobby', 'node 0 has joined first');
  const joins = [first, ...[1, 2].map((index) => federation.dkg(index).catch(() => null))];
  await until(() => isLive(0) && isLive(2) && phaseOf(1, 'first') === 'confirmed', 'the others hold the keys');
  removePeer(db(1), 2, Date.now());
  await federation.restart(1);
  expect(phaseOf(1, 'first')).toBe('none');
  const given = await federation.at(1).services.ceremonies.abandon('first');
  expect(given).toEqual({ ceremony_id: 'first', may_be_live_elsewhere: true });
  await federation.close();
  await Promise.all(joins);
});

test('a store that cannot be read when a rehearsal is to end costs neither the process nor the end of its shares', async () => {
  federation = await FederationInMemory.make();
  federation.meddle = ({ message }) => (message.type === 'nonce_request' ? 'lost' : message);
  const shares: Uint8Array[] = [];
  const { keys, store } = federation.at(2).node;
  const { beginRehearsal } = keys;
  keys.beginRehearsal = (keyId, made, hash) => {
    shares.push(made.bitcoin.signingShare, made.attestation.signingShare);
    beginRehearsal.call(keys, keyId, made, hash);
  };
  const joins = [0, 1, 2].map((index) => federation.dkg(index, { rehearsal: true }).catch(() => null));
  await until(() => shares.length > 0, 'the keys are made');
  const { select } = store.db;
  const unreadable = (): never => {
    throw new Error('disk I/O error');
  };
  store.db.select = unreadable;
  federation.member(2).passedMs += 100_000;
  await Bun.sleep(600);
  store.db.select = select;
  await until(() => shares.every((share) => share.every((byte) => byte === 0)), 'the shares are destroyed');
  await federation.close();
  await Promise.all(joins);
});

test('keys that are made under a name for which the key file holds others are stored beside them, and can sign', async () => {
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
  const before = federation.key(0).keyId;
  for (const index of [0, 1, 2]) await loseDatabase(index);
  for (const { proven } of await federation.dkgByAll()) expect(proven).toHaveLength(2);
  for (const index of [0, 1, 2]) {
    await federation.restart(index);
    const { keys, keyRing } = federation.at(index).node;
    expect(federation.key(index).keyId).not.toBe(before);
    expect(keys.sharesFit(federation.key(index).keyId)).toBe(true);
    expect(keyRing.keysOf(before)).not.toBeNull();
  }
});
