// The lobby of a key ceremony: who has joined, whether everything that must hold before keys are made holds, and who
// coordinates. Nothing secret is made here.

import { clipDetail } from '../fields.ts';
import type { DkgMessage, MessageBody, Outgoing } from '../messages.ts';
import type { NotJoinedReason, PreflightCheck, SharedParameters } from '../messages-dkg.ts';
import { settingDifferences } from '../parameters.ts';
import { faultOf } from './attempt.ts';
import {
  type DkgAbort,
  type DkgEvent,
  type DkgSetup,
  type DkgTime,
  type Fault,
  NO_ATTEMPT,
  nameOf,
  type PreflightProblem,
} from './setup.ts';

/**
 * How often one peer may change what a lobby knows of it, each change being stored: so often at once, and once more in
 * each such time, in ms. What finds no room is said again.
 */
export const LOBBY_CHANGES_MAX = 64;
export const LOBBY_CHANGE_MS = 30_000;

/** A node that has joined. */
interface Join {
  readonly body: MessageBody<'dkg_join'>;
  /** The smallest difference seen between its clock and this node's, in ms; the journey of the message included. */
  readonly skewMs: number;
  /** Whether it has heard this node's join. */
  readonly heardMe: boolean;
}

/** Who has joined so far, by index; this node's own join apart. */
export interface Lobby {
  readonly joinedAt: number;
  readonly rehearsal: boolean;
  readonly checks: readonly PreflightCheck[];
  readonly joins: ReadonlyMap<number, Join>;
  /** Who says that it cannot join, and why. */
  readonly declined: ReadonlyMap<number, NotJoinedReason>;
  /** How often each peer has changed what is known of it, since this node's operator joined. */
  readonly changes: ReadonlyMap<number, number>;
  /** Joins of earlier lobbies of this ceremony: only later ones count. */
  readonly floors: ReadonlyMap<number, number>;
  /** The attempt that the coordinator has asked to start, if this node is ready for it. */
  readonly called: string | null;
  /** Attempts that this node has taken part in: none is begun twice, or a share box's key would serve twice. */
  readonly spent: readonly string[];
  /** How the last attempt ended here. */
  readonly ended: DkgAbort | null;
  /** When its operator joined, and when this node leaves although nobody tells it to (null: never), in elapsed ms. */
  readonly openedAt: number;
  readonly until: number | null;
}

type Joined = Extract<DkgEvent, { kind: 'operator_joined' }>;

/** Opens the lobby for this node. `previous`: the lobby that it left, or that of an attempt that has ended. */
export function openLobby(joined: Joined, previous: Lobby | null): Lobby {
  const { now, elapsed: openedAt, rehearsal, checks } = joined;
  // Later than any join of this node before, also where its clock was set back: older ones do not count.
  const joinedAt = previous === null ? now : Math.max(now, previous.joinedAt + 1);
  const floors = previous?.floors ?? new Map<number, number>();
  const { spent, ended } = previous ?? { spent: [], ended: null };
  const nobody = { joins: new Map(), declined: new Map(), changes: new Map() };
  return {
    joinedAt,
    rehearsal,
    checks,
    ...nobody,
    floors,
    called: null,
    spent,
    ended,
    openedAt,
    until: leavesAt(joined),
  };
}

/** The lobby after this node's operator joined again in it, with checks made anew. */
export function rejoinLobby(lobby: Lobby, joined: Joined): Lobby {
  const joins = new Map([...lobby.joins].map(([index, join]) => [index, { ...join, heardMe: false }] as const));
  const { now, elapsed: openedAt, rehearsal, checks } = joined;
  const joinedAt = Math.max(now, lobby.joinedAt + 1);
  const anew = { declined: new Map(), changes: new Map(), called: null, openedAt, until: leavesAt(joined) };
  return { ...lobby, joinedAt, rehearsal, checks, joins, ...anew };
}

function leavesAt({ elapsed, waitMs }: Joined): number | null {
  return waitMs === undefined ? null : elapsed + waitMs;
}

/**
 * The lobby of an attempt that has ended. `tookPart`: the joins known are those of that attempt, and only later ones count
 * from now on. A node that stayed in the lobby cannot tell: some of them may have joined anew already.
 */
