// A node's key ceremony, from the operator's word to live keys: idle → lobby → running → complete or aborted. Pure and
// event-sourced: a step is (state, event) → {state, outgoing}; replaying the stored events gives the same state,
// secrets included, so a crash at any instant costs nothing but the time to send again what was unanswered.
import { fromHex, zeroize } from '../crypto/bytes.ts';
import { attemptIdOf, faultOf } from './dkg-attempt.ts';
import { type Delivery, deliver } from './dkg-delivery.ts';
import { completeRun, type Run, type RunStep } from './dkg-hear.ts';
import {
  coordinatorOf,
  forgetJoin,
  hearJoin,
  joinMessage,
  type Lobby,
  lobbyAwaits,
  lobbyPending,
  openLobby,
  preflight,
  refuseStart,
  rejoinLobby,
} from './dkg-lobby.ts';
import { beginRun, hearInRun, runPending, tickRun } from './dkg-run.ts';
import type { DkgAbort, DkgContext, DkgEvent, DkgResult, Fault } from './dkg-setup.ts';
import { clipDetail } from './fields.ts';
import type { DkgMessage, Outgoing } from './messages.ts';
import { assertDkgContext } from './parameters.ts';

/** Where a ceremony stands at this node. */
export type DkgCore =
  | { readonly phase: 'idle' }
  | { readonly phase: 'lobby'; readonly lobby: Lobby }
  | { readonly phase: 'running'; readonly lobby: Lobby; readonly run: Run }
  | { readonly phase: 'complete'; readonly lobby: Lobby; readonly run: Run; readonly result: DkgResult }
  /** `run` is kept where this node had confirmed: the others may still show that all did. */
  | { readonly phase: 'aborted'; readonly lobby: Lobby; readonly abort: DkgAbort; readonly run: Run | null };

/** A ceremony's state: what is replayed, and what is only remembered. */
export interface DkgState {
  readonly core: DkgCore;
  readonly delivery: Delivery;
}

/** `durable`: the event must be stored before `outgoing` is sent. Events that say false need not be replayed. */
export interface DkgStep {
  readonly state: DkgState;
  readonly outgoing: readonly Outgoing<DkgMessage>[];
  readonly durable: boolean;
}

interface Applied {
  readonly core: DkgCore;
  readonly replies: readonly Outgoing<DkgMessage>[];
}

/** A node whose operator has not joined. */
export const IDLE: DkgState = { core: { phase: 'idle' }, delivery: new Map() };

/** What an event leads to. `outgoing` goes to other nodes only. Throws on bugs and on broken secrets alone. */
export function dkgStep(context: DkgContext, state: DkgState, event: DkgEvent): DkgStep {
  const { core, replies } = apply(context, state.core, event);
  const pending = corePending(context, core, event.now);
  const { delivery, due } = deliver(context.setup.timing, state.delivery, pending, event.now);
  const receipt = event.kind === 'message' && event.message.type === 'dkg_share_received';
  return {
    state: { core, delivery },
    outgoing: [...replies, ...due],
    durable: core !== state.core && !receipt,
  };
}

/** The state after these events. Nothing is sent; the next tick sends all that is unanswered. */
export function replayDkg(context: DkgContext, events: readonly DkgEvent[]): DkgState {
  return { core: events.reduce((core, event) => apply(context, core, event).core, IDLE.core), delivery: new Map() };
}

/** Whether the ceremony waits for a `begin` event with 32 fresh random bytes. */
export function wantsRandomness({ setup }: DkgContext, { core }: DkgState): boolean {
  if (core.phase !== 'lobby') return false;
  const { lobby } = core;
  if (lobby.called !== null) return true;
  return coordinatorOf(setup, lobby) === setup.myIndex && preflight(setup, lobby).length === 0;
}

/** Erases the secrets of a state that is no longer needed; the state must not be used afterwards. */
export function disposeDkg({ core }: DkgState): void {
  if (!('run' in core) || core.run === null) return;
  zeroize(core.run.random);
  if (core.run.participant.step !== 'confirmed') return;
  const { bitcoin, attestation } = core.run.participant.keys;
  zeroize(bitcoin.signingShare, attestation.signingShare);
}

function apply(context: DkgContext, core: DkgCore, event: DkgEvent): Applied {
  switch (event.kind) {
    case 'operator_joined':
      assertDkgContext(context);
      return quiet(joined(core, event));
    case 'begin':
      return begin(context, core, event);
    case 'message':
      return hear(context, core, event);
    case 'tick':
      return core.phase === 'running' ? settled(context, core, tickRun(context, core.run, event.now)) : quiet(core);
    case 'operator_aborted': {
      if (core.phase === 'lobby') return quiet({ phase: 'idle' });
      if (core.phase !== 'running') return quiet(core);
      return quiet(aborted(context, core, faultOf('operator', null, clipDetail(event.detail))));
    }
  }
}

