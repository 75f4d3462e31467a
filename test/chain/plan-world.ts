// A line for tests of the planner: the steps that were sent, which of them are mined, what waits in the mempool and what
// hangs on it. Every step that is sent is first validated as a signer with the same view would.

import { feeAt, inputCost } from '../../chain/fee.ts';
import { type LineRoot, treasuryScript } from '../../chain/line.ts';
import type { FeeView } from '../../chain/line-fee.ts';
import { feeTerms, surplusBudget, validateFee } from '../../chain/line-fee.ts';
import type { LineBurn, LineIntent, SweptOutput } from '../../chain/line-intent.ts';
import { type Plan, type PlanInput, type PlanSibling, planStep } from '../../chain/line-plan.ts';
import { type LineHistory, type LinePlace, rootPlace, ruleLine } from '../../chain/line-rule.ts';
import { scriptAddress } from '../../chain/network.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { concat, sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { singleSigner } from './single-signer.ts';

type Step = Extract<Plan, { kind: 'step' }>;

export const { groupKey } = singleSigner(5);
const bytesOf = (name: string) => sha256(utf8(name));
/** 64 hexadecimal characters that follow from a name. */
export const hashOf = (name: string) => toHex(bytesOf(name));

function addressOf(script: Uint8Array): string {
  const address = scriptAddress(script, 'regtest');
  if (address === null) throw new Error('the script has an address');
  return address;
}

/** A burn to an address whose output takes 43 bytes, as Taproot's; amounts in sats. */
export function burnOf(name: string, amount: bigint, fee: bigint): LineBurn {
  const script = concat(Uint8Array.of(0x00, 32), bytesOf(`to ${name}`));
  return { burnTxid: hashOf(name), nullifier: hashOf(`nullifier ${name}`), address: addressOf(script), amount, fee };
}

/** A burn that names the treasury. */
export function burnToTreasury(name: string): LineBurn {
  return { ...burnOf(name, 50_000n, 2_000n), address: addressOf(treasuryScript(groupKey)) };
}

export function depositOf(name: string, amount: bigint): SweptOutput {
  return {
    txid: hashOf(name),
    vout: 0,
    amount,
    leaf: { kind: 'deposit', recipient: bytesOf(`for ${name}`).slice(0, 32) },
  };
}

export function strayOf(name: string, amount: bigint): SweptOutput {
  return { txid: hashOf(name), vout: 1, amount, leaf: { kind: 'treasury' } };
}

interface Sent {
  readonly step: Step;
  readonly parent: string | null;
  readonly place: LinePlace;
}

/** What sits in the mempool. */
interface Waiting extends Sent {
  waited: boolean;
  hangs: { fees: bigint; vsize: number };
}

/** The node's view where a test says nothing else: 1 sat/vB everywhere. */
export const calm = {
  estimate: 1_000n,
  cap: 500_000n,
  relay: { feeRateMin: 1_000n, dustRelayRate: 3_000n, incrementalRate: 1_000n },
  rateNeeded: 0n,
  sweepRateMost: null,
  cheapRate: 2_000n,
  tidies: true,
  bumpPercent: 25n,
} as const;

