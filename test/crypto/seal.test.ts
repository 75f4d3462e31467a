import { describe, expect, test } from 'bun:test';
import { Decrypter, Encrypter } from 'age-encryption';
import fc from 'fast-check';
import { utf8 } from '../../crypto/bytes.ts';
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';
import {
  decodeKeyFile,
  encodeKeyFile,
  type KeyFile,
  openSecrets,
  SCRYPT_WORK_FACTOR_MAX,
  SEALED_BYTES_MAX,
  sealSecrets,
  workFactorOf,
} from '../../crypto/seal.ts';

const FAST = { workFactor: 4 };
const filled = (length: number, value: number) => new Uint8Array(length).fill(value);

const keyFile: KeyFile = {
  network: 'regtest',
  index: 1,
  identitySeed: filled(32, 1),
  hostSecret: filled(32, 2),
  keys: [
    {
      ceremonyId: 'genesis',
      createdAt: 1_700_000_000_000,
      bitcoin: {
        groupKey: {
          scheme: 'bip340',
          threshold: 2,
          participants: 3,
          publicKey: filled(33, 2),
          verifyingShares: [filled(33, 3), filled(33, 4), filled(33, 5)],
        },
        signingShare: filled(32, 6),
      },
      attestation: {
        groupKey: {
          scheme: 'ed25519',
          threshold: 2,
          participants: 3,
          publicKey: filled(32, 7),
          verifyingShares: [filled(32, 8), filled(32, 9), filled(32, 10)],
        },
        signingShare: filled(32, 11),
      },
    },
  ],
};

describe('sealed files', () => {
  test('what was sealed opens with the passphrase alone', async () => {
    const plaintext = utf8('secret');
    const file = await sealSecrets(plaintext, 'correct horse', FAST);
    expect(await openSecrets(file, 'correct horse')).toEqual({ ok: true, plaintext });
    expect(await openSecrets(file, 'correct horses')).toEqual({ ok: false, reason: 'wrong_passphrase' });
    expect(new TextDecoder().decode(file)).toStartWith('-----BEGIN AGE ENCRYPTED FILE-----\n');
  });

  test('binary age files made elsewhere open too', async () => {
    const encrypter = new Encrypter();
    encrypter.setPassphrase('pass');
    encrypter.setScryptWorkFactor(4);
    const file = await encrypter.encrypt('from elsewhere');
    expect(await openSecrets(file, 'pass')).toEqual({ ok: true, plaintext: utf8('from elsewhere') });
  });

  test('the file is a plain age file with one scrypt stanza of the work factor asked for', async () => {
    const file = await sealSecrets(utf8('x'), 'pass', { workFactor: 6 });
    const body = new TextDecoder().decode(file).split('\n').slice(1, -2).join('');
    const binary = Uint8Array.from(Buffer.from(body, 'base64'));
    const header = Buffer.from(binary).toString('latin1').split('\n');
    expect(header[0]).toBe('age-encryption.org/v1');
    expect(header[1]).toMatch(/^-> scrypt [A-Za-z0-9+/]{22} 6$/);
    const decrypter = new Decrypter();
    decrypter.addPassphrase('pass');
    expect(await decrypter.decrypt(binary, 'text')).toBe('x');
  });

  test('name the work that a guess costs, armored and binary, and no other file does', async () => {
    const armored = await sealSecrets(utf8('x'), 'pass', { workFactor: 6 });
    expect(workFactorOf(armored)).toBe(6);
    const encrypter = new Encrypter();
    encrypter.setPassphrase('pass');
    encrypter.setScryptWorkFactor(11);
    expect(workFactorOf(await encrypter.encrypt(utf8('x')))).toBe(11);
    expect(workFactorOf(utf8('age-encryption.org/v1\n-> X25519 abc\n'))).toBeNull();
    expect(workFactorOf(utf8('{"host_secret":"00"}'))).toBeNull();
    expect(workFactorOf(new Uint8Array(0))).toBeNull();
  });

  test('the same secret sealed twice gives two files', async () => {
    const [a, b] = [await sealSecrets(utf8('x'), 'pass', FAST), await sealSecrets(utf8('x'), 'pass', FAST)];
    expect(a).not.toEqual(b);
  });

  test('damage anywhere is noticed', async () => {
    const file = await sealSecrets(utf8('secret'), 'pass', FAST);
    const binary = Uint8Array.from(
      Buffer.from(new TextDecoder().decode(file).split('\n').slice(1, -2).join(''), 'base64'),
    );
    for (let at = 0; at < binary.length; at++) {
      const bad = binary.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      // A flipped work factor would be legal and slow: 4 becomes 5, and opens to the wrong key.
      expect((await openSecrets(bad, 'pass')).ok).toBe(false);
    }
    for (const length of [0, 1, 30, binary.length - 1]) {
      expect((await openSecrets(binary.slice(0, length), 'pass')).ok).toBe(false);
    }
  });

  test('no bytes make opening throw, and too many are not read', async () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(bytes, async (raw) => {
        expect(await openSecrets(raw, 'pass')).toEqual({ ok: false, reason: 'malformed' });
        const text = `-----BEGIN AGE ENCRYPTED FILE-----\n${Buffer.from(raw).toString('base64')}`;
        expect((await openSecrets(utf8(text), 'pass')).ok).toBe(false);
      }),
      { seed: 20_018, numRuns: 60 },
    );
    expect(await openSecrets(new Uint8Array(SEALED_BYTES_MAX + 1), 'pass')).toEqual({ ok: false, reason: 'too_large' });
  });

  test('an empty passphrase and a work factor out of range are refused', async () => {
    await expect(sealSecrets(utf8('x'), '', FAST)).rejects.toThrow();
    for (const workFactor of [0, 1.5, SCRYPT_WORK_FACTOR_MAX + 1]) {
      await expect(sealSecrets(utf8('x'), 'pass', { workFactor })).rejects.toThrow();
    }
  });
});

