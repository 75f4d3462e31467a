// Attestations as peers tell each other of them. Each is a claim, which the group's signature proves or nothing does.
import { attestationId, mintNonce, verifyAttestation } from '../../crypto/attestation.ts';
import { fromHex } from '../../crypto/bytes.ts';
import type { Attestation } from '../../store/attestations.ts';
import type { FederationKey } from '../keys/keys.ts';
import type { ToldAttestation } from '../peers/messages-finished.ts';

/** An attestation as it is told. */
export function tellAttestation(attestation: Attestation): ToldAttestation {
  const { txid, vout, recipient, amount, expiry, signature, signatureExpiry } = attestation;
  return {
    ...{ txid, vout, recipient, amount: `${amount}`, expiry: `${expiry}`, signature },
    signature_expiry: signatureExpiry === null ? null : `${signatureExpiry}`,
  };
}

/** Whether the group has signed what a peer tells. */
export function signatureHolds(told: ToldAttestation, key: FederationKey): boolean {
  const { txid, vout, recipient, amount, signature, signature_expiry } = told;
  if (signature === null || signature_expiry === null) return false;
  const attestation = {
    id: attestationId(txid, vout),
    depositTxid: txid,
    depositVout: vout,
    recipient: fromHex(recipient, { bytes: 32 }),
    amountSats: BigInt(amount),
    nonce: mintNonce(txid, vout),
    expiry: BigInt(signature_expiry),
    signature: fromHex(signature, { bytes: 64 }),
    createdAt: 0n,
  };
  return verifyAttestation('mint', attestation, key.attestation.publicKey);
}
