// What keeps each operator from the lobby of a key ceremony, as this node can tell: a line for each, with what to do. An
// absent operator, another ceremony id, a clock that is off and a wrong certificate look alike from the lobby itself.

import { type DkgProgress, type DkgSetup, nameOf } from '../../ceremony/dkg/setup.ts';
import type { SendResult } from '../peers/deliver.ts';
import { CLOCK_OFFSET_MS_MAX } from '../runtime/clock-watch.ts';

/** How the last message to a peer went. `offsetMs`: its clock less this node's; null where that was not told. */
export interface Contact {
  readonly offsetMs: number | null;
  /** Why there was no answer; null where there was one. */
  readonly failure: string | null;
}

/** What is known of the others. `elsewhere`: the other ceremony in which a peer waits, or null. */
export interface LobbyView {
  readonly contact: (index: number) => Contact | null;
  readonly elsewhere: (index: number) => string | null;
}

/** The contact that a sent message shows. `now` in ms since 1970, when the answer came. */
export function contactOf(result: SendResult, now: number): Contact {
  const { peerTime } = result;
  const travelMs = result.ok ? result.roundTripMs / 2 : 0;
  const offsetMs = peerTime === undefined ? null : Math.round(peerTime - (now - travelMs));
  return { offsetMs, failure: result.ok ? null : result.detail };
}

/** A line for each operator that is waited for, by index; those of which nothing is known yet have none. */
export function lobbyLines(
  setup: DkgSetup,
  { waitingFor, declined }: DkgProgress,
  rehearsal: boolean,
  view: LobbyView,
): ReadonlyMap<number, string> {
  const others = setup.participants.filter(({ index }) => index !== setup.myIndex);
  const offsets = others.flatMap(({ index }) => view.contact(index)?.offsetMs ?? []);
  const isOwnClock =
    offsets.length > 1 && [1, -1].some((sign) => offsets.every((ms) => sign * ms > CLOCK_OFFSET_MS_MAX));
  const lines = new Map<number, string>();
  for (const index of waitingFor) {
    // Why those cannot join stands in the sentence on the whole lobby.
    if (declined.some((one) => one.index === index)) continue;
    const why = reasonOf(setup, index, rehearsal, view, isOwnClock);
    if (why !== null) lines.set(index, `operator ${index} (${nameOf(setup, index)}): ${why}`);
  }
  return lines;
}

function reasonOf(
  { ceremonyId }: DkgSetup,
  index: number,
  rehearsal: boolean,
  view: LobbyView,
  isOwnClock: boolean,
): string | null {
  const contact = view.contact(index);
  const elsewhere = view.elsewhere(index);
  if (elsewhere !== null) {
    return `it waits in ceremony ${elsewhere}, this node in ${ceremonyId}: agree on one id, and run dkg with it`;
  }
  if (contact === null) return null;
  const { offsetMs, failure } = contact;
  if (offsetMs !== null && Math.abs(offsetMs) > CLOCK_OFFSET_MS_MAX) return clockText(offsetMs, isOwnClock);
  if (failure !== null) return failure;
  const flag = rehearsal ? ' --rehearsal' : '';
  return `its node answers, but its operator has not joined: run \`dkg --ceremony-id ${ceremonyId}${flag}\` there`;
}

function clockText(offsetMs: number, isOwnClock: boolean): string {
  const seconds = `${(Math.abs(offsetMs) / 1000).toFixed(1)} s`;
  if (isOwnClock) {
    return `this node's clock is ${seconds} ${offsetMs > 0 ? 'behind' : 'ahead of'} those of all others: set it right`;
  }
  return `its clock is ${seconds} ${offsetMs > 0 ? 'ahead of' : 'behind'} this node's: correct the one that is wrong`;
}
