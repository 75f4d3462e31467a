// Judges a payout that a coordinator proposes, on this participant's own view: the outputs follow from the burns, the
// inputs are this federation's unspent custody outputs, the fee is within bounds, the transaction is standard. Whether
// the burns are real is burn.ts's to say; whether they were paid and what is reserved, the store's.
import { equal } from '../crypto/bytes.ts';
import { custodyScript } from '../crypto/taproot.ts';
import { larger } from './amount.ts';
import { asUnavailable, type BitcoinView, neededConfirmations, type TxOut } from './bitcoin-view.ts';
import type { BurnOutput, BurnTerms, BurnTermsRefusal, Refused } from './burn.ts';
import { dustThreshold, FEE_RATE_SATS_PER_KVB_MIN, feeAt, STANDARD_WEIGHT_MAX } from './fee.ts';
import { compareOutpoints, type Outpoint, outpointName } from './outpoint.ts';
import { burnOutputs, changeScript, compareBurns, type PayoutRules } from './payout.ts';
import type { CustodyUtxo, PayoutIntent } from './payout-intent.ts';
import { OUTPUT_SCRIPT_BYTES_MAX, PAYOUT_BURNS_MAX, PAYOUT_INPUTS_MAX } from './payout-intent.ts';
import { type BuiltPayout, buildPayout, testInput } from './transaction.ts';

/** `inputConfirmations`: how many a custody UTXO needs before it is spent, at least 1. */
export interface PayoutCheckRules extends PayoutRules {
  readonly inputConfirmations: number;
}

/** Why a payout is not signed. `data` names the outpoint where the reason is about an input. */
export type PayoutRefusal = Refused<
  | BurnTermsRefusal
  | 'bad_request'
  | 'input_unknown'
  | 'input_spent'
  | 'output_mismatch'
  | 'fee_too_high'
  | 'fee_rate_too_low'
  | 'not_standard'
  | 'bitcoin_unavailable'
  | 'wrong_network'
> & { readonly data?: Outpoint };

/** The transaction re-derived by this node, with the messages it would sign. */
export type PayoutVerdict = { readonly ok: true; readonly payout: BuiltPayout } | PayoutRefusal;

/** Checks an intent against the rules and this node's own Bitcoin view. */
export async function checkPayout(
  view: BitcoinView,
  rules: PayoutCheckRules,
  intent: PayoutIntent,
): Promise<PayoutVerdict> {
  if (view.network !== rules.network) {
    return refuse('wrong_network', `the view is of ${view.network}, not ${rules.network}`);
  }
  const formal = checkIntent(rules, intent);
  if (!formal.ok) return formal;
  const real = intent.inputs.filter((input) => input.leaf.kind !== 'test');
  try {
    const outputs = await view.txOuts(real, 'confirmed');
    for (const [index, input] of real.entries()) {
      const output = outputs[index] ?? null;
      const refusal = output === null ? await refuseAbsent(view, input) : refuseInput(rules, input, output);
      if (refusal !== null) return refusal;
    }
  } catch (error) {
    return asUnavailable(error);
  }
  return formal;
}

/** The part of `checkPayout` that needs no node: everything that follows from the intent and the rules. */
export function checkIntent(rules: PayoutRules, intent: PayoutIntent): PayoutVerdict {
  const meant = checkMeaning(rules, intent);
  if (!meant.ok) return meant;
  const { change, feesCollected } = meant;
  if (change > 0n && change < dustThreshold(changeScript(rules.groupKey))) {
    return refuse('not_standard', `a change of ${change} sats is dust`);
  }
  if (intent.outputs.some((output) => output.script.length > OUTPUT_SCRIPT_BYTES_MAX)) {
    return refuse('not_standard', `an output script is longer than ${OUTPUT_SCRIPT_BYTES_MAX} bytes`);
  }
  const payout = buildPayout(intent, rules.groupKey);
  if (payout.weight > STANDARD_WEIGHT_MAX) return refuse('not_standard', `${payout.weight} weight units`);
  return feeRefusal(rules, payout, feesCollected) ?? { ok: true, payout };
}

/** What a payout comes to, in sats. */
export type PayoutMeaning = { readonly ok: true; readonly change: bigint; readonly feesCollected: bigint };

/**
 * The part of `checkIntent` that holds for a payout whoever signed it, under whatever bounds: the outputs are those that
 * the burns, the inputs and the fee lead to. Signatures and blocks prove the transaction alone, and not what it is said to
 * be for: whoever takes a payout on their word asks this besides.
 */
