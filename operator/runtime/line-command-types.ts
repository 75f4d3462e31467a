// What an operator can ask of the treasury line: parameters and results of its commands (command-types.ts joins them with
// all others). Amounts are decimal strings of sats, times ISO 8601 text.
import { z } from 'zod';
import { PAGE_ROWS, PAGE_ROWS_MAX } from '../../store/database.ts';

const hash32 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hexadecimal characters');
/** The whole id, or the beginning of it. */
const requestId = z.string().regex(/^[0-9a-f]{6,32}$/, 'expected 6 to 32 lowercase hexadecimal characters');
const reason = z.string().min(1).max(500);
const address = z.string().min(1).max(128);
const page = z.strictObject({
  limit: z.int().min(1).max(PAGE_ROWS_MAX).default(PAGE_ROWS),
  offset: z.int().min(0).default(0),
});

/** Parameters by command. */
export const lineCommandParams = {
  withdraw: z.strictObject({
    /** Which burns to pay; empty means all that wait. */
    burn_txids: z.array(hash32).max(1000).default([]),
  }),
  /** `fee_rate` in sat/vB; absent: the next step up, or the estimate. */
  bump: z.strictObject({ fee_rate: z.number().min(1).max(10_000).optional() }),
  hold: z.strictObject({ burn_txid: hash32, reason }),
  unhold: z.strictObject({ burn_txid: hash32 }),
  void: z.strictObject({ reason }),
  /** `fee_rate` in sat/vB; absent: the estimate. */
  'consolidate-fees': z.strictObject({ address, fee_rate: z.number().min(1).max(10_000).optional() }),
  /** `broadcast`: regtest only, for real. */
  'test-consolidate-fees': z.strictObject({ address, broadcast: z.boolean().default(false) }),
  /** How many days, today counted. */
  fees: z.strictObject({ days: z.int().min(1).max(3_660).default(30) }),
  veto: z.strictObject({ burn_txid: hash32, reason }),
  'requests-list': page,
  'requests-show': z.strictObject({ id: requestId }),
  'requests-approve': z.strictObject({ id: requestId }),
  'requests-refuse': z.strictObject({ id: requestId, reason }),
  withdrawals: page,
  'withdrawals-waiting': z.strictObject({}),
} as const;

/** A burn that a step pays; null where our Wire nodes do not know it yet. */
export interface PaidBurnReport {
  readonly burn_txid: string;
  readonly address: string | null;
  readonly amount: string | null;
  readonly fee: string | null;
}

/** Who took part in a threshold signature, who did not and why, and how long it took. */
export interface SigningReport {
  readonly signers: readonly number[];
  readonly excluded: readonly { readonly index: number; readonly reason: string }[];
  readonly duration_ms: number;
}

/** A step of the line that was signed. `fee_rate` in sat/vB. */
export interface StepReport {
  readonly txid: string;
  readonly kind: string;
  readonly burns: readonly PaidBurnReport[];
  /** How many deposits and strays it sweeps. */
  readonly swept: number;
  readonly miner_fee: string;
  readonly fee_rate: number;
  readonly vsize: number;
  readonly broadcast: boolean;
  readonly detail: string;
  readonly signing: SigningReport;
}

/** Why a burn, or (null) the line, waits. */
export interface WaitReport {
  readonly burn_txid: string | null;
  readonly reason: string;
  /** What is missing, 0 where it is not about sats. */
  readonly missing_sats: string;
  /** The rate in sat/vB at which it would go; null where it is not about the rate. */
  readonly fee_rate: number | null;
  /** What would let it go on. */
  readonly remedy: string;
  /** Where a top-up goes, where one would help. */
  readonly top_up_address: string | null;
}

/** A step as the list shows it. */
export interface WithdrawalReport {
  readonly txid: string;
  /** null while its list of burns is not known here. */
  readonly kind: string | null;
  /** Only `mined` and `settled` steps have paid; one that is `replaced` or `passed` pays nothing. */
  readonly status: 'decided' | 'signed' | 'replaced' | 'passed' | 'mined' | 'settled';
  /** The step that took its place, or that of an ancestor, where it is `replaced` or `passed`; else null. */
  readonly replaced_by: string | null;
  readonly burns: readonly PaidBurnReport[];
  readonly miner_fee: string | null;
  readonly fee_rate: number | null;
  readonly surplus: string;
  readonly confirmations: number;
  readonly created_at: string;
}

