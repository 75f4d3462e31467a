// Burns into payouts: collect what waits, plan one transaction, have the federation sign every input, verify, keep,
// broadcast, tell the peers. Each step is durable before the next, so a crash anywhere pays no burn twice and loses none.

import { payoutIntentSchema } from '../../ceremony/intent.ts';
import type { SigningResult } from '../../ceremony/signing-candidates.ts';
import { asUnavailable } from '../../chain/bitcoin-view.ts';
import type { BurnClaim } from '../../chain/burn.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { payoutIntentJson } from '../../chain/payout-intent.ts';
import { exportPsbt } from '../../chain/psbt.ts';
import { type BuiltPayout, finalizePayout } from '../../chain/transaction.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { getBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { getPayout, type Payout } from '../../store/payout-listing.ts';
import { recordPayoutBroadcast, recordPayoutSigned } from '../../store/payout-progress.ts';
import { getUtxo } from '../../store/utxos.ts';
import { CommandError } from '../command-error.ts';
import type { CommandParams, CommandResults, SigningReport, WithdrawalReport } from '../command-types.ts';
import { counted } from '../counted.ts';
import type { Approval } from '../judge/judgement.ts';
import type { FederationKey } from '../keys.ts';
import { noProgress, type Progress } from '../progress.ts';
import { type Bridge, notSigned, requireLiveKey, signingReport } from './bridge.ts';
import { burnsToPay, livePayoutOf } from './burns.ts';
import { type FittingOrder, planFitting } from './leave-out.ts';
import { learn, noHints, type PlanHints } from './payout-plan.ts';

/** How often a plan is adapted to what participants refused it for. */
const PLANS_MAX = 16;

type Signed = Extract<SigningResult, { kind: 'signed' }>;

interface SignedPayout {
  readonly payout: BuiltPayout;
  readonly result: Signed;
  /** This node's own decision; done already where it was among the signers. */
  readonly decide: Approval['decide'];
}

/** Pays burns: those named, or all that wait. Paying a burn that is being paid gives the payout that is under way. */
export async function withdraw(
  bridge: Bridge,
  params: CommandParams<'withdraw'>,
  progress: Progress,
): Promise<CommandResults['withdraw']> {
  const key = requireLiveKey(bridge.keys);
  const begun = bridge.effects.now();
  progress({ step: 'burns', text: 'reading the burns from our own Wire nodes' });
  const named = params.burn_txids;
  const open = named.filter((burnTxid) => livePayoutOf(bridge, [burnTxid]) === null);
  const underWay = open.length > 0 ? null : livePayoutOf(bridge, named);
  if (underWay !== null) return again(bridge, underWay, progress);
  const { claims, skipped } = await burnsToPay(bridge, key, open);
  if (claims.length === 0) throw new CommandError('nothing_to_pay', `no burn waits to be paid${skipped}`);
  const order = { claims, test: false, feeRate: params.fee_rate ?? null, replaces: null, named };
  const signed = await signPayout(bridge, key, order, progress);
  const { payout, result } = signed;
  const transaction = finalize(payout, result);
  keepSigned(bridge, signed, transaction);
  progress({ step: 'broadcast', text: `broadcasting ${payout.txid}` });
  const sent = await broadcastPayout(bridge, payout.txid, transaction);
  const detail = `${sent.detail}${skipped}`;
  const signing = signingReport(result, begun, bridge.effects.now());
  const { vsize } = payout;
  return { ...describe(bridge, payout.txid), status: 'new', vsize, broadcast: sent.ok, detail, signing };
}

/**
 * Runs a burn through the whole workflow with a transaction that can never be mined: one more input spends an outpoint
 * that cannot exist. With `broadcast`, on regtest only, pays it for real.
 */
export async function testBurn(
  bridge: Bridge,
  params: CommandParams<'test-burn'>,
  progress: Progress,
): Promise<CommandResults['test-burn']> {
  const key = requireLiveKey(bridge.keys);
  const begun = bridge.effects.now();
  if (params.broadcast && bridge.config.network !== 'regtest') {
    throw new CommandError(
      'not_regtest',
      `--broadcast pays for real and works on regtest only, not on ${bridge.config.network}`,
    );
  }
  const claim: BurnClaim = {
    burnTxid: params.txid,
    address: params.address,
    amount: BigInt(params.amount),
    fee: BigInt(params.fee),
  };
  if (livePayoutOf(bridge, [claim.burnTxid]) !== null) {
    throw new CommandError('burn_already_paid', `burn ${claim.burnTxid} is paid, or is being paid, already`);
  }
  const order = { claims: [claim], test: !params.broadcast, feeRate: null, replaces: null, named: [claim.burnTxid] };
  const signed = await signPayout(bridge, key, order, progress);
  const { payout, result } = signed;
  const transaction = finalize(payout, result);
  let [broadcast, detail] = [false, 'signed by the federation; its test input makes it unminable'];
  if (params.broadcast) {
    keepSigned(bridge, signed, transaction);
    const sent = await broadcastPayout(bridge, payout.txid, transaction);
    [broadcast, detail] = [sent.ok, sent.detail];
  }
  return {
    txid: payout.txid,
    transaction,
    psbt: exportPsbt(payout),
    inputs: payout.intent.inputs.length,
    miner_fee: `${payout.intent.fee}`,
    broadcast,
    detail,
    signing: signingReport(result, begun, bridge.effects.now()),
  };
}

