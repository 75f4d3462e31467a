// `status`: a node at a glance, and everything that its operator should look at. Text, JSON and whatever else shows it are made
// from this. Nothing here waits for the Bitcoin and Wire nodes longer than a moment.
import { statSync } from 'node:fs';
import { auditHead } from '../../store/audit-log.ts';
import { listWaitingBurns } from '../../store/burn-payments.ts';
import { listCeremonies } from '../../store/ceremonies.ts';
import { previousCertificates } from '../../store/certificate-rotation.ts';
import { listDeposits } from '../../store/deposits.ts';
import { isBeingWritten } from '../../store/open.ts';
import { listPeers } from '../../store/peers.ts';
import { DEPOSIT_STATUSES } from '../../store/schema.ts';
import { stepCounts } from '../../store/step-state.ts';
import { accountsReport } from '../account-commands.ts';
import { settledHeight } from '../chain-state/scan.ts';
import { custodyProblems, custodyReport } from '../custody-report.ts';
import { pauseProblems } from '../emergency-commands.ts';
import type { Node } from '../node.ts';
import { daysLeft, readCertificate, validityText } from '../peers/certificate.ts';
import { addressConflicts, listCards, missingCards } from '../peers/federation.ts';
import { ceremonyReport } from '../reports.ts';
import { clockReport } from '../runtime/clock-watch.ts';
import type { CommandResults } from '../runtime/command-types.ts';
import { inOrder, type Problem, problem } from '../runtime/problems.ts';
import { serviceReport } from '../service-report.ts';
import { treasuryLine, treasuryReport } from '../treasury-report.ts';
import { backendProblems, backendReports } from './backend-reports.ts';
import { backupProblems, backupReport } from './backup-problems.ts';
import { chainProblems } from './chain-report.ts';
import { incidentProblems } from './incident-problems.ts';
import { lastingWaits } from './lasting-waits.ts';
import { notices } from './notices.ts';
import { floodProblems, peerRows, unreachableProblems } from './peer-rows.ts';
import { signerProblems, signerReports } from './signer-reports.ts';

/** A TLS certificate with fewer days left than this is a problem. */
const CERTIFICATE_DAYS_WARNED = 30;
const DAY_MS = 86_400_000;
/** A step of a key ceremony takes no longer than this, in ms, whoever is slow: it is ended else. */
const CEREMONY_STEP_MS_MAX = 15 * 60_000;
const STUCK_PHASES: ReadonlySet<string> = new Set(['running', 'confirmed']);
/** Most key ceremonies that are shown while they are not over. */
const CEREMONIES_SHOWN_MAX = 10;

const STARTING_ACTION = 'ask again in a moment: opening the key file takes seconds; if this lasts, look at the log';

type Status = CommandResults['status'];

/** An overview, with everything an operator should look at in `problems`. */
export async function statusReport(node: Node): Promise<Status> {
  const { config, input, store } = node;
  const [backends, accounts] = await Promise.all([backendReports(node), accountsReport(node), node.selfWatch?.look()]);
  const cards = listCards(store.db);
  const peers = peerRows(node);
  const treasury = node.keys.live() === null ? null : treasuryReport(node);
  const custody = treasury === null ? null : custodyReport(node, treasury);
  return {
    version: input.version,
    network: config.network,
    my_index: config.myIndex,
    name: config.name,
    threshold: config.threshold,
    participants: config.parties,
    running: serves(node),
    sealed: node.online === null,
    started_at: new Date(node.startedAt).toISOString(),
    listening: node.online?.gate.address ?? null,
    key_id: node.keys.live()?.keyId ?? null,
    peers_known: cards.filter((card) => card.index !== config.myIndex).length,
    peers,
    ceremonies: ceremoniesUnderWay(node),
    ...backends,
    scan: scanReport(node),
    treasury: treasury === null ? null : { state: treasury.state, detail: treasuryLine(treasury) },
    custody,
    service: serviceReport(node),
    deposits: Object.fromEntries(
      DEPOSIT_STATUSES.map((status) => [status, listDeposits(store.db, [status], { limit: 1 }).total]),
    ),
    withdrawals: withdrawalCounts(node),
    burns_waiting: listWaitingBurns(store.db, { limit: 1 }).total,
    clock: clockReport(node.online?.heartbeat?.clock ?? null, input.effects.now()),
    audit_head: auditHead(store.db),
    backups: backupReport(node),
    certificate_expires_at: certificateEnd(node, cards),
    certificates: certificateStates(node),
    rejections: rejectionCounts(node),
    signers: signerReports(node),
    accounts,
    notices: notices(node),
    problems: inOrder([
      ...unreachableProblems({ participants: config.parties, threshold: config.threshold }, peers),
      ...nodeProblems(node),
      ...pauseProblems(node),
      ...ownProblems(node),
      ...ceremonyProblems(node),
      ...cardProblems(node),
      ...backendProblems(node, backends),
      ...twinProblems(node),
      ...floodProblems(node),
      ...(node.online?.heartbeat?.problems() ?? []),
      ...chainProblems(node),
      ...custodyProblems(custody, node.startedAt),
      ...keyProblems(node),
      ...backupProblems(node),
      ...signerProblems(node),
      ...incidentProblems(node),
    ]),
  };
}

