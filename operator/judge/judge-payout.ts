// Judges a request to sign a payout: every burn on this node's own Wire nodes, every input and output on its own Bitcoin
// view, and its relation to whatever this node has signed before.

import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import { type BurnRules, type BurnVerdict, verifyBurn } from '../../chain/burn.ts';
import { checkPayout, type PayoutCheckRules } from '../../chain/payout-check.ts';
import { type CustodyUtxo, type PayoutIntent, payoutIntentJson } from '../../chain/payout-intent.ts';
import type { BuiltPayout } from '../../chain/transaction.ts';
import { type WireBurn, type WireLedger, WireLedgerError } from '../../chain/wire-ledger.ts';
import { toHex } from '../../crypto/bytes.ts';
import { recordBurn } from '../../store/burns.ts';
import { type Queries, transact } from '../../store/database.ts';
import { getDeposit } from '../../store/deposits.ts';
import { foreignPaymentOf } from '../../store/foreign-payments.ts';
import { isPromisedToChild } from '../../store/payout-children.ts';
import { voidChildrenOn } from '../../store/payout-children-progress.ts';
import { listPayoutsOfBurn } from '../../store/payout-listing.ts';
import { decidePayout } from '../../store/payouts.ts';
import { type Approval, nothingToDecide, type Refusal, refuse } from './judgement.ts';
import { refuseBesideFresh, refuseCheap } from './payout-rivals.ts';

/** How many burns are asked for at a time. */
const BURN_QUERIES_AT_ONCE = 8;

/** What payouts are judged with. `now` in ms since 1970. */
export interface PayoutBench {
  readonly bitcoin: BitcoinView;
  readonly wire: WireLedger | null;
  readonly db: Queries;
  readonly rules: PayoutCheckRules;
  readonly burnRules: BurnRules;
  readonly now: () => number;
}

/** A payout that may be signed: `payout` is the transaction as this node builds it. */
export type PayoutApproval = Approval & { readonly payout: BuiltPayout };

/** Judges a payout that is to be signed now, beside those that were decided a moment ago. */
export async function judgePayoutToSign(bench: PayoutBench, intent: PayoutIntent): Promise<PayoutApproval | Refusal> {
  const judged = await judgePayout(bench, intent);
  return judged.ok ? (refuseBesideFresh(bench.db, judged.payout, bench.now()) ?? judged) : judged;
}

/** Judges a payout by itself. */
export async function judgePayout(bench: PayoutBench, intent: PayoutIntent): Promise<PayoutApproval | Refusal> {
  const { wire } = bench;
  if (wire === null) return refuse('wire_unavailable', 'no wire_nodes are configured, so no burn can be verified');
  const paid = alreadyPaid(bench.db, intent);
  if (paid !== null) return paid;
  const checked = await checkPayout(bench.bitcoin, bench.rules, intent);
  if (!checked.ok) {
    const { reason, detail, data } = checked;
    return data === undefined ? refuse(reason, detail) : { ok: false, reason, detail, data: { ...data } };
  }
  const burns = await verifyBurns(bench, wire, intent);
  if ('ok' in burns) return burns;
  const unminted = await unmintedInput(bench, wire, intent.inputs);
  if (unminted !== null) return unminted;
  const { payout } = checked;
  const cheap = refuseCheap(bench.db, payout);
  if (cheap !== null) return cheap;
  return {
    ok: true,
    payout,
    messages: payout.messages.map(({ message, tweaks }) => ({ message, tweaks })),
    decide: intent.test ? nothingToDecide : (signed) => decideBesideOthers(bench, payout, burns, signed),
  };
}

// What was decided since this was judged counts as well.
function decideBesideOthers(
  bench: PayoutBench,
  payout: BuiltPayout,
  burns: readonly WireBurn[],
  signed: 'signed' | undefined,
): { readonly ok: true } | Refusal {
  const rival = signed === undefined ? refuseBesideFresh(bench.db, payout, bench.now()) : null;
  return rival ?? decide(bench, payout, burns);
}

// Before the inputs, which are spent then: whoever asks has missed it, and is told by which transaction.
function alreadyPaid(db: Queries, { test, burns }: PayoutIntent): Refusal | null {
  if (test) return null;
  for (const { burnTxid } of burns) {
    const [own] = listPayoutsOfBurn(db, burnTxid, ['confirmed', 'settled']);
    const txid = own?.txid ?? foreignPaymentOf(db, burnTxid)?.txid;
    if (txid === undefined) continue;
    const detail = `burn ${burnTxid} is paid by transaction ${txid}, which is in the chain`;
    return { ok: false, reason: 'burn_already_paid', detail, data: { burn_txid: burnTxid, txid } };
  }
  return null;
}

