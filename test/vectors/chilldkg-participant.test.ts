import { expect, test } from 'bun:test';
import { z } from 'zod';
import {
  participantFinalize,
  participantInvestigate,
  participantStep1,
  participantStep2,
  UnknownFaultyParticipantOrCoordinatorError,
} from '../../crypto/chilldkg.ts';
import { caseHead, errorCase, expectError, one, output, params, participantGroup } from './chilldkg-shapes.ts';
import { describeVectors, hexBytes, loadJson, thrownBy } from './vectors.ts';

function participantStep1Tests(): void {
  const inputs = { hostseckey: hexBytes, params, random: hexBytes };
  const shape = z.object({
    testGroups: z.array(
      z.strictObject({
        validTestCases: z.array(z.strictObject({ ...caseHead, ...inputs, expectedPmsg1: hexBytes })),
        errorTestCases: z.array(z.strictObject({ ...errorCase, ...inputs })),
      }),
    ),
  });
  for (const group of loadJson('chilldkg', 'participant_step1_vectors.json', shape).testGroups) {
    for (const c of group.validTestCases) {
      test(`participant_step1 ${c.tcId}: ${c.comment}`, () => {
        expect(participantStep1(c.hostseckey, c.params, c.random).message).toEqual(c.expectedPmsg1);
      });
    }
    for (const c of group.errorTestCases) {
      test(`participant_step1 ${c.tcId}: ${c.comment}`, () => {
        expectError(() => participantStep1(c.hostseckey, c.params, c.random), c.expectedError);
      });
    }
  }
}

function participantStep2Tests(): void {
  const shape = z.object({
    testGroups: z.array(
      z.strictObject({
        ...participantGroup,
        validTestCases: z.array(z.strictObject({ ...caseHead, cmsg1: hexBytes, expectedPmsg2: hexBytes })),
        errorTestCases: z.array(
          z.strictObject({
            ...errorCase,
            cmsg1: hexBytes,
            hostseckey: hexBytes.optional(),
            auxRand: hexBytes.optional(),
          }),
        ),
      }),
    ),
  });
  for (const group of loadJson('chilldkg', 'participant_step2_vectors.json', shape).testGroups) {
    const { state, message } = participantStep1(group.hostseckey, group.params, group.random);
    for (const c of group.validTestCases) {
      test(`participant_step2 ${c.tcId}: ${c.comment}`, () => {
        expect(message).toEqual(group.pmsg1);
        expect(participantStep2(group.hostseckey, state, c.cmsg1, group.auxRand).message).toEqual(c.expectedPmsg2);
      });
    }
    for (const c of group.errorTestCases) {
      test(`participant_step2 ${c.tcId}: ${c.comment}`, () => {
        const hostseckey = c.hostseckey ?? group.hostseckey;
        expectError(() => participantStep2(hostseckey, state, c.cmsg1, c.auxRand ?? group.auxRand), c.expectedError);
      });
    }
  }
}

function participantFinalizeTests(): void {
  const shape = z.object({
    testGroups: z.array(
      z.strictObject({
        ...participantGroup,
        cmsg1: hexBytes,
        pmsg2: hexBytes,
        validTestCases: z.array(
          z.strictObject({
            ...caseHead,
            cmsg2: hexBytes,
            expectedOutput: z.strictObject({ dkgOutput: output, recoveryData: hexBytes }),
          }),
        ),
        errorTestCases: z.array(z.strictObject({ ...errorCase, cmsg2: hexBytes })),
      }),
    ),
  });
  for (const group of loadJson('chilldkg', 'participant_finalize_vectors.json', shape).testGroups) {
    const step1 = participantStep1(group.hostseckey, group.params, group.random);
    const step2 = participantStep2(group.hostseckey, step1.state, group.cmsg1, group.auxRand);
    for (const c of group.validTestCases) {
      test(`participant_finalize ${c.tcId}: ${c.comment}`, () => {
        expect([step1.message, step2.message]).toEqual([group.pmsg1, group.pmsg2]);
        expect(participantFinalize(step2.state, c.cmsg2)).toEqual({
          output: c.expectedOutput.dkgOutput,
          recoveryData: c.expectedOutput.recoveryData,
        });
      });
    }
    for (const c of group.errorTestCases) {
      test(`participant_finalize ${c.tcId}: ${c.comment}`, () => {
        expectError(() => participantFinalize(step2.state, c.cmsg2), c.expectedError);
      });
    }
  }
}

function participantInvestigateTests(): void {
  const shape = z.object({
    testGroups: z.array(
      z.strictObject({
        ...participantGroup,
        cmsg1Pool: z.array(hexBytes),
        errorTestCases: z.array(z.strictObject({ ...errorCase, cmsg1Index: z.number(), cinvMsg: hexBytes })),
      }),
    ),
  });
  for (const group of loadJson('chilldkg', 'participant_investigate_vectors.json', shape).testGroups) {
    for (const c of group.errorTestCases) {
      test(`participant_investigate ${c.tcId}: ${c.comment}`, () => {
        const { state, message } = participantStep1(group.hostseckey, group.params, group.random);
        expect(message).toEqual(group.pmsg1);
        const cmsg1 = one(group.cmsg1Pool, c.cmsg1Index);
        const error = thrownBy(() => participantStep2(group.hostseckey, state, cmsg1, group.auxRand));
        if (!(error instanceof UnknownFaultyParticipantOrCoordinatorError)) throw error;
        expectError(() => participantInvestigate(error, c.cinvMsg), c.expectedError);
      });
    }
  }
}

describeVectors('chilldkg', () => {
  participantStep1Tests();
  participantStep2Tests();
  participantFinalizeTests();
  participantInvestigateTests();
});
