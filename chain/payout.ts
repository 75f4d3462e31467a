// Plans a payout: from burns and custody UTXOs to an intent and its transaction. The rules that shape the outputs are
// shared with the check of a peer's intent (payout-check.ts). A burn pays amount − fee; the miner fee comes out of the
// collected fees, the change takes what is left of them.
import { custodyScript } from '../crypto/taproot.ts';
import {
  type BurnClaim,
  type BurnOutput,
  type BurnTerms,
  type BurnTermsRefusal,
  burnOutput,
  type Refused,
} from './burn.ts';
import { selectCoins } from './coin-selection.ts';
import { dustThreshold } from './fee.ts';
import type { CustodyUtxo, PayoutIntent } from './payout-intent.ts';
import { PAYOUT_BURNS_MAX, PAYOUT_INPUTS_MAX } from './payout-intent.ts';
import { type BuiltPayout, buildPayout, testInput } from './transaction.ts';

/** What every payout of a federation obeys. `groupKey`: 33 bytes. Rates in sats per 1000 vbytes. */
export interface PayoutRules extends BurnTerms {
  readonly groupKey: Uint8Array;
  readonly feeRateMin: bigint;
  readonly feeRateMax: bigint;
}

/** What to pay, and from what. */
export interface PayoutRequest {
  readonly test: boolean;
  /** In any order; each once. */
  readonly burns: readonly BurnClaim[];
  /** Must be spent: the anchors of burns decided before, or all inputs of a payout that is replaced. */
  readonly required: readonly CustodyUtxo[];
  /** May be spent: confirmed custody UTXOs that no other payout reserves. */
  readonly candidates: readonly CustodyUtxo[];
  /** Sats per 1000 vbytes; the rules' bounds apply. */
  readonly feeRate: bigint;
}

export type PayoutPlan =
  | { readonly ok: true; readonly payout: BuiltPayout }
  | Refused<BurnTermsRefusal | 'insufficient_funds' | 'fee_too_high' | 'fee_rate_too_low' | 'bad_request'>;

/** The outputs that pay burns, in their order, with the sums in sats. */
export interface BurnOutputs {
  readonly ok: true;
  readonly outputs: readonly BurnOutput[];
  readonly paid: bigint;
  readonly feesCollected: bigint;
}

/** Ascending by burn txid, the order that follows from the intent alone. */
export function compareBurns(a: BurnClaim, b: BurnClaim): number {
  if (a.burnTxid === b.burnTxid) return 0;
  return a.burnTxid < b.burnTxid ? -1 : 1;
}

/** The outputs of burns that are already in order, or the first burn that cannot be paid. */
export function burnOutputs(terms: BurnTerms, burns: readonly BurnClaim[]): BurnOutputs | Refused<BurnTermsRefusal> {
  const outputs: BurnOutput[] = [];
  for (const burn of burns) {
    const verdict = burnOutput(terms, burn);
    if (!verdict.ok) return verdict;
    outputs.push(verdict.output);
  }
  return {
    ok: true,
    outputs,
    paid: outputs.reduce((total, output) => total + output.amount, 0n),
    feesCollected: burns.reduce((total, burn) => total + burn.fee, 0n),
  };
}

/** Where change goes: the custody output of the leaf `change`. */
export function changeScript(groupKey: Uint8Array): Uint8Array {
  return custodyScript(groupKey, { kind: 'change' }).scriptPubKey;
}

/** Plans a payout. Deterministic: the same request and rules give the same transaction. */
export function planPayout(rules: PayoutRules, request: PayoutRequest): PayoutPlan {
  const burns = [...request.burns].sort(compareBurns);
  const problem = requestProblem(rules, request, burns);
  if (problem !== null) return problem;
  const paying = burnOutputs(rules, burns);
  if (!paying.ok) return paying;

  const change = changeScript(rules.groupKey);
  const empty = request.test ? [testInput(burns)] : [];
  const selection = selectCoins({
    required: request.required,
    candidates: request.candidates,
    emptyInputs: empty.length,
    inputsMax: PAYOUT_INPUTS_MAX,
    outputsAmount: paying.paid,
    outputScriptBytes: paying.outputs.map((output) => output.script.length),
    changeScriptBytes: change.length,
    changeMin: dustThreshold(change),
    feeRate: request.feeRate,
    feeRateMax: rules.feeRateMax,
    feeMax: paying.feesCollected,
  });
  if (!selection.ok) {
    const { reason, fee, available } = selection;
    const detail =
      reason === 'fee_too_high'
        ? `the miner fee of ${fee} sats exceeds the collected fees of ${paying.feesCollected} sats`
        : `${available} sats are spendable, ${paying.paid} and a miner fee of ${fee} are needed`;
    return { ok: false, reason, detail };
  }
  const intent: PayoutIntent = {
    kind: 'payout',
    test: request.test,
    burns,
    inputs: [...selection.coins, ...empty],
    outputs: selection.change > 0n ? [...paying.outputs, { script: change, amount: selection.change }] : paying.outputs,
    lockTime: 0,
    fee: selection.fee,
  };
  return { ok: true, payout: buildPayout(intent, rules.groupKey) };
}

function requestProblem(
  rules: PayoutRules,
  request: PayoutRequest,
  burns: readonly BurnClaim[],
): Refused<'bad_request' | 'fee_rate_too_low' | 'fee_too_high'> | null {
  const refuse = <Reason extends string>(reason: Reason, detail: string): Refused<Reason> => ({
    ok: false,
    reason,
    detail,
  });
  if (burns.length === 0 || burns.length > PAYOUT_BURNS_MAX) {
    return refuse('bad_request', `a payout pays 1 to ${PAYOUT_BURNS_MAX} burns, not ${burns.length}`);
  }
  if (burns.some((burn, index) => burn.burnTxid === burns[index - 1]?.burnTxid)) {
    return refuse('bad_request', 'a burn is listed twice');
  }
  if ([...request.required, ...request.candidates].some((coin) => coin.leaf.kind === 'test')) {
    return refuse('bad_request', 'a test output is no custody UTXO');
  }
  if (request.feeRate < rules.feeRateMin) {
    return refuse('fee_rate_too_low', `${request.feeRate} sats/kvB is below the least rate of ${rules.feeRateMin}`);
  }
  if (request.feeRate > rules.feeRateMax) {
    return refuse('fee_too_high', `${request.feeRate} sats/kvB is above the highest rate of ${rules.feeRateMax}`);
  }
  return null;
}
