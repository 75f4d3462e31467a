// `config check`: everything that a start reads, looked at beforehand and without changing anything. Each look gives a
// finding, so that an operator sees all flaws at once instead of one at each start.
import { X509Certificate } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, isIP } from 'node:net';
import { dirname } from 'node:path';
import { readNodeReports } from '../chain/node-reports.ts';
import { createBitcoinRpc, DEFAULT_RETRY } from '../chain/rpc.ts';
import { wireNodes } from '../chain/wire.ts';
import { isRecipient } from '../crypto/seal.ts';
import { openReader } from '../store/open.ts';
import { missingKey, readAccountKey } from './accounts/account-key.ts';
import { assertAuditLog } from './audit-watch.ts';
import { describeProblem, loadConfig, type OperatorConfig } from './config/config.ts';
import type { HostPort } from './config/config-address.ts';
import { bitcoinCredentials } from './config/config-bitcoin.ts';
import { pathFlaw } from './config/path-trust.ts';
import { readPassphrase } from './config/secrets-input.ts';
import { trustedPaths } from './config/trusted-files.ts';
import { assertOwnPlace } from './keys/database-owner.ts';
import { KeyRing } from './keys/key-ring.ts';
import { Keys } from './keys/keys.ts';
import { assertFederation } from './node.ts';
import { daysLeft, hostOf, readCertificate, validityText } from './peers/certificate.ts';
import { addressConflicts, listCards, missingCards } from './peers/federation.ts';
import { loadTlsIdentity } from './peers/tls.ts';
import { proveTlsIdentity } from './peers/tls-self-test.ts';
import { counted } from './runtime/counted.ts';
import { fileFault } from './runtime/file-fault.ts';
import { errorText } from './runtime/log.ts';

/** What one look found. `fault`: a start fails, or the node cannot do its work; `action` null where there is nothing to do. */
export interface ConfigFinding {
  readonly subject: string;
  readonly verdict: 'ok' | 'warning' | 'fault';
  readonly detail: string;
  readonly action: string | null;
}

/** What is checked. `now`: ms since 1970; `serverRuns`: then its addresses are in use by itself; `online`: asks nodes too. */
export interface ConfigCheckInput {
  readonly file: string;
  readonly home: string;
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: number;
  readonly serverRuns: (config: OperatorConfig) => Promise<boolean>;
  readonly online: boolean;
}

const CERTIFICATE_DAYS_WARNED = 30;
/** How long a Bitcoin or Wire node may take to answer, in ms. */
const ANSWER_MS_MAX = 5_000;
const LOOPBACK = /^(127\.|::1$|localhost$)/;

/** All findings, in the order in which a start meets them. Never throws for what an operator can correct. */
export async function checkNodeFiles(input: ConfigCheckInput): Promise<readonly ConfigFinding[]> {
  const { file, home } = input;
  const verdict = loadConfig(file, home);
  if (!verdict.ok) {
    return verdict.problems.map((one) => {
      const detail = describeProblem(file, { ...one, remedy: '' }).trim();
      return {
        subject: 'configuration',
        verdict: 'fault',
        detail: withoutStop(detail),
        action: withoutStop(one.remedy),
      };
    });
  }
  const { config } = verdict;
  const { network, threshold, parties, myIndex } = config;
  const told = `${file}: operator ${myIndex} of ${parties} on ${network}, of whom ${threshold} must sign`;
  return [
    ok('configuration', told),
    ...pathFindings(config),
    ...keyFileFindings(config),
    await passphraseFinding(input),
    ...(await certificateFindings(config, input.now)),
    ...databaseFindings(config),
    ...(await accountFindings(config)),
    ...backupFindings(config),
    ...socketFindings(config),
    ...(await addressFindings(config, await input.serverRuns(config))),
    ...verifierFindings(config),
    ...credentialFindings(config, input),
    ...(input.online ? await nodeFindings(config, input) : []),
  ];
}

function ok(subject: string, detail: string): ConfigFinding {
  return { subject, verdict: 'ok', detail, action: null };
}

function fault(subject: string, detail: string, action: string): ConfigFinding {
  return { subject, verdict: 'fault', detail, action };
}

function warning(subject: string, detail: string, action: string): ConfigFinding {
  return { subject, verdict: 'warning', detail, action };
}

