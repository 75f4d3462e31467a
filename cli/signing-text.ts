// How a threshold signature reads: who signed, who did not and why, how long it took.
import type { SigningReport } from '../operator/runtime/command-types.ts';
import { duration } from './format.ts';

/** Fields for `renderFields`, the same for every command that signs. */
export function signingFields(signing: SigningReport): (readonly [string, string])[] {
  const excluded = signing.excluded.map(({ index, reason }) => `${index} (${reason})`);
  return [
    ['signed by', signing.signers.length === 0 ? 'nobody again, it was signed before' : indices(signing.signers)],
    ['left out', excluded.length === 0 ? 'nobody' : excluded.join(', ')],
    ['took', duration(signing.duration_ms)],
  ];
}

/** `operators 0, 2`. */
export function indices(signers: readonly number[]): string {
  return `${signers.length === 1 ? 'operator' : 'operators'} ${signers.join(', ')}`;
}
