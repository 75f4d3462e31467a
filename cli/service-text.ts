// How the state of the service reads, in `service-status` and in `status`.
import type { ServiceReport } from '../operator/runtime/command-types.ts';
import { localTime } from './format.ts';

/** The state at this node in one line. */
export function serviceLine({ state, since, paused_since: paused }: ServiceReport): string {
  const pause = paused === null ? '' : `; PAUSED since ${localTime(paused)}: nothing is signed`;
  if (state === 'off') return `off: never enabled here${pause}`;
  return `${since === null ? state : `${state} since ${localTime(since)}`}${pause}`;
}

/** How many operators are enabled, and whether that is enough. */
export function federationLine({ enabled, threshold, participants, open }: ServiceReport): string {
  if (open === null) return 'unknown, as no unsealed server runs here';
  const counts = `${enabled} of ${participants} operators are enabled and answer, ${threshold} are needed`;
  return open ? `open: ${counts}` : `NOT OPEN: ${counts}`;
}
