// Chooses which custody UTXOs pay for a batch. Deterministic: the same request gives the same coins on every node.
// Every coin costs the same to spend, so the fewest coins that suffice are also the cheapest.
import { feeAt, inputCost, payoutWeight, virtualSize } from './fee.ts';
import { compareOutpoints, outpointName, type Valued } from './outpoint.ts';

/** What has to be paid for. Amounts in sats, rates in sats per 1000 vbytes. */
export interface SelectionRequest<Coin extends Valued> {
  /** Must all be spent, such as the anchors of burns paid before. */
  readonly required: readonly Coin[];
  /** May be spent. */
  readonly candidates: readonly Coin[];
  /** Inputs that carry no value but have to be paid for (a test input). */
  readonly emptyInputs: number;
  readonly inputsMax: number;
  /** Sum and script lengths of the outputs, the change excepted. */
  readonly outputsAmount: bigint;
  readonly outputScriptBytes: readonly number[];
  readonly changeScriptBytes: number;
  /** A smaller change goes to the miners. */
  readonly changeMin: bigint;
  readonly feeRate: bigint;
  readonly feeRateMax: bigint;
  /** The collected fees: the miner fee may not be more. */
  readonly feeMax: bigint;
}

/** What was chosen: `coins` ascending by outpoint; `change` 0 where there is none. */
export interface Selection<Coin extends Valued> {
  readonly ok: true;
  readonly coins: readonly Coin[];
  readonly fee: bigint;
  readonly change: bigint;
}

/** `fee_too_high`: the coins would do, yet not within the collected fees. */
export interface NoSelection {
  readonly ok: false;
  readonly reason: 'insufficient_funds' | 'fee_too_high';
  /** The least fee of the last attempt, and the sats it had to spend. */
  readonly fee: bigint;
  readonly available: bigint;
}

/**
 * Tries, in this order: the required coins alone; with the smallest single candidate that suffices; with the largest
 * candidates one after the other. Candidates that cost more than they bring are left out.
 */
export function selectCoins<Coin extends Valued>(request: SelectionRequest<Coin>): Selection<Coin> | NoSelection {
  const taken = new Set(request.required.map(outpointName));
  const cost = inputCost(request.feeRate);
  const largestFirst = request.candidates
    .filter((coin) => !taken.has(outpointName(coin)) && coin.amount > cost)
    .sort((a, b) => (a.amount === b.amount ? compareOutpoints(a, b) : a.amount > b.amount ? -1 : 1));

  const smallestFirst = [[], ...largestFirst.map((coin) => [coin]).reverse()];
  for (const extra of smallestFirst) {
    const selection = settle(request, [...request.required, ...extra]);
    if (selection.ok) return selection;
  }
  let coins = [...request.required];
  let last = settle(request, coins);
  let tooHigh: NoSelection | null = null;
  for (const coin of largestFirst) {
    coins = [...coins, coin];
    last = settle(request, coins);
    if (last.ok) return last;
    if (last.reason === 'fee_too_high') tooHigh = last;
  }
  return tooHigh ?? last;
}

function settle<Coin extends Valued>(
  request: SelectionRequest<Coin>,
  coins: readonly Coin[],
): Selection<Coin> | NoSelection {
  const available = coins.reduce((total, coin) => total + coin.amount, 0n);
  const left = available - request.outputsAmount;
  const inputs = coins.length + request.emptyInputs;
  const sizeWithout = virtualSize(payoutWeight(inputs, request.outputScriptBytes));
  const feeWithout = feeAt(sizeWithout, request.feeRate);
  if (coins.length === 0 || inputs > request.inputsMax || left < feeWithout) {
    return { ok: false, reason: 'insufficient_funds', fee: feeWithout, available };
  }
  const sorted = [...coins].sort(compareOutpoints);
  const sizeWith = virtualSize(payoutWeight(inputs, [...request.outputScriptBytes, request.changeScriptBytes]));
  const feeWith = feeAt(sizeWith, request.feeRate);
  const change = left - feeWith;
  if (change >= request.changeMin) {
    if (feeWith <= request.feeMax) return { ok: true, coins: sorted, fee: feeWith, change };
    return { ok: false, reason: 'fee_too_high', fee: feeWith, available };
  }
  // The rest is too small for an output of its own, so the miners get it, if the bounds allow.
  if (left <= request.feeMax && left <= feeAt(sizeWithout, request.feeRateMax)) {
    return { ok: true, coins: sorted, fee: left, change: 0n };
  }
  return { ok: false, reason: 'fee_too_high', fee: left, available };
}
