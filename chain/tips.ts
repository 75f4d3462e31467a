// What is wrong with this operator's Bitcoin nodes, validated on their reports (node-reports.ts): whether they agree about
// the chain, and each problem by its name, in one sentence, with what must not go on because of it.
import type { AgreedTip, ChainTip } from './bitcoin-view.ts';
import { type FeeEstimate, isEstimate, whyNoEstimate } from './fee-estimate.ts';
import type { OptionalAnswer } from './node-answers.ts';
import type { RpcFaultKind } from './rpc.ts';

/** Reports of all nodes, and how their tips compare: null where none answers. */
export interface NodeReports {
  readonly nodes: readonly NodeReport[];
  readonly comparison: { readonly agreed: ChainTip | null; readonly fork: AgreedTip['fork'] } | null;
}

/**
 * One node. `time`: of its best block, Unix seconds. `index`: how far its transaction index is, in blocks; null where it
 * has none. `feeRate`: its estimate in sats per 1000 vbytes; null where it has too little data. Either may be left untold.
 */
export type NodeReport =
  | { readonly ok: false; readonly node: string; readonly fault: RpcFaultKind; readonly detail: string }
  | {
      readonly ok: true;
      readonly node: string;
      readonly tip: ChainTip;
      readonly time: number;
      readonly syncing: boolean;
      readonly headers: number;
      readonly index: OptionalAnswer<number | null>;
      readonly feeRate: FeeEstimate;
    };

/** Whether the nodes agree. `fork`: `height` is the lowest at which they have different blocks. */
export type TipVerdict =
  | ({ readonly state: 'ok' } & ChainTip)
  | {
      readonly state: 'fork';
      readonly height: number;
      /** The last block they have in common; null where they part deeper than was looked. */
      readonly agreed: ChainTip | null;
      readonly detail: string;
    }
  | { readonly state: 'unavailable'; readonly detail: string };

/** What depends on the nodes. `history`: recognising what is mined and spent, for which the index is asked. */
export type Dependent = 'scan' | 'attestations' | 'payouts' | 'fee_estimates' | 'history';

export type ChainProblemName =
  | 'no_majority'
  | 'fork'
  | 'wrong_network'
  | 'node_unavailable'
  | 'node_credentials'
  | 'node_syncing'
  | 'node_behind'
  | 'stale_tip'
  | 'index_missing'
  | 'index_behind'
  | 'index_unknown'
  | 'fee_absurd'
  | 'fee_estimate_missing';

/** A problem. `node`: null where it is of all of them. `stops`: what must wait until it is over; empty: a warning. */
export interface ChainProblem {
  readonly problem: ChainProblemName;
  readonly node: string | null;
  readonly detail: string;
  readonly stops: readonly Dependent[];
}

/** What operators are shown. */
export interface ChainHealth {
  readonly tip: TipVerdict;
  readonly problems: readonly ChainProblem[];
}

/**
 * `tipAgeSecondsMax`: null where blocks come as somebody likes (regtest). Fee rates in sats per 1000 vbytes. `needsEstimate`:
 * whether too little data for an estimate stops what needs one; where nobody bids for space there never is enough.
 */
export interface HealthLimits {
  readonly tipAgeSecondsMax: number | null;
  readonly needsEstimate: boolean;
  readonly feeRateMin: bigint;
  readonly feeRateMax: bigint;
}

/**
 * For mainnet: two hours without a block happen once in years by chance; fee estimates between what is relayed at all
 * (0.1 sat/vB since Core v29.1) and 3000 sat/vB, which no estimate has ever asked for.
 */
export const MAINNET_HEALTH_LIMITS: HealthLimits = {
  tipAgeSecondsMax: 2 * 3600,
  needsEstimate: true,
  feeRateMin: 100n,
  feeRateMax: 3_000_000n,
};

