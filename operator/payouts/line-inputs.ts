// What the planner is given: the line as this node sees it, the burns that its own Wire nodes call final, the outputs that may
// be swept, and the rates of its own Bitcoin nodes.
import { larger } from '../../chain/amount.ts';
import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { outputName } from '../../chain/custody-spend.ts';
import { treasuryScript } from '../../chain/line.ts';
import type { PlanInput, PlanSibling, PlanWish, WaitReason } from '../../chain/line-plan.ts';
import type { UnlistedStep } from '../../chain/line-rule.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { taprootAddress } from '../../crypto/taproot.ts';
import { isHeld, listHolds } from '../../store/holds.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { batchDue } from '../bridge/schedule.ts';
import type { Turns } from '../bridge/turns.ts';
import { lineTerms } from '../chain-state/line-terms.ts';
import type { LineNow, WaitingStep } from '../chain-state/line-view.ts';
import type { FederationKey } from '../keys/keys.ts';
import { Sweepable } from './sweepable.ts';
import { type ChosenBurns, WaitingBurns } from './waiting-burns.ts';

/** What a plan is made for. `named`: pays these burns and whatever it must, and no others; null: all that wait. */
export interface StepOrder {
  readonly wish: PlanWish;
  readonly named: ReadonlySet<string> | null;
  /** Whether waiting burns are paid now, whatever the batch policy says. */
  readonly now: boolean;
}

/** What signers have taught this coordinator about the plan in hand. */
export interface Learnt {
  readonly refusedBurns: ReadonlySet<string>;
  readonly refusedOutputs: ReadonlySet<string>;
  readonly rateNeeded: bigint;
  /** What signers keep of the surplus where a consolidation asks for more than they leave, in sats. */
  readonly reserveNeeded: bigint;
  /** The highest rate of a sweep that enough of them sign; null: none has refused one. */
  readonly sweepRateMost: bigint | null;
  readonly childRefused: boolean;
}

/** Nothing yet. */
export const NOTHING_LEARNT: Learnt = {
  refusedBurns: new Set(),
  refusedOutputs: new Set(),
  rateNeeded: 0n,
  reserveNeeded: 0n,
  sweepRateMost: null,
  childRefused: false,
};

/** What a plan is made from; `left`: burns that it does not look at, and why. */
export interface Gathered {
  readonly input: PlanInput;
  readonly left: readonly WaitReason[];
}

/** Gathers what plans are made from. */
export class LineInputs {
  readonly #bridge: Bridge;
  readonly #sweepable: Sweepable;
  /** The burns that wait. */
  readonly burns: WaitingBurns;

  constructor(bridge: Bridge, turns: Turns) {
    this.#bridge = bridge;
    this.#sweepable = new Sweepable(bridge);
    this.burns = new WaitingBurns(bridge, turns);
  }

  /** Everything that the planner looks at. Throws `BitcoinViewError` and `WireLedgerError`. */
  async gather(key: FederationKey, line: LineNow, order: StepOrder, learnt: Learnt): Promise<Gathered> {
    const { config, bitcoin, db } = this.#bridge;
    const [relay, estimate, chainTip, isLong] = await Promise.all([
      bitcoin.relayFloor(),
      this.#estimate(),
      bitcoin.tip(),
      this.#isLong(line),
    ]);
    const bound = new Set(
      [line.waiting, line.child].flatMap((one) => one?.step.burns?.map(({ burnTxid }) => burnTxid) ?? []),
    );
    const { burns, left } = await this.burns.choose({
      bound,
      // What joined the child would throw out what hangs on it, which may pay the same burns.
      named: isLong ? new Set<string>() : order.named,
      feeRateMin: relay.feeRateMin,
      feeRate: [estimate ?? 0n, relay.feeRateMin, learnt.rateNeeded].reduce(larger),
      treasury: taprootAddress(treasuryScript(key.bitcoin.publicKey), config.network),
    });
    const sweepable = await this.#sweepable.list(line, chainTip.height - config.forkConfirmations + 1);
    const bumpHeight = chainTip.height - config.payoutBump.afterBlocks;
    const sibling = (step: WaitingStep | null) => (step === null ? null : siblingOf(line, step, bumpHeight));
    const input: PlanInput = {
      terms: { ...lineTerms(config, key), root: line.root },
      treasuryKeys: [key.bitcoin.publicKey],
      tip: line.tip,
      waiting: sibling(line.waiting),
      child: sibling(line.child),
      childRefused: learnt.childRefused,
      burns: burns.map(({ burn }) => burn),
      maybePaid: line.history.unlisted(line.tip).flatMap(paymentsOf),
      held: new Set(listHolds(db).map(({ burnTxid }) => burnTxid)),
      refused: learnt.refusedBurns,
      ...this.#day(burns),
      sweepable: sweepable.filter((output) => !learnt.refusedOutputs.has(outpointName(output))),
      depositMin: config.policy.depositMinSats,
      due: order.now || this.#isDue(bound, burns, estimate),
      estimate,
      cap: BigInt(config.feeRateMaxSatVb) * 1000n,
      relay,
      rateNeeded: learnt.rateNeeded,
      sweepRateMost: learnt.sweepRateMost,
      cheapRate: BigInt(config.payoutBatch.cheapSatVb) * 1000n,
      tidies: !order.now,
      bumpPercent: BigInt(config.payoutBump.stepPercent),
      wish: wishOf(order.wish, learnt),
    };
    return { input, left };
  }

