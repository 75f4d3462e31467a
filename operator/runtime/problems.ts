// What needs an operator's attention, as data: `status` prints it, and everything else that shows it is made from the
// same data. Each problem has one name here, with its severity.

/** How bad a problem is, the worst first: signing has stopped or money is at risk; work waits; it will matter later. */
export const SEVERITIES = ['critical', 'error', 'warning'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Every problem by its code, with its severity where the case does not say another. */
export const PROBLEM_SEVERITIES = {
  // Peers.
  peer_unreachable: 'warning',
  peer_halted: 'error',
  peer_runs_twice: 'critical',
  peer_state_regressed: 'critical',
  peer_lied: 'error',
  peer_floods: 'warning',
  peer_paused: 'warning',
  pause_ignored: 'warning',
  card_missing: 'error',
  addresses_differ: 'error',
  certificate_ends: 'warning',
  certificate_expired: 'error',
  certificate_unreadable: 'error',
  // This node.
  not_running: 'critical',
  starting: 'warning',
  sealed: 'critical',
  database_damaged: 'critical',
  disk_full: 'critical',
  disk_low: 'warning',
  file_replaced: 'error',
  descriptors_low: 'critical',
  signs_nothing: 'critical',
  paused: 'critical',
  state_regressed: 'critical',
  clock_off: 'error',
  clock_set: 'warning',
  session_from_future: 'critical',
  core_dumps: 'warning',
  log_not_written: 'warning',
  internal_fault: 'error',
  backup_old: 'warning',
  backup_drill_old: 'warning',
  // Keys and key ceremonies.
  no_key: 'error',
  database_lost: 'critical',
  key_file_missing: 'critical',
  shares_missing: 'critical',
  shares_wrong: 'critical',
  keys_not_proven: 'warning',
  ceremony_stuck: 'error',
  // Bitcoin and Wire nodes.
  bitcoin_silent: 'error',
  bitcoin_no_majority: 'critical',
  bitcoin_fork: 'error',
  bitcoin_wrong_network: 'critical',
  bitcoin_unavailable: 'error',
  bitcoin_credentials: 'error',
  bitcoin_syncing: 'warning',
  bitcoin_behind: 'warning',
  bitcoin_stale_tip: 'error',
  bitcoin_index: 'error',
  bitcoin_fee_estimate: 'warning',
  wire_not_configured: 'error',
  wire_unavailable: 'error',
  wire_wrong_network: 'error',
  wire_reset: 'error',
  // Blocks, deposits, burns and the treasury line.
  chain_forked: 'error',
  history_lost: 'critical',
  blocks_pruned: 'critical',
  blocks_unread: 'error',
  deposit_contested: 'warning',
  custody_short: 'critical',
  deposits_exposed: 'critical',
  deposits_wait: 'error',
  mints_wait: 'error',
  mint_contradicts: 'critical',
  burns_wait: 'error',
  burns_unpayable: 'warning',
  burn_contradicts: 'critical',
  line_waits: 'error',
  line_step_refused: 'error',
  line_step_unmined: 'warning',
  line_contradicts: 'critical',
  treasury_not_open: 'warning',
  request_waits: 'warning',
  request_open: 'warning',
  work_fails: 'error',
  // Incidents, and people.
  incident_open: 'warning',
  incident_overdue: 'error',
  notify_failed: 'warning',
  date_unanswered: 'warning',
} as const satisfies Readonly<Record<string, Severity>>;
export type ProblemCode = keyof typeof PROBLEM_SEVERITIES;

/** One problem, as `status --json` shows it. */
export interface Problem {
  readonly code: ProblemCode;
  readonly severity: Severity;
  /** What it is about: `this node`, `operator 2`, `Bitcoin node HOST:PORT`, … */
  readonly subject: string;
  /** Since when, ISO 8601: since when it is so, or since when this node can tell. */
  readonly since: string;
  /** What is wrong with it: with the subject before it, a sentence. */
  readonly cause: string;
  /** What its operator can do, an order. */
  readonly action: string;
}

/** What an operator should know although nothing is wrong, by its code; true where the node cannot work before it is done. */
export const NOTICES = {
  treasury_not_open: true,
  keys_not_proven: false,
  config_changed: false,
  not_automatic: false,
  open_to_all: false,
  ceremony_scheduled: false,
} as const satisfies Readonly<Record<string, boolean>>;

/** One notice, as `status --json` shows it. Its fields are those of a problem. */
export interface Notice extends Omit<Problem, 'code' | 'severity'> {
  readonly code: keyof typeof NOTICES;
}

/** A problem; `since` in ms since 1970. */
export function problem(
  code: ProblemCode,
  facts: Pick<Problem, 'subject' | 'cause' | 'action'> & {
    readonly since: number;
    readonly severity?: Severity;
  },
): Problem {
  const { subject, cause, action, since, severity = PROBLEM_SEVERITIES[code] } = facts;
  return { code, severity, subject, since: new Date(since).toISOString(), cause, action };
}

/** Unreachable peers first, then the worst, then what has lasted longest. */
export function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const rank = ({ code, severity }: Problem): number =>
    code === 'peer_unreachable' ? -1 : SEVERITIES.indexOf(severity);
  return [...problems].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      a.since.localeCompare(b.since),
  );
}

/** A problem or notice in two sentences: what is wrong, and what to do. `time` writes the time since when. */
export function problemSentences(
  { subject, since, cause, action }: Omit<Problem, 'code' | 'severity'>,
  time: (iso: string) => string = (iso) => iso,
): readonly [wrong: string, remedy: string] {
  return [`${subject}: ${cause} (since ${time(since)}).`, `${capital(action)}.`];
}

/** The same in one text. */
export function problemText(found: Problem): string {
  return problemSentences(found).join(' ');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
