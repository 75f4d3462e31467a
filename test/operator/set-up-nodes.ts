// Nodes as `init` and the server make them, with no Bitcoin node that answers and a gate that does not listen, for tests of
// what a node checks about its own files.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OperatorConfig } from '../../operator/config/config.ts';
import { loadConfig } from '../../operator/config/config.ts';
import type { ConfigFile } from '../../operator/config/config-keys.ts';
import { draftConfig } from '../../operator/config/config-write.ts';
import { initialise } from '../../operator/initialise.ts';
import { closeNode, type Node, openNode } from '../../operator/node.ts';
import type { NodeInput } from '../../operator/opened-node.ts';
import { type Effects, systemEffects } from '../../operator/runtime/effects.ts';
import type { LogFields } from '../../operator/runtime/log.ts';

export const PASSPHRASE = 'a passphrase for tests';
const ENV = { MPC_OPERATOR_SCRYPT_WORK_FACTOR: '1', BITCOIN_RPC_USER: 'u', BITCOIN_RPC_PASSWORD: 'p' };
const ADDRESSES = ['127.0.0.1:7100', '127.0.0.1:7101', '127.0.0.1:7102'];

/** A folder in which operators are set up; `close` ends what was opened and takes the folder away. */
export class SetUpNodes {
  readonly folder: string;
  readonly logged: [string, LogFields][] = [];
  effects: Effects = systemEffects;
  readonly #open = new Set<Node>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<SetUpNodes> {
    return new SetUpNodes(await mkdtemp(join(tmpdir(), 'mpc-set-up-')));
  }

  /** Runs `init` for an operator, in a folder of its own. */
  async init(index: number, more: Partial<ConfigFile> = {}, force = false): Promise<OperatorConfig> {
    const file = join(this.folder, `${index}`, 'config.json');
    const content = draftConfig({
      ...{ parties: 3, threshold: 2, index, addresses: ADDRESSES },
      more: { network: 'regtest', name: `operator-${index}`, bitcoin_nodes: ['http://127.0.0.1:1'], ...more },
    });
    const { folder: home, effects } = this;
    await initialise({ file, home, env: ENV, content, passphrase: async () => PASSPHRASE, force, effects });
    const loaded = loadConfig(file, home);
    if (!loaded.ok) throw new Error(loaded.problems.map(({ key, problem }) => `${key} ${problem}`).join('; '));
    return loaded.config;
  }

  /** Opens a node's files as its server does; `env`: of its process. */
  open(config: OperatorConfig, env: NodeInput['env'] = ENV): Node {
    const node = openNode({ ...this.inputOf(config), env });
    this.#open.add(node);
    return node;
  }

  /** What a node is opened with. */
  inputOf(config: OperatorConfig): NodeInput {
    const gate = {
      address: 'nowhere',
      replacePeers: async () => {},
      replaceIdentity: async () => {},
      stop: async () => {},
    };
    return {
      ...{ config, version: '0', home: this.folder, env: ENV, effects: this.effects },
      log: (_level, event, fields = {}) => void this.logged.push([event, fields]),
      openGate: () => gate,
    };
  }

  async end(node: Node): Promise<void> {
    this.#open.delete(node);
    await closeNode(node);
  }

  async close(): Promise<void> {
    for (const node of this.#open) await closeNode(node);
    await rm(this.folder, { recursive: true });
  }
}