// Errors of the lower layers read "what is wrong: what to do"; some have no second half.
function thrown(subject: string, error: unknown): ConfigFinding {
  const text = withoutStop(fileFault(error)?.message ?? errorText(error));
  const [, detail = text, action = 'correct this and run `mpc_operator config check` again'] =
    /^(.*?): (?=[a-z`])(.*)$/s.exec(text) ?? [];
  return fault(subject, detail, action);
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, '');
}

function pathFindings(config: OperatorConfig): readonly ConfigFinding[] {
  const seen = new Set<string>();
  const flaws = trustedPaths(config).flatMap((path) => {
    const flaw = pathFlaw(path);
    // One open folder spoils every file in it: it is told once.
    if (flaw === null || seen.has(flaw.problem)) return [];
    seen.add(flaw.problem);
    return [fault('files', `${path} ${flaw.problem}`, withoutStop(flaw.remedy))];
  });
  return flaws.length > 0 ? flaws : [ok('files', 'nobody else can change what the node reads')];
}

function keyFileFindings({ keySharePath }: OperatorConfig): readonly ConfigFinding[] {
  const subject = 'key file';
  try {
    const { mode } = statSync(keySharePath);
    if ((mode & 0o077) === 0) return [ok(subject, `${keySharePath} is there, and for this user alone`)];
    return [fault(subject, `${keySharePath} is open to other users`, `run: chmod 600 ${keySharePath}`)];
  } catch (error) {
    if (existsSync(keySharePath)) return [thrown(subject, error)];
    return [
      fault(subject, `there is none at ${keySharePath}`, 'run `mpc_operator init`, or put it back from a backup'),
    ];
  }
}

async function passphraseFinding({ env, home, workingDirectory }: ConfigCheckInput): Promise<ConfigFinding> {
  const subject = 'passphrase';
  const sources = { file: undefined, descriptor: undefined, paths: { env, home, workingDirectory }, prompt: null };
  const verdict = await readPassphrase(sources, 'open');
  if (!verdict.ok) {
    const [detail = verdict.detail, ...rest] = verdict.detail.split('. ');
    return fault(subject, detail, rest.join('. ') || 'correct it, or unset what names it');
  }
  if (verdict.passphrase === null) return ok(subject, 'none is given by the environment: a server starts sealed');
  verdict.passphrase.fill(0);
  return ok(subject, 'given by a file or a credential of systemd');
}

async function certificateFindings(config: OperatorConfig, now: number): Promise<readonly ConfigFinding[]> {
  const subject = 'TLS certificate';
  const { tlsCertPath, tlsKeyPath, partyAddresses, myIndex } = config;
  try {
    const loaded = await loadTlsIdentity(tlsCertPath, tlsKeyPath, now);
    if (!loaded.ok) return [fault(subject, ...halves(loaded.detail, 'make another: `mpc_operator tls generate`'))];
    const { facts } = loaded.identity;
    const refused = await proveTlsIdentity(loaded.identity, tlsCertPath);
    if (refused !== null) return [fault(subject, ...halves(refused, 'make another: `mpc_operator tls generate`'))];
    const host = hostOf(partyAddresses[myIndex]?.text ?? '');
    const findings = [ok(subject, `${tlsCertPath}: ${facts.key}, it ${validityText(facts, now)}`)];
    if (daysLeft(facts, now) < CERTIFICATE_DAYS_WARNED) {
      findings.push(
        warning(subject, `it ${validityText(facts, now)}`, 'run `mpc_operator tls rotate` on the running node'),
      );
    }
    if (!namesHost(facts.pem, host)) {
      const detail = `it names other hosts than ${host}, which party_addresses[${myIndex}] says`;
      findings.push(warning(subject, detail, 'nothing need be done if it is yours: peers go by its fingerprint'));
    }
    return findings;
  } catch (error) {
    return [thrown(subject, error)];
  }
}

function halves(detail: string, action: string): [string, string] {
  const [, what, todo] = /^(.*): ((?:chmod|use|put|remove|add) .*)$/.exec(detail) ?? [];
  return what === undefined || todo === undefined ? [detail, action] : [what, todo];
}

// Certificates of the launch instructions name no host at all, which is as good.
function namesHost(pem: string, host: string): boolean {
  const certificate = new X509Certificate(pem);
  if (certificate.subjectAltName === undefined) return true;
  const found = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  return found !== undefined;
}

function databaseFindings(config: OperatorConfig): readonly ConfigFinding[] {
  const subject = 'database';
  const { securityDbPath, keySharePath, network, myIndex, tlsCertPath } = config;
  if (!existsSync(securityDbPath)) {
    return [
      fault(subject, `there is none at ${securityDbPath}`, 'run `mpc_operator init`, or put it back from a backup'),
    ];
  }
  try {
    const store = openReader(securityDbPath);
    try {
      assertOwnPlace(config, store.db);
      assertAuditLog(store.db, store.path, false);
      const ring = new KeyRing({ path: keySharePath, network, index: myIndex });
      assertFederation(config, new Keys(store.db, ring, myIndex).live());
      const cards = listCards(store.db);
      const findings = [ok(subject, `${securityDbPath}: of this node, undamaged`)];
      const missing = missingCards(config, cards);
      if (missing.length > 0) {
        const detail = `${counted(missing.length, 'card')} missing, of index ${missing.join(', ')}`;
        findings.push(warning('operator cards', detail, 'ask for them, then run `mpc_operator peer add CARD`'));
      } else findings.push(ok('operator cards', `all ${cards.length} are here`));
      for (const { operator, cause, action } of addressConflicts(config, cards)) {
        findings.push(warning('operator cards', `${operator}: ${cause}`, action));
      }
      const own = cards.find(({ index }) => index === myIndex);
      if (own !== undefined && isOther(own.tls_certificate, tlsCertPath)) {
        const detail = `this node's own card carries another certificate than ${tlsCertPath}`;
        findings.push(warning('operator cards', detail, 'restart the server, then send the others the new card'));
      }
      return findings;
    } finally {
      store.close();
    }
  } catch (error) {
    return [thrown(subject, error)];
  }
}

