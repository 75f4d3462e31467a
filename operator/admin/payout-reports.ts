// The pages of payouts: burns that wait and why, where the treasury line stands, and where one burn stands. From the database and
// the last plan that this node made: no Bitcoin or Wire node is asked.
import { burnPayments, listWaitingBurns, paymentOf } from '../../store/burn-payments.ts';
import type { Burn } from '../../store/burns.ts';
import type { Page, Queries } from '../../store/database.ts';
import { heldBurn } from '../../store/holds.ts';
import { getStep, type LineStep, minedTip, waitingSteps } from '../../store/line.ts';
import { openPayoutRequest } from '../../store/payout-requests.ts';
import { type StepState, stepPlace } from '../../store/step-state.ts';
import { vetoesOf } from '../../store/vetoes.ts';
import { scannedHeight, settledHeight } from '../chain-state/scan.ts';
import type { Node } from '../node.ts';
import { waitReport } from '../payouts/withdraw.ts';
import type { TreasuryReport, WaitReport } from '../runtime/command-types.ts';
import { treasuryReport } from '../treasury-report.ts';
import { canVeto } from './approval-reports.ts';
import { type BurnShown, burnShown, iso } from './money-shapes.ts';

/** How many mined steps the drawing of the line shows. */
const DRAWN_STEPS = 4;
const DRAWN_WAITING = 4;

/** A burn that no mined step pays. `reason` null: none is known; `remedy` then says what happens next. */
export interface WaitingBurn {
  readonly burn: BurnShown;
  /** The step that is signed and pays it, once a block has it. */
  readonly signed_step: string | null;
  readonly held: string | null;
  readonly reason: string | null;
  readonly remedy: string;
  /** The open request for this operator's approval. */
  readonly request: string | null;
}

/** Burns that wait, oldest on the Wire ledger first, and what the whole line waits for. */
export interface WaitingReport {
  readonly burns: readonly WaitingBurn[];
  readonly total: number;
  readonly line: readonly WaitReport[];
}

/** A step in the drawing of the line. Amounts in sats, `fee_rate` in sat/vB. */
export interface DrawnStep {
  readonly txid: string;
  readonly kind: string | null;
  readonly depth: number;
  readonly state: StepState;
  readonly height: number | null;
  readonly treasury: string;
  readonly miner_fee: string | null;
  readonly fee_rate: number | null;
  readonly burns: number | null;
  readonly created_at: string;
}

/** The treasury with its line; `left_out`: mined steps between the root and the first one that is drawn. */
export interface LineReport {
  readonly treasury: TreasuryReport;
  readonly mined: readonly DrawnStep[];
  readonly left_out: number;
  readonly waiting: readonly DrawnStep[];
}

/** What waits. */
export function waitingBurns(node: Node, page: Page): WaitingReport {
  const { db } = node.store;
  const { rows, total } = listWaitingBurns(db, page);
  const left = lastPlan(node);
  const reasons = new Map(left.map((one) => [one.burn_txid, one]));
  return {
    burns: rows.map((burn) => waiting(node, burn, reasons.get(burn.burnTxid))),
    total,
    line: left.filter(({ burn_txid }) => burn_txid === null),
  };
}

function lastPlan(node: Node): readonly WaitReport[] {
  const key = node.keys.live();
  const { online } = node;
  if (key === null || online === null) return [];
  return online.autopilot.steps.left.map((reason) => waitReport(node, key, reason));
}

function waiting(node: Node, burn: Burn, planned: WaitReport | undefined): WaitingBurn {
  const { db } = node.store;
  const { burnTxid } = burn;
  const payment = paymentOf(db, burnTxid, settledHeight(db, node.config));
  const signed_step = payment.state === 'waiting' ? null : payment.txid;
  const held = heldBurn(db, burnTxid)?.reason ?? null;
  const request = openPayoutRequest(db, burnTxid, node.input.effects.now());
  const [reason, remedy] = waitsFor(node, signed_step, held, planned);
  const isOpen = request !== null && request.decision === null;
  return { burn: burnShown(burn), signed_step, held, reason, remedy, request: isOpen ? request.id : null };
}

