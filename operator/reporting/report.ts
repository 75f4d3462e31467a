// A report of one node over a period, as plain JSON: amounts are decimal strings of sats, times are ISO 8601 text, dates are
// days of UTC. Markdown and HTML are made from this alone.

/** So many rows of a list are shown; `total` says how many there are. */
export const LISTED_MAX = 200;

/** Rows, the newest last, and how many there are. */
export interface Listed<Row> {
  readonly rows: readonly Row[];
  readonly total: number;
}

export interface UptimeReport {
  /** Since when runs are written down, where that is within the period; else null. */
  readonly known_from: string | null;
  /** The time that could be measured, and how much of it the server ran, and ran unsealed. */
  readonly measured_ms: number;
  readonly running_ms: number;
  readonly unsealed_ms: number;
  readonly starts: number;
  readonly unclean_ends: number;
}

export interface KeyCeremonyReport {
  readonly ceremony_id: string;
  readonly rehearsal: boolean;
  readonly status: string;
  readonly begun_at: string;
  readonly updated_at: string;
}

/** What a signer did for signatures that this node coordinated. Times in ms; null where none was taken. */
export interface SignerReport {
  readonly index: number;
  readonly name: string;
  readonly answered: number;
  readonly slow: number;
  readonly silent: number;
  readonly refused: number;
  readonly lying: number;
  readonly timed: number;
  readonly average_ms: number | null;
  readonly max_ms: number | null;
  /** How many answers took at most 100, 300, 1,000 and 3,000 ms, each counting those before it too. */
  readonly within: readonly number[];
}

export interface RefusalReport {
  readonly index: number;
  readonly name: string;
  readonly reason: string;
  readonly meaning: string;
  readonly count: number;
}

/** Money of one day, or of all days together. Counts, and sats as decimal strings. */
export interface MoneyReport {
  readonly deposits: number;
  readonly deposited: string;
  /** Of these deposits, those that are minted by now. */
  readonly mints: number;
  readonly minted: string;
  readonly burns: number;
  readonly burnt: string;
  /** Burns that payouts of these blocks paid, what they received, and what they had burnt. */
  readonly burns_paid: number;
  readonly paid_out: string;
  readonly burnt_of_paid: string;
  readonly burn_fees: string;
  readonly miner_fees: string;
  readonly consolidated: string;
  readonly steps: Readonly<Record<string, number>>;
}

export interface DayReport extends MoneyReport {
  readonly date: string;
  /** At the end of the day. */
  readonly reserves: string;
  readonly liabilities: string;
}

/** Reserves against liabilities after a block. Sats; `unexplained` is 0 where every figure goes with the chain. */
export interface BalanceReport {
  readonly reserves: string;
  readonly liabilities: string;
  readonly difference: string;
  /** What the difference is: the treasury's floor, its surplus, and payments to the treasury that no step has swept yet. */
  readonly floor: string;
  readonly surplus: string;
  readonly unswept: string;
  /** Attested deposits whose blocks left the chain: owed, and not held. */
  readonly exposed: string;
  readonly unexplained: string;
}

/** An entry of the audit log; `body` in short, as JSON text. */
export interface EntryReport {
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly body: string;
}

export interface CertificateReport {
  readonly index: number;
  readonly name: string;
  /** Null where the certificate cannot be read. */
  readonly ends_at: string | null;
  readonly days_left: number | null;
}

/** The newest backup of a kind; null where there is none. */
export interface BackupReport {
  readonly kind: string;
  readonly made_at: string | null;
  readonly drilled_at: string | null;
  readonly made_in_period: number;
}

export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** An incident that was opened in the period. */
export interface IncidentReport {
  readonly id: string;
  /** By index. */
  readonly opened_by: number;
  readonly opened_at: string;
  readonly level: string;
  readonly state: 'open' | 'closed';
  /** The steps that were not taken in time. */
  readonly late: readonly string[];
  readonly summary: string;
  /** Empty while it is open. */
  readonly review: string;
}

export interface Report {
  readonly version: string;
  readonly made_at: string;
  readonly node: {
    readonly network: string;
    readonly index: number;
    readonly name: string;
    readonly participants: number;
    readonly threshold: number;
    readonly key_id: string | null;
  };
  /** `is_over`: no more can happen in it. */
  readonly period: { readonly from: string; readonly to: string; readonly days: number; readonly is_over: boolean };
  readonly uptime: UptimeReport;
  readonly ceremonies: Listed<KeyCeremonyReport>;
  readonly attestations: { readonly decided: number; readonly signed: number };
  readonly signers: readonly SignerReport[];
  /** By day, all signers together; days without an answer are left out. */
  readonly signing_days: readonly {
    readonly date: string;
    readonly timed: number;
    readonly average_ms: number;
    readonly max_ms: number;
  }[];
  readonly refusals: readonly RefusalReport[];
  readonly days: readonly DayReport[];
  readonly totals: MoneyReport;
  readonly opening: BalanceReport;
  readonly closing: BalanceReport;
  /** Steps of the line whose lists of burns, or miner fees, are not known here yet: their sums are not whole. */
  readonly incomplete: {
    readonly unlisted_steps: number;
    readonly unknown_fees: number;
    /** Burns that were paid until the end of the period, of which only their step's list is known: they count as owed. */
    readonly unknown_burns: number;
  };
  readonly waiting: { readonly burns: number; readonly sats: string };
  readonly incidents: Listed<IncidentReport>;
  readonly changes: Listed<EntryReport>;
  readonly events: Listed<EntryReport>;
  readonly entries: readonly { readonly kind: string; readonly count: number }[];
  readonly certificates: readonly CertificateReport[];
  readonly backups: readonly BackupReport[];
  readonly log: {
    readonly head: Head;
    readonly head_at_end: Head | null;
    /** How far it was verified. */
    readonly verified: number;
  };
}
