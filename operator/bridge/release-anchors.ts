// Burns that can no longer be paid with the input they are bound to, because another transaction has spent it, are unbound
// once that is deep enough in the chain, and wait again. Nothing that this node has signed for them can be mined any more.

import type { Block } from '../../chain/block.ts';
import { scanTransactions, WatchList } from '../../chain/block-scan.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { type LostAnchor, listLostAnchors, releaseAnchor } from '../../store/anchor-releases.ts';
import type { Bridge } from './bridge.ts';

/**
 * Releases every burn whose anchor is lost that deep: with the most confirmations that this node ever asks for, fork or
 * not. `scanned`: the height up to which this node has read the chain. The database alone is not believed: each spending
 * transaction is looked for once more in the block at its height. Throws `BitcoinViewError` where the nodes cannot answer.
 */
export async function releaseLostAnchors(
  { db, bitcoin, config, effects, log }: Pick<Bridge, 'db' | 'bitcoin' | 'config' | 'effects' | 'log'>,
  scanned: number,
): Promise<void> {
  const depth = Math.max(config.normalConfirmations, config.forkConfirmations);
  const lost = listLostAnchors(db, scanned - depth + 1);
  if (lost.length === 0) return;
  const tipHeight = Math.min(scanned, (await bitcoin.agreedTip()).height);
  const blocks = new Map<number, { readonly hash: string; readonly block: Block }>();
  for (const one of lost) {
    const { spentHeight, burnTxid, anchor, spentBy } = one;
    if (tipHeight - spentHeight + 1 < depth) continue;
    let found = blocks.get(spentHeight);
    if (found === undefined) {
      const hash = await bitcoin.blockHash(spentHeight);
      found = { hash, block: await bitcoin.block(hash) };
      blocks.clear();
      blocks.set(spentHeight, found);
    }
    if (!isSpentIn(found.block, one)) {
      log('warn', 'anchor_not_spent_there', { burn_txid: burnTxid, anchor: outpointName(anchor), height: spentHeight });
      continue;
    }
    const ground = { blockHash: found.hash, tipHeight, depth };
    if (!releaseAnchor(db, one, ground, effects.now())) continue;
    log('info', 'anchor_released', { burn_txid: burnTxid, anchor: outpointName(anchor), spent_by: spentBy });
  }
}

function isSpentIn({ transactions }: Block, { anchor, spentBy }: LostAnchor): boolean {
  const watched = new WatchList<null, Outpoint>();
  watched.watchOutpoint(anchor, anchor);
  return scanTransactions(transactions, watched).spends.some(({ txid }) => txid === spentBy);
}
