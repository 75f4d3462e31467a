// Which payouts can never be mined any more: another transaction has spent a coin of theirs, deeper in the best chain than
// any reorganisation of the simulation reaches. This is the truth of the whole network, not what a node makes of it.
import { type Outpoint, outpointName } from '../chain/outpoint.ts';
import type { SimulatedChain } from './chain.ts';
import { CONFIRMATIONS } from './member-config.ts';

/** As many confirmations as nodes ask for at most (`fork_confirmations`). */
export const BURIED = 2 * CONFIRMATIONS;

/** Whether a transaction of these inputs (names `txid:vout`) can never be mined. */
export function isDead({ best, known }: SimulatedChain, txid: string, inputs: ReadonlySet<string>): boolean {
  if (best.heights.has(txid)) return false;
  const spends = (outpoints: readonly Outpoint[]): boolean =>
    outpoints.some((outpoint) => inputs.has(outpointName(outpoint)));
  for (const [other, height] of best.heights) {
    if (best.height - height + 1 >= BURIED && spends(known.get(other)?.inputs ?? [])) return true;
  }
  return false;
}
