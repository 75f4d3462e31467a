// Real nodes on loopback for the attack tests: operator/node.ts with real TLS, real files and real sockets, on a Bitcoin
// and a Wire node that a test controls. One place of the federation is left to the attacker.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DkgResult } from '../../ceremony/dkg/setup.ts';
import type { LineRoot } from '../../chain/line.ts';
import { toHex } from '../../crypto/bytes.ts';
import { keyIdOf } from '../../crypto/key-id.ts';
import { rootCertificateJson, rootStatement } from '../../crypto/root-certificate.ts';
import { decodeKeyFile, openSecrets } from '../../crypto/seal.ts';
import { freePorts } from '../../devnet/ports.ts';
import { commands } from '../../operator/commands.ts';
import { loadConfig, type OperatorConfig } from '../../operator/config/config.ts';
import type { ConfigFile } from '../../operator/config/config-keys.ts';
import { draftConfig } from '../../operator/config/config-write.ts';
import { initialise } from '../../operator/initialise.ts';
import { keysFromResult } from '../../operator/key-ceremonies/ceremony-keys.ts';
import { groupKeysToJson } from '../../operator/keys/keys.ts';
import { closeNode, type Node, openNode, unsealNode } from '../../operator/node.ts';
import type { CommandName, CommandParams, CommandResults } from '../../operator/runtime/command-types.ts';
import { systemEffects } from '../../operator/runtime/effects.ts';
import type { Log, LogFields } from '../../operator/runtime/log.ts';
import { openGate } from '../../routes/gate.ts';
import { auditHead } from '../../store/audit-log.ts';
import { beginCeremony, endCeremony } from '../../store/ceremonies.ts';
import { saveCursor } from '../../store/cursors.ts';
import { storeKey } from '../../store/keys.ts';
import { enableService } from '../../store/service.ts';
import { keepRootCertificate } from '../../store/treasury-roots.ts';
import { recordUtxo } from '../../store/utxos.ts';
import { Federation } from '../ceremony/federation.ts';
import { BEST_BLOCK, BEST_HEIGHT, FakeWorld } from './fake-world.ts';

export const PASSPHRASE = 'an attack test passphrase';
export const ENV = { MPC_OPERATOR_SCRYPT_WORK_FACTOR: '1' };
export const THRESHOLD = 2;
/** The honest nodes; the attacker is the one after them. */
export const HONEST = [0, 1] as const;
export const ATTACKER = 2;
export const VERSION = '0.1.0';

/** A federation of which the attacker holds one place. */
export interface Besieged {
  readonly world: FakeWorld;
  readonly folder: string;
  /** By index; the attacker's own folder is set up like the others. */
  readonly configs: readonly OperatorConfig[];
  readonly nodes: readonly Node[];
  readonly logs: [string, LogFields][][];
  stop(): Promise<void>;
}

/** Sets three operators up and starts the honest ones; every node knows every card. */
export async function besiege(more: Partial<ConfigFile> = {}): Promise<Besieged> {
  const world = new FakeWorld();
  const folder = await mkdtemp(join(tmpdir(), 'mpc-attack-'));
  await Bun.write(join(folder, 'cookie'), 'user:word');
  const addresses = freePorts(ATTACKER + 1).map((port) => `127.0.0.1:${port}`);
  const configs: OperatorConfig[] = [];
  for (const index of addresses.keys()) configs.push(await setUp(folder, index, addresses, world, more));
  const logs = configs.map((): [string, LogFields][] => []);
  const nodes = HONEST.map((index) => open(configs, logs, index));
  const cards = nodes.map((node) => commands['peer-export'](node, {}, io()));
  // The attacker's card is the one that its own set-up made.
  const mallory = open(configs, logs, ATTACKER);
  cards.push(commands['peer-export'](mallory, {}, io()));
  const all = [...nodes, mallory];
  for (const node of all) {
    for (const [index, card] of (await Promise.all(cards)).entries()) {
      if (index !== node.config.myIndex) await run(node, 'peer-add', { card: { ...card.card }, replace: false });
    }
  }
  await closeNode(mallory);
  for (const node of nodes) {
    await unsealNode(node, PASSPHRASE);
    // What is validated, decided and paid here is what a test asks for.
    await node.online?.autopilot.stop();
  }
  for (const node of nodes) await node.online?.heartbeat?.ready();
  return {
    ...{ world, folder, configs, nodes, logs },
    async stop() {
      for (const node of nodes) await closeNode(node);
      await world.stop();
      await rm(folder, { recursive: true });
    },
  };
}

async function setUp(
  folder: string,
  index: number,
  addresses: readonly string[],
  world: FakeWorld,
  changes: Partial<ConfigFile>,
): Promise<OperatorConfig> {
  const file = join(folder, `${index}`, 'config.json');
  const more: Partial<ConfigFile> = {
    network: 'regtest',
    name: `operator-${index}`,
    listen_address: addresses[index] ?? '',
    metrics_address: '127.0.0.1:9464',
    bitcoin_nodes: [world.url],
    bitcoin_rpc_cookie_file: join(folder, 'cookie'),
    wire_nodes: [world.url],
    normal_confirmations: 2,
    fork_confirmations: 4,
    ...changes,
  };
  const content = draftConfig({ parties: addresses.length, threshold: THRESHOLD, index, addresses, more });
  await initialise({
    ...{
      file,
      home: folder,
      env: ENV,
      content,
      passphrase: async () => PASSPHRASE,
      force: false,
      effects: systemEffects,
    },
  });
  return configAt(file, folder);
}

