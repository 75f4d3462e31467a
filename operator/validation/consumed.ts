// Deposits that the federation itself has spent stay attestable: what they paid comes from this node's own scan.

import type { ConsumedDeposit } from '../../chain/deposit.ts';
import type { Outpoint } from '../../chain/outpoint.ts';
import { fromHex } from '../../crypto/bytes.ts';
import type { Queries } from '../../store/database.ts';
import { getDeposit } from '../../store/deposits.ts';
import { getStep } from '../../store/line.ts';
import { getUtxo } from '../../store/utxos.ts';

/**
 * The deposit at an outpoint as this node's scan saw it in a block, where a step of the treasury line has consumed it. This
 * node holds that step, and it is mined no higher than `settledHeight`; else null.
 */
export function consumedDeposit(db: Queries, settledHeight: number, outpoint: Outpoint): ConsumedDeposit | null {
  const txid = getUtxo(db, outpoint)?.spentBy ?? null;
  const step = txid === null ? null : getStep(db, txid);
  if (txid === null || step === null || step.height === null || step.height > settledHeight) return null;
  const deposit = getDeposit(db, outpoint);
  // A row without a block is not what the scan saw.
  if (deposit === null || deposit.height === null || deposit.blockHash === null) return null;
  const { recipient, amount, height } = deposit;
  return { txid, recipient: fromHex(recipient, { bytes: 32 }), amount, height };
}
