// `status --full`: everything that `status` knows, however long that is.
import type {
  BackendReport,
  CeremonyReport,
  CommandResults,
  PeerStatusReport,
  SignerReport,
} from '../operator/runtime/command-types.ts';
import { count, daysUntil, duration, localTime, optionalTime, sats, signerFaults, tally } from './format.ts';
import { renderFields } from './output.ts';
import { federationLine, serviceLine } from './service-text.ts';

type Status = CommandResults['status'];

/** An answer of a node is fresh for so long, in ms; then its age is shown. */
const FRESH_MS = 15_000;

/** The fields, one or more lines each. */
export function fullFields(status: Status): string {
  return renderFields([
    ['operator', `${status.name} (index ${status.my_index}), ${status.network}`],
    ['federation', `${status.threshold} of ${status.participants}, ${count(status.peers_known, 'card')} known`],
    ['server', serverLine(status)],
    ['key file', keyFileLine(status)],
    ['key', status.key_id ?? 'none yet'],
    ...backendFields('bitcoin', status.bitcoin, status.clock.now),
    ...backendFields('wire', status.wire, status.clock.now),
    ...status.peers.map((peer) => [`operator ${peer.index}`, peerLine(peer, status.clock.now)] as const),
    ...status.ceremonies.flatMap(ceremonyFields),
    ...scanFields(status.scan),
    ['treasury', status.treasury?.detail ?? 'no key yet'],
    ...custodyFields(status.custody),
    ['service', serviceLine(status.service)],
    ...status.service.does.map((line) => ['', line] as const),
    ['open', federationLine(status.service)],
    ['deposits', tally(status.deposits)],
    ['withdrawals', tally(status.withdrawals)],
    ['burns waiting', `${status.burns_waiting}`],
    ['certificate', certificateLine(status)],
    ...certificateFields(status.certificates),
    ['refused messages', tally(status.rejections)],
    ...signerFields(status.signers),
    ['accounts', accountsLine(status.accounts)],
    ['clock', clockLine(status.clock)],
    ['audit log', `entry ${status.audit_head.seq}, ${status.audit_head.hash}`],
    ['backups', backupLine(status)],
    ['version', status.version],
  ]);
}

function peerLine(peer: PeerStatusReport, now: string): string {
  const { name, reachable, since, phase, version, bitcoin_height: height, head, heard_at, paused_since } = peer;
  const answers =
    reachable === null ? 'not asked' : reachable ? 'answers' : `DOES NOT ANSWER since ${localTime(since ?? now)}`;
  const parts = [
    answers,
    phase,
    paused_since === null ? null : `PAUSED since ${localTime(paused_since)}`,
    height === null ? null : `block ${height}`,
    head === null ? null : `head ${head.epoch}/${head.seq}`,
    version === null ? null : `version ${version}`,
    heard_at === null ? null : ageText('heard', heard_at, now),
  ];
  return `${name}: ${parts.filter((part) => part !== null).join(', ')}`;
}

function ceremonyFields(ceremony: CeremonyReport): (readonly [string, string])[] {
  const { ceremony_id, rehearsal, phase, detail, created_at, steps, participants } = ceremony;
  const line = `${ceremony_id}${rehearsal ? ' (rehearsal)' : ''}: ${phase}, ${detail}, begun ${localTime(created_at)}`;
  const step = steps.at(-1);
  return [
    ['ceremony', line],
    ...(step === undefined ? [] : [['', `step ${step.step} since ${localTime(step.at)}`] as const]),
    ...participants.map(({ name, state, detail: why, since }) => {
      const when = since === null ? '' : ` since ${localTime(since)}`;
      return ['', `${name}: ${state.replace('_', ' ')}${when}${why === '' ? '' : `, ${why}`}`] as const;
    }),
  ];
}

// Those that always helped are counted together; whoever did not is shown with what was wrong last.
function signerFields(signers: readonly SignerReport[]): (readonly [string, string])[] {
  const troubled = signers.filter(({ last }) => last !== null);
  const well = signers.length - troubled.length;
  return [
    ['signers', signers.length === 0 ? 'none asked yet' : `${well} of ${signers.length} always answered in time`],
    ...troubled.map((signer): readonly [string, string] => [`signer ${signer.index}`, signerLine(signer)]),
  ];
}

function signerLine({ name, answered, last, ...signer }: SignerReport): string {
  const when = last === null ? '' : `; last ${last.fault} at ${localTime(last.at)}: ${last.reason}, ${last.detail}`;
  return `${name}: ${answered} in time, ${signerFaults(signer)}${when}`;
}

