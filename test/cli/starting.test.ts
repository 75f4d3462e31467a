// A server that is starting: commands that come while it opens its key file wait, and are answered by the open node.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialiseHere, serve } from '../../cli/compose.ts';
import { ControlClient } from '../../cli/control-client.ts';
import type { LogOutlet } from '../../cli/log-writer.ts';
import { standardError } from '../../cli/log-writer.ts';
import { utf8 } from '../../crypto/bytes.ts';
import { freePorts } from '../../devnet/ports.ts';
import { loadConfig, type OperatorConfig } from '../../operator/config/config.ts';
import { draftConfig } from '../../operator/config/config-write.ts';

const PASSPHRASE = 'a passphrase of a server that starts';
const WORK_FACTOR = 'MPC_OPERATOR_SCRYPT_WORK_FACTOR';
const quiet: LogOutlet = { ...standardError, write: (bytes, done) => done(null, bytes.length) };

let folder: string;
let config: OperatorConfig;
beforeEach(async () => {
  process.env[WORK_FACTOR] = '2';
  folder = mkdtempSync(join(tmpdir(), 'starting-'));
  const file = join(folder, 'config.json');
  const addresses = freePorts(3).map((port) => `127.0.0.1:${port}`);
  const more = { network: 'regtest' as const, name: 'alpha', bitcoin_nodes: ['http://127.0.0.1:1'] };
  const content = draftConfig({ parties: 3, threshold: 2, index: 0, addresses, more });
  await initialiseHere({ file, home: folder, content, passphrase: async () => utf8(PASSPHRASE), force: false });
  const loaded = loadConfig(file, folder);
  if (!loaded.ok) throw new Error('the configuration that init wrote is valid');
  config = loaded.config;
});
afterEach(() => {
  delete process.env[WORK_FACTOR];
  rmSync(folder, { recursive: true, force: true });
});

async function listening(): Promise<ControlClient> {
  while (!existsSync(config.controlSocket)) await new Promise(setImmediate);
  return new ControlClient(config.controlSocket);
}

test('a command that comes while the key file is being opened waits, and finds the node open', async () => {
  const stop = new AbortController();
  const served = serve(config, { passphrase: utf8(PASSPHRASE), signal: stop.signal }, quiet);
  try {
    const client = await Promise.race([listening(), served.then(() => Promise.reject(new Error('it ended')))]);
    expect(await client.call('status', {})).toMatchObject({ ok: true, result: { running: true, sealed: false } });
  } finally {
    stop.abort();
    await served;
  }
}, 30_000);

test('a server that cannot open its key file ends with the reason, and leaves no socket', async () => {
  const wrong = serve(config, { passphrase: utf8('not the passphrase'), signal: new AbortController().signal }, quiet);
  await expect(wrong).rejects.toMatchObject({ name: 'KeyFileError', reason: 'wrong_passphrase' });
  expect(existsSync(config.controlSocket)).toBe(false);
}, 30_000);