/** The configuration in a file, which has to be right. */
export function configAt(file: string, home: string): OperatorConfig {
  const loaded = loadConfig(file, home);
  if (!loaded.ok) throw new Error(loaded.problems.map(({ key, problem }) => `${key} ${problem}`).join('; '));
  return loaded.config;
}

/** Opens a node's files as its server would. */
export function open(configs: readonly OperatorConfig[], logs: [string, LogFields][][], index: number): Node {
  const config = configs[index];
  if (config === undefined) throw new Error(`no operator ${index}`);
  const log: Log = (_level, event, fields = {}) => void logs[index]?.push([event, fields]);
  return openNode({ config, version: VERSION, home: '/', env: ENV, effects: systemEffects, log, openGate });
}

/** Runs a command at a node. */
export async function run<C extends CommandName>(
  node: Node,
  command: C,
  params: CommandParams<C>,
): Promise<CommandResults[C]> {
  return commands[command](node, params, io());
}

function io() {
  return { progress: () => {}, signal: new AbortController().signal };
}

let dealt: readonly DkgResult[] | null = null;

/** The shares of one key ceremony among three, held in memory. */
export function dealKeys(): readonly DkgResult[] {
  if (dealt !== null) return dealt;
  const federation = new Federation({ n: ATTACKER + 1, t: THRESHOLD });
  federation.joinAll();
  federation.run((all) => all.allComplete());
  dealt = federation.results();
  return dealt;
}

/** The root of the dealt key's line: enough for the burns of these tests without any deposit. */
export function dealtRoot(keyId: string): LineRoot {
  return { network: 'regtest', keyId, txid: 'f0'.repeat(32), vout: 0, amount: 1_200_000n };
}

/** Gives a node its shares of the dealt key and an open treasury as if it had taken part in the ceremony; returns the key's id. */
export async function installKeys(node: Node): Promise<string> {
  const result = dealKeys()[node.config.myIndex];
  if (result === undefined) throw new Error('one share for each node');
  const shares = keysFromResult('dealt', result, Date.now());
  const keyId = keyIdOf(shares.bitcoin.groupKey.publicKey, shares.attestation.groupKey.publicKey);
  await node.keyRing.add(shares);
  const { db } = node.store;
  const { transcript, certificate } = result;
  const groupKeys = groupKeysToJson(shares.bitcoin.groupKey, shares.attestation.groupKey);
  beginCeremony(db, { ceremonyId: 'dealt', kind: 'dkg', rehearsal: false }, Date.now());
  storeKey(
    db,
    { keyId, ceremonyId: 'dealt', groupKeys, transcript, certificate: { ...certificate } },
    'live',
    Date.now(),
  );
  // No node of these tests takes a certificate from another, so nobody looks at the signatures.
  const root = dealtRoot(keyId);
  const signatures = transcript.participants.map(() => 'ee'.repeat(64));
  enableService(db, Date.now());
  keepRootCertificate(db, root, rootCertificateJson({ statement: rootStatement(root), signatures }), Date.now());
  const { txid, vout, amount } = root;
  recordUtxo(db, { txid, vout, amount, leaf: { kind: 'treasury' }, height: BEST_HEIGHT - 19 }, Date.now());
  saveCursor(db, 'bitcoin_blocks', { recent: [{ height: BEST_HEIGHT, hash: BEST_BLOCK }] }, Date.now());
  const file = { v: 1, transcript, certificate: { ...certificate } };
  endCeremony(db, 'dealt', 'done', { key_id: keyId, coordinator: 0, file, subsets: null }, Date.now());
  return keyId;
}

/** What no log may hold: passphrase, and in hexadecimal what the honest nodes' key files keep. */
export async function secretsOf({ nodes }: Besieged): Promise<readonly string[]> {
  const files = await Promise.all(
    nodes.map(async ({ config }) => {
      const opened = await openSecrets(await Bun.file(config.keySharePath).bytes(), PASSPHRASE);
      const decoded = opened.ok ? decodeKeyFile(opened.plaintext) : null;
      if (decoded === null || !decoded.ok) throw new Error('the key file opens');
      return decoded.keyFile;
    }),
  );
  const secrets = files.flatMap(({ identitySeed, hostSecret, keys }) => [
    ...[identitySeed, hostSecret],
    ...keys.flatMap(({ bitcoin, attestation }) => [bitcoin.signingShare, attestation.signingShare]),
  ]);
  return [PASSPHRASE, ...secrets.map((secret) => toHex(secret))];
}

/** How many decisions and other events a node has written into its audit log. */
export function auditSeq(node: Node): number {
  return Number(auditHead(node.store.db).seq);
}
