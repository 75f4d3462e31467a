// Whether a deposit is minted for good on Wire, as this operator's own Wire nodes tell it.
import type { Outpoint } from './outpoint.ts';
import type { WireLedger } from './wire-ledger.ts';

/** `pending`: minted, but a reorganisation of Wire may still take it back. */
export type MintState = 'final' | 'pending' | 'none';

/**
 * Where the mint of an outpoint stands; final with at least so many `confirmations` on Wire. Throws `WireLedgerError` where
 * the nodes cannot tell.
 */
export async function finalMint(
  wire: Pick<WireLedger, 'mint'>,
  { txid, vout }: Outpoint,
  confirmations: number,
): Promise<MintState> {
  const mint = await wire.mint(txid, vout);
  if (mint === null) return 'none';
  return mint.confirmations >= confirmations ? 'final' : 'pending';
}
