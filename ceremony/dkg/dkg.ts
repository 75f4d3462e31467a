// A node's key ceremony, from the operator's word to live keys: idle → lobby → running → complete or aborted. Pure and
// event-sourced: a step is (state, event) → {state, outgoing}; replaying the stored events gives the same state, secrets
// included. So a crash at any instant costs only the time to send again what was unanswered.
import { fromHex, zeroize } from '../../crypto/bytes.ts';
import { clipDetail } from '../fields.ts';
import type { DkgMessage, Outgoing } from '../messages.ts';
import { assertDkgContext } from '../parameters.ts';
import { attemptIdOf, faultOf } from './attempt.ts';
import {
  type Applied,
  aborted,
  abortMessage,
  aboutEnded,
  type CoreIn,
  type DkgCore,
  endedRun,
  notJoined,
  quiet,
} from './core.ts';
import { type Delivery, deliver, type Unanswered } from './delivery.ts';
import type { RunStep } from './hear.ts';
import { hearInLobby, leaveLobby, tickLobby } from './hear-lobby.ts';
import { hearAborted, hearAfterwards } from './hear-over.ts';
import {
  coordinatorOf,
  joinMessage,
  type Lobby,
  lobbyPending,
  lobbyReminders,
  openLobby,
  preflight,
  rejoinLobby,
} from './lobby.ts';
import { beginRun, confirmations, hearInRun, runPending, tickRun } from './run.ts';
import type { DkgAbort, DkgContext, DkgEvent } from './setup.ts';

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

/** A node whose operator has not joined. */
export const IDLE: DkgState = { core: { phase: 'idle', left: null }, delivery: new Map() };

/** What an event leads to. `outgoing` goes to other nodes only. Throws on bugs and on broken secrets alone. */
export function dkgStep(context: DkgContext, state: DkgState, event: DkgEvent): DkgStep {
  const { core, replies } = apply(context, state.core, event);
  const unanswered = coreUnanswered(context, core, event.now);
  const { delivery, due } = deliver(context.setup.timing, state.delivery, unanswered, event.elapsed);
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
export function wantsRandomness(context: DkgContext, { core }: DkgState): boolean {
  if (core.phase !== 'lobby' || !mayBegin(context, core)) return false;
  // Whose join does not count with the others, as it belongs to an attempt that has ended there, would start in vain.
  return core.lobby.called !== null || [...core.lobby.joins.values()].every(({ heardMe }) => heardMe);
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
      if (core.phase === 'lobby') return quiet(tickLobby(core, event.elapsed));
      return core.phase === 'running' ? settled(context, core, tickRun(context, core.run, event.elapsed)) : quiet(core);
    case 'operator_aborted': {
      if (core.phase === 'lobby') return quiet(leaveLobby(core));
      if (core.phase !== 'running') return quiet(core);
      return quiet(aborted(context, core, faultOf('operator', null, clipDetail(event.detail))));
    }
  }
}

function joined(core: DkgCore, event: Extract<DkgEvent, { kind: 'operator_joined' }>): DkgCore {
  if (core.phase === 'idle') return { phase: 'lobby', lobby: openLobby(event, core.left) };
  if (core.phase === 'lobby') return { phase: 'lobby', lobby: rejoinLobby(core.lobby, event) };
  // An attempt that this node confirmed may yet complete elsewhere: another one under the same id would hide it.
  if (core.phase === 'aborted' && core.run === null) return { phase: 'lobby', lobby: openLobby(event, core.lobby) };
  return core;
}

function mayBegin({ setup }: DkgContext, { lobby }: CoreIn<'lobby'>): boolean {
  if (lobby.called !== null) return true;
  return coordinatorOf(setup, lobby) === setup.myIndex && preflight(setup, lobby).length === 0;
}

