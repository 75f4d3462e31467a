// What a report says of the node and its peers: uptime, ceremonies, signers, refusals, the audit log, certificates, backups.
import { isRefusalReason, REFUSALS } from '../../ceremony/refusals.ts';
import { auditHead, filterAudit } from '../../store/audit-log.ts';
import { loadVerifiedHead } from '../../store/audit-verified.ts';
import { countMade, newestBackup } from '../../store/backups.ts';
import { ceremoniesBetween } from '../../store/ceremonies.ts';
import type { Queries } from '../../store/database.ts';
import {
  auditHeadAt,
  auditKinds,
  refusalsBetween,
  runningBetween,
  type SignerDayRow,
  signerDaysBetween,
} from '../../store/report-activity.ts';
import { BACKUP_KINDS } from '../../store/schema.ts';
import { daysLeft, readCertificate } from '../peers/certificate.ts';
import { listCards } from '../peers/federation.ts';
import { dateOf, type Period } from './period.ts';
import { type EntryReport, LISTED_MAX, type Listed, type Report, type SignerReport } from './report.ts';

const DAY_MS = 86_400_000;
const BODY_CHARACTERS_MAX = 160;

// Whatever a command or a peer changes of how this node works begins with one of these.
const CHANGE =
  /^(peer_(added|updated|removed)|certificate_|service_|key_|treasury_root_|user_|passkey_|config|policy|line_rule)/;
/** What should be known although nobody changed anything: alarms, and what people decided. */
const EVENT =
  /^(state_regressed|peer_state_regressed|signer_lied|blocks_taken_back|line_taken_back|act_|account_|node_|burn_(held|let_go)|request_|payout_(vetoed|request_decided|approval_voided)|veto|timeline_|checklist_)/;

/** Where a report shows entries of this kind one by one; null where it counts them. */
export function sectionOfKind(kind: string): 'changes' | 'events' | null {
  if (CHANGE.test(kind)) return 'changes';
  return EVENT.test(kind) ? 'events' : null;
}

/** Time in ms from which on and before which something counts, of whole days. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** When the server ran, as far as it is written down. */
export function uptimeOf(db: Queries, { from, to }: Span, now: number, isRunning: boolean): Report['uptime'] {
  const { firstAt, runningMs, unsealedMs, starts, uncleanEnds } = runningBetween(db, from, to, isRunning ? now : null);
  const begin = Math.max(from, firstAt ?? to);
  const measured = Math.max(0, Math.min(to, now) - begin);
  return {
    known_from: firstAt !== null && firstAt > from && firstAt < to ? iso(firstAt) : null,
    measured_ms: measured,
    // After a clock that was set back, spans can overlap.
    running_ms: Math.min(runningMs, measured),
    unsealed_ms: Math.min(unsealedMs, measured),
    ...{ starts, unclean_ends: uncleanEnds },
  };
}

/** Key ceremonies that went on in the period. */
export function ceremoniesOf(db: Queries, { from, to }: Span): Report['ceremonies'] {
  const { rows, total } = ceremoniesBetween(db, from, to, LISTED_MAX);
  return {
    rows: rows.map(({ ceremonyId, rehearsal, status, createdAt, updatedAt }) => ({
      ...{ ceremony_id: ceremonyId, rehearsal, status, begun_at: iso(createdAt), updated_at: iso(updatedAt) },
    })),
    total,
  };
}

