// Payouts that do not confirm: replaced at a higher fee, always by a transaction that spends the very same inputs.

import { PAGE_ROWS_MAX } from '../../store/database.ts';
import { listPayouts } from '../../store/payout-listing.ts';
import { CommandError } from '../command-error.ts';
import type { FederationKey } from '../keys.ts';
import type { Bridge } from './bridge.ts';
import { newestVersions } from './payout-versions.ts';
import { replacePayout } from './payouts.ts';
import { nextRate } from './schedule.ts';
import type { Turns } from './turns.ts';

/** How long a payout whose fees are used up is left alone, in ms. */
const EXHAUSTED_MS = 600_000;

/** Replaces what has waited too long. Counts blocks from when this process first met a payout. */
export class StuckPayouts {
  readonly #bridge: Bridge;
  readonly #turns: Turns;
  readonly #waitingFrom = new Map<string, number>();

  constructor(bridge: Bridge, turns: Turns) {
    this.#bridge = bridge;
    this.#turns = turns;
  }

  /** Looks at every payout that waits. */
  async replace(key: FederationKey): Promise<void> {
    const { db, bitcoin, config, judge } = this.#bridge;
    const open = listPayouts(db, ['broadcast'], { limit: PAGE_ROWS_MAX }).rows;
    for (const txid of this.#waitingFrom.keys()) {
      if (!open.some((payout) => payout.txid === txid)) this.#waitingFrom.delete(txid);
    }
    if (open.length === 0) return;
    const [tip, estimate] = await Promise.all([bitcoin.tip(), bitcoin.feeRate(config.feeTargetBlocks)]);
    const { afterBlocks, stepPercent } = config.payoutBump;
    const capRate = judge.payoutRules(key).feeRateMax;
    const policy = { afterBlocks, stepPercent: BigInt(stepPercent), capRate };
    for (const payout of newestVersions(open)) {
      const from = this.#waitingFrom.get(payout.txid) ?? tip.height;
      this.#waitingFrom.set(payout.txid, from);
      if (tip.height - from < afterBlocks) continue;
      const rate = nextRate(policy, BigInt(Math.ceil(payout.feeRate * 1000)), estimate);
      if (rate === null) continue;
      const name = `replace/${payout.txid}`;
      await this.#turns.take(name, async () => {
        try {
          await replacePayout(this.#bridge, payout, rate);
        } catch (error) {
          if (error instanceof CommandError && error.code === 'fee_too_high') this.#giveUp(name, payout.txid);
          else throw error;
        }
      });
    }
  }

  // The collected fees bound the miner fee: it stays as it is and is mined when fees fall.
  #giveUp(name: string, txid: string): void {
    this.#bridge.log('warn', 'payout_fees_used_up', { txid });
    this.#turns.rest(name, EXHAUSTED_MS);
  }
}
