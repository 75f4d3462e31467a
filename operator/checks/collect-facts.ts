// Gathers all facts for the checks, from the node, its peers, its Bitcoin and Wire nodes and its machine. Nothing is changed.

import { lookup } from 'node:dns/promises';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { confValues } from '../../chain/bitcoin-conf.ts';
import type { OperatorCard } from '../../crypto/operator-card.ts';
import { auditHead } from '../../store/audit-log.ts';
import { loadVerifiedHead } from '../../store/audit-verified.ts';
import { backupPlaces, newestBackup } from '../../store/backups.ts';
import { withAccounts } from '../accounts/accounts.ts';
import { testCommunication } from '../communication.ts';
import type { Node } from '../node.ts';
import { daysLeft, hostOf, readCertificate } from '../peers/certificate.ts';
import { listCards } from '../peers/federation.ts';
import { loadTlsIdentity } from '../peers/tls.ts';
import type { BackendReport, CommandResults, CommunicationReport } from '../runtime/command-types.ts';
import { errorText } from '../runtime/log.ts';
import type { ProblemCode } from '../runtime/problems.ts';
import { statusReport } from '../status/status-report.ts';
import { fileFacts, keyFileFacts } from './collect-files.ts';
import { machineFacts, processFacts } from './collect-machine.ts';
import type {
  AccountFacts,
  BackendFact,
  BackupFacts,
  BitcoinFacts,
  CertificateFacts,
  Facts,
  KeyFacts,
  PeerFact,
} from './facts.ts';
import { isLoopback } from './networks.ts';

/** Round trips to each peer; the first pays for the handshake. */
const ROUNDS = 4;
const LOOKUP_MS_MAX = 2_000;
const ALARMS: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'state_regressed',
  'signs_nothing',
  'peer_runs_twice',
  'peer_state_regressed',
  'peer_halted',
]);
type Status = CommandResults['status'];

/** All facts as they are now, within some seconds. */
export async function gatherFacts(node: Node): Promise<Facts> {
  const { config, input, store } = node;
  const now = input.effects.now();
  const cards = listCards(store.db);
  const [status, machine, accounts, certificate, versions, links, ips] = await Promise.all([
    statusReport(node),
    machineFacts(config.securityDbPath),
    accountFacts(node),
    certificateFacts(node, cards, now),
    node.chain?.versions() ?? [],
    node.online === null ? [] : testCommunication(node, ROUNDS, () => {}).then(({ peers }) => peers),
    Promise.all(config.partyAddresses.map(({ host }) => ipsOf(host))),
  ]);
  const serves = input.serves !== false;
  const { myIndex } = config;
  return {
    ...{ now, network: config.network, version: input.version, myIndex },
    ...{ threshold: config.threshold, participants: config.parties },
    files: fileFacts(input),
    keyFile: keyFileFacts(input),
    key: keyFacts(node),
    ...{ certificate, accounts, machine },
    backups: backupFacts(node),
    bitcoin: bitcoinFacts(node, status, versions),
    bitcoinHeight: status.scan?.tip ?? status.bitcoin.find(({ ok }) => ok)?.height ?? null,
    ownPhase: node.online?.heartbeat?.standing.state.phase ?? null,
    wire: status.wire.map(backendFact),
    process: serves ? processFacts(input.env) : null,
    listen: {
      ...{ peers: config.listenAddress.text, told: config.partyAddresses[myIndex]?.text ?? '' },
      ...{ metrics: config.metricsAddress.text, publicApi: config.publicAddress?.text ?? null },
    },
    peers: peerFacts(node, { status, cards, links, ips, now }),
    ownIps: ips[myIndex] ?? [],
    contacts: cards.map(contactsOf),
    audit: auditFacts(node, serves),
    automatic: config.automatic,
    caps: capsOf(config.policy),
    problems: status.problems,
    alarms: status.problems.filter(({ code }) => ALARMS.has(code)).map(({ subject, cause }) => `${subject}: ${cause}`),
  };
}

/** The caps that a policy sets, whatever they are called: what bounds has `max`, `cap` or `above` in its name. */
export function capsOf(policy: object): readonly string[] {
  return Object.entries(policy).flatMap(([name, value]) =>
    /max|cap|above/i.test(name) && value !== null && value !== undefined ? [name] : [],
  );
}

function keyFacts({ keys, keyRing }: Node): KeyFacts | null {
  const key = keys.live();
  if (key === null) return null;
  const { keyId, createdAt, bitcoin } = key;
  const sharesFit = keyRing.sealed ? null : (keys.sharesFit(keyId) ?? false);
  return { keyId, createdAt, threshold: bitcoin.threshold, participants: bitcoin.participants, sharesFit };
}

async function certificateFacts(
  { config, online }: Node,
  cards: readonly OperatorCard[],
  now: number,
): Promise<CertificateFacts> {
  const loaded = await loadTlsIdentity(config.tlsCertPath, config.tlsKeyPath, now);
  const notTaken = (online?.certificates?.report()?.missing ?? []).map(({ index }) => index);
  if (!loaded.ok) return { fault: loaded.detail, daysLeft: null, isOnCard: null, notTaken };
  const { facts } = loaded.identity;
  const own = cards.find(({ index }) => index === config.myIndex);
  const isOnCard = own === undefined ? null : readCertificate(own.tls_certificate)?.fingerprint === facts.fingerprint;
  return { fault: null, daysLeft: daysLeft(facts, now), isOnCard, notTaken };
}

