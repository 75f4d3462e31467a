// The full meaning of a step of the treasury line: which treasury output it spends, what it sweeps, which burns it pays,
// the miner fee and the surplus that it leaves. This is what operators ask each other to sign; each derives the transaction
// from it (line.ts). JSON: snake_case, bytes in lowercase hexadecimal, amounts as decimal strings of sats.
import { fromHex, toHex } from '../crypto/bytes.ts';
import { type LineJson, type LineKind, lineSchema } from '../crypto/line-json.ts';
import { type CustodyLeaf, RECIPIENT_BYTES } from '../crypto/taproot.ts';
import type { BurnClaim } from './burn.ts';
import type { Valued } from './outpoint.ts';

export { LINE_BURNS_MAX, LINE_INPUTS_MAX, LINE_KINDS, type LineKind } from '../crypto/line-json.ts';

/** A burn that a step pays; `nullifier`: 64 lowercase hexadecimal characters, as Wire tells it. */
export interface LineBurn extends BurnClaim {
  readonly nullifier: string;
}

/** An output that a step sweeps into the treasury: a deposit, or a stray (an output of the treasury script off the line). */
export interface SweptOutput extends Valued {
  readonly leaf: Extract<CustodyLeaf, { kind: 'deposit' | 'treasury' }>;
}

/** A step of the line. Amounts in sats. */
export interface LineIntent {
  readonly step: LineKind;
  /** A test step carries one input that cannot exist; it can never be mined and stands outside the line. */
  readonly test: boolean;
  /** The treasury output that it spends: the root, or output 0 of the step before. */
  readonly treasury: Valued;
  /** Ascending by outpoint. */
  readonly swept: readonly SweptOutput[];
  /** Ascending by burn txid. */
  readonly burns: readonly LineBurn[];
  /** Where a `consolidate` step pays; null for all others. */
  readonly destination: { readonly script: Uint8Array; readonly amount: bigint } | null;
  /** The miner fee: inputs less outputs. */
  readonly fee: bigint;
  /** The surplus after this step. */
  readonly surplus: bigint;
}

/** Reads a step from its JSON, whose form has been checked or not; null where it does not have it. Validates nothing. */
export function parseLineIntent(value: unknown): LineIntent | null {
  const parsed = lineSchema.safeParse(value);
  return parsed.success ? readLine(parsed.data) : null;
}

/** A step from JSON whose form has been checked. */
export function readLine(json: LineJson): LineIntent {
  const { step, test, treasury, swept, burns, destination, fee, surplus } = json;
  return {
    step,
    test,
    treasury: { txid: treasury.txid, vout: treasury.vout, amount: BigInt(treasury.amount) },
    swept: swept.map(({ txid, vout, amount, leaf }) => ({ txid, vout, amount: BigInt(amount), leaf: readLeaf(leaf) })),
    burns: burns.map(({ burn_txid, nullifier, address, amount, fee: burnFee }) => ({
      burnTxid: burn_txid,
      nullifier,
      address,
      amount: BigInt(amount),
      fee: BigInt(burnFee),
    })),
    destination:
      destination === null ? null : { script: fromHex(destination.script), amount: BigInt(destination.amount) },
    fee: BigInt(fee),
    surplus: BigInt(surplus),
  };
}

/** The JSON of a step. */
export function lineJson(intent: LineIntent): LineJson {
  const { step, test, treasury, swept, burns, destination, fee, surplus } = intent;
  return {
    kind: 'line',
    step,
    test,
    treasury: { txid: treasury.txid, vout: treasury.vout, amount: `${treasury.amount}` },
    swept: swept.map(({ txid, vout, amount, leaf }) => ({
      txid,
      vout,
      amount: `${amount}`,
      leaf: sweptLeafJson(leaf),
    })),
    burns: burns.map((burn) => ({
      burn_txid: burn.burnTxid,
      nullifier: burn.nullifier,
      address: burn.address,
      amount: `${burn.amount}`,
      fee: `${burn.fee}`,
    })),
    destination: destination === null ? null : { script: toHex(destination.script), amount: `${destination.amount}` },
    fee: `${fee}`,
    surplus: `${surplus}`,
  };
}

function sweptLeafJson(leaf: SweptOutput['leaf']): LineJson['swept'][number]['leaf'] {
  return leaf.kind === 'deposit' ? { kind: 'deposit', recipient: toHex(leaf.recipient) } : { kind: 'treasury' };
}

function readLeaf(leaf: LineJson['swept'][number]['leaf']): SweptOutput['leaf'] {
  return leaf.kind === 'deposit'
    ? { kind: 'deposit', recipient: fromHex(leaf.recipient, { bytes: RECIPIENT_BYTES }) }
    : leaf;
}
