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
  expiry_out_of_range: 'the proposed expiry is too far from now plus the validity',
  burn_unknown: "the node's own Wire nodes know no such burn",
  burn_mismatch: 'the burn has another address, amount or fee',
  burn_unconfirmed: 'the burn is not final on Wire yet',
  burn_proof_invalid: "the burn's proof does not hold",
  burn_already_paid: 'the burn has been paid by a confirmed transaction',
  burn_conflict: 'the node has signed a payout of this burn; another must spend the same anchor input (see data)',
  input_unknown: 'an input is not an output that the bitcoin key holds',
  input_reserved: 'an input anchors burns that this transaction does not pay (see data)',
  input_spent: 'an input has been spent',
  output_mismatch: 'the outputs are not those that the burns and the change rule give',
  parent_unknown: 'the node knows no such payout, or this output is not its change',
  parent_not_waiting: 'the payout that is to be helped does not wait in the mempool of its own Bitcoin nodes',
  address_invalid: 'an address does not parse, or is not of this network',
  below_dust: 'an output would be below the dust limit',
  fee_above_amount: 'the fee is not smaller than the amount',
  fee_too_high: 'the miner fee is higher than policy allows',
  fee_rate_too_low: 'the fee rate is below what relays, or below that of the transaction it replaces',
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
