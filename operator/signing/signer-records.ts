// How each signer has behaved towards this coordinator since the process started: for `status`, `test-communication` and
// the audit log. Counts only grow. Nothing here decides whether anybody may sign.
import type { Exclusion } from '../../ceremony/signing/candidates.ts';
import type { SigningTask } from '../../ceremony/signing/session.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import type { SigningActivity } from '../runtime/activity-record.ts';
import type { Effects } from '../runtime/effects.ts';

/** For so long after a wrong share was put into the audit log, further ones of that signer are only counted, in ms. */
export const LIE_AUDIT_GAP_MS = 60 * 60_000;

/**
 * What a signer did that cost a session: it answered after its time (`slow`), never (`silent`), with something that does
 * not help (`refused`), or with a share or nonce that is wrong (`lying`).
 */
export type SignerFault = 'slow' | 'silent' | 'refused' | 'lying';

/** One signer's record. `answered`: answers in time; `at` in ms since 1970. */
export interface SignerRecord {
  readonly index: number;
  readonly answered: number;
  readonly faults: Readonly<Record<SignerFault, number>>;
  readonly last: {
    readonly fault: SignerFault;
    readonly reason: string;
    readonly detail: string;
    readonly at: number;
  } | null;
  /** `at` in ms since 1970, to be shown; `measuredAt` by the monotonic clock. */
  readonly lastLie: { readonly at: number; readonly measuredAt: number } | null;
}

/** Puts a row into the audit log. */
export type AuditAppend = (kind: string, body: Json) => void;

/** Whether a reason to leave a signer out is one that no honest signer ever gives. */
export function isLie(reason: Exclusion['reason']): boolean {
  return reason === 'bad_share' || reason === 'bad_nonce';
}

const CHOICES: ReadonlySet<string> = new Set([
  ...['approval_needed', 'policy', 'payout_too_large', 'payout_on_hold', 'day_cap_reached', 'payout_vetoed'],
]);

/** Whether a reason to leave a signer out is what its operator has decided, or has still to decide: that is no fault. */
export function isChoice(reason: Exclusion['reason']): boolean {
  return CHOICES.has(reason);
}

/**
 * Whether the keys of a ceremony are being proven. Each node seals its keys in its own time then: to be early or slow is no
 * trouble with anybody.
 */
export function isProof({ intent }: SigningTask): boolean {
  return intent.kind === 'ceremony_proof';
}

/** Whether a reason to leave a signer out says no more, right after a key ceremony, than that it still takes its keys in. */
export function isNotReadyYet(reason: Exclusion['reason']): boolean {
  return reason === 'no_nonces' || reason === 'unknown_key' || reason === 'timeout';
}

/** Whether a signer was left out because its operator has not enabled the service, or has paused the node: no fault of it. */
export function isSwitchedOff(reason: Exclusion['reason']): reason is 'service_off' | 'paused' {
  return reason === 'service_off' || reason === 'paused';
}

export class SignerRecords {
  readonly #records = new Map<number, SignerRecord>();
  /** By the monotonic clock. */
  readonly #auditedAt = new Map<number, number>();
  readonly #clocks: Pick<Effects, 'now' | 'monotonic'>;
  readonly #audit: AuditAppend | null;
  readonly #activity: SigningActivity | null;

  constructor(
    clocks: Pick<Effects, 'now' | 'monotonic'>,
    audit: AuditAppend | null,
    activity: SigningActivity | null = null,
  ) {
    this.#clocks = clocks;
    this.#audit = audit;
    this.#activity = activity;
  }

  /** Counts an answer that came in time. */
  answered(index: number): void {
    const record = this.#recordOf(index);
    this.#records.set(index, { ...record, answered: record.answered + 1 });
    this.#activity?.signer(index, 'answered');
  }

  /** Counts a fault. */
  failed(index: number, fault: SignerFault, reason: string, detail: string): void {
    const record = this.#recordOf(index);
    const faults = { ...record.faults, [fault]: record.faults[fault] + 1 };
    const [at, measuredAt] = [this.#clocks.now(), this.#clocks.monotonic()];
    const lastLie = fault === 'lying' ? { at, measuredAt } : record.lastLie;
    this.#records.set(index, { ...record, faults, last: { fault, reason, detail, at }, lastLie });
    this.#activity?.signer(index, fault);
  }

  /** Counts why a signer was left out of a signature over `about`. Silence is counted where it shows. */
  excluded({ index, reason, detail, session }: Exclusion, about: Readonly<Record<string, string>>): void {
    if (reason === 'timeout' || reason === 'unreachable') return;
    if (isChoice(reason)) {
      this.answered(index);
      return;
    }
    const lied = isLie(reason);
    this.failed(index, lied ? 'lying' : 'refused', reason, detail);
    if (lied) this.#auditLie(index, { index, reason, session: session ?? null, ...about });
  }

  /** Everybody who was ever asked, in index order. */
  list(): readonly SignerRecord[] {
    return [...this.#records.values()].sort((a, b) => a.index - b.index);
  }

  // A liar must not be able to fill the disk: one row an hour, which says how many lies there have been.
  #auditLie(index: number, body: Readonly<Record<string, Json>>): void {
    const now = this.#clocks.monotonic();
    const before = this.#auditedAt.get(index);
    if (before !== undefined && now - before < LIE_AUDIT_GAP_MS) return;
    this.#auditedAt.set(index, now);
    this.#audit?.('signer_lied', { ...body, lies_since_start: this.#recordOf(index).faults.lying });
  }

  #recordOf(index: number): SignerRecord {
    const faults = { slow: 0, silent: 0, refused: 0, lying: 0 };
    return this.#records.get(index) ?? { index, answered: 0, faults, last: null, lastLie: null };
  }
}
