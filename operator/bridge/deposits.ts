// Deposits into mints: verify, have the federation sign, keep, tell the peers, hand in on Wire. Asking twice for one
// deposit gives the attestation that is there.

import type { AttestationIntent } from '../../ceremony/intent.ts';
import { leafJson } from '../../chain/payout-intent.ts';
import {
  type Attestation,
  attestationId,
  encodeAttestation,
  mintNonce,
  parseAttestation,
  verifyAttestation,
} from '../../crypto/attestation.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { decideAttestations, getAttestation, recordAttestationSignature } from '../../store/attestations.ts';
import { PAGE_ROWS_MAX, transact } from '../../store/database.ts';
import { getDeposit, listDeposits, recordDeposit, setDepositStatus } from '../../store/deposits.ts';
import { recordUtxo } from '../../store/utxos.ts';
import { CommandError } from '../command-error.ts';
import type { CommandParams, CommandResults } from '../command-types.ts';
import { claimOf } from '../judge/judge-attestation.ts';
import type { Progress } from '../progress.ts';
import { type Bridge, notSigned, outputHeight, requireLiveKey, signingReport } from './bridge.ts';
import type { LastingTrouble } from './lasting-trouble.ts';

/** An attestation that still runs this long is given again instead of signed anew, in seconds. */
const REUSE_MARGIN_S = 600;
const SUBMITTED_PER_ROUND = 100;

type Claim = CommandParams<'attest'>;

/** Attests a deposit. Throws `CommandError` with the name of the refusal where this node or the federation says no. */
export async function attest(bridge: Bridge, claim: Claim, progress: Progress): Promise<CommandResults['attest']> {
  const key = requireLiveKey(bridge.keys);
  const begun = bridge.effects.now();
  const kept = claim.test ? null : reusable(bridge, claim, begun);
  if (kept !== null) {
    progress({ step: 'known', text: 'this deposit is attested already' });
    const outcome = await submit(bridge, kept);
    const signing = { signers: [], excluded: [], duration_ms: 0 };
    return { attestation: { ...encodeAttestation(kept) }, test: false, ...outcome, signing };
  }
  progress({ step: 'verify', text: 'checking the deposit on our own Bitcoin nodes' });
  const intent = intentOf(claim, begun, bridge.config.attestationValidityS);
  const judgement = await bridge.judge.judge(intent, key.keyId, 'ed25519');
  if (!judgement.ok) throw new CommandError(judgement.reason, judgement.detail);

  progress({ step: 'sign', text: `asking ${key.attestation.threshold} operators to sign` });
  const scheme = bridge.keys.scheme('ed25519');
  const task = { scheme, keyId: key.keyId, key: key.attestation, intent, messages: judgement.messages };
  const result = await bridge.signing.coordinate(task, bridge.signing.candidates());
  if (result.kind === 'failed') throw notSigned(result);
  const signature = result.signatures[0];
  if (signature === undefined) throw new Error('one attestation has one signature');
  const attestation = attestationOf(intent, signature, bridge.effects.now());
  const signing = signingReport(result, begun, bridge.effects.now());
  const json = { ...encodeAttestation(attestation) };
  if (claim.test) {
    return { attestation: json, test: true, submitted: false, detail: 'a test attestation mints nothing', signing };
  }
  await keep(bridge, attestation);
  bridge.announce({ type: 'announce_attestation', body: { attestation: json } });
  progress({ step: 'submit', text: 'handing the attestation in on Wire' });
  return { attestation: json, test: false, ...(await submit(bridge, attestation)), signing };
}

/**
 * Takes in an attestation that a peer announces: signature, deposit and expiry are checked here as if it were to be
 * signed. True where it is kept (or was), false where this node cannot confirm it now.
 */
export async function takeAttestation(bridge: Bridge, json: unknown): Promise<boolean> {
  const parsed = parseAttestation(json);
  const key = bridge.keys.live();
  if (!parsed.ok || key === null) return false;
  const { attestation } = parsed;
  if (!verifyAttestation('mint', attestation, key.attestation.publicKey)) return false;
  const { depositTxid: txid, depositVout: vout } = attestation;
  const known = getAttestation(bridge.db, { txid, vout });
  if (known?.signature === toHex(attestation.signature)) return true;
  const item = { txid, vout, recipient: toHex(attestation.recipient), amount: `${attestation.amountSats}` };
  const intent: AttestationIntent = {
    kind: 'attestation',
    test: false,
    items: [{ ...item, expiry: `${attestation.expiry}` }],
  };
  const judgement = await bridge.judge.judge(intent, key.keyId, 'ed25519');
  if (!judgement.ok) {
    bridge.log('warn', 'announced_attestation_unconfirmed', { txid, vout, reason: judgement.reason });
    return false;
  }
  if (!judgement.decide().ok) {
    bridge.log('error', 'attested_otherwise', { txid, vout });
    return true;
  }
  await keep(bridge, attestation);
  return true;
}

/**
 * Hands in on Wire whatever is attested, not minted and not expired. Called again and again while the server runs; what
 * Wire does not take goes into `trouble`.
 */
