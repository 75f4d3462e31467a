// Signatures per second in batches of 100 by 2 of 3 nodes over mutual TLS on two cores, against noble's serial FROST in
// one process; how long a node's event loop is held meanwhile; and that each batch is one durable commit per node.
import { type BenchOptions, type Figure, figure, median, type Report } from './measure.ts';
import { NodeFederation } from './node-federation.ts';
import type { NodeAnswers } from './node-protocol.ts';
import { BATCH_ITEMS } from './signing-rounds.ts';

const RATE_MIN = 6;
const BLOCK_MS_MAX = 20;
const WATCHED_BATCHES = 8;
/** The longest block of one run is its worst moment, which anything on the machine can make; the middle one of several is not. */
const WATCHED_RUNS = 5;

type Watched = NodeAnswers['watched'];

/** The rates of both keys and the longest block of the event loop. */
export async function batches({ quick }: BenchOptions): Promise<Report> {
  const federation = await NodeFederation.start();
  const figures: Figure[] = [];
  const notes: string[] = [];
  try {
    for (const scheme of ['bip340', 'ed25519'] as const) {
      const rounds = quick ? 3 : 9;
      const { perSecond, noblePerSecond, nobleCpuMs } = await federation.ask(0, { kind: 'batches', scheme, rounds });
      // Watched in runs of their own: noble's turns would hold the loop too.
      const longests: number[] = [];
      let watched: Watched[] = [];
      for (let run = 0; run < WATCHED_RUNS; run++) {
        await federation.askAll({ kind: 'watch' });
        await federation.ask(0, { kind: 'batch_load', scheme, batches: WATCHED_BATCHES });
        watched = await federation.askAll({ kind: 'watched' });
        longests.push(Math.max(...watched.map(({ longestBlockMs }) => longestBlockMs)));
      }
      const longest = median(longests);
      figures.push(
        figure(
          `${scheme} batches of 100, signatures per second / noble serial`,
          perSecond / noblePerSecond,
          RATE_MIN,
          'higher',
        ),
        figure(`${scheme} batches of 100, longest block of the event loop / 20 ms`, longest / BLOCK_MS_MAX, 1, 'lower'),
      );
      const cpuMs = watched.reduce((sum, node) => sum + node.cpuMs, 0) / (WATCHED_BATCHES * BATCH_ITEMS);
      const commits = watched.map((node) => node.commits).join(', ');
      notes.push(
        `${scheme}: ${perSecond.toFixed(0)} signatures/s, noble ${noblePerSecond.toFixed(0)}/s; longest block ` +
          `${longest.toFixed(1)} ms (of ${longests.map((ms) => ms.toFixed(1)).join(', ')}); CPU of all nodes ${cpuMs.toFixed(2)} ms per signature, noble ${nobleCpuMs.toFixed(2)} ms; ` +
          `durable commits per node for ${WATCHED_BATCHES} batches: ${commits}`,
      );
    }
    return { figures, notes };
  } finally {
    await federation.stop();
  }
}
