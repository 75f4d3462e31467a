// From a ceremony's result to the shares that the key file keeps.

import type { DkgResult } from '../../ceremony/dkg/setup.ts';
import { zeroize } from '../../crypto/bytes.ts';
import type { CeremonyKeys } from '../../crypto/seal.ts';
import type { KeyRing } from '../keys/key-ring.ts';

/** Both shares of a ceremony; `now` in ms since 1970. The shares are copies: the ceremony's own are erased with it. */
export function keysFromResult(ceremonyId: string, result: DkgResult, now: number): CeremonyKeys {
  const copy = ({ groupKey, signingShare }: DkgResult['bitcoin']): CeremonyKeys['bitcoin'] => ({
    groupKey,
    signingShare: Uint8Array.from(signingShare),
  });
  return { ceremonyId, createdAt: now, bitcoin: copy(result.bitcoin), attestation: copy(result.attestation) };
}

/** Adds shares to the key file. Copies that it does not take over are erased: it cannot be written, or has them already. */
export async function keepShares(keyRing: KeyRing, keyId: string, shares: CeremonyKeys): Promise<void> {
  try {
    await keyRing.add(shares);
  } finally {
    const isKept = !keyRing.sealed && keyRing.keysOf(keyId) === shares;
    if (!isKept) zeroize(shares.bitcoin.signingShare, shares.attestation.signingShare);
  }
}
