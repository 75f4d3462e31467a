// Attestations that peers tell of, made ready to be kept by a node that is catching up. The group's signature proves one;
// without it the deposit itself must say the same, as its address commits to the recipient.
import { verifyDeposit } from '../../chain/deposit.ts';
import { leafJson } from '../../chain/payout-intent.ts';
import { attestationId, mintNonce, verifyAttestation } from '../../crypto/attestation.ts';
import { fromHex } from '../../crypto/bytes.ts';
import {
  type Attestation,
  type AttestationClaim,
  decideAttestations,
  getAttestation,
  recordAttestationSignature,
} from '../../store/attestations.ts';
import type { Queries } from '../../store/database.ts';
import { getDeposit, recordDeposit, setDepositStatus } from '../../store/deposits.ts';
import { recordUtxo } from '../../store/utxos.ts';
import { type Bridge, outputHeight } from '../bridge/bridge.ts';
import { claimOf } from '../judge/judge-attestation.ts';
import type { FederationKey } from '../keys.ts';
import type { Told } from './decisions-exchange.ts';

type Claim = Told['attestations'][number];

/** Keeps one verified attestation as an own decision. */
export type KeepAttestation = (tx: Queries, now: number) => 'kept' | 'known' | 'contradicts';

/** Verifies all claims, signed ones first; one that proves nothing is dropped and logged. */
export async function prepareAttestations(
  bridge: Pick<Bridge, 'bitcoin' | 'judge' | 'log'>,
  key: FederationKey,
  told: readonly Told[],
): Promise<readonly KeepAttestation[] | 'unavailable'> {
  const signed: KeepAttestation[] = [];
  const decided: KeepAttestation[] = [];
  const seen = new Set<string>();
  for (const { peer, attestations } of told) {
    for (const claim of attestations) {
      const name = JSON.stringify(claim);
      if (seen.has(name)) continue;
      seen.add(name);
      const isSigned = signatureHolds(claim, key);
      const proof = isSigned ? 'proven' : await deposited(bridge, key, claim);
      if (proof === 'unavailable') return 'unavailable';
      if (proof === 'unproven') {
        bridge.log('warn', 'told_attestation_unproven', { peer, txid: claim.txid, vout: claim.vout });
        continue;
      }
      if (isSigned) signed.push(await keepSigned(bridge, claim));
      else decided.push(keepDecided(claim));
    }
  }
  return [...signed, ...decided];
}

/** Whether the group has signed a claim. */
export function signatureHolds(claim: Claim, key: FederationKey): boolean {
  const { txid, vout, recipient, amount, signature, signature_expiry } = claim;
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

async function deposited(
  { bitcoin, judge }: Pick<Bridge, 'bitcoin' | 'judge'>,
  key: FederationKey,
  claim: Claim,
): Promise<'proven' | 'unproven' | 'unavailable'> {
  const { bitcoinKey, confirmations } = judge.attestationBench(key);
  const rules = { network: bitcoin.network, groupKey: bitcoinKey.publicKey, confirmations };
  const { txid, vout, recipient, amount } = claim;
  const verdict = await verifyDeposit(bitcoin, rules, {
    ...{ txid, vout, recipient: fromHex(recipient, { bytes: 32 }), amount: BigInt(amount) },
  });
  if (verdict.ok) return 'proven';
  return verdict.reason === 'bitcoin_unavailable' ? 'unavailable' : 'unproven';
}

function keepDecided(claim: Claim): KeepAttestation {
  return (tx, now) => {
    const decided = claimOf(claim);
    if (knownAs(tx, decided) !== null) return 'known';
    const [verdict] = decideAttestations(tx, [decided], now);
    return verdict?.ok === true ? 'kept' : 'contradicts';
  };
}

async function keepSigned({ bitcoin }: Pick<Bridge, 'bitcoin'>, claim: Claim): Promise<KeepAttestation> {
  const { txid, vout, recipient, signature, signature_expiry } = claim;
  // Null where the deposit has been spent since, and where it cannot be told now: the follower of deposits finds it.
  const height = await outputHeight(bitcoin, { txid, vout }).catch(() => null);
  return (tx, now) => {
    const decided = claimOf({ ...claim, expiry: signature_expiry ?? claim.expiry });
    if ((knownAs(tx, decided)?.signature ?? null) !== null) return 'known';
    const [verdict] = decideAttestations(tx, [decided], now);
    if (verdict?.ok !== true) return 'contradicts';
    recordAttestationSignature(tx, decided, signature ?? '', now);
    const { amount } = decided;
    recordDeposit(tx, { txid, vout, recipient, amount, height, blockHash: null }, now);
    if (getDeposit(tx, { txid, vout })?.status !== 'minted') setDepositStatus(tx, { txid, vout }, 'attested', now);
    const leaf = leafJson({ kind: 'deposit', recipient: fromHex(recipient, { bytes: 32 }) });
    if (height !== null) recordUtxo(tx, { txid, vout, amount, leaf, height }, now);
    return 'kept';
  };
}

// The own decision where it says the same; one that says otherwise is for `decideAttestations` to refuse.
function knownAs(tx: Queries, claim: AttestationClaim): Attestation | null {
  const known = getAttestation(tx, claim);
  return known?.recipient === claim.recipient && known.amount === claim.amount ? known : null;
}
