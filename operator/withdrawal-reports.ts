// The list of withdrawals: the steps of the treasury line that this node holds, and what waits to be paid.
import type { Queries } from '../store/database.ts';
import { type LineStep, listLine } from '../store/line.ts';
import { stepPlace } from '../store/step-state.ts';
import { requireLiveKey } from './bridge/bridge.ts';
import { scannedHeight, settledHeight } from './chain-state/scan.ts';
import { type Node, requireOnline } from './node.ts';
import { paidBurns, waitReport } from './payouts/withdraw.ts';
import type { CommandParams, CommandResults, WithdrawalReport } from './runtime/command-types.ts';

/** Steps, the farthest from the root first, as this node's scan shows them: `status` counts them in the same way. */
export function withdrawalReports(node: Node, page: CommandParams<'withdrawals'>): CommandResults['withdrawals'] {
  const { db } = node.store;
  const { rows, total } = listLine(db, page);
  const scanned = scannedHeight(db);
  const settled = settledHeight(db, node.config);
  return { withdrawals: rows.map((step) => report(db, step, scanned, settled)), total };
}

/** What waits to be paid, why, and what would let it go on. */
export async function waitingReports(node: Node): Promise<CommandResults['withdrawals-waiting']> {
  const { autopilot } = requireOnline(node);
  const key = requireLiveKey(node.keys);
  const left = await autopilot.steps.waiting(key);
  return { waiting: left.map((reason) => waitReport(node, key, reason)) };
}

function report(db: Queries, step: LineStep, scanned: number | null, settled: number): WithdrawalReport {
  const { txid, kind, fee, vsize, height, createdAt, surplus } = step;
  const { state, by } = stepPlace(db, step, settled);
  return {
    txid,
    kind,
    status: state,
    replaced_by: by,
    burns: paidBurns(db, step.burns?.map(({ burnTxid }) => burnTxid) ?? []),
    miner_fee: fee === null ? null : `${fee}`,
    fee_rate: fee === null ? null : Number(fee) / vsize,
    surplus: `${surplus}`,
    confirmations: height === null || scanned === null ? 0 : Math.max(0, scanned - height + 1),
    created_at: new Date(createdAt).toISOString(),
  };
}
