import { describe, expect, test } from 'bun:test';
import { z } from 'zod';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import {
  InvalidContributionError,
  nonceAgg,
  nonceGen,
  partialSigAgg,
  partialSigVerify,
  type SignersContext,
  sign,
  tweakThresholdPublicKey,
} from '../../crypto/bip445.ts';
import type { Tweak } from '../../crypto/scheme.ts';
import { ValueError } from '../../crypto/secp256k1.ts';
import { describeVectors, hexBytes, loadJson, thrownBy } from './vectors.ts';

const expectedError = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('InvalidContributionError'),
    signer_index: z.number().nullable(),
    contrib: z.string(),
  }),
  z.strictObject({ type: z.literal('ValueError'), message: z.string() }),
]);

const caseHead = { tc_id: z.number(), comment: z.string() };
const indices = z.array(z.number());
const keyGroup = {
  tg_id: z.string(),
  t: z.number(),
  n: z.number(),
  thresh_pk: hexBytes,
  pubshares: z.array(hexBytes),
};
const signingGroup = {
  ...keyGroup,
  pubnonces: z.array(hexBytes),
  secshares: z.array(hexBytes),
  secnonces: z.array(hexBytes),
};
const sessionCase = { ...caseHead, ids: indices, pubshare_indices: indices, msg: hexBytes };
const signCase = {
  ...sessionCase,
  my_id: z.number(),
  secshare_index: z.number(),
  secnonce_index: z.number(),
  aggnonce: hexBytes,
};
const verifyCase = { ...sessionCase, psig: hexBytes, pubnonce_indices: indices, signer_index: z.number() };
const tweakCase = { tweak_indices: indices, is_xonly: z.array(z.boolean()) };

/** The items at these positions; fails where there is none. */
function pick<T>(list: readonly T[], positions: readonly number[]): T[] {
  return positions.map((position) => one(list, position));
}

function one<T>(list: readonly T[], position: number): T {
  const item = list[position];
  if (item === undefined) throw new Error(`The vector points at position ${position}, where nothing is.`);
  return item;
}

/** A tweak and its mode are one thing here: lists that differ in length, which some vectors have, cannot be said. */
function tweaksOf(list: readonly Uint8Array[], c: { tweak_indices: number[]; is_xonly: boolean[] }): Tweak[] {
  if (c.tweak_indices.length !== c.is_xonly.length) {
    throw new ValueError('The tweaks and is_xonly arrays must have the same length.');
  }
  return pick(list, c.tweak_indices).map((tweak, i) => ({ tweak, xOnly: one(c.is_xonly, i) }));
}

function signersOf(
  group: { t: number; n: number; thresh_pk: Uint8Array; pubshares: Uint8Array[] },
  c: { ids: number[]; pubshare_indices: number[] },
): SignersContext {
  return {
    threshold: group.t,
    participants: group.n,
    ids: c.ids,
    verifyingShares: pick(group.pubshares, c.pubshare_indices),
    thresholdPublicKey: group.thresh_pk,
  };
}

function expectError(body: () => unknown, expected: z.infer<typeof expectedError>): void {
  const error = thrownBy(body);
  expect(error.name).toBe(expected.type);
  if (expected.type === 'ValueError') {
    expect(error.message).toBe(expected.message);
  } else if (error instanceof InvalidContributionError) {
    const blamed: { signer_index: number | null; contrib: string } = {
      signer_index: error.signerIndex,
      contrib: error.contribution,
    };
    expect(blamed).toEqual({ signer_index: expected.signer_index, contrib: expected.contrib });
  } else {
    throw error;
  }
}

