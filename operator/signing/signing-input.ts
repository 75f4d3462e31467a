// What signing works with, as participant (signing.ts) and as coordinator (coordinator.ts).

import type { Keys } from '../keys/keys.ts';
import type { PeerClient } from '../peers/deliver.ts';
import type { SigningActivity } from '../runtime/activity-record.ts';
import type { Effects } from '../runtime/effects.ts';
import type { Log } from '../runtime/log.ts';
import type { Validation } from '../validation/validation.ts';
import type { AuditAppend } from './signer-records.ts';

/** What signing works with. `boot`: this process's boot id. */
export interface SigningInput {
  readonly myIndex: number;
  readonly participants: number;
  readonly threshold: number;
  readonly boot: string;
  readonly keys: Keys;
  readonly validation: Validation;
  readonly client: PeerClient;
  readonly effects: Effects;
  readonly log: Log;
  /** Absent only where nothing can have been rolled back: in a test or bench that has no heartbeats. */
  readonly guard?: SigningGuard | null;
  /** Why this node is paused, a sentence; null where it is not. Asked before each share; absent: it never is. */
  readonly paused?: () => string | null;
  /** Where a proven lie is written down; absent where there is no audit log. */
  readonly audit?: AuditAppend;
  /** Where it is counted for reports what signers do; absent where nobody reports. */
  readonly activity?: SigningActivity;
}

/** Whether this node may sign (operator/rollback-guard/heartbeat.ts). */
export interface SigningGuard {
  maySign(): { readonly ok: true } | { readonly ok: false; readonly detail: string };
  /** As `maySign`; waits a while where the node has just started. */
  ready(): Promise<ReturnType<SigningGuard['maySign']>>;
  /** To be told of every decision, before a share leaves. */
  changed(): void;
  /** Has a listener told whenever the node turns out to be put back or copied: secret nonces must go. */
  whenStopped(listener: () => void): void;
}
