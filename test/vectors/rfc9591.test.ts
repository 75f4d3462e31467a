// RFC 9591 appendix E.1, FROST(Ed25519, SHA-512): every value of the official vector file.
import { expect, test } from 'bun:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { z } from 'zod';
import { concat, fromHex, toHex } from '../../crypto/bytes.ts';
import { bindingFactorInputs, bindingFactors, groupCommitment } from '../../crypto/ed25519-binding.ts';
import { commitWithRandomness, ed25519Scheme } from '../../crypto/ed25519-frost.ts';
import type { GroupKey, SigningSession } from '../../crypto/scheme.ts';
import { describeVectors, loadJson } from './vectors.ts';

const hex = z.string().regex(/^([0-9a-f]{2})+$/);
const count = z
  .string()
  .regex(/^[0-9]+$/)
  .transform(Number);
// Strict objects: a field that this test does not know makes it fail.
const vectorSchema = z.strictObject({
  config: z.strictObject({
    MAX_PARTICIPANTS: count,
    NUM_PARTICIPANTS: count,
    MIN_PARTICIPANTS: count,
    name: z.literal('FROST(Ed25519, SHA-512)'),
    group: z.literal('ed25519'),
    hash: z.literal('SHA-512'),
  }),
  inputs: z.strictObject({
    participant_list: z.array(z.int()),
    group_secret_key: hex,
    verifying_key_key: hex,
    message: hex,
    share_polynomial_coefficients: z.array(hex),
    participant_shares: z.array(z.strictObject({ identifier: z.int(), participant_share: hex })),
  }),
  round_one_outputs: z.strictObject({
    outputs: z.array(
      z.strictObject({
        identifier: z.int(),
        hiding_nonce_randomness: hex,
        binding_nonce_randomness: hex,
        hiding_nonce: hex,
        binding_nonce: hex,
        hiding_nonce_commitment: hex,
        binding_nonce_commitment: hex,
        binding_factor_input: hex,
        binding_factor: hex,
      }),
    ),
  }),
  round_two_outputs: z.strictObject({ outputs: z.array(z.strictObject({ identifier: z.int(), sig_share: hex })) }),
  final_output: z.strictObject({ sig: hex }),
});

const { Fn, BASE } = ed25519.Point;
const scalar = (text: string) => Fn.fromBytes(Uint8Array.from(fromHex(text)));
const scalarHex = (value: bigint) => toHex(Fn.toBytes(value));

describeVectors('rfc9591', () => {
  const vector = loadJson('rfc9591', 'ed25519.json', vectorSchema);
  const { config, inputs } = vector;
  const roundOne = vector.round_one_outputs.outputs;
  const roundTwo = vector.round_two_outputs.outputs;
  const message = fromHex(inputs.message);
  const shares = inputs.participant_shares.map((share) => fromHex(share.participant_share));
  const key: GroupKey = {
    scheme: 'ed25519',
    threshold: config.MIN_PARTICIPANTS,
    participants: config.MAX_PARTICIPANTS,
    publicKey: fromHex(inputs.verifying_key_key),
    verifyingShares: inputs.participant_shares.map((share) => BASE.multiply(scalar(share.participant_share)).toBytes()),
  };
  const signers = inputs.participant_list.map((identifier) => identifier - 1);
  const publicNonces = roundOne.map((output) =>
    concat(fromHex(output.hiding_nonce_commitment), fromHex(output.binding_nonce_commitment)),
  );
  const session: SigningSession = { signers, nonceCommitment: concat(...publicNonces), message, tweaks: [] };

  test('the lists name the participants of the configuration', () => {
    expect(inputs.participant_list).toHaveLength(config.NUM_PARTICIPANTS);
    expect(roundOne.map((output) => output.identifier)).toEqual(inputs.participant_list);
    expect(roundTwo.map((output) => output.identifier)).toEqual(inputs.participant_list);
    expect(inputs.share_polynomial_coefficients).toHaveLength(config.MIN_PARTICIPANTS - 1);
  });

  test('group key: the secret key, the public key and the shares belong together', () => {
    const coefficients = [inputs.group_secret_key, ...inputs.share_polynomial_coefficients].map(scalar);
    for (const { identifier, participant_share } of inputs.participant_shares) {
      const value = coefficients.reduceRight((sum, c) => Fn.add(Fn.mul(sum, BigInt(identifier)), c), 0n);
      expect(scalarHex(value)).toBe(participant_share);
    }
    expect(BASE.multiply(scalar(inputs.group_secret_key)).toHex()).toBe(inputs.verifying_key_key);
    ed25519Scheme.validateKey(key);
  });

  for (const [position, output] of roundOne.entries()) {
    const index = output.identifier - 1;

    test(`round one, participant ${output.identifier}: nonces and commitments follow from the randomness`, () => {
      const share = shares[index] ?? new Uint8Array();
      const randomness = [fromHex(output.hiding_nonce_randomness), fromHex(output.binding_nonce_randomness)] as const;
      const pair = commitWithRandomness(share, ...randomness);
      const commitments = output.hiding_nonce_commitment + output.binding_nonce_commitment;
      expect(toHex(pair.secret)).toBe(output.hiding_nonce + output.binding_nonce + commitments);
      expect(toHex(pair.public)).toBe(commitments);
    });

    test(`round one, participant ${output.identifier}: binding factor input and binding factor`, () => {
      const input = { publicKey: key.publicKey, ...session };
      expect(toHex(bindingFactorInputs(input)[position] ?? message)).toBe(output.binding_factor_input);
      expect(scalarHex(bindingFactors(input)[position] ?? 0n)).toBe(output.binding_factor);
    });

    test(`round two, participant ${output.identifier}: the partial signature, which verifies`, () => {
      const commitments = output.hiding_nonce_commitment + output.binding_nonce_commitment;
      const secretNonce = fromHex(output.hiding_nonce + output.binding_nonce + commitments);
      const partial = ed25519Scheme.sign(key, index, shares[index] ?? new Uint8Array(), secretNonce, session);
      expect(toHex(partial)).toBe(roundTwo[position]?.sig_share ?? '');
      expect(secretNonce.every((byte) => byte === 0)).toBe(true);
      const publicNonce = publicNonces[position] ?? new Uint8Array();
      expect(ed25519Scheme.verifyPartial(key, index, publicNonce, session, partial)).toBe(true);
    });
  }

  test('final output: the group commitment is the R of the signature', () => {
    const R = groupCommitment({ publicKey: key.publicKey, ...session });
    expect(toHex(R)).toBe(vector.final_output.sig.slice(0, 64));
  });

  test('final output: the partial signatures add up to the signature, which verifies', () => {
    const partials = roundTwo.map((output) => fromHex(output.sig_share));
    const combined = ed25519Scheme.combineNonces(signers, publicNonces);
    expect(combined).toEqual({ ok: true, nonceCommitment: session.nonceCommitment });
    const signature = fromHex(vector.final_output.sig);
    expect(ed25519Scheme.aggregate(key, session, partials)).toEqual({ ok: true, signature });
    expect(ed25519Scheme.verify(ed25519Scheme.outputKey(key, []), message, signature)).toBe(true);
  });
});
