// Where a key ceremony stands at one node, and how it comes to stand at its end.

import { clipDetail } from '../fields.ts';
import type { DkgMessage, Outgoing } from '../messages.ts';
import type { Run } from './hear.ts';
import { endLobby, type Lobby } from './lobby.ts';
import { type DkgAbort, type DkgContext, type DkgResult, type Fault, NO_ATTEMPT } from './setup.ts';

/** Where a ceremony stands at this node. */
export type DkgCore =
  /** `left`: the lobby that this node was in before; what it knows of ended attempts stays known. */
  | { readonly phase: 'idle'; readonly left: Lobby | null }
  | { readonly phase: 'lobby'; readonly lobby: Lobby }
  | { readonly phase: 'running'; readonly lobby: Lobby; readonly run: Run }
  | { readonly phase: 'complete'; readonly lobby: Lobby; readonly run: Run; readonly result: DkgResult }
  /** `run` is kept where this node had confirmed: the others may still show that all did. */
  | { readonly phase: 'aborted'; readonly lobby: Lobby; readonly abort: DkgAbort; readonly run: Run | null };

export type CoreIn<P extends DkgCore['phase']> = Extract<DkgCore, { readonly phase: P }>;

/** What an event leads to, before anything is sent again. */
export interface Applied {
  readonly core: DkgCore;
  readonly replies: readonly Outgoing<DkgMessage>[];
}

/** A core that says nothing. */
export function quiet(core: DkgCore): Applied {
  return { core, replies: [] };
}

/** An attempt under way that ends for a fault this node has found. */
export function aborted({ setup }: DkgContext, { lobby, run }: CoreIn<'running'>, fault: Fault): DkgCore {
  return endedRun(lobby, run, { ...fault, attempt: run.attempt, by: setup.myIndex });
}

/** An attempt under way that ends at whosever word. */
export function endedRun(lobby: Lobby, run: Run, abort: DkgAbort): DkgCore {
  const kept = run.participant.step === 'confirmed' ? run : null;
  return { phase: 'aborted', lobby: endLobby(lobby, abort, true), abort, run: kept };
}

/** The word that an attempt has ended, for one peer. */
export function abortMessage(
  { attempt, reason, culprit, suspects, detail }: Omit<DkgAbort, 'by'>,
  to: number,
): Outgoing<DkgMessage> {
  const body = { attempt, reason, culprit, suspects: [...suspects], detail: clipDetail(detail) };
  return { to, type: 'dkg_abort', body };
}

/** What a node says that has not joined, or not anew. */
export function notJoined(to: number, message: DkgMessage): Outgoing<DkgMessage>[] {
  if (message.type === 'dkg_join') return [{ to, type: 'dkg_not_joined', body: {} }];
  if (message.type !== 'dkg_start') return [];
  const { attempt } = message.body;
  const detail = 'has not joined this ceremony';
  return [abortMessage({ attempt, reason: 'preflight_failed', culprit: null, suspects: [], detail }, to)];
}

/**
 * What a node says to whoever still asks about an attempt that has ended here: by its name, or by a join that belongs to
 * it or to an earlier one. Null where the message is about something else. A node that was away while the attempt ended
 * learns of it when it asks. So does one that is told no more, since it was told often enough.
 */
export function aboutEnded(lobby: Lobby | null, from: number, message: DkgMessage): Outgoing<DkgMessage>[] | null {
  const ended = lobby?.ended ?? null;
  // That another node has given the ceremony up for good is for that node alone to say.
  if (lobby === null || ended === null || ended.attempt === NO_ATTEMPT) return null;
  if (message.type === 'dkg_join') {
    const floor = lobby.floors.get(from);
    return floor !== undefined && message.body.joined_at <= floor ? [abortMessage(ended, from)] : null;
  }
  if (!('attempt' in message.body) || message.body.attempt !== ended.attempt) return null;
  const closing = message.type === 'dkg_abort' || message.type === 'dkg_done' || message.type === 'dkg_share_received';
  return closing ? [] : [abortMessage(ended, from)];
}
