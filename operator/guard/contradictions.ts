// Two signed payouts of one burn that can both be mined: what a node that catches up halts for, where it is proven. The
// group signs transactions; which burns one of them pays is the teller's word. It proves nothing where another burn pays
// the same script the same amount: else one lying peer could halt whoever is brought back.

import { addressScript, type BitcoinNetwork } from '../../chain/network.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { equal } from '../../crypto/bytes.ts';
import { getBurn, listBurnsPaying } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { getPayout, listPayoutsOfBurn } from '../../store/payout-listing.ts';
import { custodyOutpoints, type Prepared } from './recovery-payouts.ts';

const MINABLE = ['signed', 'broadcast', 'confirmed', 'settled'] as const;

/** A signed payout that was not adopted beside an own signed one (`own`) of the same burn. */
export interface Contradiction {
  readonly burnTxid: string;
  readonly own: string;
  readonly txid: string;
}

/** The contradictions between a refused signed payout and own ones; `lost`: burns whose anchor was perhaps released. */
export function contradictionsOf(
  tx: Queries,
  { built, txid }: Prepared,
  lost: ReadonlySet<string>,
): readonly Contradiction[] {
  const spent = custodyOutpoints(built);
  return built.intent.burns.flatMap(({ burnTxid }) => {
    if (lost.has(burnTxid)) return [];
    const apart = listPayoutsOfBurn(tx, burnTxid, MINABLE).filter((own) => {
      const shares = own.inputs.some((input) => spent.has(`${input.txid}:${input.vout}`));
      return own.signedTx !== null && own.txid !== txid && !shares;
    });
    return apart.map((own) => ({ burnTxid, own: own.txid, txid }));
  });
}

/**
 * Whether a contradiction stands, once all claims have been processed: the transaction was not adopted under another claim,
 * which says what it really pays, and no other burn that this node or a verified claim (`verified`) knows is paid alike.
 */
export function isProven(
  tx: Queries,
  { burnTxid, txid }: Contradiction,
  network: BitcoinNetwork,
  verified: readonly Pick<WireBurn, 'burnTxid' | 'address' | 'amount' | 'fee'>[],
): boolean {
  if (getPayout(tx, txid) !== null) return false;
  const burn = getBurn(tx, burnTxid);
  const script = burn === null ? null : scriptOf(burn.address, network);
  if (burn === null || script === null) return false;
  const paid = burn.amount - burn.fee;
  const alike = [...listBurnsPaying(tx, paid), ...verified.filter(({ amount, fee }) => amount - fee === paid)];
  return alike.every((one) => {
    const other = one.burnTxid === burnTxid ? null : scriptOf(one.address, network);
    return other === null || !equal(other, script);
  });
}

/** One sentence. */
export function contradictionSentence({ burnTxid, own, txid }: Contradiction): string {
  return `burn ${burnTxid} has two signed payouts that can both be mined: ${own}, ${txid}`;
}

// One script has several spellings as an address.
function scriptOf(address: string, network: BitcoinNetwork): Uint8Array | null {
  const verdict = addressScript(address, network);
  return verdict.ok ? verdict.script : null;
}
