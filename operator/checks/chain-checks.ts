// Checks of what the node believes in: its own Bitcoin and Wire nodes, and what it signs by itself.
import type { ChainProblemName } from '../../chain/tips.ts';
import type { BackendFact, Facts } from './facts.ts';
import { type Check, type Finding, fail, pass, unseen, warn } from './verdicts.ts';

/** Bitcoin Core v24.0, as `getnetworkinfo` counts. */
export const BITCOIN_VERSION_MIN = 240_000;
const NOT_SYNCED: ReadonlySet<ChainProblemName> = new Set<ChainProblemName>([
  'no_majority',
  'fork',
  'wrong_network',
  'node_unavailable',
  'node_credentials',
  'node_syncing',
  'node_behind',
  'stale_tip',
]);
const EVERYBODY = /\/(0|0\.0\.0\.0)$/;
// A mask shorter than that of 127.0.0.0/8 takes in addresses of other machines, whatever stands before it.
const LOOPBACK = /^(127(\.\d+){0,3}(\/([89]|[12]\d|3[0-2]|255(\.\d+){3}))?|\[?::1\]?(\/128)?|localhost)(:\d+)?$/i;

/** In the order in which they are shown. */
export const CHAIN_CHECKS: readonly Check[] = [
  { id: 'bitcoin_version', title: 'Bitcoin node: version', judge: bitcoinVersion },
  { id: 'bitcoin_sync', title: 'Bitcoin node: synced', judge: bitcoinSync },
  { id: 'bitcoin_index', title: 'Bitcoin node: transaction index', judge: bitcoinIndex },
  { id: 'bitcoin_transport', title: 'Bitcoin node: way to it', judge: bitcoinTransport },
  { id: 'bitcoin_exposure', title: 'Bitcoin node: RPC exposure', judge: bitcoinExposure },
  { id: 'bitcoin_nodes', title: 'More than one Bitcoin node', judge: bitcoinNodes },
  { id: 'wire_nodes', title: 'More than one Wire node', judge: wireNodes },
  { id: 'wire_answers', title: 'Wire nodes answer', judge: wireAnswers },
  { id: 'wire_transport', title: 'Wire node: way to it', judge: wireTransport },
  { id: 'automatic', title: 'Automatic operation', judge: automatic },
  { id: 'policy_caps', title: 'Caps of the policy', judge: policyCaps },
];

function bitcoinVersion({ bitcoin: { versions }, network }: Facts): Finding {
  const action = 'install Bitcoin Core v24 or later from bitcoincore.org, and verify its signatures';
  const old = versions.find(({ version }) => version !== null && version < BITCOIN_VERSION_MIN);
  if (old !== undefined) return fail(`${old.node} runs ${old.name}`, action);
  const silent = versions.find(({ version }) => version === null);
  if (silent !== undefined || versions.length === 0) {
    const why = `${silent?.node ?? 'no Bitcoin node'} does not say`;
    return unseen(why, 'look whether it runs, and allow getnetworkinfo in its rpcwhitelist');
  }
  const other = versions.find(({ name }) => !/^\/Satoshi:[^/]*\/$/.test(name));
  if (other !== undefined && network === 'mainnet')
    return warn(`${other.node} runs ${other.name}, which is not Bitcoin Core`, action);
  return pass(versions.map(({ node, name }) => `${node} ${name}`).join(', '));
}

function bitcoinSync({ bitcoin: { nodes, problems } }: Facts): Finding {
  const found = problems.filter(({ name }) => NOT_SYNCED.has(name));
  const [first] = found;
  if (first !== undefined)
    return fail(first.detail, 'see `mpc_operator status`; wait, or look at that node and its log');
  const silent = nodes.find(({ ok }) => !ok);
  if (silent !== undefined) return fail(`${silent.url}: ${silent.detail}`, 'look whether it runs, and at its log');
  return pass(`${counted(nodes.length, 'node')} at the tip`);
}

