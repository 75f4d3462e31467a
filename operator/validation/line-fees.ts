// The miner fee of a step (the design's rule 6), held against this node's own estimate and mempool, and the policy of its own
// Bitcoin nodes: what they would not relay is not signed.

import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { placeholderSpend } from '../../chain/custody-spend.ts';
import { treasuryScript } from '../../chain/line.ts';
import { type FeeView, feeTerms, surplusBudget, validateFee } from '../../chain/line-fee.ts';
import { equal } from '../../crypto/bytes.ts';
import { type PlacedStep, replacedBy, type SignerViews } from './line-views.ts';
import { type Refusal, refuse } from './verdict.ts';

/** Refuses a fee that this node does not sign, naming the rates that it does. */
export async function refuseFee(views: SignerViews, step: PlacedStep): Promise<Refusal | null> {
  const [estimate, sweepFeeReplaced] = [await estimateOf(views), await sweepBudget(views, step)];
  const view = feeView(views, step, { estimate, sweepFeeReplaced });
  const verdict = validateFee(feeTerms(view, step.built), step.intent.fee);
  return verdict.ok ? null : { ...refuse(verdict.reason, verdict.detail), data: verdict.data };
}

/** Refuses what the own Bitcoin nodes would not relay. A test has an input that no node can find, so it is not asked about. */
export async function refuseUnrelayed(
  { bitcoin }: SignerViews,
  { intent, built, relay }: PlacedStep,
): Promise<Refusal | null> {
  if (intent.test) return null;
  const verdict = await bitcoin.testPolicy(placeholderSpend(built));
  if (verdict.ok) return null;
  const detail = `the own Bitcoin nodes would not relay ${built.txid}: ${verdict.detail}`;
  return {
    ok: false,
    reason: 'relay_refused',
    detail,
    data: { detail: verdict.detail, fee_rate_min: `${relay.feeRateMin}` },
  };
}

// Nodes that can be asked and have no estimate leave the cap as the bound; that they answer at all, others have told.
async function estimateOf({ bitcoin, rules }: SignerViews): Promise<bigint | null> {
  try {
    return await bitcoin.feeRate(rules.feeTargetBlocks);
  } catch (error) {
    if (error instanceof BitcoinViewError) return null;
    throw error;
  }
}

function feeView(
  { rules }: SignerViews,
  step: PlacedStep,
  given: Pick<FeeView, 'estimate' | 'sweepFeeReplaced'>,
): FeeView {
  const { built, parent, sibling, unmined, waited, relay } = step;
  const replaced = sibling === null || sibling.step.txid === built.txid ? null : sibling;
  return {
    surplusBefore: parent.surplus,
    payoutWaited: sibling !== null && sibling.step.kind === 'payout' && waited >= rules.bumpBlocks,
    ...given,
    cap: rules.feeRateMax,
    relay,
    replaced: replaced === null ? null : replacedBy(replaced),
    parent: unmined === null ? null : { fee: unmined.entry.fee, vsize: unmined.entry.vsize },
  };
}

// What a sweep that waits might have spent serves whatever takes its place. What it sweeps, the own nodes tell.
async function sweepBudget({ bitcoin, terms }: SignerViews, { parent, sibling }: PlacedStep): Promise<bigint> {
  if (sibling?.step.kind !== 'sweep') return 0n;
  const outputs = await bitcoin.txOuts(sibling.step.inputs.slice(1), 'confirmed');
  const treasury = treasuryScript(terms.groupKey);
  const strays = outputs.flatMap((output) => (output !== null && equal(output.script, treasury) ? output.amount : []));
  return surplusBudget(
    parent.surplus,
    strays.reduce((sum, amount) => sum + amount, 0n),
  );
}
