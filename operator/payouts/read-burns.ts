// Writes down the burns that the own Wire nodes list.
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

/** Reads on from where it has come to. Throws `WireLedgerError`. */
export async function readBurns(
  { db, effects, log }: Pick<Bridge, 'db' | 'effects' | 'log'>,
  wire: WireLedger,
  signal: AbortSignal,
): Promise<void> {
  const last = burnsReadTo(db);
  let after = Math.max(0, last - OVERLAP_BURNS);
  while (!signal.aborted) {
    const burns = await wire.burns(after, BURNS_PAGE_MAX);
    const end = burns.at(-1);
    if (end === undefined) return;
    after = end.seq;
    transact(db, (tx) => {
      const now = effects.now();
      for (const { burnTxid, nullifier, address, amount, fee, seq, height } of burns) {
        // Nothing is left to pay out; where the ledger allows it, it must not keep this node from reading what comes after.
        if (fee > amount) continue;
        const record = { burnTxid, nullifier, address, amount, fee, wireSeq: BigInt(seq), wireHeight: height };
        if (!recordBurn(tx, record, now).ok) log('error', 'burn_contradicts', { burn_txid: burnTxid });
      }
      if (after > last) saveCursor(tx, BURNS_CURSOR, after, now);
    });
  }
}
