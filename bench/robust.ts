// One signature by 2 of 3 nodes over a network with a round trip of 100 ms, the first signer asked being dead: three
// processes over mutual TLS, each reached through a proxy that delays all bytes. The coordinator does not know it yet.
// Silent: the process is stopped, its machine still takes connections, and no answer ever comes. Killed: connections
// are refused.
import { type BenchOptions, figure, quantile, type Report } from './measure.ts';
import { NodeFederation } from './node-federation.ts';

const ONE_WAY_MS = 50;
const TARGET_MS = 350;
/** Not the coordinator, and the one that it asks first. */
const DEAD = 1;

/** The 95th percentile with the signer silent, and with it killed, over 350 ms. */
export async function robust({ quick }: BenchOptions): Promise<Report> {
  const rounds = quick ? 12 : 40;
  const federation = await NodeFederation.start({ oneWayMs: ONE_WAY_MS });
  try {
    await federation.ask(0, { kind: 'prepare_cold', count: 3 * rounds });
    const well = await federation.ask(0, { kind: 'sign_cold', count: rounds });
    federation.pause(DEAD);
    const silent = await federation.ask(0, { kind: 'sign_cold', count: rounds });
    await federation.kill(DEAD);
    const killed = await federation.ask(0, { kind: 'sign_cold', count: rounds });
    const name = (what: string): string => `bip340 2-of-3, 100 ms round trip, signer ${what}, p95 / ${TARGET_MS} ms`;
    return {
      figures: [
        figure(name('silent'), quantile(silent.times, 0.95) / TARGET_MS, 1, 'lower'),
        figure(name('killed'), quantile(killed.times, 0.95) / TARGET_MS, 1, 'lower'),
      ],
      notes: [
        `all well: ${told(well.times)}`,
        `one signer silent: ${told(silent.times)}`,
        `one signer killed: ${told(killed.times)}`,
      ],
    };
  } finally {
    await federation.stop();
  }
}

function told(times: readonly number[]): string {
  const [half, most, all] = [0.5, 0.95, 1].map((share) => Math.round(quantile(times, share)));
  return `p50 ${half} ms, p95 ${most} ms, longest ${all} ms of ${times.length} signatures`;
}
