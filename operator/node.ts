// A node: its files opened, its views of Bitcoin and Wire, and, once its key file is open, its voice among the peers.

import { bitcoinNodes } from '../chain/bitcoin-nodes.ts';
import type { BurnProofVerifier } from '../chain/burn.ts';
import { BURN_PROOF_TIMEOUT_MS_DEFAULT, burnProofCommand } from '../chain/burn-proof.ts';
import { type BitcoinRpc, createBitcoinRpc } from '../chain/rpc.ts';
import { wireNodes } from '../chain/wire.ts';
import { appendAudit } from '../store/audit-log.ts';
import { openReader, openStore } from '../store/open.ts';
import { assertAuditLog, watchAuditLog } from './audit-watch.ts';
import { ChainWatch } from './chain-state/chain-watch.ts';
import { WireWatch } from './chain-state/wire-watch.ts';
import type { OperatorConfig } from './config/config.ts';
import { isEveryInterface } from './config/config-address.ts';
import { bitcoinCredentials } from './config/config-bitcoin.ts';
import { untrustedFile } from './config/trusted-files.ts';
import { scryptWorkFactor } from './config/work-factor.ts';
import type { Notifier } from './incidents/notifier.ts';
import { assertOwnPlace, bindDatabase } from './keys/database-owner.ts';
import { KeyFileError, KeyRing, lostKeyFile } from './keys/key-ring.ts';
import { type FederationKey, Keys } from './keys/keys.ts';
import { goOnline, type Online } from './online.ts';
import type { NodeInput, OpenedNode } from './opened-node.ts';
import { burnsReadTo } from './payouts/read-burns.ts';
import { ActivityRecord } from './runtime/activity-record.ts';
import { CommandError } from './runtime/command-error.ts';
import { EventWatch } from './runtime/event-watch.ts';
import { errorText } from './runtime/log.ts';
import { SelfWatch } from './status/self-watch.ts';
import { Validation } from './validation/validation.ts';

/** A node that has its files open. `online` is null while it is sealed. */
export interface Node extends OpenedNode {
  online: Online | null;
  /** Notifies people, while a server runs. */
  notifier?: Notifier;
  /** What was found wrong with the database while the node ran, a sentence, and when (ms since 1970): it stays sealed. */
  damage?: { readonly detail: string; readonly since: number };
}

/** How a node opens its database: for reading only, beside a server too, or to write it, after so long a wait in ms. */
export type NodeAccess = { readonly access: 'read' } | { readonly access: 'write'; readonly lockWaitMs: number };

/**
 * Opens a node's files, for writing unless told otherwise. Throws a named error where others can change them, or another
 * process has them open. It also throws one where the key in use is of a federation of another size.
 */
export function openNode(given: NodeInput, how: NodeAccess = { access: 'write', lockWaitMs: 0 }): Node {
  const { config, effects } = given;
  const events = new EventWatch(effects);
  const input = { ...given, log: events.over(given.log) };
  const untrusted = untrustedFile(config);
  if (untrusted !== null) throw new CommandError('untrusted_file', untrusted);
  const keyRing = new KeyRing({
    path: config.keySharePath,
    network: config.network,
    index: config.myIndex,
    ...scryptWorkFactor(config.network, input.env),
  });
  const questions = new AbortController();
  const { signal } = questions;
  const nodes = openBitcoin(input, signal);
  const bitcoin = bitcoinNodes(config.network, nodes);
  const wire = config.wireNodes.length === 0 ? null : wireNodes({ urls: config.wireNodes, signal });
  const isReader = how.access === 'read';
  const store = isReader ? openReader(config.securityDbPath) : openStore(config.securityDbPath, how.lockWaitMs);
  const keys = new Keys(store.db, keyRing, config.myIndex);
  try {
    assertOwnPlace(config, store.db);
    assertAuditLog(store.db, store.path, !isReader);
    assertFederation(config, keys.live());
  } catch (error) {
    store.close();
    throw error;
  }
  const now = (): number => effects.now();
  const chain = new ChainWatch({ config, nodes, db: store.db, effects, log: input.log });
  const verifyProof = proofVerifier(config);
  const validation = new Validation({
    config,
    db: store.db,
    keys,
    bitcoin,
    wire,
    verifyProof,
    chain,
    effects,
    log: input.log,
  });
  const wireWatch = new WireWatch(config, effects, () => burnsReadTo(store.db), signal);
  const opened = { config, db: store.db, databasePath: store.path, keyRing };
  const selfWatch = new SelfWatch({ ...opened, events, effects, log: input.log });
  const parts = { input, config, store, keyRing, keys, bitcoin, wire, chain, wireWatch, selfWatch, events, validation };
  const serves = !isReader && input.serves !== false;
  const activity = serves ? new ActivityRecord({ db: store.db, effects, log: input.log }) : undefined;
  activity?.began('start');
  return { ...parts, questions, startedAt: now(), online: null, ...(activity !== undefined && { activity }) };
}

/**
 * Throws `CommandError` where the configuration's n or t are not those of the key in use: a quorum is counted by the key, and
 * whoever configures others believes in another federation.
 */
export function assertFederation({ parties, threshold }: OperatorConfig, key: FederationKey | null): void {
  if (key === null || (key.bitcoin.participants === parties && key.bitcoin.threshold === threshold)) return;
  const made = `the key in use was made by ${key.bitcoin.participants} operators of whom ${key.bitcoin.threshold} must sign`;
  const flaw = `${made}, but the configuration says parties ${parties} and threshold ${threshold}: correct it`;
  throw new CommandError('other_federation', flaw);
}

