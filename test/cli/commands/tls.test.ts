// `tls generate` and `tls rotate` as an operator runs them.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { loadTlsIdentity } from '../../../operator/peers/tls.ts';
import { proveTlsIdentity } from '../../../operator/peers/tls-self-test.ts';
import { Desk } from './desk.ts';
import { status } from './results.ts';

const UNTIL = '2026-03-08T08:30:00.000Z';

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

describe('tls generate', () => {
  test('makes a certificate and key that the node accepts, the key for this user alone', async () => {
    const { code, stdout } = await desk.run(['tls', 'generate', '--json']);
    expect(code).toBe(0);
    const { certificate, key, fingerprint } = JSON.parse(stdout);
    expect([certificate, key]).toEqual([desk.path('tls_cert.pem'), desk.path('tls_key.pem')]);
    expect(statSync(key).mode & 0o777).toBe(0o600);
    const loaded = await loadTlsIdentity(certificate, key, Date.now());
    if (!loaded.ok) throw new Error(loaded.detail);
    expect(loaded.identity.facts).toMatchObject({ fingerprint, key: 'EC prime256v1', subject: 'CN=Alpha' });
    expect(await proveTlsIdentity(loaded.identity, certificate)).toBeNull();
  });

  test('needs no configuration, as the launch instructions make the certificate before it', async () => {
    rmSync(desk.path('config.json'));
    const { code } = await desk.run(['tls', 'generate', '--name', 'operator1', '--host', 'op1.example.com']);
    expect(code).toBe(0);
    const loaded = await loadTlsIdentity(
      desk.path('.0btc-wire/mpc/tls_cert.pem'),
      desk.path('.0btc-wire/mpc/tls_key.pem'),
      Date.now(),
    );
    expect(loaded.ok && loaded.identity.facts.subject).toBe('CN=operator1');
  });

  test('overwrites nothing: neither a pair nor half of one', async () => {
    await desk.run(['tls', 'generate']);
    const key = readFileSync(desk.path('tls_key.pem'), 'utf8');
    const again = await desk.run(['tls', 'generate']);
    expect([again.code, again.stderr]).toEqual([
      1,
      `mpc_operator: ${desk.path('tls_cert.pem')} and ${desk.path('tls_key.pem')} are there already: change them with \`mpc_operator tls rotate\`.\n`,
    ]);
    rmSync(desk.path('tls_cert.pem'));
    expect((await desk.run(['tls', 'generate'])).stderr).toContain('Only one of');
    expect(readFileSync(desk.path('tls_key.pem'), 'utf8')).toBe(key);
    expect(existsSync(desk.path('tls_cert.pem'))).toBe(false);
  });

  test('refuses what is no host, exit code 2', async () => {
    const { code, stderr } = await desk.run(['tls', 'generate', '--host', 'a b']);
    expect([code, stderr]).toEqual([2, 'mpc_operator: --host "a b" is not a host name or IP address.\n']);
  });
});

describe('tls rotate', () => {
  test('says who has the new certificate, and why the others have not', async () => {
    const missing = [{ index: 2, detail: 'no answer within 10000 ms' }];
    await desk.serve({ 'tls-rotate': { fingerprint: 'ab'.repeat(32), until: UNTIL, taken: [1], missing } });
    const { code, stdout } = await desk.run(['tls', 'rotate']);
    expect(code).toBe(0);
    expect(stdout).toContain('known to                 operator 1\n');
    expect(stdout).toContain('not yet to               operator 2: no answer within 10000 ms\n');
  });

  test('without a server says how to start it', async () => {
    const { code, stderr } = await desk.run(['tls', 'rotate']);
    expect(code).toBe(1);
    expect(stderr).toContain('Start it with: mpc_operator server');
  });
});

test('status shows a change of certificate that goes on, and peers of which two hold', async () => {
  const rotation = { until: UNTIL, taken: [1], missing: [{ index: 2, detail: 'timeout' }] };
  await desk.serve({ status: { ...status, certificates: { rotation, overlaps: [{ index: 1, until: UNTIL }] } } });
  const { stdout } = await desk.run(['status']);
  expect(stdout).toMatch(/new certificate +announced; not yet taken by operator 2 \(timeout\)\n/);
  expect(stdout).toMatch(/certificates +operator 1: its old one holds beside the new until 2026-03-08T/);
});