async function accountFacts({ config, input }: Node): Promise<AccountFacts> {
  const { singleOperator } = config;
  try {
    const { env, effects } = input;
    const users = await withAccounts({ config, env, effects }, { create: false }, (accounts) => accounts?.list() ?? []);
    return {
      ...{ fault: null, singleOperator },
      users: users.map(({ name, role, state, totpBox, backupCodes }) => ({
        ...{ user: name, role, isActive: state === 'active', hasSecondFactor: totpBox.length > 0 },
        backupCodesLeft: backupCodes,
      })),
    };
  } catch (error) {
    return { fault: errorText(error), users: [], singleOperator };
  }
}

function backupFacts({ store: { db }, config, input }: Node): BackupFacts {
  const now = input.effects.now();
  const keyShare = newestBackup(db, 'key_share', 'made', { now });
  const drilled = newestBackup(db, 'key_share', 'drilled', { now });
  const device = (path: string) => statSync(path, { throwIfNoEntry: false })?.dev ?? null;
  const beside = (path: string, of: string) => {
    const [own, other] = [device(path), device(of)];
    return own !== null && own === other;
  };
  const folder = config.backup?.folder ?? null;
  return {
    keyShare: keyShare === null ? null : { madeAt: keyShare.madeAt, keyId: keyShare.keyId },
    drill: drilled === null ? null : { at: drilled.at, keyId: drilled.keyId },
    databaseAt: newestBackup(db, 'database', 'made', { now })?.madeAt ?? null,
    everyHours: config.backup?.everyHours ?? null,
    besideKeys: [
      ...backupPlaces(db, 'key_share').filter((path) => beside(path, config.keySharePath)),
      ...(folder !== null && beside(folder, config.securityDbPath) ? [folder] : []),
    ],
  };
}

function bitcoinFacts(node: Node, { bitcoin }: Status, versions: BitcoinFacts['versions']): BitcoinFacts {
  const { config, chain, input } = node;
  const nodes = bitcoin.map(backendFact);
  const problems = (chain?.problems() ?? []).map(({ problem: name, detail }) => ({ name, detail }));
  return {
    nodes,
    versions,
    problems,
    conf: nodes.some(({ isLocal }) => isLocal) ? confOf(input.home, config.network) : null,
  };
}

// Where bitcoind looks for it unless told otherwise.
/** What bitcoin.conf and the files that it includes say; null where one of them cannot be read. */
export function confOf(home: string, network: Node['config']['network']): BitcoinFacts['conf'] {
  const path = join(home, '.bitcoin', 'bitcoin.conf');
  try {
    const text = readFileSync(path, 'utf8');
    // Paths in it are relative to its folder. Core does not look for further ones within those.
    const included = confValues(text, network, 'includeconf').map((one) =>
      readFileSync(resolve(path, '..', one), 'utf8'),
    );
    const values = (key: string) => [text, ...included].flatMap((one) => confValues(one, network, key));
    return { path, allow: values('rpcallowip'), bind: values('rpcbind') };
  } catch {
    return null;
  }
}

function backendFact({ url, ok, detail }: BackendReport): BackendFact {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const isLocal = parsed !== null && isLoopback(parsed.hostname);
  return { url, isLocal, isEncrypted: parsed?.protocol === 'https:', ok, detail };
}

interface PeerSources {
  readonly status: Status;
  readonly cards: readonly OperatorCard[];
  readonly links: readonly CommunicationReport[];
  readonly ips: readonly (readonly string[])[];
  readonly now: number;
}

function peerFacts({ config }: Node, { status, cards, links, ips, now }: PeerSources): readonly PeerFact[] {
  return config.partyAddresses.flatMap((_, index): readonly PeerFact[] => {
    if (index === config.myIndex) return [];
    const card = cards.find((one) => one.index === index);
    const row = status.peers.find((one) => one.index === index);
    const link = links.find((one) => one.index === index);
    const certificate = card === undefined ? null : readCertificate(card.tls_certificate);
    return [
      {
        ...{ index, name: card?.name ?? `operator-${index}`, hasCard: card !== undefined, ips: ips[index] ?? [] },
        ...{ reachable: link?.reachable ?? null, detail: link?.detail ?? '' },
        version: link?.version ?? row?.version ?? null,
        certificateDays: certificate === null ? null : daysLeft(certificate, now),
        latencyMs: link?.round_trip_ms?.median ?? null,
        clockOffsetMs: link?.clock_offset_ms ?? row?.clock_offset_ms ?? null,
        ...{ phase: row?.phase ?? null, bitcoinHeight: row?.bitcoin_height ?? null },
      },
    ];
  });
}

async function ipsOf(address: string): Promise<readonly string[]> {
  const host = hostOf(address);
  if (isIP(host) !== 0) return [host];
  const found = lookup(host, { all: true }).then(
    (all) => all.map((one) => one.address),
    () => [],
  );
  const stop = new AbortController();
  const late = new Promise<readonly string[]>((resolve) => {
    const timer = setTimeout(() => resolve([]), LOOKUP_MS_MAX);
    stop.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  return Promise.race([found, late]).finally(() => stop.abort());
}

function contactsOf({ index, name, contacts }: OperatorCard): Facts['contacts'][number] {
  return { index, name, values: reachedBy(contacts) };
}

/** Every way to reach somebody that a card's contacts name, in lower case, also of the people within. Two may bear one name. */
export function reachedBy(contacts: object): readonly string[] {
  return Object.entries(contacts).flatMap(([key, value]): readonly string[] => {
    if (typeof value === 'string') return key === 'name' ? [] : [value.trim().toLowerCase()];
    return typeof value === 'object' && value !== null ? reachedBy(value) : [];
  });
}

// Without a server the log was verified as the database was opened.
function auditFacts({ store: { db }, damage }: Node, serves: boolean): Facts['audit'] {
  const head = auditHead(db).seq;
  return { fault: damage?.detail ?? null, verified: serves ? loadVerifiedHead(db).seq : head, head };
}
