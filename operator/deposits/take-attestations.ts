// Attestations that a peer announces: each is checked here as if it were to be signed, and then kept.

import { ATTESTATIONS_MAX, type AttestationIntent } from '../../ceremony/intent.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { type Attestation, parseAttestation, verifyAttestation } from '../../crypto/attestation.ts';
import { toHex } from '../../crypto/bytes.ts';
import { getAttestation } from '../../store/attestations.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { FederationKey } from '../keys/keys.ts';
import { refusedItems } from '../validation/validate-attestation.ts';
import { keepAttestations, outpointOf } from './kept-attestations.ts';

/** How often what cannot be confirmed is taken out of one announcement before the rest waits for the next round. */
const TRIES_MAX = 8;

/** Reads what was announced: what is no attestation of the group is dropped. */
export function readAttestations(bridge: Bridge, announced: readonly unknown[]): readonly Attestation[] {
  const key = bridge.keys.live();
  if (key === null) return [];
  const read = new Map<string, Attestation>();
  for (const json of announced.slice(0, ATTESTATIONS_MAX)) {
    const parsed = parseAttestation(json);
    if (!parsed.ok || !verifyAttestation('mint', parsed.attestation, key.attestation.publicKey)) continue;
    read.set(outpointName(outpointOf(parsed.attestation)), parsed.attestation);
  }
  return [...read.values()];
}

/** Keeps those that this node can confirm; the others are given back, to be tried again. At most `ATTESTATIONS_MAX`. */
export async function takeAttestations(
  bridge: Bridge,
  attestations: readonly Attestation[],
): Promise<readonly Attestation[]> {
  const key = bridge.keys.live();
  if (key === null) return attestations;
  const waiting: Attestation[] = [];
  let left = attestations.filter(
    (one) => getAttestation(bridge.db, outpointOf(one))?.signature !== toHex(one.signature),
  );
  for (let tries = 0; tries < TRIES_MAX && left.length > 0; tries++) {
    const verdict = await validated(bridge, key, left);
    const refused = new Set(verdict.refused.map(outpointName));
    const isRefused = (one: Attestation): boolean => refused.has(outpointName(outpointOf(one)));
    if (refused.size === 0) {
      await keepAttestations(bridge, left);
      return waiting;
    }
    if (!verdict.forGood) waiting.push(...left.filter(isRefused));
    left = left.filter((one) => !isRefused(one));
  }
  return [...waiting, ...left];
}

// Those that may not be kept now, or ever (`forGood`); all where the fault is of no single one. None: all are decided.
async function validated(
  bridge: Bridge,
  key: FederationKey,
  left: readonly Attestation[],
): Promise<{ readonly refused: readonly Outpoint[]; readonly forGood: boolean }> {
  const items = left.map((one) => {
    const [recipient, amount, expiry] = [toHex(one.recipient), `${one.amountSats}`, `${one.expiry}`];
    return { ...outpointOf(one), recipient, amount, expiry };
  });
  const intent: AttestationIntent = { kind: 'attestation', test: false, items };
  const verdict = await bridge.validation.validateMeaning(intent, key.keyId, 'ed25519');
  const decided = verdict.ok ? verdict.decide() : verdict;
  if (decided.ok) return { refused: [], forGood: false };
  const named = refusedItems(decided);
  const event = verdict.ok ? 'attested_otherwise' : 'announced_attestation_unconfirmed';
  const about = { reason: decided.reason, detail: decided.detail, of: left.length, named: named.length };
  bridge.log(verdict.ok ? 'error' : 'warn', event, about);
  return { refused: named.length > 0 ? named : items, forGood: verdict.ok };
}
