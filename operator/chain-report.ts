// What operators should see of the chain, in sentences: forks, troubles of the own Bitcoin nodes, a scan that is behind,
// attested deposits that no block holds any more.

import { exposedDeposits } from '../store/reorganisation.ts';
import type { ScanReport } from './chain-state/scan.ts';
import type { Node } from './node.ts';
import { counted } from './runtime/counted.ts';

/** Several blocks may come at once: a lag is a problem when it lasts so long (ms), or is so long (blocks). */
const LAG_MS_MAX = 60_000;
const LAG_BLOCKS_MAX = 12;
/** So many contested deposits are named. */
const CONTESTED_SHOWN_MAX = 10;

/** One sentence for each problem. */
export function chainProblems({ store, chain, online, config, input }: Node): readonly string[] {
  const problems = [...(chain?.problems() ?? [])].map(({ detail }) => detail);
  if (chain?.isForked() === true) {
    const told = `the chain looks forked: deposits and coins need ${config.forkConfirmations} confirmations`;
    problems.push(`${told} instead of ${config.normalConfirmations}`);
  }
  const scan = online?.autopilot.scan ?? null;
  if (scan !== null && scan.lost !== null) {
    problems.push(`the chain has changed below block ${scan.lost}, beyond what this node remembers: look at it`);
  }
  const progress = scan?.progress() ?? null;
  const lag = progress === null ? null : lagProblem(progress, input.effects.monotonic());
  if (lag !== null) problems.push(lag);
  const contested = online?.autopilot.mempool.contested() ?? [];
  problems.push(...contested.slice(0, CONTESTED_SHOWN_MAX));
  if (contested.length > CONTESTED_SHOWN_MAX) {
    const more = contested.length - CONTESTED_SHOWN_MAX;
    problems.push(`${counted(more, 'more deposit')} in the mempool ${more === 1 ? 'is' : 'are'} contested`);
  }
  const exposed = exposedDeposits(store.db);
  if (exposed.length > 0) {
    const sats = exposed.reduce((sum, { amount }) => sum + amount, 0n);
    const told = `a reorganisation took back ${counted(exposed.length, 'deposit')} attested already`;
    problems.push(`${told}: ${sats} sats are exposed until mined again`);
  }
  for (const { txid, detail } of online?.autopilot.follow.refused() ?? []) {
    problems.push(`step ${txid} of the treasury line is signed, and your Bitcoin nodes refuse it: ${detail}`);
  }
  return problems;
}

/** What to say of a scan that is behind, where that is more than a moment's lag; `now` in ms by the monotonic clock. */
export function lagProblem({ height, tip, since }: ScanReport, now: number): string | null {
  const left = tip - height;
  const lasts = left > 0 && since !== null && now - since > LAG_MS_MAX;
  if (!lasts && left <= LAG_BLOCKS_MAX) return null;
  return `catching up: ${counted(left, 'block')} to read (${height} of ${tip}); it starts no attestations or payouts until then`;
}
