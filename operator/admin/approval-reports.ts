// Requests as a person decides them: with the burn as the own Wire nodes show it, the rules and limits that it meets, and what
// other operators have said. From the database and what this node knows already: nobody is asked.
import { listBurnPayments, paymentOf } from '../../store/burn-payments.ts';
import type { Page, Queries } from '../../store/database.ts';
import { heldBurn } from '../../store/holds.ts';
import { waitingSteps } from '../../store/line.ts';
import { isPayoutSigned, knownFinalSince, signedWithinDay } from '../../store/payout-limits.ts';
import { isHolding, vetoesOf } from '../../store/vetoes.ts';
import { settledHeight } from '../chain-state/scan.ts';
import type { Node } from '../node.ts';
import { vetoFlaw } from '../payouts/vetoes.ts';
import { requestReports, requestShown } from '../payouts/void-requests.ts';
import { listCards } from '../peers/federation.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { RequestReport } from '../runtime/command-types.ts';
import { signerReports } from '../status/signer-reports.ts';
import { type BurnShown, iso, lookAlike, shownBurn } from './money-shapes.ts';

/** How many burns' addresses are compared with that of a request. */
const COMPARED_BURNS = 500;

/** A request with the burn that it is about. `looks_like`: another address of a burn that could be mistaken for its own. */
export interface RequestRow {
  readonly request: RequestReport;
  readonly burn: BurnShown | null;
  readonly looks_like: string | null;
  /** The operator that asked; its index where its card is not here. */
  readonly asker: string;
}

/** What an operator's policy says of a payout. Amounts in sats; null: no limit. */
export interface RuleReport {
  readonly approve_above: string | null;
  readonly largest: string | null;
  readonly day_max: string | null;
  /** What this node signed to be paid within the last 24 h. */
  readonly day_used: string;
  /** Whether this payout is among what was signed already. */
  readonly is_counted: boolean;
  /** When its hold window ends; null where it has none, or its burn is not final here yet. */
  readonly hold_until: string | null;
  readonly has_hold_window: boolean;
}

/** A veto of a payout. */
export interface VetoReport {
  readonly id: string;
  readonly by: string;
  readonly reason: string;
  readonly until: string;
  /** The operators that let the payout go all the same. */
  readonly approvals: readonly string[];
  readonly holds: boolean;
}

/** One request from top to bottom. */
export interface ApprovalReport extends RequestRow {
  readonly threshold: number;
  /** Of a payout or a veto. */
  readonly rules: RuleReport | null;
  readonly vetoes: readonly VetoReport[];
  /** Operators whose node last refused to sign something of this burn, as they said themselves. */
  readonly refusals: readonly {
    readonly by: string;
    readonly reason: string;
    readonly detail: string;
    readonly at: string;
  }[];
  readonly held: string | null;
  /** The step that pays the burn, where one is signed or mined. */
  readonly paid_by: { readonly txid: string; readonly state: string } | null;
  /** Of a void: the signed steps that become worthless. */
  readonly worthless: readonly { readonly txid: string; readonly kind: string | null; readonly burns: number | null }[];
  /** Whether a veto of this operator would be taken now, and if not, why. */
  readonly can_veto: { readonly ok: boolean; readonly why: string };
}

/** Requests, newest first. */
export function requestRows(
  node: Node,
  page: Required<Page>,
): { readonly rows: readonly RequestRow[]; readonly total: number } {
  const { requests, total } = requestReports(node, page);
  const names = operatorNames(node);
  const addresses = recentAddresses(node.store.db);
  return { rows: requests.map((request) => row(node.store.db, request, names, addresses)), total };
}

