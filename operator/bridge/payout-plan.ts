// Plans a payout from what this node knows: its spendable custody UTXOs, a fee rate that the burns' own fees can bear,
// and the inputs that earlier decisions, here or at peers, ask for.

import { z } from 'zod';
import type { Exclusion } from '../../ceremony/signing-candidates.ts';
import { larger } from '../../chain/amount.ts';
import type { TxOutSource } from '../../chain/bitcoin-view.ts';
import type { BurnClaim } from '../../chain/burn.ts';
import { FEE_RATE_SATS_PER_KVB_MIN } from '../../chain/fee.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { type PayoutPlan, planPayout } from '../../chain/payout.ts';
import { type CustodyUtxo, PAYOUT_BURNS_MAX, parseLeaf } from '../../chain/payout-intent.ts';
import type { BuiltPayout } from '../../chain/transaction.ts';
import { getBurn } from '../../store/burns.ts';
import { getDeposit, setDepositStatus } from '../../store/deposits.ts';
import type { Payout } from '../../store/payout-listing.ts';
import { getUtxo, listHeldUtxos, listLapsedUtxos, listSpendableUtxos, type Utxo } from '../../store/utxos.ts';
import { CommandError } from '../command-error.ts';
import type { FederationKey } from '../keys.ts';
import type { Bridge } from './bridge.ts';

/** How many UTXOs are considered, largest first. */
const CANDIDATES_MAX = 500;
/** How often a payout outbids those whose burns it pays too: so many may be under way beside each other. */
const BIDS_MAX = 4;

/**
 * What refusals have taught: inputs that must be there, inputs that must not (names `txid:vout`), and, where a peer has
 * signed another payout of a burn, the burns to go on with: a burn with an anchor is paid without new ones. `unpayable`:
 * burns that cannot be paid, as this node sees it, or are left out, and that peers tell of in vain. `bids`: how many
 * payouts, which may be signed in this moment, the new one has to replace: at the same rate none would relay in their
 * place, and whichever came first would take the input that the others' burns are bound to.
 */
export interface PlanHints {
  readonly required: readonly Outpoint[];
  readonly avoided: ReadonlySet<string>;
  readonly only: ReadonlySet<string> | null;
  readonly unpayable: ReadonlySet<string>;
  readonly bids: number;
}

/** Nothing learnt yet. */
export const noHints: PlanHints = { required: [], avoided: new Set(), only: null, unpayable: new Set(), bids: 0 };

/** What to pay. `feeRate` in sat/vB; null: the node's own estimate, as far as the burns' fees reach. */
export interface PlanOrder {
  readonly claims: readonly BurnClaim[];
  readonly test: boolean;
  readonly feeRate: number | null;
  /** The payout that this one replaces: exactly its inputs are spent. */
  readonly replaces: Payout | null;
  readonly hints: PlanHints;
}

const txidSchema = z.string().regex(/^[0-9a-f]{64}$/);
const outpointSchema = z.object({ txid: txidSchema, vout: z.int().min(0).max(0xffff_ffff) });
const conflictSchema = z.object({ burn_txid: txidSchema, anchor: outpointSchema });
const leastSchema = z.object({ least: z.string() });
const reservedSchema = z.object({ input: outpointSchema, burns: z.array(txidSchema).max(PAYOUT_BURNS_MAX) });

type Refusal = Pick<Exclusion, 'reason' | 'data'>;

/**
 * The hints with what these refusals add to them; null where they teach nothing new. A refusal is a peer's word: anchors
 * that this node could not spend (`isKnown`) and conflicts of burns that are not paid here (`burnTxids`) are passed over.
 * So all that nodes have bound crosswise is paid together in the end, by a transaction that spends every anchor of it.
 * `isAnchor`: whether this node itself has bound one of the burns to an outpoint, which then cannot be left out.
 */
