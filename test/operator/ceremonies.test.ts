import { afterEach, describe, expect, spyOn, test } from 'bun:test';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyCeremonyFile } from '../../ceremony/ceremony-file.ts';
import { testMessages } from '../../ceremony/intent-messages.ts';
import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { ed25519Scheme } from '../../crypto/ed25519-frost.ts';
import { signCard } from '../../crypto/operator-card.ts';
import { decodeKeyFile, openSecrets } from '../../crypto/seal.ts';
import { storedOutcome } from '../../operator/key-ceremonies/ceremony-outcome.ts';
import { KeyRing } from '../../operator/keys/key-ring.ts';
import { keepCard, listCards } from '../../operator/peers/federation.ts';
import { statusReport } from '../../operator/status/status-report.ts';
import { getCeremony, readCeremonyEvents } from '../../store/ceremonies.ts';
import { listKeys } from '../../store/keys.ts';
import { removePeer } from '../../store/peers.ts';
import { codeOf, repliesOf } from './custody.ts';
import { FederationInMemory, PASSPHRASE } from './federation-in-memory.ts';

let federation: FederationInMemory;
afterEach(() => federation.close());

const db = (index: number) => federation.at(index).node.store.db;

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    if (condition()) return;
    await Bun.sleep(5);
  }
  throw new Error(`never: ${what}`);
}

async function sharesInFile(index: number) {
  const bytes = await readFile(federation.member(index).config.keySharePath);
  const opened = await openSecrets(new Uint8Array(bytes), PASSPHRASE);
  if (!opened.ok) throw new Error(opened.reason);
  const decoded = decodeKeyFile(opened.plaintext);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.keyFile.keys;
}

async function signsWith(by: number, signers: readonly number[]): Promise<string> {
  const { keyId, bitcoin } = federation.key(by);
  const { node, services } = federation.at(by);
  const intent = { kind: 'test_message' as const, message: 'after the ceremony' };
  const messages = testMessages('bip340', intent);
  const scheme = node.keys.scheme('bip340');
  const result = await services.signing.coordinate({ scheme, keyId, key: bitcoin, intent, messages }, signers);
  return result.kind;
}

describe('a ceremony that all join', () => {
  test('gives every node the same live key, whose shares are in the key files and fit', async () => {
    federation = await FederationInMemory.make();
    const results = await federation.dkgByAll();
    expect(new Set(results.map(({ key_id }) => key_id)).size).toBe(1);
    expect(new Set(results.map(({ transcript_hash }) => transcript_hash)).size).toBe(1);
    const [{ key_id: keyId } = { key_id: null }] = results;
    for (const { index } of federation.members) {
      expect(federation.key(index).keyId).toBe(keyId ?? '');
      expect(federation.at(index).node.keys.sharesFit(keyId ?? '')).toBe(true);
      expect(await sharesInFile(index)).toHaveLength(1);
      expect(readCeremonyEvents(db(index), 'first')).toEqual([]);
    }
    for (const pair of [
      [0, 1],
      [1, 2],
      [0, 2],
    ])
      expect(await signsWith(pair[0] ?? 0, pair)).toBe('signed');
    await until(() => federation.members.every(({ index }) => proofsOf(index) !== null), 'all have the proofs');
    const subsets = results[0]?.proven.flat() ?? [];
    expect(new Set(subsets)).toEqual(new Set([0, 1, 2]));
  });

  test('exports a file that verifies offline, and does not after any tampering', async () => {
    federation = await FederationInMemory.make();
    await federation.dkgByAll();
    const stored = getCeremony(db(0), 'first');
    if (stored === null) throw new Error('the ceremony is stored');
    const file = storedOutcome(stored)?.file;
    const verdict = verifyCeremonyFile(file);
    expect(verdict.ok && verdict.summary.proofs).toEqual(['bitcoin', 'attestation']);
    let tampered = 0;
    for (const changed of tamperings(JSON.parse(JSON.stringify(file)))) {
      tampered += 1;
      const told = JSON.stringify(changed).slice(0, 60);
      expect(`${verifyCeremonyFile(changed).ok} ${told}`).toBe(`false ${told}`);
    }
    expect(tampered).toBeGreaterThan(40);
  });

  test('cannot be run again under its id, nor a second one while a key is live', async () => {
    federation = await FederationInMemory.make();
    await federation.dkgByAll();
    expect(await codeOf(federation.dkg(0))).toBe('ceremony_exists');
    expect(await codeOf(federation.dkg(0, { rehearsal: true }))).toBe('ceremony_exists');
    expect(await codeOf(federation.dkg(0, { ceremony_id: 'second' }))).toBe('key_exists');
    expect(listKeys(db(0))).toHaveLength(1);
  });

  test('leaves no secret of the ceremony in the memory that holds its outcome', async () => {
    federation = await FederationInMemory.make();
    const seen = federation.members.map(({ index }) => watchRunner(index));
    await federation.dkgByAll();
    await until(() => federation.members.every(({ index }) => ceremonyOf(index) === null), 'all runners have retired');
    for (const shares of seen) {
      const [held] = shares;
      expect(held?.every((byte) => byte === 0)).toBe(true);
    }
  });
});

