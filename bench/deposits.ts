// Two hundred deposits of one block by three automatic nodes, from the block that makes them deep enough until each is
// minted for all three, against bare batches of attestations by three nodes that validate nothing.

import { toHex } from '../crypto/bytes.ts';
import { startLedger } from '../devnet/ledger.ts';
import { randomBytes } from './deal.ts';
import { type BenchOptions, figure, median, type Report, wallMs } from './measure.ts';
import { NodeFederation } from './node-federation.ts';
import { BATCH_ITEMS } from './signing-rounds.ts';

const DEPOSITS = 200;
const BATCHES = 4;
const RATIO_MIN = 0.4;
const WARM_UP = 2;

/** Deposits handled per second, over the rate of bare batches. */
export async function deposits({ quick }: BenchOptions): Promise<Report> {
  const ledger = startLedger({ network: 'regtest' });
  const bare = await NodeFederation.start();
  let automatic: NodeFederation | null = null;
  try {
    automatic = await NodeFederation.start({ script: './automatic-node.ts', wire: ledger.url });
    const nodes = automatic;
    ledger.setAttestationKey(nodes.attestationKey);
    const [handled, signed]: [number[], number[]] = [[], []];
    for (let round = -WARM_UP; round < (quick ? 3 : 9); round++) {
      const recipients = Array.from({ length: DEPOSITS }, () => toHex(randomBytes(32)));
      await nodes.askAll({ kind: 'prepare_deposits', recipients });
      const deposited = await perSecond(DEPOSITS, () => nodes.askAll({ kind: 'handle_deposits' }));
      const load = { kind: 'batch_load', scheme: 'ed25519', batches: BATCHES } as const;
      const batched = await perSecond(BATCHES * BATCH_ITEMS, () => bare.ask(0, load));
      if (round < 0) continue;
      handled.push(deposited);
      signed.push(batched);
    }
    const [rate, bareRate] = [median(handled), median(signed)];
    return {
      figures: [figure('deposits handled per second / bare batches', rate / bareRate, RATIO_MIN, 'higher')],
      notes: [
        `${rate.toFixed(0)} deposits/s by three automatic nodes, bare batches ${bareRate.toFixed(0)} signatures/s`,
      ],
    };
  } finally {
    await Promise.all([bare.stop(), automatic?.stop(), ledger.stop()]);
  }
}

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const begun = wallMs();
  await work();
  return (count * 1000) / (wallMs() - begun);
}
