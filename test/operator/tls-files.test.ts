// Certificates as things: made, read, validated, and kept in files with the right permissions.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import {
  CERTIFICATE_VALID_DAYS,
  checkCertificate,
  daysLeft,
  hostOf,
  makeCertificate,
  readCertificate,
} from '../../operator/peers/certificate.ts';
import { ensureTlsFiles, listenerTls, loadTlsIdentity, pinnedSession } from '../../operator/peers/tls.ts';
import { opensslCertificate, tlsIdentity } from './tls-federation.ts';

const NOW = Date.UTC(2030, 0, 15, 12);
const DAY_MS = 86_400_000;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(`${tmpdir()}/tls-files-`);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const paths = (name: string): { certificatePath: string; keyPath: string } => ({
  certificatePath: `${directory}/${name}/tls_cert.pem`,
  keyPath: `${directory}/${name}/tls_key.pem`,
});
const madeAt = (name: string): Promise<unknown> =>
  ensureTlsFiles({ ...paths(name), name: 'alpha', address: 'mpc.example.com:50051', now: NOW });
const load = (name: string, now = NOW): ReturnType<typeof loadTlsIdentity> => {
  const { certificatePath, keyPath } = paths(name);
  return loadTlsIdentity(certificatePath, keyPath, now);
};

