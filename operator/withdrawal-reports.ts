// The list of withdrawals: the steps of the treasury line that this node holds, and what waits to be paid.
import { type LineStep, listLine } from '../store/line.ts';
import { requireLiveKey } from './bridge/bridge.ts';
import { type Node, requireOnline } from './node.ts';
import { paidBurns, waitReport } from './payouts/withdraw.ts';
import type { CommandParams, CommandResults, WithdrawalReport } from './runtime/command-types.ts';

/** Steps, the farthest from the root first. */
export async function withdrawalReports(
  node: Node,
  page: CommandParams<'withdrawals'>,
): Promise<CommandResults['withdrawals']> {
  const { rows, total } = listLine(node.store.db, page);
  const tip = await node.bitcoin.tip().then(
    ({ height }) => height,
    () => null,
  );
  return { withdrawals: rows.map((step) => report(node, step, tip)), total };
}

/** What waits to be paid, why, and what would let it go on. */
export async function waitingReports(node: Node): Promise<CommandResults['withdrawals-waiting']> {
  const { autopilot } = requireOnline(node);
  const key = requireLiveKey(node.keys);
  const left = await autopilot.steps.waiting(key);
  return { waiting: left.map((reason) => waitReport(node, key, reason)) };
}

function report({ store, config }: Node, step: LineStep, tip: number | null): WithdrawalReport {
  const { txid, kind, fee, vsize, height, createdAt, surplus } = step;
  const confirmations = height === null || tip === null ? 0 : Math.max(0, tip - height + 1);
  const mined = confirmations >= config.normalConfirmations ? 'settled' : 'mined';
  const unmined = step.signedTx === null ? 'decided' : 'signed';
  return {
    txid,
    kind,
    status: height === null ? unmined : mined,
    burns: paidBurns(store.db, step.burns?.map(({ burnTxid }) => burnTxid) ?? []),
    miner_fee: fee === null ? null : `${fee}`,
    fee_rate: fee === null ? null : Number(fee) / vsize,
    surplus: `${surplus}`,
    confirmations,
    created_at: new Date(createdAt).toISOString(),
  };
}
