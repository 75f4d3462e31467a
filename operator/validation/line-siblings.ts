// What waits beside a step (the design's rule 8). While another step that spends the same treasury output is in the own
// mempool, only what pays all of its burns is signed. So nobody who was about to be paid is dropped. This serves that burns
// are paid soon; that none is paid twice does not depend on it.

import { outputName } from '../../chain/custody-spend.ts';
import { type ListedBurn, parseLine } from '../../chain/line.ts';
import { bearsShare, replacementFee } from '../../chain/line-fee.ts';
import type { LineBurn } from '../../chain/line-intent.ts';
import { addressScript } from '../../chain/network.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { fromHex } from '../../crypto/bytes.ts';
import type { LineStep } from '../../store/line.ts';
import { counted } from '../runtime/counted.ts';
import { askAll } from './batches.ts';
import { verifyListed } from './line-burns.ts';
import {
  type PlacedStep,
  rateOf,
  replacedBy,
  type SignerViews,
  type WaitingStep,
  type WireAnswers,
} from './line-views.ts';
import { type Refusal, refuse } from './verdict.ts';

/** Refuses a step that would drop burns which the sibling pays and this node would pay still. */
export async function refuseBesideSibling(
  views: SignerViews,
  wire: WireAnswers | null,
  step: PlacedStep,
): Promise<Refusal | null> {
  const { intent, built, sibling } = step;
  if (sibling === null || sibling.step.txid === built.txid) return null;
  // This operator has approved that everything signed from this output becomes worthless.
  if (intent.step === 'void') return null;
  const { burns, unsignedTx, kind } = sibling.step;
  // Operators have approved that one, so that nothing else from this output is mined.
  if (kind === 'void') return (await hasLostInput(views, sibling.step)) ? null : besideVoid(step, sibling);
  if (burns === null) return refuseUnlisted(views, step, sibling);
  const paid = new Set(intent.burns.map(({ burnTxid }) => burnTxid));
  const dropped = burns.filter(({ burnTxid }) => !paid.has(burnTxid) && !views.isHeld(burnTxid));
  if (dropped.length === 0 || (await hasLostInput(views, sibling.step))) return null;
  if (wire === null) return waits(step, sibling, dropped);
  const payments = new Set(paymentsOf(views, sibling.step.txid, unsignedTx));
  const answers = await askAll(dropped, (burn) => whatIsDue(views, wire, burn, payments));
  const untold = answers.find((answer) => answer !== null && 'ok' in answer);
  if (untold !== undefined && untold !== null && 'ok' in untold) return untold;
  const due = answers.flatMap((answer) => (answer === null || 'ok' in answer ? [] : answer));
  const bearing = due.filter((burn) => !isTooPoor(views, step, burn));
  return bearing.length === 0 ? null : waits(step, sibling, bearing);
}

// A burn as Wire shows it now, where this node would pay it still, as the sibling does; else null. What others told of the
// sibling is no reason to drop one: a transaction does not show which burn bore which fee.
async function whatIsDue(
  views: SignerViews,
  wire: WireAnswers,
  { burnTxid, nullifier }: ListedBurn,
  payments: ReadonlySet<string>,
): Promise<LineBurn | Refusal | null> {
  const shown = await wire.burn(burnTxid);
  if (shown === null) return null;
  const { address, amount, fee } = shown;
  const burn = { burnTxid, nullifier, address, amount, fee };
  const verdict = await verifyListed(views, wire, burn);
  // What the own policy forbids now is nobody's to wait for.
  if (verdict.ok && views.payouts.refuses([burn]) !== null) return null;
  if (verdict.ok) return payments.has(outputName(verdict.output)) ? burn : null;
  // Where Wire cannot tell, nothing speaks against the burn. Whatever else it says, this node would not pay it now.
  const isUntold = verdict.reason === 'wire_unavailable' || verdict.reason === 'wrong_network';
  return isUntold ? refuse(verdict.reason, verdict.detail) : null;
}

// A burn that held the others up for long: its fee does not pay for its own output at the rate of the new step.
function isTooPoor({ terms, rules }: SignerViews, { intent, built, waited }: PlacedStep, burn: LineBurn): boolean {
  const address = addressScript(burn.address, terms.network);
  if (waited < rules.bumpBlocks || !address.ok) return false;
  return !bearsShare(burn.fee, address.script.length, rateOf(intent.fee, built.vsize));
}

// Such a sibling can never be mined, whatever the own mempool still holds. Input 0 is this step's own.
async function hasLostInput({ bitcoin }: SignerViews, { inputs }: LineStep): Promise<boolean> {
  const swept = inputs.slice(1);
  if (swept.length === 0) return false;
  const outputs = await bitcoin.txOuts(swept, 'confirmed');
  return outputs.some((output) => output === null);
}

// Its list is not known here, but its payments are: the new step makes each of them as well.
async function refuseUnlisted(views: SignerViews, step: PlacedStep, sibling: WaitingStep): Promise<Refusal | null> {
  const payments = new Map<string, number>();
  for (const output of step.built.outputs.slice(2)) {
    payments.set(outputName(output), (payments.get(outputName(output)) ?? 0) + 1);
  }
  const dropped = paymentsOf(views, sibling.step.txid, sibling.step.unsignedTx).filter((name) => {
    const left = payments.get(name) ?? 0;
    payments.set(name, left - 1);
    return left <= 0;
  });
  if (dropped.length === 0 || (await hasLostInput(views, sibling.step))) return null;
  return waits(step, sibling, []);
}

// What a step pays beside its own two outputs, by name.
function paymentsOf({ terms }: SignerViews, txid: string, unsignedTx: string): readonly string[] {
  const parsed = parseLine(fromHex(unsignedTx), terms.groupKey);
  if (parsed === null) throw new Error(`step ${txid} is held and has not the form of one`);
  return parsed.outputs.slice(2).map(outputName);
}

function besideVoid({ parent }: PlacedStep, { step: { txid } }: WaitingStep): Refusal {
  const detail = `${txid}, a void step that operators approved, spends ${outpointName(parent)} as well and waits in the mempool`;
  return { ok: false, reason: 'sibling_waits', detail, data: { txid, burns: [] } };
}

function waits({ built, relay, parent }: PlacedStep, waiting: WaitingStep, burns: readonly ListedBurn[]): Refusal {
  const { step } = waiting;
  const least = replacementFee(replacedBy(waiting), built.vsize, relay.incrementalRate);
  const what =
    burns.length === 0 ? 'burns that this node does not know' : `${counted(burns.length, 'burn')} that this one drops`;
  const detail = `${step.txid} spends ${outpointName(parent)} as well, waits in the mempool and pays ${what}`;
  const data = {
    txid: step.txid,
    burns: burns.map(({ burnTxid }) => burnTxid),
    fee_rate_min: `${(least * 1000n + BigInt(built.vsize) - 1n) / BigInt(built.vsize)}`,
  };
  return { ok: false, reason: 'sibling_waits', detail, data };
}
