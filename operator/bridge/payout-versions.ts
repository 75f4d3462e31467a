// A payout and what replaces it: versions that pay the same burns from the same inputs, of which one at most is mined.

import { outpointName } from '../../chain/outpoint.ts';
import type { Payout } from '../../store/payout-listing.ts';

/** Of the versions of one payout, which share their first input, the one that pays most. */
export function newestVersions(payouts: readonly Payout[]): readonly Payout[] {
  const best = new Map<string, Payout>();
  for (const payout of payouts) {
    const [first] = payout.inputs;
    if (first === undefined) continue;
    const name = outpointName(first);
    const known = best.get(name);
    if (known === undefined || payout.fee > known.fee) best.set(name, payout);
  }
  return [...best.values()];
}
