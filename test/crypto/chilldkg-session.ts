// A whole ChillDKG session in memory, with a place to tamper at every message, and keys from a trusted dealer.

import { sha256 } from '@noble/hashes/sha2.js';
import * as fc from 'fast-check';
import { commit, type Polynomial, shareFor, verifyingShareFor } from '../../crypto/chilldkg/vss.ts';
import {
  coordinatorFinalize,
  coordinatorStep1,
  type DkgOutput,
  hostpubkeyGen,
  participantFinalize,
  participantStep1,
  participantStep2,
  type SessionParams,
} from '../../crypto/chilldkg.ts';
import type { GroupKey, Tweak } from '../../crypto/scheme.ts';
import { Fn, parseScalar, pointToBytes, scalarToBytes } from '../../crypto/secp256k1.ts';

/** The item at a position; fails where there is none. */
export function one<T>(list: readonly T[], position: number): T {
  const item = list[position];
  if (item === undefined) throw new Error(`Nothing is at position ${position}.`);
  return item;
}

/** 32 bytes that follow from a label: stands for randomness in tests. */
export function bytesOf(label: string): Uint8Array {
  return sha256(new TextEncoder().encode(label));
}

/** Host secret keys and the parameters of a session of n participants. */
export function hosts(
  participants: number,
  threshold: number,
  label: string,
): { readonly hostseckeys: Uint8Array[]; readonly params: SessionParams } {
  const hostseckeys = Array.from({ length: participants }, (_, i) => bytesOf(`${label} host ${i}`));
  return { hostseckeys, params: { hostpubkeys: hostseckeys.map(hostpubkeyGen), threshold } };
}

export interface Session {
  readonly hostseckeys: readonly Uint8Array[];
  readonly params: SessionParams;
  readonly first: readonly Uint8Array[];
  readonly coordinatorFirst: Uint8Array;
  readonly second: readonly Uint8Array[];
  readonly coordinatorSecond: Uint8Array;
  readonly outputs: readonly DkgOutput[];
  readonly coordinatorOutput: DkgOutput;
  readonly recoveryData: readonly Uint8Array[];
}

/** Runs an honest session; everything follows from `label`. */
export function runSession(participants: number, threshold: number, label: string): Session {
  const { hostseckeys, params } = hosts(participants, threshold, label);
  const step1 = hostseckeys.map((key, i) => participantStep1(key, params, bytesOf(`${label} random ${i}`)));
  const first = step1.map(({ message }) => message);
  const coordinator = coordinatorStep1(first, params);
  const step2 = step1.map(({ state }, i) =>
    participantStep2(one(hostseckeys, i), state, coordinator.message, bytesOf(`${label} aux ${i}`)),
  );
  const second = step2.map(({ message }) => message);
  const final = coordinatorFinalize(coordinator.state, second);
  const finals = step2.map(({ state }) => participantFinalize(state, final.message));
  return {
    hostseckeys,
    params,
    first,
    coordinatorFirst: coordinator.message,
    second,
    coordinatorSecond: final.message,
    outputs: finals.map(({ output }) => output),
    coordinatorOutput: final.output,
    recoveryData: [final.recoveryData, ...finals.map(({ recoveryData }) => recoveryData)],
  };
}

/** The key of a session, and the signing shares in index order. */
export function keyOf({ outputs, params }: Session): { readonly key: GroupKey; readonly shares: Uint8Array[] } {
  const { publicKey, verifyingShares } = one(outputs, 0);
  const shares = outputs.map(({ signingShare }) => {
    if (!signingShare) throw new Error('A participant has a signing share.');
    return signingShare;
  });
  const { threshold, hostpubkeys } = params;
  return {
    key: { scheme: 'bip340', threshold, participants: hostpubkeys.length, publicKey, verifyingShares },
    shares,
  };
}

/** A key whose polynomial is known, as a trusted dealer would make it. */
export function dealtKey(
  coefficients: readonly bigint[],
  participants: number,
): { readonly key: GroupKey; readonly shares: Uint8Array[] } {
  const polynomial: Polynomial = coefficients.map(scalarToBytes);
  const commitment = commit(polynomial);
  const indices = Array.from({ length: participants }, (_, i) => i);
  return {
    key: {
      scheme: 'bip340',
      threshold: polynomial.length,
      participants,
      publicKey: pointToBytes(one(commitment, 0)),
      verifyingShares: indices.map((i) => pointToBytes(verifyingShareFor(commitment, i))),
    },
    shares: indices.map((i) => shareFor(polynomial, i)),
  };
}

/** All subsets of `items` with `size` members, in order. */
export function subsets<T>(items: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, i) => subsets(items.slice(i + 1), size - 1).map((rest) => [item, ...rest]));
}

/** A nonzero scalar. */
export const scalars = fc.bigInt({ min: 1n, max: Fn.ORDER - 1n });

/** n of 1 to 6 participants, a polynomial of t ≤ n coefficients, and a set of at least t signers. */
export const dealtKeys = fc
  .integer({ min: 1, max: 6 })
  .chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 1, max: n })))
  .chain(([n, t]) =>
    fc.record({
      participants: fc.constant(n),
      polynomial: fc.array(scalars, { minLength: t, maxLength: t }),
      signers: fc
        .subarray(
          Array.from({ length: n }, (_, i) => i),
          { minLength: t },
        )
        .map((indices) => [...indices].sort((a, b) => a - b)),
    }),
  );

export const tweakLists: fc.Arbitrary<Tweak[]> = fc.array(
  fc.record({ tweak: scalars.map(scalarToBytes), xOnly: fc.boolean() }),
  { maxLength: 3 },
);

/** Messages of any kind of length, 32 bytes among them. */
export const messages = fc.uint8Array({ maxLength: 200 });
export const randoms = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => bytes.some((b) => b !== 0));

/** Checks a synchronous property; the seed makes every run the same. */
export const forAll = <T>(
  property: fc.IProperty<T>,
  parameters: { readonly seed: number; readonly numRuns: number },
): void => fc.assert(property, parameters);

/** Calls `body` and returns what it throws; fails if it returns. */
export function thrownBy(body: () => unknown): Error {
  try {
    body();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('An error was expected.');
}

/** A copy with 17 added to the scalar at a byte offset. */
export function addedAt(bytes: Uint8Array, offset: number): Uint8Array {
  const copy = bytes.slice();
  const scalar = parseScalar(copy.subarray(offset, offset + 32)) ?? 0n;
  copy.set(scalarToBytes(Fn.add(scalar, 17n)), offset);
  return copy;
}
