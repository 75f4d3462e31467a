// Limits, tried at the node that ships: the server as its command runs it, with all its own wiring.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initialiseHere, serve } from '../../cli/compose.ts';
import { ControlClient, isServerRunning } from '../../cli/control-client.ts';
import { type LogOutlet, standardError } from '../../cli/log-writer.ts';
import { utf8 } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import type { OperatorConfig } from '../../operator/config/config.ts';
import { draftConfig } from '../../operator/config/config-write.ts';
import { closeNode } from '../../operator/node.ts';
import { ADDRESS_READS_IN_FLIGHT_MAX } from '../../operator/peers/read-slots.ts';
import { CommandError } from '../../operator/runtime/command-error.ts';
import { MaliciousPeer } from './malicious-peer.ts';
import { ATTACKER, type Besieged, besiege, PASSPHRASE } from './nodes.ts';

const VICTIM = 0;

let besieged: Besieged;
let mallory: MaliciousPeer;
let served: Promise<void>;
const stop = new AbortController();
const logged: string[] = [];
/** Keeps what the victim logs. */
const outlet: LogOutlet = {
  ...standardError,
  write: (bytes, done) => {
    logged.push(...new TextDecoder().decode(bytes).split('\n'));
    done(null, bytes.length);
  },
};

beforeAll(async () => {
  besieged = await besiege();
  mallory = await MaliciousPeer.enter(besieged);
  const [config, node] = [besieged.configs[VICTIM], besieged.nodes[VICTIM]];
  if (config === undefined || node === undefined) throw new Error('there is a victim');
  await closeNode(node);
  served = serve(config, { passphrase: utf8(PASSPHRASE), signal: stop.signal }, outlet);
  await Promise.race([served, heard()]);
}, 60_000);
afterAll(async () => {
  stop.abort();
  await served;
  await mallory.leave();
  await besieged.stop();
}, 60_000);

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await Bun.sleep(50);
}

/** Resolves once the server answers its peers. */
function heard(): Promise<void> {
  return until(async () => (await mallory.send(VICTIM, { type: 'ping', body: {} })).ok);
}

