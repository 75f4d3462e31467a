// The JSON of what moves custody coins: a payout of burns, and a child that pays for a payout which waits. It travels
// between operators and stands in their stores, and each derives the transaction from it. There is one form of it; how
// much of it is taken at once is its reader's to say.
import { z } from 'zod';
import { hexOf, hexUpTo, satsField, voutField } from './json-fields.ts';
import { RECIPIENT_BYTES } from './taproot.ts';

/** Longest address, in characters: above the 90 of BIP 173. */
export const ADDRESS_CHARACTERS_MAX = 100;

const LOCK_TIME_MAX = 0xffff_ffff;

/**
 * How much a reader takes. The reader of messages takes more than the judge of payouts: what only the judge finds too much
 * is answered by a signed refusal with a name, where a message that is none is dropped; and nodes whose judges differ, as
 * while versions change, can still talk about it.
 */
export interface PayoutLimits {
  readonly burnsMin: number;
  readonly burnsMax: number;
  readonly inputsMax: number;
  readonly outputsMax: number;
  readonly scriptBytesMax: number;
}

/** Whose output an input spends: the leaf that its Taproot address commits to. */
export const leafSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('deposit'), recipient: hexOf(RECIPIENT_BYTES) }),
  z.strictObject({ kind: z.literal('change') }),
  z.strictObject({ kind: z.literal('reservoir') }),
  z.strictObject({ kind: z.literal('test') }),
]);

/** A transaction that pays burns. Amounts in sats, the outputs' scripts as bytes. */
export function payoutSchema({ burnsMin, burnsMax, inputsMax, outputsMax, scriptBytesMax }: PayoutLimits) {
  const address = z.string().min(1).max(ADDRESS_CHARACTERS_MAX);
  return z.strictObject({
    kind: z.literal('payout'),
    test: z.boolean(),
    burns: z
      .array(z.strictObject({ burn_txid: hexOf(32), address, amount: satsField, fee: satsField }))
      .min(burnsMin)
      .max(burnsMax),
    inputs: z
      .array(z.strictObject({ txid: hexOf(32), vout: voutField, amount: satsField, leaf: leafSchema }))
      .min(1)
      .max(inputsMax),
    outputs: z.array(outputSchema(scriptBytesMax)).min(1).max(outputsMax),
    lock_time: z.int().min(0).max(LOCK_TIME_MAX),
    fee: satsField,
  });
}

/** A child: spends one output of the parent, its change, to one output. */
export function payoutChildSchema({ scriptBytesMax }: Pick<PayoutLimits, 'scriptBytesMax'>) {
  return z.strictObject({
    kind: z.literal('payout_child'),
    parent_txid: hexOf(32),
    vout: voutField,
    amount: satsField,
    output: outputSchema(scriptBytesMax),
    fee: satsField,
  });
}

function outputSchema(scriptBytesMax: number) {
  return z.strictObject({ script: hexUpTo(scriptBytesMax), amount: satsField });
}
