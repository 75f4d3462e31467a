// For how long an account is locked after attempts that failed.

/** Attempts before an account is locked for the first time. */
export const FREE_ATTEMPTS = 5;
const FIRST_LOCK_MS = 30_000;
const LOCK_MS_MAX = 3_600_000;

/**
 * Until when an account is locked after so many failures in a row, in ms since 1970; null: not at all. The fifth locks it for
 * 30 s, each one after that for twice as long, up to an hour: a guesser gets about 30 attempts a day.
 */
export function lockedUntil(failures: number, now: number): number | null {
  if (failures < FREE_ATTEMPTS) return null;
  return now + Math.min(FIRST_LOCK_MS * 2 ** (failures - FREE_ATTEMPTS), LOCK_MS_MAX);
}
