// How many payouts a peer can have this node decide of which nothing comes. Each is kept for good, binds what is decided
// later, and is told to every node that catches up: a lying coordinator must not make more of them than that bears.
//
// Kept in memory: what an end of the process forgets lets a peer ask for as many again.

import type { Queries } from '../../store/database.ts';
import { getPayoutStatus } from '../../store/payout-listing.ts';
import { type Approval, refuse } from './judgement.ts';

/** So many payouts that one peer asked for may be decided here and no more than that. */
export const PAYOUTS_IN_VAIN_MAX = 128;
/** One of them is forgotten in so many ms: an honest coordinator that nobody else answers for days is heard again. */
export const PAYOUT_IN_VAIN_MS = 600_000;

type Decision = ReturnType<Approval['decide']>;

interface Asked {
  /** Oldest first. */
  txids: string[];
  /** When one was forgotten last, or the first asked for, in ms. */
  forgotAt: number;
}

/** What peers have had this node decide. `now` in ms since 1970. */
export class AskedPayouts {
  readonly #db: Queries;
  readonly #now: () => number;
  readonly #peers = new Map<number, Asked>();

  constructor(db: Queries, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** Has a payout decided that this peer asks for, or refuses; one that is decided already binds to nothing new. */
  decide(peer: number, txid: string, decide: () => Decision): Decision {
    if (getPayoutStatus(this.#db, txid) !== null) return decide();
    const asked = this.#peers.get(peer) ?? { txids: [], forgotAt: this.#now() };
    this.#peers.set(peer, asked);
    this.#forget(asked);
    // What was signed, mined, or made useless by another that was, came to its end.
    if (asked.txids.length >= PAYOUTS_IN_VAIN_MAX) {
      asked.txids = asked.txids.filter((one) => getPayoutStatus(this.#db, one) === 'decided');
    }
    if (asked.txids.length >= PAYOUTS_IN_VAIN_MAX) {
      const detail = `nothing came of the last ${PAYOUTS_IN_VAIN_MAX} payouts that this peer had decided here`;
      return refuse('overloaded', `${detail}: it may ask for one more every ${PAYOUT_IN_VAIN_MS / 60_000} minutes`);
    }
    const decision = decide();
    if (decision.ok) asked.txids.push(txid);
    return decision;
  }

  #forget(asked: Asked): void {
    const elapsed = Math.max(0, this.#now() - asked.forgotAt);
    const count = Math.floor(elapsed / PAYOUT_IN_VAIN_MS);
    asked.txids.splice(0, count);
    // A clock that was set back counts from there.
    asked.forgotAt = this.#now() - (elapsed % PAYOUT_IN_VAIN_MS);
  }
}
