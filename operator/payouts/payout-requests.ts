// Payouts that need this operator's approval, as requests: how they are shown, and what is decided about them.
import { paymentOf } from '../../store/burn-payments.ts';
import { getBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { decidePayout, type PayoutRequest } from '../../store/payout-requests.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { RequestReport } from '../runtime/command-types.ts';
import { policyHash } from '../validation/payout-policy.ts';

/** What shows a request. */
export interface RequestDesk {
  readonly db: Queries;
  readonly config: Pick<OperatorConfig, 'myIndex' | 'policy'>;
  /** In ms since 1970. */
  readonly now: number;
}

/** A payout's request, for operators. An approval that was given under another policy counts for nothing. */
export function payoutReport({ db, config, now }: RequestDesk, request: PayoutRequest): RequestReport {
  const { id, burnTxid, createdAt, expiresAt, decisionReason, decidedAt } = request;
  const isVoid = request.decision === 'approved' && request.policy !== policyHash(config.policy);
  const decision = isVoid ? null : request.decision;
  return {
    ...{ id, kind: 'payout', treasury: null, burn_txid: burnTxid },
    reason: reasonOf(db, burnTxid),
    asked_by: config.myIndex,
    created_at: iso(createdAt),
    expires_at: iso(expiresAt),
    decision,
    decision_reason: isVoid ? null : decisionReason,
    decided_at: isVoid || decidedAt === null ? null : iso(decidedAt),
    outcome: outcomeOf(db, request, now),
  };
}

/** Decides a payout's request under the policy of now. */
export function decidePayoutHere(
  { db, config, now }: RequestDesk,
  id: string,
  decision: 'approved' | 'refused',
  reason: string | null,
): ReturnType<typeof decidePayout> {
  return decidePayout(db, id, { decision, reason, policy: policyHash(config.policy) }, now);
}

function reasonOf(db: Queries, burnTxid: string): string {
  const burn = getBurn(db, burnTxid);
  if (burn === null) return 'a payout of more than approve_above_sats';
  return `pays ${burn.amount - burn.fee} sats to ${burn.address}`;
}

function outcomeOf(db: Queries, { burnTxid, expiresAt }: PayoutRequest, now: number): RequestReport['outcome'] {
  const payment = paymentOf(db, burnTxid, 0);
  if (payment.state === 'mined' || payment.state === 'settled') return { state: 'done', txid: payment.txid };
  if (payment.state === 'signed') return { state: 'signed', txid: payment.txid };
  return { state: expiresAt > now ? 'open' : 'expired', txid: null };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
