// Payouts as Bitcoin transactions: version 2, replaceable (BIP 125), key-path spends (BIP 341) whose messages the
// federation signs. The transaction follows from the intent and the group key alone, so every node builds the same one.
import { schnorr } from '@noble/curves/secp256k1.js';
import { Transaction } from '@scure/btc-signer';
import { fromHex, toHex, u32be } from '../crypto/bytes.ts';
import type { Tweak } from '../crypto/scheme.ts';
import { taggedHash } from '../crypto/tagged-hash.ts';
import { type CustodyScript, custodyScript } from '../crypto/taproot.ts';
import type { BurnClaim } from './burn.ts';
import { payoutWeight, virtualSize } from './fee.ts';
import type { CustodyUtxo, PayoutIntent } from './payout-intent.ts';
import { keyPathSighash } from './sighash.ts';

/** Signals replaceability and leaves nLockTime in force (BIP 125). */
export const REPLACEABLE_SEQUENCE = 0xffff_fffd;
const PAYOUT_VERSION = 2;
/** No transaction fits 2^32 outputs, so no output has this number. */
export const IMPOSSIBLE_VOUT = 0xffff_ffff;

const TEST_OUTPOINT_TAG = '0BTC_WIRE_TEST_OUTPOINT';

/** What the federation signs for one input. */
export interface PayoutMessage {
  /** 32 bytes: the BIP 341 sighash, SIGHASH_DEFAULT. */
  readonly message: Uint8Array;
  readonly tweaks: readonly Tweak[];
  /** 32 bytes, x-only: the key that the signature must verify under. */
  readonly outputKey: Uint8Array;
}

/** An unsigned payout. */
export interface BuiltPayout {
  readonly intent: PayoutIntent;
  /** The transaction without witnesses. */
  readonly unsigned: Uint8Array;
  /** 64 lowercase hexadecimal characters; signing does not change it. */
  readonly txid: string;
  /** Exact size once signed, in virtual bytes. */
  readonly vsize: number;
  readonly weight: number;
  /** The custody output each input spends, and its message, in the order of the inputs. */
  readonly custody: readonly CustodyScript[];
  readonly messages: readonly PayoutMessage[];
}

/**
 * The input that makes a payout a test: the outpoint (SHA256(SHA256(tag) ‖ SHA256(tag) ‖ count u32 BE ‖ burn txids),
 * 2^32 − 1) with tag `0BTC_WIRE_TEST_OUTPOINT` and txids as 32 bytes in display order. No transaction can have an
 * output of that number, let alone one whose id is this hash. It is worth 0 sats and has the script of the leaf
 * `test`. Every signature of a payout commits to all of its inputs, hence none can serve in a transaction that could
 * be mined.
 */
export function testInput(burns: readonly BurnClaim[]): CustodyUtxo {
  const txids = burns.map((burn) => fromHex(burn.burnTxid, { bytes: 32 }));
  const hash = taggedHash(TEST_OUTPOINT_TAG, u32be(burns.length), ...txids);
  return { txid: toHex(hash), vout: IMPOSSIBLE_VOUT, amount: 0n, leaf: { kind: 'test' } };
}

/** Builds the transaction and the message of each input. Throws where the intent is malformed: check it before. */
export function buildPayout(intent: PayoutIntent, groupKey: Uint8Array): BuiltPayout {
  const transaction = payoutTransaction(intent);
  const spends = intent.inputs.map((input) => ({ ...input, output: custodyScript(groupKey, input.leaf) }));
  const custody = spends.map(({ output }) => output);
  const sighash = keyPathSighash(
    { version: PAYOUT_VERSION, lockTime: intent.lockTime, outputs: intent.outputs },
    spends.map(({ output, ...spent }) => ({
      ...spent,
      script: output.scriptPubKey,
      sequence: REPLACEABLE_SEQUENCE,
    })),
  );
  const messages = custody.map(({ tweak, outputKey }, index) => ({
    message: sighash(index),
    tweaks: [{ tweak, xOnly: true }],
    outputKey,
  }));
  const weight = payoutWeight(
    intent.inputs.length,
    intent.outputs.map((output) => output.script.length),
  );
  const unsigned = transaction.unsignedTx;
  return { intent, unsigned, txid: transaction.id, vsize: virtualSize(weight), weight, custody, messages };
}

/** The transaction of an intent in @scure/btc-signer's form, without witness data. */
export function payoutTransaction(intent: PayoutIntent): Transaction {
  const transaction = new Transaction({
    version: PAYOUT_VERSION,
    lockTime: intent.lockTime,
    allowUnknownOutputs: true,
  });
  for (const { txid, vout } of intent.inputs) {
    transaction.addInput({ txid, index: vout, sequence: REPLACEABLE_SEQUENCE });
  }
  for (const { script, amount } of intent.outputs) transaction.addOutput({ script, amount });
  return transaction;
}

/** A signed transaction, or the inputs whose signature does not verify. */
export type FinalPayout =
  | { readonly ok: true; readonly transaction: Uint8Array; readonly txid: string; readonly vsize: number }
  | { readonly ok: false; readonly reason: 'bad_signature'; readonly inputs: readonly number[] };

/**
 * Puts 64-byte signatures, in the order of the inputs, into the witnesses. Each is first verified under the output
 * key of its UTXO, which btc-signer's own `finalize` does not do. Throws where there are too many or too few.
 */
export function finalizePayout(payout: BuiltPayout, signatures: readonly Uint8Array[]): FinalPayout {
  if (signatures.length !== payout.messages.length) throw new Error('one signature per input is needed');
  const bad = payout.messages.flatMap((input, index) => {
    const signature = signatures[index];
    return signature !== undefined && verifies(signature, input) ? [] : [index];
  });
  if (bad.length > 0) return { ok: false, reason: 'bad_signature', inputs: bad };
  const transaction = payoutTransaction(payout.intent);
  for (const [index, signature] of signatures.entries()) {
    transaction.updateInput(index, { finalScriptWitness: [signature] }, true);
  }
  const bytes = transaction.toBytes(true, true);
  if (transaction.id !== payout.txid || transaction.vsize !== payout.vsize) {
    throw new Error('the signed transaction differs from the one that was built');
  }
  return { ok: true, transaction: bytes, txid: payout.txid, vsize: payout.vsize };
}

function verifies(signature: Uint8Array, input: PayoutMessage): boolean {
  if (signature.length !== 64) return false;
  try {
    return schnorr.verify(signature, input.message, input.outputKey);
  } catch {
    return false;
  }
}