describe('a process that is thrown away', () => {
  // Message counts from the lobby to the last acknowledgement; a member of three sends and gets some sixteen.
  test.each([3, 6, 8, 10, 13, 15])(
    'at message %p resumes where its files say, and all end with one key',
    async (at) => {
      federation = await FederationInMemory.make();
      const victim = at % 3;
      let count = 0;
      let crashed: Promise<unknown> | null = null;
      federation.meddle = ({ from, to, message }) => {
        if (message.type.startsWith('dkg_') && (from === victim || to === victim)) count += 1;
        if (count === at && crashed === null) crashed = federation.restart(victim);
        return message;
      };
      const joins = federation.members.map(({ index }) => federation.dkg(index).catch(() => null));
      await until(() => crashed !== null, 'the process is thrown away');
      await crashed;
      const isLobby = () => federation.at(victim).services.ceremonies.running('first')?.progress().phase;
      if (isLobby() === 'idle') void federation.dkg(victim).catch(() => null);
      await until(
        () => federation.members.every(({ index, running }) => running?.node.keys.live() && index >= 0),
        'keys',
      );
      expect(new Set(federation.members.map(({ index }) => federation.key(index).keyId)).size).toBe(1);
      for (const { index } of federation.members) {
        expect(federation.at(index).node.keys.sharesFit(federation.key().keyId)).toBe(true);
      }
      for (const pair of [
        [0, 1],
        [1, 2],
        [0, 2],
      ])
        expect(await signsWith(pair[0] ?? 0, pair)).toBe('signed');
      await federation.close();
      await Promise.all(joins);
    },
  );

  test('between completion and the storing of its keys stores them at the next start, with nobody else there', async () => {
    federation = await FederationInMemory.make();
    const { keyRing } = federation.at(2).node;
    keyRing.add = () => Promise.reject(new Error('no space left on device'));
    const joins = federation.members.map(({ index }) => federation.dkg(index).catch(() => null));
    await until(() => ceremonyOf(2)?.progress().phase === 'complete', 'node 2 has completed');
    expect(federation.at(2).node.keys.live()).toBeNull();
    federation.down.add(0);
    federation.down.add(1);
    await federation.restart(2);
    await until(() => federation.at(2).node.keys.live() !== null, 'node 2 has stored its keys');
    expect(await sharesInFile(2)).toHaveLength(1);
    await federation.close();
    await Promise.all(joins);
  });

  test('is not needed where the disk was full for a while: the keys are stored later', async () => {
    federation = await FederationInMemory.make();
    const { keyRing } = federation.at(2).node;
    const { add } = keyRing;
    let failures = 2;
    keyRing.add = (keys) => (failures-- > 0 ? Promise.reject(new Error('no space left')) : add.call(keyRing, keys));
    const joins = federation.members.map(({ index }) => federation.dkg(index).catch(() => null));
    await until(() => failures < 2, 'node 2 has tried');
    const isStored = (): boolean => {
      federation.member(2).passedMs += 50;
      return federation.at(2).node.keys.live() !== null;
    };
    await until(isStored, 'node 2 has stored its keys');
    await federation.close();
    await Promise.all(joins);
  });

  test('starts again although an old, abandoned ceremony cannot be read any more', async () => {
    federation = await FederationInMemory.make();
    const lonely = federation.dkg(0, { ceremony_id: 'abandoned', wait_s: 60 }).catch(() => null);
    await until(() => readCeremonyEvents(db(0), 'abandoned').length > 0, 'the ceremony has begun');
    const { openForSelf } = KeyRing.prototype;
    KeyRing.prototype.openForSelf = () => {
      throw new Error('unreadable');
    };
    try {
      await federation.restart(0);
    } finally {
      KeyRing.prototype.openForSelf = openForSelf;
    }
    await lonely;
    const results = await federation.dkgByAll({ ceremony_id: 'another' });
    expect(results).toHaveLength(3);
  });
});