const unsealing = new WeakMap<Node, Promise<void>>();

/**
 * Opens the key file and joins the peers. Throws `KeyFileError`, or `CommandError` where the listener cannot start. Two
 * calls at once take turns: the failure of one must not close the key file under the other.
 */
export function unsealNode(node: Node, passphrase: string): Promise<void> {
  const before = unsealing.get(node) ?? Promise.resolve();
  const turn = before.catch(() => {}).then(() => unseal(node, passphrase));
  unsealing.set(node, turn);
  return turn;
}

async function unseal(node: Node, passphrase: string): Promise<void> {
  if (node.online !== null) {
    if (node.keyRing.isOpenWith(passphrase)) return;
    const { keySharePath } = node.config;
    throw new KeyFileError(
      'wrong_passphrase',
      `the node is unsealed already, and this is not the passphrase of ${keySharePath}`,
    );
  }
  if (node.damage !== undefined) throw new CommandError('database_damaged', node.damage.detail);
  await openKeyFile(node, passphrase);
  try {
    bindDatabase(node.config, node.store.db, node.keyRing);
    node.selfWatch?.tlsRead();
    node.online = await goOnline(node);
  } catch (error) {
    node.keyRing.close();
    throw error;
  }
  node.activity?.began('unseal');
  node.input.log('info', 'unsealed', { index: node.config.myIndex, listening: node.online.gate.address });
  node.input.onSealing?.(node.online.gate.address);
  const { host, text } = node.config.listenAddress;
  if (isEveryInterface(host)) node.input.log('info', 'peer_port_open_on_all_interfaces', { listening: text });
  watchAudit(node);
}

const watches = new WeakMap<Node, AbortController>();

function watchAudit(node: Node): void {
  const { input, store } = node;
  const stop = new AbortController();
  watches.set(node, stop);
  const onDamage = (detail: string): void => {
    node.damage = { detail, since: input.effects.now() };
    input.log('error', 'database_damaged', { detail });
    goOffline(node)
      .then(() => node.activity?.began('seal'))
      .catch((error: unknown) => input.log('error', 'seal_failed', { detail: errorText(error) }));
  };
  const { db, path } = store;
  watchAuditLog({ db, path, effects: input.effects, onDamage }, stop.signal).catch((error: unknown) =>
    onDamage(
      `the database ${path} cannot be verified (${errorText(error)}): nothing is signed with it; look at its disk`,
    ),
  );
}

/** Drops the keys of a running node from its memory, then writes an entry into the audit log; the node serves on, sealed. */
export function sealNode(node: Node): Promise<void> {
  const before = unsealing.get(node) ?? Promise.resolve();
  const turn = before.catch(() => {}).then(() => seal(node));
  unsealing.set(node, turn);
  return turn;
}

async function seal(node: Node): Promise<void> {
  if (node.online === null && node.keyRing.sealed) return;
  await goOffline(node);
  const { config, input, store } = node;
  try {
    appendAudit(store.db, input.effects.now(), 'node_sealed', {});
  } catch (error) {
    // Whoever seals wants the keys gone, also where the disk is full.
    input.log('error', 'seal_not_recorded', { detail: errorText(error) });
  }
  node.activity?.began('seal');
  input.log('info', 'sealed', { index: config.myIndex });
}

async function goOffline(node: Node): Promise<void> {
  watches.get(node)?.abort();
  const { online } = node;
  node.online = null;
  await online?.close();
  node.keyRing.close();
  node.input.onSealing?.(null);
}

async function openKeyFile({ keyRing, keys, config }: Node, passphrase: string): Promise<void> {
  try {
    await keyRing.unseal(passphrase);
  } catch (error) {
    const live = keys.live();
    if (live === null || !(error instanceof KeyFileError) || error.reason !== 'missing') throw error;
    throw new KeyFileError('missing', lostKeyFile(config.keySharePath, live.keyId));
  }
}

/**
 * Leaves the peers, forgets all secrets and closes the files. A signature that is under way may end before; nothing else is
 * waited for, least of all a Bitcoin or Wire node that does not answer.
 */
export async function closeNode(node: Node): Promise<void> {
  const { online, questions } = node;
  const stopped = online?.autopilot.stop();
  void online?.signing.idle().then(() => questions?.abort());
  if (online === null) questions?.abort();
  await stopped;
  await goOffline(node);
  node.activity?.close();
  node.store.close();
}

/** The part of a node that has to be unsealed; throws `CommandError` while it is sealed. */
export function requireOnline(node: Node): Online {
  if (node.online !== null) return node.online;
  throw new CommandError('sealed', 'the node is sealed: open its key file with `mpc_operator unseal`');
}

function openBitcoin({ config, env, home }: NodeInput, signal: AbortSignal): readonly BitcoinRpc[] {
  const verdict = bitcoinCredentials(config, env, home);
  if (!verdict.ok) throw new CommandError('bitcoin_credentials', verdict.detail);
  const { credentials } = verdict;
  return config.bitcoinNodes.map((url) => createBitcoinRpc({ url, credentials, signal }));
}

function proofVerifier(config: OperatorConfig): BurnProofVerifier | null {
  const command = config.burnProofVerifier;
  return command === null ? null : burnProofCommand(command, BURN_PROOF_TIMEOUT_MS_DEFAULT);
}