/**
 * Replaces a payout that does not confirm by one that pays the same burns from the same inputs at a higher fee rate (sats
 * per 1000 vbytes). It conflicts with every earlier version, so only one of them can ever be mined. Throws `CommandError`.
 * Gives what our own Bitcoin nodes say of it.
 */
export async function replacePayout(
  bridge: Bridge,
  payout: Payout,
  feeRate: bigint,
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const key = requireLiveKey(bridge.keys);
  const claims = payout.burns.map(({ burnTxid }): BurnClaim => {
    const burn = getBurn(bridge.db, burnTxid);
    if (burn === null) throw new Error('a payout pays burns that are stored');
    return { burnTxid, address: burn.address, amount: burn.amount, fee: burn.fee };
  });
  const order = { claims, test: false, feeRate: Number(feeRate) / 1000, replaces: payout, named: [] };
  const signed = await signPayout(bridge, key, order, noProgress);
  const transaction = finalize(signed.payout, signed.result);
  keepSigned(bridge, signed, transaction);
  const sent = await broadcastPayout(bridge, signed.payout.txid, transaction);
  bridge.log('info', 'payout_replaced', { txid: payout.txid, by: signed.payout.txid, fee_rate: order.feeRate });
  return sent;
}

/** Sends a signed payout to our own Bitcoin nodes and writes down that it went. */
export async function broadcastPayout(
  bridge: Bridge,
  txid: string,
  transaction: string,
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  // It is durable already: nodes that do not answer now get it in a later round.
  const verdict = await bridge.bitcoin.broadcast(fromHex(transaction)).catch(asUnavailable);
  if (!verdict.ok) {
    bridge.log('error', 'payout_rejected', { txid, detail: verdict.detail });
    return { ok: false, detail: `our Bitcoin nodes refuse it (${verdict.detail}); it is kept and sent again` };
  }
  recordPayoutBroadcast(bridge.db, txid, bridge.effects.now());
  return { ok: true, detail: 'sent by our own Bitcoin nodes' };
}

/** One payout as the list of withdrawals shows it; confirmations are the caller's to fill in. */
export function describe(
  bridge: Bridge,
  txid: string,
): {
  readonly txid: string;
  readonly burns: WithdrawalReport['burns'];
  readonly miner_fee: string;
  readonly fee_rate: number;
} {
  const payout = getPayout(bridge.db, txid);
  if (payout === null) throw new Error(`payout ${txid} is not stored`);
  return { txid, burns: paidBurns(bridge.db, payout), miner_fee: `${payout.fee}`, fee_rate: payout.feeRate };
}

// A participant that has signed another payout of a burn before says which input would make the new one agree with it.
async function signPayout(
  bridge: Bridge,
  key: FederationKey,
  order: Omit<FittingOrder, 'hints'>,
  progress: Progress,
): Promise<SignedPayout> {
  const isKnown = (outpoint: Outpoint): boolean => getUtxo(bridge.db, outpoint)?.status === 'unspent';
  let hints: PlanHints = noHints;
  let { claims } = order;
  for (let plans = 1; ; plans++) {
    [claims, hints] = await withBound(bridge, key, claims, hints);
    progress({ step: 'plan', text: `planning a transaction for ${counted(claims.length, 'burn')}` });
    const planned = await planFitting(bridge, key, { ...order, claims, hints });
    const { payout } = planned;
    ({ claims, hints } = planned);
    // As the plan knows them: this node may bind a burn for another coordinator while it is being signed.
    const anchors = order.test ? [] : claims.flatMap(({ burnTxid }) => getBurn(bridge.db, burnTxid)?.anchor ?? []);
    const names = new Set(anchors.map(outpointName));
    const isAnchor = (outpoint: Outpoint): boolean => names.has(outpointName(outpoint));
    const burnTxids = claims.map(({ burnTxid }) => burnTxid);
    const intent = payoutIntentSchema.parse(payoutIntentJson(payout.intent));
    const judgement = await bridge.judge.judge(intent, key.keyId, 'bip340');
    if (!judgement.ok) {
      const learnt = learn(hints, [judgement], burnTxids, isKnown, isAnchor);
      if (learnt === null || plans >= PLANS_MAX) throw new CommandError(judgement.reason, judgement.detail);
      hints = learnt;
      continue;
    }
    const { length } = payout.messages;
    progress({ step: 'sign', text: `asking ${key.bitcoin.threshold} operators to sign ${counted(length, 'input')}` });
    const scheme = bridge.keys.scheme('bip340');
    const task = { scheme, keyId: key.keyId, key: key.bitcoin, intent, messages: judgement.messages };
    const result = await bridge.signing.coordinate(task, bridge.signing.candidates());
    if (result.kind === 'signed') return { payout, result, decide: judgement.decide };
    const learnt = learn(hints, result.exclusions, burnTxids, isKnown, isAnchor);
    if (learnt === null || plans >= PLANS_MAX) throw notSigned(result);
    hints = learnt;
  }
}

