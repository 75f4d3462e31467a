// A signed payout that came from outside: whether these bytes are the transaction of an intent, every input signed.

import { Transaction } from '@scure/btc-signer';
import type { PayoutIntent } from './payout-intent.ts';
import { type BuiltPayout, buildPayout, finalizePayout } from './transaction.ts';

/** Verdict on a signed transaction; `detail`: one sentence for operators. */
export type SignedPayoutVerdict =
  | { readonly ok: true; readonly txid: string }
  | { readonly ok: false; readonly detail: string };

/** Whether `transaction` is exactly the payout of this intent under the group key (33 bytes). Never throws on either. */
export function checkSignedPayout(
  intent: PayoutIntent,
  groupKey: Uint8Array,
  transaction: Uint8Array,
): SignedPayoutVerdict {
  const payout = tryBuild(intent, groupKey);
  if (payout === null) return { ok: false, detail: 'its intent is none of a transaction' };
  let signatures: readonly Uint8Array[];
  try {
    const parsed = Transaction.fromRaw(transaction, { allowUnknownOutputs: true });
    signatures = Array.from({ length: parsed.inputsLength }, (_, i) => {
      const witness = parsed.getInput(i).finalScriptWitness ?? [];
      return witness.length === 1 ? (witness[0] ?? new Uint8Array(0)) : new Uint8Array(0);
    });
  } catch {
    return { ok: false, detail: 'it is not a transaction' };
  }
  if (signatures.length !== payout.messages.length) return { ok: false, detail: 'it has other inputs than its intent' };
  const final = finalizePayout(payout, signatures);
  if (!final.ok) return { ok: false, detail: `the signatures of inputs ${final.inputs.join(', ')} do not verify` };
  const same = Buffer.compare(final.transaction, transaction) === 0;
  return same ? { ok: true, txid: final.txid } : { ok: false, detail: 'it is not the transaction of its intent' };
}

// An announced intent has its form and nothing more: an output script may be none.
function tryBuild(intent: PayoutIntent, groupKey: Uint8Array): BuiltPayout | null {
  try {
    return buildPayout(intent, groupKey);
  } catch {
    return null;
  }
}
