// Faults that only the log shows. Those that come again and again, and those that must not be overlooked, become
// problems of `status`. EVENTS names every warning and error of the log, with its meaning for an operator, or the
// problem that shows it.

import { DESCRIPTORS_TOLD, isOutOfDescriptors } from './descriptor-watch.ts';
import type { Effects } from './effects.ts';
import { errorText, type Log, type LogFields, type LogLevel } from './log.ts';
import { type Problem, type ProblemCode, problem } from './problems.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Most faults that are remembered at once; the oldest make room. */
const FAULTS_MAX = 500;
/** Longest text of a fault that is kept, in characters. */
const DETAIL_CHARACTERS_MAX = 500;

/** What an event means. `lastsMs`: it must go on for so long; `shownMs`: it is over so long after it came last. */
export interface EventMeaning {
  readonly code: ProblemCode;
  readonly subject: (fields: LogFields) => string;
  readonly cause: string;
  readonly action: string;
  readonly lastsMs: number;
  readonly shownMs: number;
}

const REPORT = 'send the log lines around it to the developers';
const LOOK_AT_LOG = 'read the log, which names every attempt; if this lasts, check what the text names';
const thisNode = (): string => 'this node';
const peer = ({ peer: index, from, to }: LogFields): string => `operator ${index ?? from ?? to ?? '?'}`;
const ceremony = ({ ceremony: id }: LogFields): string => `key ceremony ${id}`;
const deposit = ({ txid, vout }: LogFields): string => `deposit ${txid}:${vout}`;

/** A fault of the program, or of the disk under it. */
function fault(cause: string, subject: EventMeaning['subject'] = thisNode): EventMeaning {
  return { code: 'internal_fault', subject, cause, action: REPORT, lastsMs: 0, shownMs: 10 * MINUTE_MS };
}

/** Work that is tried again by itself. */
function work(cause: string, subject: EventMeaning['subject'], lastsMs: number): EventMeaning {
  // A gap is no end while the work rests between two attempts.
  return { code: 'work_fails', subject, cause, action: LOOK_AT_LOG, lastsMs, shownMs: 10 * MINUTE_MS };
}

/** Two things that cannot both be true: somebody is wrong, or lies. */
function contradiction(code: ProblemCode, subject: EventMeaning['subject'], cause: string): EventMeaning {
  const action = 'find out with the other operators whose view is wrong, before more is signed';
  return { code, subject, cause: `${cause} (shown for a day)`, action, lastsMs: 0, shownMs: DAY_MS };
}

const WORK: Readonly<Record<string, string>> = {
  watch: 'Bitcoin nodes',
  scan: 'Bitcoin blocks',
  mempool: 'mempool',
  burns: 'burns',
  line: 'treasury line',
  follow: 'treasury line',
  requests: 'requests',
  attest: 'attestations',
  steps: 'payouts',
  mints: 'mints',
  mint: 'mints',
};
const round = work('it fails again and again', ({ what }) => WORK[`${what}`] ?? 'messages of peers', MINUTE_MS);
// Between two attempts the log is told once a minute (bridge/failure-log.ts).
const roundOfWork: EventMeaning = { ...round, shownMs: 2.5 * MINUTE_MS };