test('the server reads no more messages at once than its limit: the longest on its way makes room', async () => {
  const sockets = [];
  const answers: Promise<string>[] = [];
  for (let i = 0; i < ADDRESS_READS_IN_FLIGHT_MAX + 1; i++) {
    const socket = await mallory.stall(VICTIM);
    sockets.push(socket);
    answers.push(new Promise((resolve) => socket.once('data', (data) => resolve(data.toString()))));
  }
  try {
    expect(await Promise.race(answers)).toContain('503');
    expect(await mallory.send(VICTIM, { type: 'ping', body: {} })).toMatchObject({ ok: true });
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}, 60_000);

test('a second server on the port of the first is refused at unseal in one sentence, and stays sealed', async () => {
  const [first, second] = besieged.configs;
  if (first === undefined || second === undefined) throw new Error('there are two honest operators');
  const { port } = first.listenAddress;
  const folder = join(besieged.folder, 'second');
  const rival = {
    ...second,
    listenAddress: { host: '0.0.0.0', port, text: `0.0.0.0:${port}` },
    controlSocket: join(folder, 'control.sock'),
    securityDbPath: join(folder, 'security.db'),
  };
  const end = new AbortController();
  const served = serve(rival, { passphrase: null, signal: end.signal });
  const client = new ControlClient(rival.controlSocket);
  await Promise.race([served, until(() => isServerRunning(rival))]);
  for (let attempt = 0; attempt < 2; attempt++) {
    const outcome = await client.call('unseal', { passphrase: PASSPHRASE });
    expect(outcome).toMatchObject({ ok: false, code: 'port_taken', message: expect.stringContaining(`port ${port} `) });
  }
  expect(await client.call('status', {})).toMatchObject({ ok: true, result: { sealed: true } });
  end.abort();
  await served;
  await expect(serve(rival, { passphrase: utf8(PASSPHRASE), signal: end.signal })).rejects.toMatchObject({
    name: 'CommandError',
    code: 'port_taken',
  });
}, 60_000);

describe('files that others can change keep the server from starting:', () => {
  const REMEDY = /cannot be trusted: .* may write .* \(of user \d+, mode 0\d{3}\)\. Run: chmod go-w /;

  /** Starts a server of the second operator that ends at once where it starts at all. */
  async function started(change: Partial<OperatorConfig> = {}): Promise<string> {
    const config = besieged.configs[1];
    if (config === undefined) throw new Error('there is a second operator');
    const end = AbortSignal.abort();
    const controlSocket = join(besieged.folder, 'third', 'control.sock');
    const securityDbPath = join(besieged.folder, 'third', 'security.db');
    try {
      await serve({ ...config, controlSocket, securityDbPath, ...change }, { passphrase: null, signal: end });
    } catch (error) {
      if (error instanceof CommandError) return `${error.code}: ${error.message}`;
      throw error;
    }
    return 'started';
  }

  test('the configuration, the key file, the key and certificate of TLS', async () => {
    const config = besieged.configs[1];
    if (config === undefined) throw new Error('there is a second operator');
    expect(await started()).toBe('started');
    for (const path of [config.file, config.keySharePath, config.tlsKeyPath, config.tlsCertPath]) {
      const { mode } = statSync(path);
      chmodSync(path, 0o662);
      const said = await started();
      chmodSync(path, mode);
      expect(said).toStartWith(`untrusted_file: ${path} `);
      expect(said).toMatch(REMEDY);
    }
    expect(await started()).toBe('started');
  });

  test('a database, or what lies beside one, in a folder that others write, and the program that checks burn proofs', async () => {
    const open = join(besieged.folder, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    writeFileSync(join(open, 'check'), '');
    expect(await started({ securityDbPath: join(open, 'security.db') })).toMatch(REMEDY);
    expect(await started({ burnProofVerifier: [join(open, 'check')] })).toMatch(REMEDY);
    expect(await started({ burnProofVerifier: ['true', join(open, 'check')] })).toMatch(REMEDY);
    expect(await started({ burnProofVerifier: ['true', '--strict'] })).toBe('started');
    const beside = join(besieged.folder, 'third', 'security.db-journal');
    writeFileSync(beside, '', { mode: 0o600 });
    chmodSync(beside, 0o666);
    expect(await started()).toStartWith(`untrusted_file: ${beside} `);
    rmSync(beside);
  });

  test('and no node is set up in a folder that others write', async () => {
    const open = join(besieged.folder, 'open-to-all');
    mkdirSync(open);
    chmodSync(open, 0o777);
    const addresses = besieged.configs.map((config) => config.listenAddress.text);
    const content = draftConfig({ parties: 3, threshold: 2, index: 0, addresses });
    const file = join(open, 'config.json');
    const input = { file, home: open, content, passphrase: async () => utf8(PASSPHRASE), force: false };
    await expect(initialiseHere(input)).rejects.toThrow(REMEDY);
    expect(readdirSync(open)).toEqual([]);
  });
});

test('a peer that asks for a thousand refusals fills no log: few lines, and a count of the rest', async () => {
  const lines = (event: string) => logged.filter((line) => line.includes(`"event":"${event}"`));
  for (let i = 0; i < 1_000; i++) {
    const [answer] = await mallory.ask(VICTIM, { type: 'sign_request', body: vainRequest(i) });
    expect(answer?.type).toBe('sign_refusal');
  }
  expect(lines('sign_refused').length).toBeGreaterThan(0);
  expect(lines('sign_refused').length).toBeLessThan(20);
  stop.abort();
  await served;
  expect(lines('lines_left_out').join('')).toMatch(
    new RegExp(`"of":"sign_refused","peer":${ATTACKER},"left_out":9[89]\\d,`),
  );
}, 60_000);

/** A request in order, under a key that nobody has. */
function vainRequest(i: number): Json {
  return {
    session: i.toString(16).padStart(32, '0'),
    key_id: '00'.repeat(8),
    scheme: 'bip340',
    intent: { kind: 'test_message', message: 'in vain' },
    signers: [VICTIM, ATTACKER],
    boots: { [VICTIM]: '00'.repeat(16), [ATTACKER]: '00'.repeat(16) },
    messages: [
      { nonce_ids: { [VICTIM]: '00'.repeat(16), [ATTACKER]: '00'.repeat(16) }, nonce_commitment: '00'.repeat(132) },
    ],
  };
}