describe('a rehearsal', () => {
  test('leaves no share in the key file, the store or the memory, and no key', async () => {
    federation = await FederationInMemory.make();
    const shares: Uint8Array[] = [];
    const copies: string[] = [];
    for (const { index } of federation.members) {
      const { keys } = federation.at(index).node;
      const { beginRehearsal } = keys;
      keys.beginRehearsal = (keyId, made, hash) => {
        for (const { signingShare } of [made.bitcoin, made.attestation]) {
          shares.push(signingShare);
          copies.push(Buffer.from(signingShare).toString('hex'));
        }
        beginRehearsal.call(keys, keyId, made, hash);
      };
    }
    const results = await federation.dkgByAll({ ceremony_id: 'rehearsed', rehearsal: true });
    expect(results.every(({ key_id, proven }) => key_id === null && proven.length === 2)).toBe(true);
    expect(shares).toHaveLength(6);
    await until(() => shares.every((share) => share.every((byte) => byte === 0)), 'the shares are erased');
    for (const { index } of federation.members) {
      expect(await sharesInFile(index)).toEqual([]);
      expect(listKeys(db(index))).toEqual([]);
      expect(getCeremony(db(index), 'rehearsed')?.status).toBe('destroyed');
    }
    const files = await readdir(federation.folder, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name));
      for (const copy of copies) {
        expect(bytes.includes(Buffer.from(copy, 'hex'))).toBe(false);
        expect(bytes.includes(copy)).toBe(false);
      }
    }
  });

  test('leaves no nonce of its keys, neither issued nor made ahead, once it has ended', async () => {
    const secrets: Uint8Array[] = [];
    const spies = [bip340Scheme, ed25519Scheme].map((scheme) => {
      const { generateNonce } = scheme;
      return spyOn(scheme, 'generateNonce').mockImplementation((...given) => {
        const made = generateNonce.call(scheme, ...given);
        secrets.push(made.secret);
        return made;
      });
    });
    try {
      federation = await FederationInMemory.make();
      await federation.dkgByAll({ ceremony_id: 'rehearsed', rehearsal: true });
      const ended = federation.members.map(({ index }) => index);
      await until(
        () => ended.every((index) => getCeremony(db(index), 'rehearsed')?.status === 'destroyed'),
        'it ended',
      );
      expect(secrets.length).toBeGreaterThan(0);
      expect(secrets.filter((secret) => secret.some((byte) => byte !== 0))).toEqual([]);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });

  test('makes a key that signs its own proof and nothing else, and nothing at all afterwards', async () => {
    federation = await FederationInMemory.make();
    let keyId = '';
    const { keys } = federation.at(1).node;
    const { beginRehearsal } = keys;
    const answers: string[] = [];
    const ask = async (): Promise<void> => {
      const nonces = await repliesOf(
        federation.send(0, 1, { type: 'nonce_request', body: { scheme: 'bip340', key_id: keyId, count: 1 } }),
      );
      const [given] = nonces;
      const id = given?.type === 'nonces' ? (given.body.nonces[0]?.id ?? 'none') : 'none';
      const body: Json = {
        ...{ session: 'ab'.repeat(16), key_id: keyId, scheme: 'bip340', signers: [0, 1] },
        intent: { kind: 'test_message', message: 'sign me' },
        boots: { 0: 'cd'.repeat(16), 1: federation.at(1).boot },
        messages: [
          {
            nonce_ids: { 0: 'ef'.repeat(16), 1: id === 'none' ? '12'.repeat(16) : id },
            nonce_commitment: '02'.repeat(66),
          },
        ],
      };
      const [answer] = await repliesOf(federation.send(0, 1, { type: 'sign_request', body }));
      answers.push(answer?.type === 'sign_refusal' ? answer.body.reason : (answer?.type ?? 'nothing'));
    };
    let asked: Promise<void> = Promise.resolve();
    keys.beginRehearsal = (id, made, hash) => {
      beginRehearsal.call(keys, id, made, hash);
      keyId = id;
      asked = ask();
    };
    await federation.dkgByAll({ ceremony_id: 'rehearsed', rehearsal: true });
    await asked;
    await ask();
    expect(answers).toEqual(['unknown_key', 'unknown_key']);
    const results = await federation.dkgByAll({ ceremony_id: 'real' });
    expect(results[0]?.key_id).not.toBe(keyId);
  });

  test('cannot be turned into the real thing under its id, nor the other way round', async () => {
    federation = await FederationInMemory.make();
    for (const rehearsal of [true, false]) {
      const ceremony_id = `begun-${rehearsal}`;
      expect(await codeOf(federation.dkg(0, { ceremony_id, rehearsal, wait_s: 0 }))).toBe('left_lobby');
      expect(await codeOf(federation.dkg(0, { ceremony_id, rehearsal: !rehearsal }))).toBe('ceremony_exists');
    }
  });

  test('whose proof fails has its shares destroyed at the coordinator too', async () => {
    federation = await FederationInMemory.make();
    const shares: Uint8Array[] = [];
    for (const { index } of federation.members) {
      const { keys } = federation.at(index).node;
      const { beginRehearsal } = keys;
      keys.beginRehearsal = (keyId, made, hash) => {
        shares.push(made.bitcoin.signingShare);
        beginRehearsal.call(keys, keyId, made, hash);
      };
    }
    federation.meddle = ({ message }) => (message.type === 'nonce_request' ? 'lost' : message);
    const joins = federation.members.map(({ index }) =>
      codeOf(federation.dkg(index, { ceremony_id: 'rehearsed', rehearsal: true })),
    );
    await until(() => shares.length === 3, 'the keys are made');
    // The wait for the proof begins some time after the keys are made, at each node by itself.
    const hurry = setInterval(() => {
      for (const member of federation.members) member.passedMs += 100_000;
    }, 50);
    const outcomes = await Promise.all(joins);
    clearInterval(hurry);
    expect(outcomes).toEqual(['not_proven', 'not_proven', 'not_proven']);
    expect(shares.every((share) => share.every((byte) => byte === 0))).toBe(true);
  });
});

