// A server that has people called: sealed or not, of what came over its control socket, and of what stops it from signing.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialiseHere, serve } from '../../cli/compose.ts';
import { ControlClient } from '../../cli/control-client.ts';
import { type LogOutlet, standardError } from '../../cli/log-writer.ts';
import { utf8 } from '../../crypto/bytes.ts';
import { freePorts } from '../../devnet/ports.ts';
import { loadConfig, type OperatorConfig } from '../../operator/config/config.ts';
import { draftConfig } from '../../operator/config/config-write.ts';

const WORK_FACTOR = 'MPC_OPERATOR_SCRYPT_WORK_FACTOR';
const quiet: LogOutlet = { ...standardError, write: (bytes, done) => done(null, bytes.length) };

let folder: string;
let config: OperatorConfig;
beforeEach(async () => {
  process.env[WORK_FACTOR] = '2';
  folder = mkdtempSync(join(tmpdir(), 'notified-'));
  const program = join(folder, 'notify');
  writeFileSync(program, `#!/bin/sh\ncat >> '${join(folder, 'told')}'\n`, { mode: 0o700 });
  const file = join(folder, 'config.json');
  const addresses = freePorts(3).map((port) => `127.0.0.1:${port}`);
  const places = { metrics_address: `127.0.0.1:${freePorts(1)[0]}`, bitcoin_nodes: ['http://127.0.0.1:1'] };
  const more = { network: 'regtest' as const, name: 'alpha', notify_command: [program], ...places };
  const content = draftConfig({ parties: 3, threshold: 2, index: 0, addresses, more });
  await initialiseHere({ file, home: folder, content, passphrase: async () => utf8('a passphrase'), force: false });
  const loaded = loadConfig(file, folder);
  if (!loaded.ok) throw new Error('the configuration that init wrote is valid');
  config = loaded.config;
});
afterEach(() => {
  delete process.env[WORK_FACTOR];
  rmSync(folder, { recursive: true, force: true });
});

// The lines that the program was given, once one of them has this in it.
async function told(piece: string): Promise<string> {
  const path = join(folder, 'told');
  for (;;) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (text.includes(piece)) return text;
    await Bun.sleep(20);
  }
}

test('a sealed server has people called of an incident opened there, of a test, and that it is sealed', async () => {
  const stop = new AbortController();
  const served = serve(config, { passphrase: null, signal: stop.signal }, quiet);
  try {
    while (!existsSync(config.controlSocket)) await new Promise(setImmediate);
    const client = new ControlClient(config.controlSocket);
    const opened = await client.call('escalate', { level: 2, summary: 'an unknown login' });
    expect(opened).toMatchObject({ ok: true, result: { incident: { level: 2, state: 'open' } } });
    expect(await client.call('incident-test-notify', {})).toMatchObject({ ok: true, result: { ok: true } });
    await told('"event":"incident_opened"');
    const lines = (await told('"code":"sealed"')).trim().split('\n');
    const events = lines.map((line): string => JSON.parse(line).event);
    expect(events.filter((event) => event === 'incident_opened')).toHaveLength(1);
    expect(events).toContain('test');
    expect(lines.join()).not.toContain('a passphrase');
  } finally {
    stop.abort();
    await served;
  }
}, 30_000);