export function checkMeaning(
  rules: BurnTerms & Pick<PayoutRules, 'groupKey'>,
  intent: PayoutIntent,
): PayoutMeaning | PayoutRefusal {
  const order = orderRefusal(intent);
  if (order !== null) return order;
  const paying = burnOutputs(rules, intent.burns);
  if (!paying.ok) return paying;
  const available = intent.inputs.reduce((total, input) => total + input.amount, 0n);
  const change = available - paying.paid - intent.fee;
  const script = changeScript(rules.groupKey);
  const expected = change === 0n ? paying.outputs : [...paying.outputs, { script, amount: change }];
  if (change < 0n || !sameOutputs(expected, intent.outputs)) {
    return refuse('output_mismatch', 'the outputs are not those that the burns, the inputs and the fee lead to');
  }
  return { ok: true, change, feesCollected: paying.feesCollected };
}

// The form is fixed to the last detail, so that one meaning has one transaction.
function orderRefusal(intent: PayoutIntent): PayoutRefusal | null {
  const { burns, inputs } = intent;
  if (burns.length === 0 || burns.length > PAYOUT_BURNS_MAX) return refuse('bad_request', `${burns.length} burns`);
  if (inputs.length === 0 || inputs.length > PAYOUT_INPUTS_MAX) return refuse('bad_request', `${inputs.length} inputs`);
  if (!isAscending(burns, compareBurns)) return refuse('bad_request', 'the burns are not in ascending order');
  if (intent.lockTime !== 0) return refuse('not_standard', 'the lock time of a payout is 0');
  const last = inputs.at(-1);
  const real = intent.test ? inputs.slice(0, -1) : inputs;
  if (intent.test && (last === undefined || !isTestInput(last, testInput(burns)))) {
    return refuse('bad_request', 'a test payout ends its inputs with the test input of its burns');
  }
  if (real.length === 0) return refuse('bad_request', 'no custody UTXO is spent');
  if (real.some((input) => input.leaf.kind === 'test')) return refuse('bad_request', 'a test input out of place');
  if (!isAscending(real, compareOutpoints)) return refuse('bad_request', 'the inputs are not in ascending order');
  return null;
}

function feeRefusal(rules: PayoutRules, payout: BuiltPayout, feesCollected: bigint): PayoutRefusal | null {
  const { fee } = payout.intent;
  if (fee > feesCollected) {
    return refuse('fee_too_high', `the miner fee of ${fee} sats exceeds the collected fees of ${feesCollected} sats`);
  }
  const feeMax = feeAt(payout.vsize, rules.feeRateMax);
  if (fee > feeMax) return refuse('fee_too_high', `the miner fee of ${fee} sats is above the bound of ${feeMax} sats`);
  const feeMin = feeAt(payout.vsize, larger(rules.feeRateMin, FEE_RATE_SATS_PER_KVB_MIN));
  if (fee < feeMin) return refuse('fee_rate_too_low', `the miner fee is ${fee} sats, the least is ${feeMin} sats`);
  return null;
}

function refuseInput(rules: PayoutCheckRules, input: CustodyUtxo, output: TxOut): PayoutRefusal | null {
  const name = outpointName(input);
  const data = { txid: input.txid, vout: input.vout };
  // A key tweaked for another leaf signs validly for a key that is not this output's.
  if (!equal(custodyScript(rules.groupKey, input.leaf).scriptPubKey, output.script)) {
    return { ...refuse('input_unknown', `${name} is not the custody output of the leaf ${input.leaf.kind}`), data };
  }
  if (output.amount !== input.amount) {
    return { ...refuse('input_unknown', `${name} holds ${output.amount} sats, not ${input.amount}`), data };
  }
  const need = neededConfirmations(output, Math.max(1, rules.inputConfirmations));
  if (output.confirmations >= need) return null;
  const detail = `${name} has ${output.confirmations} of ${need} confirmations`;
  return { ...refuse('input_unknown', detail), data };
}

async function refuseAbsent(view: BitcoinView, input: CustodyUtxo): Promise<PayoutRefusal> {
  const status = await view.transaction(input.txid);
  const data = { txid: input.txid, vout: input.vout };
  const name = outpointName(input);
  const isSpent = status.state === 'confirmed' && status.outputs !== null && input.vout < status.outputs;
  if (isSpent) return { ...refuse('input_spent', `${name} is spent`), data };
  return { ...refuse('input_unknown', `${name} is not a confirmed unspent output`), data };
}

function isTestInput(input: CustodyUtxo, expected: CustodyUtxo): boolean {
  return compareOutpoints(input, expected) === 0 && input.amount === expected.amount && input.leaf.kind === 'test';
}

function isAscending<Item>(items: readonly Item[], compare: (a: Item, b: Item) => number): boolean {
  return items.every((item, index) => {
    const before = items[index - 1];
    return before === undefined || compare(before, item) < 0;
  });
}

function sameOutputs(expected: readonly BurnOutput[], given: readonly BurnOutput[]): boolean {
  return (
    expected.length === given.length &&
    expected.every((output, index) => {
      const other = given[index];
      return other !== undefined && output.amount === other.amount && equal(output.script, other.script);
    })
  );
}

function refuse<Reason extends PayoutRefusal['reason']>(reason: Reason, detail: string): Refused<Reason> {
  return { ok: false, reason, detail };
}
