// The lobby of a key ceremony: who has joined, whether everything that must hold before keys are made holds, and who
// coordinates. Nothing secret is made here.
import { type DkgSetup, nameOf, type PreflightProblem } from './dkg-setup.ts';
import { clipDetail } from './fields.ts';
import type { DkgMessage, MessageBody, Outgoing } from './messages.ts';
import type { ABORT_REASONS, PreflightCheck } from './messages-dkg.ts';

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
  /** Joins of earlier lobbies of this ceremony: only later ones count. */
  readonly floors: ReadonlyMap<number, number>;
  /** The attempt that the coordinator has asked to start, if this node is ready for it. */
  readonly called: string | null;
  /** Attempts that this node has taken part in: none is begun twice, or a share box's key would serve twice. */
  readonly spent: readonly string[];
}

/** Opens the lobby for this node. `previous`: the lobby of an attempt that has ended. */
export function openLobby(
  joined: { readonly now: number; readonly rehearsal: boolean; readonly checks: readonly PreflightCheck[] },
  previous: Lobby | null,
): Lobby {
  const floors = new Map(previous?.floors);
  for (const [index, join] of previous?.joins ?? []) floors.set(index, join.body.joined_at);
  const { now, rehearsal, checks } = joined;
  // Later than any join of this node before, also where its clock was set back: older ones do not count.
  const joinedAt = previous === null ? now : Math.max(now, previous.joinedAt + 1);
  return { joinedAt, rehearsal, checks, joins: new Map(), floors, called: null, spent: previous?.spent ?? [] };
}

/** The lobby after this node's operator joined again in it, with checks made anew. */
export function rejoinLobby(
  lobby: Lobby,
  joined: { readonly now: number; readonly rehearsal: boolean; readonly checks: readonly PreflightCheck[] },
): Lobby {
  const joins = new Map([...lobby.joins].map(([index, join]) => [index, { ...join, heardMe: false }] as const));
  const { now, rehearsal, checks } = joined;
  return { ...lobby, joinedAt: Math.max(now, lobby.joinedAt + 1), rehearsal, checks, joins, called: null };
}

/** The lobby after a join was heard; the same object where it tells nothing new. */
export function hearJoin(
  setup: DkgSetup,
  lobby: Lobby,
  from: number,
  body: MessageBody<'dkg_join'>,
  now: number,
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
  // Another joined_at may make another node the coordinator: what the former one called for no longer counts.
  return { ...lobby, joins, called: same ? lobby.called : null };
}

/** The lobby after a node said that it has not joined. */
export function forgetJoin(lobby: Lobby, from: number): Lobby {
  if (!lobby.joins.has(from)) return lobby;
  const joins = new Map(lobby.joins);
  joins.delete(from);
  return { ...lobby, joins, called: null };
}

/** Who has not joined yet. */
export function lobbyAwaits(setup: DkgSetup, lobby: Lobby): number[] {
  return setup.participants
    .map(({ index }) => index)
    .filter((index) => index !== setup.myIndex && !lobby.joins.has(index));
}

/** The preflight verdict on everybody who has joined: who fails what. Empty where all is well. */
export function preflight(setup: DkgSetup, lobby: Lobby): PreflightProblem[] {
  const { myIndex, parametersFingerprint, timing, version } = setup;
  const problems = checkProblems(setup, myIndex, lobby.checks);
  for (const [index, { body, skewMs }] of [...lobby.joins].sort(([a], [b]) => a - b)) {
    const problem = (check: string, detail: string) =>
      problems.push({ index, name: nameOf(setup, index), check, detail: clipDetail(detail) });
    if (body.version !== version) problem('version', `runs ${body.version}, this node ${version}`);
    if (body.parameters_fingerprint !== parametersFingerprint) {
      problem('parameters', 'has other members, keys, addresses, certificates, threshold or network in its files');
    }
    if (body.rehearsal !== lobby.rehearsal) {
      problem('rehearsal', body.rehearsal ? 'has joined for a rehearsal' : 'has joined for real keys');
    }
    if (skewMs > timing.clockSkewMaxMs) problem('clock', `its clock is ${(skewMs / 1000).toFixed(1)} s off`);
    problems.push(...checkProblems(setup, index, body.checks));
  }
  return problems;
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
      parameters_fingerprint: setup.parametersFingerprint,
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

/** The joins that are still to be heard or answered. */
export function lobbyPending(setup: DkgSetup, lobby: Lobby, now: number): Outgoing<DkgMessage>[] {
  return setup.participants
    .map(({ index }) => index)
    .filter((index) => index !== setup.myIndex && lobby.joins.get(index)?.heardMe !== true)
    .map((to) => joinMessage(setup, lobby, to, now, true));
}

/** The answer to a coordinator whose start comes while something fails. */
export function refuseStart(to: number, attempt: string, problems: readonly PreflightProblem[]): Outgoing<DkgMessage> {
  const [first] = problems;
  const detail =
    first === undefined ? 'has not joined this ceremony' : `${first.name}: ${first.check}: ${first.detail}`;
  const culprit = first?.index ?? null;
  const reason: keyof typeof ABORT_REASONS = 'preflight_failed';
  return { to, type: 'dkg_abort', body: { attempt, reason, culprit, suspects: [], detail: clipDetail(detail) } };
}
