// What the bridge's services work with together: the parts of a running node behind one name, and what they share.

import type { SigningResult } from '../../ceremony/signing/candidates.ts';
import type { WireLedger } from '../../chain/wire-ledger.ts';
import type { ChainContext } from '../chain-state/chain-context.ts';
import type { FederationKey, Keys } from '../keys/keys.ts';
import type { OutMessage } from '../peers/peer-reply.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { SigningReport } from '../runtime/command-types.ts';
import type { Signing } from '../signing/signing.ts';
import type { Validation } from '../validation/validation.ts';

/** A node that can sign. */
export interface Bridge extends ChainContext {
  readonly keys: Keys;
  readonly wire: WireLedger | null;
  readonly validation: Validation;
  readonly signing: Signing;
  /** Tells all peers, in the background; a hint that each checks by itself. */
  readonly announce: (message: OutMessage) => void;
}

/** The key in use; throws `CommandError` where there is none yet. */
export function requireLiveKey(keys: Keys): FederationKey {
  const key = keys.live();
  if (key !== null) return key;
  throw new CommandError(
    'no_key',
    'the federation has no key yet: run `mpc_operator dkg --ceremony-id ID` with all operators',
  );
}

/** Who took part, who did not and why; `begun` and `now` in ms by one clock. */
export function signingReport(result: SigningResult, begun: number, now: number): SigningReport {
  return {
    signers: result.kind === 'signed' ? result.signers : [],
    excluded: result.exclusions.map(({ index, reason, detail }) => ({ index, reason: `${reason}: ${detail}` })),
    duration_ms: Math.round(now - begun),
  };
}

/** The sentence for a signature that did not come about. */
export function notSigned(result: Extract<SigningResult, { kind: 'failed' }>): CommandError {
  const reasons = result.exclusions.map(({ index, reason, detail }) => `operator ${index}: ${reason} (${detail})`);
  const told = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  return new CommandError('not_signed', `the federation did not sign, because ${result.detail}${told}`);
}
