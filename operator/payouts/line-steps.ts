// Makes steps of the treasury line: plan, have the federation sign, verify, keep, tell the peers, send. There is one planner
// (chain/line-plan.ts), and this is the one loop around it: what signers refuse changes what it is given. Each step is durable
// before the next, so that a crash anywhere pays no burn twice and loses none.
import type { SigningResult } from '../../ceremony/signing/candidates.ts';
import { asUnavailable } from '../../chain/bitcoin-view.ts';
import { finalizeSpend } from '../../chain/custody-spend.ts';
import { inputCost } from '../../chain/fee.ts';
import { type BuiltLine, buildLine, surplusAfter } from '../../chain/line.ts';
import { type LineIntent, type LineKind, lineJson } from '../../chain/line-intent.ts';
import { type Plan, planStep, type WaitReason } from '../../chain/line-plan.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { recordStepSigned } from '../../store/line.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { notSigned } from '../bridge/bridge.ts';
import type { Turns } from '../bridge/turns.ts';
import { type LineNow, lineNow, type WaitingStep } from '../chain-state/line-view.ts';
import type { FederationKey } from '../keys/keys.ts';
import { CommandError } from '../runtime/command-error.ts';
import { counted } from '../runtime/counted.ts';
import { noProgress, type Progress } from '../runtime/progress.ts';
import { pauseStops } from '../validation/pause-gate.ts';
import { serviceStops } from '../validation/service-gate.ts';
import { destinationRefused } from './destination-refusals.ts';
import { stepFields } from './line-exchange.ts';
import { type Learnt, LineInputs, NOTHING_LEARNT, type StepOrder } from './line-inputs.ts';
import { type Asked, learnFrom, missingFor, narrow } from './line-learning.ts';
import { ratesRefused, type SignerRefusal } from './rate-refusals.ts';

/** How often a plan is made anew from what signers refused. */
const PLANS_MAX = 16;

/** What a signer refuses for because it has not read a block, or not heard of a step, that came a moment ago. */
const PASSING: ReadonlySet<string> = new Set(['chain_behind', 'not_tip', 'parent_unknown']);
const PASSING_MS = 500;

/** What happens by itself: whatever is due. */
export const AUTOMATIC: StepOrder = { wish: { kind: 'auto' }, named: null, now: false };

/** A step that the federation signed. */
export interface MadeStep {
  readonly kind: 'made';
  readonly built: BuiltLine;
  /** Hex, with witnesses. */
  readonly transaction: string;
  readonly result: Extract<SigningResult, { kind: 'signed' }>;
  /** Whether the own Bitcoin nodes took it; `detail`: what they said where they did not. */
  readonly broadcast: boolean;
  readonly detail: string;
  /** What it leaves out, and why. */
  readonly left: readonly WaitReason[];
}

/** A test step that the federation signed; `transaction` in hex, with witnesses. */
export interface TestStep {
  readonly built: BuiltLine;
  readonly transaction: string;
  readonly result: Extract<SigningResult, { kind: 'signed' }>;
}

/** What an order came to. */
export type StepOutcome = MadeStep | { readonly kind: 'waits'; readonly left: readonly WaitReason[] };

/** Makes steps, one at a time. */
export class LineSteps {
  readonly #bridge: Bridge;
  readonly #turns: Turns;
  readonly #inputs: LineInputs;
  #left: readonly WaitReason[] = [];
  /** Since when each reason is among them, in ms since 1970. */
  #waitsSince: ReadonlyMap<string, number> = new Map();
  #making: Promise<unknown> = Promise.resolve();

  constructor(bridge: Bridge, turns: Turns) {
    this.#bridge = bridge;
    this.#turns = turns;
    this.#inputs = new LineInputs(bridge, turns);
  }

  /** What waits as of the last plan, and why. */
  get left(): readonly WaitReason[] {
    return this.#left;
  }

