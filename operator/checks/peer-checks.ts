// Checks of the network: where this node listens, and the other operators as their cards and answers show them.
import { isEveryInterface } from '../config/config-address.ts';
import { CLOCK_OFFSET_MS_MAX } from '../runtime/clock-watch.ts';
import type { Facts, PeerFact } from './facts.ts';
import { CERTIFICATE_DAYS_MIN, CERTIFICATE_DAYS_WARNED } from './key-checks.ts';
import { isLoopback, isPrivate, networkOf } from './networks.ts';
import { type Check, type Finding, fail, pass, unseen, warn } from './verdicts.ts';

/** Launch instructions: "<100ms latency to other operators". */
export const LATENCY_MS_MAX = 100;
const CLOCK_OFFSET_MS_WARNED = 1_000;

/** In the order in which they are shown. */
export const PEER_CHECKS: readonly Check[] = [
  { id: 'listen_peers', title: 'Peer port', judge: listenPeers },
  { id: 'listen_metrics', title: 'Metrics port', judge: listenMetrics },
  { id: 'listen_public', title: 'Public API', judge: listenPublic },
  { id: 'peer_cards', title: 'Cards of all operators', judge: peerCards },
  { id: 'peers_answer', title: 'Operators answer', judge: peersAnswer },
  { id: 'peer_versions', title: "Operators' versions", judge: peerVersions },
  { id: 'peer_certificates', title: "Operators' certificates", judge: peerCertificates },
  { id: 'peer_networks', title: 'Operators apart', judge: peerNetworks },
  { id: 'latency', title: 'Latency to operators', judge: latency },
  { id: 'clock', title: 'Clock beside those of operators', judge: clock },
  { id: 'contacts', title: 'Contacts of operators', judge: contacts },
];

function listenPeers({ listen: { peers, told } }: Facts): Finding {
  if (isLoopback(hostOf(peers)) && !isLoopback(hostOf(told))) {
    return fail(
      `it listens on ${peers}, but the peers have ${told}`,
      'set "listen_address" to an address that they reach',
    );
  }
  return pass(
    isEveryInterface(hostOf(peers)) ? `${peers}: all addresses, for holders of the peers' certificates` : peers,
  );
}

function listenMetrics({ listen: { metrics } }: Facts): Finding {
  if (isLoopback(hostOf(metrics))) return pass(metrics);
  return warn(
    `${metrics} can be reached from outside, and asks nobody who they are`,
    'set "metrics_address" to 127.0.0.1 and a port, or let the firewall admit your Prometheus alone',
  );
}

function listenPublic({ listen: { publicApi } }: Facts): Finding {
  if (publicApi === null) return pass('off');
  if (isLoopback(hostOf(publicApi))) return pass(publicApi);
  return fail(
    `${publicApi} serves plain HTTP beyond this machine: a deposit address can be changed on the way`,
    'set "public_address" to 127.0.0.1 and a port, and put a proxy with TLS before it',
  );
}

function peerCards({ peers }: Facts): Finding {
  const missing = peers.filter(({ hasCard }) => !hasCard).map(({ index }) => index);
  if (missing.length === 0) return pass(`all ${peers.length + 1} are here`);
  return fail(`missing of operator ${missing.join(', ')}`, 'ask for them, then run `mpc_operator peer add CARD`');
}

function peersAnswer({ peers }: Facts): Finding {
  const silent = peers.find(({ reachable }) => reachable === false);
  if (silent !== undefined) {
    return fail(`${named(silent)}: ${silent.detail}`, 'ask its operator whether the server runs and is unsealed');
  }
  const unknown = peers.filter(({ reachable }) => reachable === null);
  if (unknown.length > 0) return notAsked();
  return pass(`all ${peers.length} answer`);
}

function peerVersions({ peers, version }: Facts): Finding {
  const told = peers.filter((peer) => peer.version !== null);
  const other = told.filter((peer) => peer.version !== version);
  if (other.length > 0) {
    const whose = other.map((peer) => `${named(peer)} ${peer.version}`).join(', ');
    return warn(`${version} here, ${whose}`, 'update all nodes to one version: no key ceremony begins before');
  }
  return told.length < peers.length ? notAsked() : pass(`${version} everywhere`);
}

