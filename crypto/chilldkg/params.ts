// Host keys and session parameters of ChillDKG.

import { bytesToHex } from '@noble/curves/utils.js';
import {
  isNonzeroScalar,
  multiplySecret,
  parsePoint,
  pointToBytes,
  requireLength,
  SCALAR_BYTES,
  uintToBytes,
} from '../secp256k1.ts';
import { dkgHash } from './encoding.ts';
import { DuplicateHostPubkeyError, HostSeckeyError, InvalidHostPubkeyError, ThresholdOrCountError } from './errors.ts';

const PARTICIPANTS_MAX = 2 ** 32 - 1;

/** What all participants and the coordinator of a session agree on beforehand. */
export interface SessionParams {
  /** Host public keys (33 bytes each) in index order. Their authenticity is the caller's to ensure. */
  readonly hostpubkeys: readonly Uint8Array[];
  /** t: how many participants must sign. */
  readonly threshold: number;
}

/**
 * The host public key (33 bytes) of a host secret key (32 bytes). The secret key is long-lived: with it and a session's
 * recovery data everything can be recovered. Throws a ValueError on a wrong length, a HostSeckeyError if out of range.
 */
export function hostpubkeyGen(hostseckey: Uint8Array): Uint8Array {
  requireLength(hostseckey, SCALAR_BYTES, 'The host secret key');
  if (!isNonzeroScalar(hostseckey)) throw new HostSeckeyError('The host secret key is out of range');
  return pointToBytes(multiplySecret(hostseckey));
}

/** Throws a ThresholdOrCountError, an InvalidHostPubkeyError or a DuplicateHostPubkeyError. */
export function paramsValidate({ hostpubkeys, threshold }: SessionParams): void {
  const count = hostpubkeys.length;
  if (!(Number.isSafeInteger(threshold) && threshold >= 1 && threshold <= count && count <= PARTICIPANTS_MAX)) {
    throw new ThresholdOrCountError('1 <= t <= n <= 2^32 - 1 does not hold');
  }
  for (const [i, hostpubkey] of hostpubkeys.entries()) {
    if (!parsePoint(hostpubkey)) throw new InvalidHostPubkeyError(i);
  }
  const owners = new Map<string, number>();
  for (const [i, hostpubkey] of hostpubkeys.entries()) {
    const name = bytesToHex(hostpubkey);
    const owner = owners.get(name);
    if (owner !== undefined) throw new DuplicateHostPubkeyError(owner, i);
    owners.set(name, i);
  }
}

/**
 * A 32-byte hash of the parameters to compare out of band: equal hashes mean equal keys, order and threshold.
 * Throws as `paramsValidate` does.
 */
export function paramsHash(params: SessionParams): Uint8Array {
  paramsValidate(params);
  return dkgHash('params_hash', uintToBytes(params.threshold, 4), ...params.hostpubkeys);
}

/**
 * The index of the participant whose host secret key this is. Throws a ValueError or a HostSeckeyError if the key is
 * invalid, and a HostSeckeyError with `complaint` if it is not among `hostpubkeys`.
 */
export function participantIdOf(hostseckey: Uint8Array, hostpubkeys: readonly Uint8Array[], complaint: string): number {
  const name = bytesToHex(hostpubkeyGen(hostseckey));
  const participantId = hostpubkeys.findIndex((hostpubkey) => bytesToHex(hostpubkey) === name);
  if (participantId < 0) throw new HostSeckeyError(complaint);
  return participantId;
}
