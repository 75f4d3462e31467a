// Which burns wait to be paid: what the Wire nodes list, less what is paid or under way here.

import { type BurnClaim, verifyBurn } from '../../chain/burn.ts';
import { FEE_RATE_SATS_PER_KVB_MIN, feeAt, payoutWeight, virtualSize } from '../../chain/fee.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { PAYOUT_BURNS_MAX } from '../../chain/payout-intent.ts';
import { BURNS_PAGE_MAX, type WireBurn, type WireLedger, WireLedgerError } from '../../chain/wire-ledger.ts';
import { getBurn } from '../../store/burns.ts';
import { foreignPaymentOf } from '../../store/foreign-payments.ts';
import { getWithdrawal, type Payout, type Withdrawal } from '../../store/payout-listing.ts';
import { CommandError } from '../command-error.ts';
import { counted } from '../counted.ts';
import type { FederationKey } from '../keys.ts';
import type { Bridge } from './bridge.ts';

/** Of a Taproot output. */
const CHANGE_SCRIPT_BYTES = 34;
/** How many pages of burns are looked through for those that wait. */
const PAGES_MAX = 200;

/** Burns to pay in one transaction, and a clause on those that were passed over ('' where none was). */
export interface BurnsToPay {
  readonly claims: readonly BurnClaim[];
  readonly skipped: string;
}

/** Whether a transaction of these statuses makes another payout of its burns needless. */
function isUnderWay(status: Withdrawal['status']): boolean {
  return status === 'signed' || status === 'broadcast' || status === 'confirmed' || status === 'settled';
}

/** The payout that is under way for the first of these burns that has one; null where none has. */
export function livePayoutOf(bridge: Bridge, burnTxids: readonly string[]): Payout | null {
  for (const burnTxid of burnTxids) {
    const withdrawal = getWithdrawal(bridge.db, burnTxid);
    const payout = withdrawal?.payouts.findLast(({ status }) => isUnderWay(status));
    if (payout !== undefined) return payout;
  }
  return null;
}

/**
 * The named burns, each of which must be payable, or (none named) all that wait and are payable, oldest first, as many
 * as one transaction takes. Throws `CommandError` with the name of the verdict.
 */
export async function burnsToPay(bridge: Bridge, key: FederationKey, named: readonly string[]): Promise<BurnsToPay> {
  const { wire } = bridge;
  if (wire === null) throw new CommandError('wire_unavailable', 'no wire_nodes are configured, so no burn is known');
  try {
    const burns =
      named.length > 0 ? await namedBurns(wire, withCompanions(bridge, named)) : await waitingBurns(bridge, wire);
    return await payable(bridge, key, wire, burns, named.length > 0);
  } catch (error) {
    if (error instanceof WireLedgerError) throw new CommandError('wire_unavailable', error.message);
    throw error;
  }
}

async function payable(
  bridge: Bridge,
  key: FederationKey,
  wire: WireLedger,
  burns: readonly WireBurn[],
  mustAll: boolean,
): Promise<BurnsToPay> {
  const { burnRules } = bridge.judge.payoutBench(key);
  const claims: BurnClaim[] = [];
  const reasons: string[] = [];
  for (const { burnTxid, address, amount, fee } of burns) {
    if (claims.length === PAYOUT_BURNS_MAX) {
      reasons.push(`only ${PAYOUT_BURNS_MAX} fit one transaction`);
      break;
    }
    const claim = { burnTxid, address, amount, fee };
    const verdict = await verifyBurn(wire, burnRules, claim);
    if (verdict.ok && !mustAll && !isBound(bridge, burnTxid) && !paysItself(verdict.output.script, fee)) {
      reasons.push(`burn ${burnTxid} brings a fee of ${fee} sats, less than its own transaction costs`);
    } else if (verdict.ok) claims.push(claim);
    else if (mustAll) throw new CommandError(verdict.reason, verdict.detail);
    else reasons.push(verdict.detail);
  }
  const group = withOneAnchor(bridge, claims);
  const left = claims.length - group.length;
  if (left > 0) reasons.push(`${counted(left, 'burn')} ${left === 1 ? 'needs' : 'need'} another transaction`);
  return { claims: group, skipped: reasons.length === 0 ? '' : `; passed over: ${reasons.join('; ')}` };
}

function isBound(bridge: Bridge, burnTxid: string): boolean {
  return (getBurn(bridge.db, burnTxid)?.anchor ?? null) !== null;
}

// A burn for which a payout was decided before is bound to that payout's anchor; it cannot share a transaction with
// burns of another anchor, or of none yet, without binding those to a coin that may be spent without them.
function withOneAnchor(bridge: Bridge, claims: readonly BurnClaim[]): readonly BurnClaim[] {
  const anchorOf = ({ burnTxid }: BurnClaim): string => {
    const anchor = getBurn(bridge.db, burnTxid)?.anchor ?? null;
    return anchor === null ? '' : outpointName(anchor);
  };
  const [first] = claims;
  return first === undefined ? [] : claims.filter((claim) => anchorOf(claim) === anchorOf(first));
}

// A transaction that spends an anchor must pay every burn that is bound to it.
function withCompanions(bridge: Bridge, named: readonly string[]): readonly string[] {
  const all = new Set(named);
  for (const burnTxid of named) {
    const withdrawal = getWithdrawal(bridge.db, burnTxid);
    const anchor = withdrawal?.burn.anchor ?? null;
    if (withdrawal === null || anchor === null) continue;
    for (const other of withdrawal.payouts.flatMap(({ burns }) => burns)) {
      const bound = getBurn(bridge.db, other.burnTxid)?.anchor ?? null;
      if (bound !== null && outpointName(bound) === outpointName(anchor)) all.add(other.burnTxid);
    }
  }
  return [...all];
}

/**
 * Whether a burn's fee covers what it would cost to pay it alone, at the least rate. Burns that bring less could be so many
 * that a batch of them cannot be paid, and hold up all others for ever; they are paid when they are named.
 */
export function paysItself(script: Uint8Array, fee: bigint): boolean {
  return fee >= feeAt(virtualSize(payoutWeight(1, [script.length, CHANGE_SCRIPT_BYTES])), FEE_RATE_SATS_PER_KVB_MIN);
}

async function namedBurns(wire: WireLedger, named: readonly string[]): Promise<readonly WireBurn[]> {
  const burns: WireBurn[] = [];
  for (const burnTxid of new Set(named)) {
    const burn = await wire.burn(burnTxid);
    if (burn === null) throw new CommandError('burn_unknown', `our Wire nodes know no burn ${burnTxid}`);
    burns.push(burn);
  }
  return burns;
}

async function waitingBurns(bridge: Bridge, wire: WireLedger): Promise<readonly WireBurn[]> {
  const waiting: WireBurn[] = [];
  let after = 0;
  for (let page = 0; page < PAGES_MAX; page++) {
    const burns = await wire.burns(after, BURNS_PAGE_MAX);
    for (const burn of burns) {
      if (foreignPaymentOf(bridge.db, burn.burnTxid) !== null) continue;
      if (!isUnderWay(getWithdrawal(bridge.db, burn.burnTxid)?.status ?? 'undecided')) waiting.push(burn);
    }
    const last = burns.at(-1);
    if (last === undefined || waiting.length > PAYOUT_BURNS_MAX) break;
    after = last.seq;
  }
  return waiting;
}
