// Writes down that this node signs a step, in one durable commit before its share leaves: for its audit log, and to
// give its peers the list of burns. Safety does not rest on it: a node that forgets it still sees the step's bytes
// (chain/line-rule.ts).

import { lineJson } from '../../chain/line-intent.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { toHex } from '../../crypto/bytes.ts';
import { recordBurn } from '../../store/burns.ts';
import { type Queries, transact } from '../../store/database.ts';
import {
  boundUnmined,
  decideStep,
  type StepDecision,
  type StepRefusal,
  UNMINED_PER_PEER_MAX,
} from '../../store/line.ts';
import type { PlacedStep, SignerViews } from './line-views.ts';
import type { Refusal } from './verdict.ts';

/**
 * Records the decision, or says what has come between since the step was validated. `peer`: who asks; null: this node.
 * `signed`: the federation has signed it already, without this node.
 */
export function recordDecision(
  { db, terms, now, payouts }: SignerViews,
  step: PlacedStep,
  burns: readonly WireBurn[],
  { peer, signed }: { readonly peer: number | null; readonly signed: boolean },
): { readonly ok: true } | Refusal {
  const at = now();
  return transact(db, (tx): { readonly ok: true } | Refusal => {
    // Other shares may have been given, and the policy changed, since the step was validated.
    const stopped = signed ? null : payouts.refuses(step.intent.burns);
    if (stopped !== null) return stopped;
    keepBurns(tx, burns, at);
    const verdict = decideStep(tx, decisionOf(step, terms.keyId, peer), at);
    if (!verdict.ok) return { ...verdict, detail: SENTENCES[verdict.reason] };
    if (!signed) payouts.note(step.intent.burns);
    boundUnmined(tx, peer, UNMINED_PER_PEER_MAX, waitingIn(step));
    return { ok: true };
  });
}

function decisionOf({ built, parent }: PlacedStep, keyId: string, askedBy: number | null): StepDecision {
  const { intent, txid, unsigned, inputs, outputs, vsize } = built;
  const [treasury] = outputs;
  if (treasury === undefined) throw new Error('output 0 of a step is the next treasury output');
  return {
    txid,
    parentTxid: parent.depth === 0 ? null : parent.txid,
    keyId,
    unsignedTx: toHex(unsigned),
    inputs: inputs.map(({ txid: from, vout }) => ({ txid: from, vout })),
    treasuryAmount: treasury.amount,
    surplus: intent.surplus,
    vsize,
    kind: intent.step,
    burns: intent.burns.map(({ burnTxid, nullifier }) => ({ burnTxid, nullifier })),
    fee: intent.fee,
    intent: lineJson(intent),
    askedBy,
  };
}

// For the list of withdrawals. What was known of a burn before does not speak against it: only an ancestor that pays it does,
// so that a node with an empty database validates as this one.
function keepBurns(db: Queries, burns: readonly WireBurn[], now: number): void {
  for (const { burnTxid, nullifier, address, amount, fee, seq, height } of burns) {
    recordBurn(db, { burnTxid, nullifier, address, amount, fee, wireSeq: BigInt(seq), wireHeight: height }, now);
  }
}

function waitingIn({ sight: { waiting, child } }: PlacedStep): ReadonlySet<string> {
  return new Set([waiting, child].flatMap((one) => (one === null ? [] : [one.step.txid])));
}

const SENTENCES = {
  parent_unknown: 'this node no longer holds the step that makes the treasury output',
  burn_already_paid: 'an ancestor pays a burn of this step; this node has learned its list meanwhile',
  input_spent: 'an output that this step sweeps is spent by an ancestor',
} as const satisfies Record<StepRefusal, string>;
