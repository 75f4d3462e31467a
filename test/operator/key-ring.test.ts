import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test';
import * as files from 'node:fs/promises';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { armor, Decrypter } from 'age-encryption';
import { utf8 } from '../../crypto/bytes.ts';
import { keyIdOf } from '../../crypto/key-id.ts';
import { type CeremonyKeys, SEALED_BYTES_MAX, sealSecrets } from '../../crypto/seal.ts';
import { draftConfig } from '../../operator/config/config-write.ts';
import { initialise } from '../../operator/initialise.ts';
import { KeyFileError, KeyRing, SealedError } from '../../operator/keys/key-ring.ts';
import { closeNode, openNode, unsealNode } from '../../operator/node.ts';
import type { OpenGate } from '../../operator/opened-node.ts';
import { statusReport } from '../../operator/status/status-report.ts';

import { FederationInMemory, PASSPHRASE } from './federation-in-memory.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mpc-key-ring-'));
  path = join(folder, 'keys', 'key_share.enc');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const random = () => crypto.getRandomValues(new Uint8Array(32));
const ringAt = (index = 1, network = 'regtest') => new KeyRing({ path, network, index, workFactor: 2 });

async function created(): Promise<KeyRing> {
  const ring = ringAt();
  await ring.create('right', random);
  return ring;
}

// Shares of no real ceremony: what counts here is that they are kept.
function madeKeys(ceremonyId: string, byte: number): CeremonyKeys {
  const share = (scheme: 'bip340' | 'ed25519', bytes: number) => {
    const point = new Uint8Array(bytes).fill(byte);
    if (scheme === 'bip340') point[0] = 2;
    const groupKey = { scheme, threshold: 2, participants: 2, publicKey: point, verifyingShares: [point, point] };
    return { groupKey, signingShare: new Uint8Array(32).fill(byte) };
  };
  return { ceremonyId, createdAt: 1, bitcoin: share('bip340', 33), attestation: share('ed25519', 32) };
}

const effects = {
  now: Date.now,
  monotonic: () => performance.now(),
  random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)),
  sleep: (ms: number) => Bun.sleep(ms),
  every: () => () => {},
};

/** Node 0 of a federation, which was stopped, opened by itself. */
function openedAt(federation: FederationInMemory, openGate: OpenGate) {
  const bitcoinRpc = { cookieFile: null, user: null, passwordFile: null };
  const config = { ...federation.member(0).config, bitcoinNodes: ['http://127.0.0.1:1'], bitcoinRpc };
  const env = { BITCOIN_RPC_USER: 'u', BITCOIN_RPC_PASSWORD: 'p' };
  return openNode({ config, version: '0', home: federation.folder, env, log: () => {}, effects, openGate });
}

const idOf = (keys: CeremonyKeys) => keyIdOf(keys.bitcoin.groupKey.publicKey, keys.attestation.groupKey.publicKey);

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KeyFileError) return error.reason;
  throw new Error(`expected a KeyFileError, got ${String(error)}`);
}