function joined(core: DkgCore, event: Extract<DkgEvent, { kind: 'operator_joined' }>): DkgCore {
  if (core.phase === 'idle') return { phase: 'lobby', lobby: openLobby(event, null) };
  if (core.phase === 'lobby') return { phase: 'lobby', lobby: rejoinLobby(core.lobby, event) };
  // An attempt that this node confirmed may yet complete elsewhere: another one under the same id would hide it.
  if (core.phase === 'aborted' && core.run === null) return { phase: 'lobby', lobby: openLobby(event, core.lobby) };
  return core;
}

function begin(context: DkgContext, core: DkgCore, event: Extract<DkgEvent, { kind: 'begin' }>): Applied {
  if (core.phase !== 'lobby' || !wantsRandomness(context, { core, delivery: new Map() })) return quiet(core);
  const { lobby } = core;
  const random = fromHex(event.random, { bytes: 32 });
  const coordinator = coordinatorOf(context.setup, lobby);
  if (coordinator === null) return quiet({ phase: 'lobby', lobby: { ...lobby, called: null } });
  const attempt = coordinator === context.setup.myIndex ? attemptIdOf(random) : lobby.called;
  if (attempt === null) return quiet(core);
  const { rehearsal } = lobby;
  const step = beginRun(context, { attempt, coordinator, rehearsal, random, now: event.now });
  const left: Lobby = { ...lobby, called: null, spent: [...lobby.spent, attempt] };
  return settled(context, { phase: 'running', lobby: left, run: step.run }, step);
}

function hear(context: DkgContext, core: DkgCore, event: Extract<DkgEvent, { kind: 'message' }>): Applied {
  const { from, message } = event;
  // A node's messages to itself never leave it; an index out of range cannot come from an authenticated peer.
  if (from === context.setup.myIndex || context.setup.participants[from] === undefined) return quiet(core);
  switch (core.phase) {
    case 'idle':
      return { core, replies: notJoined(from, message) };
    case 'lobby':
      return hearInLobby(context, core, event);
    case 'running':
      return hearWhileRunning(context, core, event);
    case 'complete':
      return hearAfterwards(core, from, message);
    case 'aborted':
      return hearAborted(context, core, from, message);
  }
}

function notJoined(to: number, message: DkgMessage): Outgoing<DkgMessage>[] {
  if (message.type === 'dkg_start') return [refuseStart(to, message.body.attempt, [])];
  return message.type === 'dkg_join' ? [{ to, type: 'dkg_not_joined', body: {} }] : [];
}

type Hearing = Extract<DkgEvent, { kind: 'message' }>;

function hearInLobby({ setup }: DkgContext, core: Extract<DkgCore, { phase: 'lobby' }>, event: Hearing): Applied {
  const { from, message, now } = event;
  const { lobby } = core;
  const stay = (next: Lobby, replies: Outgoing<DkgMessage>[] = []): Applied =>
    next === lobby ? { core, replies } : { core: { phase: 'lobby', lobby: next }, replies };
  switch (message.type) {
    case 'dkg_join': {
      const next = hearJoin(setup, lobby, from, message.body, now);
      const informed = next.joins.get(from)?.heardMe === true;
      return stay(next, message.body.answer ? [joinMessage(setup, next, from, now, !informed)] : []);
    }
    case 'dkg_not_joined':
      return stay(forgetJoin(lobby, from));
    case 'dkg_start': {
      const { attempt } = message.body;
      // Until this node has heard everybody it cannot know who coordinates; the start is sent again.
      if (lobbyAwaits(setup, lobby).length > 0 || coordinatorOf(setup, lobby) !== from) return quiet(core);
      if (lobby.spent.includes(attempt) || lobby.called === attempt) return quiet(core);
      const problems = preflight(setup, lobby);
      if (problems.length > 0) return stay(lobby, [refuseStart(from, attempt, problems)]);
      return stay({ ...lobby, called: attempt });
    }
    case 'dkg_abort': {
      const { attempt } = message.body;
      if (lobby.spent.includes(attempt)) return quiet(core);
      // The others have begun and ended an attempt without this node: no start will come, so it must not wait for one.
      const left = { ...lobby, called: null, spent: [...lobby.spent, attempt] };
      return quiet({ phase: 'aborted', lobby: left, abort: { ...message.body, by: from }, run: null });
    }
    default:
      return quiet(core);
  }
}

