// What an honest signer signs of the treasury line as far as the line itself decides it: the ancestors, the burns that they
// pay, the sums (the design's one rule, 1 to 4). Burns on Wire, deposits, fees and the chain are validated elsewhere. Pure: the
// history is asked for, and says what this node holds.
//
// Why it holds. A txid commits to its parents, so nobody can lie about ancestry. Of two transactions on one chain that pay
// one burn, the later was signed by somebody who held the bytes of the earlier one: if its list was known, the burn stood in
// it; if not, its output was seen. So one burn is paid at most once on every chain, whatever a signer has forgotten.
import { equal } from '../crypto/bytes.ts';
import type { BurnTermsRefusal } from './burn.ts';
import { burnOutput, type Refused } from './burn.ts';
import { outputName, type ScriptOutput } from './custody-spend.ts';
import {
  type BuiltLine,
  buildLine,
  type LineRoot,
  type LineTerms,
  type ListedBurn,
  rootSurplus,
  surplusAfter,
  treasuryScript,
} from './line.ts';
import type { LineIntent } from './line-intent.ts';
import { addressScript } from './network.ts';
import { type Outpoint, outpointName, type Valued } from './outpoint.ts';

/** A treasury output that a step may spend: the root (`txid` of its funding) or output 0 of a step. */
export interface LinePlace extends Valued {
  /** 0 for the root; the number of steps from it. */
  readonly depth: number;
  readonly surplus: bigint;
}

/** An ancestor whose list of burns is not known. */
export interface UnlistedStep {
  readonly txid: string;
  readonly outputs: readonly ScriptOutput[];
}

/** Every step that this node holds; each has its parent, back to the root. */
export interface LineHistory {
  readonly root: LineRoot;
  /** The treasury output at this outpoint, or null where no step that is held makes it. */
  place(outpoint: Outpoint): LinePlace | null;
  /** The steps from this place back to the root (its own step among them) that list one of these burns by txid or nullifier. */
  payersOf(
    place: LinePlace,
    burns: readonly ListedBurn[],
  ): readonly { readonly txid: string; readonly burnTxid: string }[];
  /** The steps from this place back to the root whose list is not known. */
  unlisted(place: LinePlace): readonly UnlistedStep[];
  /** The steps from this place back to the root that spend one of these outpoints. */
  spendersOf(
    place: LinePlace,
    outpoints: readonly Outpoint[],
  ): readonly { readonly txid: string; readonly spent: Outpoint }[];
}

/** Why the line itself forbids a step. `data`: what would be right, or which burn or outpoint it is about. */
export type LineRefusal = Refused<
  | BurnTermsRefusal
  | 'bad_request'
  | 'not_standard'
  | 'treasury_too_low'
  | 'parent_unknown'
  | 'burn_already_paid'
  | 'burn_may_be_paid'
  | 'burn_pays_treasury'
  | 'input_spent'
  | 'surplus_wrong'
> & { readonly data?: { readonly [key: string]: string | number } };

/** A step that the line allows: its transaction, and the place that it spends. */
export type LineRuling = { readonly ok: true; readonly built: BuiltLine; readonly parent: LinePlace } | LineRefusal;

/** Holds a step against the line. `treasuryKeys`: the group keys of the line, whose treasury scripts no burn may name. */
export function ruleLine(
  history: LineHistory,
  terms: Omit<LineTerms, 'root'>,
  intent: LineIntent,
  treasuryKeys: readonly Uint8Array[] = [terms.groupKey],
): LineRuling {
  const { root } = history;
  const formed = buildLine({ ...terms, root }, intent);
  if (!formed.ok) return formed;
  const { built } = formed;
  const parent = history.place(intent.treasury);
  if (parent === null) {
    return refuse('parent_unknown', `this node does not have the step that makes ${outpointName(intent.treasury)}`, {
      txid: intent.treasury.txid,
    });
  }
  if (parent.amount !== intent.treasury.amount) {
    return refuse('bad_request', `the treasury output holds ${parent.amount} sats, not ${intent.treasury.amount}`);
  }
  const surplus = surplusAfter(parent.surplus, intent);
  if (surplus < 0n || surplus !== intent.surplus) {
    return refuse('surplus_wrong', `the surplus after this step is ${surplus} sats, not ${intent.surplus}`);
  }
  return (
    refuseScripts(terms, intent, treasuryKeys) ??
    refusePaid(history, terms, intent, parent) ??
    refuseSpent(history, intent, parent) ?? { ok: true, built, parent }
  );
}

function refuseScripts(
  { network }: Pick<LineTerms, 'network'>,
  { burns, destination }: LineIntent,
  keys: readonly Uint8Array[],
): LineRefusal | null {
  const own = keys.map(treasuryScript);
  for (const { burnTxid, address } of burns) {
    const named = addressScript(address, network);
    if (named.ok && own.some((script) => equal(script, named.script))) {
      return refuse('burn_pays_treasury', `burn ${burnTxid} asks for a payout to the treasury itself`, {
        burn_txid: burnTxid,
      });
    }
  }
  const isOwn = destination !== null && own.some((script) => equal(script, destination.script));
  return isOwn ? refuse('bad_request', 'a consolidation pays the treasury itself') : null;
}

function refusePaid(
  history: LineHistory,
  terms: Omit<LineTerms, 'root'>,
  { burns }: LineIntent,
  parent: LinePlace,
): LineRefusal | null {
  const [payer] = history.payersOf(parent, burns);
  if (payer !== undefined) {
    const data = { burn_txid: payer.burnTxid, txid: payer.txid };
    return refuse('burn_already_paid', `burn ${payer.burnTxid} is paid by ${payer.txid}, an ancestor`, data);
  }
  const unlisted = history.unlisted(parent);
  if (unlisted.length === 0) return null;
  const payments = new Map(
    unlisted.flatMap(({ txid, outputs }) => outputs.map((output) => [outputName(output), txid])),
  );
  for (const burn of burns) {
    const verdict = burnOutput(terms, burn);
    const txid = verdict.ok ? payments.get(outputName(verdict.output)) : undefined;
    if (txid === undefined) continue;
    const data = { burn_txid: burn.burnTxid, txid };
    const detail = `burn ${burn.burnTxid} may be paid by ${txid}, whose list of burns is not known here`;
    return refuse('burn_may_be_paid', detail, data);
  }
  return null;
}

function refuseSpent(history: LineHistory, { swept }: LineIntent, parent: LinePlace): LineRefusal | null {
  if (swept.length === 0) return null;
  const [spender] = history.spendersOf(parent, swept);
  if (spender === undefined) return null;
  const { txid, vout } = spender.spent;
  const data = { txid, vout, spent_by: spender.txid };
  return refuse('input_spent', `${txid}:${vout} is spent by ${spender.txid}, an ancestor`, data);
}

/** The surplus and amount of the root as a place of the line. */
export function rootPlace(root: LineRoot): LinePlace {
  return { txid: root.txid, vout: root.vout, amount: root.amount, depth: 0, surplus: rootSurplus(root) };
}

function refuse<Reason extends LineRefusal['reason']>(
  reason: Reason,
  detail: string,
  data?: { readonly [key: string]: string | number },
): LineRefusal {
  return { ok: false, reason, detail, ...(data === undefined ? {} : { data }) };
}
