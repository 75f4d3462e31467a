// What a change of a TLS certificate leaves for the time in which two of them hold: at its node the new card, until all peers
// have it; at each peer the certificate of before. Both are few and small, and kept as cursors.
import { z } from 'zod';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from './audit-log.ts';
import { loadCursor, saveCursor } from './cursors.ts';
import { type Queries, transact } from './database.ts';

const PREVIOUS = 'certificates_previous';
const OWN = 'certificate_rotation';
const TAKEN = 'certificates_taken';
/** How many changes of one peer are remembered; more than are taken within the time that is asked about. */
const TAKEN_KEPT_MAX = 16;

const previousSchema = z.array(
  z.strictObject({ index: z.int().min(0).max(63), certificate: z.string(), until: z.int().min(0) }),
);
const takenSchema = z.array(
  z.strictObject({ index: z.int().min(0).max(63), at: z.array(z.int().min(0)).max(TAKEN_KEPT_MAX) }),
);
const rotationSchema = z.strictObject({
  card: z.string(),
  until: z.int().min(0),
  taken: z.array(z.int().min(0).max(63)),
  switching: z.boolean(),
});

/** A peer's certificate (PEM) of before its card, which holds until `until` (ms since 1970). */
export type PreviousCertificate = Readonly<z.infer<typeof previousSchema>[number]>;

/**
 * This node's own change: its new card as its canonical text, the peers that have it, by index, and until when (ms since 1970) the old certificate is
 * shown at most. `switching`: the files are being put in place, which a start has to finish.
 */
export type CertificateRotation = Readonly<z.infer<typeof rotationSchema>>;

/** The certificates of before that still hold at `now`. */
export function previousCertificates(db: Queries, now: number): readonly PreviousCertificate[] {
  return stored(db).filter(({ until }) => now < until);
}

/** Keeps a peer's certificate of before beside the one on its new card, and writes down which two hold. */
export function keepPreviousCertificate(
  db: Queries,
  previous: PreviousCertificate,
  fingerprints: { readonly previous: string; readonly current: string },
  now: number,
): void {
  const { index, until } = previous;
  transact(db, (tx) => {
    const others = stored(tx).filter((one) => one.index !== index);
    saveCursor(tx, PREVIOUS, [...others, { ...previous }], now);
    const at = [...changesOf(tx, index), now].slice(-TAKEN_KEPT_MAX);
    saveCursor(tx, TAKEN, [...changes(tx).filter((one) => one.index !== index), { index, at }], now);
    appendAudit(tx, now, 'certificate_announced', { index, until, ...fingerprints });
  });
}

/** When a peer's changes of certificate were taken after `since` and up to `now`, oldest first; all in ms since 1970. */
export function certificateChanges(db: Queries, index: number, since: number, now: number): readonly number[] {
  // What a clock that was ahead has written says nothing about the last day.
  return changesOf(db, index).filter((at) => at > since && at <= now);
}

/** Forgets the certificates whose time is over at `now`, and of which peers; that of no peer where none is. */
export function endPreviousCertificates(db: Queries, now: number): readonly number[] {
  return transact(db, (tx) => {
    const ended = stored(tx).filter(({ until }) => now >= until);
    if (ended.length === 0) return [];
    const left = stored(tx).filter(({ until }) => now < until);
    saveCursor(
      tx,
      PREVIOUS,
      left.map((one) => ({ ...one })),
      now,
    );
    for (const { index } of ended) appendAudit(tx, now, 'certificate_ended', { index });
    return ended.map(({ index }) => index);
  });
}

/** This node's own change of certificate that goes on, or null. */
export function certificateRotation(db: Queries): CertificateRotation | null {
  return rotationSchema.safeParse(loadCursor(db, OWN)).data ?? null;
}

/** Keeps how far it is; null: it is over. */
export function saveCertificateRotation(db: Queries, rotation: CertificateRotation | null, now: number): void {
  // A cursor cannot be null; what has no card is no change.
  const json: Json = rotation === null ? {} : { ...rotation, taken: [...rotation.taken] };
  saveCursor(db, OWN, json, now);
}

function changesOf(db: Queries, index: number): readonly number[] {
  return changes(db).find((one) => one.index === index)?.at ?? [];
}

function changes(db: Queries): z.infer<typeof takenSchema> {
  return takenSchema.safeParse(loadCursor(db, TAKEN)).data ?? [];
}

function stored(db: Queries): readonly PreviousCertificate[] {
  return previousSchema.safeParse(loadCursor(db, PREVIOUS)).data ?? [];
}