function isOther(told: string, path: string): boolean {
  try {
    const found = new X509Certificate(readFileSync(path)).fingerprint256;
    return readCertificate(told)?.fingerprint !== found.replaceAll(':', '').toLowerCase();
  } catch {
    // A file that cannot be read is a finding of its own.
    return false;
  }
}

// Without the key nobody who signs in can act; the server starts all the same.
async function accountFindings({ userDbPath }: OperatorConfig): Promise<readonly ConfigFinding[]> {
  const subject = 'accounts';
  if (!existsSync(userDbPath)) return [ok(subject, 'there are none: nobody signs in')];
  try {
    const key = (await readAccountKey(userDbPath)) ?? missingKey(userDbPath);
    key.fill(0);
    return [ok(subject, `${userDbPath}, with its key`)];
  } catch (error) {
    return [thrown(subject, error)];
  }
}

function backupFindings({ backup }: OperatorConfig): readonly ConfigFinding[] {
  const subject = 'backup';
  if (backup === null) return [];
  const { folder, recipient } = backup;
  if (!isRecipient(recipient)) {
    return [fault(subject, '"backup.recipient" is no recipient of age', 'correct it: `age-keygen` prints it')];
  }
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    return [
      fault(subject, `there is no folder ${folder}, so no backup is made`, 'make it, or correct "backup.folder"'),
    ];
  }
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return [fault(subject, `this user may not write into ${folder}`, 'correct its owner or mode')];
  }
  return [ok(subject, `every ${counted(backup.everyHours, 'hour')} into ${folder}`)];
}

function socketFindings({ controlSocket }: OperatorConfig): readonly ConfigFinding[] {
  const subject = 'control socket';
  const folder = dirname(controlSocket);
  const flaw = pathFlaw(folder);
  if (flaw !== null) return [fault(subject, `its folder ${folder} ${flaw.problem}`, withoutStop(flaw.remedy))];
  const found = existsSync(folder) ? statSync(folder) : null;
  if (found !== null && (found.mode & 0o077) !== 0) {
    const action = `run: chmod 700 ${folder}, or set "control_socket" to a path in a folder of its own`;
    return [fault(subject, `its folder ${folder} is open to other users`, action)];
  }
  return [ok(subject, controlSocket)];
}

async function addressFindings(config: OperatorConfig, serverRuns: boolean): Promise<readonly ConfigFinding[]> {
  const addresses = [
    ['listen_address', config.listenAddress],
    ['metrics_address', config.metricsAddress],
    ['admin_address', config.adminAddress],
    ...(config.publicAddress === null ? [] : [['public_address', config.publicAddress] as const]),
  ] as const;
  const findings: ConfigFinding[] = [];
  for (const [key, address] of addresses) {
    const refused = serverRuns ? null : await bindFault(address);
    if (serverRuns) findings.push(ok(key, `${address.text}: the server that runs listens there`));
    else if (refused === null) findings.push(ok(key, `${address.text} can be listened on`));
    else findings.push(addressFinding(key, address, refused));
  }
  if (!LOOPBACK.test(config.metricsAddress.host)) {
    const action = 'set it to 127.0.0.1 and a port, or let the firewall admit your Prometheus alone';
    findings.push(warning('metrics_address', `${config.metricsAddress.text} can be reached from outside`, action));
  }
  return findings;
}