function bitcoinIndex({ bitcoin: { problems, nodes } }: Facts): Finding {
  const of = (name: ChainProblemName) => problems.find((one) => one.name === name);
  const missing = of('index_missing');
  if (missing !== undefined) return fail(missing.detail, 'put txindex=1 into its bitcoin.conf and restart it');
  const late = of('index_behind') ?? of('index_unknown');
  if (late !== undefined) return warn(late.detail, 'wait while it builds its index, or allow getindexinfo');
  if (!nodes.some(({ ok }) => ok)) return unseen('no Bitcoin node answers', 'look whether it runs, and at its log');
  return pass('txindex=1, and current');
}

function bitcoinTransport({ bitcoin: { nodes } }: Facts): Finding {
  const open = openOnes(nodes);
  if (open.length === 0) return pass('on this machine, or encrypted');
  return fail(
    `${open.join(', ')}: the RPC password crosses a network in plain HTTP`,
    'run a Bitcoin node on this machine, or put TLS or a tunnel before it',
  );
}

function bitcoinExposure({ bitcoin: { conf, nodes } }: Facts): Finding {
  if (conf === null) {
    const where = nodes.some(({ isLocal }) => isLocal)
      ? 'no bitcoin.conf is readable here'
      : 'it runs on another machine';
    return unseen(where, 'see that rpcallowip and rpcbind there name this node and nobody else');
  }
  const allow = conf.allow.filter((one) => !LOOPBACK.test(one));
  const bind = conf.bind.filter((one) => !LOOPBACK.test(one));
  const set = [...allow.map((one) => `rpcallowip=${one}`), ...bind.map((one) => `rpcbind=${one}`)];
  if (set.length === 0) return pass(`${conf.path}: RPC for this machine alone`);
  const action = 'set both to 127.0.0.1 and restart it, or let the firewall admit nobody else';
  const seen = `${conf.path} has ${set.join(', ')}`;
  // Core takes no notice of one of the two without the other.
  if (allow.length === 0 || bind.length === 0) return warn(`${seen}: the other of the two would open it`, action);
  return allow.some((one) => EVERYBODY.test(one))
    ? fail(`${seen}: anybody may try its RPC`, action)
    : warn(seen, action);
}

function bitcoinNodes({ bitcoin: { nodes } }: Facts): Finding {
  if (nodes.length > 1) return pass(`${nodes.length} are asked, and a majority must agree`);
  return warn('one alone is believed', 'add a second of your own to bitcoin_nodes: a fork then shows');
}

function wireNodes({ wire }: Facts): Finding {
  const action = 'put the URLs of your own Wire nodes into wire_nodes, more than one if you can';
  if (wire.length === 0) return fail('none are configured, so no burn is paid', action);
  return wire.length === 1 ? warn('one alone is believed', action) : pass(`${wire.length} are asked`);
}

function wireAnswers({ wire }: Facts): Finding {
  const silent = wire.filter(({ ok }) => !ok);
  const [first] = silent;
  if (first === undefined)
    return wire.length === 0 ? warn('none are configured', 'set wire_nodes') : pass(`all ${wire.length} answer`);
  const action = 'look whether it runs, and at its log';
  const seen = `${first.url}: ${first.detail}`;
  return silent.length * 2 >= wire.length ? fail(seen, action) : warn(seen, action);
}

function wireTransport({ wire }: Facts): Finding {
  const open = openOnes(wire);
  if (open.length === 0) return pass('on this machine, or encrypted');
  return warn(
    `${open.join(', ')}: whoever is on the way can invent burns`,
    'use https, a tunnel, or a Wire node on this machine',
  );
}

function automatic({ automatic: isOn }: Facts): Finding {
  if (isOn) return pass('deposits are attested and burns are paid without a command');
  return warn('"automatic" is off: deposits and burns wait for a command', 'set it to true, unless you mean it');
}

function policyCaps({ caps }: Facts): Finding {
  if (caps.length > 0) return pass(`set: ${caps.join(', ')}`);
  return warn('the policy caps no payout', 'set caps in "policy": they bound what a fault can cost');
}

function openOnes(nodes: readonly BackendFact[]): readonly string[] {
  return nodes.filter(({ isLocal, isEncrypted }) => !isLocal && !isEncrypted).map(({ url }) => url);
}

function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