/** Every warning and error of the log: what it means, or in a word where else it is told. */
export const EVENTS: Readonly<Record<string, EventMeaning | string>> = {
  autopilot_failed: roundOfWork,
  round_failed: roundOfWork,
  work_failed: work('it fails again and again', ({ name }) => `${name}`.split('/')[0] ?? 'work', 10 * MINUTE_MS),
  nonce_upkeep_failed: work('it cannot refill its stocks of nonces', thisNode, MINUTE_MS),
  activity_not_written: work('it cannot write down figures for reports', thisNode, 10 * MINUTE_MS),
  nonces_not_fetched: work('this node cannot fetch its nonces', peer, 5 * MINUTE_MS),
  heartbeat_facts_failed: work('it cannot gather what its heartbeats report', thisNode, MINUTE_MS),
  heartbeat_without_head: work('its heartbeats prove nothing, because its head does not verify', peer, MINUTE_MS),
  claim_without_evidence: work('its heartbeats show heads that this node never signed', peer, MINUTE_MS),
  line_not_pulled: work('it cannot ask its peers for steps of the treasury line', thisNode, 5 * MINUTE_MS),
  recipients_not_pulled: work('it cannot ask its peers for recipients', thisNode, 5 * MINUTE_MS),
  finished_work_not_pulled: work('it cannot ask its peers for attestations', thisNode, 5 * MINUTE_MS),
  finished_work_untried: work('it cannot verify attestations of its peers now', thisNode, 5 * MINUTE_MS),
  finished_work_passed_over: work('it sent attestations that do not verify; this node skips them', peer, 0),
  told_step_wrong: work('peers send it steps of the treasury line that do not verify', thisNode, 5 * MINUTE_MS),
  mint_untold: work('your Wire nodes give no answer for single mints', () => 'mints', 10 * MINUTE_MS),
  recipients_of_peer_full: {
    ...work(
      'it has sent as many recipients as this node takes from one operator; this node ignores further ones',
      peer,
      0,
    ),
    action: 'ask its operator why; register further recipients here yourself: `mpc_operator deposit-address`',
  },
  timeline_of_peer_full: {
    ...work('it has sent more entries, within a day or of one incident, than this node keeps of one operator', peer, 0),
    action: 'call its operator: `mpc_operator contacts` says whom',
  },
  admin_failed: fault('a page of the web admin failed'),
  message_failed: fault('this node cannot handle its messages', peer),
  certificate_rotation_failed: fault('its new TLS certificate cannot be announced, or put into use'),
  announcement_failed: fault('this node cannot send messages to it', peer),
  signing_request_failed: fault('this node cannot send it requests to sign', peer),
  heartbeat_failed: fault('this node cannot handle its heartbeat', peer),
  lie_not_recorded: fault('it cannot write into the audit log that a signer gave a wrong share'),
  told_step_not_taken: fault('it cannot store a step that a peer sent'),
  backup_failed: {
    ...fault('the scheduled backup of the database fails', () => 'backup'),
    code: 'backup_old',
    shownMs: 3_600_000,
    action: 'correct "backup" in the configuration, or make room in its folder',
  },
  vetoes_not_told: fault('it cannot tell its peers of vetoes'),
  seal_failed: fault('it cannot be sealed'),
  seal_not_recorded: fault('it was sealed, and cannot write that into the audit log'),
  proof_failed: fault('the proof of its keys fails', ceremony),
  ceremony_tick_failed: fault('it does not go on', ceremony),
  ceremony_message_failed: fault('messages of a key ceremony fail', peer),
  ceremony_not_left: fault('it cannot be left', ceremony),
  rehearsal_not_ended: fault('the keys of this rehearsal are not destroyed', ceremony),
  ceremony_not_resumed: {
    ...fault('it was not resumed after the server started', ceremony),
    code: 'ceremony_stuck',
    shownMs: DAY_MS,
    action: 'restart the server; if that does not help, run `mpc_operator ceremony abandon`',
  },
  second_key_not_used: {
    ...fault('its key is not used, because another key is live already', ceremony),
    code: 'ceremony_stuck',
    shownMs: DAY_MS,
    action: 'agree with the other operators which key is the live one',
  },
  minted_otherwise: contradiction(
    'mint_contradicts',
    deposit,
    'it is minted on Wire for another recipient or another amount',
  ),
  attested_otherwise: contradiction(
    'mint_contradicts',
    deposit,
    'peers attested it for another recipient or another amount',
  ),
  burn_contradicts: contradiction(
    'burn_contradicts',
    ({ burn_txid }) => `burn ${burn_txid}`,
    'your Wire nodes report it differently than before',
  ),
  told_step_contradicts: contradiction(
    'line_contradicts',
    ({ txid }) => `step ${txid}`,
    'it is fully signed, but it breaks the rules of the treasury line',
  ),
  treasury_root_differs: contradiction('line_contradicts', () => 'treasury', 'two roots of it are certified'),
  treasury_root_lost: contradiction(
    'line_contradicts',
    () => 'treasury',
    'the payment that is its root is no longer in the chain',
  ),

  addresses_differ: 'addresses_differ',
  announcement_not_delivered: 'peer_unreachable',
  attested_deposit_taken_back: 'deposits_exposed',
  chain_forked: 'chain_forked',
  clock_set: 'clock_set',
  command_failed: 'the command itself',
  database_damaged: 'database_damaged',
  deposit_contested: 'deposit_contested',
  descriptors_low: 'descriptors_low',
  deposit_replaced: 'nothing is lost: it was never attested',
  file_replaced: 'file_replaced',
  guard_halted: 'signs_nothing',
  incident_opened: 'incident_open',
  notify_failed: 'notify_failed',
  guard_starting: 'signs_nothing',
  keys_not_proven_yet: 'keys_not_proven',
  line_step_rejected: 'line_step_refused',
  line_steps_dropped: 'nothing is lost: the line has passed them, or peers sent too many',
  log_lines_dropped: 'log_not_written',
  mint_not_taken: 'mints_wait',
  mint_refused_for_good: 'mints_wait',
  node_paused: 'paused',
  payout_vetoed: 'request_waits',
  pause_ignored: 'pause_ignored',
  paused_by_peer: 'paused',
  peer_state_regressed: 'peer_state_regressed',
  reorganisation: 'chain_forked',
  request_to_approve: 'request_waits',
  sign_refused: 'burns_wait and deposits_wait, at the node that asked',
  signer_excluded: 'signers, and peer_lied',
  state_regressed: 'state_regressed',
  treasury_round_failed: 'treasury_not_open',
};

/** A fault that goes on; times in ms, by the monotonic clock except `since`. */
interface Fault {
  readonly meaning: EventMeaning;
  readonly subject: string;
  readonly since: number;
  readonly firstAt: number;
  lastAt: number;
  detail: string;
}

