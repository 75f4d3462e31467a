// Plans a payout from what this node knows: its spendable custody UTXOs, a fee rate that the burns' own fees can bear,
// and the inputs that earlier decisions, here or at peers, ask for.

import { z } from 'zod';
import type { Exclusion } from '../ceremony/signing-candidates.ts';
import type { BurnClaim } from '../chain/burn.ts';
import { type Outpoint, outpointName } from '../chain/outpoint.ts';
import { type PayoutPlan, planPayout } from '../chain/payout.ts';
import { type CustodyUtxo, parseLeaf } from '../chain/payout-intent.ts';
import type { BuiltPayout } from '../chain/transaction.ts';
import { getBurn } from '../store/burns.ts';
import { getUtxo, listSpendableUtxos, type Utxo } from '../store/utxos.ts';
import type { Bridge } from './bridge.ts';
import { CommandError } from './command-error.ts';
import type { FederationKey } from './keys.ts';

/** How many UTXOs are considered, largest first. */
const CANDIDATES_MAX = 500;

/**
 * What refusals have taught: inputs that must be there, inputs that must not (names `txid:vout`), and, where a peer has
 * signed another payout of a burn, the burns to go on with: a burn with an anchor is paid without new ones.
 */
export interface PlanHints {
  readonly required: readonly Outpoint[];
  readonly avoided: ReadonlySet<string>;
  readonly only: ReadonlySet<string> | null;
}

/** Nothing learnt yet. */
export const noHints: PlanHints = { required: [], avoided: new Set(), only: null };

/** What to pay. `feeRate` in sat/vB; null: the node's own estimate, as far as the burns' fees reach. */
export interface PlanOrder {
  readonly claims: readonly BurnClaim[];
  readonly test: boolean;
  readonly feeRate: number | null;
  readonly hints: PlanHints;
}

const outpointSchema = z.object({ txid: z.string().regex(/^[0-9a-f]{64}$/), vout: z.int().min(0).max(0xffff_ffff) });
const conflictSchema = z.object({ burn_txid: z.string(), anchor: outpointSchema });
const reservedSchema = z.object({ input: outpointSchema });

/** The hints with what these refusals add to them; null where they teach nothing new. */
export function learn(hints: PlanHints, exclusions: readonly Exclusion[]): PlanHints | null {
  for (const { reason, data } of exclusions) {
    const conflict = reason === 'burn_conflict' ? conflictSchema.safeParse(data).data : undefined;
    if (conflict !== undefined && !hints.required.some((known) => same(known, conflict.anchor))) {
      return { ...hints, required: [...hints.required, conflict.anchor], only: new Set([conflict.burn_txid]) };
    }
  }
  const avoided = new Set(hints.avoided);
  for (const { reason, data } of exclusions) {
    const reserved = reason === 'input_reserved' ? reservedSchema.safeParse(data).data?.input : undefined;
    const isUnusable = reason === 'input_unknown' || reason === 'input_spent';
    const unusable = isUnusable ? outpointSchema.safeParse(data).data : undefined;
    for (const input of [reserved, unusable]) if (input !== undefined) avoided.add(outpointName(input));
  }
  return avoided.size > hints.avoided.size ? { ...hints, avoided } : null;
}

/** Plans the transaction. Throws `CommandError` with the name of the verdict where there can be none. */
export async function planFor(bridge: Bridge, key: FederationKey, order: PlanOrder): Promise<BuiltPayout> {
  const rules = bridge.judge.payoutRules(key);
  const required = requiredInputs(bridge, order);
  const names = new Set(required.map(outpointName));
  const candidates = (await spendable(bridge, rules.inputConfirmations)).filter(
    (utxo) => !names.has(outpointName(utxo)) && !order.hints.avoided.has(outpointName(utxo)),
  );
  const { test, hints } = order;
  const burns = order.claims.filter(({ burnTxid }) => hints.only === null || hints.only.has(burnTxid));
  const plan = (feeRate: bigint): PayoutPlan => planPayout(rules, { test, burns, required, candidates, feeRate });
  const asked = order.feeRate === null ? null : BigInt(Math.round(order.feeRate * 1000));
  if (asked !== null) return built(plan(asked));
  const estimate = await bridge.bitcoin.feeRate(bridge.config.feeTargetBlocks);
  return built(affordable(plan, clamp(estimate, rules.feeRateMin, rules.feeRateMax), rules.feeRateMin));
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
  const unique = new Map([...outpoints, ...order.hints.required].map((outpoint) => [outpointName(outpoint), outpoint]));
  return [...unique.values()].map((outpoint) => {
    const utxo = getUtxo(bridge.db, outpoint);
    const custody = utxo === null ? null : asCustody(utxo);
    if (custody !== null) return custody;
    const name = outpointName(outpoint);
    throw new CommandError('input_unknown', `the payout must spend ${name}, of which this node knows nothing yet`);
  });
}

async function spendable(bridge: Bridge, confirmations: number): Promise<readonly CustodyUtxo[]> {
  const stored = listSpendableUtxos(bridge.db, { limit: CANDIDATES_MAX }).rows;
  const outputs = await bridge.bitcoin.txOuts(stored, 'with_mempool');
  return stored.flatMap((utxo, i) => {
    const output = outputs[i] ?? null;
    return output === null || output.confirmations < confirmations ? [] : (asCustody(utxo) ?? []);
  });
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
