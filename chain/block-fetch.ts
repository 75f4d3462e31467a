// A raw block from one of several nodes: the first that has it and sends it whole and true. The block is verified against
// its hash, so a node that lies only makes the next one be asked.
import { z } from 'zod';
import { tryFromHex } from '../crypto/bytes.ts';
import { BitcoinViewError } from './bitcoin-view.ts';
import { BLOCK_BYTES_MAX, type Block, parseBlock } from './block.ts';
import { MalformedBlockError } from './byte-cursor.ts';
import { type BitcoinRpc, BitcoinRpcError } from './rpc.ts';

const BLOCK_TIMEOUT_MS = 60_000;
const rawBlock = z.string().max(2 * BLOCK_BYTES_MAX);

/** The block with this hash. Throws `BitcoinViewError` where no node gives it, saying what each gave instead. */
export async function fetchBlock(nodes: readonly BitcoinRpc[], hash: string): Promise<Block> {
  const faults: string[] = [];
  for (const rpc of nodes) {
    try {
      const options = { idempotent: true, timeoutMs: BLOCK_TIMEOUT_MS };
      const bytes = tryFromHex(await rpc.call('getblock', [hash, 0], rawBlock, options));
      if (bytes !== null) return parseBlock(bytes, { hash });
      faults.push(`${rpc.label}: the block is not hexadecimal`);
    } catch (error) {
      if (error instanceof BitcoinRpcError) faults.push(error.message);
      else if (error instanceof MalformedBlockError) faults.push(`${rpc.label}: ${error.message}`);
      else throw error;
    }
  }
  throw new BitcoinViewError('bitcoin_unavailable', `no node gives block ${hash}: ${faults.join('; ')}`);
}
