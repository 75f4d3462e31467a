// One question to all of this operator's Bitcoin nodes. It goes out together with the question for the node's own state,
// so that a node on another network or still syncing never contributes an answer.
import type { z } from 'zod';
import { BitcoinViewError } from './bitcoin-view.ts';
import type { BitcoinNetwork } from './network.ts';
import {
  assertChain,
  type BitcoinRpc,
  BitcoinRpcError,
  type ChainInfo,
  chainInfoSchema,
  type RpcCall,
  type RpcOutcome,
  readResult,
} from './rpc.ts';

/** One node's answer to a question, with the state it had. */
export interface Answer<T> {
  readonly rpc: BitcoinRpc;
  readonly info: ChainInfo;
  readonly value: T;
}

/** Reads the outcomes of a question's calls. */
export type Read<T> = (outcomes: readonly RpcOutcome[], label: string) => T;

/** One question to all nodes, as `askAll`. */
export type Ask = <T>(calls: readonly RpcCall[], read: Read<T>) => Promise<readonly Answer<T>[]>;

/**
 * Asks every node. A majority must answer; a node on another network is a mistake of the configuration that no majority
 * outweighs. Throws `BitcoinViewError`.
 */
export async function askAll<T>(
  network: BitcoinNetwork,
  nodes: readonly BitcoinRpc[],
  calls: readonly RpcCall[],
  read: Read<T>,
): Promise<readonly Answer<T>[]> {
  const settled = await Promise.allSettled(nodes.map((rpc) => askOne(network, rpc, calls, read)));
  const answers = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const faults = settled.flatMap((one) => (one.status === 'rejected' ? [asNodeFault(one.reason)] : []));
  const wrong = faults.find((fault) => fault.kind === 'wrong_network');
  if (wrong !== undefined) throw new BitcoinViewError('wrong_network', wrong.message);
  if (answers.length * 2 > nodes.length) return answers;
  const reasons = faults.map((fault) => fault.message).join('; ');
  throw new BitcoinViewError('bitcoin_unavailable', `${answers.length} of ${nodes.length} nodes answer: ${reasons}`);
}

async function askOne<T>(
  network: BitcoinNetwork,
  rpc: BitcoinRpc,
  calls: readonly RpcCall[],
  read: Read<T>,
): Promise<Answer<T>> {
  // Everything asked here may be asked again: a transaction that was sent twice is sent once.
  const [state, ...rest] = await rpc.batch([call('getblockchaininfo'), ...calls], { idempotent: true });
  const info = readResult(chainInfoSchema, unwrap(state, rpc.label), rpc.label);
  assertChain(info, network, rpc.label);
  // A regtest node counts as syncing whenever its last block is a day old.
  if (info.initialblockdownload && network !== 'regtest') {
    throw new BitcoinRpcError('busy', `${rpc.label}: the node is still syncing (${info.blocks} of ${info.headers})`);
  }
  return { rpc, info, value: read(rest, rpc.label) };
}

/** What a node need not be able to tell. `detail`: why it does not, in one sentence that names it. */
export type OptionalAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly detail: string };

/**
 * Asks one node what it need not answer. It goes out as a request of its own: where one method of a batch is not allowed,
 * Bitcoin Core refuses the batch.
 */
export async function askOptional<T>(
  rpc: BitcoinRpc,
  { method, params }: RpcCall,
  result: z.ZodType<T>,
): Promise<OptionalAnswer<T>> {
  try {
    return { ok: true, value: await rpc.call(method, params, result, { idempotent: true }) };
  } catch (error) {
    return { ok: false, detail: asNodeFault(error).message };
  }
}

/** The result of a call that must have one. */
export function unwrap(outcome: RpcOutcome | undefined, label: string): unknown {
  if (outcome?.ok === true) return outcome.result;
  throw new BitcoinRpcError('rpc', `${label}: ${outcome?.message ?? 'no answer'}`, outcome?.code ?? 0);
}

/** A call. */
export function call(method: string, ...params: RpcCall['params']): RpcCall {
  return { method, params };
}

/** The first of what a majority of the nodes gave. */
export function first<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (item === undefined) throw new Error('a majority of the nodes is at least one');
  return item;
}

/** A node's fault, or the error itself thrown again where it is none. */
export function asNodeFault(error: unknown): BitcoinRpcError {
  if (error instanceof BitcoinRpcError) return error;
  throw error;
}

/** The view's error where nodes contradict each other. */
export function disagreement(about: string): BitcoinViewError {
  return new BitcoinViewError('bitcoin_unavailable', `the nodes disagree about ${about}`);
}
