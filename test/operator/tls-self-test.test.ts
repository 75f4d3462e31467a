// A certificate that no peer would accept is refused before anybody is told of it; one that has changed makes a fresh card.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperatorConfig } from '../../operator/config/config.ts';
import { runPreflight } from '../../operator/key-ceremonies/preflight.ts';
import { runLocally } from '../../operator/local.ts';
import { unsealNode } from '../../operator/node.ts';
import { exportCard } from '../../operator/own-card.ts';
import { type CertificateAndKey, makeCertificate, readCertificate } from '../../operator/peers/certificate.ts';
import { proveTlsIdentity } from '../../operator/peers/tls-self-test.ts';
import { fakeBitcoin } from '../chain/fake-bitcoin.ts';
import { codeOf } from './custody.ts';
import { PASSPHRASE, SetUpNodes } from './set-up-nodes.ts';
import { opensslCertificate, tlsIdentity } from './tls-federation.ts';

let nodes: SetUpNodes;
beforeEach(async () => {
  nodes = await SetUpNodes.make();
});
afterEach(() => nodes.close());

const RSA = ['-newkey', 'rsa:2048', '-subj', '/CN=a', '-days', '60'];
const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', '/CN=a', '-days', '60'];
const made = (...more: readonly string[]) => opensslCertificate(nodes.folder, [...RSA, ...more]);

/** A certificate that another one has signed. */
async function leaf(): Promise<CertificateAndKey> {
  const ca = await made();
  await writeFile(join(nodes.folder, 'ca.pem'), ca.certificate);
  await writeFile(join(nodes.folder, 'ca.key'), ca.key);
  const by = ['-CA', join(nodes.folder, 'ca.pem'), '-CAkey', join(nodes.folder, 'ca.key')];
  return opensslCertificate(nodes.folder, ['-newkey', 'rsa:2048', '-subj', '/CN=leaf', '-days', '60', ...by]);
}

const unacceptable: readonly (readonly [string, () => Promise<CertificateAndKey>])[] = [
  ['for servers only', () => made('-addext', 'extendedKeyUsage=serverAuth')],
  ['for clients only', () => made('-addext', 'extendedKeyUsage=clientAuth')],
  ['with a critical extension that nobody knows', () => made('-addext', '1.2.3.4.5=critical,ASN1:UTF8String:x')],
  ['that an authority has signed', leaf],
  [
    'whose key usage lacks digitalSignature',
    () => opensslCertificate(nodes.folder, [...P256, '-addext', 'keyUsage=critical,keyAgreement']),
  ],
];

async function put(
  { tlsCertPath, tlsKeyPath }: OperatorConfig,
  { certificate, key }: CertificateAndKey,
): Promise<void> {
  await writeFile(tlsCertPath, certificate);
  await writeFile(tlsKeyPath, key, { mode: 0o600 });
}

describe('a certificate', () => {
  for (const [what, make] of unacceptable) {
    test(`${what} is refused by init, preflight and start in one sentence`, async () => {
      const certificate = await make();
      const path = '/x/tls_cert.pem';
      const refusal = await proveTlsIdentity(tlsIdentity(certificate), path);
      expect(refusal).toStartWith(`${path}: no peer would accept this certificate (`);
      const config = await nodes.init(0);
      await put(config, certificate);
      expect(await codeOf(unsealNode(nodes.open(config), PASSPHRASE))).toBe('tls');
      const bitcoin = fakeBitcoin('regtest');
      const checks = await runPreflight({ config, bitcoin, proveTls: proveTlsIdentity }, Date.now());
      expect(checks[0]).toMatchObject({ name: 'tls certificate', ok: false });
      mkdirSync(join(nodes.folder, '1'));
      const at = (name: string) => join(nodes.folder, '1', name);
      await put({ ...config, tlsCertPath: at('tls_cert.pem'), tlsKeyPath: at('tls_key.pem') }, certificate);
      expect(await codeOf(nodes.init(1))).toBe('tls');
      expect(await Bun.file(join(nodes.folder, '1/config.json')).exists()).toBeFalse();
    });
  }

  test('made here, by openssl with RSA, P-256 or Ed25519, or with both extended key usages is accepted', async () => {
    const both = ['-addext', 'extendedKeyUsage=serverAuth,clientAuth', '-addext', 'keyUsage=digitalSignature'];
    const accepted = [
      await makeCertificate({ name: 'a', address: 'a.example:1', now: Date.now() }),
      await made(),
      await made(...both),
      await opensslCertificate(nodes.folder, [...P256, ...both]),
      await opensslCertificate(nodes.folder, ['-newkey', 'ed25519', '-subj', '/CN=a', '-days', '60']),
    ];
    for (const one of accepted) expect(await proveTlsIdentity(tlsIdentity(one), 'x')).toBeNull();
  });
});

describe('a card whose certificate file has changed', () => {
  function exportLocally(config: OperatorConfig, passphrase: () => Promise<string>) {
    const signal = new AbortController().signal;
    const run = { progress: () => {}, signal, passphrase, passphraseIfAny: passphrase };
    return runLocally(nodes.inputOf(config), 'peer-export', {}, run);
  }

  test('is made again by peer export if no server runs, and only then is the passphrase asked for', async () => {
    const config = await nodes.init(0);
    let asked = 0;
    const passphrase = async () => {
      asked += 1;
      return PASSPHRASE;
    };
    const before = await exportLocally(config, passphrase);
    expect(asked).toBe(0);
    const renewed = await made();
    await put(config, renewed);
    const { card } = await exportLocally(config, passphrase);
    expect(asked).toBe(1);
    const fingerprintOf = (pem: unknown) => readCertificate(String(pem))?.fingerprint;
    expect(fingerprintOf(card['tls_certificate'])).toBe(fingerprintOf(renewed.certificate) ?? '');
    expect(card['identity_key']).toBe(before.card['identity_key'] ?? '');
    expect((await exportLocally(config, passphrase)).card).toEqual(card);
    expect(asked).toBe(1);
  });

  test('is not handed out by a server that runs with the old certificate', async () => {
    const config = await nodes.init(0);
    const node = nodes.open(config);
    await put(config, await made());
    expect(await codeOf(exportCard(node))).toBe('card_stale');
    await unsealNode(node, PASSPHRASE);
    await exportCard(node);
    await put(config, await made());
    expect(await codeOf(exportCard(node))).toBe('card_stale');
  });
});
