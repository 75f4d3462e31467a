// How a step of the treasury line and what waits for one read on the terminal.
import type { PaidBurnReport, StepReport, WaitReport } from '../operator/runtime/command-types.ts';
import { count, sats } from './format.ts';
import { renderFields, renderTable } from './output.ts';
import { signingFields } from './signing-text.ts';

/** A signed step with the burns that it pays. */
export function stepText(step: StepReport): string {
  const fields = renderFields([
    ['transaction', step.txid],
    ['kind', step.kind],
    ['sweeps', count(step.swept, 'output')],
    ['miner fee', `${sats(step.miner_fee)}, ${step.fee_rate.toFixed(2)} sat/vB for ${step.vsize} vB`],
    ['outcome', `${step.broadcast ? 'broadcast' : 'not broadcast'}: ${step.detail}`],
    ...signingFields(step.signing),
  ]);
  return step.burns.length === 0 ? fields : `${fields}\n\n${burnsTable(step.burns)}`;
}

/** What waits, why, and what would let it go on. */
export function waitsTable(waiting: readonly WaitReport[]): string {
  return renderTable(
    [{ title: 'BURN' }, { title: 'WHY' }, { title: 'MISSING', align: 'right' }, { title: 'WHAT IT NEEDS' }],
    waiting.map(({ burn_txid, reason, missing_sats, remedy, top_up_address }) => [
      burn_txid ?? '(the line)',
      reason,
      missing_sats === '0' ? '-' : sats(missing_sats),
      top_up_address === null ? remedy : `${remedy}; top-ups go to ${top_up_address}`,
    ]),
  );
}

/** A step, then what it leaves. */
export function madeText({ step, left }: { readonly step: StepReport; readonly left: readonly WaitReport[] }): string {
  return left.length === 0 ? stepText(step) : `${stepText(step)}\n\nWaiting:\n${waitsTable(left)}`;
}

/** One sentence where a signed step was not sent. */
export function notBroadcast(step: StepReport): string | null {
  return step.broadcast ? null : `The step is signed, but it is not broadcast: ${step.detail}.`;
}

function burnsTable(burns: readonly PaidBurnReport[]): string {
  return renderTable(
    [{ title: 'BURN' }, { title: 'ADDRESS' }, { title: 'AMOUNT', align: 'right' }, { title: 'FEE', align: 'right' }],
    burns.map(({ burn_txid, address, amount, fee }) => [
      burn_txid,
      address ?? 'not known to our Wire nodes yet',
      amount === null ? '-' : sats(amount),
      fee === null ? '-' : sats(fee),
    ]),
  );
}
