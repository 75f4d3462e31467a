// Payouts that do not confirm: replaced at a higher fee, always by a transaction that spends the very same inputs; where
// that cannot help, helped along by a child that spends their change.

import { larger } from '../../chain/amount.ts';
import { replacementRate } from '../../chain/payout-child.ts';
import { PAGE_ROWS_MAX } from '../../store/database.ts';
import { listPayouts, type Payout } from '../../store/payout-listing.ts';
import { forgetWaits, waitingSince } from '../../store/payout-waits.ts';
import { CommandError } from '../command-error.ts';
import type { FederationKey } from '../keys.ts';
import type { Bridge } from './bridge.ts';
import { helpByChild, rateOf, type WaitingPayout, waitingPayout } from './child-for-parent.ts';
import { newestVersions } from './payout-versions.ts';
import { replacePayout } from './payouts.ts';
import { type BumpPolicy, nextRate } from './schedule.ts';
import type { Turns } from './turns.ts';

/** How long a payout whose fees are used up is left alone, in ms. */
const EXHAUSTED_MS = 600_000;
/** What says nothing about whether a replacement could help: nobody could be asked. */
const UNASKED: ReadonlySet<string> = new Set(['bitcoin_unavailable', 'wire_unavailable', 'wrong_network', 'no_key']);
/** What no later try changes until fees fall or the chain moves on. */
const EXHAUSTED: ReadonlySet<string> = new Set(['fee_too_high', 'fee_rate_too_low', 'below_dust', 'input_reserved']);

/** Replaces or helps what has waited too long. Counts blocks from when this node first met it as it waits, over restarts. */
export class StuckPayouts {
  readonly #bridge: Bridge;
  readonly #turns: Turns;

  constructor(bridge: Bridge, turns: Turns) {
    this.#bridge = bridge;
    this.#turns = turns;
  }

  /** Looks at every payout that waits. */
  async replace(key: FederationKey): Promise<void> {
    const { db, bitcoin, config, judge } = this.#bridge;
    const open = newestVersions(listPayouts(db, ['broadcast'], { limit: PAGE_ROWS_MAX }).rows);
    // What was done last gives the payout new time: a new version, or a new child.
    const stuck: Stuck[] = [];
    for (const payout of open) {
      const waiting = await waitingPayout(this.#bridge, key, payout);
      stuck.push({ payout, waiting, last: waiting?.child?.txid ?? payout.txid });
    }
    forgetWaits(
      db,
      stuck.map(({ last }) => last),
    );
    if (stuck.length === 0) return;
    const [tip, estimate] = await Promise.all([bitcoin.tip(), bitcoin.feeRate(config.feeTargetBlocks)]);
    const { afterBlocks, stepPercent } = config.payoutBump;
    const capRate = judge.payoutRules(key).feeRateMax;
    const policy = { afterBlocks, stepPercent: BigInt(stepPercent), capRate };
    for (const one of stuck) {
      const from = waitingSince(db, one.last, tip.height);
      if (tip.height - from >= afterBlocks) await this.#raise(key, one, policy, estimate);
    }
  }

  async #raise(key: FederationKey, stuck: Stuck, policy: BumpPolicy, estimate: bigint): Promise<void> {
    const { payout, waiting, last } = stuck;
    const name = `replace/${last}`;
    const present = waiting?.child == null ? BigInt(Math.ceil(payout.feeRate * 1000)) : rateOf(waiting);
    const rate = nextRate(policy, present, estimate);
    if (rate === null) return;
    await this.#turns.take(name, async () => {
      try {
        if (waiting === null) await replacePayout(this.#bridge, payout, rate);
        else await this.#replaceOrHelp(key, payout, waiting, rate);
      } catch (error) {
        if (error instanceof CommandError && EXHAUSTED.has(error.code)) this.#giveUp(name, payout.txid, error);
        else throw error;
      }
    });
  }

  // Once a child pays for it, the child is replaced: another version of the payout would have to pay for the child too.
  async #replaceOrHelp(key: FederationKey, payout: Payout, waiting: WaitingPayout, rate: bigint): Promise<void> {
    const { judge, log } = this.#bridge;
    const { parent, entry, child } = waiting;
    const relayed = child === null ? replacementRate(judge.payoutRules(key), parent, entry.descendants) : null;
    if (relayed !== null) {
      const why = await this.#tryReplacing(payout, larger(rate, relayed));
      if (why === null) return;
      log('info', 'replacement_does_not_help', { txid: payout.txid, detail: why });
    }
    await helpByChild(this.#bridge, key, waiting, rate);
  }

  // Null where the replacement is on its way; else why it is not.
  async #tryReplacing(payout: Payout, rate: bigint): Promise<string | null> {
    try {
      const sent = await replacePayout(this.#bridge, payout, rate);
      return sent.ok ? null : sent.detail;
    } catch (error) {
      if (!(error instanceof CommandError) || UNASKED.has(error.code)) throw error;
      return `${error.code}: ${error.message}`;
    }
  }

  // The collected fees bound all miner fees: it stays as it is and is mined when fees fall.
  #giveUp(name: string, txid: string, error: CommandError): void {
    this.#bridge.log('warn', 'payout_fees_used_up', { txid, detail: error.message });
    this.#turns.rest(name, EXHAUSTED_MS);
  }
}

interface Stuck {
  readonly payout: Payout;
  readonly waiting: WaitingPayout | null;
  /** The transaction that was made last for it: its newest child, or itself. */
  readonly last: string;
}