describe('keys are not made', () => {
  test('while operator cards are missing, and the missing are named', async () => {
    federation = await FederationInMemory.make();
    removePeer(db(0), 2, Date.now());
    expect(listCards(db(0))).toHaveLength(2);
    const failed = federation.dkg(0).catch((error: unknown) => String(error));
    expect(await failed).toContain('2 (127.0.0.1:7002)');
    expect(await codeOf(federation.dkg(0))).toBe('cards_missing');
    expect(getCeremony(db(0), 'first')).toBeNull();
  });

  test('while a card gives another address than the configuration, and both are named', async () => {
    federation = await FederationInMemory.make();
    const identity = federation.at(2).node.keyRing.identity();
    const known = listCards(db(0))[2];
    if (known === undefined) throw new Error('operator 2 has a card');
    const { v: _, sig: __, identity_key: ___, ...fields } = known;
    keepCard(db(0), signCard({ ...fields, address: 'moved.example.com:1', issued_at: Date.now() }, identity), false, 1);
    const failed = String(await federation.dkg(0).catch((error: unknown) => error));
    expect(failed).toContain('operator 2 (operator-2): its card says moved.example.com:1');
    expect(failed).toContain('party_addresses[2] says 127.0.0.1:7002');
    expect(await codeOf(federation.dkg(0))).toBe('addresses_differ');
    const { problems } = await statusReport(federation.at(0).node);
    const [conflict] = problems.filter(({ code }) => code === 'addresses_differ');
    expect(conflict?.cause).toMatch(/^its card says \S+, and party_addresses\[2\] says \S+$/);
    expect(getCeremony(db(0), 'first')).toBeNull();
  });

  test('where a preflight check fails, and who fails what is named to everybody', async () => {
    federation = await FederationInMemory.make();
    const view = federation.chain.views[1];
    if (view !== undefined) {
      view.tip = () => Promise.reject(new BitcoinViewError('bitcoin_unavailable', 'the node is still syncing'));
    }
    federation.member(2).clockOffsetMs = 60_000;
    const failures = await Promise.all(federation.members.map(({ index }) => federation.dkg(index).catch(String)));
    for (const [index, failure] of failures.entries()) {
      expect(failure).toContain('operator 1 (operator-1) fails "bitcoin node": the node is still syncing');
      // Everybody measures the others' clocks by its own.
      const clock = new RegExp(
        `\\(operator-${index === 2 ? 0 : 2}\\) fails "clock": its clock is (59|60)\\.[0-9] s off`,
      );
      expect(failure).toMatch(clock);
    }
    for (const { index, randomTaken } of federation.members) {
      expect(await sharesInFile(index)).toEqual([]);
      expect(federation.at(index).node.keys.live()).toBeNull();
      // What is taken is the 12-byte nonces that seal the stored events: no attempt has begun.
      expect(new Set(randomTaken.map((taken) => taken.length))).toEqual(new Set([24]));
    }
  });
});

