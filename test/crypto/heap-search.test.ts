// Secrets of the bitcoin key leave nothing in memory once they are erased: a process signs, and all of its memory is then
// searched for them by this one, which knows them.
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesToNumberBE } from '@noble/curves/utils.js';
import { deal } from '../../bench/deal.ts';
import { interpolatingValue } from '../../crypto/bip445/lagrange.ts';
import { bindSession, coefficientOf, nonceCoefficientHash } from '../../crypto/bip445/session.ts';
import { serializeIds } from '../../crypto/bip445/signers.ts';
import { nonceAgg, nonceGen, tweakContextInit } from '../../crypto/bip445.ts';
import { concat, toHex } from '../../crypto/bytes.ts';
import { dkgHash } from '../../crypto/chilldkg/encoding.ts';
import { encryptionContext } from '../../crypto/chilldkg/encryption.ts';
import { generatePolynomial, shareFor } from '../../crypto/chilldkg/vss.ts';
import { keyIdOf } from '../../crypto/key-id.ts';
import { encodeKeyFile, sealSecrets } from '../../crypto/seal.ts';
import { Fn, scalarToBytes } from '../../crypto/secp256k1.ts';
import { taggedHash } from '../../crypto/tagged-hash.ts';
import { bytesOf, dealtKey, one, runSession } from './chilldkg-session.ts';
import { foundIn, type Pattern } from './heap/process-memory.ts';
import { formsOf } from './heap/secrets.ts';
import type { PublicCase } from './heap/signing-case.ts';