describe('key file', () => {
  test('what was encoded reads back the same, through a sealed file', async () => {
    const sealed = await sealSecrets(encodeKeyFile(keyFile), 'pass', FAST);
    const opened = await openSecrets(sealed, 'pass');
    if (!opened.ok) throw new Error(opened.reason);
    expect(decodeKeyFile(opened.plaintext)).toEqual({ ok: true, keyFile });
    expect(decodeKeyFile(encodeKeyFile({ ...keyFile, keys: [] }))).toEqual({
      ok: true,
      keyFile: { ...keyFile, keys: [] },
    });
  });

  test('secrets of the wrong length or a key of the other scheme cannot be encoded, and the error repeats no value', () => {
    expect(() => encodeKeyFile({ ...keyFile, hostSecret: filled(31, 0x77) })).toThrow(
      /^key file field host_secret is malformed$/,
    );
    const [keys] = keyFile.keys;
    if (keys === undefined) throw new Error('missing');
    expect(() => encodeKeyFile({ ...keyFile, keys: [{ ...keys, bitcoin: keys.attestation }] })).toThrow();
  });

  test('another version is named as such; anything else is malformed', () => {
    const json: Record<string, Json> = JSON.parse(new TextDecoder().decode(encodeKeyFile(keyFile)));
    expect(decodeKeyFile(canonicalBytes({ ...json, v: 2 }))).toEqual({ ok: false, reason: 'unsupported_version' });
    for (const field of Object.keys(json).filter((name) => name !== 'v')) {
      const rest = Object.fromEntries(Object.entries(json).filter(([name]) => name !== field));
      expect(decodeKeyFile(canonicalBytes(rest))).toEqual({ ok: false, reason: 'malformed' });
    }
    for (const change of [{ extra: 1 }, { host_secret: '00' }, { index: 64 }, { keys: [{}] }]) {
      expect(decodeKeyFile(canonicalBytes({ ...json, ...change }))).toEqual({ ok: false, reason: 'malformed' });
    }
    const text = new TextDecoder().decode(encodeKeyFile(keyFile));
    expect(decodeKeyFile(utf8(text.replace('"threshold":2', '"threshold":4')))).toEqual({
      ok: false,
      reason: 'malformed',
    });
    expect(decodeKeyFile(utf8(text.replace('"participants":3', '"participants":4')))).toEqual({
      ok: false,
      reason: 'malformed',
    });
  });

  test('no bytes make decoding throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => decodeKeyFile(raw).ok === false),
      { seed: 20_019, numRuns: 200 },
    );
  });
});