  /** Since when something waits for this reason, in ms since 1970; null where nothing does. */
  waitsSince(reason: string): number | null {
    return this.#waitsSince.get(reason) ?? null;
  }

  #waits(left: readonly WaitReason[]): void {
    const now = this.#bridge.effects.now();
    this.#left = left;
    this.#waitsSince = new Map(left.map(({ reason }) => [reason, this.#waitsSince.get(reason) ?? now]));
  }

  /** What waits now, and why, by a plan of which nothing is made. Throws `CommandError` where the line cannot be told. */
  async waiting(key: FederationKey): Promise<readonly WaitReason[]> {
    const plan = await this.#plan(key, await this.#line(key), AUTOMATIC, NOTHING_LEARNT);
    this.#waits(plan.left);
    return plan.left;
  }

  /** One round of what happens by itself: where a step is due and it is this node's turn, makes it. */
  async round(key: FederationKey): Promise<void> {
    const reading = await lineNow(this.#bridge, key);
    if (!reading.ok) return;
    const { tip } = reading.line;
    // The leader follows from the block that confirmed the tip, which nobody can choose.
    const name = `line/${tip.blockHash}/${tip.txid}`;
    if (this.#turns.rests(name)) return;
    const plan = await this.#plan(key, reading.line, AUTOMATIC, NOTHING_LEARNT);
    this.#waits(plan.left);
    if (plan.kind === 'wait') {
      // Nobody is silent while there is nothing to do.
      this.#turns.forget(name);
      return;
    }
    await this.#turns.take(name, async () => {
      await this.make(key, AUTOMATIC, noProgress);
    });
  }

  /** Makes a step as ordered. Throws `CommandError` where the line cannot be told or the federation does not sign. */
  make(key: FederationKey, order: StepOrder, progress: Progress): Promise<StepOutcome> {
    const paused = pauseStops(this.#bridge.db);
    if (paused !== null) return Promise.reject(new CommandError('paused', paused));
    const why = serviceStops(this.#bridge.db, 'payouts');
    if (why !== null) return Promise.reject(new CommandError('service_off', why));
    const turn = this.#making.catch(() => {}).then(() => this.#make(key, order, progress));
    this.#making = turn;
    return turn;
  }

  async #make(key: FederationKey, order: StepOrder, progress: Progress): Promise<StepOutcome> {
    let learnt: Learnt = NOTHING_LEARNT;
    for (let plans = 1; ; plans++) {
      const line = await this.#line(key);
      progress({ step: 'plan', text: 'planning a step of the treasury line' });
      const plan = await this.#plan(key, line, order, learnt);
      if (plan.kind === 'wait') {
        this.#waits(plan.left);
        return { kind: 'waits', left: plan.left };
      }
      const answer = await this.#sign(key, plan.built, progress);
      if (answer.kind === 'signed') {
        this.#waits(plan.left);
        const sent = await this.#keep(plan.built, answer);
        return { kind: 'made', built: plan.built, result: answer.result, ...sent, left: plan.left };
      }
      const { parties: participants, threshold } = this.#bridge.config;
      const isChild = plan.intent.treasury.txid !== line.tip.txid;
      const isSweep = plan.intent.step === 'sweep';
      const asked = { participants, threshold, alone: answer.alone, isChild, isSweep };
      const more = learnFrom(learnt, answer.refusals, asked);
      const isPassing = more === null && answer.refusals.some(({ reason }) => PASSING.has(reason));
      const sibling = isChild ? line.child : line.waiting;
      const narrowed = more === null ? narrow(learnt, answer.refusals, asked, openBurns(plan.intent, sibling)) : null;
      // Told before the end, so that the next order goes without it.
      if (narrowed !== null && narrowed.found !== null) this.#inputs.burns.refused(narrowed.found);
      const isAlone = narrowed !== null && narrowed.found !== null && learnt.refusedBurns.size === 0;
      const isStuck = isAlone || (more === null && narrowed === null && !isPassing);
      if (isStuck || plans >= PLANS_MAX) {
        throw this.#refusal(answer, asked, plan.built, isChild ? line.waiting : null);
      }
      if (more !== null) this.#rest(learnt, more);
      else if (narrowed === null) await this.#bridge.effects.sleep(PASSING_MS);
      learnt = more ?? narrowed?.learnt ?? learnt;
    }
  }

  /**
   * Has the federation sign a step that can never be mined, from the tip, whatever waits there: of the first of these orders
   * that gives one of this kind. Keeps and sends nothing. `failed`: the sentence where none does. Throws `CommandError`.
   */
  async test(
    key: FederationKey,
    {
      kind,
      orders,
      failed,
    }: { readonly kind: LineKind; readonly orders: readonly StepOrder[]; readonly failed: string },
    progress: Progress,
  ): Promise<TestStep> {
    const line = { ...(await this.#line(key)), waiting: null, child: null };
    progress({ step: 'plan', text: 'planning a step that can never be mined' });
    let left: readonly WaitReason[] = [];
    for (const order of orders) {
      const { input } = await this.#inputs.gather(key, line, order, NOTHING_LEARNT);
      const plan = planStep(input);
      if (plan.kind === 'step' && plan.intent.step === kind) {
        const formed = buildLine(input.terms, asTest(plan, line.tip.surplus));
        if (!formed.ok) throw new CommandError(formed.reason, formed.detail);
        return this.#signTest(key, formed.built, progress);
      }
      left = plan.left;
    }
    const why = left.map(({ reason, remedy }) => `${reason}: ${remedy}`).join('; ');
    throw new CommandError('nothing_to_pay', why === '' ? failed : `${failed}: ${why}`);
  }

  async #signTest(key: FederationKey, built: BuiltLine, progress: Progress): Promise<TestStep> {
    const { parties: participants, threshold } = this.#bridge.config;
    const answer = await this.#sign(key, built, progress);
    if (answer.kind === 'refused') {
      throw this.#refusal(answer, { participants, threshold, alone: answer.alone, isChild: false }, built, null);
    }
    const final = finalizeSpend(built, answer.result.signatures);
    if (!final.ok) throw new Error(`the signatures of inputs ${final.inputs.join(', ')} do not verify`);
    return { built, transaction: toHex(final.transaction), result: answer.result };
  }

  // Why a step is not signed, as the operator reads it who ordered it.
  #refusal(
    { refusals, told, error }: RefusedAnswer,
    asked: Asked,
    built: BuiltLine,
    parent: WaitingStep | null,
  ): CommandError {
    const missing = missingFor(refusals, asked);
    return (
      destinationRefused(told, { ...asked, missing }, built.intent, this.#bridge.config.network) ??
      ratesRefused(told, missing, built, parent?.entry ?? null) ??
      error
    );
  }

  async #line(key: FederationKey): Promise<LineNow> {
    for (let looks = 1; ; looks++) {
      const reading = await lineNow(this.#bridge, key);
      if (reading.ok) return reading.line;
      // A block that came a moment ago is read within the next round.
      const isPassing = reading.reason === 'chain_behind' && looks < PLANS_MAX;
      if (!isPassing) throw new CommandError(reading.reason, reading.detail);
      await this.#bridge.effects.sleep(PASSING_MS);
    }
  }

  async #plan(key: FederationKey, line: LineNow, order: StepOrder, learnt: Learnt): Promise<Plan> {
    const { input, left } = await this.#inputs.gather(key, line, order, learnt);
    const plan = planStep(input);
    return { ...plan, left: [...plan.left, ...left] };
  }

  // A burn that is refused now does not hold up the others.
  #rest(before: Learnt, after: Learnt): void {
    for (const burnTxid of after.refusedBurns) {
      if (!before.refusedBurns.has(burnTxid)) this.#inputs.burns.refused(burnTxid);
    }
  }

  async #sign(key: FederationKey, built: BuiltLine, progress: Progress): Promise<SignedAnswer | RefusedAnswer> {
    const { validation, keys, signing } = this.#bridge;
    const intent = lineJson(built.intent);
    const verdict = await validation.validate(intent, key.keyId, 'bip340');
    if (!verdict.ok) {
      const error = new CommandError(verdict.reason, verdict.detail);
      return { kind: 'refused', alone: true, refusals: [verdict], told: [], error };
    }
    const inputs = counted(built.messages.length, 'input');
    progress({ step: 'sign', text: `asking ${key.bitcoin.threshold} operators to sign ${inputs}` });
    const task = { scheme: keys.scheme('bip340'), keyId: key.keyId, key: key.bitcoin, intent };
    const result = await signing.coordinate({ ...task, messages: verdict.messages }, signing.candidates());
    if (result.kind === 'failed') {
      const { exclusions } = result;
      return { kind: 'refused', alone: false, refusals: exclusions, told: exclusions, error: notSigned(result) };
    }
    return { kind: 'signed', result, decide: verdict.decide };
  }

  async #keep(
    built: BuiltLine,
    { result, decide }: SignedAnswer,
  ): Promise<Pick<MadeStep, 'transaction' | 'broadcast' | 'detail'>> {
    const { db, effects, bitcoin, log, announce } = this.#bridge;
    const final = finalizeSpend(built, result.signatures);
    if (!final.ok) throw new Error(`the signatures of inputs ${final.inputs.join(', ')} do not verify`);
    const transaction = toHex(final.transaction);
    // Among the signers this node has written it down already; where the others signed without it, now.
    const decision = decide('signed');
    if (!decision.ok) throw new CommandError(decision.reason, `step ${built.txid} is signed, but ${decision.detail}`);
    recordStepSigned(db, built.txid, transaction, effects.now());
    log('info', 'line_step_signed', stepFields(built));
    announce({ type: 'announce_step', body: { intent: lineJson(built.intent), transaction } });
    const verdict = await bitcoin.broadcast(fromHex(transaction)).catch(asUnavailable);
    if (verdict.ok) {
      log('info', 'line_step_broadcast', stepFields(built));
      return { transaction, broadcast: true, detail: 'sent by our own Bitcoin nodes' };
    }
    log('error', 'line_step_rejected', { txid: built.txid, detail: verdict.detail });
    return {
      transaction,
      broadcast: false,
      detail: `our Bitcoin nodes refuse it (${verdict.detail}); it is kept and sent again`,
    };
  }
}