function begin(context: DkgContext, core: DkgCore, event: Extract<DkgEvent, { kind: 'begin' }>): Applied {
  if (core.phase !== 'lobby' || !mayBegin(context, core)) return quiet(core);
  const { lobby } = core;
  const random = fromHex(event.random, { bytes: 32 });
  const coordinator = coordinatorOf(context.setup, lobby);
  if (coordinator === null) return quiet({ phase: 'lobby', lobby: { ...lobby, called: null } });
  const attempt = coordinator === context.setup.myIndex ? attemptIdOf(random) : lobby.called;
  if (attempt === null) return quiet(core);
  const { rehearsal } = lobby;
  const step = beginRun(context, { attempt, coordinator, rehearsal, random, now: event.elapsed });
  const left: Lobby = { ...lobby, called: null, spent: [...lobby.spent, attempt] };
  return settled(context, { phase: 'running', lobby: left, run: step.run }, step);
}

function hear(context: DkgContext, core: DkgCore, event: Extract<DkgEvent, { kind: 'message' }>): Applied {
  const { from, message } = event;
  // A node's messages to itself never leave it; an index out of range cannot come from an authenticated peer.
  if (from === context.setup.myIndex || context.setup.participants[from] === undefined) return quiet(core);
  switch (core.phase) {
    case 'idle':
      return { core, replies: aboutEnded(core.left, from, message) ?? notJoined(from, message) };
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

type Hearing = Extract<DkgEvent, { kind: 'message' }>;

function hearWhileRunning(context: DkgContext, core: CoreIn<'running'>, event: Hearing): Applied {
  const { from, message, now, elapsed } = event;
  const { lobby, run } = core;
  const confirmed = run.participant.step === 'confirmed';
  if (message.type === 'dkg_join') {
    const known = lobby.joins.get(from);
    if (!confirmed && known !== undefined && message.body.joined_at > known.body.joined_at) {
      return quiet(aborted(context, core, faultOf('superseded', null, 'a node has left the attempt and joined again')));
    }
    return { core, replies: message.body.answer ? [joinMessage(context.setup, lobby, from, now, false)] : [] };
  }
  if (!('attempt' in message.body)) return quiet(core);
  if (message.body.attempt !== run.attempt) {
    const anew = message.type === 'dkg_start' && from === run.coordinator && !confirmed;
    if (!anew || lobby.spent.includes(message.body.attempt)) {
      return { core, replies: aboutEnded(lobby, from, message) ?? [] };
    }
    return quiet(aborted(context, core, faultOf('superseded', null, 'the coordinator began another attempt')));
  }
  if (message.type === 'dkg_abort') {
    const { attempt, reason, culprit, suspects, detail } = message.body;
    const abort: DkgAbort = { attempt, by: from, reason, culprit, suspects, detail };
    return quiet(endedRun(lobby, run, abort));
  }
  return settled(context, core, hearInRun(context, run, from, message, elapsed));
}

function settled(context: DkgContext, core: CoreIn<'running'>, step: RunStep): Applied {
  const { lobby } = core;
  if (step.kind === 'fault') return quiet(aborted(context, { ...core, run: step.run }, step.fault));
  const { run, replies } = step;
  if (step.kind === 'complete') return { core: { phase: 'complete', lobby, run, result: step.result }, replies };
  return { core: run === core.run ? core : { phase: 'running', lobby, run }, replies };
}

function coreUnanswered(context: DkgContext, core: DkgCore, now: number): Unanswered {
  const { setup } = context;
  switch (core.phase) {
    case 'idle':
      return { pending: [], reminders: [] };
    case 'lobby':
      return {
        pending: lobbyPending(setup, core.lobby, now),
        reminders: lobbyReminders(setup, core.lobby, now),
      };
    case 'running':
      return { pending: runPending(context, core.run), reminders: [] };
    case 'complete': {
      const pending = runPending(context, core.run).filter(({ type }) => type === 'dkg_complete');
      return { pending, reminders: [] };
    }
    case 'aborted': {
      const { abort, run } = core;
      const others = setup.participants.map(({ index }) => index).filter((index) => index !== setup.myIndex);
      const pending = abort.by === setup.myIndex ? others.map((index) => abortMessage(abort, index)) : [];
      // Whoever ended what this node had confirmed may have lied, or not have known that it completed.
      return { pending, reminders: run === null ? [] : confirmations(run, others) };
    }
  }
}
