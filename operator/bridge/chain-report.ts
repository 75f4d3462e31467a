// What operators should see of the chain, in sentences: forks, troubles of the own Bitcoin nodes, a scan that is behind,
// attested deposits that no block holds any more.

import { exposedDeposits, thrownOutPayouts } from '../../store/reorganisation.ts';
import type { Node } from '../node.ts';

/** The scan is behind, from so many blocks on. */
const BEHIND_BLOCKS = 3;
/** So many contested deposits are named. */
const CONTESTED_SHOWN_MAX = 10;

/** One sentence for each problem. */
export function chainProblems({ store, chain, online, config }: Node): readonly string[] {
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
  if (progress !== null && progress.tip - progress.height >= BEHIND_BLOCKS) {
    const left = progress.tip - progress.height;
    problems.push(
      `catching up: ${left} blocks to read (${progress.height} of ${progress.tip}); it leads nothing meanwhile`,
    );
  }
  const contested = online?.autopilot.mempool.contested() ?? [];
  problems.push(...contested.slice(0, CONTESTED_SHOWN_MAX));
  if (contested.length > CONTESTED_SHOWN_MAX) {
    problems.push(`${contested.length - CONTESTED_SHOWN_MAX} more deposits in the mempool are contested`);
  }
  const exposed = exposedDeposits(store.db);
  if (exposed.length > 0) {
    const sats = exposed.reduce((sum, { amount }) => sum + amount, 0n);
    const told = `a reorganisation took back ${exposed.length} deposit(s) that were attested already`;
    problems.push(`${told}: ${sats} sats are exposed until they are mined again`);
  }
  const thrownOut = thrownOutPayouts(store.db).length;
  if (thrownOut > 0)
    problems.push(`a reorganisation threw out ${thrownOut} settled payout(s), which are broadcast again`);
  return problems;
}
