// Which software the own Bitcoin nodes run, as `getnetworkinfo` says.
import { z } from 'zod';
import { askOptional, call } from './node-answers.ts';
import type { BitcoinRpc } from './rpc.ts';

/** A node's version: 240001 is v24.0.1; null where it does not tell. `name` as it tells its peers: `/Satoshi:24.0.1/`. */
export interface NodeVersion {
  readonly node: string;
  readonly version: number | null;
  readonly name: string;
}

const NAME_CHARACTERS_MAX = 256;
const schema = z.object({ version: z.int().min(0), subversion: z.string().max(NAME_CHARACTERS_MAX) });

/** The versions of all nodes, in their order. Never rejects for a node's fault. */
export async function readNodeVersions(nodes: readonly BitcoinRpc[]): Promise<readonly NodeVersion[]> {
  return Promise.all(
    nodes.map(async (rpc) => {
      const answer = await askOptional(rpc, call('getnetworkinfo'), schema);
      if (!answer.ok) return { node: rpc.label, version: null, name: answer.detail };
      return { node: rpc.label, version: answer.value.version, name: answer.value.subversion };
    }),
  );
}
