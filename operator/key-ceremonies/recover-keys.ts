// Brings a federation's key back to a node that lost it, or missed the end of the ceremony that made it: from the
// exported ceremony, which any other operator has and which is public, and this node's own host secret.

import { type CeremonySummary, verifyCeremonyFile } from '../../ceremony/ceremony-file.ts';
import { recoverShares } from '../../ceremony/dkg/recovery.ts';
import { ceremonyFileSchema, type Transcript } from '../../ceremony/transcript.ts';
import { equal, fromHex, toHex, zeroize } from '../../crypto/bytes.ts';
import { canonicalBytes } from '../../crypto/canonical-json.ts';
import { keyIdOf } from '../../crypto/key-id.ts';
import type { CeremonyKeys } from '../../crypto/seal.ts';
import { beginCeremony, endCeremony, eraseCeremonyEvents, getCeremony } from '../../store/ceremonies.ts';
import { noteCeremonyHeight } from '../../store/ceremony-height.ts';
import { transact } from '../../store/database.ts';
import { getKey, liveKey, type StoredKey, storeKey } from '../../store/keys.ts';
import type { OperatorConfig } from '../config/config.ts';
import { groupKeysToJson } from '../keys/keys.ts';
import { keepCertificate } from '../keys/root-keeping.ts';
import { listCards, missingCards, participantsOf } from '../peers/federation.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandResults } from '../runtime/command-types.ts';
import { keepShares } from './ceremony-keys.ts';
import type { CompletionInput } from './completion.ts';

/** What recovery works with. */
export interface RecoveryInput extends CompletionInput {
  readonly config: OperatorConfig;
}

/**
 * Makes the key of an exported ceremony live at this node; where it is live already and the key file lacks its shares,
 * brings these back. Shares that are there are never replaced. Throws `CommandError` naming what does not hold.
 */
export async function recoverKeys(input: RecoveryInput, json: unknown): Promise<CommandResults['ceremony-recover']> {
  const { db, keyRing, effects } = input;
  const verdict = verifyCeremonyFile(json);
  if (!verdict.ok) throw refusal(`the file is not valid: ${verdict.problems[0]}`);
  const { transcript, certificate, height, treasury_root: root } = ceremonyFileSchema.parse(json);
  assertOurs(input, transcript, verdict.summary);
  const keyId = keyIdOf(fromHex(verdict.summary.bitcoinKey), fromHex(verdict.summary.attestationKey));
  const ceremonyId = transcript.ceremony_id;
  const live = liveKey(db);
  if (live !== null) assertLacking(input, live, keyId);
  const { keys: kept, shares } = sharesOf(input, keyId, transcript);
  if (live !== null) assertMadeBy(live, ceremonyId, kept);
  await keepShares(keyRing, keyId, kept);
  const now = effects.now();
  // Without proofs: this node's share has not signed yet as far as it knows, and the others tell it or try it.
  const file = { v: 1, transcript, certificate: { ...certificate } };
  const outcome = { key_id: keyId, coordinator: null, file, subsets: null };
  transact(db, (tx) => {
    if (height !== undefined) noteCeremonyHeight(tx, ceremonyId, height);
    if (root !== undefined) keepCertificate({ ...input, db: tx }, keyId, root);
    // Writing the key file took its time; what is live was made so with the whole of the ceremony.
    if (liveKey(tx)?.keyId === keyId) return;
    if (getCeremony(tx, ceremonyId) === null) beginCeremony(tx, { ceremonyId, kind: 'dkg', rehearsal: false }, now);
    if (getKey(tx, keyId) !== null) throw refusal(`key ${keyId} is ${getKey(tx, keyId)?.status} here`);
    const groupKeys = groupKeysToJson(kept.bitcoin.groupKey, kept.attestation.groupKey);
    const record = { keyId, ceremonyId, groupKeys, transcript, certificate: { ...certificate } };
    if (!storeKey(tx, record, 'live', now).ok) throw keyExists(`another key, ${liveKey(tx)?.keyId}, is live here`);
    endCeremony(tx, ceremonyId, 'done', outcome, now);
    eraseCeremonyEvents(tx, ceremonyId);
  });
  const { bitcoinKey: bitcoin_public_key, attestationKey: attestation_public_key } = verdict.summary;
  const { transcript_hash } = certificate;
  return {
    ceremony_id: ceremonyId,
    key_id: keyId,
    bitcoin_public_key,
    attestation_public_key,
    transcript_hash,
    shares,
  };
}

