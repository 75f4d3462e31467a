// The line as this node sees it now: the tip in the chain, and what waits upon it in the own mempool. Every signature and
// every plan starts from this one answer.
import { type BitcoinView, BitcoinViewError, type MempoolEntry } from '../../chain/bitcoin-view.ts';
import { type LineRoot, parseLine } from '../../chain/line.ts';
import { type LineHistory, type LinePlace, rootPlace } from '../../chain/line-rule.ts';
import type { Outpoint } from '../../chain/outpoint.ts';
import { parseTransaction } from '../../chain/raw-transactions.ts';
import { toHex } from '../../crypto/bytes.ts';
import { getStep, type LineStep, minedTip, recordStep, recordStepSigned } from '../../store/line.ts';
import { lineHistory } from '../../store/line-history.ts';
import { getUtxo } from '../../store/utxos.ts';
import type { FederationKey } from '../keys/keys.ts';
import { lineRoot } from './line-terms.ts';
import { ForeignSpendError, type LineReader, seenStep, walkLine } from './line-walk.ts';
import { scannedHash, scannedHeight } from './scan.ts';

/** A step that is fully signed and in the own mempool. */
export interface WaitingStep {
  readonly step: LineStep;
  readonly entry: MempoolEntry;
}

/** The end of the mined path: the treasury output there, and the block that made it. */
export interface LineTip extends LinePlace {
  readonly height: number;
  /** 64 lowercase hexadecimal characters. */
  readonly blockHash: string;
}

/** The line now. */
export interface LineNow {
  readonly root: LineRoot;
  readonly history: LineHistory;
  readonly tip: LineTip;
  /** What spends the tip in the own mempool; null where nothing does. */
  readonly waiting: WaitingStep | null;
  /** What spends the treasury output of `waiting` there. */
  readonly child: WaitingStep | null;
}

/** The line, or why it cannot be told now; `detail` is one sentence. */
export type LineReading =
  | { readonly ok: true; readonly line: LineNow }
  | {
      readonly ok: false;
      readonly reason: 'no_root' | 'chain_behind' | 'bitcoin_unavailable' | 'wrong_network' | 'foreign_spend';
      readonly detail: string;
    };

/** How often the mempool is read again where it changes meanwhile. */
const READS_MAX = 3;

/** Asks the own Bitcoin nodes where the line stands. */
export async function lineNow(reader: LineReader, key: FederationKey): Promise<LineReading> {
  const root = lineRoot(reader.db, key);
  if (root === null) {
    return { ok: false, reason: 'no_root', detail: 'the treasury is not open yet: run `mpc_operator treasury`' };
  }
  try {
    const behind = await scanBehind(reader);
    if (behind !== null) return { ok: false, reason: 'chain_behind', detail: behind };
    await walkLine(reader, key, root);
    return await fromTip(reader, key, root);
  } catch (error) {
    if (error instanceof BitcoinViewError) return { ok: false, reason: error.reason, detail: error.message };
    if (error instanceof ForeignSpendError) return { ok: false, reason: 'foreign_spend', detail: error.message };
    throw error;
  }
}

async function scanBehind({ db, bitcoin }: LineReader): Promise<string | null> {
  const tip = await bitcoin.agreedTip();
  const scanned = scannedHeight(db);
  // A reorganisation may have put other blocks at heights that have been read.
  const hash = scannedHash(db, tip.height);
  if (hash !== null && hash !== tip.hash)
    return `this node has read another block ${tip.height} than the chain holds now`;
  if (scanned !== null && scanned >= tip.height) return null;
  return `this node has read the chain up to block ${scanned ?? 'none'} of ${tip.height}`;
}

async function fromTip(reader: LineReader, key: FederationKey, root: LineRoot): Promise<LineReading> {
  const { db, bitcoin } = reader;
  const history: LineHistory = lineHistory(db, root);
  const tip = tipOf(reader, root, history);
  if (tip === null) {
    return {
      ok: false,
      reason: 'chain_behind',
      detail: `the root ${root.txid}:${root.vout} is not in the chain that was read`,
    };
  }
  const blockHash = await bitcoin.blockHash(tip.height);
  const waiting = await waitingOn(reader, key, root, tip);
  const child = waiting === null ? null : await waitingOn(reader, key, root, { txid: waiting.step.txid, vout: 0 });
  return { ok: true, line: { root, history, tip: { ...tip, blockHash }, waiting, child } };
}

function tipOf({ db }: LineReader, root: LineRoot, history: LineHistory): Omit<LineTip, 'blockHash'> | null {
  const mined = minedTip(db);
  if (mined === null) {
    const height = getUtxo(db, root)?.height ?? null;
    return height === null ? null : { ...rootPlace(root), height };
  }
  const place = history.place({ txid: mined.txid, vout: 0 });
  return place === null || mined.height === null ? null : { ...place, height: mined.height };
}

async function waitingOn(
  reader: LineReader,
  key: FederationKey,
  root: LineRoot,
  outpoint: Outpoint,
): Promise<WaitingStep | null> {
  const { bitcoin } = reader;
  for (let reads = 0; reads < READS_MAX; reads++) {
    const [txid] = await bitcoin.mempoolSpends([outpoint]);
    if (txid === undefined || txid === null) return null;
    const step = await heldStep(reader, key, root, txid);
    const entry = step === null ? null : await bitcoin.mempoolEntry(txid);
    if (step !== null && entry !== null) return { step, entry };
  }
  // It comes and goes; the next look will find it in a block, or gone.
  throw new BitcoinViewError(
    'bitcoin_unavailable',
    `the spender of ${outpoint.txid}:${outpoint.vout} changed while it was read`,
  );
}

// What is in the own mempool is fully signed; a step that others made is taken from there.
async function heldStep(
  { db, bitcoin, effects }: LineReader & { readonly bitcoin: BitcoinView },
  key: FederationKey,
  root: LineRoot,
  txid: string,
): Promise<LineStep | null> {
  const held = getStep(db, txid);
  if (held !== null && held.signedTx !== null) return held;
  const raw = await bitcoin.rawTransaction(txid);
  if (raw === null) return null;
  const now = effects.now();
  if (held === null) {
    const parsed = parseLine(raw, key.bitcoin.publicKey);
    if (parsed === null)
      throw new ForeignSpendError(
        `transaction ${txid} in the mempool spends the treasury but is not a step of its line`,
      );
    const seen = seenStep(parsed, root, parseTransaction(raw).unsigned(0));
    recordStep(db, { ...seen, signedTx: toHex(raw), height: null, blockHash: null }, now);
  } else recordStepSigned(db, txid, toHex(raw), now);
  return getStep(db, txid);
}