function nonceGenTests(): void {
  const shape = z.object({
    valid_tests: z.array(
      z.strictObject({
        ...caseHead,
        rand_: hexBytes,
        secshare: hexBytes.nullable(),
        pubshare: hexBytes.nullable(),
        thresh_pk: hexBytes.nullable(),
        msg: hexBytes.nullable(),
        extra_in: hexBytes.nullable(),
        expected: z.tuple([hexBytes, hexBytes]),
      }),
    ),
  });
  for (const c of loadJson('bip445', 'nonce_gen_vectors.json', shape).valid_tests) {
    test(`nonce_gen ${c.tc_id}: ${c.comment}`, () => {
      const nonce = nonceGen(c.rand_, {
        signingShare: c.secshare ?? undefined,
        verifyingShare: c.pubshare ?? undefined,
        thresholdPublicKey: c.thresh_pk ?? undefined,
        message: c.msg ?? undefined,
        extra: c.extra_in ?? undefined,
      });
      expect([nonce.secret, nonce.public]).toEqual(c.expected);
    });
  }
}

function nonceAggTests(): void {
  const shape = z.object({
    pubnonces: z.array(hexBytes),
    valid_tests: z.array(z.strictObject({ ...caseHead, pubnonce_indices: indices, expected: hexBytes })),
    error_tests: z.array(z.strictObject({ ...caseHead, pubnonce_indices: indices, error: expectedError })),
  });
  const vectors = loadJson('bip445', 'nonce_agg_vectors.json', shape);
  for (const c of vectors.valid_tests) {
    test(`nonce_agg ${c.tc_id}: ${c.comment}`, () => {
      expect(nonceAgg(pick(vectors.pubnonces, c.pubnonce_indices))).toEqual(c.expected);
    });
  }
  for (const c of vectors.error_tests) {
    test(`nonce_agg ${c.tc_id}: ${c.comment}`, () => {
      expectError(() => nonceAgg(pick(vectors.pubnonces, c.pubnonce_indices)), c.error);
    });
  }
}

const signVerifyShape = z.object({
  test_groups: z.array(
    z.strictObject({
      ...signingGroup,
      valid_tests: z.array(z.strictObject({ ...signCase, pubnonce_indices: indices, expected: hexBytes })),
      sign_error_tests: z.array(z.strictObject({ ...signCase, error: expectedError })),
      verify_fail_tests: z.array(z.strictObject(verifyCase)),
      verify_error_tests: z.array(z.strictObject({ ...verifyCase, error: expectedError })),
    }),
  ),
});

function signVerifyTests(): void {
  for (const group of loadJson('bip445', 'sign_verify_vectors.json', signVerifyShape).test_groups) {
    describe(`sign_verify ${group.tg_id}`, () => {
      for (const c of group.valid_tests) {
        test(`${c.tc_id}: ${c.comment}`, () => {
          const signers = signersOf(group, c);
          const publicNonces = pick(group.pubnonces, c.pubnonce_indices);
          expect(nonceAgg(publicNonces)).toEqual(c.aggnonce);
          const session = { aggregateNonce: c.aggnonce, signers, tweaks: [], message: c.msg };
          const secretNonce = one(group.secnonces, c.secnonce_index).slice();
          const partial = sign(secretNonce, one(group.secshares, c.secshare_index), c.my_id, session);
          expect(partial).toEqual(c.expected);
          expect(secretNonce).toEqual(new Uint8Array(64));
          expect(partialSigVerify(partial, publicNonces, signers, [], c.msg, c.ids.indexOf(c.my_id))).toBe(true);
        });
      }
      for (const c of group.sign_error_tests) {
        test(`${c.tc_id}: ${c.comment}`, () => {
          const session = { aggregateNonce: c.aggnonce, signers: signersOf(group, c), tweaks: [], message: c.msg };
          const secretNonce = one(group.secnonces, c.secnonce_index).slice();
          const share = one(group.secshares, c.secshare_index);
          expectError(() => sign(secretNonce, share, c.my_id, session), c.error);
        });
      }
      const verify = (c: (typeof group.verify_fail_tests)[number]): boolean => {
        const publicNonces = pick(group.pubnonces, c.pubnonce_indices);
        return partialSigVerify(c.psig, publicNonces, signersOf(group, c), [], c.msg, c.signer_index);
      };
      for (const c of group.verify_fail_tests) {
        test(`${c.tc_id}: ${c.comment}`, () => expect(verify(c)).toBe(false));
      }
      for (const c of group.verify_error_tests) {
        test(`${c.tc_id}: ${c.comment}`, () => expectError(() => verify(c), c.error));
      }
    });
  }
}