/** Who signed how often and how fast, and who refused why. */
export function signersOf(
  db: Queries,
  { firstDay, lastDay }: Period,
): Pick<Report, 'signers' | 'signing_days' | 'refusals'> {
  const rows = signerDaysBetween(db, firstDay, lastDay);
  const names = new Map(listCards(db).map(({ index, name }) => [index, name]));
  const nameOf = (index: number): string => names.get(index) ?? `operator ${index}`;
  const indices = [...new Set(rows.map(({ peerIndex }) => peerIndex))].sort((a, b) => a - b);
  const days = [...new Set(rows.map(({ day }) => day))];
  return {
    signers: indices.map((index) => ({
      ...{ index, name: nameOf(index) },
      ...together(rows.filter(({ peerIndex }) => peerIndex === index)),
    })),
    signing_days: days.flatMap((day) => {
      const { timed, average_ms, max_ms } = together(rows.filter((row) => row.day === day));
      return average_ms === null || max_ms === null ? [] : [{ date: dateOf(day), timed, average_ms, max_ms }];
    }),
    refusals: refusalsBetween(db, firstDay, lastDay).map(({ peerIndex: index, reason, count }) => ({
      ...{ index, name: nameOf(index), reason, count },
      meaning: isRefusalReason(reason) ? REFUSALS[reason] : reason,
    })),
  };
}

function together(rows: readonly SignerDayRow[]): Omit<SignerReport, 'index' | 'name'> {
  const sum = (of: (row: SignerDayRow) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const timed = sum((row) => row.timed);
  return {
    answered: sum((row) => row.answered),
    slow: sum((row) => row.slow),
    silent: sum((row) => row.silent),
    refused: sum((row) => row.refused),
    lying: sum((row) => row.lying),
    timed,
    average_ms: timed === 0 ? null : Math.round(sum((row) => row.msTotal) / timed),
    max_ms: timed === 0 ? null : Math.max(...rows.map((row) => row.msMax)),
    within: [
      sum((row) => row.within100),
      sum((row) => row.within300),
      sum((row) => row.within1000),
      sum((row) => row.within3000),
    ],
  };
}

/** What the audit log holds of the period: changes, events, and counts of every kind; and its head. */
export function logOf(db: Queries, { from, to }: Span): Pick<Report, 'changes' | 'events' | 'entries' | 'log'> {
  const entries = auditKinds(db, from, to);
  const kinds = entries.map(({ kind }) => kind);
  const span = { since: from, until: to };
  const listed = (wanted: readonly string[]): Listed<EntryReport> => {
    if (wanted.length === 0) return { rows: [], total: 0 };
    const { rows, total } = filterAudit(db, { kinds: wanted, ...span }, { limit: LISTED_MAX });
    const shown = rows.map(({ seq, at, kind, bodyText }) => ({ seq, at: iso(at), kind, body: shortened(bodyText) }));
    return { rows: shown.reverse(), total };
  };
  return {
    changes: listed(kinds.filter((kind) => sectionOfKind(kind) === 'changes')),
    events: listed(kinds.filter((kind) => sectionOfKind(kind) === 'events')),
    entries,
    log: { head: auditHead(db), head_at_end: auditHeadAt(db, to), verified: loadVerifiedHead(db).seq },
  };
}

/** The operators' certificates, as their cards have them now. */
export function certificatesOf(db: Queries, now: number): Report['certificates'] {
  return listCards(db).map(({ index, name, tls_certificate }) => {
    const facts = readCertificate(tls_certificate);
    if (facts === null) return { index, name, ends_at: null, days_left: null };
    return { index, name, ends_at: iso(facts.notAfter), days_left: daysLeft(facts, now) };
  });
}

/** The newest backups and drills, and how many backups the period has. */
export function backupsOf(db: Queries, { from, to }: Span, now: number): Report['backups'] {
  return BACKUP_KINDS.map((kind) => {
    const made = newestBackup(db, kind, 'made', { now });
    const drilled = newestBackup(db, kind, 'drilled', { now });
    return {
      kind,
      made_at: made === null ? null : iso(made.madeAt),
      drilled_at: drilled === null ? null : iso(drilled.at),
      made_in_period: countMade(db, kind, from, to),
    };
  });
}

/** The span of whole days. */
export function spanOf({ firstDay, lastDay }: Period): Span {
  return { from: firstDay * DAY_MS, to: (lastDay + 1) * DAY_MS };
}

function shortened(text: string): string {
  return text.length <= BODY_CHARACTERS_MAX ? text : `${text.slice(0, BODY_CHARACTERS_MAX - 1)}…`;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