export function learn(
  hints: PlanHints,
  refusals: readonly Refusal[],
  burnTxids: readonly string[],
  isKnown: (outpoint: Outpoint) => boolean,
  isAnchor: (outpoint: Outpoint) => boolean,
): PlanHints | null {
  const isRequired = (outpoint: Outpoint): boolean =>
    isAnchor(outpoint) || hints.required.some((known) => same(known, outpoint));
  const conflicts = refusals
    .flatMap(({ reason, data }) => (reason === 'burn_conflict' ? (conflictSchema.safeParse(data).data ?? []) : []))
    .filter(({ burn_txid, anchor }) => burnTxids.includes(burn_txid) && isKnown(anchor) && !isRequired(anchor));
  const [first] = conflicts;
  if (first !== undefined) {
    // Several nodes may have signed several payouts of the burn: the new one has to agree with all of them.
    const anchors = conflicts.filter(({ burn_txid }) => burn_txid === first.burn_txid).map(({ anchor }) => anchor);
    const unique = [...new Map(anchors.map((anchor) => [outpointName(anchor), anchor])).values()];
    const only = new Set([...(hints.only ?? []), first.burn_txid]);
    return { ...hints, required: [...hints.required, ...unique], only, bids: hints.bids + 1 };
  }
  const reserved = refusals
    .flatMap(({ reason, data }) => (reason === 'input_reserved' ? (reservedSchema.safeParse(data).data ?? []) : []))
    .filter(({ burns }) => !burns.some((burnTxid) => hints.unpayable.has(burnTxid)));
  const bound = reserved.filter(({ input }) => isRequired(input)).flatMap(({ burns }) => burns);
  const only = new Set([...(hints.only ?? burnTxids), ...bound]);
  if (only.size > (hints.only?.size ?? burnTxids.length)) return { ...hints, only, bids: hints.bids + 1 };
  return avoidMore(hints, refusals, reserved) ?? outbid(hints, refusals);
}

function avoidMore(
  hints: PlanHints,
  refusals: readonly Refusal[],
  reserved: readonly { readonly input: Outpoint }[],
): PlanHints | null {
  const unusable = refusals.flatMap(({ reason, data }) =>
    reason === 'input_unknown' || reason === 'input_spent' ? (outpointSchema.safeParse(data).data ?? []) : [],
  );
  const inputs = [...reserved.map(({ input }) => input), ...unusable];
  const avoided = new Set([...hints.avoided, ...inputs.map(outpointName)]);
  return avoided.size > hints.avoided.size ? { ...hints, avoided } : null;
}

function outbid(hints: PlanHints, refusals: readonly Refusal[]): PlanHints | null {
  const isCheap = refusals.some(
    ({ reason, data }) => reason === 'fee_rate_too_low' && leastSchema.safeParse(data).success,
  );
  return isCheap && hints.bids < BIDS_MAX ? { ...hints, bids: hints.bids + 1 } : null;
}

/** Plans the transaction. Throws `CommandError` with the name of the verdict where there can be none. */
export async function planFor(bridge: Bridge, key: FederationKey, order: PlanOrder): Promise<BuiltPayout> {
  const rules = bridge.judge.payoutRules(key);
  const required = requiredInputs(bridge, order);
  const names = new Set(required.map(outpointName));
  const free = order.replaces === null ? await spendable(bridge, rules.inputConfirmations) : [];
  const { test, hints } = order;
  const isUsable = (utxo: CustodyUtxo): boolean =>
    !names.has(outpointName(utxo)) && !hints.avoided.has(outpointName(utxo));
  const burns = order.claims.filter(({ burnTxid }) => hints.only === null || hints.only.has(burnTxid));
  const ask = { test, burns, required };
  const candidates = free.filter(isUsable);
  // Coins that payouts hold which may never be finished, or that burns are bound to which nobody paid in time: only where the
  // others do not suffice.
  const more = test || order.replaces !== null ? [] : await heldCoins(bridge, required, rules.inputConfirmations);
  const plan = (feeRate: bigint): PayoutPlan => {
    let all = candidates;
    let best = planPayout(rules, { ...ask, candidates: all, feeRate });
    for (const held of more.map((coins) => coins.filter(isUsable))) {
      if (best.ok || best.reason !== 'insufficient_funds') break;
      if (held.length === 0) continue;
      all = [...all, ...held];
      best = planPayout(rules, { ...ask, candidates: all, feeRate });
    }
    return best;
  };
  const asked = order.feeRate === null ? null : BigInt(Math.round(order.feeRate * 1000));
  if (asked !== null && order.replaces === null) {
    return built(hints.bids === 0 ? plan(asked) : affordable(plan, overbid(asked, hints), asked));
  }
  if (asked !== null && order.replaces !== null) {
    const least = leastRateOver(order.replaces);
    return built(affordable(plan, overbid(larger(asked, least), hints), least));
  }
  const absurd = bridge.chain?.stops('fee_estimates') ?? null;
  if (absurd !== null) throw new CommandError('bitcoin_unavailable', absurd);
  const estimate = await bridge.bitcoin.feeRate(bridge.config.feeTargetBlocks);
  const wanted = overbid(clamp(estimate, rules.feeRateMin, rules.feeRateMax), hints);
  return built(affordable(plan, wanted, rules.feeRateMin));
}

// What replaces several pays the sum of their fees and its own relay cost (BIP 125): a transaction that spends and pays
// for all of them is smaller than they are together by less than a quarter of its own size for each.
function overbid(rate: bigint, { bids }: PlanHints): bigint {
  return rate + BigInt(Math.min(bids, BIDS_MAX)) * (FEE_RATE_SATS_PER_KVB_MIN + rate / 4n);
}

