// From a ceremony's result to the shares that the key file keeps.

import type { DkgResult } from '../../ceremony/dkg-setup.ts';
import type { CeremonyKeys } from '../../crypto/seal.ts';

/** Both shares of a ceremony; `now` in ms since 1970. The shares are copies: the ceremony's own are erased with it. */
export function keysFromResult(ceremonyId: string, result: DkgResult, now: number): CeremonyKeys {
  const copy = ({ groupKey, signingShare }: DkgResult['bitcoin']): CeremonyKeys['bitcoin'] => ({
    groupKey,
    signingShare: Uint8Array.from(signingShare),
  });
  return { ceremonyId, createdAt: now, bitcoin: copy(result.bitcoin), attestation: copy(result.attestation) };
}
