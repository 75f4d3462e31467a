// `config check`: what a start would stumble over is named beforehand, each flaw once, and nothing is changed.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { freePorts } from '../../devnet/ports.ts';
import type { OperatorConfig } from '../../operator/config/config.ts';
import { type ConfigFinding, checkNodeFiles } from '../../operator/config-check.ts';
import { makeCertificate } from '../../operator/peers/certificate.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { openStore, openUsers } from '../../store/open.ts';
import { AnsweringNode, batchAnswer } from '../fuzz/answering-node.ts';
import { SetUpNodes } from './set-up-nodes.ts';

let nodes: SetUpNodes;
let config: OperatorConfig;
beforeEach(async () => {
  nodes = await SetUpNodes.make();
  const [listen, metrics] = freePorts(2);
  config = await nodes.init(0, {
    ...{ listen_address: `127.0.0.1:${listen}`, metrics_address: `127.0.0.1:${metrics}` },
    bitcoin_rpc_cookie_file: join(nodes.folder, 'cookie'),
  });
  writeFileSync(join(nodes.folder, 'cookie'), 'user:word', { mode: 0o600 });
});
afterEach(() => nodes.close());

function check(more: Partial<Parameters<typeof checkNodeFiles>[0]> = {}): Promise<readonly ConfigFinding[]> {
  const { folder: home } = nodes;
  const env = {};
  const serverRuns = async () => false;
  const given = { file: config.file, home, workingDirectory: home, env, now: Date.now(), serverRuns, online: false };
  return checkNodeFiles({ ...given, ...more });
}

/** The findings of a kind, as `subject: detail → action`. */
function told(findings: readonly ConfigFinding[], verdict: ConfigFinding['verdict']): readonly string[] {
  return findings
    .filter((one) => one.verdict === verdict)
    .map(({ subject, detail, action }) => `${subject}: ${detail} → ${action}`);
}

/** Changes keys of the configuration file. */
function rewrite(more: Readonly<Record<string, unknown>>): void {
  const before: unknown = JSON.parse(readFileSync(config.file, 'utf8'));
  writeFileSync(config.file, JSON.stringify({ ...Object(before), ...more }));
}

describe('a node that is set up', () => {
  test('has no fault, and is told which cards are missing', async () => {
    const findings = await check();
    expect(told(findings, 'fault')).toEqual([]);
    expect(told(findings, 'warning')).toEqual([
      'operator cards: 2 cards missing, of index 1, 2 → ask for them, then run `mpc_operator peer add CARD`',
    ]);
    const subjects = findings.map(({ subject }) => subject);
    for (const subject of ['files', 'key file', 'passphrase', 'TLS certificate', 'database', 'control socket']) {
      expect(subjects).toContain(subject);
    }
  });

  test('is not changed by a check', async () => {
    const before = [config.file, config.keySharePath, config.securityDbPath].map((path) => readFileSync(path, 'hex'));
    await check();
    const after = [config.file, config.keySharePath, config.securityDbPath].map((path) => readFileSync(path, 'hex'));
    expect(after).toEqual(before);
  });
});

