// What validation says of a signing request: the messages that this node derived from its meaning and the decision that has
// to be durable before a share leaves, or a named refusal.

import type { RefusalReason } from '../../ceremony/refusals.ts';
import type { DerivedMessage } from '../../ceremony/signing/participant.ts';
import type { Json } from '../../crypto/canonical-json.ts';

/** A refusal, as it goes to the coordinator. `detail`: one sentence for operators; `data`: what would be right. */
export interface Refusal {
  readonly ok: false;
  readonly reason: RefusalReason;
  readonly detail: string;
  readonly data?: Json;
}

/** A request that may be signed once `decide` has said yes. */
export interface Approval {
  readonly ok: true;
  /** In the order of the intent's items or inputs. */
  readonly messages: readonly DerivedMessage[];
  /**
   * Writes the decision down in one durable commit. Called once, after all checks and before any share is computed.
   * `signed`: the group has signed it already, so that only what contradicts an earlier decision speaks against it.
   */
  readonly decide: (signed?: 'signed') => { readonly ok: true } | Refusal;
}

export type Verdict = Approval | Refusal;

/** A refusal without data. */
export function refuse(reason: RefusalReason, detail: string): Refusal {
  return { ok: false, reason, detail };
}

/** For requests that bind the node to nothing. */
export const nothingToDecide: Approval['decide'] = () => ({ ok: true });
