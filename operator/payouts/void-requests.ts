// Requests that every signer's operator approves by itself: payouts (payout-requests.ts), and void steps. One makes everything
// worthless that was signed from a treasury output and is not mined yet. The node that asks tries again until enough have
// approved, or a day has passed.
import { toHex } from '../../crypto/bytes.ts';
import { type Listing, PAGE_ROWS_MAX, type Page, pageBounds, type Queries } from '../../store/database.ts';
import { listPayoutRequests, payoutRequest } from '../../store/payout-requests.ts';
import { requestIdBeginning, requestIdOf } from '../../store/request-ids.ts';
import { requestOutcome } from '../../store/request-outcome.ts';
import {
  approvedRequests,
  decideRequest,
  getRequest,
  listRequests,
  recordRequest,
  type StoredRequest,
} from '../../store/requests.ts';
import { getVeto, listVetoes } from '../../store/vetoes.ts';
import { type Bridge, requireLiveKey } from '../bridge/bridge.ts';
import type { Turns } from '../bridge/turns.ts';
import { lineNow } from '../chain-state/line-view.ts';
import type { FederationKey } from '../keys/keys.ts';
import type { RequestTold } from '../peers/messages-requests.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandParams, CommandResults, RequestReport } from '../runtime/command-types.ts';
import { errorText } from '../runtime/log.ts';
import { noProgress, type Progress } from '../runtime/progress.ts';
import type { LineSteps, StepOutcome } from './line-steps.ts';
import { decidePayoutHere, payoutReport, type RequestDesk } from './payout-requests.ts';
import { vetoReport } from './vetoes.ts';
import { madeReport, waitReport } from './withdraw.ts';

/** For how long a request can be approved, in ms. */
export const REQUEST_OPEN_MS = 86_400_000;

/** Requests of this node and of its peers. */
export class Requests {
  readonly #bridge: Bridge;
  readonly #steps: LineSteps;
  readonly #turns: Turns;

  constructor(bridge: Bridge, steps: LineSteps, turns: Turns) {
    this.#bridge = bridge;
    this.#steps = steps;
    this.#turns = turns;
  }

  /** Keeps what a peer asks. */
  take(from: number, { id, kind, treasury, reason, open_ms }: RequestTold): void {
    const { db, effects, log } = this.#bridge;
    const createdAt = effects.now();
    const expiresAt = createdAt + Math.min(open_ms, REQUEST_OPEN_MS);
    const isNew = recordRequest(db, { id, kind, treasury, reason, askedBy: from, createdAt, expiresAt }, createdAt);
    if (isNew) log('warn', 'request_to_approve', { id, kind, from, reason });
  }