function serves({ input }: Node): boolean {
  return input.serves !== false;
}

// What a look shows now says more than the log lines that it left behind.
function ownProblems({ selfWatch, events }: Node): readonly Problem[] {
  const seen = selfWatch?.problems() ?? [];
  const codes = new Set(seen.map(({ code }) => code));
  return [...seen, ...(events?.problems() ?? []).filter(({ code }) => !codes.has(code))];
}

function nodeProblems(node: Node): readonly Problem[] {
  const { config, damage, online, input, startedAt, store } = node;
  const problems: Problem[] = [...(input.processProblems?.() ?? [])];
  const subject = 'this node';
  if (damage !== undefined) {
    const [cause = damage.detail, action = 'replace it with its latest backup'] = damage.detail.split('; ');
    problems.push(problem('database_damaged', { subject: 'database', since: damage.since, cause, action }));
  }
  if (!serves(node) && isBeingWritten(store.path)) {
    const cause = `a server with ${config.file} is starting or ending, or a command is changing its database`;
    problems.push(problem('starting', { subject, since: input.effects.now(), cause, action: STARTING_ACTION }));
  } else if (!serves(node)) {
    const cause = `no server runs with ${config.file}, so nothing is signed or followed`;
    problems.push(
      problem('not_running', {
        subject,
        since: lastWrite(store.path) ?? startedAt,
        cause,
        action: 'start it: `mpc_operator server`',
      }),
    );
  } else if (online === null && damage === undefined) {
    const cause = 'the server runs, but it is sealed: it cannot sign, and its peers cannot reach it';
    problems.push(problem('sealed', { subject, since: startedAt, cause, action: 'run `mpc_operator unseal`' }));
  }
  return problems;
}

// When its own card was made.
function setUpSince({ config, store, startedAt }: Node): number {
  return listPeers(store.db).find(({ index }) => index === config.myIndex)?.addedAt ?? startedAt;
}

// The last sign of a server: what it writes as it ends.
function lastWrite(path: string): number | null {
  const times = [path, `${path}-wal`].flatMap((one) => statSync(one, { throwIfNoEntry: false })?.mtimeMs ?? []);
  return times.length === 0 ? null : Math.floor(Math.max(...times));
}

function cardProblems(node: Node): readonly Problem[] {
  const { config, store, input, startedAt } = node;
  const cards = listCards(store.db);
  const addedAt = new Map(listPeers(store.db).map((peer) => [peer.index, peer.updatedAt]));
  const setUpAt = setUpSince(node);
  const problems: Problem[] = [];
  for (const index of missingCards(config, cards)) {
    const cause = 'this node does not have its operator card';
    const action = `ask for its card, then run \`mpc_operator peer add CARD\``;
    problems.push(problem('card_missing', { subject: `operator ${index}`, since: setUpAt, cause, action }));
  }
  for (const { operator: subject, cause, action } of addressConflicts(config, cards)) {
    problems.push(problem('addresses_differ', { subject, since: startedAt, cause, action }));
  }
  const now = input.effects.now();
  for (const { index, name, tls_certificate } of cards) {
    const facts = readCertificate(tls_certificate);
    const subject = `operator ${index} (${name})`;
    const action =
      index === config.myIndex
        ? 'run `mpc_operator tls rotate`; one that has expired is renewed by hand (docs/OPERATING.md, "Certificates")'
        : 'ask its operator to renew it and to send the new card';
    if (facts === null) {
      problems.push(
        problem('certificate_unreadable', {
          subject,
          since: addedAt.get(index) ?? startedAt,
          cause: 'its TLS certificate cannot be read',
          action,
        }),
      );
    } else if (daysLeft(facts, now) < CERTIFICATE_DAYS_WARNED) {
      const isOver = now > facts.notAfter || now < facts.notBefore;
      const code = isOver ? 'certificate_expired' : 'certificate_ends';
      const warnedAt = facts.notAfter - CERTIFICATE_DAYS_WARNED * DAY_MS;
      const since = now < facts.notBefore ? (addedAt.get(index) ?? startedAt) : isOver ? facts.notAfter : warnedAt;
      problems.push(
        problem(code, { subject, since, cause: `its TLS certificate ${validityText(facts, now)}`, action }),
      );
    }
  }
  return problems;
}

