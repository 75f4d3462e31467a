// A key ceremony as an operator should see it.

import type { PreflightCheck } from '../messages-dkg.ts';
import type { DkgState } from './dkg.ts';
import { coordinatorOf, lobbyAwaits, preflight } from './lobby.ts';
import { runAwaits } from './run.ts';
import type { DkgContext, DkgProgress } from './setup.ts';

const NOTHING: Omit<DkgProgress, 'phase' | 'step'> = {
  attempt: null,
  coordinator: null,
  waitingFor: [],
  problems: [],
  declined: [],
  abort: null,
  mayStillComplete: false,
};

/** What goes on, who is waited for, and what stands in the way. */
export function dkgProgress(context: DkgContext, { core }: DkgState): DkgProgress {
  const { setup } = context;
  switch (core.phase) {
    case 'idle':
      return { ...NOTHING, phase: 'idle', step: 'not_joined' };
    case 'lobby': {
      const waitingFor = lobbyAwaits(setup, core.lobby);
      const problems = preflight(setup, core.lobby);
      const step = problems.length > 0 ? 'preflight_failed' : waitingFor.length > 0 ? 'joining' : 'ready';
      const declined = [...core.lobby.declined].map(([index, reason]) => ({ index, reason }));
      const coordinator = coordinatorOf(setup, core.lobby);
      return { ...NOTHING, phase: 'lobby', step, waitingFor, problems, declined, coordinator };
    }
    case 'running': {
      const { attempt, coordinator, participant, coordination, doubt } = core.run;
      const confirmed = participant.step === 'confirmed';
      return {
        ...NOTHING,
        phase: confirmed ? 'confirmed' : 'running',
        step: doubt ? 'in_doubt' : (coordination?.step ?? participant.step),
        attempt,
        coordinator,
        waitingFor: runAwaits(context, core.run),
        mayStillComplete: confirmed,
      };
    }
    case 'complete': {
      const { attempt, coordinator } = core.run;
      return { ...NOTHING, phase: 'complete', step: 'complete', attempt, coordinator };
    }
    case 'aborted': {
      const { abort, run } = core;
      const mayStillComplete = run !== null;
      return { ...NOTHING, phase: 'aborted', step: abort.reason, attempt: abort.attempt, abort, mayStillComplete };
    }
  }
}

/** The checks that each participant in the lobby reports, by index, with those of this node; empty outside a lobby. */
export function lobbyChecks({ setup }: DkgContext, { core }: DkgState): ReadonlyMap<number, readonly PreflightCheck[]> {
  if (core.phase !== 'lobby') return new Map();
  const told = [...core.lobby.joins].map(([index, { body }]) => [index, body.checks] as const);
  return new Map([[setup.myIndex, core.lobby.checks], ...told]);
}
