// Steps of the treasury line as PSBTs (BIP 174, Taproot fields of BIP 371): what operators can export, open in other wallets' tools and
// inspect before or after the federation signs.
import { base64 } from '@scure/base';
import { TaprootControlBlock, Transaction } from '@scure/btc-signer';
import { toHex } from '../crypto/bytes.ts';
import { custodyScript } from '../crypto/taproot.ts';
import { type BuiltSpend, spendTransaction } from './custody-spend.ts';
import { type BitcoinNetwork, scriptAddress } from './network.ts';

/** Largest PSBT that is read, in bytes. */
export const PSBT_BYTES_MAX = 1024 * 1024;
const TAPSCRIPT_LEAF_VERSION = 0xc0;

/**
 * A transaction as a base64 PSBT with internal key, merkle root, leaf script and UTXO of each input. `groupKey`: 33 bytes, of
 * the key that holds the inputs.
 */
export function exportPsbt(built: BuiltSpend, groupKey: Uint8Array): string {
  const transaction = spendTransaction(built.inputs, built.outputs);
  for (const [index, { leaf, amount }] of built.inputs.entries()) {
    const custody = custodyScript(groupKey, leaf);
    const script = Uint8Array.from([...custody.leafScript, TAPSCRIPT_LEAF_VERSION]);
    transaction.updateInput(index, {
      witnessUtxo: { script: custody.scriptPubKey, amount },
      tapInternalKey: custody.internalKey,
      tapMerkleRoot: custody.merkleRoot,
      tapLeafScript: [[TaprootControlBlock.decode(custody.controlBlock), script]],
    });
  }
  return base64.encode(transaction.toPSBT());
}

/** What a PSBT says, for people. Amounts in sats; bytes in lowercase hexadecimal; null where the PSBT is silent. */
export interface PsbtSummary {
  /** Of the unsigned transaction; signing a Taproot spend does not change it. */
  readonly txid: string;
  readonly version: number;
  readonly lockTime: number;
  /** Inputs less outputs; null where an input's UTXO is not given. */
  readonly fee: bigint | null;
  readonly inputs: readonly {
    readonly txid: string;
    readonly vout: number;
    readonly sequence: number;
    readonly amount: bigint | null;
    readonly address: string | null;
    readonly internalKey: string | null;
    readonly merkleRoot: string | null;
    readonly leafScripts: readonly string[];
    readonly signed: boolean;
  }[];
  readonly outputs: readonly { readonly amount: bigint; readonly script: string; readonly address: string | null }[];
}

export type PsbtVerdict =
  | { readonly ok: true; readonly summary: PsbtSummary }
  | { readonly ok: false; readonly reason: 'too_large' | 'malformed' };

/** Reads a base64 PSBT from outside and sums it up. Never throws. */
export function inspectPsbt(text: string, network: BitcoinNetwork): PsbtVerdict {
  if (text.length > Math.ceil(PSBT_BYTES_MAX / 3) * 4) return { ok: false, reason: 'too_large' };
  try {
    return { ok: true, summary: summarize(Transaction.fromPSBT(base64.decode(text.trim())), network) };
  } catch {
    return { ok: false, reason: 'malformed' };
  }
}

function summarize(transaction: Transaction, network: BitcoinNetwork): PsbtSummary {
  const inputs = Array.from({ length: transaction.inputsLength }, (_, index) => {
    const input = transaction.getInput(index);
    if (input.txid === undefined || input.index === undefined) throw new Error('an input without outpoint');
    const hex = (bytes: Uint8Array | undefined) => (bytes === undefined ? null : toHex(bytes));
    return {
      txid: toHex(input.txid),
      vout: input.index,
      sequence: input.sequence ?? 0xffff_ffff,
      amount: input.witnessUtxo?.amount ?? null,
      address: input.witnessUtxo === undefined ? null : scriptAddress(input.witnessUtxo.script, network),
      internalKey: hex(input.tapInternalKey),
      merkleRoot: hex(input.tapMerkleRoot),
      leafScripts: (input.tapLeafScript ?? []).map(([, script]) => toHex(script.subarray(0, -1))),
      signed: input.tapKeySig !== undefined || input.finalScriptWitness !== undefined,
    };
  });
  const outputs = Array.from({ length: transaction.outputsLength }, (_, index) => {
    const { amount, script } = transaction.getOutput(index);
    if (amount === undefined || script === undefined) throw new Error('an output without amount or script');
    return { amount, script: toHex(script), address: scriptAddress(script, network) };
  });
  const known = inputs.every((input) => input.amount !== null);
  const spent = inputs.reduce((total, input) => total + (input.amount ?? 0n), 0n);
  const paid = outputs.reduce((total, output) => total + output.amount, 0n);
  return {
    txid: transaction.id,
    version: transaction.version,
    lockTime: transaction.lockTime,
    fee: known ? spent - paid : null,
    inputs,
    outputs,
  };
}