describe('a fault is', () => {
  test('every flaw of the configuration, each with what to do', async () => {
    rewrite({ threshold: 1, partees: 3 });
    expect(told(await check(), 'fault')).toEqual([
      `configuration: ${config.file}: "partees" (3) is not a known key → Did you mean "parties"?`,
      `configuration: ${config.file}: "threshold" (1) has a value that cannot be used → It must be a whole number, 2 to 64: how many operators must sign (t)`,
    ]);
  });

  test('a key file or TLS key that others can read, and one that is gone', async () => {
    chmodSync(config.keySharePath, 0o644);
    chmodSync(config.tlsKeyPath, 0o644);
    expect(told(await check(), 'fault')).toEqual([
      `key file: ${config.keySharePath} is open to other users → run: chmod 600 ${config.keySharePath}`,
      `TLS certificate: ${config.tlsKeyPath} can be read by other users or changed by its group → chmod 600 ${config.tlsKeyPath}`,
    ]);
    chmodSync(config.tlsKeyPath, 0o600);
    rmSync(config.keySharePath);
    expect(told(await check(), 'fault')).toEqual([
      `key file: there is none at ${config.keySharePath} → run \`mpc_operator init\`, or put it back from a backup`,
    ]);
  });

  test('a folder on the way that others can write, told once for all files in it', async () => {
    chmodSync(join(nodes.folder, '0'), 0o777);
    const faults = told(await check(), 'fault').filter((line) => line.startsWith('configuration: '));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('other users may write');
    chmodSync(join(nodes.folder, '0'), 0o700);
  });

  test('a certificate that is not that of the key, or has expired', async () => {
    const { certificate } = await makeCertificate({ name: 'x', address: '127.0.0.1:7100', now: Date.now() });
    writeFileSync(config.tlsCertPath, certificate);
    const [mismatch] = told(await check(), 'fault');
    expect(mismatch).toContain(`${config.tlsKeyPath} is not the key of the certificate ${config.tlsCertPath}`);
    const later = await check({ now: Date.now() + 1000 * 86_400_000 });
    expect(told(later, 'fault')[0]).toContain('the certificate expired on');
  });

  test('a database of another operator, and one whose audit log was changed', async () => {
    rewrite({ my_index: 1 });
    expect(told(await check(), 'fault').join()).toContain(
      'is the database of operator 0 on regtest, not of operator 1',
    );
    rewrite({ my_index: 0 });
    const store = openStore(config.securityDbPath);
    appendAudit(store.db, 1, 'test', {});
    store.db.run('DROP TRIGGER audit_log_no_update');
    store.db.run("UPDATE audit_log SET kind = 'other' WHERE kind = 'test'");
    store.close();
    expect(told(await check(), 'fault').join()).toContain('of its audit log was changed');
  });

  test('an address on which another program listens, and not where that is the running server itself', async () => {
    const taken = createServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    taken.listen({ host: '127.0.0.1', port: config.listenAddress.port }, resolve);
    await promise;
    const { text, port } = config.listenAddress;
    expect(told(await check(), 'fault')).toEqual([
      `listen_address: another program listens on ${text} already → find it with \`ss -ltnp 'sport = :${port}'\`, or set "listen_address"`,
    ]);
    expect(told(await check({ serverRuns: async () => true }), 'fault')).toEqual([]);
    taken.close();
  });

  test('a passphrase in the environment, credentials that cannot be read, a verifier that is not there', async () => {
    rewrite({ burn_proof_verifier: ['/no/such/verifier'], bitcoin_rpc_cookie_file: '/no/such/cookie' });
    const findings = await check({ env: { MPC_OPERATOR_PASSPHRASE: 'planted secret' } });
    expect(told(findings, 'fault').map((line) => line.split(' → ')[0])).toEqual([
      'passphrase: MPC_OPERATOR_PASSPHRASE is set, but environment values show in process listings',
      'burn_proof_verifier: /no/such/verifier is no program that can be run here',
      'Bitcoin RPC credentials: /no/such/cookie cannot be read by this user',
    ]);
    expect(JSON.stringify(findings)).not.toContain('planted secret');
  });
});

describe('what a start reads besides', () => {
  test('is looked at: the address of the public, the folder and recipient of backups, the key of the accounts', async () => {
    const recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';
    const { folder } = nodes;
    const backup = { folder, every_hours: 6, keep: 2, recipient };
    const [port = 0] = freePorts(1);
    rewrite({ public_address: `127.0.0.1:${port}`, backup });
    openUsers(config.userDbPath, { create: true })?.close();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
    try {
      const faults = told(await check(), 'fault');
      expect(faults).toHaveLength(2);
      expect(faults[0]).toStartWith(`accounts: ${config.userDbPath.replace(/\.db$/, '.key')} is missing`);
      expect(faults[1]).toStartWith(`public_address: another program listens on 127.0.0.1:${port} already`);
    } finally {
      taken.close();
    }
    for (const [change, detail] of [
      [{ folder: join(folder, 'none') }, `backup: there is no folder ${join(folder, 'none')}`],
      [{ recipient: `age1${'q'.repeat(58)}` }, 'backup: "backup.recipient" is no recipient of age'],
    ] as const) {
      rewrite({ backup: { ...backup, ...change } });
      expect(told(await check(), 'fault').find((one) => one.startsWith('backup'))).toStartWith(detail);
    }
  });
});

test('metrics that can be reached from outside are a warning', async () => {
  const [port] = freePorts(1);
  rewrite({ metrics_address: `0.0.0.0:${port}` });
  const [warning] = told(await check(), 'warning').filter((line) => line.startsWith('metrics_address'));
  expect(warning).toContain('can be reached from outside');
});

describe('--online', () => {
  test('tells a Bitcoin node that answers from one that does not, and one of another network', async () => {
    const [node, other] = [new AnsweringNode(), new AnsweringNode()];
    const info = (chain: string) => ({
      ...{ chain, blocks: 7, headers: 7, bestblockhash: 'ab'.repeat(32), initialblockdownload: false },
      ...{ time: 1, mediantime: 1 },
    });
    node.answer = (request) => JSON.stringify(batchAnswer(request, () => info('regtest')));
    other.answer = (request) => JSON.stringify(batchAnswer(request, () => info('main')));
    rewrite({ bitcoin_nodes: [node.url, other.url, 'http://127.0.0.1:1'], wire_nodes: ['http://127.0.0.1:1'] });
    const findings = await check({ online: true });
    const label = new URL(node.url).host;
    expect(told(findings, 'ok')).toContain(`Bitcoin node ${label}: on regtest, block 7 → null`);
    const faults = told(findings, 'fault').map((line) => line.split(' → ')[0]);
    expect(faults).toEqual([
      `Bitcoin node ${new URL(other.url).host}: the node is on main, this operator on regtest`,
      'Bitcoin node 127.0.0.1:1: nobody listens there (ECONNREFUSED)',
      'Wire node 127.0.0.1:1: nobody listens there (ECONNREFUSED)',
    ]);
    await Promise.all([node.stop(), other.stop()]);
  });
});
