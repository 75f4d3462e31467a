// Verifies the signatures of transactions on the simulated Bitcoin network: key-path spends of Taproot outputs (BIP 341).
import { schnorr } from '@noble/curves/secp256k1.js';
import { SigHash, type Transaction } from '@scure/btc-signer';
import { toHex } from '../crypto/bytes.ts';
import type { Output } from './raw-bytes.ts';

// The same transaction comes from every node.
const verified = new Map<string, boolean>();

/** Whether an input of a transaction has the signature that its spent output asks for. `spent`: of all inputs, in order. */
export function isSigned(parsed: Transaction, index: number, spent: readonly Output[]): boolean {
  const [signature = new Uint8Array(0)] = parsed.getInput(index).finalScriptWitness ?? [];
  const name = `${parsed.id}/${index}/${toHex(signature)}`;
  const known = verified.get(name);
  if (known !== undefined) return known;
  const scripts = spent.map(({ script }) => script);
  const message = parsed.preimageWitnessV1(
    index,
    scripts,
    SigHash.DEFAULT,
    spent.map(({ amount }) => amount),
  );
  const key = scripts[index]?.slice(2) ?? new Uint8Array(0);
  const isValid = signature.length === 64 && schnorr.verify(signature, message, key);
  if (verified.size > 10_000) verified.clear();
  verified.set(name, isValid);
  return isValid;
}