const tweakShape = z.object({
  test_groups: z.array(
    z.strictObject({
      ...signingGroup,
      tweaks: z.array(hexBytes),
      valid_tests: z.array(
        z.strictObject({ ...signCase, ...tweakCase, pubnonce_indices: indices, expected: hexBytes }),
      ),
      error_tests: z.array(z.strictObject({ ...signCase, ...tweakCase, error: expectedError })),
    }),
  ),
});

function tweakTests(): void {
  for (const group of loadJson('bip445', 'tweak_vectors.json', tweakShape).test_groups) {
    describe(`tweak ${group.tg_id}`, () => {
      for (const c of group.valid_tests) {
        test(`${c.tc_id}: ${c.comment}`, () => {
          const signers = signersOf(group, c);
          const tweaks = tweaksOf(group.tweaks, c);
          const publicNonces = pick(group.pubnonces, c.pubnonce_indices);
          expect(nonceAgg(publicNonces)).toEqual(c.aggnonce);
          const session = { aggregateNonce: c.aggnonce, signers, tweaks, message: c.msg };
          const secretNonce = one(group.secnonces, c.secnonce_index).slice();
          const partial = sign(secretNonce, one(group.secshares, c.secshare_index), c.my_id, session);
          expect(partial).toEqual(c.expected);
          expect(partialSigVerify(partial, publicNonces, signers, tweaks, c.msg, c.ids.indexOf(c.my_id))).toBe(true);
        });
      }
      for (const c of group.error_tests) {
        test(`${c.tc_id}: ${c.comment}`, () => {
          const session = { aggregateNonce: c.aggnonce, signers: signersOf(group, c), message: c.msg };
          const secretNonce = one(group.secnonces, c.secnonce_index).slice();
          const share = one(group.secshares, c.secshare_index);
          const signed = () => sign(secretNonce, share, c.my_id, { ...session, tweaks: tweaksOf(group.tweaks, c) });
          expectError(signed, c.error);
        });
      }
    });
  }
}

const aggregationCase = { ...sessionCase, ...tweakCase, aggnonce: hexBytes, psigs: z.array(hexBytes) };
const sigAggShape = z.object({
  test_groups: z.array(
    z.strictObject({
      ...keyGroup,
      tweaks: z.array(hexBytes),
      valid_tests: z.array(z.strictObject({ ...aggregationCase, expected: hexBytes })),
      error_tests: z.array(z.strictObject({ ...aggregationCase, error: expectedError })),
    }),
  ),
});

function sigAggTests(): void {
  for (const group of loadJson('bip445', 'sig_agg_vectors.json', sigAggShape).test_groups) {
    describe(`sig_agg ${group.tg_id}`, () => {
      for (const c of group.valid_tests) {
        test(`${c.tc_id}: ${c.comment}`, () => {
          const tweaks = tweaksOf(group.tweaks, c);
          const session = { aggregateNonce: c.aggnonce, signers: signersOf(group, c), tweaks, message: c.msg };
          const signature = partialSigAgg(c.psigs, session);
          expect(signature).toEqual(c.expected);
          const { xOnly } = tweakThresholdPublicKey(group.thresh_pk, tweaks);
          expect(bip340Scheme.verify(xOnly, c.msg, signature)).toBe(true);
        });
      }
      for (const c of group.error_tests) {
        test(`${c.tc_id}: ${c.comment}`, () => {
          const tweaks = tweaksOf(group.tweaks, c);
          const session = { aggregateNonce: c.aggnonce, signers: signersOf(group, c), tweaks, message: c.msg };
          expectError(() => partialSigAgg(c.psigs, session), c.error);
        });
      }
    });
  }
}

describeVectors('bip445', () => {
  nonceGenTests();
  nonceAggTests();
  signVerifyTests();
  tweakTests();
  sigAggTests();
});