function proofsOf(index: number) {
  const stored = getCeremony(db(index), 'first');
  return stored === null ? null : (storedOutcome(stored)?.file.proofs ?? null);
}

function ceremonyOf(index: number) {
  return federation.at(index).services.ceremonies.running('first');
}

// Keeps the arrays in which a node's ceremony holds its shares, as they are when its keys go live.
function watchRunner(index: number): Uint8Array[] {
  const held: Uint8Array[] = [];
  const { keyRing } = federation.at(index).node;
  const { add } = keyRing;
  keyRing.add = (keys) => {
    const result = ceremonyOf(index)?.result();
    if (result !== null && result !== undefined) held.push(result.bitcoin.signingShare);
    return add.call(keyRing, keys);
  };
  return held;
}

// The file with one leaf changed, for every leaf.
function* tamperings(value: Json): Generator<Json> {
  if (Array.isArray(value)) {
    yield [...value, ...value.slice(0, 1)];
    for (const [at, item] of value.entries()) for (const changed of tamperings(item)) yield value.with(at, changed);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value))
      for (const changed of tamperings(item)) yield { ...value, [key]: changed };
  } else if (typeof value === 'string') {
    yield /^[0-9a-f]+$/.test(value) ? `${value.slice(0, -1)}${value.endsWith('1') ? '2' : '1'}` : `${value}x`;
  } else if (typeof value === 'number') yield value + 1;
  else if (typeof value === 'boolean') yield !value;
}
