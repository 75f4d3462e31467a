import { expect, test } from 'bun:test';
import { z } from 'zod';
import {
  coordinatorFinalize,
  coordinatorInvestigate,
  coordinatorRecover,
  coordinatorStep1,
  hostpubkeyGen,
  paramsHash,
  participantRecover,
} from '../../crypto/chilldkg.ts';
import { caseHead, errorCase, expectError, one, output, params } from './chilldkg-shapes.ts';
import { describeVectors, hexBytes, loadJson } from './vectors.ts';

function hostKeyTests(): void {
  const hostpubkeys = loadJson(
    'chilldkg',
    'hostpubkey_gen_vectors.json',
    z.object({
      validTestCases: z.array(z.strictObject({ ...caseHead, hostseckey: hexBytes, expectedHostpubkey: hexBytes })),
      errorTestCases: z.array(z.strictObject({ ...errorCase, hostseckey: hexBytes })),
    }),
  );
  for (const c of hostpubkeys.validTestCases) {
    test(`hostpubkey_gen ${c.tcId}: ${c.comment}`, () => {
      expect(hostpubkeyGen(c.hostseckey)).toEqual(c.expectedHostpubkey);
    });
  }
  for (const c of hostpubkeys.errorTestCases) {
    test(`hostpubkey_gen ${c.tcId}: ${c.comment}`, () => {
      expectError(() => hostpubkeyGen(c.hostseckey), c.expectedError);
    });
  }
}

function paramsTests(): void {
  const hashes = loadJson(
    'chilldkg',
    'params_hash_vectors.json',
    z.object({
      validTestCases: z.array(z.strictObject({ ...caseHead, params, expectedParamsHash: hexBytes })),
      errorTestCases: z.array(z.strictObject({ ...errorCase, params })),
    }),
  );
  for (const c of hashes.validTestCases) {
    test(`params_hash ${c.tcId}: ${c.comment}`, () => expect(paramsHash(c.params)).toEqual(c.expectedParamsHash));
  }
  for (const c of hashes.errorTestCases) {
    test(`params_hash ${c.tcId}: ${c.comment}`, () => expectError(() => paramsHash(c.params), c.expectedError));
  }
}

function coordinatorStep1Tests(): void {
  const inputs = { params, pmsg1Indices: z.array(z.number()) };
  const shape = z.object({
    testGroups: z.array(
      z.strictObject({
        pmsg1Pool: z.array(hexBytes),
        validTestCases: z.array(z.strictObject({ ...caseHead, ...inputs, expectedCmsg1: hexBytes })),
        errorTestCases: z.array(z.strictObject({ ...errorCase, ...inputs })),
      }),
    ),
  });
  for (const group of loadJson('chilldkg', 'coordinator_step1_vectors.json', shape).testGroups) {
    const messages = (c: { pmsg1Indices: number[] }) => c.pmsg1Indices.map((i) => one(group.pmsg1Pool, i));
    for (const c of group.validTestCases) {
      test(`coordinator_step1 ${c.tcId}: ${c.comment}`, () => {
        expect(coordinatorStep1(messages(c), c.params).message).toEqual(c.expectedCmsg1);
      });
    }
    for (const c of group.errorTestCases) {
      test(`coordinator_step1 ${c.tcId}: ${c.comment}`, () => {
        expectError(() => coordinatorStep1(messages(c), c.params), c.expectedError);
      });
    }
  }
}

function coordinatorFinalizeTests(): void {
  const inputs = { pmsg2Indices: z.array(z.number()) };
  const shape = z.object({
    testGroups: z.array(
      z.strictObject({
        params,
        pmsgs1: z.array(hexBytes),
        cmsg1: hexBytes,
        pmsg2Pool: z.array(hexBytes),
        validTestCases: z.array(
          z.strictObject({
            ...caseHead,
            ...inputs,
            expectedOutput: z.strictObject({ cmsg2: hexBytes, dkgOutput: output, recoveryData: hexBytes }),
          }),
        ),
        errorTestCases: z.array(z.strictObject({ ...errorCase, ...inputs })),
      }),
    ),
  });
  for (const group of loadJson('chilldkg', 'coordinator_finalize_vectors.json', shape).testGroups) {
    const { state, message } = coordinatorStep1(group.pmsgs1, group.params);
    const messages = (c: { pmsg2Indices: number[] }) => c.pmsg2Indices.map((i) => one(group.pmsg2Pool, i));
    for (const c of group.validTestCases) {
      test(`coordinator_finalize ${c.tcId}: ${c.comment}`, () => {
        expect(message).toEqual(group.cmsg1);
        expect(coordinatorFinalize(state, messages(c))).toEqual({
          message: c.expectedOutput.cmsg2,
          output: c.expectedOutput.dkgOutput,
          recoveryData: c.expectedOutput.recoveryData,
        });
      });
    }
    for (const c of group.errorTestCases) {
      test(`coordinator_finalize ${c.tcId}: ${c.comment}`, () => {
        expectError(() => coordinatorFinalize(state, messages(c)), c.expectedError);
      });
    }
  }
}

function coordinatorInvestigateTests(): void {
  const shape = z.object({
    testGroups: z.array(
      z.strictObject({
        params,
        pmsgs1: z.array(hexBytes),
        validTestCases: z.array(z.strictObject({ ...caseHead, expectedCinvMsgs: z.array(hexBytes) })),
        errorTestCases: z.array(z.never()),
      }),
    ),
  });
  for (const group of loadJson('chilldkg', 'coordinator_investigate_vectors.json', shape).testGroups) {
    for (const c of group.validTestCases) {
      test(`coordinator_investigate ${c.tcId}: ${c.comment}`, () => {
        expect(coordinatorInvestigate(group.pmsgs1, group.params)).toEqual(c.expectedCinvMsgs);
      });
    }
  }
}

function recoverTests(): void {
  const inputs = { hostseckey: hexBytes.nullable(), recoveryData: hexBytes };
  const vectors = loadJson(
    'chilldkg',
    'recover_vectors.json',
    z.object({
      validTestCases: z.array(
        z.strictObject({ ...caseHead, ...inputs, expectedOutput: z.strictObject({ dkgOutput: output, params }) }),
      ),
      errorTestCases: z.array(z.strictObject({ ...errorCase, ...inputs })),
    }),
  );
  const recover = ({ hostseckey, recoveryData }: { hostseckey: Uint8Array | null; recoveryData: Uint8Array }) =>
    hostseckey ? participantRecover(hostseckey, recoveryData) : coordinatorRecover(recoveryData);
  for (const c of vectors.validTestCases) {
    test(`recover ${c.tcId}: ${c.comment}`, () => {
      expect(recover(c)).toEqual({ output: c.expectedOutput.dkgOutput, params: c.expectedOutput.params });
    });
  }
  for (const c of vectors.errorTestCases) {
    test(`recover ${c.tcId}: ${c.comment}`, () => expectError(() => recover(c), c.expectedError));
  }
}

describeVectors('chilldkg', () => {
  hostKeyTests();
  paramsTests();
  coordinatorStep1Tests();
  coordinatorFinalizeTests();
  coordinatorInvestigateTests();
  recoverTests();
});
