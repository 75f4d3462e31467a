// `treasury open`: begins, and stays for a while to see the others sign; without it the nodes go on by themselves.

import { type Node, requireOnline } from './node.ts';
import type { CommandParams, CommandResults } from './runtime/command-types.ts';
import type { Progress } from './runtime/progress.ts';
import { treasuryReport } from './treasury-report.ts';

const LOOK_MS = 1_000;

/** Opens the treasury; what it gives says whether it is open by now. Throws `CommandError` where this node cannot begin. */
export async function openTreasury(
  node: Node,
  { wait_s }: CommandParams<'treasury-open'>,
  io: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<CommandResults['treasury-open']> {
  const { treasury } = requireOnline(node);
  const { effects } = node.input;
  const deadline = effects.now() + wait_s * 1000;
  let shown = '';
  for (;;) {
    await treasury.open(io.signal);
    const report = treasuryReport(node);
    if (report.state === 'open' || io.signal.aborted || effects.now() >= deadline) return report;
    const text = `waiting for ${report.missing.map(({ name, detail }) => `${name}, which ${detail}`).join('; ')}`;
    if (text !== shown) io.progress({ step: 'signatures', text });
    shown = text;
    await effects.sleep(LOOK_MS, io.signal);
  }
}