function peerCertificates({ peers }: Facts): Finding {
  const known = peers.flatMap((peer) => (peer.certificateDays === null ? [] : [{ peer, days: peer.certificateDays }]));
  const [soonest] = [...known].sort((a, b) => a.days - b.days);
  if (soonest === undefined) return unseen('there are no cards', 'run: mpc_operator peer add CARD');
  const { peer, days } = soonest;
  const seen = days < 0 ? `that of ${named(peer)} has expired` : `that of ${named(peer)} has ${days} days left`;
  const action = 'ask its operator to run `mpc_operator tls rotate`';
  if (days < CERTIFICATE_DAYS_MIN) return fail(seen, action);
  return days < CERTIFICATE_DAYS_WARNED ? warn(seen, action) : pass(`the first ends in ${days} days (${named(peer)})`);
}

// Two in one network are likely in one house: one fire, or one landlord, takes both.
function peerNetworks({ peers, ownIps, myIndex }: Facts): Finding {
  const all = [{ index: myIndex, ips: ownIps }, ...peers];
  const seen = new Map<string, number>();
  for (const { index, ips } of all) {
    for (const network of new Set(ips.filter((ip) => !isPrivate(ip)).map(networkOf))) {
      const other = seen.get(network);
      if (other !== undefined && other !== index) {
        return warn(
          `operators ${other} and ${index} are both in ${network}`,
          'ask them to move apart: whoever fails or seizes that network takes both',
        );
      }
      seen.set(network, index);
    }
  }
  const unknown = all.filter(({ ips }) => ips.length === 0).map(({ index }) => index);
  if (unknown.length > 0)
    return unseen(`the address of operator ${unknown.join(', ')} is not found`, 'check party_addresses and DNS');
  const hidden = all.filter(({ ips }) => ips.every(isPrivate)).map(({ index }) => index);
  if (hidden.length > 0) {
    const why = `there are private addresses alone of operator ${hidden.join(', ')}, which do not say where it is`;
    return unseen(why, 'ask the operators where their machines stand, and who runs the network');
  }
  return pass('no two in one /24 (IPv4) or /48 (IPv6)');
}

function latency({ peers }: Facts): Finding {
  const told = peers.flatMap((peer) => (peer.latencyMs === null ? [] : [{ peer, ms: peer.latencyMs }]));
  const slow = told.filter(({ ms }) => ms >= LATENCY_MS_MAX);
  if (slow.length > 0) {
    const whose = slow.map(({ peer, ms }) => `${named(peer)} ${Math.round(ms)} ms`).join(', ');
    return warn(
      `${whose}, and the launch instructions ask for less than ${LATENCY_MS_MAX} ms`,
      'look at both lines: `mpc_operator test-communication`',
    );
  }
  if (told.length < peers.length) return notAsked();
  return pass(`at most ${Math.ceil(Math.max(0, ...told.map(({ ms }) => ms)))} ms`);
}

function clock({ peers }: Facts): Finding {
  const told = peers.flatMap((peer) =>
    peer.clockOffsetMs === null ? [] : [{ peer, ms: Math.abs(peer.clockOffsetMs) }],
  );
  const [worst] = [...told].sort((a, b) => b.ms - a.ms);
  if (worst === undefined) return notAsked();
  const seen = `${(worst.ms / 1000).toFixed(1)} s apart from that of ${named(worst.peer)}`;
  const action = 'correct the one that is wrong: timedatectl';
  if (worst.ms > CLOCK_OFFSET_MS_MAX) return fail(seen, action);
  return worst.ms > CLOCK_OFFSET_MS_WARNED ? warn(seen, action) : pass(`at most ${seen}`);
}

// One person behind two cards makes two operators one.
function contacts({ contacts: cards }: Facts): Finding {
  for (const [at, card] of cards.entries()) {
    for (const other of cards.slice(at + 1)) {
      const shared = card.values.find((value) => other.values.includes(value));
      if (shared === undefined) continue;
      return fail(
        `operators ${card.index} (${card.name}) and ${other.index} (${other.name}) both give ${shared}`,
        'ask them for people of their own: who runs two nodes decides for two',
      );
    }
  }
  const without = cards.filter(({ values }) => values.length === 0).map(({ index }) => index);
  if (without.length > 0)
    return unseen(`nobody is named on the card of operator ${without.join(', ')}`, 'ask for cards with contacts');
  return pass('no two operators share one');
}

function notAsked(): Finding {
  return unseen('not all of them were asked, or answered', 'run it on the running, unsealed server');
}

function named({ index, name }: PeerFact): string {
  return `operator ${index} (${name})`;
}

function hostOf(address: string): string {
  return address.replace(/:[0-9]+$/, '').replace(/^\[|\]$/g, '');
}
