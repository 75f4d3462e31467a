// A node handles the messages that reach it in the lobby. Its stay ends when an attempt starts, or when it refuses a start.
// It also ends when another node says that the ceremony is over, or when its operator's waiting time has passed.
//
// One peer is enough to end the stay, and it may lie. The lie gives it no new power: keys are made by all n or not at
// all, so a peer that says that the ceremony is over takes no part in it. It could as well not join, fail a check,
// refuse the start or abort the attempt right after it. Nothing secret exists in a lobby, so the operator only has to
// join again, and sees which peer said it. Once keys may exist, after this node has confirmed, no single peer ends
// anything for good: see hear-over.ts.

import type { DkgMessage, Outgoing } from '../messages.ts';
import { type Applied, aboutEnded, type CoreIn, type DkgCore, quiet } from './core.ts';
import {
  coordinatorOf,
  endLobby,
  forgetJoin,
  hearJoin,
  joinMessage,
  type Lobby,
  lobbyAwaits,
  preflight,
  refusalOf,
} from './lobby.ts';
import type { DkgAbort, DkgContext, DkgEvent } from './setup.ts';

type Hearing = Extract<DkgEvent, { kind: 'message' }>;

/** A message to a node in the lobby. */
export function hearInLobby(context: DkgContext, core: CoreIn<'lobby'>, event: Hearing): Applied {
  const { setup } = context;
  const { from, message, now, elapsed } = event;
  const { lobby } = core;
  const stay = (next: Lobby, replies: Outgoing<DkgMessage>[] = []): Applied =>
    next === lobby ? { core, replies } : { core: { phase: 'lobby', lobby: next }, replies };
  const told = aboutEnded(lobby, from, message);
  if (told !== null) return stay(lobby, told);
  switch (message.type) {
    case 'dkg_join': {
      const next = hearJoin(setup, lobby, from, message.body, { now, elapsed });
      const informed = next.joins.get(from)?.heardMe === true;
      return stay(next, message.body.answer ? [joinMessage(setup, next, from, now, !informed)] : []);
    }
    case 'dkg_not_joined':
      return stay(forgetJoin(lobby, from, 'reason' in message.body ? message.body.reason : null, elapsed));
    case 'dkg_start':
      return called(context, core, from, message.body.attempt);
    case 'dkg_abort': {
      // A repeated word about an attempt of the past says nothing about this lobby. That another has given up the
      // ceremony for good stays true however often this node joins.
      if (lobby.spent.includes(message.body.attempt)) return quiet(core);
      return quiet(endedLobby(lobby, { ...message.body, by: from }));
    }
    case 'dkg_complete': {
      // All n sign what completes, so this node has lost what it knew. It cannot check that, and need not: whoever says
      // so makes no keys with it under this id.
      const { attempt } = message.body;
      const detail = 'this node took part and has lost what it knew of it';
      return quiet(endedLobby(lobby, { attempt, by: from, reason: 'finished', culprit: null, suspects: [], detail }));
    }
    default:
      return quiet(core);
  }
}

function called(context: DkgContext, core: CoreIn<'lobby'>, from: number, attempt: string): Applied {
  const { setup } = context;
  const { lobby } = core;
  // Until this node has heard everybody it cannot know who coordinates; the start is sent again.
  if (lobbyAwaits(setup, lobby).length > 0 || coordinatorOf(setup, lobby) !== from) return quiet(core);
  if (lobby.spent.includes(attempt) || lobby.called === attempt) return quiet(core);
  const [problem] = preflight(setup, lobby);
  if (problem === undefined) return quiet({ phase: 'lobby', lobby: { ...lobby, called: attempt } });
  // To refuse is to end the attempt for all: they join again, and this node's join of now would count no more.
  return quiet(endedLobby(lobby, { attempt, by: setup.myIndex, ...refusalOf(problem) }));
}

function endedLobby(lobby: Lobby, abort: DkgAbort): DkgCore {
  return { phase: 'aborted', lobby: endLobby(lobby, abort, false), abort, run: null };
}

/** Lets time pass: leaves the lobby when the operator would have left it. */
export function tickLobby(core: CoreIn<'lobby'>, elapsed: number): DkgCore {
  const { until } = core.lobby;
  return until !== null && elapsed > until ? leaveLobby(core) : core;
}

/** The operator leaves the lobby. */
export function leaveLobby({ lobby }: CoreIn<'lobby'>): DkgCore {
  return { phase: 'idle', left: lobby };
}
