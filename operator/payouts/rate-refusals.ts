// What signers said who refuse the fee of a step, as the operator reads it who ordered that step.
import { z } from 'zod';
import { satVb } from '../../chain/fee.ts';
import type { BuiltLine } from '../../chain/line.ts';
import { ratesText } from '../../chain/line-fee.ts';
import { CommandError } from '../runtime/command-error.ts';

/** A refusal of a signer. */
export interface SignerRefusal {
  readonly index: number;
  readonly reason: string;
  readonly detail: string;
  readonly data?: unknown;
}

const sats = z.string().regex(/^-?[0-9]{1,16}$/);
const ratesData = z.object({ fee_rate_min: sats, fee_rate_max: sats });
const REASONS = new Set(['fee_too_high', 'fee_rate_too_low']);

/** Refusals by the index of who refused. */
export function inOrder(refusals: readonly SignerRefusal[]): readonly SignerRefusal[] {
  return refusals.toSorted((a, b) => a.index - b.index);
}

/**
 * The error of a step that too few signers sign because of its fee, with the rates that each of them signs; null where so
 * few refuse the fee that it is not the reason. `missing`: how many more signers a signature takes. `parent`: fee and size of
 * the step that it follows, where that is not mined.
 */
export function ratesRefused(
  refusals: readonly SignerRefusal[],
  missing: number,
  { intent, vsize }: Pick<BuiltLine, 'intent' | 'vsize'>,
  parent: { readonly fee: bigint; readonly vsize: number } | null,
): CommandError | null {
  const rated = refusals.filter(({ reason }) => REASONS.has(reason));
  const [first] = rated;
  if (first === undefined || rated.length < missing) return null;
  // They come in the order in which signers answered.
  const told = inOrder(refusals).map(({ index, reason, detail, data }) => {
    const rates = REASONS.has(reason) ? ratesData.safeParse(data) : null;
    const why = rates?.success === true ? ratesText(rates.data, { vsize, parent }) : `refuses: ${reason} (${detail})`;
    return `operator ${index} ${why}`;
  });
  const rate = ((intent.fee + (parent?.fee ?? 0n)) * 1000n) / BigInt(vsize + (parent?.vsize ?? 0));
  return new CommandError(first.reason, `the federation did not sign at ${satVb(rate)} sat/vB: ${told.join('; ')}`);
}
