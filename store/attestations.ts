// Mint attestations: what this node agreed to attest, one row for each outpoint for ever (Never 1). The decision is
// durable before a share leaves. Test attestations, which carry another domain tag, are never stored here.
import { and, desc, eq, gte, isNotNull, lt, sql } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from './audit-log.ts';
import {
  assertBatch,
  countRows,
  type Listing,
  type Outpoint,
  type Page,
  pageBounds,
  type Queries,
  transact,
} from './database.ts';
import { given, prepared } from './prepared.ts';
import { attestations } from './schema.ts';

/**
 * How much later an expiry has to be to be written down anew, in seconds. Nothing rests on it: but peers may ask for a deposit's
 * attestation at any rate, each time with another expiry, and the audit log keeps every row for ever. Who attests a deposit
 * again in earnest does so when the one before is about to end, which is further away: validities are an hour or more.
 */
export const EXPIRY_STEP_S = 1_800n;

/** What an attestation says. `recipient` 64 lowercase hex characters, `amount` in sats, `expiry` in seconds since 1970. */
export interface AttestationClaim extends Outpoint {
  readonly recipient: string;
  readonly amount: bigint;
  /** Derived from the outpoint; the top bit is clear. */
  readonly nonce: bigint;
  readonly expiry: bigint;
}

/** A stored attestation. Times in ms since 1970; the signature, if there is one, covers `signatureExpiry`. */
export interface Attestation extends AttestationClaim {
  readonly signature: string | null;
  readonly signatureExpiry: bigint | null;
  readonly decidedAt: number;
  readonly updatedAt: number;
}

/** The verdict on one claim; `data` is what was attested for this outpoint before. */
export type AttestationVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'attested_otherwise'; readonly data: Json };

/** The verdict on a signature that came back. */
export type SignatureVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'not_decided' | 'attested_otherwise' };

const ofOutpoint = prepared((db) => {
  const { txid, vout } = attestations;
  const where = and(eq(txid, given(txid, 'txid')), eq(vout, given(vout, 'vout')));
  return db.select().from(attestations).where(where).prepare();
});
const updateSignature = prepared((db) => {
  const { txid, vout, signature, signatureExpiry, updatedAt } = attestations;
  const changes = {
    signature: given(signature, 'signature'),
    signatureExpiry: given(signatureExpiry, 'expiry'),
    updatedAt: given(updatedAt, 'now'),
  };
  const where = and(eq(txid, given(txid, 'txid')), eq(vout, given(vout, 'vout')));
  return db.update(attestations).set(changes).where(where).prepare();
});

/**
 * Decides a batch in one commit; the verdicts stand in the order of the items. The same claim again is ok, and moves the
 * expiry where it is `EXPIRY_STEP_S` later; another recipient, amount or nonce for the outpoint is not. When this returns, what it allowed is on disk.
 */
export function decideAttestations(
  db: Queries,
  items: readonly AttestationClaim[],
  now: number,
): readonly AttestationVerdict[] {
  assertBatch(items);
  return transact(db, (tx) => {
    const decided = new Decided(tx, items);
    const written: AttestationClaim[] = [];
    const verdicts = items.map((item) => decideOne(decided, item, written));
    decided.write(tx, now);
    if (written.length > 0) appendAudit(tx, now, 'attestations_decided', { items: written.map(claimJson) });
    return verdicts;
  });
}

/**
 * Keeps the group's signature (128 lowercase hex characters, already verified) of a claim that was decided before. One that is
 * kept stays until there is one that holds `EXPIRY_STEP_S` longer.
 */
export function recordAttestationSignature(
  db: Queries,
  claim: AttestationClaim,
  signature: string,
  now: number,
): SignatureVerdict {
  return transact(db, (tx) => {
    const known = getAttestation(tx, claim);
    if (known === null) return { ok: false, reason: 'not_decided' };
    if (!saysTheSame(known, claim)) return { ok: false, reason: 'attested_otherwise' };
    const { signatureExpiry } = known;
    if (signatureExpiry !== null && claim.expiry < signatureExpiry + EXPIRY_STEP_S) return { ok: true };
    const { txid, vout, expiry } = claim;
    updateSignature(tx).run({ txid, vout, signature, expiry, now });
    appendAudit(tx, now, 'attestation_signed', { ...claimJson(claim), signature });
    return { ok: true };
  });
}

/** The attestation of an outpoint, or null. */
export function getAttestation(db: Queries, { txid, vout }: Outpoint): Attestation | null {
  return ofOutpoint(db).get({ txid, vout }) ?? null;
}

