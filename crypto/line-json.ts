// The JSON of a step of the treasury line: what it spends, whom it pays, and what it leaves. It travels between operators
// and stands in their stores. There is no list of outputs in it: they follow from the rest, so that one meaning has one
// transaction.
import { z } from 'zod';
import { hexOf, hexUpTo, satsField, voutField } from './json-fields.ts';
import { RECIPIENT_BYTES } from './taproot.ts';

/** What a step of the line does. */
export const LINE_KINDS = ['payout', 'sweep', 'consolidate', 'void'] as const;
export type LineKind = (typeof LINE_KINDS)[number];

/** The least that a treasury output holds, in sats: the floor. */
export const TREASURY_SATS_MIN = 10_000n;
/** Most burns that one step pays. */
export const LINE_BURNS_MAX = 1_000;
/** Most inputs of one step: treasury output, swept outputs and test input together. */
export const LINE_INPUTS_MAX = 128;
/** Longest script that a step pays, in bytes: what stricter nodes relay. */
export const LINE_SCRIPT_BYTES_MAX = 34;
/** Longest address, in characters: above the 90 of BIP 173. */
export const BURN_ADDRESS_CHARACTERS_MAX = 100;

/** Whose output a swept input spends: the leaf that its Taproot address commits to. */
export const sweptLeafSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('deposit'), recipient: hexOf(RECIPIENT_BYTES) }),
  z.strictObject({ kind: z.literal('treasury') }),
]);

/** One step of the line. Amounts in sats. */
export const lineSchema = z.strictObject({
  kind: z.literal('line'),
  step: z.enum(LINE_KINDS),
  test: z.boolean(),
  treasury: z.strictObject({ txid: hexOf(32), vout: voutField, amount: satsField }),
  swept: z
    .array(z.strictObject({ txid: hexOf(32), vout: voutField, amount: satsField, leaf: sweptLeafSchema }))
    .max(LINE_INPUTS_MAX - 1),
  burns: z
    .array(
      z.strictObject({
        burn_txid: hexOf(32),
        nullifier: hexOf(32),
        address: z.string().min(1).max(BURN_ADDRESS_CHARACTERS_MAX),
        amount: satsField,
        fee: satsField,
      }),
    )
    .max(LINE_BURNS_MAX),
  destination: z.strictObject({ script: hexUpTo(LINE_SCRIPT_BYTES_MAX), amount: satsField }).nullable(),
  fee: satsField,
  surplus: satsField,
});

export type LineJson = Readonly<z.infer<typeof lineSchema>>;
