// Parts of what the pages of money show, that more than one of them needs: a burn as the own Wire node told it, and addresses
// that only look like another.
import type { Burn } from '../../store/burns.ts';
import { getBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';

/** A burn as this operator's own Wire nodes told it. Amounts are decimal strings of sats, times ISO 8601. */
export interface BurnShown {
  readonly burn_txid: string;
  readonly nullifier: string;
  readonly address: string;
  readonly amount: string;
  readonly fee: string;
  /** What the address gets: the amount less the fee. */
  readonly pays: string;
  readonly wire_height: number;
  readonly seen_at: string;
}

/** A burn for people. */
export function burnShown({ burnTxid, nullifier, address, amount, fee, wireHeight, seenAt }: Burn): BurnShown {
  return {
    ...{ burn_txid: burnTxid, nullifier, address, amount: `${amount}`, fee: `${fee}`, pays: `${amount - fee}` },
    ...{ wire_height: wireHeight, seen_at: iso(seenAt) },
  };
}

/** A burn by its id; null where the own Wire nodes have not told of it. */
export function shownBurn(db: Queries, burnTxid: string | null): BurnShown | null {
  const burn = burnTxid === null ? null : getBurn(db, burnTxid);
  return burn === null ? null : burnShown(burn);
}

/** How many characters at each end people compare, as those do who make an address that looks like another. */
const COMPARED = 4;
/** The human-readable part of a Bech32 address with its separator and version, which all addresses of a kind share. */
const SHARED_BEGINNING = /^(bc|tb|bcrt)1[02-9ac-hj-np-z]/;

/** Another address among these that begins and ends as this one does; null where there is none. */
export function lookAlike(address: string, others: Iterable<string>): string | null {
  const ends = endsOf(address);
  for (const other of others) if (other !== address && endsOf(other) === ends) return other;
  return null;
}

function endsOf(address: string): string {
  // Only Bech32 may be written in capitals as well; then it is the same address.
  const own = address.replace(SHARED_BEGINNING, '');
  return `${own.slice(0, COMPARED)}…${own.slice(-COMPARED)}`;
}

/** A time in ms since 1970 as ISO 8601. */
export function iso(at: number): string {
  return new Date(at).toISOString();
}
