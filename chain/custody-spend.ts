// A transaction that spends custody outputs: version 2, replaceable (BIP 125), lock time 0, every input a Taproot key path
// (BIP 341) with SIGHASH_DEFAULT. It follows from inputs, outputs and group key alone, so every node builds the same one.
// The unsigned bytes are written here: btc-signer examines every output again, which takes a tenth of a second for a
// thousand burns. The signed transaction is btc-signer's, and must have the same txid.
import { schnorr } from '@noble/curves/secp256k1.js';
import { Transaction } from '@scure/btc-signer';
import { concat, equal, sha256, toHex, u32le, u64le } from '../crypto/bytes.ts';
import type { Tweak } from '../crypto/scheme.ts';
import { type CustodyLeaf, custodyScript } from '../crypto/taproot.ts';
import { hashBytes, hashName } from './block-hash.ts';
import { payoutWeight, virtualSize } from './fee.ts';
import type { Outpoint, Valued } from './outpoint.ts';
import { keyPathSighash } from './sighash.ts';

/** nVersion of every transaction. */
export const SPEND_VERSION = 2;
/** Signals replaceability and leaves nLockTime in force (BIP 125). */
export const SPEND_SEQUENCE = 0xffff_fffd;
const EMPTY_SCRIPT = Uint8Array.of(0);

/** A custody output that is spent: outpoint, sats, and the leaf from which its script and tweak follow. */
export interface CustodyInput extends Valued {
  readonly leaf: CustodyLeaf;
}

/** An output: its scriptPubKey and sats. */
export interface ScriptOutput {
  readonly script: Uint8Array;
  readonly amount: bigint;
}

/** Amount and script as a map key: outputs with the same one cannot be told apart. */
export function outputName({ script, amount }: ScriptOutput): string {
  return `${amount}/${toHex(script)}`;
}

/** The message that the federation signs for one input. */
export interface InputMessage {
  /** 32 bytes: the BIP 341 sighash, SIGHASH_DEFAULT. */
  readonly message: Uint8Array;
  readonly tweaks: readonly Tweak[];
  /** 32 bytes, x-only: the key that the signature must verify under. */
  readonly outputKey: Uint8Array;
}

/** An unsigned transaction. */
export interface BuiltSpend {
  readonly inputs: readonly CustodyInput[];
  readonly outputs: readonly ScriptOutput[];
  /** The transaction without witnesses. */
  readonly unsigned: Uint8Array;
  /** 64 lowercase hexadecimal characters; signing does not change it. */
  readonly txid: string;
  /** Exact size once signed, in virtual bytes. */
  readonly vsize: number;
  readonly weight: number;
  /** In the order of the inputs. */
  readonly messages: readonly InputMessage[];
}

/** Builds the transaction and the message of each input. `groupKey`: 33 bytes. */
export function buildSpend(
  inputs: readonly CustodyInput[],
  outputs: readonly ScriptOutput[],
  groupKey: Uint8Array,
): BuiltSpend {
  const unsigned = unsignedBytes(inputs, outputs);
  const custody = inputs.map(({ leaf }) => custodyScript(groupKey, leaf));
  const sighash = keyPathSighash(
    { version: SPEND_VERSION, lockTime: 0, outputs },
    inputs.map(({ txid, vout, amount, leaf }) => {
      const { scriptPubKey: script } = custodyScript(groupKey, leaf);
      return { txid, vout, amount, script, sequence: SPEND_SEQUENCE };
    }),
  );
  const weight = payoutWeight(
    inputs.length,
    outputs.map(({ script }) => script.length),
  );
  return {
    inputs,
    outputs,
    unsigned,
    txid: hashName(sha256(sha256(unsigned))),
    vsize: virtualSize(weight),
    weight,
    messages: custody.map(({ tweak, outputKey }, index) => ({
      message: sighash(index),
      tweaks: [{ tweak, xOnly: true }],
      outputKey,
    })),
  };
}

