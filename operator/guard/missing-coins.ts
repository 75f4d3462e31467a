// Coins of contested claims that neither this node nor any of its Bitcoin nodes knows. One look proves nothing: a coin that
// a reorganisation took from a node which has lost its record looks the same. So the block at which it was first missed is
// kept, and what counts is an absence that has lasted, upon that block, for as many blocks as make anything final here.

import type { Outpoint } from '../../chain/outpoint.ts';
import { absenceOf, beginAbsence, type ClaimAbsence, endAbsence, listAbsences } from '../../store/claim-absences.ts';
import type { ContestedClaim } from '../../store/contested-burns.ts';
import { getUtxo } from '../../store/utxos.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { ChainWatch } from '../bridge/chain-watch.ts';
import { scannedHeight } from '../bridge/scan.ts';
import { CommandError } from '../command-error.ts';

/** How a claim's coins are: none missing; one for so many blocks to come yet; or one for long enough. */
export type Missing =
  | { readonly kind: 'none' }
  | { readonly kind: 'waiting'; readonly coin: Outpoint; readonly since: number; readonly blocksLeft: number }
  | { readonly kind: 'lasted'; readonly coin: Outpoint };

/** What is worked with; `chain` null where the view is not made of nodes (tests). */
export interface MissingParts extends Pick<Bridge, 'db' | 'bitcoin' | 'config' | 'effects' | 'log'> {
  readonly chain: Pick<ChainWatch, 'ready' | 'problems'> | null;
}

/** How many blocks make anything final for this node, however whole the chain looks: as for anchors. */
export function finalDepth({ normalConfirmations, forkConfirmations }: Bridge['config']): number {
  return Math.max(normalConfirmations, forkConfirmations);
}

/**
 * Looks for the coins of a claim, and keeps since when one is missing. Throws `CommandError` where not every own Bitcoin
 * node answers with a whole index, or they part; `BitcoinViewError` where they cannot answer.
 */
export async function missingCoin(parts: MissingParts, burnTxid: string, claim: ContestedClaim): Promise<Missing> {
  const { db, bitcoin, effects } = parts;
  const wrong = await obstacle(parts);
  if (wrong !== null) throw new CommandError('bitcoin_unavailable', `all our Bitcoin nodes have to agree: ${wrong}`);
  const tip = await bitcoin.agreedTip();
  const scanned = scannedHeight(db);
  if (tip.fork !== null || scanned === null) {
    throw new CommandError(
      'bitcoin_unavailable',
      tip.fork === null ? 'the chain is not read yet' : 'the chain is forked',
    );
  }
  let absence = absenceOf(db, burnTxid, claim.txid);
  if (absence !== null && !(await lasts(parts, absence, tip.height))) absence = null;
  if (absence === null) {
    const coin = await firstMissing(parts, claim.inputs);
    if (coin === null) return { kind: 'none' };
    absence = { burnTxid, txid: claim.txid, coin, height: tip.height, blockHash: tip.hash };
    beginAbsence(db, absence, effects.now());
  }
  const { coin, height: since } = absence;
  const blocksLeft = since + finalDepth(parts.config) - Math.min(tip.height, scanned);
  return blocksLeft > 0 ? { kind: 'waiting', coin, since, blocksLeft } : { kind: 'lasted', coin };
}

/** Looks whether the coins that are missed are missing still. */
export async function followAbsences(parts: MissingParts): Promise<void> {
  const absences = listAbsences(parts.db);
  if (absences.length === 0 || (await obstacle(parts)) !== null) return;
  const { height } = await parts.bitcoin.agreedTip();
  for (const absence of absences) await lasts(parts, absence, height);
}

// Of some nodes no answer, or none that could be trusted in this: what they do not know may yet be there.
async function obstacle({ chain }: MissingParts): Promise<string | null> {
  await chain?.ready();
  return chain?.problems().find(({ problem }) => problem !== 'fee_absurd')?.detail ?? null;
}

// An absence ends where the coin is seen, or the block at which it began has left the chain.
async function lasts(
  { db, bitcoin, effects, log }: MissingParts,
  absence: ClaimAbsence,
  tipHeight: number,
): Promise<boolean> {
  const { burnTxid, txid, coin, height, blockHash } = absence;
  const isThere = height <= tipHeight && (await bitcoin.blockHash(height)) === blockHash;
  if (isThere && (await isMissing({ db, bitcoin }, coin))) return true;
  log('warn', 'claim_coin_absence_ended', { burn_txid: burnTxid, txid, coin: `${coin.txid}:${coin.vout}` });
  endAbsence(db, absence, effects.now());
  return false;
}

async function firstMissing(parts: MissingParts, coins: readonly Outpoint[]): Promise<Outpoint | null> {
  for (const coin of coins) {
    if (await isMissing(parts, coin)) return coin;
  }
  return null;
}

// The own ledger is asked last: it may have learnt of the coin meanwhile.
async function isMissing({ db, bitcoin }: Pick<MissingParts, 'db' | 'bitcoin'>, coin: Outpoint): Promise<boolean> {
  if (getUtxo(db, coin) !== null) return false;
  const { state } = await bitcoin.transaction(coin.txid, coin.vout + 1);
  return state === 'unknown' && getUtxo(db, coin) === null;
}
