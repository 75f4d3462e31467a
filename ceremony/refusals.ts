// Why a participant refuses to sign: the one list, shown to operators and documented in docs/PROTOCOL.md. A refusal is
// an expected answer, signed by the envelope that carries it.

/** Every refusal reason with the sentence that operators read. */
export const REFUSALS = {
  not_unsealed: 'the node is sealed: its operator has not opened its key file yet',
  unknown_key: 'the node holds no share of this key, or the key is not live',
  unknown_intent: 'the node does not know this kind of request, or this key does not sign it',
  nonce_unknown: 'a nonce of the request was never issued, was used before, or was lost when the node restarted',
  bad_request: 'the request contradicts itself or the key it names',
  deposit_not_found: "the node's own Bitcoin nodes show no such output",
  deposit_spent: 'the output has been spent',
  deposit_too_few_confirmations: 'the deposit has too few confirmations yet',
  deposit_wrong_script: 'the output does not pay the deposit script of this recipient',
  deposit_wrong_amount: 'the output has another amount than the request says',
  attested_otherwise: 'the node has already attested this outpoint with another recipient or amount',
  paused: 'the node is paused: its operator, or one for the whole federation, has stopped all signing (see detail)',
  service_off: 'its operator has not enabled the service, or has disabled it (see detail)',
  no_root: 'the node does not have the signatures of all operators for the root of the treasury yet',
  expiry_out_of_range: "the proposed expiry is too far from the node's clock plus the validity",
  burn_unknown: "the node's own Wire nodes know no such burn",
  burn_mismatch: 'the burn has another address, amount, fee or nullifier',
  burn_unconfirmed: 'the burn is not final on Wire yet',
  burn_proof_invalid: "the burn's proof does not verify",
  burn_already_paid: 'an earlier step of the treasury line pays the burn (see data)',
  input_unknown: 'a swept output does not belong to the bitcoin key, or has too few confirmations',
  input_spent: 'an earlier step of the treasury line spends a swept output',
  parent_unknown: 'the node does not have the step that makes this treasury output',
  not_tip: 'the treasury output is neither the tip of the line nor the output of the step that waits there',
  sibling_waits: 'another step that spends this treasury output waits; only a replacement of it is signed (see data)',
  burn_may_be_paid: 'an earlier step may have paid the burn: the node does not know its list of burns (see data)',
  burn_pays_treasury: 'the burn asks for a payout to the treasury itself',
  surplus_wrong: 'the surplus does not follow from the step before, the fees and the strays',
  treasury_too_low: 'the treasury would hold less than its floor',
  deposit_not_minted: 'the mint of a swept deposit is not final on Wire yet',
  deposit_too_small: 'a swept output is worth too little to be swept',
  approval_needed: 'the operator of the node has not approved the step, or the payout',
  relay_refused: "the node's own Bitcoin nodes would not relay the transaction (see data)",
  chain_behind: 'the node has not scanned the chain up to its tip yet',
  address_invalid: 'an address does not parse, or is not of this network',
  below_dust: 'an output would be below the dust limit',
  fee_above_amount: 'the fee is not smaller than the amount',
  fee_too_high: 'the miner fee is more than the step may spend, or its rate is too high (see data)',
  fee_rate_too_low: 'the fee rate is below half the estimate, or too low to be relayed or to replace a step (see data)',
  not_standard: 'the transaction is not standard: Bitcoin nodes would not relay it',
  bitcoin_unavailable: "the node's own Bitcoin nodes do not answer, disagree or are not synchronised",
  wire_unavailable: "the node's own Wire nodes do not answer or disagree",
  wrong_network: "one of the node's own Bitcoin or Wire nodes is on another network",
  policy: 'a rule of this operator forbids it (see detail)',
  payout_too_large: 'the payout is larger than this operator signs',
  payout_on_hold: 'the payout waits for the hold window of this operator (see detail)',
  payout_vetoed: 'an operator has vetoed the payout, for a day at most (see detail)',
  day_cap_reached: 'this operator has signed as much within 24 h as its policy allows',
  state_regressed: 'the node has just started and is not confirmed yet, or it has halted (see detail)',
  overloaded: 'the node has too many requests under way',
} as const;

/** The name of a refusal. */
export type RefusalReason = keyof typeof REFUSALS;

/** All reasons, for schemas and documents. */
export const REFUSAL_REASONS = Object.keys(REFUSALS).filter(isRefusalReason);

/** Whether a text names a refusal. */
export function isRefusalReason(text: string): text is RefusalReason {
  return Object.hasOwn(REFUSALS, text);
}
