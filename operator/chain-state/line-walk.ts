// Writes down the mined steps of the line. The scan keeps which transaction spends a treasury output, and in which block;
// this goes from the tip on as far as blocks spend it, so that it does not matter whether the root was known when they were
// read. A reorganisation takes heights back (store/reorganisation.ts), and the tip falls back with them.
import type { Block } from '../../chain/block.ts';
import { payoutWeight, virtualSize } from '../../chain/fee.ts';
import { type LineRoot, type ParsedLine, readLineAt } from '../../chain/line.ts';
import type { Outpoint } from '../../chain/outpoint.ts';
import { toHex } from '../../crypto/bytes.ts';
import { recordBlockTime } from '../../store/block-times.ts';
import { getStep, minedTip, recordStep, recordStepMined, recordStepSigned } from '../../store/line.ts';
import { getUtxo } from '../../store/utxos.ts';
import type { FederationKey } from '../keys/keys.ts';
import type { Effects } from '../runtime/effects.ts';
import type { ChainContext } from './chain-context.ts';

/** What walking the line works with. */
export type LineReader = Pick<ChainContext, 'db' | 'bitcoin' | 'config' | 'log'> & {
  readonly effects: Pick<Effects, 'now'>;
};

/** A treasury output was spent by something that is no step: only t dishonest operators can bring that about. */
export class ForeignSpendError extends Error {
  override readonly name = 'ForeignSpendError';
}

/** Follows the line to its tip. Throws `BitcoinViewError` where a block cannot be had, and `ForeignSpendError`. */
export async function walkLine(reader: LineReader, key: FederationKey, root: LineRoot): Promise<void> {
  const { db, bitcoin } = reader;
  let known: { readonly hash: string; readonly block: Block | null } = { hash: '', block: null };
  for (;;) {
    const tip = minedTip(db);
    const outpoint: Outpoint = tip === null ? { txid: root.txid, vout: root.vout } : { txid: tip.txid, vout: 0 };
    const utxo = getUtxo(db, outpoint);
    if (utxo === null || utxo.spentBy === null || utxo.spentHeight === null) return;
    const hash = await bitcoin.blockHash(utxo.spentHeight);
    if (hash !== known.hash) known = { hash, block: await bitcoin.block(hash) };
    const place = { height: utxo.spentHeight, hash };
    // Where the scan has taken the block back meanwhile, it would take nothing back that is written down now.
    const still = getUtxo(db, outpoint);
    if (still?.spentBy !== utxo.spentBy || still.spentHeight !== utxo.spentHeight) return;
    // A block that left the chain a moment ago does not hold it; the scan will take it back.
    if (known.block !== null) recordBlockTime(db, hash, known.block.header.time);
    if (known.block === null || !takeMined(reader, { key, root }, known.block, utxo.spentBy, place)) return;
  }
}

function takeMined(
  { db, effects, log }: LineReader,
  { key, root }: { readonly key: FederationKey; readonly root: LineRoot },
  { transactions }: Block,
  txid: string,
  place: { readonly height: number; readonly hash: string },
): boolean {
  const index = Array.from({ length: transactions.count }, (_, at) => at).find((at) => transactions.txid(at) === txid);
  if (index === undefined) return false;
  const now = effects.now();
  const signedTx = toHex(transactions.raw(index));
  if (getStep(db, txid) !== null) {
    recordStepSigned(db, txid, signedTx, now);
    requireTaken(txid, recordStepMined(db, txid, place, now));
    return true;
  }
  const parsed = readLineAt(transactions, index, key.bitcoin.publicKey);
  if (parsed === null) {
    throw new ForeignSpendError(
      `transaction ${txid} spends the treasury but is not a step of its line: check it with the other operators`,
    );
  }
  const seen = seenStep(parsed, root, transactions.unsigned(index));
  requireTaken(txid, recordStep(db, { ...seen, signedTx, height: place.height, blockHash: place.hash }, now));
  log('info', 'line_step_of_others', { txid, height: place.height });
  return true;
}

// Else the walk would come to the same block again and again.
function requireTaken(
  txid: string,
  verdict: { readonly ok: true } | { readonly ok: false; readonly reason: string },
): void {
  if (!verdict.ok) throw new Error(`step ${txid} is mined, and the store refuses it: ${verdict.reason}`);
}

/** A step as its bytes alone show it, to be stored; its list of burns is not known yet. `unsigned`: without witnesses. */
export function seenStep(parsed: ParsedLine, root: LineRoot, unsigned: Uint8Array) {
  const [next] = parsed.outputs;
  if (next === undefined) throw new Error('a step has a treasury output');
  const { txid, treasury } = parsed;
  return {
    txid,
    parentTxid: treasury.txid === root.txid && treasury.vout === root.vout ? null : treasury.txid,
    keyId: root.keyId,
    unsignedTx: toHex(unsigned),
    inputs: parsed.inputs,
    vsize: virtualSize(
      payoutWeight(
        parsed.inputs.length,
        parsed.outputs.map(({ script }) => script.length),
      ),
    ),
    treasuryAmount: next.amount,
    surplus: parsed.surplus,
    kind: null,
    burns: null,
    fee: null,
    intent: null,
  };
}
