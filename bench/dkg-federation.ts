// A whole key ceremony of fifteen nodes on one machine, in one process: every message of every node, both keys, the
// transcript and its certificate. A note without a target; divided by fifteen it is about one node's work.
import { Federation } from '../test/ceremony/federation.ts';
import { type BenchOptions, type Report, wallMs } from './measure.ts';

const [THRESHOLD, PARTICIPANTS] = [11, 15];

/** Seconds of one ceremony. */
export async function dkgFederation(_options: BenchOptions): Promise<Report> {
  const begun = wallMs();
  const federation = new Federation({ n: PARTICIPANTS, t: THRESHOLD });
  federation.joinAll();
  if (!federation.run((all) => all.allComplete())) throw new Error('the ceremony did not complete');
  const seconds = (wallMs() - begun) / 1000;
  const note = `${THRESHOLD}-of-${PARTICIPANTS} ceremony, fifteen nodes on one core: ${seconds.toFixed(1)} s`;
  return { figures: [], notes: [note] };
}
