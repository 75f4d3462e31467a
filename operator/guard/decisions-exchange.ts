// Decisions as they travel to a node that has lost some: what this node has decided, in windows, and the asking of it.
// What comes in is a list of claims; operator/guard/recovery.ts verifies each before it is kept.

import type { GuardState } from '../../ceremony/guard.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import type { Attestation } from '../../store/attestations.ts';
import type { Queries } from '../../store/database.ts';
import { attestationWindow, payoutWindow } from '../../store/decision-pages.ts';
import { PAYOUT_IN_VAIN_MS, PAYOUTS_IN_VAIN_MAX } from '../judge/asked-payouts.ts';
import { parseServiceMessage } from '../messages.ts';
import type { PeerClient } from '../transport/deliver.ts';
import { type Decisions, type DecisionsRequest, decisionsSchema } from './messages-guard.ts';

/** What the payouts of one answer may take, in characters of JSON: well below the largest peer message. */
const PAYOUT_CHARACTERS_MAX = 600_000;
/**
 * What one peer may tell in all that this node does not know, in characters of JSON: what was decided in earnest, and what
 * each lying peer can have had it decide in vain within a week (operator/judge/asked-payouts.ts).
 */
const TOLD_IN_EARNEST_CHARACTERS_MAX = 64 * 1024 * 1024;
const PAYOUT_CLAIM_CHARACTERS_MAX = 120_000;
const IN_VAIN_PER_PEER_MAX = PAYOUTS_IN_VAIN_MAX + (7 * 24 * 3_600_000) / PAYOUT_IN_VAIN_MS;
/** In how many windows. */
const WINDOWS_MAX = 20_000;
const WINDOW_TIMEOUT_MS = 15_000;

type AttestationClaim = Decisions['attestations'][number];
type PayoutClaim = Decisions['payouts'][number];

/** All that a peer has told. `whole`: it was live all the while, so that it lacks nothing of its own. */
export interface Told {
  readonly peer: number;
  readonly whole: boolean;
  readonly attestations: readonly AttestationClaim[];
  readonly payouts: readonly PayoutClaim[];
}

/** Which claims are of interest; the rest is dropped as it comes. */
export interface Wanted {
  /** So much of interest is taken in from one peer, in characters of JSON. */
  readonly charactersMax: number;
  attestation(claim: AttestationClaim): boolean;
  /** The claim to keep: the same object where another peer has told the same; null: of no interest. */
  payout(claim: PayoutClaim): PayoutClaim | null;
}

/** What one of so many peers may tell in all, in characters of JSON. */
export function toldCharactersMax(peers: number): number {
  return TOLD_IN_EARNEST_CHARACTERS_MAX + peers * IN_VAIN_PER_PEER_MAX * PAYOUT_CLAIM_CHARACTERS_MAX;
}

type Window = Omit<Decisions, 'whole'>;

/** The decisions of one window. `phase`: where this node stands itself. */
export function tellDecisions(
  db: Queries,
  { cursor: { table, after }, since }: DecisionsRequest,
  phase: GuardState['phase'],
): Decisions {
  const window = table === 'payouts' ? tellPayouts(db, after, since) : tellAttestations(db, after, since);
  return { whole: phase === 'live', ...window };
}

function tellPayouts(db: Queries, after: number, since: number): Window {
  const { rows, next } = payoutWindow(db, after, since);
  const payouts: PayoutClaim[] = [];
  let characters = 0;
  for (const { position, intent, signedTx } of rows) {
    // A payout of an earlier version was kept without its meaning, and cannot be judged elsewhere.
    if (intent === null) continue;
    characters += JSON.stringify(intent).length + (signedTx?.length ?? 0);
    if (characters > PAYOUT_CHARACTERS_MAX && payouts.length > 0) {
      return { attestations: [], payouts, next: { table: 'payouts', after: position - 1 } };
    }
    payouts.push(tellPayout(intent, signedTx));
  }
  const on = next === null ? { table: 'attestations' as const, after: 0 } : { table: 'payouts' as const, after: next };
  return { attestations: [], payouts, next: on };
}

function tellAttestations(db: Queries, after: number, since: number): Window {
  const { rows, next } = attestationWindow(db, after, since);
  const attestations = rows.map(tellAttestation);
  return { attestations, payouts: [], next: next === null ? null : { table: 'attestations', after: next } };
}

/** A payout as a claim. */
export function tellPayout(intent: Json, transaction: string | null): PayoutClaim {
  return decisionsSchema.shape.payouts.element.parse({ intent, transaction });
}

/** An attestation as a claim. */
export function tellAttestation(attestation: Attestation): AttestationClaim {
  const { txid, vout, recipient, amount, expiry, signature, signatureExpiry } = attestation;
  return {
    ...{ txid, vout, recipient, amount: `${amount}`, expiry: `${expiry}`, signature },
    signature_expiry: signatureExpiry === null ? null : `${signatureExpiry}`,
  };
}

/**
 * Everything a peer has decided since (ms since 1970) or that is still open. `too_much`: more than is taken in; null where
 * it does not tell all of it.
 */
export async function askDecisions(
  client: PeerClient,
  peer: number,
  since: number,
  wanted: Wanted,
): Promise<Told | 'too_much' | null> {
  const attestations: AttestationClaim[] = [];
  const payouts: PayoutClaim[] = [];
  let cursor: Decisions['next'] = { table: 'payouts', after: 0 };
  let characters = 0;
  let whole = true;
  for (let window = 0; window < WINDOWS_MAX; window++) {
    const request = { ceremony: '', type: 'decisions_request', body: { cursor: { ...cursor }, since } };
    const result = await client.send(peer, request, { timeoutMs: WINDOW_TIMEOUT_MS });
    if (!result.ok) return null;
    const [reply] = result.messages;
    const message = reply === undefined ? null : parseServiceMessage(reply.type, reply.body);
    if (message === null || message === false || message.type !== 'decisions') return null;
    const { body } = message;
    whole &&= body.whole;
    const news = {
      payouts: body.payouts.flatMap((claim) => wanted.payout(claim) ?? []),
      attestations: body.attestations.filter((claim) => wanted.attestation(claim)),
    };
    payouts.push(...news.payouts);
    attestations.push(...news.attestations);
    characters += JSON.stringify(news).length;
    if (characters > wanted.charactersMax) return 'too_much';
    if (body.next === null) return { peer, whole, attestations, payouts };
    if (!isFurther(cursor, body.next)) return null;
    cursor = body.next;
  }
  return null;
}

// A window that does not move on would keep this node asking for ever.
function isFurther(from: DecisionsRequest['cursor'], to: DecisionsRequest['cursor']): boolean {
  if (from.table === to.table) return to.after > from.after;
  return from.table === 'payouts';
}
