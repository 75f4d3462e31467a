// Recovery data of ChillDKG: public, the same for all, and with a host secret key enough to get everything back; and
// the optional acknowledgments by which all participants confirm that they hold it.

import { bytesToHex } from '@noble/curves/utils.js';
import {
  addSecrets,
  POINT_BYTES,
  requireLength,
  SCALAR_BYTES,
  SIGNATURE_BYTES,
  scalarToBytes,
  ValueError,
} from '../secp256k1.ts';
import { firstInvalidSignature, hostSign, hostVerify } from './certeq.ts';
import { FieldReader } from './encoding.ts';
import { encryptionContext, padsFrom, withoutPads } from './encryption.ts';
import { InvalidRecoveryAckError, RecoveryDataError, SessionParamsError } from './errors.ts';
import { hostpubkeyGen, paramsValidate, participantIdOf, type SessionParams } from './params.ts';
import {
  commitToUnspendable,
  type DkgOutput,
  dkgOutput,
  InfiniteShareError,
  shareMatches,
  type VssCommitment,
  verifyingShareFor,
} from './vss.ts';

const THRESHOLD_BYTES = 4;
/** Host public key, public nonce, encrypted share, signature. */
const PARTICIPANT_BYTES = POINT_BYTES + POINT_BYTES + SCALAR_BYTES + SIGNATURE_BYTES;

interface RecoveryFields {
  readonly params: SessionParams;
  readonly commitment: VssCommitment;
  readonly publicNonces: readonly Uint8Array[];
  readonly encryptedShares: readonly bigint[];
  readonly certificate: Uint8Array;
}

function readFields(recoveryData: Uint8Array): RecoveryFields {
  const reader = new FieldReader(recoveryData);
  const prefix = reader.bytes(THRESHOLD_BYTES);
  const threshold = new DataView(prefix.buffer, prefix.byteOffset).getUint32(0);
  if (reader.left < POINT_BYTES * threshold) throw new ValueError('The recovery data is too short.');
  const commitment = reader.points(threshold, 'invalid commitment');
  const count = reader.left / PARTICIPANT_BYTES;
  if (!Number.isInteger(count)) throw new ValueError('The recovery data has a wrong length.');
  const hostpubkeys = reader.items(count, POINT_BYTES);
  const publicNonces = reader.items(count, POINT_BYTES);
  const encryptedShares = reader.scalars(count, 'invalid encrypted secret share');
  const certificate = reader.bytes(reader.left);
  return { params: { hostpubkeys, threshold }, commitment, publicNonces, encryptedShares, certificate };
}

function deserialize(recoveryData: Uint8Array): RecoveryFields {
  try {
    return readFields(recoveryData);
  } catch (error) {
    if (error instanceof ValueError) throw new RecoveryDataError('Failed to deserialize recovery data');
    throw error;
  }
}

function certified(recoveryData: Uint8Array): RecoveryFields {
  const fields = deserialize(recoveryData);
  const { params, commitment, certificate } = fields;
  try {
    paramsValidate(params);
  } catch (error) {
    if (error instanceof SessionParamsError) {
      throw new RecoveryDataError('Invalid session parameters in recovery data');
    }
    throw error;
  }
  const equalityInput = recoveryData.subarray(0, recoveryData.length - certificate.length);
  if (firstInvalidSignature(params.hostpubkeys, equalityInput, certificate) !== null) {
    throw new RecoveryDataError('Invalid certificate in recovery data');
  }
  if (commitment[0]?.is0()) throw new RecoveryDataError('Invalid commitment in recovery data');
  return fields;
}

function recover(
  hostseckey: Uint8Array | null,
  recoveryData: Uint8Array,
): { readonly output: DkgOutput; readonly params: SessionParams } {
  try {
    return recovered(hostseckey, certified(recoveryData));
  } catch (error) {
    if (error instanceof InfiniteShareError) throw new RecoveryDataError('Invalid commitment in recovery data');
    throw error;
  }
}

