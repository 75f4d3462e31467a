// The full meaning of a step whose list of burns is known, put together from what this node itself has read: burns from
// its own Wire nodes, outputs from its own scan. A transaction does not show the fees of its burns, and a list does not
// show the amounts of its inputs. So a peer that sends a step could send wrong figures with it.

import { parseLeaf } from '../../chain/custody-leaf.ts';
import { buildLine, type LineTerms, parseLine } from '../../chain/line.ts';
import type { LineBurn, LineIntent, SweptOutput } from '../../chain/line-intent.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { getBurn } from '../../store/burns.ts';
import type { Outpoint, Queries } from '../../store/database.ts';
import type { StepContent } from '../../store/line.ts';
import { lineHistory } from '../../store/line-history.ts';
import { getUtxo } from '../../store/utxos.ts';

/** What a step means; null while this node has not read all of it. */
export function ownMeaning(
  db: Queries,
  terms: LineTerms,
  { txid, unsignedTx, kind, burns }: Pick<StepContent, 'txid' | 'unsignedTx' | 'kind' | 'burns'>,
): LineIntent | null {
  const parsed = parseLine(fromHex(unsignedTx), terms.groupKey);
  const place = parsed === null ? null : lineHistory(db, terms.root).place(parsed.treasury);
  if (parsed === null || place === null || kind === null || burns === null) return null;
  const swept = parsed.inputs.slice(1).flatMap((outpoint) => sweptOf(db, outpoint));
  const paid = burns.flatMap(({ burnTxid }) => burnOf(db, burnTxid));
  if (swept.length < parsed.inputs.length - 1 || paid.length < burns.length) return null;
  const held = [place, ...swept].reduce((sum, { amount }) => sum + amount, 0n);
  const intent: LineIntent = {
    step: kind,
    test: false,
    treasury: { txid: place.txid, vout: place.vout, amount: place.amount },
    swept,
    burns: paid,
    destination: kind === 'consolidate' ? (parsed.outputs[2] ?? null) : null,
    fee: parsed.outputs.reduce((left, { amount }) => left - amount, held),
    surplus: parsed.surplus,
  };
  const formed = buildLine(terms, intent);
  return formed.ok && formed.built.txid === txid ? intent : null;
}

function sweptOf(db: Queries, outpoint: Outpoint): readonly SweptOutput[] {
  const utxo = getUtxo(db, outpoint);
  const leaf = utxo === null ? null : parseLeaf(utxo.leaf);
  if (utxo === null || (leaf?.kind !== 'deposit' && leaf?.kind !== 'treasury')) return [];
  return [{ txid: utxo.txid, vout: utxo.vout, amount: utxo.amount, leaf }];
}

function burnOf(db: Queries, burnTxid: string): readonly LineBurn[] {
  const burn = getBurn(db, burnTxid);
  if (burn === null) return [];
  const { nullifier, address, amount, fee } = burn;
  return [{ burnTxid, nullifier, address, amount, fee }];
}