const COUNT = 20;
const folder = mkdtempSync(join(tmpdir(), 'heap-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a program of the folder `heap`, and says what of the patterns is in its memory once it has printed a line. */
async function leftIn(program: string, args: readonly string[], patterns: readonly Pattern[]): Promise<string[]> {
  const path = join(import.meta.dir, 'heap', program);
  const child = Bun.spawn([process.execPath, path, ...args], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' });
  try {
    const { value } = await child.stdout.getReader().read();
    expect(value?.length ?? 0).toBeGreaterThan(0);
    return foundIn(child.pid, patterns);
  } finally {
    child.stdin.end();
    await child.exited;
  }
}

/** A key of two signers, the first of which signs; and all that must not be left of it. */
function signingCase() {
  const coefficients = ['constant', 'slope'].map((label) => Fn.create(bytesToNumberBE(bytesOf(`heap ${label}`))));
  const { key, shares } = dealtKey(coefficients, 3);
  const share = one(shares, 0);
  const context = tweakContextInit(key.publicKey);
  const secrets: Pattern[] = [...formsOf('the signing share', share)];
  const [others, messages, randoms]: [string[], string[], Uint8Array[]] = [[], [], []];
  for (let i = 0; i < COUNT; i++) {
    const [random, message] = [bytesOf(`heap random ${i}`), bytesOf(`heap message ${i}`)];
    const inputs = {
      signingShare: share,
      verifyingShare: one(key.verifyingShares, 0),
      thresholdPublicKey: context.xOnly,
    };
    const nonce = nonceGen(random, inputs);
    const other = nonceGen(bytesOf(`heap other ${i}`), {}).public;
    const aggregate = nonceAgg([nonce.public, other]);
    const hash = nonceCoefficientHash(serializeIds([0, 1]), aggregate, context.xOnly, message);
    const binding = bindSession(hash, aggregate, context.xOnly, message);
    const [k1 = 0n, k2 = 0n] = [0, 32].map((at) => bytesToNumberBE(nonce.secret.slice(at, at + 32)));
    const sum = Fn.add(k1, Fn.mul(binding.b, k2));
    const coefficient = coefficientOf(binding, context, interpolatingValue([0, 1], 0));
    const masked = taggedHash('BIP0445/aux', random).map((byte, at) => byte ^ (share[at] ?? 0));
    secrets.push(
      ...formsOf('randomness', random),
      ...formsOf('hedged randomness', masked),
      ...formsOf('first half of a nonce', nonce.secret.slice(0, 32)),
      ...formsOf('second half of a nonce', nonce.secret.slice(32)),
      ...formsOf('a nonce of a signature', scalarToBytes(sum)),
      ...formsOf('the negative nonce of a signature', scalarToBytes(Fn.neg(sum))),
      ...formsOf('a share times its coefficient', scalarToBytes(Fn.mul(coefficient, bytesToNumberBE(share)))),
    );
    others.push(toHex(other));
    messages.push(toHex(message));
    randoms.push(random);
  }
  const data: PublicCase = {
    key: { threshold: 2, publicKey: toHex(key.publicKey), verifyingShares: key.verifyingShares.map(toHex) },
    others,
    messages,
  };
  const [publicPath, secretPath] = [join(folder, 'public.json'), join(folder, 'secret')];
  writeFileSync(publicPath, JSON.stringify(data));
  writeFileSync(secretPath, concat(share, ...randoms));
  return { args: [publicPath, secretPath], secrets };
}

describe.skipIf(process.platform !== 'linux')('all memory of a process', () => {
  test('holds nothing of share, randomness and nonces after 20 signatures, once they are erased', async () => {
    const { args, secrets } = signingCase();
    expect(await leftIn('signer.ts', args, secrets)).toEqual([]);
  }, 60_000);

  test('is searched so that what was not erased is found', async () => {
    const { args, secrets } = signingCase();
    const left = await leftIn('signer.ts', [...args, 'keep'], secrets);
    expect(left).toEqual(['randomness, as bytes', 'the signing share, as bytes']);
  }, 60_000);

  /** Participant 0 of a session, and the secrets that it makes and is given. */
  function dealerCase() {
    const session = runSession(3, 2, 'heap');
    const { hostpubkeys, threshold } = session.params;
    const [host, random, aux] = [one(session.hostseckeys, 0), bytesOf('heap random 0'), bytesOf('heap aux 0')];
    const seed = dkgHash('encpedpop seed', host, random, encryptionContext(threshold, hostpubkeys));
    const polynomial = generatePolynomial(seed, threshold);
    const { signingShare } = one(session.outputs, 0);
    if (signingShare === null) throw new Error('a participant has a share');
    const patterns = [
      ...formsOf('host secret', host),
      ...formsOf('randomness', random),
      ...formsOf('seed', seed),
      ...formsOf('nonce', dkgHash('encpedpop secnonce', seed)),
      ...polynomial.flatMap((coefficient) => formsOf('a coefficient', coefficient)),
      ...hostpubkeys.flatMap((_, i) => formsOf('a share for a participant', shareFor(polynomial, i))),
      ...formsOf('signing share', signingShare),
    ];
    const [publicPath, secretPath] = [join(folder, 'session.json'), join(folder, 'session')];
    const [first, second] = [toHex(session.coordinatorFirst), toHex(session.coordinatorSecond)];
    writeFileSync(publicPath, JSON.stringify({ hostpubkeys: hostpubkeys.map(toHex), threshold, first, second }));
    writeFileSync(secretPath, concat(host, random, aux));
    return { args: [publicPath, secretPath], patterns };
  }

  test('holds nothing of host secret, polynomial and shares after a ChillDKG session, once they are erased', async () => {
    const { args, patterns } = dealerCase();
    expect(await leftIn('dealer.ts', args, patterns)).toEqual([]);
  }, 60_000);

  test('holds after a session what was not erased, as bytes alone', async () => {
    const { args, patterns } = dealerCase();
    const left = await leftIn('dealer.ts', [...args, 'keep'], patterns);
    expect(left).toEqual(['host secret, as bytes', 'randomness, as bytes', 'signing share, as bytes']);
  }, 60_000);

  const PASSPHRASE = 'a passphrase for the heap';
  /** A key file with a key, and the secrets in it that are of the bitcoin key or only stored. */
  async function keyFileCase() {
    const { key, shares } = dealtKey(
      ['key file', 'key file slope'].map((label) => Fn.create(bytesToNumberBE(bytesOf(label)))),
      2,
    );
    const attestation = deal('ed25519', 2, 2);
    const secrets = {
      hostSecret: bytesOf('heap host secret'),
      share: one(shares, 0),
      attestation: one(attestation.shares, 0),
    };
    const keys = {
      ceremonyId: 'heap',
      createdAt: 1,
      bitcoin: { groupKey: key, signingShare: secrets.share },
      attestation: { groupKey: attestation.key, signingShare: secrets.attestation },
    };
    const file = {
      network: 'regtest',
      index: 0,
      identitySeed: bytesOf('heap seed'),
      hostSecret: secrets.hostSecret,
      keys: [keys],
    };
    const path = join(folder, 'keys.age');
    writeFileSync(path, await sealSecrets(encodeKeyFile(file), PASSPHRASE, { workFactor: 4 }));
    return {
      args: [path, PASSPHRASE, keyIdOf(key.publicKey, attestation.key.publicKey)],
      patterns: Object.entries(secrets).flatMap(([name, secret]) => formsOf(name, secret)),
    };
  }

  test('holds nothing of host secret and shares after a key file was opened, used and closed', async () => {
    const { args, patterns } = await keyFileCase();
    expect(await leftIn('key-file.ts', args, patterns)).toEqual([]);
  }, 60_000);

  test('holds them as bytes alone while the key file is open', async () => {
    const { args, patterns } = await keyFileCase();
    const left = await leftIn('key-file.ts', [...args, 'keep'], patterns);
    expect(left).toEqual(['attestation, as bytes', 'hostSecret, as bytes', 'share, as bytes']);
  }, 60_000);
});
