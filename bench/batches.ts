// Signatures per second in batches of 100 by 2 of 3 nodes over mutual TLS on two cores, against noble's serial FROST in
// one process; how long a node's event loop is held meanwhile; and that each batch is one durable commit per node.
import { type BenchOptions, type Figure, figure, type Report } from './measure.ts';
import { NodeFederation } from './node-federation.ts';
import { BATCH_ITEMS } from './signing-rounds.ts';

const RATE_MIN = 6;
const BLOCK_MS_MAX = 20;
const WATCHED_BATCHES = 8;

/** The rates of both keys and the longest block of the event loop. */
export async function batches({ quick }: BenchOptions): Promise<Report> {
  const federation = await NodeFederation.start();
  const figures: Figure[] = [];
  const notes: string[] = [];
  try {
    for (const scheme of ['bip340', 'ed25519'] as const) {
      const rounds = quick ? 3 : 9;
      const { perSecond, noblePerSecond, nobleCpuMs } = await federation.ask(0, { kind: 'batches', scheme, rounds });
      // Watched in a run of its own: noble's turns would hold the loop too.
      await federation.askAll({ kind: 'watch' });
      await federation.ask(0, { kind: 'batch_load', scheme, batches: WATCHED_BATCHES });
      const watched = await federation.askAll({ kind: 'watched' });
      const longest = Math.max(...watched.map(({ longestBlockMs }) => longestBlockMs));
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
          `${longest.toFixed(1)} ms; CPU of all nodes ${cpuMs.toFixed(2)} ms per signature, noble ${nobleCpuMs.toFixed(2)} ms; ` +
          `durable commits per node for ${WATCHED_BATCHES} batches: ${commits}`,
      );
    }
    return { figures, notes };
  } finally {
    await federation.stop();
  }
}
