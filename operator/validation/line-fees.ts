// The miner fee of a step (the design's rule 6), held against this node's own estimate and mempool, and the policy of its own
// Bitcoin nodes: what they would not relay is not signed.

import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { placeholderSpend } from '../../chain/custody-spend.ts';
import { feeAt, outputBytes } from '../../chain/fee.ts';
import { TREASURY_SATS_MIN, treasuryScript } from '../../chain/line.ts';
import { type FeeView, feeTerms, surplusBudget, validateFee } from '../../chain/line-fee.ts';
import { OUTPUT_SCRIPT_BYTES_MAX } from '../../chain/network.ts';
import { equal } from '../../crypto/bytes.ts';
import { taprootAddress } from '../../crypto/taproot.ts';
import { listBurnsAbove, twinOf } from '../../store/burn-payments.ts';
import { askAll } from './batches.ts';
import { verifyListed } from './line-burns.ts';
import { type PlacedStep, replacedBy, type SignerViews, type WireAnswers } from './line-views.ts';
import { type Refusal, refuse } from './verdict.ts';

/** Refuses a fee that this node does not sign, naming the rates that it does. */
export async function refuseFee(
  views: SignerViews,
  wire: WireAnswers | null,
  step: PlacedStep,
): Promise<Refusal | null> {
  const [estimate, sweepFeeReplaced] = [await estimateOf(views), await sweepBudget(views, step)];
  const isNeeded = step.intent.step === 'sweep' && wire !== null && (await needsSweep(views, wire, step));
  const sweepRateMax = isNeeded ? null : views.rules.cheapRate;
  const view = feeView(views, step, { estimate, sweepFeeReplaced, sweepRateMax });
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
  given: Pick<FeeView, 'estimate' | 'sweepFeeReplaced' | 'sweepRateMax'>,
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

// Whether a burn waits that this node would pay and the treasury output cannot. What burns there are, its own Wire nodes tell.
async function needsSweep(views: SignerViews, wire: WireAnswers, { parent, relay }: PlacedStep): Promise<boolean> {
  const { db, terms } = views;
  const burns = listBurnsAbove(db, {
    amount: parent.amount - TREASURY_SATS_MIN,
    feeMin: feeAt(outputBytes(OUTPUT_SCRIPT_BYTES_MAX), relay.feeRateMin),
    notTo: taprootAddress(treasuryScript(terms.groupKey), terms.network),
  }).filter((burn) => !views.isHeld(burn.burnTxid) && twinOf(db, burn) === null);
  const verdicts = await askAll(burns, (burn) => verifyListed(views, wire, burn));
  return verdicts.some(({ ok }) => ok);
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