// What is signed or held here counts before what the last plan said.
function waitsFor(
  { online, config }: Node,
  signed: string | null,
  held: string | null,
  planned: WaitReport | undefined,
): readonly [string | null, string] {
  if (signed !== null) return ['signed', 'a block: the step that pays it is signed'];
  if (held !== null) return ['held', `its release: this operator holds it back (${held})`];
  if (planned !== undefined) return [planned.reason, planned.remedy];
  if (online === null) return ['sealed', 'the keys: this node is sealed, and plans nothing'];
  if (!config.automatic) return ['not_automatic', 'your word: `automatic` is off here, so pay it by hand'];
  return [null, 'the next step: an operator begins it by itself'];
}

/** The treasury and its line; null while there is no key. */
export function lineReport(node: Node): LineReport | null {
  if (node.keys.live() === null) return null;
  const { store, config } = node;
  const { db } = store;
  const settled = settledHeight(db, config);
  const mined = minedPath(db);
  const waitingNow = waitingSteps(db).filter((step) => stepPlace(db, step, settled).state === 'signed');
  return {
    treasury: treasuryReport(node),
    mined: mined.map((step) => drawn(db, step, settled)),
    left_out: (mined[0]?.depth ?? 1) - 1,
    waiting: waitingNow.slice(0, DRAWN_WAITING).map((step) => drawn(db, step, settled)),
  };
}

// The end of the mined line, the step nearest to the root first.
function minedPath(db: Queries): readonly LineStep[] {
  const path: LineStep[] = [];
  for (let step = minedTip(db); step !== null && path.length < DRAWN_STEPS; ) {
    path.unshift(step);
    step = step.parentTxid === null ? null : getStep(db, step.parentTxid);
  }
  return path;
}

function drawn(db: Queries, step: LineStep, settled: number): DrawnStep {
  const { txid, kind, depth, height, treasuryAmount, fee, vsize, burns, createdAt } = step;
  return {
    ...{ txid, kind, depth, height, treasury: `${treasuryAmount}`, burns: burns?.length ?? null },
    state: stepPlace(db, step, settled).state,
    miner_fee: fee === null ? null : `${fee}`,
    fee_rate: fee === null ? null : Number(fee) / vsize,
    created_at: iso(createdAt),
  };
}

/** Where one burn stands. */
export interface BurnReport {
  readonly burn: BurnShown;
  readonly state: 'waiting' | 'signed' | 'mined' | 'settled';
  readonly waits: WaitingBurn | null;
  /** Every step that pays it, the newest last. */
  readonly steps: readonly {
    readonly txid: string;
    readonly state: StepState;
    readonly height: number | null;
    readonly miner_fee: string | null;
    readonly created_at: string;
  }[];
  readonly vetoes: readonly string[];
  readonly can_veto: boolean;
  readonly confirmations: number;
}

/** One burn; null where the own Wire nodes have not told of it. */
export function burnReport(node: Node, burnTxid: string): BurnReport | null {
  const { db } = node.store;
  const settled = settledHeight(db, node.config);
  const found = burnPayments(db, burnTxid, settled);
  if (found === null) return null;
  const { burn, payment, steps } = found;
  const isUnpaid = payment.state === 'waiting' || payment.state === 'signed';
  const planned = lastPlan(node).find(({ burn_txid }) => burn_txid === burnTxid);
  const scanned = scannedHeight(db);
  const height = payment.state === 'waiting' ? null : payment.height;
  return {
    burn: burnShown(burn),
    state: payment.state,
    waits: isUnpaid ? waiting(node, burn, planned) : null,
    steps: steps.flatMap(({ txid, fee, createdAt }) => {
      const step = getStep(db, txid);
      if (step === null) return [];
      const { state } = stepPlace(db, step, settled);
      return [
        { txid, state, height: step.height, miner_fee: fee === null ? null : `${fee}`, created_at: iso(createdAt) },
      ];
    }),
    vetoes: vetoesOf(db, burnTxid).map(({ id }) => id),
    can_veto: isUnpaid && canVeto(node, burnTxid, node.input.effects.now()).ok,
    confirmations: height === null || scanned === null ? 0 : Math.max(0, scanned - height + 1),
  };
}
