// Where a step may stand (the design's rule 7): this node's own view is current, and the treasury output that is spent is the
// tip of the mined line, or output 0 of the one step that waits on it.

import type { BuiltLine } from '../../chain/line.ts';
import type { LinePlace } from '../../chain/line-rule.ts';
import { compareOutpoints, type Outpoint, outpointName } from '../../chain/outpoint.ts';
import type { LineLook, LineSight, PlacedStep, SignerViews, WaitingStep } from './line-views.ts';
import { type Refusal, refuse } from './verdict.ts';

/** Finds the place of a step that the line allows, or says why it may not stand there. */
export async function placeStep(
  views: SignerViews,
  { built, parent }: { readonly built: BuiltLine; readonly parent: LinePlace },
): Promise<{ readonly ok: true; readonly step: PlacedStep } | Refusal> {
  const look = await views.look();
  if (!look.ok) return refuseBlind(look);
  const place = placeIn(look.line, parent);
  if (place === null) return refuseElsewhere(look.line, parent);
  const { intent } = built;
  // No transaction can replace anything with an input that cannot exist.
  const sibling = intent.test ? null : place.sibling;
  const relay = await views.bitcoin.relayFloor();
  const waited = sibling === null ? 0 : (await views.bitcoin.agreedTip()).height - sibling.entry.height;
  const { unmined } = place;
  return { ok: true, step: { intent, built, parent, sight: look.line, unmined, sibling, waited, relay } };
}

function placeIn(
  { tip, waiting, child }: LineSight,
  spent: Outpoint,
): { readonly unmined: WaitingStep | null; readonly sibling: WaitingStep | null } | null {
  if (compareOutpoints(tip, spent) === 0) return { unmined: null, sibling: waiting };
  if (waiting !== null && compareOutpoints(nextOf(waiting), spent) === 0) return { unmined: waiting, sibling: child };
  return null;
}

function nextOf({ step }: WaitingStep): Outpoint {
  return { txid: step.txid, vout: 0 };
}

function refuseElsewhere({ tip, waiting }: LineSight, spent: Outpoint): Refusal {
  const after = waiting === null ? 'nothing waits on it' : `${waiting.step.txid} waits on it`;
  const detail = `${outpointName(spent)} is not where the line ends: its tip is ${outpointName(tip)}, and ${after}`;
  const data = { tip: outpointName(tip), waiting: waiting === null ? null : outpointName(nextOf(waiting)) };
  return { ok: false, reason: 'not_tip', detail, data };
}

function refuseBlind({ reason, detail }: Extract<LineLook, { ok: false }>): Refusal {
  // Somebody else spends what only the federation can: nothing more is built upon that before people have looked.
  return refuse(reason === 'foreign_spend' ? 'policy' : reason, detail);
}