describe('a key file', () => {
  test('opens again with its passphrase and gives the same identity and host key', async () => {
    const ring = await created();
    const again = ringAt();
    await again.unseal('right');
    expect(again.identity().publicKey).toEqual(ring.identity().publicKey);
    expect(again.hostPublicKey()).toEqual(ring.hostPublicKey());
  });

  test('is readable by its owner alone', async () => {
    await created();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'keys'))).mode & 0o777).toBe(0o700);
  });

  test('stays closed to a wrong passphrase, to another node and on another network', async () => {
    await created();
    expect(await reasonOf(ringAt().unseal('wrong'))).toBe('wrong_passphrase');
    expect(await reasonOf(ringAt(2).unseal('right'))).toBe('other_node');
    expect(await reasonOf(ringAt(1, 'mainnet').unseal('right'))).toBe('other_node');
  });

  test('that is missing, empty, cut short or changed is named so and never opened', async () => {
    expect(await reasonOf(ringAt().unseal('right'))).toBe('missing');
    await created();
    const bytes = await readFile(path);
    for (const length of [0, 20, bytes.length - 60]) {
      await Bun.write(path, bytes.subarray(0, length));
      expect(['malformed', 'wrong_passphrase']).toContain(await reasonOf(ringAt().unseal('right')));
    }
    const changed = Uint8Array.from(bytes);
    const at = bytes.length >> 1;
    changed[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
    await Bun.write(path, changed);
    expect(['malformed', 'wrong_passphrase']).toContain(await reasonOf(ringAt().unseal('right')));
  });

  test('that is damaged, too large or cannot be read is reported in one sentence with its path and what to do', async () => {
    const reading = (): Promise<unknown> =>
      ringAt()
        .unseal('right')
        .catch((error: Error) => error.message);
    const told = async (contents: Uint8Array | string): Promise<unknown> => {
      await Bun.write(path, contents);
      return reading();
    };
    await created();
    const damaged = `${path} is damaged, or is not a key file: put it back from a backup`;
    expect(await told('')).toBe(damaged);
    expect(await told((await sealSecrets(utf8('{}'), 'right', { workFactor: 2 })).subarray(0, 90))).toBe(damaged);
    const contents = await sealSecrets(utf8('{"v":1}'), 'right', { workFactor: 2 });
    expect(await told(contents)).toBe(`the contents of ${path} are damaged: put the key file back from a backup`);
    const larger = `${path} is larger than ${SEALED_BYTES_MAX} bytes: put the right file in its place`;
    expect(await told(new Uint8Array(SEALED_BYTES_MAX + 1))).toBe(larger);
    await rm(path);
    await mkdir(path);
    expect(await reading()).toBe(`${path} is not a regular file: name another path, or move it away`);
  });

  test('is a plain age file that the age library opens', async () => {
    const ring = await created();
    await ring.add(madeKeys('one', 3));
    const decrypter = new Decrypter();
    decrypter.addPassphrase('right');
    const plaintext = await decrypter.decrypt(armor.decode(await readFile(path, 'utf8')), 'text');
    expect(JSON.parse(plaintext)).toMatchObject({ v: 1, index: 1, network: 'regtest', keys: [{ ceremony_id: 'one' }] });
  });

  test('holds the old or the new contents whatever write, flush or rename fails, and leaves no litter', async () => {
    const ring = await created();
    await ring.add(madeKeys('one', 3));
    for (const name of ['rename', 'open'] as const) {
      const failing = spyOn(files, name).mockImplementation(() => Promise.reject(new Error('no space left')));
      await expect(ring.add(madeKeys('two', 4))).rejects.toThrow('no space left');
      failing.mockRestore();
      const again = ringAt();
      await again.unseal('right');
      expect(again.keysOf(idOf(madeKeys('one', 3)))).not.toBeNull();
      expect(again.keysOf(idOf(madeKeys('two', 4)))).toBeNull();
      // What is not in the file must not sign either.
      expect(ring.keysOf(idOf(madeKeys('two', 4)))).toBeNull();
      expect(await readdir(join(folder, 'keys'))).toEqual(['key_share.enc']);
    }
    await ring.add(madeKeys('two', 4));
    const last = ringAt();
    await last.unseal('right');
    expect(last.keysOf(idOf(madeKeys('two', 4)))).not.toBeNull();
  });

  test('keeps the shares of two ceremonies that end at once, and each once', async () => {
    const ring = await created();
    await Promise.all([ring.add(madeKeys('one', 3)), ring.add(madeKeys('two', 4)), ring.add(madeKeys('one', 3))]);
    const again = ringAt();
    await again.unseal('right');
    for (const keys of [madeKeys('one', 3), madeKeys('two', 4)]) {
      expect(again.keysOf(idOf(keys))?.bitcoin.signingShare).toEqual(keys.bitcoin.signingShare);
    }
  });

  test('is never rewritten with erased secrets where the ring closes meanwhile', async () => {
    const ring = await created();
    const identity = Uint8Array.from(ring.identity().publicKey);
    const adding = [ring.add(madeKeys('one', 3)), ring.add(madeKeys('two', 4))];
    await Promise.resolve();
    ring.close();
    await Promise.allSettled(adding);
    const again = ringAt();
    await again.unseal('right');
    expect(again.identity().publicKey).toEqual(identity);
  });
});

describe('a closed ring', () => {
  test('has erased every secret and gives none', async () => {
    const ring = await created();
    const keys = madeKeys('one', 3);
    await ring.add(keys);
    const hostSecret = ring.hostSecret();
    ring.close();
    expect(hostSecret).toEqual(new Uint8Array(32));
    expect(keys.bitcoin.signingShare).toEqual(new Uint8Array(32));
    expect(keys.attestation.signingShare).toEqual(new Uint8Array(32));
    for (const use of [
      () => ring.identity(),
      () => ring.hostSecret(),
      () => ring.keysOf('00'),
      () => ring.hostPublicKey(),
    ]) {
      expect(use).toThrow(SealedError);
    }
    expect(ring.sealed).toBe(true);
  });

  test('that is opened again erases nothing of what it opened', async () => {
    const ring = await created();
    ring.close();
    await ring.unseal('right');
    const hostSecret = ring.hostSecret();
    await ring.unseal('right');
    expect(hostSecret).toEqual(new Uint8Array(32));
    expect(ring.hostSecret()).not.toEqual(new Uint8Array(32));
  });
});