/** Attestations, newest decision first. */
export function listAttestations(db: Queries, page: Page = {}): Listing<Attestation> {
  const { limit, offset } = pageBounds(page);
  const order = [desc(attestations.decidedAt), desc(sql`rowid`)];
  const rows = db
    .select()
    .from(attestations)
    .orderBy(...order)
    .limit(limit)
    .offset(offset)
    .all();
  return { rows, total: countRows(db, attestations) };
}

function decideOne(decided: Decided, item: AttestationClaim, written: AttestationClaim[]): AttestationVerdict {
  const known = decided.at(item);
  if (known !== null && !saysTheSame(known, item)) {
    return { ok: false, reason: 'attested_otherwise', data: claimJson(known) };
  }
  if (known === null || item.expiry >= known.expiry + EXPIRY_STEP_S) {
    decided.put(item);
    written.push(item);
  }
  return { ok: true };
}

// What is decided about the outpoints of a batch: read in one statement, changed here, written in as few as can be.
class Decided {
  readonly #claims = new Map<string, AttestationClaim>();
  readonly #stored: ReadonlySet<string>;
  readonly #changed = new Map<string, AttestationClaim>();

  constructor(tx: Queries, outpoints: readonly Outpoint[]) {
    const wanted = JSON.stringify(outpoints.map(({ txid, vout }) => [txid, vout]));
    // One parameter for however many outpoints; each is looked up in the primary key.
    const isWanted = sql`(${attestations.txid}, ${attestations.vout}) in
      (select value ->> 0, value ->> 1 from json_each(${wanted}))`;
    const rows = tx.select().from(attestations).where(isWanted).all();
    for (const row of rows) this.#claims.set(nameOf(row), row);
    this.#stored = new Set(this.#claims.keys());
  }

  at(outpoint: Outpoint): AttestationClaim | null {
    return this.#claims.get(nameOf(outpoint)) ?? null;
  }

  put(claim: AttestationClaim): void {
    this.#claims.set(nameOf(claim), claim);
    this.#changed.set(nameOf(claim), claim);
  }

  write(tx: Queries, now: number): void {
    const fresh = [...this.#changed].filter(([name]) => !this.#stored.has(name)).map(([, claim]) => claim);
    if (fresh.length > 0) insertAll(tx, fresh, now);
    for (const [name, { txid, vout, expiry }] of this.#changed) {
      if (!this.#stored.has(name)) continue;
      tx.update(attestations).set({ expiry, updatedAt: now }).where(atOutpoint({ txid, vout })).run();
    }
  }
}

// One parameter again: a statement with eight for each row takes longer to build than to run. Integers go as decimal
// text, after the columns' own check of their range, for SQLite would round what is too large.
function insertAll(tx: Queries, claims: readonly AttestationClaim[], now: number): void {
  const columns = attestations;
  const rows = claims.map((claim) => {
    const integers = [
      columns.vout.mapToDriverValue(claim.vout),
      columns.amount.mapToDriverValue(claim.amount),
      columns.nonce.mapToDriverValue(claim.nonce),
      columns.expiry.mapToDriverValue(claim.expiry),
    ];
    return [claim.txid, claim.recipient, ...integers.map((value) => `${value}`)];
  });
  const names = ['txid', 'recipient', 'vout', 'amount', 'nonce', 'expiry', 'decidedAt', 'updatedAt'] as const;
  const into = names.map((name) => sql.identifier(columns[name].name));
  const integer = (at: number) => sql`cast(value ->> ${sql.raw(`${at}`)} as integer)`;
  tx.run(sql`insert into ${attestations} (${sql.join(into, sql`, `)})
    select value ->> 0, value ->> 1, ${sql.join([2, 3, 4, 5].map(integer), sql`, `)}, ${now}, ${now}
    from json_each(${JSON.stringify(rows)})`);
}

function nameOf({ txid, vout }: Outpoint): string {
  return `${txid}:${vout}`;
}

function saysTheSame(a: AttestationClaim, b: AttestationClaim): boolean {
  return a.recipient === b.recipient && a.amount === b.amount && a.nonce === b.nonce;
}

function atOutpoint({ txid, vout }: Outpoint) {
  return and(eq(attestations.txid, txid), eq(attestations.vout, vout));
}

function claimJson({ txid, vout, recipient, amount, nonce, expiry }: AttestationClaim) {
  return { txid, vout, recipient, amount: `${amount}`, nonce: `${nonce}`, expiry: `${expiry}` };
}

/** How many attestations this node decided from `from` on and before `to` (ms since 1970), and how many of them are signed. */
export function countAttestations(
  db: Queries,
  from: number,
  to: number,
): { readonly decided: number; readonly signed: number } {
  const { decidedAt, signature } = attestations;
  const decided = and(gte(decidedAt, from), lt(decidedAt, to));
  return {
    decided: countRows(db, attestations, decided),
    signed: countRows(db, attestations, and(decided, isNotNull(signature))),
  };
}
