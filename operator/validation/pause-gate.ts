// Whether this node is paused: then it gives no share of either key, whatever for, and begins no key ceremony. It goes on
// following the chain, Wire and its peers, so that nothing is lost.
import type { Queries } from '../../store/database.ts';
import { openPauses, type Pause } from '../../store/pauses.ts';
import { printable } from '../runtime/shown-text.ts';

/** Why this node signs nothing now, a sentence for operators and peers; null where it is not paused. */
export function pauseStops(db: Queries): string | null {
  const [first] = openPauses(db);
  return first === undefined ? null : `the node is paused ${pauseText(first)}`;
}

/** Since when, by whom and why; follows "paused" in a sentence. A reason that came from outside cannot turn a line around. */
export function pauseText({ at, scope, askedBy, reason }: Pause): string {
  const who = scope === 'node' ? 'its own operator' : `operator ${askedBy}, for the federation`;
  return `since ${new Date(at).toISOString()} by ${who}: ${printable(reason)}`;
}
