// Burns that wait, paid in batches: read from the own Wire nodes, gathered by the policy's rule, planned so that one that
// cannot be paid does not hold up the others.

import { verifyBurn } from '../../chain/burn.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { PAYOUT_BURNS_MAX } from '../../chain/payout-intent.ts';
import { BURNS_PAGE_MAX, type WireLedger } from '../../chain/wire-ledger.ts';
import { type Burn, recordBurn } from '../../store/burns.ts';
import { loadCursor, saveCursor } from '../../store/cursors.ts';
import { PAGE_ROWS_MAX, transact } from '../../store/database.ts';
import { listOpenBurns } from '../../store/open-burns.ts';
import { getUtxo } from '../../store/utxos.ts';
import { CommandError } from '../command-error.ts';
import type { FederationKey } from '../keys.ts';
import { noProgress } from '../progress.ts';
import type { Bridge } from './bridge.ts';
import { paysItself } from './burns.ts';
import { withdraw } from './payouts.ts';
import { batchDue } from './schedule.ts';
import type { Turns } from './turns.ts';

const BURNS_CURSOR = 'wire_burns';
/** So many burns are read again in each round: where Wire nodes disagree for a while, one is listed after its successors. */
const OVERLAP_BURNS = 100;
/** How long a burn that cannot be paid (a bad address, dust, too few coins) is left alone, in ms. */
const UNPAYABLE_MS = 600_000;
const VERIFIED_AT_ONCE = 8;
/** Smaller batches that are tried where the coins do not suffice for all. */
const SMALLER_MAX = 10;

/** Writes down what burns the Wire nodes list. Throws `WireLedgerError`. */
export async function readBurns({ db, effects, log }: Bridge, wire: WireLedger, signal: AbortSignal): Promise<void> {
  const stored = loadCursor(db, BURNS_CURSOR);
  const last = typeof stored === 'number' ? stored : 0;
  let after = Math.max(0, last - OVERLAP_BURNS);
  while (!signal.aborted) {
    const burns = await wire.burns(after, BURNS_PAGE_MAX);
    const end = burns.at(-1);
    if (end === undefined) return;
    after = end.seq;
    transact(db, (tx) => {
      const now = effects.now();
      for (const { burnTxid, nullifier, address, amount, fee, seq, height } of burns) {
        // Nothing is left to pay out; where the ledger allows it, it must not keep this node from reading what comes after.
        if (fee > amount) continue;
        const record = { burnTxid, nullifier, address, amount, fee, wireSeq: BigInt(seq), wireHeight: height };
        if (!recordBurn(tx, record, now).ok) log('error', 'burn_contradicts', { burn_txid: burnTxid });
      }
      if (after > last) saveCursor(tx, BURNS_CURSOR, after, now);
    });
  }
}

/** Pays a batch where one is due and it is this node's turn. */
export async function payBurns(bridge: Bridge, turns: Turns, key: FederationKey, wire: WireLedger): Promise<void> {
  const { bitcoin, config, effects } = bridge;
  const waiting = openBurns(bridge, turns);
  if (waiting.length === 0) return;
  const { count, ageS, cheapSatVb } = config.payoutBatch;
  const policy = { count, ageMs: ageS * 1000, cheapRate: BigInt(cheapSatVb) * 1000n };
  const rate = await bitcoin.feeRate(config.feeTargetBlocks);
  const isDue = (burns: readonly Burn[]): boolean => {
    const times = burns.map(({ seenAt }) => seenAt);
    return batchDue(policy, times, rate, effects.now()) !== null;
  };
  if (!isDue(waiting)) return;
  const payable = await payableBurns(bridge, turns, key, wire, waiting);
  const group = withOneAnchor(payable);
  if (!isDue(group)) return;
  const lowest = group.map(({ burnTxid }) => burnTxid).sort()[0] ?? '';
  await turns.take(`batch/${lowest}`, () => payGroup(bridge, turns, group));
}

function openBurns({ db }: Bridge, turns: Turns): readonly Burn[] {
  const open: Burn[] = [];
  for (let offset = 0; ; offset += PAGE_ROWS_MAX) {
    const { rows } = listOpenBurns(db, { limit: PAGE_ROWS_MAX, offset });
    open.push(...rows.filter(({ burnTxid, anchor }) => !turns.rests(`burn/${burnTxid}`) && !isLost(db, anchor)));
    if (rows.length < PAGE_ROWS_MAX || open.length >= PAYOUT_BURNS_MAX) return open.slice(0, PAYOUT_BURNS_MAX);
  }
}

// Nothing can pay a burn whose anchor is spent, until it is released.
function isLost(db: Bridge['db'], anchor: Burn['anchor']): boolean {
  return anchor !== null && getUtxo(db, anchor)?.status === 'spent';
}

async function payableBurns(
  bridge: Bridge,
  turns: Turns,
  key: FederationKey,
  wire: WireLedger,
  waiting: readonly Burn[],
): Promise<readonly Burn[]> {
  const { burnRules } = bridge.judge.payoutBench(key);
  const payable: Burn[] = [];
  for (let at = 0; at < waiting.length; at += VERIFIED_AT_ONCE) {
    const part = waiting.slice(at, at + VERIFIED_AT_ONCE);
    const verdicts = await Promise.all(part.map((burn) => verifyBurn(wire, burnRules, burn)));
    for (const [i, burn] of part.entries()) {
      const verdict = verdicts[i];
      if (verdict === undefined || (!verdict.ok && verdict.reason === 'burn_unconfirmed')) continue;
      if (!verdict.ok && verdict.reason === 'wire_unavailable') {
        if (!(await answers(wire))) return [];
        // Of this burn alone nothing can be told, as where its proof makes the verifier crash.
        turns.rest(`burn/${burn.burnTxid}`, bridge.config.takeoverS * 1000);
      } else if (verdict.ok && (burn.anchor !== null || paysItself(verdict.output.script, burn.fee)))
        payable.push(burn);
      else turns.rest(`burn/${burn.burnTxid}`, UNPAYABLE_MS);
    }
  }
  return payable;
}

async function answers(wire: WireLedger): Promise<boolean> {
  return wire.status().then(
    () => true,
    () => false,
  );
}

// A burn that was decided before is bound to its payout's anchor, and shares a transaction only with burns of the same.
function withOneAnchor(burns: readonly Burn[]): readonly Burn[] {
  const nameOf = ({ anchor }: Burn): string => (anchor === null ? '' : outpointName(anchor));
  const [first] = burns;
  return first === undefined ? [] : burns.filter((burn) => nameOf(burn) === nameOf(first));
}

async function payGroup(bridge: Bridge, turns: Turns, group: readonly Burn[]): Promise<void> {
  let burns = [...group].sort((a, b) => (a.amount < b.amount ? -1 : 1));
  for (let tries = 0; ; tries++) {
    try {
      await withdraw(bridge, { burn_txids: burns.map(({ burnTxid }) => burnTxid) }, noProgress);
      return;
    } catch (error) {
      const isTooLittle = error instanceof CommandError && error.code === 'insufficient_funds';
      if (isTooLittle && burns.length > 1 && tries < SMALLER_MAX) {
        const kept = Math.floor(burns.length / 2);
        for (const { burnTxid } of burns.slice(kept)) turns.rest(`burn/${burnTxid}`, UNPAYABLE_MS / 10);
        burns = burns.slice(0, kept);
        continue;
      }
      // What cannot be paid now, or was paid by others, must not hold up the burns behind it.
      for (const { burnTxid } of burns) turns.rest(`burn/${burnTxid}`, bridge.config.takeoverS * 1000);
      throw error;
    }
  }
}
