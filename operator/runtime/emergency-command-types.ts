// What an operator can ask in an emergency: parameters and results of its commands (command-types.ts joins them with all others).
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

/** Results by command. */
export interface EmergencyCommandResults {
  'emergency-pause': EmergencyReport;
  'emergency-resume': EmergencyReport;
  'emergency-status': EmergencyReport;
}
