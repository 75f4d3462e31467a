// The full meaning of a payout: which burns it pays, what it spends under which custody leaf, and every output. This is
// what travels between operators; each re-derives the transaction from it. JSON: snake_case, bytes in lowercase
// hexadecimal, amounts as decimal strings of sats.
import type { z } from 'zod';
import { fromHex, toHex } from '../crypto/bytes.ts';
import type { Json } from '../crypto/canonical-json.ts';
import { leafSchema, type PayoutLimits, payoutSchema } from '../crypto/payout-json.ts';
import { type CustodyLeaf, RECIPIENT_BYTES } from '../crypto/taproot.ts';
import type { BurnClaim, BurnOutput } from './burn.ts';
import type { Valued } from './outpoint.ts';

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

/** What this node would ever sign: a payout that exceeds any of it is not read. Within what messages may carry. */
export const PAYOUT_LIMITS: PayoutLimits = {
  burnsMin: 1,
  burnsMax: PAYOUT_BURNS_MAX,
  inputsMax: PAYOUT_INPUTS_MAX,
  // The change besides.
  outputsMax: PAYOUT_BURNS_MAX + 1,
  scriptBytesMax: OUTPUT_SCRIPT_BYTES_MAX,
};

const intentSchema = payoutSchema(PAYOUT_LIMITS);

/** Reads an intent that came from a peer; null where it does not have the shape. Judges nothing. */
export function parsePayoutIntent(value: unknown): PayoutIntent | null {
  const parsed = intentSchema.safeParse(value);
  if (!parsed.success) return null;
  const { kind, test, burns, inputs, outputs, lock_time: lockTime, fee } = parsed.data;
  return {
    kind,
    test,
    burns: burns.map((burn) => ({
      burnTxid: burn.burn_txid,
      address: burn.address,
      amount: BigInt(burn.amount),
      fee: BigInt(burn.fee),
    })),
    inputs: inputs.map(({ txid, vout, amount, leaf }) => ({
      txid,
      vout,
      amount: BigInt(amount),
      leaf: readLeaf(leaf),
    })),
    outputs: outputs.map(readOutput),
    lockTime,
    fee: BigInt(fee),
  };
}

/** An output from its JSON, whose form has been checked. */
export function readOutput({ script, amount }: { readonly script: string; readonly amount: string }): BurnOutput {
  return { script: fromHex(script), amount: BigInt(amount) };
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
