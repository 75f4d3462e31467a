// A node's shares from what is public of a key ceremony and its host secret alone: ChillDKG's recovery data gives the
// bitcoin share, the boxes in the transcript, each sealed to its recipient, the attestation share.
import { equal, fromHex, toHex, zeroize } from '../../crypto/bytes.ts';
import { hostpubkeyGen, participantRecover, RecoveryDataError } from '../../crypto/chilldkg.ts';
import { signingShareOf } from '../../crypto/ed25519-dkg.ts';
import type { GroupKey } from '../../crypto/scheme.ts';
import { openShare } from '../../crypto/share-box.ts';
import { verifyingShareOf } from '../../crypto/verifying-share.ts';
import { attestationKeyOf } from '../ceremony-file.ts';
import type { Transcript } from '../transcript.ts';
import { bitcoinKey } from './chill.ts';
import { shareRoute } from './ed25519.ts';

/** A recovered key: signing share of 32 secret bytes. */
interface Recovered {
  readonly groupKey: GroupKey;
  readonly signingShare: Uint8Array;
}

/** The shares, each held against its verifying share, or in one sentence why there are none. */
export type RecoveryVerdict =
  | { readonly ok: true; readonly bitcoin: Recovered; readonly attestation: Recovered }
  | { readonly ok: false; readonly detail: string };

/**
 * Recovers both shares of the holder of a host secret (32 bytes). The transcript must be that of a file which
 * `verifyCeremonyFile` found right.
 */
export function recoverShares(transcript: Transcript, hostSecret: Uint8Array): RecoveryVerdict {
  const hostKey = toHex(hostpubkeyGen(hostSecret));
  const me = transcript.participants.find(({ host_public_key }) => host_public_key === hostKey);
  if (me === undefined) return { ok: false, detail: "this node's host key took no part in the ceremony" };
  const attestation = attestationShare(transcript, me.index, hostSecret);
  if ('detail' in attestation) return { ok: false, ...attestation };
  const bitcoin = bitcoinShare(transcript, hostSecret);
  if ('detail' in bitcoin) return { ok: false, ...bitcoin };
  for (const { groupKey, signingShare } of [bitcoin, attestation]) {
    const verifying = groupKey.verifyingShares[me.index] ?? new Uint8Array(0);
    if (!equal(verifyingShareOf(groupKey.scheme, signingShare), verifying)) {
      return { ok: false, detail: `the recovered ${groupKey.scheme} share is not the one that the key was made with` };
    }
  }
  return { ok: true, bitcoin, attestation };
}

function bitcoinShare(transcript: Transcript, hostSecret: Uint8Array): Recovered | { readonly detail: string } {
  try {
    const { output } = participantRecover(hostSecret, fromHex(transcript.chilldkg.recovery_data));
    const { publicKey, verifyingShares, signingShare } = output;
    if (signingShare === null) throw new Error('recovery with a host secret gives a share');
    return { groupKey: bitcoinKey(transcript.t, publicKey, verifyingShares), signingShare };
  } catch (error) {
    if (error instanceof RecoveryDataError) return { detail: `ChillDKG: ${error.message}` };
    throw error;
  }
}

function attestationShare(
  transcript: Transcript,
  recipient: number,
  hostSecret: Uint8Array,
): Recovered | { readonly detail: string } {
  const { ceremony_id: ceremonyId, attempt, participants, ed25519, t: threshold } = transcript;
  const boxes = 'boxes' in ed25519 ? ed25519.boxes[recipient] : undefined;
  if (boxes === undefined) return { detail: 'the ceremony was held by an older version, which kept no share boxes' };
  const hostKeys = participants.map(({ host_public_key }) => fromHex(host_public_key));
  const packages = ed25519.packages.map((bytes) => fromHex(bytes));
  const groupKey = attestationKeyOf(packages, threshold);
  if (groupKey === null) return { detail: 'an Ed25519 package of the transcript is malformed' };
  const shares: Uint8Array[] = [];
  try {
    for (const [dealer, dealerPackage] of packages.entries()) {
      const way = shareRoute({ ceremonyId, attempt, hostKeys, dealer, recipient, dealerPackage });
      const share = openShare(fromHex(boxes[dealer] ?? ''), hostSecret, way);
      if (share === null) return { detail: `the box of participant ${dealer} does not open` };
      shares.push(share);
    }
    const summed = signingShareOf({ threshold, recipient, packages, shares });
    if (!summed.ok) return { detail: `the box of participant ${summed.culprit} does not fit its package` };
    return { groupKey, signingShare: summed.signingShare };
  } finally {
    zeroize(...shares);
  }
}
