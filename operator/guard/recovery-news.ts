// What a node that catches up does not know yet, of all that its peers tell: the rest is dropped as it comes, and what many
// tell is held once, so that a long history, or what a lying peer had the others decide in vain, does not fill its memory.

import { parsePayoutIntent } from '../../chain/payout-intent.ts';
import { payoutTransaction } from '../../chain/transaction.ts';
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { getAttestation } from '../../store/attestations.ts';
import { getBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { getPayout, listPayoutsOfBurn } from '../../store/payout-listing.ts';
import { type Told, toldCharactersMax, type Wanted } from './decisions-exchange.ts';

type PayoutClaim = Told['payouts'][number];

/** What is news here, told by so many peers. */
export function newsFor(db: Queries, peers: number): Wanted {
  const held = new Map<string, PayoutClaim>();
  return {
    charactersMax: toldCharactersMax(peers),
    attestation({ txid, vout, recipient, amount, signature }) {
      const known = getAttestation(db, { txid, vout });
      if (known?.recipient !== recipient || `${known.amount}` !== amount) return true;
      return signature !== null && known.signature === null;
    },
    payout(claim) {
      if (isKnown(db, claim)) return null;
      const name = toHex(sha256(utf8(JSON.stringify([claim.intent, claim.transaction]))));
      const same = held.get(name) ?? claim;
      held.set(name, same);
      return same;
    },
  };
}

// A payout that has come as far here says nothing new, and no other that was not even signed can be mined beside one which
// is settled. One that is told to pay other burns than here is left for those who judge it.
function isKnown(db: Queries, { intent, transaction }: PayoutClaim): boolean {
  const [first] = intent.burns;
  // Most are of burns that are bound to nothing here: there is no need to build those.
  if (intent.test || first === undefined || (getBurn(db, first.burn_txid)?.anchor ?? null) === null) return false;
  const isSettled = (burnTxid: string) => listPayoutsOfBurn(db, burnTxid, ['settled']).length > 0;
  if (transaction === null && intent.burns.every(({ burn_txid }) => isSettled(burn_txid))) return true;
  const txid = txidOf(intent);
  const own = txid === null ? null : getPayout(db, txid);
  if (own === null || (own.signedTx === null && own.status !== 'settled' && transaction !== null)) return false;
  const paid = new Map(own.burns.map(({ burnTxid, outputIndex }) => [outputIndex, burnTxid]));
  return paid.size === intent.burns.length && intent.burns.every(({ burn_txid }, at) => paid.get(at) === burn_txid);
}

// Null where the peer told what no transaction can be made of.
function txidOf(told: PayoutClaim['intent']): string | null {
  const intent = parsePayoutIntent(told);
  try {
    return intent === null ? null : payoutTransaction(intent).id;
  } catch {
    return null;
  }
}
