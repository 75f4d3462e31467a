// One BIP 340 signature by 2 of 3 nodes over mutual TLS, three processes: request, decision, shares, verified signature,
// in one round trip since the nonces were shared before. Held against noble's FROST for 2-of-3, done in one process with no
// network at all. And against a bare signed request between the same processes, which is what the transport costs.
import { type BenchOptions, figure, type Report } from './measure.ts';
import { NodeFederation } from './node-federation.ts';

/** Both ratios of the median signature. */
export async function oneRound({ quick }: BenchOptions): Promise<Report> {
  const federation = await NodeFederation.start();
  try {
    const { signMs, pingMs, nobleMs, alternating } = await federation.ask(0, {
      kind: 'one_round',
      rounds: quick ? 100 : 400,
    });
    return {
      figures: [
        figure('bip340 2-of-3 over mTLS, one round / noble in process', signMs / nobleMs, 0.3, 'lower'),
        figure('bip340 2-of-3 over mTLS, one round / bare signed request', signMs / pingMs, 4, 'lower'),
      ],
      notes: [
        `one by one, each just after another's work: ${alternating.toFixed(2)} of noble`,
        `medians: signature ${signMs.toFixed(2)} ms, bare request ${pingMs.toFixed(2)} ms, noble ${nobleMs.toFixed(2)} ms`,
      ],
    };
  } finally {
    await federation.stop();
  }
}
