// The burns of a step (the design's rule 3): each is final on this operator's own Wire nodes and says there what the step
// says, and this operator neither holds it back nor has a policy against it.

import { type BurnVerdict, verifyBurn } from '../../chain/burn.ts';
import { dustThreshold } from '../../chain/fee.ts';
import type { LineBurn } from '../../chain/line-intent.ts';
import type { WireBurn, WireLedger } from '../../chain/wire-ledger.ts';
import { askAll } from './batches.ts';
import type { PlacedStep, SignerViews, WireAnswers } from './line-views.ts';
import { type Refusal, refuse } from './verdict.ts';

/** The ledger for one verdict: its status, the same for every burn, is asked for once. */
export function wireOnce(wire: WireLedger): WireAnswers {
  let status: ReturnType<WireLedger['status']> | null = null;
  return {
    status: () => {
      status ??= wire.status();
      return status;
    },
    burn: (burnTxid) => wire.burn(burnTxid),
    mint: (txid, vout) => wire.mint(txid, vout),
  };
}

/** Every burn as this operator's own Wire nodes tell it, or the first refusal. */
export async function verifyBurns(
  views: SignerViews,
  wire: WireAnswers,
  { intent, relay, built }: Pick<PlacedStep, 'intent' | 'relay' | 'built'>,
): Promise<{ readonly ok: true; readonly burns: readonly WireBurn[] } | Refusal> {
  const { burns } = intent;
  const early = burns.find(({ burnTxid }) => views.isHeld(burnTxid));
  if (early !== undefined) {
    return named(refuse('policy', `burn ${early.burnTxid} is held by this operator`), early);
  }
  for (const [index, burn] of burns.entries()) {
    const output = built.outputs[index + 2];
    const least = output === undefined ? 0n : dustThreshold(output.script, relay.dustRelayRate);
    if (output === undefined || output.amount >= least) continue;
    const detail = `burn ${burn.burnTxid}: pays ${output.amount} sats, the own Bitcoin nodes relay ${least} or more`;
    return named(refuse('below_dust', detail), burn);
  }
  const verdicts = await askAll(
    burns,
    (burn) => verifyListed(views, wire, burn),
    ({ ok }) => !ok,
  );
  const found: WireBurn[] = [];
  for (const [index, verdict] of verdicts.entries()) {
    const burn = burns[index];
    if (!verdict.ok) return named(refuse(verdict.reason, verdict.detail), burn);
    found.push(verdict.burn);
  }
  const stopped = views.payouts.refuses(burns);
  if (stopped !== null) return stopped;
  return { ok: true, burns: found };
}

/** A burn as the own Wire nodes tell it: `verifyBurn`, and its nullifier. */
export async function verifyListed(
  { burnRules }: Pick<SignerViews, 'burnRules'>,
  wire: WireAnswers,
  burn: LineBurn,
): Promise<BurnVerdict> {
  const verdict = await verifyBurn(wire, burnRules, burn);
  if (!verdict.ok || verdict.burn.nullifier === burn.nullifier) return verdict;
  const detail = `burn ${burn.burnTxid}: the ledger has another nullifier`;
  return { ok: false, reason: 'burn_mismatch', detail };
}

function named(refusal: Refusal, burn: LineBurn | undefined): Refusal {
  return burn === undefined ? refusal : { ...refusal, data: { burn_txid: burn.burnTxid } };
}
