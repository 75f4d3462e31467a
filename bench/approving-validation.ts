// The validation of the bench's nodes: it always approves and writes its decision to a real store. What a real one asks its
// Bitcoin and Wire nodes is not what is measured here.
import type { Intent } from '../ceremony/intent.ts';
import { attestationMessages } from '../ceremony/intent-messages.ts';
import type { DerivedMessage } from '../ceremony/signing/participant.ts';
import { mintNonce } from '../crypto/attestation.ts';
import { utf8 } from '../crypto/bytes.ts';
import type { SchemeName } from '../crypto/scheme.ts';
import { taggedHash } from '../crypto/tagged-hash.ts';
import { Validation } from '../operator/validation/validation.ts';
import type { Verdict } from '../operator/validation/verdict.ts';
import { decideAttestations } from '../store/attestations.ts';
import type { Queries } from '../store/database.ts';

const BENCH_TAG = '0BTC_WIRE_BENCH';

/** The messages of a test or attestation intent, under either key. */
export function benchMessages(intent: Intent, scheme: SchemeName): DerivedMessage[] {
  if (intent.kind !== 'attestation') {
    const text = intent.kind === 'test_message' ? intent.message : '';
    return [{ message: taggedHash(BENCH_TAG, utf8(text)), tweaks: [] }];
  }
  const messages = attestationMessages(intent);
  if (scheme === 'ed25519') return messages;
  return messages.map(({ message, tweaks }) => ({ message: taggedHash(BENCH_TAG, message), tweaks }));
}

/** Validation that says yes; `onCommit` is told of each durable commit. */
export function approvingValidation(db: Queries, onCommit: () => void): Validation {
  const validate = async (intent: Intent, _keyId: string, scheme: SchemeName): Promise<Verdict> => {
    return { ok: true, messages: benchMessages(intent, scheme), decide: () => decide(db, intent, onCommit) };
  };
  return Object.create(Validation.prototype, { validate: { value: validate } });
}

function decide(db: Queries, intent: Intent, onCommit: () => void): { readonly ok: true } {
  if (intent.kind !== 'attestation') return { ok: true };
  const items = intent.items.map(({ txid, vout, recipient, amount, expiry }) => {
    const nonce = mintNonce(txid, vout);
    return { txid, vout, recipient, amount: BigInt(amount), nonce, expiry: BigInt(expiry) };
  });
  const verdicts = decideAttestations(db, items, Date.now());
  if (verdicts.some((verdict) => !verdict.ok)) throw new Error('the bench contradicts itself');
  onCommit();
  return { ok: true };
}
