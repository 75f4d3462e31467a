// What an operator can ask in an emergency, and of its policy: parameters and results of its commands (command-types.ts joins them with all others).
// Times are ISO 8601 text.
import { z } from 'zod';

/** Longest reason, in characters. */
export const EMERGENCY_REASON_CHARACTERS_MAX = 500;

const reason = z.string().min(1).max(EMERGENCY_REASON_CHARACTERS_MAX);

/** Parameters by command. */
export const emergencyCommandParams = {
  'emergency-pause': z.strictObject({ reason, federation: z.boolean().default(false) }),
  'emergency-resume': z.strictObject({}),
  'emergency-status': z.strictObject({}),
  'policy-show': z.strictObject({}),
  /** `values`: one, `off`, or for lists several. */
  'policy-set': z.strictObject({
    name: z.string().min(1).max(64),
    values: z.array(z.string().min(1).max(128)).min(1).max(16),
  }),
} as const;

/** A pause that holds here. `node`: of this node alone; `federation`: for all, by whoever asked. */
export interface PauseReport {
  readonly scope: 'node' | 'federation';
  readonly asked_by: number;
  readonly reason: string;
  readonly since: string;
}

/** Whether this node and its peers sign. */
export interface EmergencyReport {
  /** Empty: this node is not paused. */
  readonly pauses: readonly PauseReport[];
  /** Pauses of the federation that this node ignores, because it ended one of the same operator before. */
  readonly ignored: readonly {
    readonly asked_by: number;
    readonly reason: string;
    readonly since: string;
    readonly until: string;
  }[];
  /** What each peer last said; `paused_since` null: it is not paused, or (`heard_at` null) nothing is known. */
  readonly peers: readonly {
    readonly index: number;
    readonly name: string;
    readonly paused_since: string | null;
    readonly heard_at: string | null;
  }[];
}

/** A value of the policy as the configuration file has it; null: its default. */
export type PolicyValue = number | readonly string[] | null;

/** What this operator signs. Amounts of sats that are no values of the file are decimal strings. */
export interface PolicyReport {
  readonly file: string;
  /** `what`: what a value must be, to complete "it must be". */
  readonly values: readonly { readonly name: string; readonly value: PolicyValue; readonly what: string }[];
  /** A constant of the federation. */
  readonly deposit_min_sats: string;
  /** What this node signed to be paid within the last 24 h. */
  readonly signed_today_sats: string;
}

/** Results by command. */
export interface EmergencyCommandResults {
  'emergency-pause': EmergencyReport;
  'emergency-resume': EmergencyReport;
  'emergency-status': EmergencyReport;
  'policy-show': PolicyReport;
  'policy-set': PolicyReport;
}