/** So far a node may be behind the others, or its index behind the node, without being named; in blocks. */
const BEHIND_BLOCKS_MAX = 2;
const EVERYTHING: readonly Dependent[] = ['scan', 'attestations', 'payouts', 'fee_estimates', 'history'];
const SIGNING: readonly Dependent[] = ['attestations', 'payouts'];

type Answering = Extract<NodeReport, { readonly ok: true }>;

/** Validates the reports. `nowSeconds`: Unix time. */
export function chainHealth(reports: NodeReports, limits: HealthLimits, nowSeconds: number): ChainHealth {
  const tip = tipVerdict(reports);
  const answering = reports.nodes.filter(isAnswering);
  const problems = [
    ...tipProblems(tip),
    ...reports.nodes.flatMap((report) => nodeProblems(report, reports.nodes.length)),
    ...staleProblems(answering, reports.nodes.length, limits.tipAgeSecondsMax, nowSeconds),
    ...answering.flatMap((node) => behindProblems(node, answering)),
    ...answering.flatMap(indexProblems),
    ...answering.flatMap((node) => feeProblems(node, limits)),
    ...estimateProblems(answering, limits),
  ];
  return { tip, problems };
}

/** What must wait for now, because of any problem. */
export function stopped(health: ChainHealth): ReadonlySet<Dependent> {
  return new Set(health.problems.flatMap(({ stops }) => stops));
}

/** Whether the nodes agree: a majority of all must answer, be on this network, and be synced. */
export function tipVerdict({ nodes, comparison }: NodeReports): TipVerdict {
  const count = nodes.filter(isAnswering).length;
  if (count * 2 <= nodes.length || comparison === null) {
    return {
      state: 'unavailable',
      detail: `${count} of ${nodes.length} Bitcoin nodes answer, which is not a majority.`,
    };
  }
  const { agreed, fork } = comparison;
  if (fork === null && agreed !== null) return { state: 'ok', ...agreed };
  const height = fork?.height ?? 0;
  const tips = (fork?.tips ?? []).map((tip) => `${tip.node} is at ${tip.height} with ${tip.hash}`).join(', ');
  return {
    state: 'fork',
    height,
    agreed,
    detail: `The nodes have different blocks from height ${height} on: ${tips}.`,
  };
}

function isAnswering(report: NodeReport): report is Answering {
  return report.ok && !report.syncing;
}

function tipProblems(tip: TipVerdict): ChainProblem[] {
  if (tip.state === 'ok') return [];
  if (tip.state === 'unavailable') {
    const detail = `${tip.detail} Nothing is scanned or signed until more of them do.`;
    return [{ problem: 'no_majority', node: null, detail, stops: EVERYTHING }];
  }
  if (tip.agreed === null) {
    const detail = `${tip.detail} The fork is so deep that nothing is scanned or signed until a person has checked it.`;
    return [{ problem: 'fork', node: null, detail, stops: EVERYTHING }];
  }
  // Each question about an output still needs the same answer from all nodes that answer.
  const detail = `${tip.detail} Deposits and coins need fork_confirmations; what the nodes disagree about is not signed.`;
  return [{ problem: 'fork', node: null, detail, stops: [] }];
}

function nodeProblems(report: NodeReport, nodes: number): ChainProblem[] {
  const { node } = report;
  if (report.ok) {
    if (!report.syncing) return [];
    const detail = `${node} is still syncing (block ${report.tip.height} of ${report.headers}). This node does not ask it until it has finished.`;
    return [{ problem: 'node_syncing', node, detail, stops: [] }];
  }
  if (report.fault === 'wrong_network') {
    const detail = `${report.detail}. Nothing is scanned or signed until it is taken out of bitcoin_nodes.`;
    return [{ problem: 'wrong_network', node, detail, stops: EVERYTHING }];
  }
  const after =
    nodes === 1
      ? 'There is no other node to use instead.'
      : 'This node uses the others as long as they are a majority.';
  const detail = `${report.detail}. ${after}`;
  const isRefused = report.fault === 'unauthorized' || report.fault === 'credentials_unreadable';
  return [{ problem: isRefused ? 'node_credentials' : 'node_unavailable', node, detail, stops: [] }];
}

