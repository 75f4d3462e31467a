// The coordinator of a signature, robust like ROAST (Ruffing et al., 2022): a signer that refuses, lies or falls silent
// is left out with its reason. A new session starts with others, until a signature comes out or fewer than t candidates
// remain. Nonces are pre-shared, so that a session is one round trip. The coordinator is trusted with nothing.
import { sha256, toHex, tryFromHex, utf8 } from '../../crypto/bytes.ts';
import type { MessageBody, Outgoing, SigningMessage } from '../messages.ts';
import { NONCE_BATCH_MAX, SIGN_MESSAGES_MAX } from '../messages-signing.ts';
import { atOnce, type Steps } from '../steps.ts';
import {
  type Candidate,
  candidateOf,
  closeSessionsOf,
  exclude,
  exclusionsOf,
  isHopeful,
  isWorkingOn,
  LAPSES_MAX,
  lapse,
  patienceWith,
  type SigningStart,
  type SigningState,
  stand,
  withLapse,
} from './candidates.ts';
import type { HeldNonces, PublicNonceKey } from './nonce-pool.ts';
import {
  finishSessionInSteps,
  isAnswered,
  type OpenSession,
  openSessionInSteps,
  type SigningTask,
  withResponse,
} from './session.ts';

/** How many nonces are asked for where a pool is empty, if the task does not need more. */
export const NONCE_REQUEST_COUNT = 16;
/** What happens to a coordinator. `from` is authenticated; `boot` is the sender's, from its envelope. */
export type SigningEvent =
  | { readonly kind: 'nonces'; readonly now: number; readonly from: number; readonly body: MessageBody<'nonces'> }
  | {
      readonly kind: 'response';
      readonly now: number;
      readonly from: number;
      readonly body: MessageBody<'sign_response'>;
    }
  | {
      readonly kind: 'refusal';
      readonly now: number;
      readonly from: number;
      readonly body: MessageBody<'sign_refusal'>;
    }
  | {
      readonly kind: 'failed';
      readonly now: number;
      readonly from: number;
      readonly reason: 'unreachable' | 'rejected' | 'bad_reply' | 'malformed';
      readonly detail: string;
    }
  /** The transport gave up waiting: no answer will come. */
  | { readonly kind: 'timeout'; readonly now: number; readonly from: number }
  | { readonly kind: 'tick'; readonly now: number };

/** A step's outcome. */
export interface SigningStep {
  readonly state: SigningState;
  readonly outgoing: readonly Outgoing<SigningMessage>[];
}

/**
 * Begins: launches a session where the pool holds nonces of t candidates, else asks for nonces. `pool` is shared with
 * all other signings of the process; what a session takes from it is gone. Throws on a task or candidates that make no
 * sense.
 */
export function startSigning(start: SigningStart, pool: HeldNonces): SigningStep {
  return atOnce(startSigningInSteps(start, pool));
}

/** `startSigning`, message by message. */
export function* startSigningInSteps(start: SigningStart, pool: HeldNonces): Steps<SigningStep> {
  const { task, candidates, random } = start;
  if (task.messages.length < 1 || task.messages.length > SIGN_MESSAGES_MAX) throw new Error('too many or no messages');
  if (new Set(candidates).size !== candidates.length) throw new Error('a candidate is named twice');
  if (candidates.some((index) => index < 0 || index >= task.key.participants)) throw new Error('no such participant');
  if (random.length !== 32) throw new Error('randomness has 32 bytes');
  const idle = candidates.map((index): Candidate => ({ index, phase: { kind: 'idle' }, lapses: 0 }));
  return yield* advance({ start, candidates: idle, sessions: [], launched: 0, result: null }, pool, start.now);
}

/** What an event leads to. After the end, only nonces are still taken in. */
export function signingStep(state: SigningState, event: SigningEvent, pool: HeldNonces): SigningStep {
  return atOnce(signingStepInSteps(state, event, pool));
}

/** `signingStep`, message by message. Steps of one signing must not overlap. */
export function* signingStepInSteps(state: SigningState, event: SigningEvent, pool: HeldNonces): Steps<SigningStep> {
  if (event.kind === 'nonces') keepNonces(state.start.task, event, pool);
  if (state.result !== null) return { state, outgoing: [] };
  return yield* advance(yield* apply(state, event, pool), pool, event.now);
}