describe('what a node seals for itself', () => {
  const nonce = new Uint8Array(12).fill(9);
  const text = new TextEncoder().encode('an event');

  test('opens in its context, after a restart too', async () => {
    const box = (await created()).sealForSelf(text, 'here', nonce);
    const again = ringAt();
    await again.unseal('right');
    expect(again.openForSelf(box, 'here')).toEqual(text);
  });

  test('does not open in another context, at another node, cut short, or with any bit changed', async () => {
    const ring = await created();
    const box = ring.sealForSelf(text, 'here', nonce);
    expect(() => ring.openForSelf(box, 'there')).toThrow();
    for (const length of [0, 11, 12, 27, box.length - 1]) {
      expect(() => ring.openForSelf(box.subarray(0, length), 'here')).toThrow();
    }
    for (let at = 0; at < box.length; at++) {
      const changed = Uint8Array.from(box);
      changed[at] = (changed[at] ?? 0) ^ 0x80;
      expect(() => ring.openForSelf(changed, 'here')).toThrow();
    }
    await rm(path);
    const other = await created();
    expect(() => other.openForSelf(box, 'here')).toThrow();
    expect(() => ring.sealForSelf(text, 'here', nonce.subarray(1))).toThrow('12 bytes');
  });
});

describe('unsealing a node', () => {
  test('twice at once leaves it unsealed where one of the two fails', async () => {
    const federation = await FederationInMemory.make();
    await federation.stop(0);
    let opened = 0;
    const gate = {
      address: 'nowhere',
      replacePeers: async () => {},
      replaceIdentity: async () => {},
      stop: async () => {},
    };
    const node = openedAt(federation, () => {
      opened += 1;
      if (opened > 1) throw new Error('the port is in use');
      return gate;
    });
    const both = [unsealNode(node, PASSPHRASE), unsealNode(node, PASSPHRASE)];
    await Promise.all(both);
    expect(opened).toBe(1);
    expect(node.keyRing.sealed).toBe(false);
    const said = /^the node is unsealed already, and this is not the passphrase of .*key_share/;
    await expect(unsealNode(node, 'wrong')).rejects.toThrow(said);
    await unsealNode(node, PASSPHRASE);
    expect(node.keyRing.sealed).toBe(false);
    await closeNode(node);
    await federation.close();
  });

  test('whose database was lost says so in status, and not that a key is to be made', async () => {
    const federation = await FederationInMemory.make();
    await federation.dkgByAll();
    const { keyId } = federation.key(0);
    const { config } = federation.member(0);
    await federation.stop(0);
    for (const suffix of ['', '-wal', '-shm']) await rm(`${config.securityDbPath}${suffix}`, { force: true });
    const gate = {
      address: '127.0.0.1:1',
      replacePeers: async () => {},
      replaceIdentity: async () => {},
      stop: async () => {},
    };
    const node = openedAt(federation, () => gate);
    await unsealNode(node, PASSPHRASE);
    const { problems } = await statusReport(node);
    expect(problems.find(({ code }) => code === 'database_lost')?.cause).toContain(keyId);
    expect(problems.filter(({ code }) => code === 'no_key')).toEqual([]);
    await closeNode(node);
    await federation.close();
  });

  test('without its key file says, where a key is in use, that a backup must be put back and init not be run', async () => {
    const federation = await FederationInMemory.make();
    await federation.dkgByAll();
    const { keyId } = federation.key(0);
    const { config } = federation.member(0);
    await federation.stop(0);
    await rm(config.keySharePath);
    const said = new RegExp(
      `^there is no key file at ${config.keySharePath}, but the key ${keyId} is in use: .* backup, and do not run .mpc_operator init`,
    );
    const node = openedAt(federation, () => {
      throw new Error('no gate is opened');
    });
    await expect(unsealNode(node, PASSPHRASE)).rejects.toThrow(said);
    const { problems } = await statusReport(node);
    expect(problems.find(({ code }) => code === 'key_file_missing')?.action).toContain(
      'do not run `mpc_operator init`',
    );
    await closeNode(node);
    const input = { file: join(federation.folder, 'new.json'), home: federation.folder, force: false, env: {} };
    const content = draftConfig({
      ...{ parties: 3, threshold: 2, index: 0, addresses: config.partyAddresses.map(({ text }) => text) },
      more: {
        ...{ network: 'regtest', key_share_path: config.keySharePath, security_db_path: config.securityDbPath },
        ...{ tls_cert_path: config.tlsCertPath, tls_key_path: config.tlsKeyPath },
      },
    });
    await expect(initialise({ ...input, content, passphrase: async () => PASSPHRASE, effects })).rejects.toThrow(said);
    expect(await Bun.file(config.keySharePath).exists()).toBe(false);
    await federation.close();
  });

  test('again after it was closed signs with the shares of the file, not with erased ones', async () => {
    const federation = await FederationInMemory.make();
    await federation.dkgByAll();
    const { node } = federation.at(1);
    const { keyId } = federation.key(1);
    const before = node.keys.owner(keyId, 'bip340');
    node.keyRing.close();
    expect(before?.signingShare).toEqual(new Uint8Array(32));
    await node.keyRing.unseal(PASSPHRASE);
    expect(node.keys.owner(keyId, 'bip340')?.signingShare).not.toEqual(new Uint8Array(32));
    await federation.close();
  });
});