/** Watches one node's log. */
export class EventWatch {
  readonly #clocks: Pick<Effects, 'now' | 'monotonic'>;
  readonly #faults = new Map<string, Fault>();

  constructor(clocks: Pick<Effects, 'now' | 'monotonic'>) {
    this.#clocks = clocks;
  }

  /** The log, watched. */
  over(log: Log): Log {
    return (level, event, fields = {}) => {
      this.#take(level, event, fields);
      log(level, event, fields);
    };
  }

  /** What goes on, or came of late. */
  problems(): readonly Problem[] {
    const now = this.#clocks.monotonic();
    const shown = new Map<string, Problem>();
    for (const [key, { meaning, subject, since, firstAt, lastAt, detail }] of this.#faults) {
      if (now - lastAt > meaning.shownMs) this.#faults.delete(key);
      else if (lastAt - firstAt >= meaning.lastsMs) {
        const cause =
          detail === '' || meaning.code === 'descriptors_low' ? meaning.cause : `${meaning.cause}: ${detail}`;
        // Several events may have one cause, as a full disk: it is one problem, since the first of them.
        const name = `${meaning.code} ${subject} ${cause}`;
        const known = shown.get(name);
        const from = known === undefined ? since : Math.min(since, Date.parse(known.since));
        shown.set(name, problem(meaning.code, { subject, since: from, cause, action: meaning.action }));
      }
    }
    return [...shown.values()];
  }

  /** Whether a fault of this kind is remembered. */
  shows(code: ProblemCode): boolean {
    return [...this.#faults.values()].some(({ meaning }) => meaning.code === code);
  }

  /** Faults of this kind are over: what failed was tried again, and went well. */
  ended(code: ProblemCode): void {
    for (const [key, { meaning }] of this.#faults) if (meaning.code === code) this.#faults.delete(key);
  }

  #take(level: LogLevel, event: string, fields: LogFields): void {
    if (level === 'info') {
      if (event === 'descriptors_free_again') this.ended('descriptors_low');
      if (event.endsWith('_recovered')) this.#faults.delete(keyOf(event.replace(/_recovered$/, '_failed'), fields));
      return;
    }
    const text = typeof fields['detail'] === 'string' ? fields['detail'] : '';
    const named = ofDisk(text) ?? ofDescriptors(text) ?? ofPruning(text) ?? EVENTS[event];
    if (named === undefined || typeof named === 'string') return;
    const key = keyOf(event, fields);
    const [at, detail] = [this.#clocks.monotonic(), text.slice(0, DETAIL_CHARACTERS_MAX)];
    const known = this.#faults.get(key);
    if (known !== undefined && known.meaning.code === named.code && at - known.lastAt <= named.shownMs) {
      [known.lastAt, known.detail] = [at, detail];
      return;
    }
    const subject = named.subject(fields);
    this.#faults.set(key, { meaning: named, subject, since: this.#clocks.now(), firstAt: at, lastAt: at, detail });
    const [oldest] = this.#faults.keys();
    if (this.#faults.size > FAULTS_MAX && oldest !== undefined) this.#faults.delete(oldest);
  }
}

/** Whether an error says that the disk is full. */
export function isDiskFull(error: unknown): boolean {
  return /database or disk is full|SQLITE_FULL|ENOSPC|no space left/i.test(errorText(error));
}

// Whatever work met it, the remedy is the same.
function ofDisk(detail: string): EventMeaning | null {
  if (!isDiskFull(detail)) return null;
  const action = 'make room on the disk of the database; the node then goes on by itself';
  const cause = 'nothing can be written, so nothing is signed';
  return { ...fault(cause, () => 'disk'), code: 'disk_full', action, shownMs: 2.5 * MINUTE_MS };
}

// Whatever was being done, for whomever: it is no fault of the peer whose message it was.
function ofDescriptors(detail: string): EventMeaning | null {
  if (!isOutOfDescriptors(detail)) return null;
  const { subject } = DESCRIPTORS_TOLD;
  const action = `${DESCRIPTORS_TOLD.action}; if few are in use, look at the folder of the database`;
  const cause = 'no more files can be opened, so nothing is signed';
  return { ...fault(cause, () => subject), code: 'descriptors_low', action, shownMs: 2.5 * MINUTE_MS };
}

function ofPruning(detail: string): EventMeaning | null {
  if (!/\bpruned\b/i.test(detail)) return null;
  const action =
    'use a Bitcoin node that has all blocks: take prune out of its bitcoin.conf, and run it once with -reindex';
  const cause = 'blocks that are still to be read were pruned, so the scan cannot go on';
  return { ...fault(cause, () => 'Bitcoin blocks'), code: 'blocks_pruned', action, shownMs: 2.5 * MINUTE_MS };
}

function keyOf(event: string, { what, name, peer: index, from, to, ceremony: id, txid, burn_txid }: LogFields): string {
  const kind = typeof name === 'string' ? name.split('/')[0] : undefined;
  return [event, what, kind, index ?? from ?? to, id, txid ?? burn_txid].join(' ');
}
