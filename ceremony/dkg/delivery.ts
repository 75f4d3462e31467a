// Re-sending. What awaits an answer follows from a ceremony's state; this file only remembers when each of it was last
// sent. It is not stored: after a restart everything unanswered is simply sent again, and duplicates are harmless.

import type { DkgMessage, Outgoing } from '../messages.ts';
import type { DkgTiming } from './setup.ts';

/** How often an abort is told to a node that does not answer. */
export const ABORT_SENDS_MAX = 6;

interface Sending {
  readonly tries: number;
  readonly nextAt: number;
}

/** When each unanswered message is due again. */
export type Delivery = ReadonlyMap<string, Sending>;

/** What a node would say again. */
export interface Unanswered {
  readonly pending: readonly Outgoing<DkgMessage>[];
  /** What was answered, or needs no answer soon, and is asked again now and then: never at once. */
  readonly reminders: readonly Outgoing<DkgMessage>[];
}

/** Chooses what to send now: what is new, and what has waited long enough; the pauses double. */
export function deliver(
  timing: DkgTiming,
  delivery: Delivery,
  { pending, reminders }: Unanswered,
  now: number,
): { readonly delivery: Delivery; readonly due: readonly Outgoing<DkgMessage>[] } {
  const next = new Map<string, Sending>();
  const due: Outgoing<DkgMessage>[] = [];
  for (const message of pending) {
    const key = keyOf(message);
    const known = delivery.get(key);
    const exhausted = message.type === 'dkg_abort' && known !== undefined && known.tries >= ABORT_SENDS_MAX;
    if (known !== undefined && (exhausted || known.nextAt > now)) {
      next.set(key, known);
      continue;
    }
    const tries = (known?.tries ?? 0) + 1;
    const pause = Math.min(timing.resendFirstMs * 2 ** (tries - 1), timing.resendMaxMs);
    next.set(key, { tries, nextAt: now + pause });
    due.push(message);
  }
  for (const message of reminders) {
    const key = `reminder/${keyOf(message)}`;
    const known = delivery.get(key);
    const isDue = known !== undefined && known.nextAt <= now;
    if (isDue) due.push(message);
    next.set(key, known === undefined || isDue ? { tries: 1, nextAt: now + timing.resendMaxMs } : known);
  }
  return { delivery: next, due };
}

function keyOf({ type, to, body }: Outgoing<DkgMessage>): string {
  return `${type}/${to}/${'attempt' in body ? body.attempt : ''}`;
}
