// What an operator orders of the line by hand: pay burns now, raise the fee of what waits, hold a burn back or let it go.

import { verifyBurn } from '../../chain/burn.ts';
import { treasuryScript } from '../../chain/line.ts';
import type { WaitReason } from '../../chain/line-plan.ts';
import { scriptAddress } from '../../chain/network.ts';
import type { WireLedger } from '../../chain/wire-ledger.ts';
import { paymentOf } from '../../store/burn-payments.ts';
import { getBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { holdBurn, releaseHold } from '../../store/holds.ts';
import type { LineStep } from '../../store/line.ts';
import { type Bridge, requireLiveKey, signingReport } from '../bridge/bridge.ts';
import { lineNow } from '../chain-state/line-view.ts';
import { settledHeight } from '../chain-state/scan.ts';
import type { FederationKey } from '../keys/keys.ts';
import { CommandError } from '../runtime/command-error.ts';
import type {
  CommandParams,
  CommandResults,
  PaidBurnReport,
  StepReport,
  WaitReport,
} from '../runtime/command-types.ts';
import { NO_BURN_WAITS } from '../runtime/line-command-types.ts';
import type { Progress } from '../runtime/progress.ts';
import { askAll } from '../validation/batches.ts';
import type { StepOrder } from './line-inputs.ts';
import type { LineSteps, MadeStep, StepOutcome } from './line-steps.ts';
import { readBurns } from './read-burns.ts';

/** Pays burns: those named, or all that wait. Burns that are being paid already give the step that is under way. */
export async function withdraw(
  bridge: Bridge,
  steps: LineSteps,
  { burn_txids: named }: CommandParams<'withdraw'>,
  progress: Progress,
  signal: AbortSignal,
): Promise<CommandResults['withdraw']> {
  const key = requireLiveKey(bridge.keys);
  const begun = bridge.effects.now();
  if (bridge.wire === null) {
    throw new CommandError('wire_unavailable', 'no wire_nodes are configured, so no burn is known');
  }
  progress({ step: 'burns', text: 'reading the burns from our own Wire nodes' });
  await readBurns(bridge, bridge.wire, signal);
  requireUnpaid(bridge, named);
  await requirePayable(bridge, bridge.wire, named);
  const paying = await stepPaying(bridge, key, named);
  if (paying !== null) return underWay(bridge, paying);
  const order: StepOrder = { wish: { kind: 'auto' }, named: named.length === 0 ? null : new Set(named), now: true };
  const outcome = await steps.make(key, order, progress);
  if (outcome.kind === 'waits') {
    if (named.length === 0 && outcome.left.length === 0)
      throw new CommandError(NO_BURN_WAITS, 'no burn waits to be paid');
    throw nothingMade(bridge, key, outcome.left, 'no burn can be paid now');
  }
  return {
    status: 'new',
    step: madeReport(bridge, outcome, begun),
    left: outcome.left.map((one) => waitReport(bridge, key, one)),
  };
}

/** Replaces the step that waits by one with a higher fee. */
export async function bump(
  bridge: Bridge,
  steps: LineSteps,
  { fee_rate }: CommandParams<'bump'>,
  progress: Progress,
): Promise<CommandResults['bump']> {
  const key = requireLiveKey(bridge.keys);
  const begun = bridge.effects.now();
  const rate = fee_rate === undefined ? null : BigInt(Math.round(fee_rate * 1000));
  const outcome: StepOutcome = await steps.make(
    key,
    { wish: { kind: 'bump', rate }, named: null, now: true },
    progress,
  );
  if (outcome.kind === 'waits') throw notReplaced(bridge, key, outcome.left, fee_rate);
  return { step: madeReport(bridge, outcome, begun), left: outcome.left.map((one) => waitReport(bridge, key, one)) };
}

/**
 * Holds a burn back: this node signs no step that pays it. What is signed already can still be mined; `signed_step` names it.
 */
export function hold(bridge: Bridge, { burn_txid, reason }: CommandParams<'hold'>): CommandResults['hold'] {
  if (!holdBurn(bridge.db, burn_txid, reason, bridge.effects.now())) {
    throw new CommandError('burn_held', `burn ${burn_txid} is held already`);
  }
  const payment = paymentOf(bridge.db, burn_txid, 0);
  return {
    burn_txid,
    held: true,
    known: getBurn(bridge.db, burn_txid) !== null,
    signed_step: payment.state === 'waiting' ? null : payment.txid,
    holds_needed: bridge.config.parties - bridge.config.threshold + 1,
  };
}

/** Lets a burn go that was held. */
export function unhold(bridge: Bridge, { burn_txid }: CommandParams<'unhold'>): CommandResults['unhold'] {
  if (!releaseHold(bridge.db, burn_txid, bridge.effects.now())) {
    throw new CommandError(
      'burn_not_held',
      `burn ${burn_txid} is not held: see \`mpc_operator withdrawals --waiting\``,
    );
  }
  return { burn_txid, held: false };
}

/** What a plan left out, for operators; a top-up is told with the address that takes it. */
export function waitReport(bridge: Pick<Bridge, 'config'>, key: FederationKey, reason: WaitReason): WaitReport {
  const { burnTxid, missing, rate, remedy } = reason;
  const address = scriptAddress(treasuryScript(key.bitcoin.publicKey), bridge.config.network);
  return {
    burn_txid: burnTxid,
    reason: reason.reason,
    missing_sats: `${missing}`,
    fee_rate: rate === null ? null : Number(rate) / 1000,
    remedy,
    top_up_address: missing > 0n && burnTxid === null ? address : null,
  };
}

/** The step of a made plan, for operators. */
export function madeReport(bridge: Bridge, made: MadeStep, begun: number): StepReport {
  const { built, result, broadcast, detail } = made;
  const { intent, txid, vsize } = built;
  return {
    txid,
    kind: intent.step,
    burns: paidBurns(
      bridge.db,
      intent.burns.map(({ burnTxid }) => burnTxid),
    ),
    swept: intent.swept.length,
    miner_fee: `${intent.fee}`,
    fee_rate: Number(intent.fee) / vsize,
    vsize,
    broadcast,
    detail,
    signing: signingReport(result, begun, bridge.effects.now()),
  };
}

/** The burns that a step pays, as the own Wire nodes told them; those that they do not know yet without their terms. */
export function paidBurns(db: Queries, burnTxids: readonly string[]): readonly PaidBurnReport[] {
  return burnTxids.map((burnTxid) => {
    const burn = getBurn(db, burnTxid);
    if (burn === null) return { burn_txid: burnTxid, address: null, amount: null, fee: null };
    return { burn_txid: burnTxid, address: burn.address, amount: `${burn.amount}`, fee: `${burn.fee}` };
  });
}

// The step that pays all of the named burns already; throws where one of them is paid for good.
async function stepPaying(bridge: Bridge, key: FederationKey, named: readonly string[]): Promise<LineStep | null> {
  if (named.length === 0) return null;
  const line = await lineNow(bridge, key);
  if (!line.ok) throw new CommandError(line.reason, line.detail);
  const { waiting, child } = line.line;
  const pays = (one: typeof waiting): boolean => {
    const paid = new Set(one?.step.burns?.map(({ burnTxid }) => burnTxid));
    return one !== null && named.every((burnTxid) => paid.has(burnTxid));
  };
  const one = [waiting, child].find(pays) ?? null;
  return one === null ? null : one.step;
}

/** Throws `CommandError` where one of the burns is paid in the chain. */
export function requireUnpaid({ db, config }: Pick<Bridge, 'db' | 'config'>, named: readonly string[]): void {
  for (const burnTxid of named) {
    const payment = paymentOf(db, burnTxid, settledHeight(db, config));
    if (payment.state === 'mined' || payment.state === 'settled') {
      throw new CommandError('burn_already_paid', `burn ${burnTxid} is paid by transaction ${payment.txid}`);
    }
  }
}

/** Throws `CommandError` for the first of the burns that is not final on our own Wire nodes, or that nothing can pay. */
export async function requirePayable(
  { validation }: Pick<Bridge, 'validation'>,
  wire: WireLedger,
  named: readonly string[],
): Promise<void> {
  const verdicts = await askAll(
    named,
    async (burnTxid) => {
      const burn = await wire.burn(burnTxid);
      return burn === null ? null : verifyBurn(wire, validation.burnRules(), burn);
    },
    (verdict) => verdict?.ok !== true,
  );
  for (const [index, verdict] of verdicts.entries()) {
    if (verdict === null) throw new CommandError('burn_unknown', `our Wire nodes know no burn ${named[index]}`);
    if (!verdict.ok) throw new CommandError(verdict.reason, verdict.detail);
  }
}

function underWay(bridge: Bridge, step: LineStep): CommandResults['withdraw'] {
  const fee = step.fee ?? 0n;
  return {
    status: 'under_way',
    step: {
      txid: step.txid,
      kind: step.kind ?? 'payout',
      burns: paidBurns(bridge.db, step.burns?.map(({ burnTxid }) => burnTxid) ?? []),
      swept: step.inputs.length - 1,
      miner_fee: `${fee}`,
      fee_rate: Number(fee) / step.vsize,
      vsize: step.vsize,
      broadcast: true,
      detail: 'it waits in the mempool of our own Bitcoin nodes: nothing to do',
      signing: { signers: [], excluded: [], duration_ms: 0 },
    },
    left: [],
  };
}

// Why the step that waits is not replaced. What single burns wait for has nothing to do with it.
function notReplaced(
  bridge: Bridge,
  key: FederationKey,
  left: readonly WaitReason[],
  rate: number | undefined,
): CommandError {
  const why = left.find(({ burnTxid }) => burnTxid === null);
  const what = 'the step that waits cannot be replaced now';
  if (why === undefined) return nothingMade(bridge, key, left, what);
  const isRate = why.reason === 'fee_too_high' || why.reason === 'fee_rate_too_low';
  const text =
    isRate && rate !== undefined
      ? `no step is made at ${rate} sat/vB: ${why.remedy}`
      : nothingMade(bridge, key, [why], what).message;
  return new CommandError(why.reason, text);
}

/** The sentence for an order that came to no step: what waits, and what would let it go on. */
export function nothingMade(
  bridge: Bridge,
  key: FederationKey,
  left: readonly WaitReason[],
  what: string,
): CommandError {
  const reports = left.map((one) => waitReport(bridge, key, one));
  const reasons = reports.map(({ burn_txid, reason, remedy, top_up_address }) => {
    const where = top_up_address === null ? '' : ` (${top_up_address})`;
    return `${burn_txid === null ? '' : `burn ${burn_txid}: `}${reason}: ${remedy}${where}`;
  });
  if (reasons.length === 0) return new CommandError('nothing_to_pay', `${what}: no burn waits to be paid`);
  return new CommandError('nothing_to_pay', `${what}: ${reasons.join('; ')}`);
}