/** One request by its whole id, or null. */
export function approvalReport(node: Node, id: string): ApprovalReport | null {
  const request = found(node, id);
  if (request === null) return null;
  const { store, config, input } = node;
  const { db } = store;
  const now = input.effects.now();
  const names = operatorNames(node);
  const shown = row(db, request, names, recentAddresses(db));
  const { burn_txid: burnTxid } = request;
  const vetoes = burnTxid === null ? [] : vetoesOf(db, burnTxid);
  const payment = burnTxid === null ? null : paymentOf(db, burnTxid, settledHeight(db, config));
  return {
    ...shown,
    threshold: config.threshold,
    rules: shown.burn === null ? null : rules(node, shown.burn, now),
    vetoes: vetoes.map((veto) => ({
      ...{ id: veto.id, by: names(veto.vetoedBy), reason: veto.reason, until: iso(veto.expiresAt) },
      approvals: veto.approvals.map(names),
      holds: isHolding(veto, config.threshold, now),
    })),
    refusals: burnTxid === null ? [] : refusalsOf(node, burnTxid),
    held: burnTxid === null ? null : (heldBurn(db, burnTxid)?.reason ?? null),
    paid_by: payment === null || payment.state === 'waiting' ? null : { txid: payment.txid, state: payment.state },
    worthless: request.kind === 'void' && request.outcome.state === 'open' ? worthless(db) : [],
    can_veto: canVeto(node, burnTxid, now),
  };
}

/** How each operator is named: by index and the name on its card. */
export function operatorNames({ store }: Pick<Node, 'store'>): (index: number) => string {
  const cards = new Map(listCards(store.db).map(({ index, name }) => [index, name]));
  return (index) => {
    const name = cards.get(index);
    return name === undefined ? `operator ${index}` : `${index} ${name}`;
  };
}

function found(node: Node, id: string): RequestReport | null {
  try {
    return requestShown(node, { id }).request;
  } catch (error) {
    if (error instanceof CommandError) return null;
    throw error;
  }
}

function row(
  db: Queries,
  request: RequestReport,
  names: (index: number) => string,
  addresses: readonly string[],
): RequestRow {
  const burn = shownBurn(db, request.burn_txid);
  const looks_like = burn === null ? null : lookAlike(burn.address, addresses);
  return { request, burn, looks_like, asker: names(request.asked_by) };
}

function recentAddresses(db: Queries): readonly string[] {
  return listBurnPayments(db, 0, { limit: COMPARED_BURNS }).rows.map(({ burn }) => burn.address);
}

function rules({ store, config }: Node, burn: BurnShown, now: number): RuleReport {
  const { db } = store;
  const { approveAboveSats, withdrawalMaxSats, dayMaxSats, holdAboveSats, holdMinutes } = config.policy;
  const used = signedWithinDay(db, now).reduce((sum, { sats }) => sum + sats, 0n);
  const text = (limit: bigint | null) => (limit === null ? null : `${limit}`);
  const has_hold_window = holdAboveSats !== null && BigInt(burn.pays) >= holdAboveSats;
  const since = has_hold_window ? knownFinalSince(db, burn.burn_txid) : null;
  return {
    approve_above: text(approveAboveSats),
    largest: text(withdrawalMaxSats),
    day_max: text(dayMaxSats),
    day_used: `${used}`,
    is_counted: isPayoutSigned(db, burn.burn_txid),
    hold_until: since === null ? null : iso(since + holdMinutes * 60_000),
    has_hold_window,
  };
}

/** Whether a veto of this operator would be taken now, and if not, why. */
export function canVeto(
  { store: { db }, config }: Node,
  burnTxid: string | null,
  now: number,
): ApprovalReport['can_veto'] {
  if (burnTxid === null) return { ok: false, why: '' };
  const flaw = vetoFlaw({ db, config, now }, burnTxid);
  if (flaw !== null) return { ok: false, why: `This burn ${flaw.detail}: ${flaw.remedy}` };
  const own = vetoesOf(db, burnTxid).some(({ vetoedBy }) => vetoedBy === config.myIndex);
  return own ? { ok: false, why: 'This operator has vetoed it before, and each may once.' } : { ok: true, why: '' };
}

// A peer's node says why it refuses when it is asked to sign; the last word of each is kept.
function refusalsOf(node: Node, burnTxid: string): ApprovalReport['refusals'] {
  return signerReports(node).flatMap(({ index, name, last }) =>
    last?.detail.includes(burnTxid)
      ? [{ by: `${index} ${name}`, reason: last.reason, detail: last.detail, at: last.at }]
      : [],
  );
}

function worthless(db: Queries): ApprovalReport['worthless'] {
  return waitingSteps(db).map(({ txid, kind, burns }) => ({ txid, kind, burns: burns?.length ?? null }));
}