function* apply(state: SigningState, event: SigningEvent, pool: HeldNonces): Steps<SigningState> {
  switch (event.kind) {
    case 'nonces':
      return onNonces(state, event, pool);
    case 'response':
      return yield* onResponse(state, event.from, event.body, pool);
    case 'refusal':
      return onRefusal(state, event.from, event.body, pool);
    case 'failed':
      return exclude(state, { index: event.from, reason: event.reason, detail: event.detail });
    case 'timeout':
      return exclude(state, { index: event.from, reason: 'timeout', detail: 'did not answer in time' });
    case 'tick':
      return onTick(state, event.now);
  }
}

/**
 * Keeps nonces that a peer gave for the key of a task; those for another are passed over. They may come from another start
 * of the peer's process than those at hand: the pool sorts them by boot.
 */
export function keepNonces(
  task: SigningTask,
  event: Extract<SigningEvent, { kind: 'nonces' }>,
  pool: HeldNonces,
): void {
  const { body, from } = event;
  if (body.scheme !== task.scheme.name || body.key_id !== task.keyId) return;
  pool.add(poolKey(task, from), body.boot, body.nonces);
}

function onNonces(
  state: SigningState,
  { from, body }: Extract<SigningEvent, { kind: 'nonces' }>,
  pool: HeldNonces,
): SigningState {
  const candidate = candidateOf(state, from);
  if (candidate === undefined) return state;
  const { kind } = candidate.phase;
  const awaited = kind === 'asked' || (kind === 'slow' && candidate.phase.session === null);
  if (!awaited) return state;
  if (pool.count(poolKey(state.start.task, from)) < state.start.task.messages.length) {
    if (body.nonces.length === 0) {
      return exclude(state, { index: from, reason: 'no_nonces', detail: 'holds no live share of this key yet' });
    }
    return exclude(state, { index: from, reason: 'malformed', detail: 'gave fewer nonces than were asked for' });
  }
  return stand(state, from, { kind: 'idle' });
}

function* onResponse(
  state: SigningState,
  from: number,
  body: MessageBody<'sign_response'>,
  pool: HeldNonces,
): Steps<SigningState> {
  const { task } = state.start;
  const phase = candidateOf(state, from)?.phase;
  if (phase === undefined || !isWorkingOn(phase, body.session)) return state;
  if (body.partials.length !== task.messages.length) {
    return exclude(state, { index: from, reason: 'malformed', detail: 'gave another number of shares than messages' });
  }
  const session = state.sessions.find((open) => open.id === body.session);
  const freed = stand(state, from, { kind: 'idle' });
  // A session that lost another signer is closed, but this answer shows that the sender can be asked again.
  if (session === undefined) return freed;
  pool.add(poolKey(task, from), session.request.boots[from] ?? '', body.nonces);
  const answered = withResponse(session, from, body.partials);
  const sessions = freed.sessions.map((open) => (open.id === answered.id ? answered : open));
  return isAnswered(answered) ? yield* finish({ ...freed, sessions }, answered) : { ...freed, sessions };
}

function* finish(state: SigningState, session: OpenSession): Steps<SigningState> {
  const outcome = yield* finishSessionInSteps(state.start.task, session);
  if (outcome.ok) {
    const { id, signers } = session;
    const { signatures } = outcome;
    const ended = { signatures, signers, session: id, sessions: state.launched, exclusions: exclusionsOf(state) };
    return { ...state, sessions: [], result: { kind: 'signed', ...ended } };
  }
  return outcome.liars.reduce<SigningState>(
    (left, index) =>
      exclude(left, { index, reason: 'bad_share', detail: 'gave a wrong partial signature', session: session.id }),
    state,
  );
}

function onRefusal(
  state: SigningState,
  from: number,
  body: MessageBody<'sign_refusal'>,
  pool: HeldNonces,
): SigningState {
  const candidate = candidateOf(state, from);
  if (candidate === undefined || !isWorkingOn(candidate.phase, body.session)) return state;
  const { reason, detail, data } = body;
  if (reason === 'nonce_unknown' && candidate.lapses < LAPSES_MAX) {
    pool.drop(poolKey(state.start.task, from));
    const idle = stand(closeSessionsOf(state, from), from, { kind: 'idle' });
    return withLapse(idle, from);
  }
  return exclude(state, { index: from, reason, detail, ...(data === undefined ? {} : { data }) });
}

