// Validates a request to sign a step of the treasury line. What the line itself decides (ancestors, burns that they pay, sums)
// is chain/line-rule.ts; here it is joined by everything that only this node's own views can tell (the design's rules 3 and
// 5 to 8). What costs nothing to tell comes first, then what own Bitcoin nodes are asked, then Wire.

import type { LineStepIntent } from '../../ceremony/intent.ts';
import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import type { BuiltLine } from '../../chain/line.ts';
import { type LineIntent, readLine } from '../../chain/line-intent.ts';
import { type LineHistory, type LinePlace, ruleLine } from '../../chain/line-rule.ts';
import { scriptAddress } from '../../chain/network.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { type WireBurn, WireLedgerError } from '../../chain/wire-ledger.ts';
import { equal, toHex } from '../../crypto/bytes.ts';
import { verifyBurns, wireOnce } from './line-burns.ts';
import { recordDecision } from './line-decision.ts';
import { refuseFee, refuseUnrelayed } from './line-fees.ts';
import { placeStep } from './line-place.ts';
import { refuseBesideSibling } from './line-siblings.ts';
import { refuseSwept } from './line-sweeps.ts';
import type { PlacedStep, SignerViews } from './line-views.ts';
import { nothingToDecide, type Refusal, refuse, type Verdict } from './verdict.ts';

/** A step that the line allows. */
interface RuledStep {
  readonly built: BuiltLine;
  readonly parent: LinePlace;
  readonly history: LineHistory;
}

/**
 * Validates a step. `peer`: who asks, by index; absent where this node does. A test step is validated like any other, but that it
 * can neither replace what waits nor be relayed, so that neither is asked; it is never recorded. Without a root there is no
 * line, and so no test either.
 */
export async function validateLine(views: SignerViews, json: LineStepIntent, peer?: number): Promise<Verdict> {
  const intent = readLine(json);
  const ruled = ruleStep(views, intent);
  if (!ruled.ok) return ruled;
  const unwanted = refuseUnwanted(views, intent);
  if (unwanted !== null) return unwanted;
  try {
    const placed = await placeStep(views, ruled.step);
    if (!placed.ok) return placed;
    const seen = await refuseSeen(views, ruled.step.history, placed.step);
    if (!seen.ok) return seen;
    const { built } = ruled.step;
    return {
      ok: true,
      messages: built.messages.map(({ message, tweaks }) => ({ message, tweaks })),
      decide: intent.test
        ? nothingToDecide
        : (signed) =>
            recordDecision(views, placed.step, seen.burns, { peer: peer ?? null, signed: signed === 'signed' }),
    };
  } catch (error) {
    if (error instanceof BitcoinViewError || error instanceof WireLedgerError)
      return refuse(error.reason, error.message);
    throw error;
  }
}

// Rules 1, 2 and 4.
function ruleStep(views: SignerViews, intent: LineIntent): { readonly ok: true; readonly step: RuledStep } | Refusal {
  const { root, terms, bitcoin } = views;
  if (bitcoin.network !== terms.network) {
    return refuse('wrong_network', `the view is of ${bitcoin.network}, not ${terms.network}`);
  }
  if (root === null) return refuse('no_root', 'this node holds no root of the treasury line: run `treasury open`');
  const history = views.history(root);
  const ruling = ruleLine(history, terms, intent);
  if (ruling.ok) return { ok: true, step: { built: ruling.built, parent: ruling.parent, history } };
  const { reason, detail, data } = ruling;
  return data === undefined ? refuse(reason, detail) : { ok: false, reason, detail, data };
}

// What the operator has a say in.
function refuseUnwanted(
  { isApproved, rules, terms }: SignerViews,
  { step, test, treasury, destination, surplus }: LineIntent,
): Refusal | null {
  const { txid, vout } = treasury;
  if (step === 'void' && !isApproved({ kind: 'void', treasury: { txid, vout } })) {
    const detail = `this operator has not approved a void step that spends ${outpointName(treasury)}`;
    return { ok: false, reason: 'approval_needed', detail, data: { kind: 'void', txid, vout } };
  }
  if (destination === null) return null;
  const { script } = destination;
  if (!rules.consolidateScripts.some((listed) => equal(listed, script))) {
    const address = scriptAddress(script, terms.network) ?? toHex(script);
    const detail = `the configuration of this operator does not list ${address} under policy.consolidate_addresses`;
    return { ok: false, reason: 'policy', detail, data: { script: toHex(script) } };
  }
  // A test moves nothing.
  if (test || surplus >= rules.feeReserve) return null;
  const detail = `it leaves a surplus of ${surplus} sats, and this operator keeps ${rules.feeReserve} (policy.fee_reserve_sats)`;
  return { ok: false, reason: 'policy', detail, data: { fee_reserve: `${rules.feeReserve}` } };
}

// Rules 3, 5, 6 and 8.
async function refuseSeen(
  views: SignerViews,
  history: LineHistory,
  step: PlacedStep,
): Promise<{ readonly ok: true; readonly burns: readonly WireBurn[] } | Refusal> {
  const wire = views.wire === null ? null : wireOnce(views.wire);
  const refusal =
    (await refuseBesideSibling(views, wire, step)) ?? (await refuseSwept(views, wire, history, step)) ?? null;
  if (refusal !== null) return refusal;
  const verified = wire === null ? withoutWire(step) : await verifyBurns(views, wire, step);
  if (!verified.ok) return verified;
  return (await refuseFee(views, wire, step)) ?? (await refuseUnrelayed(views, step)) ?? verified;
}

function withoutWire({ intent }: PlacedStep): { readonly ok: true; readonly burns: readonly WireBurn[] } | Refusal {
  if (intent.burns.length === 0) return { ok: true, burns: [] };
  return refuse('wire_unavailable', 'no wire_nodes are configured, so no burn can be verified');
}
