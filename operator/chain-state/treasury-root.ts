// What this node's own scan says of the root of the treasury line: which output is the first that funds it, and whether the
// funding of a root that it signed is gone for good.

import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import { ROOT_SATS_MIN, treasuryScript } from '../../chain/line.ts';
import { firstFunding, type TreasuryFunding } from '../../chain/treasury-funding.ts';
import type { Queries } from '../../store/database.ts';
import { loadFunding, treasuryHeights } from '../../store/treasury-funding.ts';
import { getUtxo } from '../../store/utxos.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { FederationKey } from '../keys/keys.ts';
import { scannedHeight } from './scan.ts';

/** What it is asked of. */
export interface RootSight {
  readonly db: Queries;
  readonly bitcoin: BitcoinView;
  readonly config: Pick<OperatorConfig, 'forkConfirmations'>;
}

/** An output that funds the line, and the height of its block. */
export interface SeenFunding extends TreasuryFunding {
  readonly height: number;
}

/**
 * The first output in chain order (height, place in the block, number) that is large enough to be the root, however deep:
 * `fork_confirmations` make it the root. Null where the scan has found none, or where the chain holds other blocks by now
 * than the scan has read. Throws `BitcoinViewError`.
 */
export async function seenFunding({ db, bitcoin }: RootSight, key: FederationKey): Promise<SeenFunding | null> {
  const script = treasuryScript(key.bitcoin.publicKey);
  for (const height of treasuryHeights(db, ROOT_SATS_MIN)) {
    const { transactions } = await bitcoin.block(await bitcoin.blockHash(height));
    const found = firstFunding(transactions, script);
    // Such as a block with an output of another key, or with a miner's reward alone.
    if (found === null) continue;
    return getUtxo(db, found)?.height === height ? { ...found, height } : null;
  }
  return null;
}

/** How many blocks deep the scan has seen a height; its own block counts. 0: not seen. */
export function scannedDepth(db: Queries, height: number): number {
  const scanned = scannedHeight(db);
  return scanned === null ? 0 : Math.max(0, scanned - height + 1);
}

/** The root as this node's own scan shows it; null where none is deep enough. Throws `BitcoinViewError`. */
export async function scannedRoot(sight: RootSight, key: FederationKey): Promise<SeenFunding | null> {
  const found = await seenFunding(sight, key);
  if (found === null) return null;
  return scannedDepth(sight.db, found.height) >= sight.config.forkConfirmations ? found : null;
}

/**
 * Whether another transaction that spends an input of this root's funding is `fork_confirmations` deep: then the root can
 * never exist again. Throws `BitcoinViewError`.
 */
export async function isFundingLost({ db, bitcoin, config }: RootSight, rootTxid: string): Promise<boolean> {
  const funding = loadFunding(db);
  if (funding === null || funding.root.txid !== rootTxid || funding.rival === null) return false;
  const { height, hash } = funding.rival;
  if (scannedDepth(db, height) < config.forkConfirmations) return false;
  // The block of the rival may have left the chain again since it was read.
  return (await bitcoin.blockHash(height)) === hash;
}
