// The miner fee of a step (the design's rule 6), held against this node's own estimate and mempool, and the policy of its own
// Bitcoin nodes: what they would not relay is not signed.

import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { burnOutput } from '../../chain/burn.ts';
import { placeholderSpend } from '../../chain/custody-spend.ts';
import { feeAt, outputBytes } from '../../chain/fee.ts';
import { TREASURY_SATS_MIN, treasuryScript } from '../../chain/line.ts';
import { type FeeView, feeTerms, surplusBudget, validateFee } from '../../chain/line-fee.ts';
import { OUTPUT_SCRIPT_BYTES_MAX } from '../../chain/network.ts';
import { equal } from '../../crypto/bytes.ts';
import { taprootAddress } from '../../crypto/taproot.ts';
import { listBurnsAbove, twinOf } from '../../store/burn-payments.ts';
import type { Burn } from '../../store/burns.ts';
import { PAGE_ROWS_MAX } from '../../store/database.ts';
import { askAll } from './batches.ts';
import { verifyListed } from './line-burns.ts';
import { type PlacedStep, replacedBy, type SignerViews, type WireAnswers } from './line-views.ts';
import { type Refusal, refuse } from './verdict.ts';

/** Most burns that Wire is asked about, to find one that the treasury cannot pay. */
const BURNS_ASKED_MAX = 16;

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
async function needsSweep(views: SignerViews, wire: WireAnswers, step: PlacedStep): Promise<boolean> {
  const verdicts = await askAll(burnsBeyond(views, step), (burn) => verifyListed(views, wire, burn));
  return verdicts.some(({ ok }) => ok);
}

// Anybody can make burns that no payout can ever pay: these do not count among the most that Wire is asked about.
function burnsBeyond(views: SignerViews, { parent, relay }: PlacedStep): readonly Burn[] {
  const { db, terms, burnRules } = views;
  const wanted = {
    amount: parent.amount - TREASURY_SATS_MIN,
    feeMin: feeAt(outputBytes(OUTPUT_SCRIPT_BYTES_MAX), relay.feeRateMin),
    notTo: taprootAddress(treasuryScript(terms.groupKey), terms.network),
  };
  const mayBePaid = (burn: Burn) =>
    !views.isHeld(burn.burnTxid) && burnOutput(burnRules, burn).ok && twinOf(db, burn) === null;
  const found: Burn[] = [];
  for (let offset = 0; found.length < BURNS_ASKED_MAX; offset += PAGE_ROWS_MAX) {
    const rows = listBurnsAbove(db, wanted, { limit: PAGE_ROWS_MAX, offset });
    found.push(...rows.filter(mayBePaid));
    if (rows.length < PAGE_ROWS_MAX) break;
  }
  return found.slice(0, BURNS_ASKED_MAX);
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
