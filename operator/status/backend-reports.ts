// The operator's own Bitcoin and Wire nodes in `status`. They are asked again, but for no longer than people wait.
// Until a node answers, its last known answer is shown with its age.

import type { Node } from '../node.ts';
import type { CommandResults } from '../runtime/command-types.ts';
import { errorText } from '../runtime/log.ts';
import type { BackendReport } from '../runtime/peer-reports.ts';
import { type Problem, problem } from '../runtime/problems.ts';

/** How long `status` waits for Bitcoin and Wire nodes, in ms: with what it does besides it answers within 2 s. */
export const FRESH_WAIT_MS = 1_500;

type Backends = Pick<CommandResults['status'], 'bitcoin' | 'wire'>;

/** What is known of each of them after at most `FRESH_WAIT_MS`. */
export async function backendReports(node: Node): Promise<Backends> {
  const [bitcoin, wire] = await Promise.all([bitcoinReports(node), wireReports(node)]);
  return { bitcoin, wire };
}

const OF_WIRE = {
  wire_unavailable: 'look at this Wire node: whether it runs, and its log',
  wire_wrong_network: 'take this node out of wire_nodes',
  wire_reset:
    'wait if its height rises: it reads the ledger again; otherwise it was reset: put its data back, or take it out of wire_nodes',
} as const;

/** What is wrong with them that the chain's own problems (chain-report.ts) do not say. */
export function backendProblems(node: Node, { bitcoin, wire }: Backends): readonly Problem[] {
  const problems: Problem[] = [];
  const known = new Set((node.chain?.problems() ?? []).map(({ node: label }) => label));
  for (const row of bitcoin) {
    if (row.ok || known.has(hostOf(row.url))) continue;
    const action = 'look at this Bitcoin node: whether it runs, its log, and its credentials in the configuration';
    problems.push(rowProblem('bitcoin_silent', 'Bitcoin node', row, action, node.startedAt));
  }
  if (node.config.wireNodes.length === 0) {
    const cause = 'no wire_nodes are configured, so burns cannot be verified';
    const action = 'put the URL of your own Wire node into wire_nodes, and restart the server';
    problems.push(problem('wire_not_configured', { subject: 'configuration', since: node.startedAt, cause, action }));
  }
  const isMajority = wire.filter(({ ok }) => ok).length * 2 > wire.length;
  for (const row of wire.filter(({ ok }) => !ok)) {
    const code = node.wireWatch?.faultOf(row.url) ?? 'wire_unavailable';
    const found = rowProblem(code, 'Wire node', row, OF_WIRE[code], node.startedAt);
    problems.push(isMajority ? { ...found, severity: 'warning' } : found);
  }
  return problems;
}

function rowProblem(
  code: 'bitcoin_silent' | keyof typeof OF_WIRE,
  kind: string,
  { url, detail, since }: BackendReport,
  action: string,
  startedAt: number,
): Problem {
  // One that never answered has not since this node began to ask.
  const at = since === null ? startedAt : Date.parse(since);
  return problem(code, { subject: `${kind} ${hostOf(url)}`, since: at, cause: detail, action });
}

async function bitcoinReports(node: Node): Promise<readonly BackendReport[]> {
  const { chain, config, bitcoin } = node;
  if (chain !== null) {
    await within(node, chain.ask());
    return chain.reports();
  }
  return oneRow(node, config.bitcoinNodes, async () => {
    const { height, hash } = await bitcoin.tip();
    return { ok: true, height, detail: hash };
  });
}

async function wireReports(node: Node): Promise<readonly BackendReport[]> {
  const { wire, wireWatch, config } = node;
  if (wire === null) return [];
  if (wireWatch !== undefined) {
    await within(node, wireWatch.look());
    return wireWatch.reports();
  }
  return oneRow(node, config.wireNodes, async () => {
    const { network, height, lastBurnSeq } = await wire.status();
    const ok = network === config.network;
    return { ok, height, detail: ok ? `last burn ${lastBurnSeq}` : `it is bridged to ${network}` };
  });
}

// Where a node's view is not made of nodes that can be asked one by one.
async function oneRow(
  node: Node,
  urls: readonly string[],
  ask: () => Promise<Pick<BackendReport, 'ok' | 'height' | 'detail'>>,
): Promise<readonly BackendReport[]> {
  const url = urls.join(', ');
  const silent = { ok: false, height: null, detail: `no answer within ${FRESH_WAIT_MS / 1000} s` };
  let answer: Pick<BackendReport, 'ok' | 'height' | 'detail'> = silent;
  const asked = ask().then(
    (heard) => {
      answer = heard;
    },
    (error: unknown) => {
      answer = { ok: false, height: null, detail: errorText(error) };
    },
  );
  await within(node, asked);
  const answered_at = answer.ok ? new Date(node.input.effects.now()).toISOString() : null;
  return [{ url, ...answer, answered_at, since: null }];
}

// Rejects where the work does in time; what it comes to later is of no interest here.
async function within({ input }: Node, work: Promise<void>): Promise<void> {
  const done = new AbortController();
  work.catch(() => {});
  try {
    await Promise.race([work, input.effects.sleep(FRESH_WAIT_MS, done.signal)]);
  } finally {
    done.abort();
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
