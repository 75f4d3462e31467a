// The full meaning of a fee bump child: which payout it helps, the change of it that it spends, and what it leaves. This
// is what travels between operators; each re-derives the transaction from it. JSON as in payout-intent.ts.
import { toHex } from '../crypto/bytes.ts';
import type { Json } from '../crypto/canonical-json.ts';
import { payoutChildSchema } from '../crypto/payout-json.ts';
import type { BurnOutput } from './burn.ts';
import { PAYOUT_LIMITS, readOutput } from './payout-intent.ts';
import { type BuiltPayout, buildPayout } from './transaction.ts';

/** A child: one input, the change of the payout `parentTxid`, and one output. Amounts in sats. */
export interface ChildIntent {
  readonly kind: 'payout_child';
  readonly parentTxid: string;
  /** The parent's change output, and what it holds. */
  readonly vout: number;
  readonly amount: bigint;
  readonly output: BurnOutput;
  /** The miner fee: `amount` less the output. */
  readonly fee: bigint;
}

const intentSchema = payoutChildSchema(PAYOUT_LIMITS);

/** Reads an intent that came from a peer; null where it does not have the shape. Judges nothing. */
export function parseChildIntent(value: unknown): ChildIntent | null {
  const parsed = intentSchema.safeParse(value);
  if (!parsed.success) return null;
  const { kind, parent_txid: parentTxid, vout, amount, output, fee } = parsed.data;
  return { kind, parentTxid, vout, amount: BigInt(amount), output: readOutput(output), fee: BigInt(fee) };
}

/** The JSON of an intent. */
export function childIntentJson({ kind, parentTxid, vout, amount, output, fee }: ChildIntent): Json {
  return {
    kind,
    parent_txid: parentTxid,
    vout,
    amount: amount.toString(),
    output: { script: toHex(output.script), amount: output.amount.toString() },
    fee: fee.toString(),
  };
}

/**
 * The transaction of a child with the one message to sign: as a payout of no burn, so that both have one form. Throws
 * where the output's script is malformed: check it before.
 */
export function buildChild({ parentTxid, vout, amount, output, fee }: ChildIntent, groupKey: Uint8Array): BuiltPayout {
  const inputs = [{ txid: parentTxid, vout, amount, leaf: { kind: 'change' } as const }];
  return buildPayout({ kind: 'payout', test: false, burns: [], inputs, outputs: [output], lockTime: 0, fee }, groupKey);
}