// What relays as a replacement (BIP 125): the old fee and the new one's own relay cost, for a transaction of the same size.
function leastRateOver({ feeRate }: Payout): bigint {
  return BigInt(Math.ceil(feeRate * 1000)) + FEE_RATE_SATS_PER_KVB_MIN + 1n;
}

// The collected fees bound the miner fee. A rate below the estimate confirms later; a payout refused for it, never.
function affordable(plan: (feeRate: bigint) => PayoutPlan, wanted: bigint, least: bigint): PayoutPlan {
  let best = plan(wanted);
  if (best.ok || best.reason !== 'fee_too_high') return best;
  let [low, high] = [least, wanted];
  best = plan(low);
  if (!best.ok) return best;
  while (high - low > 50n) {
    const middle = (low + high) / 2n;
    const next = plan(middle);
    if (next.ok) [best, low] = [next, middle];
    else high = middle;
  }
  return best;
}

function built(plan: PayoutPlan): BuiltPayout {
  if (plan.ok) return plan.payout;
  throw new CommandError(plan.reason, plan.detail);
}

function requiredInputs(bridge: Bridge, order: PlanOrder): readonly CustodyUtxo[] {
  const outpoints = order.test
    ? []
    : order.claims.flatMap(({ burnTxid }) => getBurn(bridge.db, burnTxid)?.anchor ?? []);
  const replaced = order.replaces?.inputs ?? [];
  const unique = new Map(
    [...outpoints, ...replaced, ...order.hints.required].map((outpoint) => [outpointName(outpoint), outpoint]),
  );
  return [...unique.values()].map((outpoint) => {
    const utxo = getUtxo(bridge.db, outpoint);
    const custody = utxo === null ? null : asCustody(utxo);
    if (custody !== null) return custody;
    const name = outpointName(outpoint);
    throw new CommandError('input_unknown', `the payout must spend ${name}, of which this node knows nothing yet`);
  });
}

function spendable(bridge: Bridge, confirmations: number): Promise<readonly CustodyUtxo[]> {
  return usable(bridge, listSpendableUtxos(bridge.db, { limit: CANDIDATES_MAX }).rows, confirmations, 'with_mempool');
}

// What this transaction would replace may wait in the mempool.
async function heldCoins(
  bridge: Bridge,
  required: readonly CustodyUtxo[],
  confirmations: number,
): Promise<readonly (readonly CustodyUtxo[])[]> {
  const { db, effects } = bridge;
  const page = { limit: CANDIDATES_MAX };
  const held = await usable(bridge, listHeldUtxos(db, required, page).rows, confirmations, 'confirmed');
  const lapsed = listLapsedUtxos(db, required, effects.now(), page).rows;
  return [held, await usable(bridge, lapsed, confirmations, 'confirmed')];
}

async function usable(
  bridge: Bridge,
  stored: readonly Utxo[],
  confirmations: number,
  source: TxOutSource,
): Promise<readonly CustodyUtxo[]> {
  if (stored.length === 0) return [];
  const outputs = await bridge.bitcoin.txOuts(stored, source);
  const found: CustodyUtxo[] = [];
  for (const [i, utxo] of stored.entries()) {
    const output = outputs[i] ?? null;
    if (output === null || output.confirmations < confirmations) continue;
    const custody = asCustody(utxo);
    if (custody !== null && (custody.leaf.kind !== 'deposit' || (await isMinted(bridge, utxo)))) found.push(custody);
  }
  return found;
}

// A deposit is spent only once it is minted: every participant refuses it before. Whoever did not hand the attestation in
// hears of the mint from its own Wire nodes.
async function isMinted(bridge: Bridge, outpoint: Outpoint): Promise<boolean> {
  const deposit = getDeposit(bridge.db, outpoint);
  if (deposit === null || deposit.status === 'minted') return deposit !== null;
  if (((await bridge.wire?.mint(outpoint.txid, outpoint.vout)) ?? null) === null) return false;
  setDepositStatus(bridge.db, outpoint, 'minted', bridge.effects.now());
  return true;
}

function asCustody(utxo: Utxo): CustodyUtxo | null {
  const leaf = parseLeaf(utxo.leaf);
  return leaf === null ? null : { txid: utxo.txid, vout: utxo.vout, amount: utxo.amount, leaf };
}

function clamp(value: bigint, least: bigint, most: bigint): bigint {
  if (value < least) return least;
  return value > most ? most : value;
}

function same(a: Outpoint, b: Outpoint): boolean {
  return outpointName(a) === outpointName(b);
}
