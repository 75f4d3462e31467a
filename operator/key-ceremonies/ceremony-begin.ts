// Notes how high the chain was when this node entered a key ceremony: whatever is paid to its keys comes later, so that the
// scan of a node with an empty database begins there and misses nothing.

import { type BitcoinView, BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { noteCeremonyHeight } from '../../store/ceremony-height.ts';
import type { Queries } from '../../store/database.ts';

/** What the note takes. */
export interface BeginningInput {
  readonly db: Queries;
  readonly bitcoin: BitcoinView;
}

/** Notes the height. Where the nodes cannot tell, nothing: the preflight says so, and the node does not join. */
export async function noteBeginning({ db, bitcoin }: BeginningInput, ceremonyId: string): Promise<void> {
  try {
    const { height } = await bitcoin.tip();
    noteCeremonyHeight(db, ceremonyId, height);
  } catch (error) {
    if (!(error instanceof BitcoinViewError)) throw error;
  }
}
