// What an operator can ask about the safety of the node and of its machine (command-types.ts joins it with all other commands).
import { z } from 'zod';
import { CONFIRMED_BOXES, type ConfirmedBox } from '../../store/schema-checklist.ts';

/** Longest note of a confirmation, in characters. */
export const CHECKLIST_NOTE_MAX = 500;

/** Parameters by command. */
export const checkCommandParams = {
  'security-check': z.strictObject({}),
  checklist: z.strictObject({}),
  'checklist-confirm': z.strictObject({
    box: z.enum(CONFIRMED_BOXES),
    note: z.string().min(1).max(CHECKLIST_NOTE_MAX),
  }),
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

/** A box of the launch instructions' Appendix B. `items`: what it is ticked by, a sentence each without its full stop. */
export interface ChecklistBox {
  readonly box: ConfirmedBox | 'operators' | 'systems' | 'backups' | 'bitcoin' | 'network' | 'monitoring' | 'security';
  readonly title: string;
  readonly ticked: boolean;
  readonly items: readonly { readonly ok: boolean; readonly text: string }[];
  readonly needs_confirmation: boolean;
  /** The newest; `is_current`: the operator cards are those of then, so it counts. */
  readonly confirmation: {
    readonly at: string;
    readonly by: string | null;
    readonly note: string;
    readonly is_current: boolean;
  } | null;
  /** What a person does to tick it; null where nothing. */
  readonly action: string | null;
}

export interface CheckCommandResults {
  checklist: { readonly boxes: readonly ChecklistBox[]; readonly ticked: number; readonly total: number };
  'checklist-confirm': {
    readonly box: ConfirmedBox;
    readonly note: string;
    /** The user; null where there are none. */
    readonly by: string | null;
    readonly at: string;
  };
  'security-check': {
    /** Whether a server answered; without one, what only it can see is a warning. */
    readonly server: boolean;
    /** The fails first. */
    readonly checks: readonly CheckReport[];
    readonly counts: Readonly<Record<CheckVerdict, number>>;
  };
}