function twinProblems({ online }: Node): readonly Problem[] {
  return (online?.sessions.states() ?? []).flatMap(({ index, duplicate }) => {
    if (duplicate === null) return [];
    return problem('peer_runs_twice', {
      subject: `operator ${index}`,
      since: duplicate.since,
      cause: `it seems to run twice: an older start of it still sends messages, last at ${new Date(duplicate.at).toISOString()}`,
      action: 'ask its operator to end one of the two for good',
    });
  });
}

function keyProblems(node: Node): readonly Problem[] {
  const { config, keys, keyRing, startedAt } = node;
  const key = keys.live();
  if (key === null) {
    const [lost] = keyRing.sealed ? [] : keyRing.keyIds().slice(-1);
    if (lost !== undefined) {
      const cause = `the key file holds shares of key ${lost}, which this database does not know: the database was lost`;
      const action = 'put the database back; else add the cards again, and run: mpc_operator ceremony recover FILE';
      return [problem('database_lost', { subject: 'key', since: startedAt, cause, action })];
    }
    const cause = 'the federation has no key yet';
    const action = 'make one together: `mpc_operator dkg --ceremony-id NAME`';
    return [problem('no_key', { subject: 'key', since: setUpSince(node), cause, action })];
  }
  const problems: Problem[] = [...lastingWaits(node, key)];
  if (keyRing.sealed) {
    if (keyRing.exists()) return problems;
    const cause = `there is none at ${config.keySharePath}, but the key ${key.keyId} is in use`;
    const action = 'put it back from a backup, and do not run `mpc_operator init`: no peer accepts a new identity';
    return [...problems, problem('key_file_missing', { subject: 'key file', since: startedAt, cause, action })];
  }
  // The key file was put back to one of before the key was made, or does not go with the database.
  if (keyRing.keysOf(key.keyId) === null) {
    const cause = 'it holds no shares of the live key';
    const action = 'run: mpc_operator ceremony recover FILE';
    problems.push(problem('shares_missing', { subject: 'key file', since: startedAt, cause, action }));
  } else if (keys.sharesFit(key.keyId) !== true) {
    const cause = 'its shares do not fit the live key';
    problems.push(
      problem('shares_wrong', {
        subject: 'key file',
        since: startedAt,
        cause,
        action: 'put the key file back from its backup',
      }),
    );
  }
  return problems;
}

function ceremoniesUnderWay(node: Node): Status['ceremonies'] {
  const { rows } = listCeremonies(node.store.db, { limit: CEREMONIES_SHOWN_MAX });
  return rows.filter(({ status }) => status === 'running').map((stored) => ceremonyReport(node, stored));
}

// In the lobby people are waited for; once shares are dealt, the nodes bring it to an end by themselves.
function ceremonyProblems(node: Node): readonly Problem[] {
  const before = node.input.effects.now() - CEREMONY_STEP_MS_MAX;
  return ceremoniesUnderWay(node)
    .filter(({ phase, updated_at }) => STUCK_PHASES.has(phase) && Date.parse(updated_at) < before)
    .map(({ ceremony_id: id, updated_at, detail }) =>
      problem('ceremony_stuck', {
        subject: `key ceremony ${id}`,
        since: Date.parse(updated_at),
        cause: `it does not go on: ${detail}`,
        action: `ask the operators it waits for; \`mpc_operator ceremony show ${id}\` shows more`,
      }),
    );
}

// Steps of the line by where they stand; `decided` are those that this node has not seen fully signed.
function withdrawalCounts({ store, config }: Node): Readonly<Record<string, number>> {
  return stepCounts(store.db, settledHeight(store.db, config));
}

function certificateEnd({ config }: Node, cards: ReturnType<typeof listCards>): string | null {
  const own = cards.find(({ index }) => index === config.myIndex);
  const facts = own === undefined ? null : readCertificate(own.tls_certificate);
  return facts === null ? null : new Date(facts.notAfter).toISOString();
}

function certificateStates({ store, online, input }: Node): NonNullable<Status['certificates']> {
  const overlaps = previousCertificates(store.db, input.effects.now());
  return {
    rotation: online?.certificates?.report() ?? null,
    overlaps: overlaps.map(({ index, until }) => ({ index, until: new Date(until).toISOString() })),
  };
}

function scanReport(node: Node): Status['scan'] {
  const progress = node.online?.autopilot.scan.progress() ?? null;
  return progress === null ? null : { height: progress.height, tip: progress.tip };
}

function rejectionCounts(node: Node): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason, count } of node.online?.acceptor.rejections() ?? [])
    counts[reason] = (counts[reason] ?? 0) + count;
  return counts;
}
