// What operators should see of the chain: forks, troubles of the own Bitcoin nodes, a scan that is behind, attested deposits
// that no block holds any more.

import type { ChainProblem, ChainProblemName } from '../../chain/tips.ts';
import { exposedDeposits } from '../../store/reorganisation.ts';
import type { Contested } from '../chain-state/mempool-follow.ts';
import type { ScanReport } from '../chain-state/scan.ts';
import type { Node } from '../node.ts';
import { counted } from '../runtime/counted.ts';
import { type Problem, type ProblemCode, problem } from '../runtime/problems.ts';

/** Several blocks may come at once: a lag is a problem when it lasts so long (ms), or is so long (blocks). */
const LAG_MS_MAX = 60_000;
const LAG_BLOCKS_MAX = 12;
/** So many contested deposits are named. */
const CONTESTED_SHOWN_MAX = 10;

const LOOK = 'look at this Bitcoin node: its log, its connections and its disk';
const OF_CHAIN: Readonly<Record<ChainProblemName, readonly [ProblemCode, action: string]>> = {
  no_majority: [
    'bitcoin_no_majority',
    'start the Bitcoin nodes that do not answer, or correct bitcoin_nodes or their RPC credentials',
  ],
  fork: ['bitcoin_fork', 'find out which of your Bitcoin nodes is on the wrong chain'],
  wrong_network: ['bitcoin_wrong_network', 'take this node out of bitcoin_nodes, or set network'],
  node_unavailable: ['bitcoin_unavailable', LOOK],
  node_credentials: [
    'bitcoin_credentials',
    'give this node the RPC user and password of your Bitcoin nodes, or their cookie file: `mpc_operator init --force` with --bitcoin-rpc-user or --bitcoin-rpc-cookie-file (docs/OPERATING.md, "Launch sheet"), and restart the server',
  ],
  node_syncing: ['bitcoin_syncing', 'wait: this node asks it again once it has synchronised'],
  node_behind: ['bitcoin_behind', LOOK],
  stale_tip: ['bitcoin_stale_tip', LOOK],
  index_missing: ['bitcoin_index', 'put txindex=1 into its bitcoin.conf and restart it'],
  index_behind: ['bitcoin_index', 'wait while it builds its index; if that does not end, look at its log'],
  index_unknown: ['bitcoin_index', 'allow getindexinfo in its rpcwhitelist, or look at its log'],
  fee_absurd: [
    'bitcoin_fee_estimate',
    'look at this Bitcoin node; meanwhile choose a fee rate yourself: `mpc_operator bump`',
  ],
  fee_estimate_missing: ['bitcoin_fee_estimate', 'wait if it was started recently; otherwise look at its log'],
};

/** A problem of the own Bitcoin nodes; `since` in ms since 1970. */
export function bitcoinProblem({ problem: name, node, detail }: ChainProblem, since: number): Problem {
  const [code, action] = OF_CHAIN[name];
  const subject = node === null ? 'Bitcoin nodes' : `Bitcoin node ${node}`;
  // Where the subject names the node, its label at the beginning says it again.
  const cause = detail.replace(`${node}: `, '').replace(/\.$/, '');
  return problem(code, { subject, since, cause, action });
}

/** All of them. */
export function chainProblems(node: Node): readonly Problem[] {
  const { store, chain, online, config, input } = node;
  const problems = (chain?.problems() ?? []).map((one) =>
    bitcoinProblem(one, chain?.problemSince(one) ?? node.startedAt),
  );
  const scan = online?.autopilot.scan ?? null;
  if (chain?.isForked() === true) problems.push(forkProblem(chain.forkedSince() ?? node.startedAt, config));
  if (scan !== null && scan.lost !== null) problems.push(lostProblem(scan.lost));
  const progress = scan?.progress() ?? null;
  const { effects } = input;
  const clocks = { now: effects.now(), monotonic: effects.monotonic() };
  const lag = progress === null ? null : lagProblem(progress, clocks);
  if (lag !== null) problems.push(lag);
  problems.push(...contestedProblems(online?.autopilot.mempool.contested() ?? []));
  const exposed = exposedDeposits(store.db);
  if (exposed.length > 0) problems.push(exposedProblem(exposed));
  for (const { txid, detail, since } of online?.autopilot.follow.refused() ?? []) {
    const subject = `step ${txid} of the treasury line`;
    const cause = `it is signed, but your Bitcoin nodes refuse it: ${detail}`;
    const action = 'wait: this node sends it again; if this lasts, replace it with `mpc_operator bump`';
    problems.push(problem('line_step_refused', { subject, since, cause, action }));
  }
  return problems;
}

function forkProblem(since: number, config: Node['config']): Problem {
  const cause = `it looks forked: deposits and coins need ${config.forkConfirmations} confirmations instead of ${config.normalConfirmations}`;
  const action = 'make sure that your Bitcoin nodes have the same blocks; this alarm ends some blocks after they agree';
  return problem('chain_forked', { subject: 'Bitcoin chain', since, cause, action });
}

function lostProblem({ height, since }: { readonly height: number; readonly since: number }): Problem {
  const cause = `it was reorganised deeper than the stored history (below block ${height}), so no block is read`;
  return problem('history_lost', { subject: 'Bitcoin chain', since, cause, action: 'check your Bitcoin nodes' });
}

/**
 * A scan that is behind, where that is more than a moment's lag. The clocks in ms: `now` since 1970, `monotonic` as
 * `ScanReport.since`.
 */
export function lagProblem(
  { height, tip, since }: ScanReport,
  clocks: { readonly now: number; readonly monotonic: number },
): Problem | null {
  const left = tip - height;
  const lastsMs = since === null ? 0 : clocks.monotonic - since;
  if (!(left > 0 && lastsMs > LAG_MS_MAX) && left <= LAG_BLOCKS_MAX) return null;
  return problem('blocks_unread', {
    subject: 'Bitcoin blocks',
    since: clocks.now - lastsMs,
    cause: `${counted(left, 'block')} to read (${height} of ${tip}); this node starts no attestations or payouts until then`,
    action: 'wait if the height rises; otherwise check your Bitcoin nodes',
  });
}

function contestedProblems(contested: readonly Contested[]): readonly Problem[] {
  const action = 'wait until a block decides; the deposit is not attested before that';
  const named = contested
    .slice(0, CONTESTED_SHOWN_MAX)
    .map(({ detail, since }) => problem('deposit_contested', { subject: 'mempool', since, cause: detail, action }));
  const more = contested.length - CONTESTED_SHOWN_MAX;
  if (more <= 0) return named;
  const cause = `${counted(more, 'more deposit')} ${more === 1 ? 'is' : 'are'} contested`;
  const since = Math.min(...contested.slice(CONTESTED_SHOWN_MAX).map((one) => one.since));
  return [...named, problem('deposit_contested', { subject: 'mempool', since, cause, action })];
}

function exposedProblem(exposed: ReturnType<typeof exposedDeposits>): Problem {
  const sats = exposed.reduce((sum, { amount }) => sum + amount, 0n);
  const taken = counted(exposed.length, 'deposit');
  return problem('deposits_exposed', {
    subject: 'deposits',
    since: Math.min(...exposed.map(({ updatedAt }) => updatedAt)),
    cause: `a reorganisation took back ${taken} attested already: ${sats} sats are exposed until mined again`,
    action: 'see `mpc_operator deposits`; nothing more is attested for these recipients until then',
  });
}
