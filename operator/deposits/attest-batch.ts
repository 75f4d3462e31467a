// Deposits that are attested together: one request for up to a hundred. What signers refuse by name is taken out and the
// others are asked for again, in one loop, so that no deposit holds up those beside it.

import { ATTESTATIONS_MAX, type AttestationIntent } from '../../ceremony/intent.ts';
import type { SigningResult } from '../../ceremony/signing/candidates.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { type Attestation, attestationId, encodeAttestation, mintNonce } from '../../crypto/attestation.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { type Bridge, notSigned } from '../bridge/bridge.ts';
import type { FederationKey } from '../keys/keys.ts';
import { CommandError } from '../runtime/command-error.ts';
import { refusedItems } from '../validation/validate-attestation.ts';
import { keepAttestations } from './kept-attestations.ts';

/** Most requests that one batch may come to; what is left then is told as not signed. */
const REQUESTS_MAX = 24;

/** A deposit to attest: `recipient` 64 lowercase hexadecimal characters, `amount` decimal sats. */
export interface DepositToAttest extends Outpoint {
  readonly recipient: string;
  readonly amount: string;
}

/** A deposit that was not attested, and why. */
export interface NotAttested {
  readonly deposit: DepositToAttest;
  readonly error: CommandError;
}

/** What became of a batch. */
export interface BatchOutcome {
  readonly attested: readonly Attestation[];
  readonly refused: readonly NotAttested[];
}

/** What one request gave: signatures, or a "no" of this node (`own`) or of the federation. */
export type AttestAnswer =
  | {
      readonly kind: 'signed';
      readonly attestations: readonly Attestation[];
      readonly result: Extract<SigningResult, { kind: 'signed' }>;
    }
  | { readonly kind: 'own'; readonly error: CommandError; readonly named: readonly Outpoint[] }
  | { readonly kind: 'failed'; readonly result: Extract<SigningResult, { kind: 'failed' }> };

/**
 * Attests at most `ATTESTATIONS_MAX` deposits, keeps what is signed and tells the peers. Throws `CommandError` where nothing
 * can be attested whatever the deposits, as where too few operators answer.
 */
export async function attestBatch(
  bridge: Bridge,
  key: FederationKey,
  deposits: readonly DepositToAttest[],
): Promise<BatchOutcome> {
  const attested: Attestation[] = [];
  const refused: NotAttested[] = [];
  const todo: (readonly DepositToAttest[])[] = [deposits];
  for (let requests = 0; ; requests++) {
    const batch = todo.pop();
    if (batch === undefined) return { attested, refused };
    if (batch.length === 0) continue;
    if (requests >= REQUESTS_MAX) {
      const error = new CommandError('not_signed', `${REQUESTS_MAX} requests for this batch did not suffice`);
      refused.push(...batch.map((deposit) => ({ deposit, error })));
      continue;
    }
    const answer = await askFor(bridge, key, batch, false);
    if (answer.kind === 'signed') {
      await keepAndTell(bridge, answer.attestations);
      attested.push(...answer.attestations);
      continue;
    }
    const { error, lost, parts } = afterRefusal(bridge, batch, answer);
    refused.push(...lost.map((deposit) => ({ deposit, error })));
    todo.push(...parts);
  }
}

/** Asks the federation once for the attestations of these deposits, or for test attestations. Keeps nothing. */
export async function askFor(
  bridge: Bridge,
  key: FederationKey,
  deposits: readonly DepositToAttest[],
  test: boolean,
): Promise<AttestAnswer> {
  if (deposits.length > ATTESTATIONS_MAX) throw new Error(`a request carries at most ${ATTESTATIONS_MAX} deposits`);
  const { config, effects, validation, keys, signing } = bridge;
  const expiry = `${Math.floor(effects.now() / 1000) + config.attestationValidityS}`;
  const items = deposits.map(({ txid, vout, recipient, amount }) => ({ txid, vout, recipient, amount, expiry }));
  const intent: AttestationIntent = { kind: 'attestation', test, items };
  const verdict = await validation.validate(intent, key.keyId, 'ed25519');
  if (!verdict.ok) {
    const error = new CommandError(verdict.reason, verdict.detail);
    return { kind: 'own', error, named: refusedItems(verdict) };
  }
  const task = { scheme: keys.scheme('ed25519'), keyId: key.keyId, key: key.attestation, intent };
  const result = await signing.coordinate({ ...task, messages: verdict.messages }, signing.candidates());
  if (result.kind === 'failed') return { kind: 'failed', result };
  const now = effects.now();
  const attestations = items.map((item, i) => attestationOf(item, result.signatures[i], now));
  return { kind: 'signed', attestations, result };
}

/** Keeps signed attestations and tells them to all peers. */
export async function keepAndTell(bridge: Bridge, attestations: readonly Attestation[]): Promise<void> {
  await keepAttestations(bridge, attestations);
  const encoded = attestations.map((attestation) => ({ ...encodeAttestation(attestation) }));
  bridge.announce({ type: 'announce_attestations', body: { attestations: encoded } });
}

interface AfterRefusal {
  readonly error: CommandError;
  /** Those that cannot be attested now. */
  readonly lost: readonly DepositToAttest[];
  /** What to ask for next, each by itself. */
  readonly parts: readonly (readonly DepositToAttest[])[];
}

// A deposit is lost once so many refuse it that t operators are not left, those that do not help at all counted. Where
// different operators refuse different deposits none need be lost: what was named goes by itself, and is halved if need be.
function afterRefusal(
  { config }: Bridge,
  batch: readonly DepositToAttest[],
  answer: Exclude<AttestAnswer, { kind: 'signed' }>,
): AfterRefusal {
  const spare = config.parties - config.threshold;
  const error = answer.kind === 'own' ? answer.error : notSigned(answer.result);
  const exclusions = answer.kind === 'own' ? [] : answer.result.exclusions.map(refusedItems);
  const refusers = new Map<string, number>();
  for (const named of exclusions) {
    for (const name of new Set(named.map(outpointName))) refusers.set(name, (refusers.get(name) ?? 0) + 1);
  }
  if (answer.kind === 'own') for (const outpoint of answer.named) refusers.set(outpointName(outpoint), spare + 1);
  const helpless = exclusions.filter((named) => named.length === 0).length;
  const count = (deposit: DepositToAttest): number => refusers.get(outpointName(deposit)) ?? 0;
  const named = batch.filter((deposit) => count(deposit) > 0);
  if (named.length === 0) throw error;
  const lost = named.filter((deposit) => count(deposit) + helpless > spare);
  const left = batch.filter((deposit) => !lost.includes(deposit));
  if (lost.length > 0) return { error, lost, parts: [left] };
  const others = batch.filter((deposit) => !named.includes(deposit));
  if (others.length > 0) return { error, lost, parts: [named, others] };
  if (batch.length === 1) return { error, lost: batch, parts: [] };
  const half = Math.ceil(batch.length / 2);
  return { error, lost, parts: [batch.slice(half), batch.slice(0, half)] };
}

function attestationOf(
  item: AttestationIntent['items'][number],
  signature: Uint8Array | undefined,
  now: number,
): Attestation {
  if (signature === undefined) throw new Error('each attestation has one signature');
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
