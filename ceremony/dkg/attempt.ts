// One attempt of a key ceremony as its roles see it, what is derived from its randomness, and the faults that end it.
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import type { AbortReason } from '../messages-dkg.ts';
import type { DkgContext, Fault } from './setup.ts';

/** A result, or whose fault it is that there is none. */
export type OrFault<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly fault: Fault };

/** One run of a ceremony, as its participant sees it. `random`: 32 secret bytes from the event that began it. */
export interface Attempt {
  readonly context: DkgContext;
  readonly id: string;
  readonly coordinator: number;
  readonly random: Uint8Array;
}

/** Domain tag of everything that an attempt derives. */
export const ATTEMPT_DOMAIN = '0BTC_WIRE_CEREMONY/v1';

/** The attempt id that a coordinator's randomness gives, hexadecimal. */
export function attemptIdOf(random: Uint8Array): string {
  return toHex(derive(random, 'attempt id').subarray(0, 16));
}

/** A fault; `suspects` besides the culprit where it cannot be told which of them. */
export function faultOf(
  reason: AbortReason,
  culprit: number | null,
  detail: string,
  suspects: readonly number[] = [],
): Fault {
  return { reason, culprit, detail, suspects: [...new Set(suspects)].sort((a, b) => a - b) };
}

/**
 * The fault of what a participant said and the coordinator passed on, and may have altered: who lied is known to a node
 * that coordinates itself, and where both are one. Elsewhere both are suspects.
 */
export function passedOnFault(
  { context, coordinator }: Attempt,
  reason: AbortReason,
  participant: number,
  detail: string,
): Fault {
  if (coordinator === context.setup.myIndex || coordinator === participant) return faultOf(reason, participant, detail);
  return faultOf(reason, null, detail, [participant, coordinator]);
}

/** 32 bytes of an attempt's randomness for one purpose. Secret. */
export function derive(random: Uint8Array, purpose: string): Uint8Array {
  return sha256(utf8(`${ATTEMPT_DOMAIN}/${purpose}/`), random);
}
