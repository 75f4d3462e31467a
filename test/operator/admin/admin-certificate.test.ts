import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adminCertificate, adminHosts, adminTlsFiles } from '../../../operator/admin/admin-certificate.ts';
import type { OperatorConfig } from '../../../operator/config/config.ts';
import { makeCertificate } from '../../../operator/peers/certificate.ts';
import { SetUpNodes } from '../set-up-nodes.ts';

const DAY_MS = 86_400_000;
let nodes: SetUpNodes;
let config: OperatorConfig;
const folder = mkdtempSync(join(tmpdir(), 'admin-certificate-'));

beforeAll(async () => {
  nodes = await SetUpNodes.make();
  config = { ...(await nodes.init(0)), file: join(folder, 'config.json') };
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await nodes.close();
});

const now = Date.now();

describe('the certificate of the web admin', () => {
  test('is made for localhost where the pages are served there, and kept', async () => {
    const made = await adminCertificate(config, now);
    expect(new X509Certificate(made.certificate).checkHost('localhost')).toBe('localhost');
    expect((await adminCertificate(config, now + DAY_MS)).certificate).toBe(made.certificate);
  });

  test('is made anew at a start less than 30 days before it ends', async () => {
    const made = await adminCertificate(config, now);
    const late = made.expiresAt - 30 * DAY_MS;
    expect((await adminCertificate(config, late - 1)).certificate).toBe(made.certificate);
    const renewed = await makeOld(20);
    const fresh = await adminCertificate(config, now);
    expect(fresh.certificate).not.toBe(renewed);
    expect(fresh.expiresAt).toBeGreaterThan(now + 30 * DAY_MS);
  });

  test('of the operator’s own is left alone, however soon it ends', async () => {
    const { tlsCertPath, tlsKeyPath } = adminTlsFiles(config);
    const own = await makeCertificate({ name: 'a bank', address: 'localhost', now, days: 2 });
    writeFileSync(tlsCertPath, own.certificate);
    writeFileSync(tlsKeyPath, own.key, { mode: 0o600 });
    expect((await adminCertificate(config, now)).certificate).toBe(own.certificate);
  });

  test('is refused where it goes with another key, where half of it is missing, and where others can read the key', async () => {
    const { tlsCertPath, tlsKeyPath } = adminTlsFiles(config);
    const [one, two] = [await makeOld(100), readFileSync(tlsKeyPath, 'utf8')];
    chmodSync(tlsKeyPath, 0o644);
    await expect(adminCertificate(config, now)).rejects.toThrow(`chmod 600 ${tlsKeyPath}`);
    chmodSync(tlsKeyPath, 0o600);
    await makeOld(100);
    writeFileSync(tlsKeyPath, two);
    await expect(adminCertificate(config, now)).rejects.toThrow(`${tlsKeyPath} is not the key of ${tlsCertPath}`);
    rmSync(tlsKeyPath);
    await expect(adminCertificate(config, now)).rejects.toThrow(`${tlsKeyPath} is missing beside its other half`);
    expect(one).toContain('BEGIN CERTIFICATE');
  });

  test('has pages that answer by the names in the configuration alone', () => {
    expect([...adminHosts(config)]).toEqual([]);
    const adminAddress = { host: 'admin.example.com', port: 8443, text: 'admin.example.com:8443' };
    expect([...adminHosts({ ...config, adminAddress })]).toEqual(['admin.example.com', '127.0.0.1']);
  });
});

/** Puts a certificate of the node's own making in place, with so many days left. */
async function makeOld(days: number): Promise<string> {
  const { tlsCertPath, tlsKeyPath } = adminTlsFiles(config);
  const { certificate, key } = await makeCertificate({ name: 'mpc_operator x', address: 'localhost', now, days });
  writeFileSync(tlsCertPath, certificate);
  writeFileSync(tlsKeyPath, key, { mode: 0o600 });
  return certificate;
}
