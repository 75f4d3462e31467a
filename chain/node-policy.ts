// What this operator's Bitcoin nodes ask of a transaction before they relay it, and what becomes of one that is handed to
// them: their fee rates and dust rate, their estimate, a trial without sending (testmempoolaccept), and sending.
import { z } from 'zod';
import { toHex } from '../crypto/bytes.ts';
import { hexOf } from '../crypto/json-fields.ts';
import { btcAmount, larger } from './amount.ts';
import { type BitcoinView, BitcoinViewError, type BroadcastVerdict, type RelayFloor } from './bitcoin-view.ts';
import { DUST_RATE_SATS_PER_KVB, FEE_RATE_SATS_PER_KVB_MIN } from './fee.ts';
import { askFeeEstimate, isEstimate, whyNoEstimate } from './fee-estimate.ts';
import type { BitcoinNetwork } from './network.ts';
import { type Ask, call, first, type Read, unwrap } from './node-answers.ts';
import { type RpcCall, type RpcOutcome, readResult } from './rpc.ts';

const hash = hexOf(32);
const acceptSchema = z
  .array(
    z.object({
      txid: hash,
      allowed: z.boolean(),
      'reject-reason': z.string().optional(),
      'reject-details': z.string().optional(),
    }),
  )
  .length(1);
const leastRateSchema = z.object({ mempoolminfee: btcAmount, minrelaytxfee: btcAmount });
// Bitcoin Core does not tell its dust rate; Knots does, and may raise it by itself.
const floorSchema = leastRateSchema.extend({ incrementalrelayfee: btcAmount, dustrelayfee: btcAmount.optional() });

// Core's RPC_VERIFY_ALREADY_IN_UTXO_SET: the transaction is mined.
const RPC_ALREADY_MINED = -27;
// Core's RPC_DESERIALIZATION_ERROR: these bytes are no transaction.
const RPC_UNREADABLE = -22;
// Core's own bound on the fee is switched off: it bounds what a wallet's user may mistype, and fees here were validated.
const MAXIMUM_FEE_RATE_UNCHECKED = 0;

/**
 * How Core's reject reasons begin that speak of nothing but signatures (its names before and since v30). Core verifies
 * scripts last, so that whoever hears one of these has passed everything else.
 */
const SIGNATURE_REASONS = [
  'mandatory-script-verify-flag-failed',
  'non-mandatory-script-verify-flag',
  'mempool-script-verify-flag-failed',
  'block-script-verify-flag-failed',
];
/** The node relays this very transaction already, with these or other witnesses. */
const WAITING_REASONS = ['txn-already-in-mempool', 'txn-same-nonwitness-data-in-mempool'];

type PolicyQuestion = 'testAccept' | 'testPolicy' | 'broadcast' | 'relayFloor' | 'feeRate';

/** The part of the view that is about what nodes relay. */
export function policyQuestions(network: BitcoinNetwork, ask: Ask): Pick<BitcoinView, PolicyQuestion> {
  async function send(calls: readonly RpcCall[], read: Read<BroadcastVerdict>): Promise<BroadcastVerdict> {
    const answers = await ask(calls, read);
    return answers.find((answer) => answer.value.ok)?.value ?? first(answers).value;
  }

  return {
    testAccept: (transaction) => send([trial(transaction)], readAcceptance),

    async testPolicy(transaction) {
      const answers = await ask([trial(transaction)], readPolicy);
      return answers.find((answer) => !answer.value.ok)?.value ?? first(answers).value;
    },

    broadcast: (transaction) =>
      send(
        // The first call tells the txid also where the second says that it is known.
        [
          call('decoderawtransaction', toHex(transaction)),
          call('sendrawtransaction', toHex(transaction), MAXIMUM_FEE_RATE_UNCHECKED),
        ],
        readBroadcast,
      ),

    async relayFloor() {
      const answers = await ask([call('getmempoolinfo')], readFloor);
      return answers.map(({ value }) => value).reduce(higherFloor);
    },

    async feeRate(targetBlocks) {
      const answers = await ask([call('getmempoolinfo')], readLeastRate);
      const floor = answers.map(({ value }) => value).reduce(larger, FEE_RATE_SATS_PER_KVB_MIN);
      const asked = answers.map(async ({ rpc }) => ({ rpc, estimate: await askFeeEstimate(rpc, targetBlocks) }));
      const estimates = await Promise.all(asked);
      // Where nobody bids for space there is never enough data, and the least that is relayed is enough.
      const needed = network === 'mainnet';
      if (estimates.some(({ estimate }) => isEstimate(estimate, needed))) {
        return estimates.flatMap(({ estimate }) => (estimate.ok ? (estimate.value ?? []) : [])).reduce(larger, floor);
      }
      const reasons = estimates.map(({ rpc, estimate }) => whyNoEstimate(rpc.label, estimate)).join('; ');
      throw new BitcoinViewError('bitcoin_unavailable', `no Bitcoin node estimates fees: ${reasons}`);
    },
  };
}

