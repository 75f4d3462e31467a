// The bytes that an intent has the key sign, for the kinds that need no view of Bitcoin. A payout's messages are BIP
// 341 sighashes, which chain/ derives.
import { attestationBytes, mintNonce } from '../crypto/attestation.ts';
import { concat, fromHex, utf8 } from '../crypto/bytes.ts';
import type { SchemeName } from '../crypto/scheme.ts';
import { taggedHash } from '../crypto/tagged-hash.ts';
import type { AttestationIntent, CeremonyProofIntent, TestMessageIntent } from './intent.ts';
import type { DerivedMessage } from './signing/participant.ts';

/** Domain tag of test signatures: nothing of value is ever signed under it. */
export const TEST_SIGNING_DOMAIN = '0BTC_WIRE_TEST_SIGNING';
/** Domain tag of a key's signature over the ceremony that made it. */
export const CEREMONY_PROOF_DOMAIN = '0BTC_WIRE_CEREMONY_PROOF';

/** The one message of a test intent: a BIP 340 tagged hash, or tag ‖ text for Ed25519. */
export function testMessages(scheme: SchemeName, intent: TestMessageIntent): DerivedMessage[] {
  return [{ message: domainMessage(scheme, TEST_SIGNING_DOMAIN, utf8(intent.message)), tweaks: [] }];
}

/** The one message of a ceremony proof: over the 32-byte transcript hash ‖ the ceremony id. */
export function ceremonyProofMessages(scheme: SchemeName, intent: CeremonyProofIntent): DerivedMessage[] {
  const payload = concat(fromHex(intent.transcript_hash, { bytes: 32 }), utf8(intent.ceremony_id));
  return [{ message: domainMessage(scheme, CEREMONY_PROOF_DOMAIN, payload), tweaks: [] }];
}

/** One message per item of an attestation intent, in order; the nonce is derived from the outpoint. */
export function attestationMessages(intent: AttestationIntent): DerivedMessage[] {
  return intent.items.map(({ txid, vout, recipient, amount, expiry }) => {
    const fields = {
      depositTxid: txid,
      depositVout: vout,
      recipient: fromHex(recipient, { bytes: 32 }),
      amountSats: BigInt(amount),
      nonce: mintNonce(txid, vout),
      expiry: BigInt(expiry),
    };
    return { message: attestationBytes(intent.test ? 'test' : 'mint', fields), tweaks: [] };
  });
}

function domainMessage(scheme: SchemeName, domain: string, payload: Uint8Array): Uint8Array {
  return scheme === 'bip340' ? taggedHash(domain, payload) : concat(utf8(domain), payload);
}
