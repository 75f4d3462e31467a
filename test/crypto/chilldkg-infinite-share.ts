// The first message of a participant who makes its own verifying share the point at infinity, and what a coordinator who
// helps it passes on.
import { bytesToNumberBE } from '@noble/curves/utils.js';
import { concat } from '../../crypto/bytes.ts';
import { FieldReader } from '../../crypto/chilldkg/encoding.ts';
import {
  type EncParticipantMessage,
  encParticipantMessageBytes,
  readEncParticipantMessage,
  writeEncCoordinatorMessage,
  writeEncParticipantMessage,
} from '../../crypto/chilldkg/encpedpop.ts';
import { encryptionContext, encryptShares, padsFrom, withoutPads } from '../../crypto/chilldkg/encryption.ts';
import { popProve } from '../../crypto/chilldkg/pop.ts';
import { commit, deriveUnspendableTaprootTweak, shareFor } from '../../crypto/chilldkg/vss.ts';
import { Fn, pointToBytes, scalarToBytes, sumPoints, sumScalars } from '../../crypto/secp256k1.ts';
import { bytesOf, one, type Session } from './chilldkg-session.ts';

function parsed(messages: readonly Uint8Array[], threshold: number): EncParticipantMessage[] {
  return messages.map((message) => {
    if (message.length !== encParticipantMessageBytes(threshold, messages.length)) throw new Error('a first message');
    return readEncParticipantMessage(new FieldReader(message), threshold, messages.length);
  });
}

/** The message of participant `liar` of a 2-of-n session, chosen after it has read those of the others. */
export function infiniteShareMessage({ hostseckeys, params, first }: Session, liar: number, label: string): Uint8Array {
  const { hostpubkeys, threshold } = params;
  if (threshold !== 2) throw new Error('for a polynomial of two coefficients');
  const nonceSecret = bytesOf(`${label} nonce`);
  const nonce = { secret: nonceSecret, public: pointToBytes(one(commit([nonceSecret]), 0)) };
  const others = parsed(first, threshold);
  const own = { participantId: liar, decryptionKey: one(hostseckeys, liar) };
  const context = encryptionContext(threshold, hostpubkeys);
  const publicNonces = others.map(({ publicNonce }, i) => (i === liar ? nonce.public : publicNonce));
  const pads = padsFrom(own, hostpubkeys, publicNonces, context);
  const received = others.flatMap(({ encryptedShares }, i) => {
    return i === liar ? [] : [bytesToNumberBE(withoutPads(one(encryptedShares, liar), [one(pads, i)]))];
  });
  const constant = bytesOf(`${label} constant`);
  const constants = others.map(({ simpl }, i) => (i === liar ? one(commit([constant]), 0) : one(simpl.commitment, 0)));
  const tweak = Fn.create(bytesToNumberBE(deriveUnspendableTaprootTweak(pointToBytes(sumPoints(constants)))));
  // constant + slope·x = −(what the others sent + tweak) at its own x.
  const rest = sumScalars([...received, tweak, bytesToNumberBE(constant)]);
  const slope = scalarToBytes(Fn.neg(Fn.mul(rest, Fn.inv(BigInt(liar + 1)))));
  const polynomial = [constant, slope];
  const shares = hostpubkeys.map((_, i) => shareFor(polynomial, i));
  const simpl = { commitment: commit(polynomial), pop: popProve(constant, liar, bytesOf(`${label} aux`)) };
  const encryptedShares = encryptShares(own, nonce, hostpubkeys, context, shares);
  return writeEncParticipantMessage({ simpl, publicNonce: nonce.public, encryptedShares });
}

/** The coordinator's first message, summed without a look at what comes out. */
export function summedMessage(messages: readonly Uint8Array[], threshold: number): Uint8Array {
  const read = parsed(messages, threshold);
  const coefficient = (j: number) => read.map(({ simpl }) => one(simpl.commitment, j));
  const simpl = {
    commitmentsToSecrets: coefficient(0),
    sumOfNonconstantTerms: Array.from({ length: threshold - 1 }, (_, j) => sumPoints(coefficient(j + 1))),
    pops: read.map((message) => message.simpl.pop),
  };
  const shares = messages.map((_, i) => scalarToBytes(sumScalars(read.map((m) => one(m.encryptedShares, i)))));
  const publicNonces = read.map(({ publicNonce }) => publicNonce);
  return concat(writeEncCoordinatorMessage({ simpl, publicNonces }), ...shares);
}
