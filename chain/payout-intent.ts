// The full meaning of a payout: which burns it pays, what it spends under which custody leaf, and every output. This is
// what travels between operators; each re-derives the transaction from it. JSON: snake_case, bytes in lowercase
// hexadecimal, amounts as decimal strings of sats.
import { z } from 'zod';
import { fromHex, toHex, tryFromHex } from '../crypto/bytes.ts';
import type { Json } from '../crypto/canonical-json.ts';
import { type CustodyLeaf, RECIPIENT_BYTES } from '../crypto/taproot.ts';
import { satsAmount } from './amount.ts';
import type { BurnClaim, BurnOutput } from './burn.ts';
import { TXID_PATTERN, type Valued } from './outpoint.ts';

/** Most inputs of a payout, the test input included: keeps the transaction well below the standard weight. */
export const PAYOUT_INPUTS_MAX = 128;
/** Most burns that one payout pays. */
export const PAYOUT_BURNS_MAX = 200;
/** Largest output script that stricter nodes relay, in bytes. */
export const OUTPUT_SCRIPT_BYTES_MAX = 34;

/** A custody UTXO: outpoint, sats, and the leaf from which its script and tweak follow. */
export interface CustodyUtxo extends Valued {
  readonly leaf: CustodyLeaf;
}

/** A payout. `fee` is the miner fee in sats: inputs less outputs. */
export interface PayoutIntent {
  readonly kind: 'payout';
  /** A test payout carries one input that cannot exist and so can never be mined. */
  readonly test: boolean;
  /** Ascending by burn txid. */
  readonly burns: readonly BurnClaim[];
  /** Ascending by outpoint; the test input last. */
  readonly inputs: readonly CustodyUtxo[];
  /** One per burn in the order of the burns, then the change if any. */
  readonly outputs: readonly BurnOutput[];
  readonly lockTime: number;
  readonly fee: bigint;
}

const txid = z.string().regex(TXID_PATTERN);
const leafSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('deposit'), recipient: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.strictObject({ kind: z.literal('change') }),
  z.strictObject({ kind: z.literal('reservoir') }),
  z.strictObject({ kind: z.literal('test') }),
]);

const intentSchema = z.strictObject({
  kind: z.literal('payout'),
  test: z.boolean(),
  burns: z
    .array(
      z.strictObject({
        burn_txid: txid,
        address: z.string().min(1).max(128),
        amount: satsAmount,
        fee: satsAmount,
      }),
    )
    .min(1)
    .max(PAYOUT_BURNS_MAX),
  inputs: z
    .array(z.strictObject({ txid, vout: z.int().min(0).max(0xffff_ffff), amount: satsAmount, leaf: leafSchema }))
    .min(1)
    .max(PAYOUT_INPUTS_MAX),
  outputs: z
    .array(
      z.strictObject({
        script: z
          .string()
          .max(OUTPUT_SCRIPT_BYTES_MAX * 2)
          .refine((text) => tryFromHex(text) !== null, 'not hexadecimal'),
        amount: satsAmount,
      }),
    )
    .min(1)
    .max(PAYOUT_BURNS_MAX + 1),
  lock_time: z.int().min(0).max(0xffff_ffff),
  fee: satsAmount,
});

/** Reads an intent that came from a peer; null where it does not have the shape. Judges nothing. */
export function parsePayoutIntent(value: unknown): PayoutIntent | null {
  const parsed = intentSchema.safeParse(value);
  if (!parsed.success) return null;
  const { burns, inputs, outputs, ...json } = parsed.data;
  return {
    kind: 'payout',
    test: json.test,
    burns: burns.map(({ burn_txid: burnTxid, ...burn }) => ({ burnTxid, ...burn })),
    inputs: inputs.map((input) => ({ ...input, leaf: readLeaf(input.leaf) })),
    outputs: outputs.map((output) => ({ script: fromHex(output.script), amount: output.amount })),
    lockTime: json.lock_time,
    fee: json.fee,
  };
}

/** The JSON of an intent. */
export function payoutIntentJson(intent: PayoutIntent): Json {
  return {
    kind: 'payout',
    test: intent.test,
    burns: intent.burns.map((burn) => ({
      burn_txid: burn.burnTxid,
      address: burn.address,
      amount: burn.amount.toString(),
      fee: burn.fee.toString(),
    })),
    inputs: intent.inputs.map((input) => ({
      txid: input.txid,
      vout: input.vout,
      amount: input.amount.toString(),
      leaf: leafJson(input.leaf),
    })),
    outputs: intent.outputs.map((output) => ({ script: toHex(output.script), amount: output.amount.toString() })),
    lock_time: intent.lockTime,
    fee: intent.fee.toString(),
  };
}

/** The JSON of a custody leaf, as it stands in intents and in the store. */
export function leafJson(leaf: CustodyLeaf): { readonly [key: string]: string } {
  return leaf.kind === 'deposit' ? { kind: 'deposit', recipient: toHex(leaf.recipient) } : { kind: leaf.kind };
}

/** Reads the JSON of a custody leaf; null where it is none. */
export function parseLeaf(value: unknown): CustodyLeaf | null {
  const parsed = leafSchema.safeParse(value);
  return parsed.success ? readLeaf(parsed.data) : null;
}

function readLeaf(leaf: z.infer<typeof leafSchema>): CustodyLeaf {
  return leaf.kind === 'deposit'
    ? { kind: 'deposit', recipient: fromHex(leaf.recipient, { bytes: RECIPIENT_BYTES }) }
    : leaf;
}