  /** Asks for a void step of everything that is signed from the tip and not mined, and makes it once enough approve. */
  async void(params: CommandParams<'void'>, progress: Progress): Promise<CommandResults['void']> {
    const { db, effects, config } = this.#bridge;
    const key = requireLiveKey(this.#bridge.keys);
    const reading = await lineNow(this.#bridge, key);
    if (!reading.ok) throw new CommandError(reading.reason, reading.detail);
    const { txid, vout } = reading.line.tip;
    const now = effects.now();
    const id = requestIdOf('void', toHex(effects.random(16)));
    const request = { id, kind: 'void' as const, treasury: { txid, vout }, reason: params.reason };
    recordRequest(db, { ...request, askedBy: config.myIndex, createdAt: now, expiresAt: now + REQUEST_OPEN_MS }, now);
    decideRequest(db, id, 'approved', 'asked for here', now);
    const stored = this.#require(id);
    this.#tell(stored);
    return { request: this.#report(stored), ...(await this.#attempt(key, progress)) };
  }

  /** Tries the void steps again that this node's operator asked for. Never rejects. */
  async round(key: FederationKey): Promise<void> {
    const { db, effects, config, log } = this.#bridge;
    const own = approvedRequests(db, effects.now()).filter(({ askedBy }) => askedBy === config.myIndex);
    if (own.length === 0) return;
    const reading = await lineNow(this.#bridge, key);
    if (!reading.ok) return;
    const { tip } = reading.line;
    const open = own.find(({ treasury }) => treasury.txid === tip.txid && treasury.vout === tip.vout);
    if (open === undefined || this.#turns.rests(`void/${open.id}`)) return;
    this.#turns.rest(`void/${open.id}`, config.takeoverS * 1000);
    if (reading.line.waiting?.step.kind === 'void') return;
    this.#tell(open);
    const { detail } = await this.#attempt(key, noProgress);
    log('info', 'void_tried', { id: open.id, detail });
  }

  /** Approves or refuses a request, by its whole id. Throws `CommandError`. */
  decide(id: string, decision: 'approved' | 'refused', reason: string | null): { readonly request: RequestReport } {
    const { db, effects } = this.#bridge;
    const known = getRequest(db, id);
    if (known === null) return this.#decidePayout(id, decision, reason);
    const { state, txid } = requestOutcome(db, known, effects.now());
    if (state === 'done' || state === 'overtaken') {
      throw new CommandError('request_over', `request ${id} is over: step ${txid} was mined`);
    }
    const verdict = decideRequest(db, id, decision, reason, effects.now());
    if (!verdict.ok) throw new CommandError(verdict.reason, SENTENCES[verdict.reason](id));
    return { request: this.#report(this.#require(id)) };
  }

  #decidePayout(
    id: string,
    decision: 'approved' | 'refused',
    reason: string | null,
  ): { readonly request: RequestReport } {
    const { db, config, effects } = this.#bridge;
    const desk = { db, config, now: effects.now() };
    const verdict = decidePayoutHere(desk, id, decision, reason);
    const request = payoutRequest(db, id);
    if (!verdict.ok) throw new CommandError(verdict.reason, SENTENCES[verdict.reason](id));
    if (request === null) throw new Error('what was decided is there');
    return { request: payoutReport(desk, request) };
  }

  async #attempt(
    key: FederationKey,
    progress: Progress,
  ): Promise<Pick<CommandResults['void'], 'step' | 'left' | 'detail'>> {
    const begun = this.#bridge.effects.now();
    let outcome: StepOutcome;
    try {
      outcome = await this.#steps.make(key, { wish: { kind: 'void' }, named: null, now: true }, progress);
    } catch (error) {
      // Signers whose operators have not approved yet refuse; it is tried again.
      if (!(error instanceof CommandError)) throw error;
      return { step: null, left: [], detail: errorText(error) };
    }
    if (outcome.kind === 'made') {
      return { step: madeReport(this.#bridge, outcome, begun), left: [], detail: outcome.detail };
    }
    const left = outcome.left.map((one) => waitReport(this.#bridge, key, one));
    return { step: null, left, detail: left.map(({ remedy }) => remedy).join('; ') };
  }

  #tell({ id, kind, treasury, reason, expiresAt }: StoredRequest): void {
    const { announce, effects } = this.#bridge;
    const open_ms = Math.max(1, expiresAt - effects.now());
    announce({ type: 'announce_request', body: { id, kind, treasury: { ...treasury }, reason, open_ms } });
  }

  #report(stored: StoredRequest): RequestReport {
    return report(this.#bridge.db, stored, this.#bridge.effects.now());
  }

  #require(id: string): StoredRequest {
    return requireRequest(this.#bridge.db, id);
  }
}

/** A node whose requests are shown. */
interface Asked {
  readonly config: RequestDesk['config'] & { readonly threshold: number };
  readonly store: { readonly db: Queries };
  readonly input: { readonly effects: { now(): number } };
}

/** Every request, newest first. */
export function requestReports(
  { store: { db }, input: { effects }, config }: Asked,
  page: CommandParams<'requests-list'>,
): CommandResults['requests-list'] {
  const now = effects.now();
  const { limit, offset } = pageBounds(page);
  // The newest of each kind, as far as the page reaches, hold the newest of all.
  const voids = newest((one) => listRequests(db, one), offset + limit);
  const vetoes = newest((one) => listVetoes(db, one), offset + limit);
  const payouts = newest((one) => listPayoutRequests(db, one), offset + limit);
  const shown = [
    ...voids.rows.map((stored) => report(db, stored, now)),
    ...payouts.rows.map((stored) => payoutReport({ db, config, now }, stored)),
    ...vetoes.rows.map((veto) => vetoReport({ config, now }, veto)),
  ];
  shown.sort((a, b) => b.created_at.localeCompare(a.created_at));
  return { requests: shown.slice(offset, offset + limit), total: voids.total + payouts.total + vetoes.total };
}

function newest<T>(list: (page: Page) => Listing<T>, count: number): Listing<T> {
  const rows: T[] = [];
  for (let offset = 0; ; offset += PAGE_ROWS_MAX) {
    const found = list({ limit: PAGE_ROWS_MAX, offset });
    rows.push(...found.rows);
    if (rows.length >= count || found.rows.length < PAGE_ROWS_MAX) return { rows, total: found.total };
  }
}

/** The request whose id begins so. Throws `CommandError` where there is none, or more than one. */
export function requestShown(
  { store: { db }, input: { effects }, config }: Asked,
  { id: beginning }: CommandParams<'requests-show'>,
): CommandResults['requests-show'] {
  const id = requestId(db, beginning);
  const payout = payoutRequest(db, id);
  if (payout !== null) return { request: payoutReport({ db, config, now: effects.now() }, payout) };
  const veto = getVeto(db, id);
  if (veto !== null) return { request: vetoReport({ config, now: effects.now() }, veto) };
  return { request: report(db, requireRequest(db, id), effects.now()) };
}

/** The whole id of the request that begins so. Throws `CommandError` where there is none, or more than one. */
export function requestId(db: Queries, beginning: string): string {
  const id = requestIdBeginning(db, beginning);
  if (id === 'ambiguous') {
    const remedy = 'give more of the id, as `mpc_operator requests list` shows it';
    throw new CommandError('request_ambiguous', `more than one request begins with ${beginning}: ${remedy}`);
  }
  if (id === null) throw new CommandError('request_unknown', SENTENCES.request_unknown(beginning));
  return id;
}

function requireRequest(db: Queries, id: string): StoredRequest {
  const stored = getRequest(db, id);
  if (stored === null) throw new CommandError('request_unknown', SENTENCES.request_unknown(id));
  return stored;
}

const SENTENCES = {
  request_unknown: (id: string) => `there is no request ${id} here: see \`mpc_operator requests list\``,
  request_decided: (id: string) => `request ${id} has been decided already`,
  request_expired: (id: string) => `request ${id} has expired: ask its operator to ask again`,
} as const;

function report(db: Queries, request: StoredRequest, now: number): RequestReport {
  const { id, kind, treasury, reason, askedBy, createdAt, expiresAt, decision, decisionReason, decidedAt } = request;
  return {
    id,
    kind,
    treasury: `${treasury.txid}:${treasury.vout}`,
    burn_txid: null,
    reason,
    asked_by: askedBy,
    created_at: new Date(createdAt).toISOString(),
    expires_at: new Date(expiresAt).toISOString(),
    decision,
    decision_reason: decisionReason,
    decided_at: decidedAt === null ? null : new Date(decidedAt).toISOString(),
    outcome: requestOutcome(db, request, now),
  };
}