export function endLobby(lobby: Lobby, abort: DkgAbort, tookPart: boolean): Lobby {
  const floors = new Map(lobby.floors);
  if (tookPart) for (const [index, { body }] of lobby.joins) floors.set(index, body.joined_at);
  // That a node has given up the ceremony for good is no attempt: it is heard again in the next lobby.
  const isNew = abort.attempt !== NO_ATTEMPT && !lobby.spent.includes(abort.attempt);
  const spent = isNew ? [...lobby.spent, abort.attempt] : lobby.spent;
  return { ...lobby, joins: new Map(), declined: new Map(), floors, called: null, spent, ended: abort };
}

/** The lobby after a join was heard; the same object where it tells nothing new. */
export function hearJoin(
  setup: DkgSetup,
  lobby: Lobby,
  from: number,
  body: MessageBody<'dkg_join'>,
  { now, elapsed }: DkgTime,
): Lobby {
  const floor = lobby.floors.get(from);
  const known = lobby.joins.get(from);
  if (floor !== undefined && body.joined_at <= floor) return lobby;
  if (known !== undefined && body.joined_at < known.body.joined_at) return lobby;
  const same = known !== undefined && known.body.joined_at === body.joined_at;
  const skew = Math.abs(now - body.now);
  const skewMs = same ? Math.min(skew, known.skewMs) : skew;
  const heardMe = body.heard.includes(setup.myIndex) || (same && known.heardMe);
  // Where the clocks have proven close enough already, a slightly better figure is not worth a durable event.
  const proven = same && (known.skewMs <= setup.timing.clockSkewMaxMs || skewMs === known.skewMs);
  if (proven && heardMe === known.heardMe) return lobby;
  const joins = new Map(lobby.joins).set(from, { body, skewMs, heardMe });
  const declined = without(lobby.declined, from);
  // Another joined_at may make another node the coordinator: what the former one called for no longer counts.
  return changed(lobby, from, elapsed, { joins, declined, called: same ? lobby.called : null });
}

/** The lobby after a node said that it has not joined, and perhaps why it cannot. */
export function forgetJoin(lobby: Lobby, from: number, reason: NotJoinedReason | null, elapsed: number): Lobby {
  if (!lobby.joins.has(from) && (lobby.declined.get(from) ?? null) === reason) return lobby;
  const declined = without(lobby.declined, from);
  if (reason !== null) declined.set(from, reason);
  return changed(lobby, from, elapsed, { joins: without(lobby.joins, from), declined, called: null });
}

function without<Value>(byPeer: ReadonlyMap<number, Value>, index: number): Map<number, Value> {
  return new Map([...byPeer].filter(([peer]) => peer !== index));
}

// A peer that changes its mind without end must not fill the disk.
function changed(
  lobby: Lobby,
  from: number,
  elapsed: number,
  change: Pick<Lobby, 'joins' | 'declined' | 'called'>,
): Lobby {
  const count = lobby.changes.get(from) ?? 0;
  const sinceJoined = elapsed - lobby.openedAt;
  if (count >= LOBBY_CHANGES_MAX + Math.floor(sinceJoined / LOBBY_CHANGE_MS)) return lobby;
  return { ...lobby, ...change, changes: new Map(lobby.changes).set(from, count + 1) };
}

/** Who has not joined yet. */
export function lobbyAwaits(setup: DkgSetup, lobby: Lobby): number[] {
  return setup.participants
    .map(({ index }) => index)
    .filter((index) => index !== setup.myIndex && !lobby.joins.has(index));
}

/** The preflight verdict on everybody who has joined: who fails what. Empty where all is well. */
export function preflight(setup: DkgSetup, lobby: Lobby): PreflightProblem[] {
  const { myIndex, timing, version } = setup;
  const problems = checkProblems(setup, myIndex, lobby.checks);
  for (const [index, { body, skewMs }] of [...lobby.joins].sort(([a], [b]) => a - b)) {
    const problem = (check: string, detail: string) =>
      problems.push({ index, name: nameOf(setup, index), check, detail: clipDetail(detail) });
    if (body.version !== version) problem('version', `runs ${body.version}, this node ${version}`);
    for (const detail of parameterProblems(setup, lobby, index, body.parameters)) problem('parameters', detail);
    if (body.rehearsal !== lobby.rehearsal) {
      problem('rehearsal', body.rehearsal ? 'has joined for a rehearsal' : 'has joined for real keys');
    }
    if (skewMs > timing.clockSkewMaxMs)
      problem('clock', `its clock is ${(skewMs / 1000).toFixed(1)} s off this node's`);
    problems.push(...checkProblems(setup, index, body.checks));
  }
  return problems;
}