// A peer may have bound a burn together with others, which then have to be paid with it; those that this node cannot verify
// are not.
async function withBound(
  bridge: Bridge,
  key: FederationKey,
  claims: readonly BurnClaim[],
  hints: PlanHints,
): Promise<[readonly BurnClaim[], PlanHints]> {
  const missing = [...(hints.only ?? [])].filter((bound) => !claims.some(({ burnTxid }) => burnTxid === bound));
  const added: BurnClaim[] = [];
  const unpayable = new Set(hints.unpayable);
  for (const burnTxid of missing) {
    try {
      for (const claim of (await burnsToPay(bridge, key, [burnTxid])).claims) {
        if (![...claims, ...added].some((known) => known.burnTxid === claim.burnTxid)) added.push(claim);
      }
    } catch (error) {
      if (!(error instanceof CommandError) || error.code === 'wire_unavailable') throw error;
      unpayable.add(burnTxid);
    }
  }
  if (unpayable.size === hints.unpayable.size) return [[...claims, ...added], hints];
  const only = new Set([...(hints.only ?? [])].filter((burnTxid) => !unpayable.has(burnTxid)));
  return [[...claims, ...added], { ...hints, only, unpayable }];
}

// This node is bound by what it coordinates even where the others signed without it.
function keepSigned(bridge: Bridge, { payout, decide }: SignedPayout, transaction: string): void {
  const { txid } = payout;
  const decision = decide('signed');
  if (!decision.ok) throw new CommandError(decision.reason, `payout ${txid} is signed, but ${decision.detail}`);
  const stored = recordPayoutSigned(bridge.db, txid, transaction, bridge.effects.now());
  if (!stored.ok) throw new CommandError(stored.reason, `payout ${txid} cannot be kept: ${stored.reason}`);
  announcePayout(bridge, payout, transaction);
}

function finalize(payout: BuiltPayout, result: Signed): string {
  const final = finalizePayout(payout, result.signatures);
  if (!final.ok) throw new Error(`the signatures of inputs ${final.inputs.join(', ')} do not verify`);
  return toHex(final.transaction);
}

function announcePayout(bridge: Bridge, payout: BuiltPayout, transaction: string): void {
  bridge.announce({ type: 'announce_payout', body: { intent: payoutIntentJson(payout.intent), transaction } });
}

async function again(bridge: Bridge, payout: Payout, progress: Progress): Promise<CommandResults['withdraw']> {
  progress({ step: 'known', text: `payout ${payout.txid} is under way already` });
  const { txid, signedTx } = payout;
  const signing: SigningReport = { signers: [], excluded: [], duration_ms: 0 };
  const vsize = payout.feeRate > 0 ? Math.round(Number(payout.fee) / payout.feeRate) : 0;
  const known = { ...describe(bridge, txid), status: 'under_way', vsize, signing } as const;
  const told = `being paid by transaction ${txid}, which is unconfirmed`;
  if (payout.status === 'confirmed' || payout.status === 'settled') {
    throw new CommandError('burn_already_paid', `paid by transaction ${txid}, which is ${payout.status}`);
  }
  if (signedTx === null) return { ...known, broadcast: true, detail: `${told}: nothing to do` };
  const sent = await broadcastPayout(bridge, txid, signedTx);
  return { ...known, broadcast: sent.ok, detail: `${told}: ${sent.ok ? 'nothing to do' : sent.detail}` };
}

/** The burns that a stored payout pays. */
export function paidBurns(db: Queries, payout: Payout): WithdrawalReport['burns'] {
  return payout.burns.map(({ burnTxid }) => {
    const burn = getBurn(db, burnTxid);
    if (burn === null) throw new Error('a payout pays burns that are stored');
    return { burn_txid: burnTxid, address: burn.address, amount: `${burn.amount}`, fee: `${burn.fee}` };
  });
}
