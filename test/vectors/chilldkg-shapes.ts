// The shapes that the ChillDKG vector files share, and what their error cases demand.

import { expect } from 'bun:test';
import { z } from 'zod';
import type { DkgOutput } from '../../crypto/chilldkg.ts';
import { hexBytes, thrownBy } from './vectors.ts';

export const expectedError = z.strictObject({
  type: z.string(),
  message: z.string().optional(),
  participantId: z.number().optional(),
  participantId1: z.number().optional(),
  participantId2: z.number().optional(),
});
export const caseHead = { tcId: z.number(), comment: z.string() };
export const errorCase = { ...caseHead, expectedError };
export const params = z
  .strictObject({ hostpubkeys: z.array(hexBytes), t: z.number() })
  .transform(({ hostpubkeys, t }) => ({ hostpubkeys, threshold: t }));
export const output = z
  .strictObject({ secshare: hexBytes.nullable(), threshPk: hexBytes, pubshares: z.array(hexBytes) })
  .transform(
    ({ secshare, threshPk, pubshares }): DkgOutput => ({
      signingShare: secshare,
      publicKey: threshPk,
      verifyingShares: pubshares,
    }),
  );
export const participantGroup = { params, hostseckey: hexBytes, random: hexBytes, auxRand: hexBytes, pmsg1: hexBytes };

export function one<T>(list: readonly T[], position: number): T {
  const item = list[position];
  if (item === undefined) throw new Error(`The vector points at position ${position}, where nothing is.`);
  return item;
}

/** Everything that the vector says about an error must be so: its type, its message, whom it blames. */
function expectThrown(error: Error, expected: z.infer<typeof expectedError>): void {
  const { type, ...details } = expected;
  expect(error.name).toBe(type);
  for (const [field, value] of Object.entries(details)) expect(error).toHaveProperty(field, value);
  for (const field of ['participantId', 'participantId1', 'participantId2'] as const) {
    if (details[field] === undefined) expect(error).not.toHaveProperty(field);
  }
}

export function expectError(body: () => unknown, expected: z.infer<typeof expectedError>): void {
  expectThrown(thrownBy(body), expected);
}