// The settings first: where the number of operators differs, cards cannot be compared one by one.
function parameterProblems(setup: DkgSetup, lobby: Lobby, from: number, there: SharedParameters): readonly string[] {
  const settings = settingDifferences(there, setup.parameters);
  const { cards } = setup.parameters;
  if (cards.length !== there.cards.length) return settings;
  const indices = setup.participants.map(({ index }) => index).filter((index) => cards[index] !== there.cards[index]);
  return [...settings, ...indices.map((index) => cardProblem(setup, lobby, from, there, index))];
}

// Each operator sends the hash of its own card when it joins. So a node can name the operator that holds an old card.
function cardProblem(setup: DkgSetup, lobby: Lobby, from: number, there: SharedParameters, index: number): string {
  const whose = nameOf(setup, index);
  if (index === setup.myIndex) return 'it has an old card of this node: send it the new one from `peer export`';
  const own = lobby.joins.get(index)?.body.parameters.cards[index];
  if (index === from || (own !== undefined && own === there.cards[index])) {
    return `this node has an old card of ${whose}: add its new one with \`peer add\``;
  }
  if (own !== undefined && own === setup.parameters.cards[index]) {
    return `it has an old card of ${whose}: its operator adds the new one with \`peer add\``;
  }
  return `it has another card of ${whose} than this node: compare both with \`peer list\``;
}

function checkProblems(setup: DkgSetup, index: number, checks: readonly PreflightCheck[]): PreflightProblem[] {
  return checks
    .filter(({ ok }) => !ok)
    .map(({ name: check, detail }) => ({ index, name: nameOf(setup, index), check, detail }));
}

/** The coordinator once all have joined: earliest joined_at, then lowest index; null before. */
export function coordinatorOf(setup: DkgSetup, lobby: Lobby): number | null {
  if (lobbyAwaits(setup, lobby).length > 0) return null;
  const entries = [[setup.myIndex, lobby.joinedAt] as const];
  for (const [index, { body }] of lobby.joins) entries.push([index, body.joined_at]);
  entries.sort(([i, a], [j, b]) => a - b || i - j);
  return entries[0]?.[0] ?? null;
}

/** This node's join, for one peer. */
export function joinMessage(
  setup: DkgSetup,
  lobby: Lobby,
  to: number,
  now: number,
  answer: boolean,
): Outgoing<DkgMessage> {
  return {
    to,
    type: 'dkg_join',
    body: {
      parameters: { ...setup.parameters, cards: [...setup.parameters.cards] },
      version: setup.version,
      rehearsal: lobby.rehearsal,
      joined_at: lobby.joinedAt,
      now,
      checks: [...lobby.checks],
      heard: [...lobby.joins.keys()].sort((a, b) => a - b),
      answer,
    },
  };
}

/** The joins that are still to be heard or answered; a clock that seems wrong is looked at again and again. */
export function lobbyPending(setup: DkgSetup, lobby: Lobby, now: number): Outgoing<DkgMessage>[] {
  return toOthers(setup, lobby, now, (join) => !isSettled(setup, join));
}

/** Joins for those who are known to have joined: whether they still wait for the same, or what has become of it. */
export function lobbyReminders(setup: DkgSetup, lobby: Lobby, now: number): Outgoing<DkgMessage>[] {
  return toOthers(setup, lobby, now, (join) => isSettled(setup, join));
}

function isSettled({ timing }: DkgSetup, join: Join | undefined): boolean {
  return join?.heardMe === true && join.skewMs <= timing.clockSkewMaxMs;
}

function toOthers(
  setup: DkgSetup,
  lobby: Lobby,
  now: number,
  chosen: (join: Join | undefined) => boolean,
): Outgoing<DkgMessage>[] {
  return setup.participants
    .filter(({ index }) => index !== setup.myIndex && chosen(lobby.joins.get(index)))
    .map(({ index }) => joinMessage(setup, lobby, index, now, true));
}

/** Why a node does not begin while something fails. */
export function refusalOf({ index, name, check, detail }: PreflightProblem): Fault {
  return faultOf('preflight_failed', index, clipDetail(`${name}: ${check}: ${detail}`));
}