/** Every burn of an intent as this node's own Wire nodes tell it, or the first refusal. */
export async function verifyBurns(
  bench: Pick<PayoutBench, 'burnRules'>,
  wire: WireLedger,
  intent: PayoutIntent,
): Promise<readonly WireBurn[] | Refusal> {
  const burns: WireBurn[] = [];
  for (let at = 0; at < intent.burns.length; at += BURN_QUERIES_AT_ONCE) {
    const part = intent.burns.slice(at, at + BURN_QUERIES_AT_ONCE);
    const verdicts: readonly BurnVerdict[] = await Promise.all(
      part.map((claim) => verifyBurn(wire, bench.burnRules, claim)),
    );
    for (const verdict of verdicts) {
      if (!verdict.ok) return refuse(verdict.reason, verdict.detail);
      burns.push(verdict.burn);
    }
  }
  return burns;
}

// A deposit that is spent can no longer be attested, and an attestation that was not used in time must be made anew:
// spending a deposit before its mint would rob its recipient.
async function unmintedInput(
  bench: PayoutBench,
  wire: WireLedger,
  inputs: readonly CustodyUtxo[],
): Promise<Refusal | null> {
  for (const input of inputs) {
    if (input.leaf.kind !== 'deposit') continue;
    if (getDeposit(bench.db, input)?.status === 'minted') continue;
    try {
      if ((await wire.mint(input.txid, input.vout)) !== null) continue;
    } catch (error) {
      if (error instanceof WireLedgerError) return refuse('wire_unavailable', error.message);
      throw error;
    }
    const data = { txid: input.txid, vout: input.vout };
    return { ok: false, reason: 'input_unknown', detail: `deposit ${data.txid}:${data.vout} is not minted yet`, data };
  }
  return null;
}

/**
 * Writes down that this node signs this transaction for these burns, or says why it does not. One durable commit.
 * `mined`: it stands in the chain already, and is only recorded.
 */
export function decide(
  bench: Pick<PayoutBench, 'db' | 'now'>,
  payout: BuiltPayout,
  burns: readonly WireBurn[],
  mined = false,
): { readonly ok: true } | Refusal {
  const now = bench.now();
  const { intent, txid, unsigned } = payout;
  const change = intent.outputs[intent.burns.length];
  return transact(bench.db, (tx): { readonly ok: true } | Refusal => {
    for (const burn of burns) {
      const { burnTxid, nullifier, address, amount, fee, seq, height } = burn;
      const record = { burnTxid, nullifier, address, amount, fee, wireSeq: BigInt(seq), wireHeight: height };
      const verdict = recordBurn(tx, record, now);
      if (!verdict.ok)
        return { ...refuse('burn_mismatch', `burn ${burnTxid} was known otherwise`), data: verdict.data };
    }
    const promised = promisedInput(tx, payout, mined, now);
    if (promised !== null) return promised;
    const verdict = decidePayout(
      tx,
      {
        txid,
        unsignedTx: toHex(unsigned),
        inputs: intent.inputs.map(({ txid: from, vout }) => ({ txid: from, vout })),
        burns: intent.burns.map((burn, outputIndex) => ({ burnTxid: burn.burnTxid, outputIndex })),
        fee: intent.fee,
        feeRate: Number(intent.fee) / payout.vsize,
        change: change === undefined ? null : { vout: intent.burns.length, amount: change.amount },
        intent: payoutIntentJson(intent),
        mined,
      },
      now,
    );
    if (verdict.ok) return { ok: true };
    return { ok: false, reason: verdict.reason, detail: SENTENCES[verdict.reason], data: verdict.data };
  });
}

// The change of a payout that waited may have been promised to a child that pays for it. Mined, this one has taken it.
function promisedInput(tx: Queries, { intent, txid: by }: BuiltPayout, mined: boolean, now: number): Refusal | null {
  for (const { txid, vout } of intent.inputs) {
    if (mined) voidChildrenOn(tx, { txid, vout }, `${by} is mined`, now);
    if (!isPromisedToChild(tx, { txid, vout })) continue;
    const detail = `${txid}:${vout} is spent by a child that pays for the payout which made it`;
    return { ok: false, reason: 'input_reserved', detail, data: { input: { txid, vout }, burns: [] } };
  }
  return null;
}

const SENTENCES = {
  burn_unknown: 'a burn of this payout is not recorded here',
  burn_mismatch: 'this transaction was decided for other burns',
  burn_already_paid: 'a burn of this payout is paid by a confirmed transaction',
  burn_conflict: 'this node has signed another payout of a burn; it must share its anchor input',
  input_reserved: 'an input anchors burns that this transaction does not pay',
  input_spent: 'a conflicting transaction is settled',
  state_regressed: 'brought back from an older state, this node cannot tell which payout of a burn it has signed',
} as const;
