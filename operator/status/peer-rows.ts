// The other operators in `status`: whether they answer, what they told last, and how many more can be lost before signing
// stops.
import { listPeers } from '../../store/peers.ts';
import type { Node } from '../node.ts';
import { listCards } from '../peers/federation.ts';
import type { PeerStatusReport } from '../runtime/command-types.ts';
import { type Problem, problem, type Severity } from '../runtime/problems.ts';

/** A row for each operator whose card is here, this one excepted, in index order. */
export function peerRows(node: Node): readonly PeerStatusReport[] {
  const { store, config, online } = node;
  const heartbeat = online?.heartbeat ?? null;
  const answers = new Map((heartbeat?.answers() ?? []).map((one) => [one.index, one]));
  const beats = new Map((heartbeat?.book.peers() ?? []).map((one) => [one.index, one]));
  const offsets = new Map((heartbeat?.clock.state().offsets ?? []).map((one) => [one.index, one.offsetMs]));
  const heads = new Map(listPeers(store.db).map(({ index, head }) => [index, head]));
  const others = listCards(store.db).filter(({ index }) => index !== config.myIndex);
  return others.map(({ index, name, address }): PeerStatusReport => {
    const answer = answers.get(index);
    const known = beats.get(index);
    const head = heads.get(index) ?? null;
    const unreachable = answer?.unreachable ?? null;
    const pausedSince = known?.beat?.paused_since ?? null;
    return {
      ...{ index, name, address },
      reachable:
        answer === undefined || (unreachable === null && answer.answeredAt === null) ? null : unreachable === null,
      since: iso(unreachable?.since ?? null),
      detail: unreachable?.detail ?? '',
      answered_at: iso(answer?.answeredAt ?? null),
      heard_at: iso(known?.heardAt ?? null),
      phase: known?.beat?.phase ?? null,
      // A peer's word, which may be no date at all.
      paused_since: pausedSince === null ? null : iso(Math.min(pausedSince, known?.heardAt ?? pausedSince)),
      version: known?.beat?.version ?? null,
      key_id: known?.beat?.key_id ?? null,
      bitcoin_height: known?.beat?.bitcoin_height ?? null,
      recipients: known?.beat?.recipients ?? null,
      head: head === null ? null : { epoch: head.epoch, seq: head.seq },
      clock_offset_ms: offsets.get(index) ?? null,
    };
  });
}

/** The peers that send more requests than this node handles for one. */
export function floodProblems({ online }: Node): readonly Problem[] {
  return (online?.acceptor.floods() ?? []).map(({ peer, since, refused }) =>
    problem('peer_floods', {
      subject: `operator ${peer}`,
      since,
      cause: `it sends more requests than this node takes from one peer: ${refused} were refused without a pause; the others keep their turns`,
      action: 'ask its operator what runs there; it may be broken, or taken over',
    }),
  );
}

/** How many operators can be counted on, this one among them, and how many must sign. */
export interface Quorum {
  readonly participants: number;
  readonly threshold: number;
}

/** The operators that do not answer: the fewer are left, the louder. */
export function unreachableProblems(
  { participants, threshold }: Quorum,
  rows: readonly PeerStatusReport[],
): readonly Problem[] {
  const gone = rows.filter(({ reachable }) => reachable === false);
  // Operators without a card cannot be reached either; one that has halted or is paused signs nothing.
  const isAble = ({ reachable, phase, paused_since }: PeerStatusReport): boolean =>
    reachable !== false && phase !== 'halted' && paused_since === null;
  const left = 1 + rows.filter(isAble).length;
  const spare = left - threshold;
  const severity: Severity = spare < 0 ? 'critical' : spare === 0 ? 'error' : 'warning';
  return gone.flatMap(({ index, name, address, since, detail, heard_at }) => {
    // A row that does not answer has it.
    if (since === null) return [];
    const hears = heard_at !== null && Date.parse(heard_at) - Date.parse(since) > HEARD_SINCE_MS;
    const oneWay = hears ? '; its own messages do arrive here' : '';
    return problem('peer_unreachable', {
      subject: `operator ${index} (${name})`,
      severity,
      since: Date.parse(since),
      cause: `it does not answer (${detail})${oneWay}; ${quorumText(left, participants, threshold)}`,
      action: `ask its operator whether the server runs and is unsealed, and whether ${address} can be reached from here`,
    });
  });
}

/** A peer heard so long after it ceased to answer reaches this node, in ms. */
const HEARD_SINCE_MS = 10_000;

function quorumText(left: number, participants: number, threshold: number): string {
  const counts = `${left} of ${participants} are left, and ${threshold} must sign`;
  const spare = left - threshold;
  if (spare < 0) return `${counts}: nothing can be signed`;
  if (spare === 0) return `${counts}: one more loss stops signing`;
  return `${counts}: ${spare + 1} more losses would stop signing`;
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