/** What a consolidation pays where; the surplus that it leaves, and the reserve of this operator. Sats. */
export interface ConsolidationReport {
  readonly address: string;
  readonly amount: string;
  readonly surplus: string;
  readonly reserve: string;
}

/** What mined steps did to the surplus. Sats. */
export interface FeeSums {
  readonly steps: number;
  readonly burn_fees: string;
  readonly miner_fees: string;
  /** Strays that were swept. */
  readonly top_ups: string;
  readonly consolidated: string;
}

/** A step that was signed to be looked at; the fee in sats, bytes in hex. */
export interface SignedTransaction {
  readonly txid: string;
  readonly transaction: string;
  readonly psbt: string;
  readonly inputs: number;
  readonly miner_fee: string;
  readonly broadcast: boolean;
  readonly detail: string;
  readonly signing: SigningReport;
}

/** A request as operators see it. `treasury`: txid:vout, of a void step; `burn_txid`: of a payout or a veto; the other is null. */
export interface RequestReport {
  readonly id: string;
  readonly kind: string;
  readonly treasury: string | null;
  readonly burn_txid: string | null;
  readonly reason: string;
  readonly asked_by: number;
  readonly created_at: string;
  readonly expires_at: string;
  readonly decision: 'approved' | 'refused' | null;
  readonly decision_reason: string | null;
  readonly decided_at: string | null;
  /**
   * What became of it: `open`, `signed` (the void step waits for a block), `done` (it is mined), `overtaken` (another step is
   * mined) or `expired`. `txid`: of that step, else null.
   */
  readonly outcome: {
    readonly state: 'open' | 'signed' | 'done' | 'overtaken' | 'expired';
    readonly txid: string | null;
  };
}

/** The code of a `withdraw` of all burns where none waits: as it should be, and no failure. */
export const NO_BURN_WAITS = 'no_burn_waits';

/** Results by command. */
export interface LineCommandResults {
  withdraw: {
    /** `under_way`: a step that waits pays the burns already. */
    readonly status: 'new' | 'under_way';
    readonly step: StepReport;
    readonly left: readonly WaitReport[];
  };
  bump: { readonly step: StepReport; readonly left: readonly WaitReport[] };
  hold: {
    readonly burn_txid: string;
    readonly held: boolean;
    /** Whether this node has read the burn on its Wire nodes. */
    readonly known: boolean;
    /** The step that pays it all the same, where one is signed or mined. */
    readonly signed_step: string | null;
    /** How many operators must hold a burn so that it is not paid. */
    readonly holds_needed: number;
  };
  unhold: { readonly burn_txid: string; readonly held: boolean };
  void: {
    readonly request: RequestReport;
    /** null until enough operators have approved. */
    readonly step: StepReport | null;
    readonly left: readonly WaitReport[];
    readonly detail: string;
  };
  'consolidate-fees': ConsolidationReport & { readonly step: StepReport };
  'test-consolidate-fees': ConsolidationReport & SignedTransaction;
  fees: {
    /** Days by UTC on which steps were mined, the first first; `surplus`: at the end of the day. */
    readonly days: readonly (FeeSums & { readonly date: string; readonly surplus: string })[];
    /** The surplus before the first of them. */
    readonly opening_surplus: string;
    readonly total: FeeSums;
    /** At the end of the mined line. */
    readonly surplus: string;
    readonly fee_reserve: string;
    readonly above_reserve: string;
    /** Mined steps whose figures are not exact, as this node does not know all of them yet. */
    readonly incomplete_steps: number;
  };
  /** `told`: the peers that have taken it. */
  veto: { readonly request: RequestReport; readonly told: readonly number[] };
  'requests-list': { readonly requests: readonly RequestReport[]; readonly total: number };
  'requests-show': { readonly request: RequestReport };
  'requests-approve': { readonly request: RequestReport };
  'requests-refuse': { readonly request: RequestReport };
  withdrawals: { readonly withdrawals: readonly WithdrawalReport[]; readonly total: number };
  'withdrawals-waiting': { readonly waiting: readonly WaitReport[] };
}
