// Outpoints: which output of which transaction. Txids are 64 lowercase hexadecimal characters in display order.

/** An output's place on the chain. */
export interface Outpoint {
  readonly txid: string;
  readonly vout: number;
}

/** A custody output with its amount in sats. */
export interface Valued extends Outpoint {
  readonly amount: bigint;
}

/** `txid:vout`, as Bitcoin Core writes it and as a map key. */
export function outpointName(outpoint: Outpoint): string {
  return `${outpoint.txid}:${outpoint.vout}`;
}

/** Orders outpoints by txid in display order, then by vout, as BIP 69 does for inputs. */
export function compareOutpoints(a: Outpoint, b: Outpoint): number {
  if (a.txid !== b.txid) return a.txid < b.txid ? -1 : 1;
  return a.vout - b.vout;
}