export async function submitPending(bridge: Bridge, trouble: LastingTrouble): Promise<void> {
  const waiting: Attestation[] = [];
  const now = BigInt(Math.floor(bridge.effects.now() / 1000));
  for (let offset = 0; ; offset += PAGE_ROWS_MAX) {
    const { rows } = listDeposits(bridge.db, ['attested'], { limit: PAGE_ROWS_MAX, offset });
    for (const deposit of rows) {
      // Its block has left the chain: nothing is minted for it before it is mined again.
      if (deposit.height === null) continue;
      const attestation = stored(bridge, deposit);
      if (attestation !== null && attestation.expiry > now) waiting.push(attestation);
    }
    if (rows.length < PAGE_ROWS_MAX) break;
  }
  // The oldest first, and a few at a time: the next round goes on with what is left.
  for (const attestation of waiting.reverse().slice(0, SUBMITTED_PER_ROUND)) {
    const { submitted, detail } = await submit(bridge, attestation);
    if (submitted) trouble.well('mint');
    else trouble.failed('mint', `${attestation.depositTxid}:${attestation.depositVout}: ${detail}`);
  }
}

function intentOf(claim: Claim, now: number, validityS: number): AttestationIntent {
  const { txid, vout, recipient, amount, test } = claim;
  const expiry = `${Math.floor(now / 1000) + validityS}`;
  return { kind: 'attestation', test, items: [{ txid, vout, recipient, amount, expiry }] };
}

function attestationOf(intent: AttestationIntent, signature: Uint8Array, now: number): Attestation {
  const item = intent.items[0];
  if (item === undefined) throw new Error('an attestation intent has an item');
  const { txid, vout } = item;
  return {
    id: attestationId(txid, vout),
    depositTxid: txid,
    depositVout: vout,
    recipient: fromHex(item.recipient, { bytes: 32 }),
    amountSats: BigInt(item.amount),
    nonce: mintNonce(txid, vout),
    expiry: BigInt(item.expiry),
    signature,
    createdAt: BigInt(Math.floor(now / 1000)),
  };
}

// One commit: the decision (which the signing made already, if this node signed), the signature, the deposit, the UTXO.
async function keep(bridge: Bridge, attestation: Attestation): Promise<void> {
  const now = bridge.effects.now();
  const { depositTxid: txid, depositVout: vout, amountSats: amount } = attestation;
  const recipient = toHex(attestation.recipient);
  const claim = claimOf({ txid, vout, recipient, amount: `${amount}`, expiry: `${attestation.expiry}` });
  const seenAt = await outputHeight(bridge.bitcoin, { txid, vout });
  transact(bridge.db, (tx) => {
    const [decision] = decideAttestations(tx, [claim], now);
    if (decision?.ok !== true) throw new Error(`${txid}:${vout} was attested otherwise`);
    recordAttestationSignature(tx, claim, toHex(attestation.signature), now);
    const known = getDeposit(tx, { txid, vout });
    const height = seenAt ?? known?.height ?? null;
    const blockHash = known !== null && known.height === height ? known.blockHash : null;
    recordDeposit(tx, { txid, vout, recipient, amount, height, blockHash }, now);
    if (getDeposit(tx, { txid, vout })?.status !== 'minted') setDepositStatus(tx, { txid, vout }, 'attested', now);
    const leaf = leafJson({ kind: 'deposit', recipient: attestation.recipient });
    recordUtxo(tx, { txid, vout, amount, leaf, height }, now);
  });
}

function reusable(bridge: Bridge, claim: Claim, now: number): Attestation | null {
  const attestation = stored(bridge, claim);
  if (attestation === null) return null;
  if (toHex(attestation.recipient) !== claim.recipient || `${attestation.amountSats}` !== claim.amount) {
    const told = `${attestation.amountSats} sats for ${toHex(attestation.recipient)}`;
    throw new CommandError('attested_otherwise', `${claim.txid}:${claim.vout} was attested with ${told}`);
  }
  return attestation.expiry > BigInt(Math.floor(now / 1000) + REUSE_MARGIN_S) ? attestation : null;
}

function stored(bridge: Bridge, outpoint: { readonly txid: string; readonly vout: number }): Attestation | null {
  const known = getAttestation(bridge.db, outpoint);
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

async function submit(
  bridge: Bridge,
  attestation: Attestation,
): Promise<{ readonly submitted: boolean; readonly detail: string }> {
  if (bridge.wire === null)
    return { submitted: false, detail: 'no wire_nodes are configured: hand it in by other means' };
  const verdict = await bridge.wire.postMint(attestation);
  const { depositTxid: txid, depositVout: vout } = attestation;
  if (!verdict.ok) {
    return { submitted: false, detail: `${verdict.reason}: ${verdict.detail}` };
  }
  setDepositStatus(bridge.db, { txid, vout }, 'minted', bridge.effects.now());
  return { submitted: true, detail: verdict.already ? 'it was minted before' : 'minted' };
}