function recovered(
  hostseckey: Uint8Array | null,
  { params, commitment, publicNonces, encryptedShares }: RecoveryFields,
): { readonly output: DkgOutput; readonly params: SessionParams } {
  const { hostpubkeys, threshold } = params;
  const { commitment: tweaked, tweak } = commitToUnspendable(commitment);
  if (hostseckey === null) return { output: dkgOutput(tweaked, hostpubkeys.length, null), params };
  const complaint = 'Host secret key does not match any host public key in the recovery data';
  const participantId = participantIdOf(hostseckey, hostpubkeys, complaint);
  const own = { participantId, decryptionKey: hostseckey };
  const pads = padsFrom(own, hostpubkeys, publicNonces, encryptionContext(threshold, hostpubkeys));
  const untweaked = withoutPads(encryptedShares[participantId] ?? 0n, pads);
  const share = addSecrets(untweaked, scalarToBytes(tweak));
  for (const secret of [untweaked, ...pads]) secret.fill(0);
  // This participant's own signature is in the certificate, and it checked the share before it signed.
  if (!shareMatches(share, verifyingShareFor(tweaked, participantId))) {
    throw new RecoveryDataError('The recovered share does not match the recovery data');
  }
  return { output: dkgOutput(tweaked, hostpubkeys.length, share), params };
}

/**
 * A participant's output and the session's parameters from its host secret key (32 bytes) and the recovery data: to
 * restore a backup, or to be convinced of a session whose last message never arrived.
 * Throws a RecoveryDataError, a ValueError on a wrong key length, and a HostSeckeyError if the key is invalid or not of
 * this session.
 */
export function participantRecover(
  hostseckey: Uint8Array,
  recoveryData: Uint8Array,
): { readonly output: DkgOutput; readonly params: SessionParams } {
  return recover(hostseckey, recoveryData);
}

/** The public part of the output and the session's parameters. Throws a RecoveryDataError. */
export function coordinatorRecover(recoveryData: Uint8Array): {
  readonly output: DkgOutput;
  readonly params: SessionParams;
} {
  return recover(null, recoveryData);
}

/** Throws a RecoveryDataError unless the recovery data is of a session with these parameters. */
function requireParams(recoveryData: Uint8Array, params: SessionParams): void {
  const found = deserialize(recoveryData).params;
  const listed = (keys: readonly Uint8Array[]): string => keys.map(bytesToHex).join();
  if (found.threshold !== params.threshold || listed(found.hostpubkeys) !== listed(params.hostpubkeys)) {
    throw new RecoveryDataError('Recovery data does not match the provided session parameters');
  }
}

/**
 * This participant's 64-byte acknowledgment that it holds the recovery data. `auxRand` is 32 bytes.
 * Throws a ValueError on wrong lengths, a HostSeckeyError, a SessionParamsError or a RecoveryDataError.
 */
export function participantRecoveryAckSign(
  hostseckey: Uint8Array,
  recoveryData: Uint8Array,
  params: SessionParams,
  auxRand: Uint8Array,
): Uint8Array {
  hostpubkeyGen(hostseckey);
  paramsValidate(params);
  const complaint = 'Host secret key does not match any host public key';
  const participantId = participantIdOf(hostseckey, params.hostpubkeys, complaint);
  requireLength(auxRand, SCALAR_BYTES, 'The auxiliary randomness');
  requireParams(recoveryData, params);
  return hostSign('recovery acknowledgment', hostseckey, participantId, recoveryData, auxRand);
}

/**
 * Checks the acknowledgments of all participants (64 bytes each, in index order); do so before anything is paid to the
 * key. Throws a SessionParamsError, a ValueError on a wrong number or length, a RecoveryDataError, or an
 * InvalidRecoveryAckError that names the first participant whose acknowledgment is invalid.
 */
export function participantRecoveryAcksVerify(
  recoveryData: Uint8Array,
  params: SessionParams,
  acknowledgments: readonly Uint8Array[],
): void {
  paramsValidate(params);
  const { hostpubkeys } = params;
  if (acknowledgments.length !== hostpubkeys.length) {
    throw new ValueError('There must be one acknowledgment per participant.');
  }
  requireParams(recoveryData, params);
  for (const [i, hostpubkey] of hostpubkeys.entries()) {
    const acknowledgment = acknowledgments[i] ?? new Uint8Array(0);
    requireLength(acknowledgment, SIGNATURE_BYTES, `The acknowledgment of participant ${i}`);
    if (!hostVerify('recovery acknowledgment', hostpubkey, i, recoveryData, acknowledgment)) {
      throw new InvalidRecoveryAckError(i, 'Participant has provided an invalid recovery acknowledgment');
    }
  }
}
