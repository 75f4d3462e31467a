// Validates a burn on this node's own Wire nodes: it exists, says what is claimed, is confirmed and proven, and pays an
// amount that Bitcoin carries to an address of this network. Whether it was paid before is the store's to say.
import { larger } from './amount.ts';
import { dustThreshold } from './fee.ts';
import { addressScript, type BitcoinNetwork } from './network.ts';
import { type WireBurn, type WireLedger, WireLedgerError } from './wire-ledger.ts';

/** Says whether the proof that came with a burn holds. Throws where it cannot be told. */
export type BurnProofVerifier = (burn: WireBurn) => Promise<boolean>;

/** `outputMin`: least payout in sats, where policy asks for more than the dust threshold. */
export interface BurnTerms {
  readonly network: BitcoinNetwork;
  readonly outputMin?: bigint;
}

/** What a burn is held against. `confirmations`: how many the Wire ledger must give it, at least 1. */
export interface BurnRules extends BurnTerms {
  readonly confirmations: number;
  readonly verifyProof?: BurnProofVerifier;
}

/** What is claimed, in sats. */
export interface BurnClaim {
  readonly burnTxid: string;
  readonly address: string;
  readonly amount: bigint;
  readonly fee: bigint;
}

/** Why a burn cannot be paid out on Bitcoin, whoever says so. */
export type BurnTermsRefusal = 'address_invalid' | 'fee_above_amount' | 'below_dust';

export interface Refused<Reason extends string> {
  readonly ok: false;
  readonly reason: Reason;
  /** One sentence for operators. */
  readonly detail: string;
}

/** The output that pays a burn. */
export interface BurnOutput {
  readonly script: Uint8Array;
  /** Sats: amount − fee. */
  readonly amount: bigint;
}

/** The output that pays a burn, or why there can be none. */
export function burnOutput(
  terms: BurnTerms,
  burn: BurnClaim,
): { readonly ok: true; readonly output: BurnOutput } | Refused<BurnTermsRefusal> {
  const address = addressScript(burn.address, terms.network);
  if (!address.ok) return refuse('address_invalid', `burn ${burn.burnTxid}: ${address.detail}`);
  const amount = burn.amount - burn.fee;
  if (burn.fee < 0n || amount <= 0n) {
    return refuse(
      'fee_above_amount',
      `burn ${burn.burnTxid}: the fee ${burn.fee} is not smaller than the amount ${burn.amount}`,
    );
  }
  const least = larger(dustThreshold(address.script), terms.outputMin ?? 0n);
  if (amount < least) return refuse('below_dust', `burn ${burn.burnTxid}: pays ${amount} sats, the least is ${least}`);
  return { ok: true, output: { script: address.script, amount } };
}

export type BurnVerdict =
  | { readonly ok: true; readonly burn: WireBurn; readonly output: BurnOutput }
  | Refused<
      BurnTermsRefusal | 'burn_unknown' | 'burn_mismatch' | 'burn_proof_invalid' | 'wire_unavailable' | 'wrong_network'
    >
  | (Refused<'burn_unconfirmed'> & { readonly have: number; readonly need: number });

/**
 * Verifies a burn. What can never become right (mismatch, proof, address, amounts) is named before what time cures
 * (confirmations).
 */
export async function verifyBurn(
  ledger: Pick<WireLedger, 'status' | 'burn'>,
  rules: BurnRules,
  claim: BurnClaim,
): Promise<BurnVerdict> {
  if (rules.confirmations < 1) throw new Error('a burn needs at least one confirmation');
  try {
    const status = await ledger.status();
    if (status.network !== rules.network) {
      return refuse('wrong_network', `the Wire ledger is bridged to ${status.network}, not ${rules.network}`);
    }
    const burn = await ledger.burn(claim.burnTxid);
    if (burn === null) return refuse('burn_unknown', `the Wire ledger has no burn ${claim.burnTxid}`);
    const difference = differs(burn, claim);
    if (difference !== null) {
      return refuse('burn_mismatch', `burn ${claim.burnTxid}: the ledger has another ${difference}`);
    }
    const payable = burnOutput(rules, claim);
    if (!payable.ok) return payable;
    if (rules.verifyProof !== undefined && !(await rules.verifyProof(burn))) {
      return refuse('burn_proof_invalid', `burn ${claim.burnTxid}: its proof does not verify`);
    }
    const { confirmations: have } = burn;
    const { confirmations: need } = rules;
    if (have >= need) return { ok: true, burn, output: payable.output };
    const detail = `burn ${claim.burnTxid} has ${have} of ${need} confirmations`;
    return { ...refuse('burn_unconfirmed', detail), have, need };
  } catch (error) {
    if (error instanceof WireLedgerError) return refuse('wire_unavailable', error.message);
    throw error;
  }
}

function differs(burn: WireBurn, claim: BurnClaim): string | null {
  if (burn.burnTxid !== claim.burnTxid) return 'txid';
  if (burn.address !== claim.address) return 'address';
  if (burn.amount !== claim.amount) return 'amount';
  return burn.fee === claim.fee ? null : 'fee';
}

function refuse<Reason extends string>(reason: Reason, detail: string): Refused<Reason> {
  return { ok: false, reason, detail };
}