// A majority whose last block is old has lost the network, or somebody keeps it from them: confirmations that are then
// made for them alone must not count.
function staleProblems(
  answering: readonly Answering[],
  nodes: number,
  ageMax: number | null,
  nowSeconds: number,
): ChainProblem[] {
  if (ageMax === null) return [];
  const stale = answering.filter(({ time }) => nowSeconds - time > ageMax);
  const isMajorityFresh = (answering.length - stale.length) * 2 > nodes;
  return stale.map(({ node, tip, time }) => {
    const minutes = Math.floor((nowSeconds - time) / 60);
    const after = isMajorityFresh ? 'The other nodes are up to date.' : 'Nothing is signed until new blocks arrive.';
    const detail = `The last block of ${node} (${tip.height}) is ${minutes} minutes old. ${after}`;
    return { problem: 'stale_tip', node, detail, stops: isMajorityFresh ? [] : SIGNING };
  });
}

function behindProblems({ node, tip }: Answering, answering: readonly Answering[]): ChainProblem[] {
  const highest = Math.max(...answering.map((other) => other.tip.height));
  if (highest - tip.height <= BEHIND_BLOCKS_MAX) return [];
  const blocks = highest - tip.height;
  const detail = `${node} is ${blocks} blocks behind the others, so this node counts ${blocks} confirmations fewer for everything.`;
  return [{ problem: 'node_behind', node, detail, stops: [] }];
}

function indexProblems({ node, tip, index }: Answering): ChainProblem[] {
  const stops = ['history'] as const;
  if (!index.ok) {
    const detail = `${node} does not say how far its transaction index is, so nothing is taken for unspent or lost: ${index.detail}`;
    return [{ problem: 'index_unknown', node, detail, stops }];
  }
  if (index.value === null) {
    const detail = `${node} has no transaction index (txindex=1), so it cannot distinguish a spent output from one that never existed.`;
    return [{ problem: 'index_missing', node, detail, stops }];
  }
  if (tip.height - index.value <= BEHIND_BLOCKS_MAX) return [];
  const detail = `The transaction index of ${node} ends at block ${index.value} of ${tip.height}: it cannot find later transactions.`;
  return [{ problem: 'index_behind', node, detail, stops }];
}

function feeProblems({ node, feeRate }: Answering, limits: HealthLimits): ChainProblem[] {
  const rate = feeRate.ok ? feeRate.value : null;
  if (rate === null || (rate >= limits.feeRateMin && rate <= limits.feeRateMax)) return [];
  const bounds = `${limits.feeRateMin} to ${limits.feeRateMax}`;
  const detail = `${node} estimates ${rate} sats per 1000 vbytes, outside ${bounds}: no payout uses this estimate.`;
  return [{ problem: 'fee_absurd', node, detail, stops: ['fee_estimates'] }];
}

// One node that estimates is enough; without any, what needs an estimate waits, and a fee rate that is named goes on.
function estimateProblems(answering: readonly Answering[], { needsEstimate }: HealthLimits): ChainProblem[] {
  const isEnough = answering.some(({ feeRate }) => isEstimate(feeRate, needsEstimate));
  const silent = answering.filter(({ feeRate }) => !(feeRate.ok && (isEnough || isEstimate(feeRate, needsEstimate))));
  return silent.map(({ node, feeRate }) => {
    const after = isEnough ? 'The other nodes do.' : 'Fees are not chosen until a node does.';
    const detail = `${whyNoEstimate(node, feeRate)}. ${after}`;
    return { problem: 'fee_estimate_missing', node, detail, stops: isEnough ? [] : ['fee_estimates'] };
  });
}