function hearWhileRunning(context: DkgContext, core: Extract<DkgCore, { phase: 'running' }>, event: Hearing): Applied {
  const { from, message, now } = event;
  const { lobby, run } = core;
  const confirmed = run.participant.step === 'confirmed';
  if (message.type === 'dkg_join') {
    const known = lobby.joins.get(from);
    if (!confirmed && known !== undefined && message.body.joined_at > known.body.joined_at) {
      return quiet(aborted(context, core, faultOf('superseded', null, 'a node has left the attempt and joined anew')));
    }
    return { core, replies: message.body.answer ? [joinMessage(context.setup, lobby, from, now, false)] : [] };
  }
  if (!('attempt' in message.body)) return quiet(core);
  if (message.body.attempt !== run.attempt) {
    const anew = message.type === 'dkg_start' && from === run.coordinator && !confirmed;
    if (!anew || lobby.spent.includes(message.body.attempt)) return quiet(core);
    return quiet(aborted(context, core, faultOf('superseded', null, 'the coordinator began another attempt')));
  }
  if (message.type === 'dkg_abort') {
    const { attempt, reason, culprit, suspects, detail } = message.body;
    const abort: DkgAbort = { attempt, by: from, reason, culprit, suspects, detail };
    return quiet({ phase: 'aborted', lobby, abort, run: confirmed ? run : null });
  }
  return settled(context, core, hearInRun(context, run, from, message, now));
}

function hearAfterwards(core: Extract<DkgCore, { phase: 'complete' }>, from: number, message: DkgMessage): Applied {
  const { run, result } = core;
  const { attempt } = run;
  if (!('attempt' in message.body) || message.body.attempt !== attempt)
    return { core, replies: notJoined(from, message) };
  if (message.type === 'dkg_complete') return { core, replies: [{ to: from, type: 'dkg_done', body: { attempt } }] };
  if (message.type === 'dkg_confirm') {
    const body = { attempt, signatures: result.certificate.signatures };
    return { core, replies: [{ to: from, type: 'dkg_complete', body }] };
  }
  const { coordination } = run;
  if (message.type !== 'dkg_done' || coordination?.step !== 'completing' || coordination.done.has(from)) {
    return quiet(core);
  }
  const done = new Set(coordination.done).add(from);
  return quiet({ ...core, run: { ...run, coordination: { ...coordination, done } } });
}

function hearAborted(
  context: DkgContext,
  core: Extract<DkgCore, { phase: 'aborted' }>,
  from: number,
  message: DkgMessage,
): Applied {
  const { abort, lobby, run } = core;
  if (!('attempt' in message.body) || message.body.attempt !== abort.attempt) {
    return { core, replies: notJoined(from, message) };
  }
  const completed = run === null ? null : completeRun(context, run, message);
  if (run !== null && completed !== null && 'result' in completed) {
    const done = { to: from, type: 'dkg_done' as const, body: { attempt: abort.attempt } };
    return { core: { phase: 'complete', lobby, run, result: completed.result }, replies: [done] };
  }
  const closing = message.type === 'dkg_abort' || message.type === 'dkg_done' || message.type === 'dkg_share_received';
  return { core, replies: closing ? [] : [abortMessage(abort, from)] };
}

function settled(context: DkgContext, core: Extract<DkgCore, { phase: 'running' }>, step: RunStep): Applied {
  const { lobby } = core;
  if (step.kind === 'fault') return quiet(aborted(context, { ...core, run: step.run }, step.fault));
  const { run, replies } = step;
  if (step.kind === 'complete') return { core: { phase: 'complete', lobby, run, result: step.result }, replies };
  return { core: run === core.run ? core : { phase: 'running', lobby, run }, replies };
}

function aborted(context: DkgContext, core: Extract<DkgCore, { phase: 'running' }>, fault: Fault): DkgCore {
  const { lobby, run } = core;
  const abort: DkgAbort = { ...fault, attempt: run.attempt, by: context.setup.myIndex };
  return { phase: 'aborted', lobby, abort, run: run.participant.step === 'confirmed' ? run : null };
}

function abortMessage({ attempt, reason, culprit, suspects, detail }: DkgAbort, to: number): Outgoing<DkgMessage> {
  const body = { attempt, reason, culprit, suspects: [...suspects], detail: clipDetail(detail) };
  return { to, type: 'dkg_abort', body };
}

function corePending(context: DkgContext, core: DkgCore, now: number): Outgoing<DkgMessage>[] {
  const { setup } = context;
  switch (core.phase) {
    case 'idle':
      return [];
    case 'lobby':
      return lobbyPending(setup, core.lobby, now);
    case 'running':
      return runPending(context, core.run);
    case 'complete':
      return runPending(context, core.run).filter(({ type }) => type === 'dkg_complete');
    case 'aborted':
      return core.abort.by === setup.myIndex
        ? setup.participants
            .filter(({ index }) => index !== setup.myIndex)
            .map(({ index }) => abortMessage(core.abort, index))
        : [];
  }
}

function quiet(core: DkgCore): Applied {
  return { core, replies: [] };
}
