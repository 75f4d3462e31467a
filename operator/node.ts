// A node: its files opened, its views of Bitcoin and Wire, and, once its key file is open, its voice among the peers.

import { bitcoinNodes } from '../chain/bitcoin-nodes.ts';
import type { BitcoinView } from '../chain/bitcoin-view.ts';
import type { BurnProofVerifier } from '../chain/burn.ts';
import { BURN_PROOF_TIMEOUT_MS_DEFAULT, burnProofCommand } from '../chain/burn-proof.ts';
import { createBitcoinRpc } from '../chain/rpc.ts';
import { wireNodes } from '../chain/wire.ts';
import type { WireLedger } from '../chain/wire-ledger.ts';
import { openStore, type Store } from '../store/open.ts';
import { CommandError } from './command-error.ts';
import type { OperatorConfig } from './config.ts';
import { bitcoinCredentials } from './config-bitcoin.ts';
import type { Effects } from './effects.ts';
import { Judge } from './judge.ts';
import { KeyRing } from './key-ring.ts';
import { Keys } from './keys.ts';
import type { Log } from './log.ts';
import { goOnline, type Online, type OpenGate } from './online.ts';

/** What a node is opened with. `home`: what `~` stands for; `openGate`: starts the peer listener. */
export interface NodeInput {
  readonly config: OperatorConfig;
  readonly version: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly effects: Effects;
  readonly log: Log;
  readonly openGate: OpenGate;
}

/** A node that has its files open. `online` is null while it is sealed. */
export interface Node {
  readonly input: NodeInput;
  readonly config: OperatorConfig;
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly keys: Keys;
  readonly bitcoin: BitcoinView;
  readonly wire: WireLedger | null;
  readonly judge: Judge;
  readonly startedAt: number;
  online: Online | null;
}

/** Opens a node's files for writing. Throws a named error where another process has them open. */
export function openNode(input: NodeInput): Node {
  const { config, effects } = input;
  const keyRing = new KeyRing({
    path: config.keySharePath,
    network: config.network,
    index: config.myIndex,
    ...scryptWorkFactor(config.network, input.env),
  });
  const bitcoin = openBitcoin(input);
  const wire = config.wireNodes.length === 0 ? null : wireNodes({ urls: config.wireNodes });
  const store = openStore(config.securityDbPath);
  const keys = new Keys(store.db, keyRing, config.myIndex);
  const now = (): number => effects.now();
  const judge = new Judge({ config, db: store.db, keys, bitcoin, wire, verifyProof: proofVerifier(config), now });
  return { input, config, store, keyRing, keys, bitcoin, wire, judge, startedAt: now(), online: null };
}

/** Opens the key file and joins the peers. Throws `KeyFileError`, or `CommandError` where the listener cannot start. */
export async function unsealNode(node: Node, passphrase: string): Promise<void> {
  if (node.online !== null) return;
  await node.keyRing.unseal(passphrase);
  try {
    node.online = await goOnline(node);
  } catch (error) {
    node.keyRing.close();
    throw error;
  }
  node.input.log('info', 'unsealed', { index: node.config.myIndex, listening: node.online.gate.address });
}

/** Leaves the peers, forgets all secrets and closes the files. */
export async function closeNode(node: Node): Promise<void> {
  await node.online?.close();
  node.online = null;
  node.keyRing.close();
  node.store.close();
}

/** The part of a node that has to be unsealed; throws `CommandError` while it is sealed. */
export function requireOnline(node: Node): Online {
  if (node.online !== null) return node.online;
  throw new CommandError('sealed', 'the node is sealed: open its key file with `mpc_operator unseal`');
}

function openBitcoin({ config, env, home }: NodeInput): BitcoinView {
  const verdict = bitcoinCredentials(config, env, home);
  if (!verdict.ok) throw new CommandError('bitcoin_credentials', verdict.detail);
  const { credentials } = verdict;
  return bitcoinNodes(
    config.network,
    config.bitcoinNodes.map((url) => createBitcoinRpc({ url, credentials })),
  );
}

function proofVerifier(config: OperatorConfig): BurnProofVerifier | null {
  const command = config.burnProofVerifier;
  return command === null ? null : burnProofCommand(command, BURN_PROOF_TIMEOUT_MS_DEFAULT);
}

/**
 * The scrypt work factor of new key files: the default, unless `MPC_OPERATOR_SCRYPT_WORK_FACTOR` says otherwise on
 * regtest, where federations on one machine make many key files at once and hold nothing.
 */
export function scryptWorkFactor(
  network: OperatorConfig['network'],
  env: Readonly<Record<string, string | undefined>>,
): { readonly workFactor?: number } {
  const text = env['MPC_OPERATOR_SCRYPT_WORK_FACTOR'];
  if (text === undefined || network !== 'regtest') return {};
  const workFactor = Number(text);
  return Number.isInteger(workFactor) && workFactor >= 1 && workFactor <= 20 ? { workFactor } : {};
}
