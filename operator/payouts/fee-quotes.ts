// The fee quote of the public API: made in the background, once per block, so that no request waits for Bitcoin nodes.
import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { FEE_RATE_SATS_PER_KVB_MIN } from '../../chain/fee.ts';
import { burnFeeAlone } from '../../chain/line-plan-draft.ts';
import { type SignedFeeQuote, signFeeQuote } from '../../crypto/fee-quote.ts';
import type { Session } from '../../crypto/identity.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { scannedHash, scannedHeight } from '../chain-state/scan.ts';

/** What quotes are made from. */
export type FeeQuotesInput = Pick<Bridge, 'bitcoin' | 'chain' | 'config' | 'db' | 'effects' | 'log'>;

/** The quotes of one start of a node. */
export class FeeQuotes {
  readonly #input: FeeQuotesInput;
  readonly #session: Session;
  #current: SignedFeeQuote | null = null;
  #running = false;

  constructor(input: FeeQuotesInput, session: Session) {
    this.#input = input;
    this.#session = session;
  }

  /** The quote at the last block for which there was an estimate; null before the first. */
  get current(): SignedFeeQuote | null {
    return this.#current;
  }

  /** Makes a quote where the chain has a block that has none yet. Never rejects. */
  async round(): Promise<void> {
    const { db, effects } = this.#input;
    const height = scannedHeight(db);
    const blockHash = height === null ? null : scannedHash(db, height);
    if (height === null || blockHash === null || this.#running) return;
    if (this.#current?.quote.block_hash === blockHash) return;
    this.#running = true;
    try {
      const feeRate = await this.#estimate();
      if (feeRate === null) return;
      const words = { height, blockHash, feeRate, burnFee: burnFeeAlone(feeRate), at: effects.now() };
      this.#current = signFeeQuote(this.#session, words);
    } finally {
      this.#running = false;
    }
  }

  // Within what this operator signs: a quote beyond that would promise what it refuses.
  async #estimate(): Promise<bigint | null> {
    const { bitcoin, chain, config } = this.#input;
    if ((chain?.stops('fee_estimates') ?? null) !== null) return null;
    try {
      const rate = await bitcoin.feeRate(config.feeTargetBlocks);
      const most = BigInt(config.feeRateMaxSatVb) * 1000n;
      if (rate > most) return most;
      return rate < FEE_RATE_SATS_PER_KVB_MIN ? FEE_RATE_SATS_PER_KVB_MIN : rate;
    } catch (error) {
      if (error instanceof BitcoinViewError) return null;
      throw error;
    }
  }
}