// A live key is recovered only where an older key file was put back, which knows nothing of it.
function assertLacking({ keyRing, keys }: RecoveryInput, live: StoredKey, keyId: string): void {
  if (live.keyId !== keyId) throw keyExists(`another key, ${live.keyId}, is live here`);
  if (keyRing.keysOf(keyId) === null) return;
  if (keys.sharesFit(keyId) === true) throw keyExists('this key is live here already');
  throw refusal('the key file holds shares of the live key that do not fit it: put it back from its backup');
}

// The recovered shares fit the verifying shares that came with them (`recoverShares`): these must be the live key's.
function assertMadeBy(live: StoredKey, ceremonyId: string, { bitcoin, attestation }: CeremonyKeys): void {
  const groupKeys = canonicalBytes(groupKeysToJson(bitcoin.groupKey, attestation.groupKey));
  if (live.ceremonyId === ceremonyId && equal(groupKeys, canonicalBytes(live.groupKeys))) return;
  zeroize(bitcoin.signingShare, attestation.signingShare);
  throw refusal(`the live key was made by ceremony ${live.ceremonyId} in another way than this file says`);
}

// The file vouches for itself only; that it is of this federation, the operator cards say.
function assertOurs(
  { config, db, keyRing }: RecoveryInput,
  transcript: Transcript,
  { rehearsal }: CeremonySummary,
): void {
  if (rehearsal) throw refusal('a rehearsal has no keys to recover');
  const { network, n, t } = transcript;
  if (network !== config.network || n !== config.parties || t !== config.threshold) {
    throw refusal(`the ceremony was held by ${t} of ${n} on ${network}, which is not this federation`);
  }
  const cards = listCards(db);
  const missing = missingCards(config, cards);
  if (missing.length > 0)
    throw new CommandError('cards_missing', `the card of operator ${missing.join(', ')} is missing`);
  for (const { index, name, identityKey, hostPublicKey } of participantsOf(cards)) {
    const then = transcript.participants[index];
    if (then?.identity_key === toHex(identityKey) && then.host_public_key === toHex(hostPublicKey)) continue;
    throw refusal(`${name} (operator ${index}) took part with other keys than its card has`);
  }
  const me = transcript.participants[config.myIndex];
  if (me?.identity_key === toHex(keyRing.identity().publicKey) && me.host_public_key === toHex(keyRing.hostPublicKey()))
    return;
  throw refusal("this node's key file is not the one that took part in the ceremony");
}

function sharesOf(
  { keyRing, effects }: RecoveryInput,
  keyId: string,
  transcript: Transcript,
): { readonly keys: CeremonyKeys; readonly shares: 'kept' | 'recovered' } {
  const kept = keyRing.keysOf(keyId);
  if (kept !== null) return { keys: kept, shares: 'kept' };
  const recovered = recoverShares(transcript, keyRing.hostSecret());
  if (!recovered.ok) throw refusal(recovered.detail);
  const { bitcoin, attestation } = recovered;
  const keys = { ceremonyId: transcript.ceremony_id, createdAt: effects.now(), bitcoin, attestation };
  return { keys, shares: 'recovered' };
}

function keyExists(detail: string): CommandError {
  return new CommandError('key_exists', detail);
}

function refusal(detail: string): CommandError {
  return new CommandError('not_recovered', detail);
}
