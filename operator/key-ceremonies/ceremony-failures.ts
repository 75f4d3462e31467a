// How the last stay in a key ceremony ended without keys, in the words that its command printed. The store cannot say
// it: a failed ceremony can be joined again, so the store has it as running, and its events are sealed while the node
// is.
import { z } from 'zod';
import { loadCursor, saveCursor } from '../../store/cursors.ts';
import type { Queries } from '../../store/database.ts';
import { CommandError } from '../runtime/command-error.ts';

const failureSchema = z.strictObject({ detail: z.string() });

/** The failures that end a stay; whatever else ends a command leaves the ceremony as it is. */
const ENDINGS: ReadonlySet<string> = new Set(['dkg_aborted', 'preflight_failed', 'left_lobby']);

/** Keeps why a ceremony's command failed, where that ended this node's part in it. `now` in ms since 1970. */
export function noteCeremonyFailure(db: Queries, ceremonyId: string, error: unknown, now: number): void {
  if (!(error instanceof CommandError) || !ENDINGS.has(error.code)) return;
  saveCursor(db, nameOf(ceremonyId), { detail: error.message }, now);
}

/** The operator joins again. */
export function forgetCeremonyFailure(db: Queries, ceremonyId: string, now: number): void {
  if (ceremonyFailureOf(db, ceremonyId) !== null) saveCursor(db, nameOf(ceremonyId), {}, now);
}

/** How the last stay failed, a sentence; null where none did. */
export function ceremonyFailureOf(db: Queries, ceremonyId: string): string | null {
  return failureSchema.safeParse(loadCursor(db, nameOf(ceremonyId))).data?.detail ?? null;
}

function nameOf(ceremonyId: string): string {
  return `ceremony_failure/${ceremonyId}`;
}