function onTick(state: SigningState, now: number): SigningState {
  return state.candidates.reduce((left, candidate) => {
    const { index, phase } = candidate;
    const waits = phase.kind === 'asked' || phase.kind === 'busy';
    return waits && now - phase.since >= patienceWith(state, candidate) ? lapse(left, index) : left;
  }, state);
}

function* advance(state: SigningState, pool: HeldNonces, now: number): Steps<SigningStep> {
  if (state.result !== null) return { state, outgoing: [] };
  if (now >= state.start.deadline) return { state: fail(state, 'the time for this signature is over'), outgoing: [] };
  const { task } = state.start;
  const left = state.candidates.filter(({ phase }) => phase.kind !== 'excluded');
  if (left.length < task.key.threshold) {
    const remain = left.length === 1 ? '1 candidate remains' : `${left.length} candidates remain`;
    const detail = `${remain} where ${task.key.threshold} are needed`;
    return { state: fail(state, detail), outgoing: [] };
  }
  if (state.sessions.some((session) => isHopeful(state, session))) return { state, outgoing: [] };
  const idle = left.filter(({ phase }) => phase.kind === 'idle');
  const enough = ({ index }: Candidate) => pool.count(poolKey(task, index)) >= task.messages.length;
  const ready = idle.filter(enough);
  if (ready.length >= task.key.threshold) return yield* launch(state, ready.slice(0, task.key.threshold), pool, now);
  const empty = idle.filter((candidate) => !enough(candidate));
  const asked = empty.reduce((left, { index }) => stand(left, index, { kind: 'asked', since: now }), state);
  return { state: asked, outgoing: empty.map(({ index }) => nonceRequest(task, index)) };
}

/**
 * Does ahead, while answers are awaited, what ending the open sessions and beginning the next one with the same signers
 * will take. Of public data only; nothing follows from it but time. For tasks of one message: a batch leaves none.
 */
export function prepareAhead({ start: { task }, sessions }: SigningState, pool: HeldNonces): void {
  for (const { parts, signers } of sessions) {
    for (const { session } of parts) task.scheme.prepareSession(task.key, session);
    const nonces = signers.flatMap((index) => {
      const next = pool.next(poolKey(task, index))?.nonce ?? '';
      return tryFromHex(next, { bytes: task.scheme.publicNonceBytes }) ?? [];
    });
    if (nonces.length === signers.length) task.scheme.combineNonces(signers, nonces);
  }
}

/** The request for as many nonces as a task needs, and some for the next ones. */
export function nonceRequest(task: SigningTask, to: number): Outgoing<SigningMessage> {
  const count = Math.min(NONCE_BATCH_MAX, Math.max(task.messages.length, NONCE_REQUEST_COUNT));
  return { to, type: 'nonce_request', body: { scheme: task.scheme.name, key_id: task.keyId, count } };
}

function* launch(state: SigningState, chosen: readonly Candidate[], pool: HeldNonces, now: number): Steps<SigningStep> {
  const { task, random } = state.start;
  const contributions = chosen
    .map(({ index }) => index)
    .sort((a, b) => a - b)
    .map((index) => {
      const taken = pool.take(poolKey(task, index), task.messages.length);
      if (taken === null) throw new Error('nonces were counted before');
      return { index, ...taken };
    });
  const id = toHex(sha256(utf8('0BTC_WIRE_SIGNING_SESSION/v1'), random, utf8(`/${state.launched}`)).subarray(0, 16));
  const opened = yield* openSessionInSteps(task, id, contributions);
  if (!opened.ok) {
    pool.drop(poolKey(task, opened.culprit));
    const detail = 'gave a public nonce that is malformed';
    return yield* advance(exclude(state, { index: opened.culprit, reason: 'bad_nonce', detail }), pool, now);
  }
  const { session } = opened;
  const launched = { ...state, sessions: [...state.sessions, session], launched: state.launched + 1 };
  const busy = session.signers.reduce<SigningState>(
    (left, index) => stand(left, index, { kind: 'busy', session: id, since: now }),
    launched,
  );
  const outgoing = session.signers.map((to) => ({ to, type: 'sign_request' as const, body: session.request }));
  return { state: busy, outgoing };
}

function fail(state: SigningState, detail: string): SigningState {
  const result = { kind: 'failed' as const, detail, sessions: state.launched, exclusions: exclusionsOf(state) };
  return { ...state, sessions: [], result };
}

function poolKey(task: SigningTask, peer: number): PublicNonceKey {
  return { peer, scheme: task.scheme.name, keyId: task.keyId };
}