function addressFinding(key: string, { text, host, port }: HostPort, code: string): ConfigFinding {
  const [detail, action] =
    code === 'EADDRINUSE'
      ? [`another program listens on ${text} already`, `find it with \`ss -ltnp 'sport = :${port}'\`, or set "${key}"`]
      : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
        ? [`this machine has no address ${host}`, `set "${key}" to one that \`ip address\` shows`]
        : code === 'EACCES'
          ? [`this user may not listen on port ${port}`, `set "${key}" to a port of 1024 or above`]
          : [`${text} cannot be listened on (${code})`, `set "${key}" to another address`];
  // Without metrics and web admin the node does its work all the same.
  return key === 'metrics_address' || key === 'admin_address'
    ? warning(key, detail, action)
    : fault(key, detail, action);
}

function bindFault({ host, port }: HostPort): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

function verifierFindings({ burnProofVerifier }: OperatorConfig): readonly ConfigFinding[] {
  const program = burnProofVerifier?.[0];
  if (program === undefined) return [];
  const found = Bun.which(program);
  if (found !== null) return [ok('burn_proof_verifier', found)];
  return [fault('burn_proof_verifier', `${program} is no program that can be run here`, 'correct its path or mode')];
}

function credentialFindings(config: OperatorConfig, { env, home }: ConfigCheckInput): readonly ConfigFinding[] {
  const subject = 'Bitcoin RPC credentials';
  const verdict = bitcoinCredentials(config, env, home);
  if (!verdict.ok) return [fault(subject, verdict.detail, 'set both variables, or neither')];
  const { credentials } = verdict;
  const places = {
    environment: () => 'of the environment',
    file: (path: string) => path,
    password_file: (path: string) => path,
    bitcoind: () => `of ${home}/.bitcoin, as none are configured`,
  };
  const path = 'path' in credentials ? credentials.path : '';
  if (path !== '' && !isReadable(path)) {
    return [fault(subject, `${path} cannot be read by this user`, 'correct the path, its owner or its mode')];
  }
  return [ok(subject, places[credentials.kind](path))];
}

async function nodeFindings(
  config: OperatorConfig,
  { env, home }: ConfigCheckInput,
): Promise<readonly ConfigFinding[]> {
  const [bitcoin, wire] = await Promise.all([bitcoinFindings(config, env, home), wireFindings(config)]);
  return [...bitcoin, ...wire];
}

async function bitcoinFindings(
  config: OperatorConfig,
  env: ConfigCheckInput['env'],
  home: string,
): Promise<readonly ConfigFinding[]> {
  const verdict = bitcoinCredentials(config, env, home);
  if (!verdict.ok) return [];
  const { credentials } = verdict;
  const retry = { ...DEFAULT_RETRY, attemptsMax: 1 };
  const nodes = config.bitcoinNodes.map((url) =>
    createBitcoinRpc({ url, credentials, timeoutMs: ANSWER_MS_MAX, retry }),
  );
  const { nodes: reports } = await readNodeReports(config.network, nodes);
  return reports.map((report) => {
    const subject = `Bitcoin node ${report.node}`;
    if (!report.ok) {
      const action = 'look whether it runs, and at its credentials in the configuration';
      return fault(subject, withoutLabel(report.detail, report.node), action);
    }
    const { height } = report.tip;
    if (report.syncing) return warning(subject, `it is syncing: block ${height} of ${report.headers}`, 'wait');
    return ok(subject, `on ${config.network}, block ${height}`);
  });
}

async function wireFindings({ wireNodes: urls, network }: OperatorConfig): Promise<readonly ConfigFinding[]> {
  if (urls.length === 0) {
    const action = 'put the URL of your own Wire node into wire_nodes';
    return [warning('wire_nodes', 'none are configured, so no burn is paid', action)];
  }
  return Promise.all(
    urls.map(async (url) => {
      const subject = `Wire node ${new URL(url).host}`;
      try {
        const status = await wireNodes({ urls: [url], timeoutMs: ANSWER_MS_MAX }).status();
        if (status.network === network) return ok(subject, `on ${network}, height ${status.height}`);
        return fault(subject, `it is bridged to ${status.network}, not to ${network}`, 'take it out of wire_nodes');
      } catch (error) {
        const detail = withoutLabel(withoutStop(errorText(error)), new URL(url).host);
        return fault(subject, detail, 'look whether it runs, and at its log');
      }
    }),
  );
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

// The subject names the node already; a count of one node says nothing.
function withoutLabel(detail: string, label: string): string {
  const told = detail
    .replace(/^0 of 1 Wire nodes answer: /, '')
    .replace(new RegExp(`^.*?${RegExp.escape(label)}: `), '');
  return told === 'ECONNREFUSED' ? 'nobody listens there (ECONNREFUSED)' : told;
}
