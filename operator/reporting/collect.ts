// Gathers a report from one state of the database. It only reads, so it runs beside a server or without one, and costs the server
// nothing. What other parts of the node keep for reports is added here, one line each.
import { countAttestations } from '../../store/attestations.ts';
import { type Queries, readAtOnce } from '../../store/database.ts';
import { liveKey } from '../../store/keys.ts';
import type { OperatorConfig } from '../config/config.ts';
import { incidentsIn } from './collect-incidents.ts';
import { moneyOf } from './collect-money.ts';
import { backupsOf, ceremoniesOf, certificatesOf, logOf, signersOf, spanOf, uptimeOf } from './collect-node.ts';
import { dateOf, type Period } from './period.ts';
import type { Report } from './report.ts';

/** What it is made of. `now` in ms since 1970. */
export interface ReportInput {
  readonly config: Pick<OperatorConfig, 'network' | 'myIndex' | 'name' | 'parties' | 'threshold'>;
  readonly version: string;
  readonly period: Period;
  readonly now: number;
  /** Whether the server runs now; absent: it does not. */
  readonly isRunning?: boolean;
}

/** The report of a period. */
export function collectReport(db: Queries, input: ReportInput): Report {
  const { config, version, period, now, isRunning = false } = input;
  const { firstDay, lastDay } = period;
  const span = spanOf(period);
  return readAtOnce(db, (tx) => ({
    version,
    made_at: new Date(now).toISOString(),
    node: {
      ...{ network: config.network, index: config.myIndex, name: config.name },
      ...{ participants: config.parties, threshold: config.threshold, key_id: liveKey(tx)?.keyId ?? null },
    },
    period: {
      from: dateOf(firstDay),
      to: dateOf(lastDay),
      days: lastDay - firstDay + 1,
      is_over: now >= span.to,
    },
    uptime: uptimeOf(tx, span, now, isRunning),
    ceremonies: ceremoniesOf(tx, span),
    attestations: countAttestations(tx, span.from, span.to),
    ...signersOf(tx, period),
    ...moneyOf(tx, period),
    incidents: incidentsIn(tx, span, config.parties, now),
    ...logOf(tx, span),
    certificates: certificatesOf(tx, now),
    backups: backupsOf(tx, span, now),
  }));
}
