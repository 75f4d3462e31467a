// `emergency pause`, `resume` and `status`: this node stops signing at its operator's word, or has the federation stop, and goes
// on at its operator's word alone.
import { toHex } from '../crypto/bytes.ts';
import { openPauses, type Pause, pauseHere, resumeHere } from '../store/pauses.ts';
import type { Node } from './node.ts';
import { CommandError } from './runtime/command-error.ts';
import type { CommandParams, EmergencyReport, PauseReport } from './runtime/command-types.ts';
import { errorText } from './runtime/log.ts';
import { type Problem, problem } from './runtime/problems.ts';
import { peerRows } from './status/peer-rows.ts';
import { pauseText } from './validation/pause-gate.ts';

/** Pauses this node, and with `federation` asks every peer for the same. One that holds already is left as it is. */
export function pauseNode(node: Node, { reason, federation }: CommandParams<'emergency-pause'>): EmergencyReport {
  const { effects, log } = node.input;
  const scope = federation ? 'federation' : 'node';
  const pause = { id: toHex(effects.random(16)), askedBy: node.config.myIndex, scope, reason } as const;
  if (isWritten(() => pauseHere(node.store.db, pause, effects.now()))) {
    log('warn', 'node_paused', { scope, reason });
    node.online?.heartbeat?.changed();
  }
  return emergencyReport(node);
}

// Whoever pauses wants no more signatures: where the disk takes nothing, a way that needs no disk is named.
function isWritten(write: () => boolean): boolean {
  try {
    return write();
  } catch (error) {
    const flaw = `this node is not paused, because that cannot be written down (${errorText(error)})`;
    throw new CommandError(
      'pause_not_kept',
      `${flaw}: run \`mpc_operator seal\`, which needs no disk, or stop the server`,
    );
  }
}

/** Ends every pause at this node, whoever asked for it. Throws `CommandError` where there is none. */
export function resumeNode(node: Node): EmergencyReport {
  const { effects, log } = node.input;
  const ended = resumeHere(node.store.db, effects.now());
  if (ended.length === 0) throw new CommandError('not_paused', 'this node is not paused, so there is nothing to end');
  log('info', 'node_resumed', { pauses: ended.length });
  node.online?.heartbeat?.changed();
  return emergencyReport(node);
}

/** Whether this node and its peers are paused. */
export function emergencyReport(node: Node): EmergencyReport {
  const heartbeat = node.online?.heartbeat ?? null;
  return {
    pauses: pauseReports(node),
    ignored: (heartbeat?.pauses.ignored() ?? []).map(({ askedBy, reason, since, until }) => ({
      ...{ asked_by: askedBy, reason, since: iso(since), until: iso(until) },
    })),
    peers: peerRows(node).map(({ index, name, paused_since, heard_at }) => ({ index, name, paused_since, heard_at })),
  };
}

/** The pauses that hold here, the longest first. */
export function pauseReports({ store }: Pick<Node, 'store'>): readonly PauseReport[] {
  return openPauses(store.db).map(({ scope, askedBy, reason, at }) => {
    return { scope, asked_by: askedBy, reason, since: iso(at) };
  });
}

/** What an operator should look at: that this node is paused, and which peers say that they are. */
export function pauseProblems(node: Node): readonly Problem[] {
  const now = node.input.effects.now();
  const peers = peerRows(node).flatMap(({ index, name, paused_since: since }) => {
    if (since === null) return [];
    const subject = `operator ${index} (${name})`;
    const cause = 'its node is paused, so it gives no share of the keys';
    const action = 'ask its operator why, and when it will resume';
    return problem('peer_paused', { subject, since: Math.min(Date.parse(since), now), cause, action });
  });
  return [...openPauses(node.store.db).map(pauseProblem), ...peers];
}

function pauseProblem(pause: Pause): Problem {
  const cause = `it is paused and gives no share of the keys: paused ${pauseText(pause)}`;
  const action = 'when the emergency is over, run `mpc_operator emergency resume`';
  return problem('paused', { subject: 'this node', since: pause.at, cause, action });
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