/** The burns that a step pays and that its sibling does not: those that need not be in it. */
function openBurns({ burns }: LineIntent, sibling: WaitingStep | null): readonly string[] {
  const bound = new Set(sibling?.step.burns?.map(({ burnTxid }) => burnTxid));
  return burns.flatMap(({ burnTxid }) => (bound.has(burnTxid) ? [] : burnTxid));
}

// The same step with one more input, which cannot exist: it pays for that itself.
function asTest({ intent, built }: Extract<Plan, { kind: 'step' }>, surplusBefore: bigint): LineIntent {
  const more = inputCost((intent.fee * 1000n) / BigInt(built.vsize));
  const { destination } = intent;
  const test: LineIntent = {
    ...intent,
    test: true,
    fee: intent.fee + more,
    destination: destination === null ? null : { ...destination, amount: destination.amount - more },
  };
  return { ...test, surplus: surplusAfter(surplusBefore, test) };
}

interface SignedAnswer {
  readonly kind: 'signed';
  readonly result: Extract<SigningResult, { kind: 'signed' }>;
  readonly decide: (
    signed: 'signed',
  ) => { readonly ok: true } | { readonly ok: false; readonly reason: string; readonly detail: string };
}

interface RefusedAnswer {
  readonly kind: 'refused';
  /** This node's own validation refused. */
  readonly alone: boolean;
  readonly refusals: readonly { readonly reason: string; readonly data?: unknown }[];
  /** The same with who said so, where it was the others. */
  readonly told: readonly SignerRefusal[];
  readonly error: CommandError;
}