function trial(transaction: Uint8Array): RpcCall {
  return call('testmempoolaccept', [toHex(transaction)], MAXIMUM_FEE_RATE_UNCHECKED);
}

// A node that cannot be asked has refused nothing: any error but that about the bytes is no answer.
function readTrial(
  outcomes: readonly RpcOutcome[],
  label: string,
): { readonly txid: string | null; readonly reason: string | null; readonly detail: string } {
  const [outcome] = outcomes;
  if (outcome?.ok === false && outcome.code === RPC_UNREADABLE) {
    return { txid: null, reason: outcome.message, detail: outcome.message };
  }
  const [accept] = readResult(acceptSchema, unwrap(outcome, label), label);
  if (accept?.allowed === true) return { txid: accept.txid, reason: null, detail: '' };
  const reason = accept?.['reject-reason'] ?? 'the node gives no reason';
  return { txid: accept?.txid ?? null, reason, detail: accept?.['reject-details'] ?? reason };
}

function readAcceptance(outcomes: readonly RpcOutcome[], label: string): BroadcastVerdict {
  const { txid, reason } = readTrial(outcomes, label);
  if (txid !== null && reason === null) return { ok: true, txid };
  return { ok: false, reason: 'rejected', detail: reason ?? 'the node gives no reason' };
}

function readPolicy(outcomes: readonly RpcOutcome[], label: string): BroadcastVerdict {
  const { txid, reason, detail } = readTrial(outcomes, label);
  const passes =
    reason === null || WAITING_REASONS.includes(reason) || SIGNATURE_REASONS.some((name) => reason.startsWith(name));
  return txid !== null && passes ? { ok: true, txid } : { ok: false, reason: 'rejected', detail };
}

function readBroadcast(outcomes: readonly RpcOutcome[], label: string): BroadcastVerdict {
  const [decoded, sent] = outcomes;
  if (decoded !== undefined && !decoded.ok) return { ok: false, reason: 'rejected', detail: decoded.message };
  const { txid } = readResult(z.object({ txid: hash }), unwrap(decoded, label), label);
  if (sent?.ok === false) {
    if (sent.code === RPC_ALREADY_MINED) return { ok: true, txid };
    return { ok: false, reason: 'rejected', detail: sent.message };
  }
  readResult(hash, unwrap(sent, label), label);
  return { ok: true, txid };
}

function readLeastRate(outcomes: readonly RpcOutcome[], label: string): bigint {
  const { mempoolminfee, minrelaytxfee } = readResult(leastRateSchema, unwrap(outcomes[0], label), label);
  return larger(mempoolminfee, minrelaytxfee);
}

function readFloor(outcomes: readonly RpcOutcome[], label: string): RelayFloor {
  const told = readResult(floorSchema, unwrap(outcomes[0], label), label);
  return {
    feeRateMin: larger(told.mempoolminfee, told.minrelaytxfee),
    dustRelayRate: told.dustrelayfee ?? DUST_RATE_SATS_PER_KVB,
    incrementalRate: told.incrementalrelayfee,
  };
}

function higherFloor(a: RelayFloor, b: RelayFloor): RelayFloor {
  return {
    feeRateMin: larger(a.feeRateMin, b.feeRateMin),
    dustRelayRate: larger(a.dustRelayRate, b.dustRelayRate),
    incrementalRate: larger(a.incrementalRate, b.incrementalRate),
  };
}
