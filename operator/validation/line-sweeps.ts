// What a step sweeps (the design's rule 5): deposits that are minted for good, and strays; both deep in the chain, unspent,
// and worth it.

import { neededConfirmations, type TxOut } from '../../chain/bitcoin-view.ts';
import { inputCost } from '../../chain/fee.ts';
import type { SweptOutput } from '../../chain/line-intent.ts';
import type { LineHistory } from '../../chain/line-rule.ts';
import { finalMint } from '../../chain/mint.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { equal } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { askAll } from './batches.ts';
import { type PlacedStep, rateOf, type SignerViews, type WireAnswers } from './line-views.ts';
import { type Refusal, refuse } from './verdict.ts';

/** So many times the cost of its input a stray is worth at least. */
const STRAY_WORTH = 2n;

/** Refuses a step that sweeps what is not to be swept; the first output that is wrong decides. */
export async function refuseSwept(
  views: SignerViews,
  wire: WireAnswers | null,
  history: LineHistory,
  { intent, built }: Pick<PlacedStep, 'intent' | 'built'>,
): Promise<Refusal | null> {
  const { swept } = intent;
  if (swept.length === 0) return null;
  const rate = rateOf(intent.fee, built.vsize);
  const outputs = await views.bitcoin.txOuts(swept, 'confirmed');
  for (const [index, one] of swept.entries()) {
    const refusal =
      refuseTreasury(history, one) ??
      refuseOutput(views, one, outputs[index] ?? null) ??
      refuseSmall(views, one, STRAY_WORTH * inputCost(rate));
    if (refusal !== null) return refusal;
  }
  const deposits = swept.filter(({ leaf }) => leaf.kind === 'deposit');
  if (deposits.length === 0) return null;
  if (wire === null) return refuse('wire_unavailable', 'no wire_nodes are configured, so no mint can be verified');
  return refuseUnminted(views, wire, deposits);
}

// Steps of the line spend it, one after the other; counted as a stray it would add to the surplus a second time.
function refuseTreasury(history: LineHistory, one: SweptOutput): Refusal | null {
  if (one.leaf.kind !== 'treasury' || history.place(one) === null) return null;
  return about(one, refuse('bad_request', `${outpointName(one)} is a treasury output of the line, not a stray`));
}

function refuseOutput({ terms, rules }: SignerViews, one: SweptOutput, output: TxOut | null): Refusal | null {
  const name = outpointName(one);
  if (output === null) return about(one, refuse('input_unknown', `${name} is not a confirmed unspent output`));
  // A key tweaked for another leaf signs validly for a key that is not this output's.
  if (!equal(custodyScript(terms.groupKey, one.leaf).scriptPubKey, output.script)) {
    return about(one, refuse('input_unknown', `${name} is not the custody output of this ${one.leaf.kind} leaf`));
  }
  if (output.amount !== one.amount) {
    return about(one, refuse('input_unknown', `${name} holds ${output.amount} sats, not ${one.amount}`));
  }
  const need = neededConfirmations(output, rules.forkConfirmations);
  if (output.confirmations >= need) return null;
  return about(one, refuse('input_unknown', `${name} has ${output.confirmations} of ${need} confirmations`));
}

function refuseSmall({ rules }: SignerViews, one: SweptOutput, strayMin: bigint): Refusal | null {
  const least = one.leaf.kind === 'deposit' ? rules.depositMinSats : strayMin;
  if (one.amount >= least) return null;
  const detail = `${outpointName(one)} holds ${one.amount} sats; a ${one.leaf.kind === 'deposit' ? 'deposit' : 'stray'} is swept from ${least} on`;
  const { txid, vout } = one;
  return { ok: false, reason: 'deposit_too_small', detail, data: { txid, vout, least: `${least}` } };
}

// A deposit that is spent before its mint is final could never be attested again, should Wire take the mint back.
async function refuseUnminted(
  { burnRules }: SignerViews,
  wire: WireAnswers,
  deposits: readonly SweptOutput[],
): Promise<Refusal | null> {
  const states = await askAll(
    deposits,
    (one) => finalMint(wire, one, burnRules.confirmations),
    (state) => state !== 'final',
  );
  const index = states.findIndex((state) => state !== 'final');
  const one = deposits[index];
  if (one === undefined) return null;
  const how = states[index] === 'pending' ? 'its mint is not final on Wire yet' : 'it is not minted on Wire';
  return about(one, refuse('deposit_not_minted', `deposit ${outpointName(one)}: ${how}`));
}

function about({ txid, vout }: SweptOutput, refusal: Refusal): Refusal {
  return { ...refusal, data: { txid, vout } };
}
