// Plans of no step: what they wait for where it is no matter of single burns, coins or rates.
import { leave } from './line-plan-burns.ts';
import type { Plan, PlanSibling, WaitReason } from './line-plan-input.ts';

/** No step, and why. */
export function wait(left: readonly WaitReason[]): Plan {
  return { kind: 'wait', left };
}

/** Whether nobody has told yet what a step pays. */
export function isUnlisted({ kind, burns }: PlanSibling): boolean {
  return kind === null || burns === null;
}

/** Why a step that is unlisted is not replaced. */
export function unlisted(): WaitReason {
  return leave(
    null,
    'unlisted',
    'this node asks its peers which burns the waiting step pays; it goes on once one answers',
  );
}

/** Why a step waits for another that is mined first. */
export function otherWaits(kind: string): WaitReason {
  return leave(null, 'other_step_waits', `a ${kind} step waits: it has to be mined first`);
}