export function lineWorld(rootAmount: bigint) {
  const root: LineRoot = {
    network: 'regtest',
    keyId: hashOf('key'),
    txid: hashOf('root'),
    vout: 0,
    amount: rootAmount,
  };
  const terms = { network: root.network, keyId: root.keyId, groupKey, root };
  const steps = new Map<string, Sent>();
  const mined: string[] = [];
  let waiting: Waiting | null = null;
  let child: Waiting | null = null;
  let burns: LineBurn[] = [];
  let coins: SweptOutput[] = [];

  function ancestors(place: LinePlace): Sent[] {
    const found: Sent[] = [];
    for (let sent = steps.get(place.txid); sent !== undefined; sent = steps.get(sent.parent ?? '')) found.push(sent);
    return found;
  }
  const history: LineHistory = {
    root,
    place: (outpoint) => {
      if (outpointName(outpoint) === outpointName(root)) return rootPlace(root);
      return outpoint.vout === 0 ? (steps.get(outpoint.txid)?.place ?? null) : null;
    },
    payersOf: (place, listed) =>
      ancestors(place).flatMap(({ step }) =>
        step.intent.burns
          .filter((one) => listed.some((b) => b.burnTxid === one.burnTxid || b.nullifier === one.nullifier))
          .map(({ burnTxid }) => ({ txid: step.built.txid, burnTxid })),
      ),
    unlisted: () => [],
    spendersOf: (place, outpoints) =>
      ancestors(place).flatMap(({ step }) =>
        step.intent.swept
          .filter((one) => outpoints.some((o) => outpointName(o) === outpointName(one)))
          .map((spent) => ({ txid: step.built.txid, spent })),
      ),
  };
  const tip = () => steps.get(mined.at(-1) ?? '')?.place ?? rootPlace(root);

  function sibling(one: Waiting): PlanSibling {
    const { built, intent } = one.step;
    return {
      kind: intent.step,
      burns: intent.burns,
      payments: [],
      inputs: built.inputs,
      place: one.place,
      fee: intent.fee,
      vsize: built.vsize,
      replaced: replacedBy(one),
      waited: one.waited,
    };
  }
  function replacedBy(one: Waiting) {
    const { built, intent } = one.step;
    const under = one === waiting && child !== null ? replacedOf(child) : { fees: 0n, vsize: 0 };
    return {
      fees: intent.fee + one.hangs.fees + under.fees,
      vsize: built.vsize + one.hangs.vsize + under.vsize,
      rate: (intent.fee * 1000n) / BigInt(built.vsize),
    };
  }
  const replacedOf = (one: Waiting) => ({
    fees: one.step.intent.fee + one.hangs.fees,
    vsize: one.step.built.vsize + one.hangs.vsize,
  });

  function input(changes: Partial<PlanInput> = {}): PlanInput {
    return {
      ...calm,
      terms,
      treasuryKeys: [groupKey],
      tip: tip(),
      waiting: waiting === null ? null : sibling(waiting),
      child: child === null ? null : sibling(child),
      childRefused: false,
      burns,
      maybePaid: [],
      held: new Set(),
      refused: new Set(),
      sweepable: coins,
      depositMin: 1_000n,
      due: true,
      wish: { kind: 'auto' },
      ...changes,
    };
  }

  /** What a signer with the same view holds the fee of a step against, worked out from the mempool alone. */
  function signersView(intent: LineIntent, given: PlanInput): FeeView {
    const onChild = waiting !== null && intent.treasury.txid === waiting.step.built.txid;
    const parent = onChild ? waiting : null;
    const replaced = onChild ? child : waiting;
    const place = history.place(intent.treasury);
    if (place === null) throw new Error('the step spends no treasury output');
    const strays = (replaced?.step.intent.swept ?? []).filter(({ leaf }) => leaf.kind === 'treasury');
    return {
      surplusBefore: place.surplus,
      payoutWaited: replaced?.waited === true && replaced.step.intent.step === 'payout',
      sweepFeeReplaced:
        replaced?.step.intent.step === 'sweep'
          ? surplusBudget(
              place.surplus,
              strays.reduce((sum, { amount }) => sum + amount, 0n),
            )
          : 0n,
      sweepRateMax: given.burns.some(
        ({ burnTxid, amount }) =>
          amount > place.amount - 10_000n && !given.held.has(burnTxid) && !given.refused.has(burnTxid),
      )
        ? null
        : given.cheapRate,
      estimate: given.estimate,
      cap: given.cap,
      relay: given.relay,
      replaced: replaced === null ? null : replacedBy(replaced),
      parent: parent === null ? null : { fee: parent.step.intent.fee, vsize: parent.step.built.vsize },
    };
  }

  /** Burns of a sibling that a step leaves out though nothing allows it (rule 8). */
  function missingBurns({ intent, built }: Step, given: PlanInput): readonly string[] {
    if (intent.step === 'void') return [];
    const onChild = waiting !== null && intent.treasury.txid === waiting.step.built.txid;
    const replaced = onChild ? child : waiting;
    const pays = new Set(intent.burns.map(({ burnTxid }) => burnTxid));
    const rate = (intent.fee * 1000n) / BigInt(built.vsize);
    return (replaced?.step.intent.burns ?? [])
      .filter(({ burnTxid }) => !pays.has(burnTxid) && !given.held.has(burnTxid) && !given.refused.has(burnTxid))
      .filter(({ fee }) => !(replaced?.waited === true && fee < feeAt(43, rate)))
      .map(({ burnTxid }) => burnTxid);
  }

  /** Why a signer with the same view would refuse a step; null where it signs. */
  function objection(step: Step, given: PlanInput): string | null {
    const ruling = ruleLine(history, terms, step.intent);
    if (!ruling.ok) return `${ruling.reason}: ${ruling.detail}`;
    const fee = validateFee(feeTerms(signersView(step.intent, given), ruling.built), step.intent.fee);
    if (!fee.ok) return `${fee.reason}: ${fee.detail}`;
    const rate = (step.intent.fee * 1000n) / BigInt(step.built.vsize);
    const poor = step.intent.swept.find(
      ({ leaf, amount }) => leaf.kind === 'treasury' && amount < 2n * inputCost(rate),
    );
    if (poor !== undefined) return `sweeps a stray of ${poor.amount} sats at ${rate} sats/kvB`;
    const missing = missingBurns(step, given);
    if (missing.length > 0) return `leaves out ${missing.length} burns of the step that it replaces`;
    const { txid } = step.intent.treasury;
    const isTip = txid === tip().txid || (waiting !== null && txid === waiting.step.built.txid);
    return isTip ? null : 'spends neither the tip nor the step that waits';
  }

  return {
    history,
    input,
    objection,
    tip,
    terms,
    waiting: () => waiting,
    child: () => child,
    /** Burns that no mined step pays. */
    unpaid: () => burns,
    coins: () => coins,
    addBurns: (...more: LineBurn[]) => {
      burns = [...burns, ...more];
    },
    addCoins: (...more: SweptOutput[]) => {
      coins = [...coins, ...more];
    },
    plan: (changes: Partial<PlanInput> = {}) => planStep(input(changes)),
    /** Plans, has the step validated, and puts it into the mempool in the place of what it replaces. */
    advance(changes: Partial<PlanInput> = {}): Step {
      const given = input(changes);
      const plan = planStep(given);
      if (plan.kind === 'wait') throw new Error(`no step: ${plan.left.map(({ reason }) => reason).join(', ')}`);
      const refusal = objection(plan, given);
      if (refusal !== null) throw new Error(refusal);
      this.send(plan);
      return plan;
    },
    send(step: Step) {
      const parent = history.place(step.intent.treasury);
      if (parent === null) throw new Error('the step spends no treasury output');
      const { txid, outputs } = step.built;
      const place = {
        txid,
        vout: 0,
        amount: outputs[0]?.amount ?? 0n,
        depth: parent.depth + 1,
        surplus: step.intent.surplus,
      };
      const sent: Waiting = {
        step,
        parent: parent.depth === 0 ? null : parent.txid,
        place,
        waited: false,
        hangs: { fees: 0n, vsize: 0 },
      };
      steps.set(txid, sent);
      if (waiting !== null && step.intent.treasury.txid === waiting.step.built.txid) child = sent;
      else {
        waiting = sent;
        child = null;
      }
    },
    /** Somebody hangs transactions on the step that waits. */
    hang(fees: bigint, vsize: number) {
      if (waiting === null) throw new Error('nothing waits');
      waiting.hangs = { fees: waiting.hangs.fees + fees, vsize: waiting.hangs.vsize + vsize };
    },
    /** `payout_bump_blocks` go by. */
    age() {
      if (waiting !== null) waiting.waited = true;
      if (child !== null) child.waited = true;
    },
    /** What waits is mined, without its child. */
    mine() {
      if (waiting === null) throw new Error('nothing waits');
      const { step } = waiting;
      mined.push(step.built.txid);
      const paid = new Set(step.intent.burns.map(({ burnTxid }) => burnTxid));
      const spent = new Set(step.intent.swept.map(outpointName));
      burns = burns.filter(({ burnTxid }) => !paid.has(burnTxid));
      coins = coins.filter((coin) => !spent.has(outpointName(coin)));
      waiting = child;
      child = null;
    },
  };
}

export type LineWorld = ReturnType<typeof lineWorld>;
