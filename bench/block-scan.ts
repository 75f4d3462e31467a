// Scanning a block against 100,000 watched scripts, side by side with @scure/btc-signer's decoding of the same block. Both
// begin with the block's bytes and hash nothing but what they must: the scan reads every transaction and looks up each
// output and input; the other side decodes every transaction, and looks nothing up. What the node does besides, once
// for a block that a Bitcoin node sent (every txid and the merkle root, almost all of it in SHA-256), is shown on its own.
import { RawTx } from '@scure/btc-signer';
import { BTCArray } from '@scure/btc-signer/script.js';
import { HEADER_BYTES, merkleRoot, parseBlock } from '../chain/block.ts';
import { scanTransactions, WatchList } from '../chain/block-scan.ts';
import { SeededBytes, syntheticBlock, taprootScript } from './synthetic-block.ts';

const WATCHED_SCRIPTS = 100_000;
const WATCHED_OUTPOINTS = 10_000;
const BLOCK_BYTES = 1_600_000;
const PAYMENT_EVERY_OUTPUTS = 500;
const ROUNDS = 21;
const WARM_UP_ROUNDS = 5;
const RATIO_MAX = 0.12;

/** A figure of the benchmark: this project's time over the other's, medians of interleaved runs. */
export interface BlockScanRatio {
  readonly name: string;
  readonly ratio: number;
  readonly target: number;
  readonly better: 'lower';
  readonly pass: boolean;
}

/** Medians of interleaved runs in milliseconds: scan, verification of txids and merkle root, btc-signer's decoding. */
export interface BlockScanTimes {
  readonly scan: number;
  readonly verify: number;
  readonly decode: number;
}

/** The figure. */
export async function blockScanRatio(): Promise<BlockScanRatio> {
  const times = blockScanTimes();
  const ratio = times.scan / times.decode;
  const name = `block scan, ${WATCHED_SCRIPTS} scripts ÷ btc-signer decode`;
  return { name, ratio, target: RATIO_MAX, better: 'lower', pass: ratio <= RATIO_MAX };
}

/** Measures. Throws where both sides do not find the same in the block. */
export function blockScanTimes(): BlockScanTimes {
  const noise = new SeededBytes('watched');
  const scripts = Array.from({ length: WATCHED_SCRIPTS }, () => taprootScript(noise.bytes(32)));
  const watched = new WatchList<number, number>();
  for (const [index, script] of scripts.entries()) watched.watchScript(script, index);
  for (let index = 0; index < WATCHED_OUTPOINTS; index++) {
    watched.watchOutpoint({ txid: Buffer.from(noise.bytes(32)).toString('hex'), vout: index % 3 }, index);
  }
  const made = syntheticBlock('block', BLOCK_BYTES, scripts, PAYMENT_EVERY_OUTPUTS);
  const transactions = () => parseBlock(made.block, { merkleRoot: 'trust' }).transactions;
  const ours: number[] = [];
  const verifying: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const [scanTime, found] = timed(() => scanTransactions(transactions(), watched));
    const unhashed = transactions();
    const [verifyTime] = timed(() => merkleRoot(unhashed));
    const [decodeTime, decoded] = timed(() => decode(made.block));
    if (found.payments.length !== made.payments || decoded !== made.transactions) throw new Error('the sides differ');
    if (round < WARM_UP_ROUNDS) continue;
    ours.push(scanTime);
    verifying.push(verifyTime);
    theirs.push(decodeTime);
  }
  return { scan: median(ours), verify: median(verifying), decode: median(theirs) };
}

// btc-signer has no coder of blocks; its array of transactions reads what follows the header.
const transactionsCoder = BTCArray(RawTx);
function decode(block: Uint8Array): number {
  return transactionsCoder.decode(block.subarray(HEADER_BYTES)).length;
}

function timed<Result>(work: () => Result): readonly [milliseconds: number, result: Result] {
  const from = performance.now();
  const result = work();
  return [performance.now() - from, result];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

if (import.meta.main) console.log(blockScanTimes(), await blockScanRatio());
