// What an operator can ask about the safety of the node and of its machine (command-types.ts joins it with all other commands).
import { z } from 'zod';

/** Parameters by command. */
export const checkCommandParams = {
  'security-check': z.strictObject({}),
} as const;

/** How a check ends, the worst first. */
export const CHECK_VERDICTS = ['fail', 'warn', 'pass'] as const;
export type CheckVerdict = (typeof CHECK_VERDICTS)[number];

/** One check. `seen`: what is so, `action`: what to do, each a sentence without its full stop; null where there is nothing to do. */
export interface CheckReport {
  readonly id: string;
  readonly title: string;
  readonly verdict: CheckVerdict;
  readonly seen: string;
  readonly action: string | null;
}

export interface CheckCommandResults {
  'security-check': {
    /** Whether a server answered; without one, what only it can see is a warning. */
    readonly server: boolean;
    /** The fails first. */
    readonly checks: readonly CheckReport[];
    readonly counts: Readonly<Record<CheckVerdict, number>>;
  };
}
