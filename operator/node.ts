// A node: its files opened, its views of Bitcoin and Wire, and, once its key file is open, its voice among the peers.

import { bitcoinNodes } from '../chain/bitcoin-nodes.ts';
import type { BitcoinView } from '../chain/bitcoin-view.ts';
import type { BurnProofVerifier } from '../chain/burn.ts';
import { BURN_PROOF_TIMEOUT_MS_DEFAULT, burnProofCommand } from '../chain/burn-proof.ts';
import { type BitcoinRpc, createBitcoinRpc } from '../chain/rpc.ts';
import { wireNodes } from '../chain/wire.ts';
import type { WireLedger } from '../chain/wire-ledger.ts';
import { openStore, type Store } from '../store/open.ts';
import { ChainWatch } from './bridge/chain-watch.ts';
import { CommandError } from './command-error.ts';
import type { OperatorConfig } from './config/config.ts';
import { bitcoinCredentials } from './config/config-bitcoin.ts';
import type { Effects } from './effects.ts';
import { Judge } from './judge/judge.ts';
import { KeyRing } from './key-ring.ts';
import { type FederationKey, Keys } from './keys.ts';
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
  /** Null where the view is not made of nodes (tests). */
  readonly chain: ChainWatch | null;
  readonly judge: Judge;
  readonly startedAt: number;
  online: Online | null;
}

/**
 * Opens a node's files for writing. Throws a named error where another process has them open, or where the key in use is of
 * a federation of another size.
 */
export function openNode(input: NodeInput): Node {
  const { config, effects } = input;
  const keyRing = new KeyRing({
    path: config.keySharePath,
    network: config.network,
    index: config.myIndex,
    ...scryptWorkFactor(config.network, input.env),
  });
  const nodes = openBitcoin(input);
  const bitcoin = bitcoinNodes(config.network, nodes);
  const wire = config.wireNodes.length === 0 ? null : wireNodes({ urls: config.wireNodes });
  const store = openStore(config.securityDbPath);
  const keys = new Keys(store.db, keyRing, config.myIndex);
  const flaw = otherFederation(config, keys.live());
  if (flaw !== null) {
    store.close();
    throw new CommandError('other_federation', flaw);
  }
  const now = (): number => effects.now();
  const chain = new ChainWatch({ config, nodes, db: store.db, effects, log: input.log });
  const verifyProof = proofVerifier(config);
  const judge = new Judge({ config, db: store.db, keys, bitcoin, wire, verifyProof, standing: chain, now });
  return { input, config, store, keyRing, keys, bitcoin, wire, chain, judge, startedAt: now(), online: null };
}

// A quorum is counted by the key; whoever configures another n or t believes in another federation than the key's.
function otherFederation({ parties, threshold }: OperatorConfig, key: FederationKey | null): string | null {
  if (key === null || (key.bitcoin.participants === parties && key.bitcoin.threshold === threshold)) return null;
  const made = `the key in use was made by ${key.bitcoin.participants} operators of whom ${key.bitcoin.threshold} must sign`;
  return `${made}, but the configuration says parties ${parties} and threshold ${threshold}: correct it`;
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

function openBitcoin({ config, env, home }: NodeInput): readonly BitcoinRpc[] {
  const verdict = bitcoinCredentials(config, env, home);
  if (!verdict.ok) throw new CommandError('bitcoin_credentials', verdict.detail);
  const { credentials } = verdict;
  return config.bitcoinNodes.map((url) => createBitcoinRpc({ url, credentials }));
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
