// Why a participant refuses to sign: the one list, shown to operators and documented in docs/PROTOCOL.md. A refusal is
// an expected answer, signed by the envelope that carries it.

/** Every refusal reason with the sentence that operators read. */
export const REFUSALS = {
  not_unsealed: 'the node is running but its key file has not been unlocked',
  unknown_key: 'the node holds no share of this key, or the key is not live',
  unknown_intent: 'the node does not know this kind of request, or it does not go with this key',
  nonce_unknown: 'a nonce of the request was never issued, has been used, or died with an earlier start of the node',
  bad_request: 'the request contradicts itself or the key it names',
  deposit_not_found: 'the node sees no such output on its own Bitcoin node',
  deposit_spent: 'the output has been spent',
  deposit_too_few_confirmations: 'the deposit is not buried deep enough yet',
  deposit_wrong_script: 'the output does not pay the deposit script of this recipient',
  deposit_wrong_amount: 'the output has another amount',
  attested_otherwise: 'the node has attested this outpoint with another recipient or amount',
  no_root: 'not all operators have signed the root of the treasury yet, as far as the node knows',
  expiry_out_of_range: 'the proposed expiry is too far from now plus the validity',
  burn_unknown: "the node's own Wire nodes know no such burn",
  burn_mismatch: 'the burn has another address, amount, fee or nullifier',
  burn_unconfirmed: 'the burn is not final on Wire yet',
  burn_proof_invalid: "the burn's proof does not hold",
  burn_already_paid: 'an earlier step of the treasury line pays the burn (see data)',
  input_unknown: 'a swept output is not one that the bitcoin key holds, or not deep enough yet',
  input_spent: 'an earlier step of the treasury line spends a swept output',
  parent_unknown: 'the node holds no step that makes this treasury output',
  not_tip: 'the treasury output is neither the tip of the line nor that of the one step which waits on it',
  sibling_waits: 'another step that spends this treasury output waits; it can only be replaced (see data)',
  burn_may_be_paid: 'an earlier step whose list of burns the node does not know makes the same payment (see data)',
  burn_pays_treasury: 'the burn names the treasury itself',
  surplus_wrong: 'the surplus is not the one that follows from the step before, the fees and the strays',
  treasury_too_low: 'the treasury would hold less than its floor',
  deposit_not_minted: 'a swept deposit is not finally minted on Wire',
  deposit_too_small: 'a swept output is worth too little to be swept',
  approval_needed: 'the step needs the approval of this operator',
  relay_refused: "the policy of the node's own Bitcoin nodes would not take the transaction (see data)",
  chain_behind: 'the node has not scanned the chain up to its tip yet',
  address_invalid: 'an address does not parse, or is not of this network',
  below_dust: 'an output would be below the dust limit',
  fee_above_amount: 'the fee is not smaller than the amount',
  fee_too_high: 'the miner fee is more than the step may spend, or its rate too high (see data)',
  fee_rate_too_low: 'the fee rate is below half the estimate, what relays, or what a replacement takes (see data)',
  not_standard: 'the transaction would not relay',
  bitcoin_unavailable: "the node's own Bitcoin node does not answer or is not synchronised",
  wire_unavailable: "the node's own Wire nodes do not answer or disagree",
  wrong_network: 'the request is for another network',
  policy: 'a rule of this operator forbids it (see detail)',
  state_regressed: 'peers have seen a newer state of this node than it has; it signs nothing until that is resolved',
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
