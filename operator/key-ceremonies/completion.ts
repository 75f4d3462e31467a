// What becomes of the keys that a ceremony made.

import type { DkgResult } from '../../ceremony/dkg/setup.ts';
import { keyIdOf } from '../../crypto/key-id.ts';
import { endCeremony, eraseCeremonyEvents } from '../../store/ceremonies.ts';
import { type Queries, transact } from '../../store/database.ts';
import { liveKey, storeKey } from '../../store/keys.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { groupKeysToJson, type Keys } from '../keys/keys.ts';
import type { Effects } from '../runtime/effects.ts';
import type { Log } from '../runtime/log.ts';
import { keepShares, keysFromResult } from './ceremony-keys.ts';
import { outcomeOf } from './ceremony-outcome.ts';

/** What completion works with. */
export interface CompletionInput {
  readonly db: Queries;
  readonly keyRing: KeyRing;
  readonly keys: Keys;
  readonly effects: Effects;
  readonly log: Log;
}

/**
 * Makes the keys live. The order is what makes a crash harmless: shares in the key file, then the key and the end of the
 * ceremony in one commit, which erases the secrets of the ceremony too. Run again, each step finds its work done.
 */
export async function completeCeremony(
  { db, keyRing, keys, effects, log }: CompletionInput,
  ceremonyId: string,
  result: DkgResult,
  coordinator: number | null,
): Promise<void> {
  const now = effects.now();
  const shares = keysFromResult(ceremonyId, result, now);
  const keyId = keyIdOf(shares.bitcoin.groupKey.publicKey, shares.attestation.groupKey.publicKey);
  const outcome = outcomeOf(keyId, result, coordinator);
  if (result.rehearsal) keys.beginRehearsal(keyId, shares, result.certificate.transcript_hash);
  else await keepShares(keyRing, keyId, shares);
  transact(db, (tx) => {
    if (!result.rehearsal) {
      const { transcript, certificate } = result;
      const groupKeys = groupKeysToJson(shares.bitcoin.groupKey, shares.attestation.groupKey);
      // Never two keys in use: one that comes second is kept, lest a share be lost, and does not sign.
      const status = liveKey(tx) === null ? 'live' : 'pending';
      if (status === 'pending') log('error', 'second_key_not_used', { ceremony: ceremonyId, key: keyId });
      storeKey(tx, { keyId, ceremonyId, groupKeys, transcript, certificate: { ...certificate } }, status, now);
    }
    endCeremony(tx, ceremonyId, result.rehearsal ? 'destroyed' : 'done', outcome, now);
    eraseCeremonyEvents(tx, ceremonyId);
  });
}
