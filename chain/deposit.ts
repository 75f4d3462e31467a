// Validates Bitcoin deposits on this node's own view: exact script for the recipient, exact amount, confirmations, still
// unspent or consumed by the federation itself. Whether the outpoint was attested otherwise is the store's to say.
import { equal } from '../crypto/bytes.ts';
import { custodyScript } from '../crypto/taproot.ts';
import { asUnavailable, type BitcoinView, neededConfirmations, type TxOut } from './bitcoin-view.ts';
import type { BitcoinNetwork } from './network.ts';
import { type Outpoint, outpointName } from './outpoint.ts';

/** What a deposit is held against. `groupKey`: 33 bytes. `confirmations`: how many are needed, at least 1. */
export interface DepositRules {
  readonly network: BitcoinNetwork;
  readonly groupKey: Uint8Array;
  readonly confirmations: number;
}

/** What is claimed. `recipient`: 32 bytes; `amount` in sats. */
export interface DepositClaim extends Outpoint {
  readonly recipient: Uint8Array;
  readonly amount: bigint;
}

/** `detail` is one sentence for operators; `have` and `need` or `claimed` are what the sentence speaks of. */
export type DepositVerdict =
  | { readonly ok: true; readonly confirmations: number }
  | {
      readonly ok: false;
      readonly reason:
        | 'deposit_not_found'
        | 'deposit_spent'
        | 'deposit_wrong_script'
        | 'bitcoin_unavailable'
        | 'wrong_network';
      readonly detail: string;
    }
  | {
      readonly ok: false;
      readonly reason: 'deposit_wrong_amount';
      readonly detail: string;
      readonly have: bigint;
      readonly claimed: bigint;
    }
  | {
      readonly ok: false;
      readonly reason: 'deposit_too_few_confirmations';
      readonly detail: string;
      readonly have: number;
      readonly need: number;
    };

/**
 * A deposit that a settled step of the treasury line has consumed, as this node's own scan recorded it: `txid` of the
 * step, to whom the output paid how many sats, and the height of the block that holds the deposit. `recipient`: 32 bytes.
 */
export interface ConsumedDeposit {
  readonly txid: string;
  readonly recipient: Uint8Array;
  readonly amount: bigint;
  readonly height: number;
}

/** Tells what consumed an output that is spent; null where that is no settled step, or not known here. */
export type Consumed = (outpoint: Outpoint) => Promise<ConsumedDeposit | null>;

/** Verifies one deposit, as `verifyDeposits` does. */
export async function verifyDeposit(
  view: BitcoinView,
  rules: DepositRules,
  claim: DepositClaim,
  consumed: Consumed = async () => null,
): Promise<DepositVerdict> {
  const [verdict] = await verifyDeposits(view, rules, [claim], consumed);
  if (verdict === undefined) throw new Error('every claim has a verdict');
  return verdict;
}

/**
 * Verifies deposits; the verdicts stand in the order of the claims. What can never become right (spent, script, amount) is
 * named before what time cures (confirmations). A wrong vout shows as the script or amount of another output, or as not
 * found. A deposit that the federation itself has consumed (`consumed`) counts as if it were unspent.
 */
export async function verifyDeposits(
  view: BitcoinView,
  rules: DepositRules,
  claims: readonly DepositClaim[],
  consumed: Consumed,
): Promise<readonly DepositVerdict[]> {
  if (rules.confirmations < 1) throw new Error('a deposit needs at least one confirmation');
  if (view.network !== rules.network) {
    const detail = `the view is of ${view.network}, not ${rules.network}`;
    return claims.map(() => ({ ok: false, reason: 'wrong_network', detail }));
  }
  try {
    const confirmed = await view.txOuts(claims, 'confirmed');
    const afterMempool = await view.txOuts(claims, 'with_mempool');
    const verdicts: DepositVerdict[] = [];
    for (const [i, claim] of claims.entries()) {
      const unspent = afterMempool[i] ?? null;
      const output = confirmed[i] ?? unspent;
      if (output !== null) verdicts.push(validate(output, unspent, rules, claim));
      else verdicts.push((await swept(view, rules, claim, consumed)) ?? (await absent(view, claim)));
    }
    return verdicts;
  } catch (error) {
    const unavailable = asUnavailable(error);
    return claims.map(() => unavailable);
  }
}

// The output is gone, so what it paid and how deep it lies come from the scan; null where no step has consumed it.
async function swept(
  view: BitcoinView,
  rules: DepositRules,
  claim: DepositClaim,
  consumed: Consumed,
): Promise<DepositVerdict | null> {
  const deposit = await consumed(claim);
  if (deposit === null) return null;
  const { height, recipient, amount } = deposit;
  const tip = await view.agreedTip();
  const { scriptPubKey: script } = custodyScript(rules.groupKey, { kind: 'deposit', recipient });
  // A coinbase that is spent had become spendable.
  const output = { amount, script, confirmations: tip.height - height + 1, coinbase: false };
  return validate(output, output, rules, claim);
}

function validate(output: TxOut, unspent: TxOut | null, rules: DepositRules, claim: DepositClaim): DepositVerdict {
  const name = outpointName(claim);
  const expected = custodyScript(rules.groupKey, { kind: 'deposit', recipient: claim.recipient });
  if (!equal(output.script, expected.scriptPubKey)) {
    return { ok: false, reason: 'deposit_wrong_script', detail: `${name} does not pay the recipient's address` };
  }
  if (output.amount !== claim.amount) {
    const detail = `${name} pays ${output.amount} sats, not the claimed ${claim.amount}`;
    return { ok: false, reason: 'deposit_wrong_amount', detail, have: output.amount, claimed: claim.amount };
  }
  if (unspent === null) {
    return { ok: false, reason: 'deposit_spent', detail: `${name} is spent by a transaction in the mempool` };
  }
  const { confirmations: have } = output;
  const need = neededConfirmations(output, rules.confirmations);
  if (have >= need) return { ok: true, confirmations: have };
  const detail = `${name} has ${have} of ${need} confirmations`;
  return { ok: false, reason: 'deposit_too_few_confirmations', detail, have, need };
}

// An output that is not there was either spent or never existed; only a transaction index can tell them apart.
async function absent(view: BitcoinView, claim: DepositClaim): Promise<DepositVerdict> {
  const name = outpointName(claim);
  const status = await view.transaction(claim.txid);
  if (status.state === 'unknown') {
    return { ok: false, reason: 'deposit_not_found', detail: `no transaction ${claim.txid} with unspent outputs` };
  }
  if (status.outputs !== null && claim.vout < status.outputs) {
    return { ok: false, reason: 'deposit_spent', detail: `${name} is spent` };
  }
  const detail =
    status.outputs === null ? `${name} is spent or never existed` : `the transaction has no output ${name}`;
  return { ok: false, reason: 'deposit_not_found', detail };
}
