// Attestations as this node keeps them: with their deposits and custody outputs, a batch in one commit.

import { leafJson } from '../../chain/custody-leaf.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { type Attestation, attestationId } from '../../crypto/attestation.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { decideAttestations, getAttestation, recordAttestationSignature } from '../../store/attestations.ts';
import { type Queries, transact } from '../../store/database.ts';
import { getDeposit, recordDeposit, setDepositStatuses } from '../../store/deposits.ts';
import { recordUtxo } from '../../store/utxos.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { claimOf } from '../validation/validate-attestation.ts';

/** What keeping works with. */
type KeepingBridge = Pick<Bridge, 'db' | 'bitcoin' | 'log'> & { readonly effects: Pick<Bridge['effects'], 'now'> };

/** How often the outputs are looked at until no block comes in between. */
const LOOKS_MAX = 4;

/** The attestation of an outpoint that this node holds with its signature, or null. */
export function keptAttestation(db: Queries, outpoint: Outpoint): Attestation | null {
  const known = getAttestation(db, outpoint);
  if (known === null || known.signature === null || known.signatureExpiry === null) return null;
  return {
    id: attestationId(known.txid, known.vout),
    depositTxid: known.txid,
    depositVout: known.vout,
    recipient: fromHex(known.recipient, { bytes: 32 }),
    amountSats: known.amount,
    nonce: known.nonce,
    expiry: known.signatureExpiry,
    signature: fromHex(known.signature, { bytes: 64 }),
    createdAt: BigInt(Math.floor(known.decidedAt / 1000)),
  };
}

/**
 * Keeps signed attestations in one commit: the decisions (which the signing made already, where this node signed), the
 * signatures, the deposits, the custody outputs. Throws where one was attested otherwise, which the validation refuses before.
 */
export async function keepAttestations(bridge: KeepingBridge, attestations: readonly Attestation[]): Promise<void> {
  const { db, effects, log } = bridge;
  const now = effects.now();
  const outpoints = attestations.map(outpointOf);
  const heights = await heightsOf(bridge, outpoints);
  transact(db, (tx) => {
    const claims = attestations.map(claimOfAttestation);
    const verdicts = decideAttestations(tx, claims, now);
    for (const [i, attestation] of attestations.entries()) {
      const claim = claims[i];
      if (claim === undefined || verdicts[i]?.ok !== true) {
        throw new Error(`${outpointName(outpointOf(attestation))} was attested otherwise`);
      }
      recordAttestationSignature(tx, claim, toHex(attestation.signature), now);
      keepDeposit(tx, attestation, heights[i] ?? null, now);
    }
    setDepositStatuses(tx, outpoints, 'attested', now);
  });
  for (const attestation of attestations) {
    log('info', 'deposit_attested', { ...outpointOf(attestation), amount: `${attestation.amountSats}` });
  }
}

/** The deposit's outpoint. */
export function outpointOf({ depositTxid: txid, depositVout: vout }: Attestation): Outpoint {
  return { txid, vout };
}

// The heights of the blocks that hold outputs; null where one is spent, or not in a block. Confirmations count from a tip: where
// a block comes or goes in between, the height would be that of another block.
async function heightsOf(
  { bitcoin }: Pick<Bridge, 'bitcoin'>,
  outpoints: readonly Outpoint[],
): Promise<readonly (number | null)[]> {
  let tip = await bitcoin.tip();
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const outputs = await bitcoin.txOuts(outpoints, 'confirmed');
    const after = await bitcoin.tip();
    if (after.hash === tip.hash) {
      return outputs.map((output) => (output === null ? null : after.height - output.confirmations + 1));
    }
    tip = after;
  }
  return outpoints.map(() => null);
}

// `seenAt`: the height of the block that holds it, or null. The scan's own word counts, and it alone takes it back: with a
// height of elsewhere a reorganisation would undo the deposit of a block that stays, or leave one of a block that is gone.
function keepDeposit(tx: Queries, attestation: Attestation, seenAt: number | null, now: number): void {
  const outpoint = outpointOf(attestation);
  const { amountSats: amount } = attestation;
  const known = getDeposit(tx, outpoint);
  const scanned = known?.blockHash ?? null;
  const height = scanned === null ? (seenAt ?? known?.height ?? null) : (known?.height ?? null);
  recordDeposit(tx, { ...outpoint, recipient: toHex(attestation.recipient), amount, height, blockHash: scanned }, now);
  const leaf = leafJson({ kind: 'deposit', recipient: attestation.recipient });
  recordUtxo(tx, { ...outpoint, amount, leaf, height }, now);
}

function claimOfAttestation(attestation: Attestation): ReturnType<typeof claimOf> {
  const recipient = toHex(attestation.recipient);
  const [amount, expiry] = [`${attestation.amountSats}`, `${attestation.expiry}`];
  return claimOf({ ...outpointOf(attestation), recipient, amount, expiry });
}