  #day(burns: ChosenBurns['burns']): Pick<PlanInput, 'day'> {
    const { payouts } = this.#bridge.validation;
    const room = payouts.day();
    if (room === null) return {};
    const counted = burns.map(({ burn }) => burn.burnTxid).filter((burnTxid) => payouts.isCounted(burnTxid));
    return { day: { ...room, counted: new Set(counted) } };
  }

  /** The own nodes' estimate; null where they have none, or one that is not to be believed. */
  async #estimate(): Promise<bigint | null> {
    const { bitcoin, chain, config } = this.#bridge;
    if ((chain?.stops('fee_estimates') ?? null) !== null) return null;
    try {
      return await bitcoin.feeRate(config.feeTargetBlocks);
    } catch (error) {
      if (error instanceof BitcoinViewError) return null;
      throw error;
    }
  }

  // Whether more steps wait than the two that a plan looks at, as after a reorganisation.
  async #isLong({ child }: LineNow): Promise<boolean> {
    if (child === null) return false;
    const [deeper] = await this.#bridge.bitcoin.mempoolSpends([{ txid: child.step.txid, vout: 0 }]);
    return deeper !== undefined && deeper !== null;
  }

  // Burns that a waiting step pays, or that are held back, hurry nobody.
  #isDue(bound: ReadonlySet<string>, burns: ChosenBurns['burns'], estimate: bigint | null): boolean {
    const { config, effects, db } = this.#bridge;
    const waiting = burns.filter(({ burn }) => !bound.has(burn.burnTxid) && !isHeld(db, burn.burnTxid));
    const seenAt = waiting.map((one) => one.seenAt);
    const { count, ageS, cheapSatVb } = config.payoutBatch;
    const policy = { count, ageMs: ageS * 1000, cheapRate: BigInt(cheapSatVb) * 1000n };
    // Without an estimate nothing is cheap.
    return batchDue(policy, seenAt, estimate ?? policy.cheapRate + 1n, effects.now()) !== null;
  }
}

function wishOf(wish: PlanWish, { reserveNeeded }: Learnt): PlanWish {
  return wish.kind === 'consolidate' ? { ...wish, reserve: larger(wish.reserve, reserveNeeded) } : wish;
}

function siblingOf({ history, tip }: LineNow, { step, entry }: WaitingStep, bumpHeight: number): PlanSibling {
  const { fee, vsize, descendants } = entry;
  const place = { txid: step.txid, vout: 0, amount: step.treasuryAmount, depth: step.depth, surplus: step.surplus };
  const unlisted = step.burns === null ? history.unlisted(place).filter(({ txid }) => txid === step.txid) : [];
  return {
    kind: step.kind,
    burns: step.burns,
    payments: unlisted.flatMap(paymentsOf),
    inputs: step.inputs,
    place,
    fee,
    vsize,
    replaced: { fees: descendants.fees, vsize: descendants.vsize, rate: (fee * 1000n) / BigInt(vsize) },
    waited: Math.max(entry.height, tip.height) <= bumpHeight,
  };
}

// Outputs 0 and 1 are the step's own.
function paymentsOf({ outputs }: UnlistedStep): readonly string[] {
  return outputs.slice(2).map(outputName);
}