describe('a certificate made here', () => {
  test('is P-256, self-signed, names the operator and its host, and is valid for its days from just before now', async () => {
    const made = await makeCertificate({
      name: 'Bank für Münzen, Inc. #1',
      address: 'mpc.example.com:50051',
      now: NOW,
    });
    const certificate = new X509Certificate(made.certificate);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subjectAltName).toBe('DNS:mpc.example.com');
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    const facts = readCertificate(made.certificate);
    expect(facts).toMatchObject({ key: 'EC prime256v1', notBefore: NOW - 3_600_000 });
    expect(facts?.subject).toContain('Bank für Münzen');
    expect(facts?.notAfter).toBe(NOW + CERTIFICATE_VALID_DAYS * DAY_MS);
    expect(facts?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  test('holds an IP address as such', async () => {
    const made = await makeCertificate({ name: 'alpha', address: '[::1]:50051', now: NOW });
    expect(new X509Certificate(made.certificate).subjectAltName).toMatch(/^IP Address:(0:0:0:0:0:0:0:1|::1)$/i);
  });

  test('has a key of its own each time', async () => {
    const input = { name: 'alpha', address: '127.0.0.1', now: NOW };
    const [one, two] = [await makeCertificate(input), await makeCertificate(input)];
    expect(one.key).not.toBe(two.key);
    expect(readCertificate(one.certificate)?.fingerprint).not.toBe(readCertificate(two.certificate)?.fingerprint);
  });

  test.each([
    ['mpc.example.com:50051', 'mpc.example.com'],
    ['mpc.example.com', 'mpc.example.com'],
    ['10.0.0.1:1', '10.0.0.1'],
    ['[2001:db8::1]:50051', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
  ])('takes the host of %s', (address, host) => expect(hostOf(address)).toBe(host));
});

describe('a certificate is validated', () => {
  test('good to the last millisecond of its validity, and expired after', async () => {
    const { certificate } = await makeCertificate({ name: 'alpha', address: 'a', now: NOW, days: 10 });
    expect(checkCertificate(certificate, NOW + 10 * DAY_MS)).toMatchObject({ ok: true });
    expect(checkCertificate(certificate, NOW + 10 * DAY_MS + 1)).toMatchObject({ ok: false, reason: 'expired' });
    expect(checkCertificate(certificate, NOW - 3_600_001)).toMatchObject({ ok: false, reason: 'not_yet_valid' });
    const facts = readCertificate(certificate);
    if (facts === null) throw new Error('unreadable');
    expect(daysLeft(facts, NOW)).toBe(10);
    expect(daysLeft(facts, NOW + 10 * DAY_MS + 1)).toBe(-1);
  });

  test.each(['', 'hello', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'malformed where it is %p',
    (text) => expect(checkCertificate(text, NOW)).toMatchObject({ ok: false, reason: 'malformed' }),
  );

  test.skipIf(Bun.which('openssl') === null)('too weak with an RSA key of 1024 bits', async () => {
    const { certificate } = await opensslCertificate(directory, ['-newkey', 'rsa:1024', '-subj', '/CN=weak']);
    expect(checkCertificate(certificate, Date.now())).toMatchObject({ ok: false, reason: 'weak_key' });
  });
});

describe.skipIf(Bun.which('openssl') === null)(
  'a certificate whose key is of a kind that TLS here does not know',
  () => {
    test.each([
      ['Ed448', ['-newkey', 'ed448']],
      ['secp256k1', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1']],
    ])('is said to be that, and not to be no certificate: %p', async (_, options) => {
      const { certificate } = await opensslCertificate(directory, [...options, '-subj', '/CN=other']);
      const verdict = checkCertificate(certificate, Date.now());
      expect(verdict).toMatchObject({ ok: false, reason: 'weak_key' });
      expect(verdict.ok ? '' : verdict.detail).toContain('RSA of 2048 bits or more, P-256 or Ed25519 is needed');
    });
  },
);

describe('the files', () => {
  test('are made once, the key for its owner alone, and kept from then on', async () => {
    expect(await madeAt('fresh')).toEqual({ outcome: 'made' });
    const { certificatePath, keyPath } = paths('fresh');
    const before = await Bun.file(certificatePath).text();
    expect((await stat(keyPath)).mode & 0o777).toBe(0o600);
    expect((await readdir(`${directory}/fresh`)).sort()).toEqual(['tls_cert.pem', 'tls_key.pem']);
    expect(await madeAt('fresh')).toEqual({ outcome: 'kept' });
    expect(await Bun.file(certificatePath).text()).toBe(before);
    const loaded = await load('fresh');
    expect(loaded).toMatchObject({ ok: true, identity: { facts: { key: 'EC prime256v1' } } });
  });

  test('are left alone where only one is there', async () => {
    await madeAt('half');
    await rm(paths('half').certificatePath);
    expect(await madeAt('half')).toEqual({ outcome: 'incomplete' });
    expect(await readdir(`${directory}/half`)).toEqual(['tls_key.pem']);
    expect(await load('half')).toMatchObject({ ok: false, reason: 'certificate_missing' });
  });

  test('are refused with a named reason: no key, an exposed key, another key, no key at all, an expired certificate', async () => {
    await madeAt('bad');
    await madeAt('other');
    const { keyPath } = paths('bad');
    expect(await load('bad', NOW + 900 * DAY_MS)).toMatchObject({ ok: false, reason: 'expired' });
    await chmod(keyPath, 0o644);
    expect(await load('bad')).toMatchObject({ ok: false, reason: 'key_exposed' });
    await chmod(keyPath, 0o640);
    expect(await load('bad')).toMatchObject({ ok: true });
    await writeFile(keyPath, await Bun.file(paths('other').keyPath).text());
    expect(await load('bad')).toMatchObject({ ok: false, reason: 'key_mismatch' });
    await writeFile(keyPath, 'secret nonsense');
    const malformed = await load('bad');
    expect(malformed).toMatchObject({ ok: false, reason: 'key_malformed' });
    expect(JSON.stringify(malformed)).not.toContain('nonsense');
    await rm(keyPath);
    expect(await load('bad')).toMatchObject({ ok: false, reason: 'key_missing' });
  });
});

describe('TLS options', () => {
  test('of the listener always ask for a certificate and TLS 1.3, and trust nobody else without peers', async () => {
    const identity = tlsIdentity(await makeCertificate({ name: 'alpha', address: 'a', now: Date.now() }));
    const { certificate } = await makeCertificate({ name: 'beta', address: 'b', now: Date.now() });
    expect(listenerTls(identity, [certificate])).toMatchObject({
      ca: [certificate],
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 0x0304,
    });
    expect(listenerTls(identity, []).ca).toEqual([identity.facts.pem]);
    expect(() => listenerTls(identity, [certificate, ''])).toThrow();
    expect(() => pinnedSession(identity, '')).toThrow();
  });
});
