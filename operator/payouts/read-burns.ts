// Writes down the burns that the own Wire nodes list: all of them, also those that no payout can pay, so that an operator sees
// what became of each.
import { BURNS_PAGE_MAX, type WireLedger } from '../../chain/wire-ledger.ts';
import { recordBurn } from '../../store/burns.ts';
import { loadCursor, saveCursor } from '../../store/cursors.ts';
import { type Queries, transact } from '../../store/database.ts';
import type { Bridge } from '../bridge/bridge.ts';

const BURNS_CURSOR = 'wire_burns';
/** So many burns are read again in each round: where Wire nodes disagree for a while, one is listed after its successors. */
const OVERLAP_BURNS = 100;

/** The number of the last burn that was read; 0 where none was. */
export function burnsReadTo(db: Queries): number {
  const stored = loadCursor(db, BURNS_CURSOR);
  return typeof stored === 'number' ? stored : 0;
}

/**
 * Reads on from where it has come to. Returns the number (`seq`) of the last burn that it has read where the Wire nodes have
 * later ones on which no majority agrees, else null. Throws `WireLedgerError`.
 */
export async function readBurns(
  { db, effects, log }: Pick<Bridge, 'db' | 'effects' | 'log'>,
  wire: WireLedger,
  signal: AbortSignal,
): Promise<number | null> {
  // Asked first, so that a burn that comes meanwhile does not count as unread.
  const { lastBurnSeq } = await wire.status();
  const last = burnsReadTo(db);
  let after = Math.max(0, last - OVERLAP_BURNS);
  while (!signal.aborted) {
    const burns = await wire.burns(after, BURNS_PAGE_MAX);
    const end = burns.at(-1);
    if (end === undefined) return Math.max(after, last) < lastBurnSeq ? Math.max(after, last) : null;
    after = end.seq;
    transact(db, (tx) => {
      const now = effects.now();
      for (const { burnTxid, nullifier, address, amount, fee, seq, height } of burns) {
        const record = { burnTxid, nullifier, address, amount, fee, wireSeq: BigInt(seq), wireHeight: height };
        if (!recordBurn(tx, record, now).ok) log('error', 'burn_contradicts', { burn_txid: burnTxid });
      }
      if (after > last) saveCursor(tx, BURNS_CURSOR, after, now);
    });
  }
  return null;
}
