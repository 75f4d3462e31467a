// `service-status`, `enable-service`, `disable-service`: whether this node does real work, what it does by itself, and which
// peers have said that they do.
import { listWaitingBurns } from '../store/burn-payments.ts';
import { listDeposits } from '../store/deposits.ts';
import { openPauses } from '../store/pauses.ts';
import { disableService, enableService, serviceSwitch } from '../store/service.ts';
import { requireLiveKey } from './bridge/bridge.ts';
import { lineRoot } from './chain-state/line-terms.ts';
import type { Node } from './node.ts';
import { CommandError } from './runtime/command-error.ts';
import type { PeerServiceReport, ServiceReport } from './runtime/command-types.ts';
import { counted } from './runtime/counted.ts';
import { peerRows } from './status/peer-rows.ts';
import { pauseStops } from './validation/pause-gate.ts';

/** Whether the service is enabled here and at the peers, and what follows from it. */
export function serviceReport(node: Node): ServiceReport {
  const { config, store } = node;
  const { state, changedAt, firstEnabledAt } = serviceSwitch(store.db);
  const peers = peerServices(node);
  const pausedSince = openPauses(store.db)[0]?.at ?? null;
  const counts = state === 'enabled' && pausedSince === null;
  const enabled = peers.filter((peer) => peer.counts).length + (counts ? 1 : 0);
  return {
    state,
    since: iso(changedAt),
    paused_since: iso(pausedSince),
    first_enabled_at: iso(firstEnabledAt),
    missing: whyNotReady(node)?.message ?? null,
    does: duties(node, state),
    would_begin: state === 'enabled' ? [] : beginnings(node),
    peers,
    enabled,
    threshold: config.threshold,
    participants: config.parties,
    // Without its peers a node knows of itself alone.
    open: node.online === null ? null : enabled >= config.threshold,
  };
}

/** Enables the service. Throws `CommandError` where there is no live key, or no certificate of its root. */
export function enableServiceHere(node: Node): ServiceReport {
  const why = whyNotReady(node);
  if (why !== null) throw why;
  if (enableService(node.store.db, node.input.effects.now())) changed(node);
  return serviceReport(node);
}

/** Disables the service. Throws `CommandError` where it was never enabled. */
export function disableServiceHere(node: Node): ServiceReport {
  const { db } = node.store;
  if (serviceSwitch(db).state === 'off') {
    throw new CommandError('service_off', 'the service was never enabled at this node, so there is nothing to disable');
  }
  if (disableService(db, node.input.effects.now())) changed(node);
  return serviceReport(node);
}

/** What a node does by itself in its present state, a sentence each. */
export function duties(node: Node, state = serviceSwitch(node.store.db).state): readonly string[] {
  const paused = pauseStops(node.store.db);
  if (paused === null) return workOf(node, state);
  return [`It signs NOTHING: ${paused}.`, 'Once it is resumed:', ...workOf(node, state)];
}

function workOf(node: Node, state: ReturnType<typeof serviceSwitch>['state']): readonly string[] {
  const { automatic, normalConfirmations } = node.config;
  if (state === 'off') {
    return [
      'It signs nothing real: no attestation and no payout, neither by itself nor when a peer asks.',
      'It follows the chain, Wire and its peers, and takes part in key ceremonies, tests and the opening of the treasury.',
    ];
  }
  const deposits = automatic
    ? `It attests deposits by itself once they have ${counted(normalConfirmations, 'confirmation')}.`
    : 'It attests deposits when its operator or a peer asks (`automatic` is off).';
  const burns = automatic
    ? 'It pays burns by itself once they are final on Wire.'
    : 'It pays burns when its operator or a peer asks (`automatic` is off).';
  const { publicAddress } = node.config;
  const open = state === 'enabled' ? `It answers the public at ${publicAddress?.text}.` : 'Its public API is closed.';
  const work = [state === 'enabled' ? deposits : 'It attests nothing new.', burns];
  return publicAddress === null ? work : [...work, open];
}

// What begins with `enable-service`, as it stands now.
function beginnings(node: Node): readonly string[] {
  const { db } = node.store;
  const deposits = listDeposits(db, ['seen', 'confirmed'], { limit: 1 }).total;
  const burns = listWaitingBurns(db, { limit: 1 }).total;
  return [
    ...duties(node, 'enabled'),
    `Waiting now: ${counted(deposits, 'deposit')} to attest, ${counted(burns, 'burn')} to pay.`,
    'It signs real attestations and payouts with its peers: from here on real money moves.',
  ];
}

function whyNotReady({ keys, store }: Node): CommandError | null {
  try {
    const key = requireLiveKey(keys);
    if (lineRoot(store.db, key) !== null) return null;
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
  return new CommandError('no_root', 'the treasury is not open: run `mpc_operator treasury` to see what it lacks');
}

// A peer that does not answer helps nobody, whatever it said last.
function peerServices(node: Node): readonly PeerServiceReport[] {
  const beats = new Map((node.online?.heartbeat?.book.peers() ?? []).map((one) => [one.index, one]));
  return peerRows(node).map(({ index, name, reachable, heard_at, paused_since }) => {
    const state = beats.get(index)?.beat?.service ?? null;
    const paused = paused_since !== null;
    return { index, name, state, heard_at, counts: state === 'enabled' && reachable !== false && !paused, paused };
  });
}

// The peers hear of it with the next beat, which goes out at once.
function changed(node: Node): void {
  const { state } = serviceSwitch(node.store.db);
  node.input.log('info', 'service_changed', { state, does: duties(node).join(' ') });
  node.online?.heartbeat?.changed();
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