function custodyFields(custody: Status['custody']): (readonly [string, string])[] {
  if (custody === null) return [];
  const { total, treasury, unswept, strays, owed, attested, redeemed, excess, is_complete } = custody;
  const open = is_complete ? '' : '; at most, as not every burn that was paid is known here';
  return [
    ['custody', `${sats(total)}: treasury ${treasury}, deposits not swept ${unswept}, top-ups ${strays}`],
    ['owed', `${sats(owed)}: attested ${attested}, paid out ${redeemed}${open}`],
    ['custody less owed', sats(excess)],
  ];
}

function certificateLine({ certificate_expires_at: end, clock }: Status): string {
  return end === null ? 'no card yet' : `${count(daysUntil(end, clock.now), 'day')} left, until ${localTime(end)}`;
}

/** A change of the own certificate that goes on, and peers of which two hold. */
export function certificateFields(certificates: Status['certificates']): (readonly [string, string])[] {
  const { rotation = null, overlaps = [] } = certificates ?? {};
  const missing = rotation?.missing.map(({ index, detail }) => `operator ${index} (${detail})`).join(', ') ?? '';
  const own =
    rotation === null ? [] : [['new certificate', `announced; not yet taken by ${missing || 'nobody left'}`] as const];
  const ofPeers = overlaps.map(({ index, until }) => {
    return ['certificates', `operator ${index}: its old one holds beside the new until ${localTime(until)}`] as const;
  });
  return [...own, ...ofPeers];
}

/** The accounts. A node may run without any, so that is no problem; a person who looks has to see it, though. */
export function accountsLine({ users, admins, locked, single_operator, fault }: Status['accounts']): string {
  if (fault !== null) return `NOT READABLE, so nobody can sign in: ${fault}`;
  const waived = single_operator ? '; SINGLE OPERATOR: no act asks for a second person' : '';
  if (users === 0) {
    return `none: whoever may run commands here acts without signing in (\`mpc_operator user create\` ends that)${waived}`;
  }
  const locks = locked.length === 0 ? '' : `, locked: ${locked.join(', ')}`;
  return `${count(users, 'user')}, ${count(admins, 'admin')}${locks}${waived}`;
}

function clockLine({ now, peers, set }: Status['clock']): string {
  const most = Math.max(...peers.map(({ offset_ms }) => Math.abs(offset_ms)));
  const compared =
    peers.length === 0 ? 'not compared with peers' : `within ${duration(most)} of ${count(peers.length, 'peer')}`;
  const clock = `${localTime(now)}, ${compared}`;
  if (set === null) return clock;
  const direction = set.by_ms < 0 ? 'back' : 'forward';
  return `${clock}; set ${direction} by ${duration(Math.abs(set.by_ms))} at ${localTime(set.at)}`;
}

function backupLine({ backups: { key_share, database, drill } }: Status): string {
  return `key material ${optionalTime(key_share)}, database ${optionalTime(database)}, last drill ${optionalTime(drill)}`;
}

/** Whether a server runs, and where it listens. */
export function serverLine(status: Status): string {
  if (!status.running) return 'not running';
  if (status.listening === null) return `running, sealed: run \`mpc_operator unseal\``;
  return `listening on ${status.listening} since ${localTime(status.started_at)}`;
}

/** Whether the key file is open; a command that runs without a server cannot tell more than that it is not open here. */
export function keyFileLine({ running, sealed }: Status): string {
  if (!running) return 'not open, as no server runs';
  return sealed ? 'sealed' : 'open';
}

function backendFields(name: string, backends: readonly BackendReport[], now: string): (readonly [string, string])[] {
  if (backends.length === 0) return [[name, 'no node configured']];
  return backends.map(({ url, ok, height, detail, answered_at }) => [
    name,
    [url, ok ? 'ok' : 'NOT OK', height === null ? '' : `height ${height}`, detail, answerAge(answered_at, now)]
      .filter((part) => part !== '')
      .join(', '),
  ]);
}

function answerAge(answered: string | null, now: string): string {
  if (answered === null || Date.parse(now) - Date.parse(answered) <= FRESH_MS) return '';
  return ageText('answered', answered, now);
}

function ageText(what: string, at: string, now: string): string {
  return `${what} ${duration(Math.max(0, Date.parse(now) - Date.parse(at)))} ago`;
}

// A moment's lag is nothing to look at: it stands among the fields, and as a problem only when it lasts.
function scanFields(scan: Status['scan']): (readonly [string, string])[] {
  if (scan === null) return [];
  const left = scan.tip - scan.height;
  return [['blocks', left <= 0 ? 'all read' : `${count(left, 'block')} to read (${scan.height} of ${scan.tip})`]];
}
