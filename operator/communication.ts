// `test-communication`: asks every peer a few times and tells what an operator needs to know of each link.

import { type Node, requireOnline } from './node.ts';
import { daysLeft, readCertificate } from './peers/certificate.ts';
import { listCards } from './peers/federation.ts';
import { type Pong, parseServiceMessage } from './peers/messages.ts';
import { CLOCK_OFFSET_MS_MAX } from './runtime/clock-watch.ts';
import type { CommandResults, CommunicationReport } from './runtime/command-types.ts';
import type { Progress } from './runtime/progress.ts';
import { signerReports } from './status/signer-reports.ts';

const PING_TIMEOUT_MS = 5_000;

interface Answer {
  readonly pong: Pong;
  readonly roundTripMs: number;
  readonly clockOffsetMs: number;
}

/** Pings every peer `rounds` times, all peers at once. `ok` only where every peer is known, answers and keeps time. */
export async function testCommunication(
  node: Node,
  rounds: number,
  progress: Progress,
): Promise<CommandResults['test-communication']> {
  const cards = listCards(node.store.db).filter((card) => card.index !== node.config.myIndex);
  const signers = new Map(signerReports(node).map((signer) => [signer.index, signer]));
  const reports = await Promise.all(
    cards.map(async (card) => {
      const report = await pingPeer(node, card.index, rounds);
      const now = node.input.effects.now();
      const facts = readCertificate(card.tls_certificate);
      progress({ step: 'peer', text: `${card.name}: ${report.detail}` });
      const days = facts === null ? null : daysLeft(facts, now);
      const { index, name, address } = card;
      return { index, name, address, certificate_days_left: days, signing: signers.get(index) ?? null, ...report };
    }),
  );
  const missing = missingReports(node, reports);
  const peers = [...reports, ...missing].sort((a, b) => a.index - b.index);
  const checked = checkLinks(peers, node.input.version);
  measured.set(node, { at: node.input.effects.now(), peers: checked });
  return { peers: checked, ok: checked.every(({ fits }) => fits) };
}

/** What the ways to all peers were like when they were measured last; `at` in ms since 1970. */
export interface MeasuredLinks {
  readonly at: number;
  readonly peers: readonly CommunicationReport[];
}

const measured = new WeakMap<Node, MeasuredLinks>();

/** The newest measurement of this process; null where there is none yet. */
export function lastLinks(node: Node): MeasuredLinks | null {
  return measured.get(node) ?? null;
}

/** A link as it was measured. */
export type Link = Omit<CommunicationReport, 'fits'>;

/** Says of each link whether it fits this node, which runs `version`, and in `detail` all that is wrong with it. */
export function checkLinks(links: readonly Link[], version: string): readonly CommunicationReport[] {
  const offsets = links.flatMap(({ clock_offset_ms: offset }) => (offset === null ? [] : [offset]));
  // Where all others are off to the same side, the odd clock is this node's own.
  const isOwnClock =
    offsets.length > 1 && [1, -1].some((sign) => offsets.every((offset) => sign * offset > CLOCK_OFFSET_MS_MAX));
  return links.map((link) => {
    const flaws = link.reachable ? linkFlaws(link, version, isOwnClock) : [link.detail];
    return { ...link, fits: flaws.length === 0, detail: flaws.length === 0 ? link.detail : flaws.join('; ') };
  });
}

function linkFlaws(link: Link, version: string, isOwnClock: boolean): readonly string[] {
  const { clock_offset_ms: offset, certificate_days_left: days } = link;
  const flaws: string[] = [];
  if (offset !== null && Math.abs(offset) > CLOCK_OFFSET_MS_MAX) flaws.push(clockFlaw(offset, isOwnClock));
  if (days !== null && days < 0)
    flaws.push('its certificate has expired: its operator has to make a new one and send the new card');
  if (link.version !== version)
    flaws.push(`it runs version ${link.version}, this node ${version}: run the same version`);
  return flaws;
}

function clockFlaw(offset: number, isOwnClock: boolean): string {
  const seconds = `${(Math.abs(offset) / 1000).toFixed(1)} s`;
  const most = `at most ${CLOCK_OFFSET_MS_MAX / 1000} s may lie between two clocks`;
  if (isOwnClock) {
    const side = offset > 0 ? 'behind' : 'ahead of';
    return `the clock of this node is ${seconds} ${side} those of all peers: set it right (${most})`;
  }
  return `its clock is ${seconds} ${offset > 0 ? 'ahead of' : 'behind'} this node's: correct the one that is wrong (${most})`;
}

type Pinged = Omit<Link, 'index' | 'name' | 'address' | 'certificate_days_left' | 'signing'>;

async function pingPeer(node: Node, index: number, rounds: number): Promise<Pinged> {
  const answers: Answer[] = [];
  let failure = '';
  for (let round = 0; round < rounds; round++) {
    const answer = await ping(node, index);
    if (typeof answer === 'string') {
      failure = answer;
      break;
    }
    answers.push(answer);
  }
  const last = answers.at(-1);
  if (last === undefined || failure !== '') {
    return { reachable: false, detail: failure, version: null, clock_offset_ms: null, round_trip_ms: null };
  }
  // The first round trip pays for the TLS handshake, unless it is the only one.
  const times = (answers.length > 1 ? answers.slice(1) : answers)
    .map(({ roundTripMs }) => roundTripMs)
    .sort((a, b) => a - b);
  const fastest = answers.reduce((best, answer) => (answer.roundTripMs < best.roundTripMs ? answer : best));
  const [min = 0, max = 0] = [times[0], times.at(-1)];
  const median = times[Math.floor(times.length / 2)] ?? 0;
  const round_trip_ms = { min: rounded(min), median: rounded(median), max: rounded(max) };
  const { version } = last.pong;
  return {
    reachable: true,
    detail: 'reachable',
    version,
    clock_offset_ms: Math.round(fastest.clockOffsetMs),
    round_trip_ms,
  };
}

async function ping(node: Node, index: number): Promise<Answer | string> {
  const { client } = requireOnline(node);
  const sentAt = node.input.effects.now();
  const result = await client.send(index, { ceremony: '', type: 'ping', body: {} }, { timeoutMs: PING_TIMEOUT_MS });
  if (!result.ok) return `${result.error}: ${result.detail}`;
  const [reply] = result.messages;
  const message = reply === undefined ? null : parseServiceMessage(reply.type, reply.body);
  if (message === null || message === false || message.type !== 'pong') return 'gave an answer of another kind';
  const { roundTripMs } = result;
  return { pong: message.body, roundTripMs, clockOffsetMs: message.body.now - (sentAt + roundTripMs / 2) };
}

function missingReports(node: Node, known: readonly { readonly index: number }[]): readonly Link[] {
  const indices = new Set(known.map(({ index }) => index));
  return node.config.partyAddresses.flatMap(({ text: address }, index) => {
    if (index === node.config.myIndex || indices.has(index)) return [];
    const nothing = {
      ...{ version: null, certificate_days_left: null, clock_offset_ms: null, round_trip_ms: null, signing: null },
    };
    const detail = 'this node does not have its operator card: run `mpc_operator peer add`';
    return [{ index, name: `operator-${index}`, address, reachable: false, detail, ...nothing }];
  });
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