// Bitcoin's serialisation without witnesses.
function unsignedBytes(inputs: readonly Outpoint[], outputs: readonly ScriptOutput[]): Uint8Array {
  return concat(
    ...[u32le(SPEND_VERSION), compactSize(inputs.length)],
    ...inputs.flatMap(({ txid, vout }) => [
      ...[hashBytes(txid), u32le(vout)],
      ...[EMPTY_SCRIPT, u32le(SPEND_SEQUENCE)],
    ]),
    compactSize(outputs.length),
    ...outputs.flatMap(({ script, amount }) => [u64le(amount), compactSize(script.length), script]),
    u32le(0),
  );
}

function compactSize(count: number): Uint8Array {
  if (count > 0xffff) throw new RangeError(`${count} is more than a standard transaction has of anything`);
  return count < 0xfd ? Uint8Array.of(count) : Uint8Array.of(0xfd, count & 0xff, count >> 8);
}

/** The transaction in @scure/btc-signer's form, without witness data. */
export function spendTransaction(inputs: readonly Valued[], outputs: readonly ScriptOutput[]): Transaction {
  const transaction = new Transaction({ version: SPEND_VERSION, lockTime: 0, allowUnknownOutputs: true });
  for (const { txid, vout } of inputs) transaction.addInput({ txid, index: vout, sequence: SPEND_SEQUENCE });
  for (const { script, amount } of outputs) transaction.addOutput({ script, amount });
  return transaction;
}

/** A signed transaction, or the inputs whose signature does not verify. */
export type FinalSpend =
  | { readonly ok: true; readonly transaction: Uint8Array; readonly txid: string; readonly vsize: number }
  | { readonly ok: false; readonly reason: 'bad_signature'; readonly inputs: readonly number[] };

/**
 * Puts 64-byte signatures, in the order of the inputs, into the witnesses. Each is first verified under the output key of
 * its UTXO, which btc-signer's own `finalize` does not do. Throws where there are too many or too few.
 */
export function finalizeSpend(built: BuiltSpend, signatures: readonly Uint8Array[]): FinalSpend {
  if (signatures.length !== built.messages.length) throw new Error('one signature per input is needed');
  const bad = built.messages.flatMap((input, index) => {
    const signature = signatures[index];
    return signature !== undefined && verifies(signature, input) ? [] : [index];
  });
  if (bad.length > 0) return { ok: false, reason: 'bad_signature', inputs: bad };
  const transaction = witnessed(built, signatures);
  if (transaction.id !== built.txid || transaction.vsize !== built.vsize) {
    throw new Error('the signed transaction differs from the one that was built');
  }
  return { ok: true, transaction: transaction.toBytes(true, true), txid: built.txid, vsize: built.vsize };
}

/** Whether these bytes are the transaction with a right signature for each input, and nothing else. Never throws. */
export function signedBy(built: BuiltSpend, bytes: Uint8Array): boolean {
  try {
    const transaction = Transaction.fromRaw(bytes, { allowUnknownOutputs: true });
    if (transaction.id !== built.txid) return false;
    const signatures = built.inputs.map((_, index) => transaction.getInput(index).finalScriptWitness?.[0]);
    const given = signatures.flatMap((signature) => signature ?? []);
    if (given.length < signatures.length) return false;
    const final = finalizeSpend(built, given);
    return final.ok && equal(final.transaction, bytes);
  } catch {
    return false;
  }
}

/** The transaction with 64 zero bytes for each signature: what the policy of a Bitcoin node is asked about. */
export function placeholderSpend(built: BuiltSpend): Uint8Array {
  const signatures = built.inputs.map(() => new Uint8Array(64));
  return witnessed(built, signatures).toBytes(true, true);
}

function witnessed(built: BuiltSpend, signatures: readonly Uint8Array[]): Transaction {
  const transaction = spendTransaction(built.inputs, built.outputs);
  for (const [index, signature] of signatures.entries()) {
    transaction.updateInput(index, { finalScriptWitness: [signature] }, true);
  }
  return transaction;
}

function verifies(signature: Uint8Array, input: InputMessage): boolean {
  if (signature.length !== 64) return false;
  try {
    return schnorr.verify(signature, input.message, input.outputKey);
  } catch {
    return false;
  }
}
