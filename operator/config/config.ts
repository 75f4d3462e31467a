// The operator's configuration: the JSON file of the launch instructions' Appendix A, read, checked and completed with
// defaults. Every problem found is reported at once, each with key, value and what to do.
import { closeSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { addressScript, type BitcoinNetwork } from '../../chain/network.ts';
import type { RoleContacts } from '../../crypto/contacts.ts';
import { printable } from '../runtime/shown-text.ts';
import { type HostPort, parseHostPort } from './config-address.ts';
import {
  CONFIG_KEYS,
  type ConfigFile,
  configFileSchema,
  isBlock,
  keyExpectation,
  NAME_CHARACTERS_MAX,
  nearestKey,
} from './config-keys.ts';
import { type ConfigProblem, ruleProblems } from './config-rules.ts';
import { jsonFault } from './json-fault.ts';
import { pathFlaw } from './path-trust.ts';
import { absolutePath } from './paths.ts';

/** The configuration, checked and complete. All paths are absolute, all durations in seconds. */
export interface OperatorConfig {
  /** The file it came from. */
  readonly file: string;
  readonly network: BitcoinNetwork;
  readonly name: string;
  /** n. */
  readonly parties: number;
  /** t. */
  readonly threshold: number;
  /** 0-based; the share's x-coordinate is this plus one. */
  readonly myIndex: number;
  /** In index order; n of them. */
  readonly partyAddresses: readonly HostPort[];
  readonly listenAddress: HostPort;
  readonly metricsAddress: HostPort;
  /** Where the web admin is served, by HTTPS. */
  readonly adminAddress: HostPort;
  /** Without a slash at its end. */
  readonly alertmanagerUrl: string;
  /** Where the public API listens, in plain HTTP; null: nowhere. */
  readonly publicAddress: HostPort | null;
  readonly controlSocket: string;
  readonly keySharePath: string;
  readonly tlsCertPath: string;
  readonly tlsKeyPath: string;
  /** For how long the old certificate holds beside a new one. */
  readonly tlsOverlapS: number;
  readonly userDbPath: string;
  readonly securityDbPath: string;
  readonly bitcoinNodes: readonly string[];
  readonly bitcoinRpc: BitcoinRpcSettings;
  readonly normalConfirmations: number;
  readonly forkConfirmations: number;
  readonly wireNodes: readonly string[];
  readonly wireConfirmations: number;
  /** Command and arguments, run without a shell; null: burns are taken from the Wire nodes alone. */
  readonly burnProofVerifier: readonly [string, ...string[]] | null;
  /** Command and arguments, run without a shell, that notify people; null: nobody is notified. */
  readonly notifyCommand: readonly [string, ...string[]] | null;
  readonly attestationValidityS: number;
  /** The highest fee rate this operator signs, in sat/vB. */
  readonly feeRateMaxSatVb: number;
  readonly feeTargetBlocks: number;
  /** Whether the node attests deposits and pays burns without being told to. */
  readonly automatic: boolean;
  readonly takeoverS: number;
  readonly payoutBatch: { readonly count: number; readonly ageS: number; readonly cheapSatVb: number };
  readonly payoutBump: { readonly afterBlocks: number; readonly stepPercent: number };
  /** Whether one person runs this node, so that acts that take two take one: an exception that is shown wherever it counts. */
  readonly singleOperator: boolean;
  readonly policy: LinePolicy;
  /** Backups of the database by the clock; null: none. */
  readonly backup: BackupSchedule | null;
  /** Whom the other operators call here, for the operator card; null: the card stays as it is. */
  readonly contacts: RoleContacts | null;
}

/** When the database is backed up, where to, and for whom. */
export interface BackupSchedule {
  readonly folder: string;
  readonly everyHours: number;
  /** How many of the newest are kept. */
  readonly keep: number;
  /** Of age. */
  readonly recipient: string;
}

/**
 * What this operator signs of the treasury line. `policy set` changes it in place while the server runs, so it is read anew for
 * every decision.
 */
export interface LinePolicy {
  /** The least deposit that is swept, in sats. A constant of the federation: the same at all operators. */
  readonly depositMinSats: bigint;
  /** The scriptPubKeys that `consolidate` may pay; none: nowhere. */
  readonly consolidateScripts: readonly Uint8Array[];
  /** What a consolidation leaves of the surplus, in sats. */
  readonly feeReserveSats: bigint;
  /** The largest payout of one burn, in sats; null, as with what follows: any. */
  readonly withdrawalMaxSats: bigint | null;
  /** The most that is signed to be paid within 24 h, in sats. */
  readonly dayMaxSats: bigint | null;
  /** Above this, in sats, a person approves each payout. */
  readonly approveAboveSats: bigint | null;
  /** From this amount on, in sats, a burn has to have been final for `holdMinutes`. */
  readonly holdAboveSats: bigint | null;
  readonly holdMinutes: number;
}

/** What the file says about the Bitcoin nodes' RPC credentials; config-bitcoin.ts settles which ones count. */
export interface BitcoinRpcSettings {
  readonly cookieFile: string | null;
  readonly user: string | null;
  readonly passwordFile: string | null;
}

export type ConfigVerdict =
  | { readonly ok: true; readonly config: OperatorConfig }
  | { readonly ok: false; readonly file: string; readonly problems: readonly ConfigProblem[] };

export type { ConfigProblem };

/** Largest configuration file. */
export const CONFIG_BYTES_MAX = 256 * 1024;
const METRICS_ADDRESS_DEFAULT: HostPort = { host: '127.0.0.1', port: 9464, text: '127.0.0.1:9464' };
const ADMIN_ADDRESS_DEFAULT: HostPort = { host: '127.0.0.1', port: 8443, text: '127.0.0.1:8443' };
const ALERTMANAGER_URL_DEFAULT = 'http://127.0.0.1:9093';
const WIRE_CONFIRMATIONS_DEFAULT = 6;
// A quarter of it pays for sweeping a deposit at 100 sat/vB, all of it for a void step at 600.
const FEE_RESERVE_SATS_DEFAULT = 100_000;
const TLS_OVERLAP_S_DEFAULT = 7 * 86_400;
const ATTESTATION_VALIDITY_S_DEFAULT = 86_400;
const FEE_RATE_MAX_SAT_VB_DEFAULT = 200;
const FEE_TARGET_BLOCKS_DEFAULT = 6;
const DEPOSIT_MIN_SATS_DEFAULT = 1_000;
const HOLD_MINUTES_DEFAULT = 60;

/** Reads and checks a configuration file that nobody else can change. `file` is absolute; `home` is what `~` in it stands for. */
export function loadConfig(file: string, home: string): ConfigVerdict {
  const refuse = (problem: string, remedy: string): ConfigVerdict => ({
    ok: false,
    file,
    problems: [{ key: null, value: null, problem, remedy }],
  });
  const flaw = pathFlaw(file);
  if (flaw !== null) return refuse(flaw.problem, flaw.remedy);
  let text: string | null;
  try {
    text = textWithin(file, CONFIG_BYTES_MAX);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown fault';
    return code === 'ENOENT'
      ? refuse('does not exist', 'Write it with `mpc_operator init`, or name another with --config.')
      : refuse(`cannot be read (${code})`, 'Check who owns it and its permissions.');
  }
  if (text === null) return refuse('is larger than 256 KiB', 'Check that it is the right file.');
  try {
    return checkConfig(JSON.parse(text), file, home);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const where = jsonFault(text) ?? printable(error.message);
    return refuse(`is not JSON (${where})`, 'Check commas, quotes and placeholders in <angle brackets>.');
  }
}

// Null where there is more than so many bytes. A device may have no end: no more than one byte beyond is read.
function textWithin(file: string, bytesMax: number): string | null {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = new Uint8Array(bytesMax + 1);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return length > bytesMax ? null : new TextDecoder().decode(bytes.subarray(0, length));
  } finally {
    closeSync(descriptor);
  }
}

/** Checks a configuration that is already parsed; `init` checks with it before anything is written. */
export function checkConfig(raw: unknown, file: string, home: string): ConfigVerdict {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    const problem = {
      key: null,
      value: null,
      problem: 'is not a JSON object',
      remedy: 'Start from `mpc_operator init`.',
    };
    return { ok: false, file, problems: [problem] };
  }
  const unknown = Object.entries(raw).filter(([key]) => !CONFIG_KEYS.includes(key));
  const known = Object.fromEntries(Object.entries(raw).filter(([key]) => CONFIG_KEYS.includes(key)));
  const problems = unknown.map(([key, value]) => unknownKey(key, value));
  const parsed = configFileSchema.safeParse(known);
  if (!parsed.success) {
    const keys = new Map(parsed.error.issues.map(({ path }) => faultyKey(path, known)));
    for (const [key, value] of keys) problems.push(wrongValue(key, value));
    return { ok: false, file, problems };
  }
  for (const { value, ...rest } of ruleProblems(parsed.data, (path) => resolvePath(path, file, home))) {
    problems.push({ ...rest, value: value === null ? null : shown(value, 80) });
  }
  return problems.length > 0 ? { ok: false, file, problems } : { ok: true, config: complete(parsed.data, file, home) };
}

/** A problem as one sentence and what to do, naming file, key and value. */
export function describeProblem(file: string, { key, value, problem, remedy }: ConfigProblem): string {
  if (key === null) return `${file} ${problem}. ${remedy}`;
  return `${file}: "${key}"${value === null ? '' : ` (${value})`} ${problem}. ${remedy}`;
}

function unknownKey(key: string, value: unknown): ConfigProblem {
  const nearest = nearestKey(key);
  const remedy =
    nearest === null ? `Remove it; the known keys are ${CONFIG_KEYS.join(', ')}.` : `Did you mean "${nearest}"?`;
  return { key: shown(key, 64), value: shownValue(value), problem: 'is not a known key', remedy };
}

// The key that an issue is about, and its value. Of a block the key in it, where that is a known one.
function faultyKey(path: readonly PropertyKey[], file: Readonly<Record<string, unknown>>): readonly [string, unknown] {
  const [key, inner] = path.map(String);
  const value = file[key ?? ''];
  if (!isBlock(key ?? '') || inner === undefined || typeof value !== 'object') return [key ?? '', value];
  return [`${key}.${inner}`, new Map(Object.entries(value ?? {})).get(inner)];
}

function wrongValue(key: string, value: unknown): ConfigProblem {
  const expectation = `It must be ${keyExpectation(key) ?? 'something else'}.`;
  if (value === undefined) return { key, value: null, problem: 'is missing', remedy: expectation };
  return { key, value: shownValue(value), problem: 'has a value that cannot be used', remedy: expectation };
}

function shownValue(value: unknown): string {
  return shown(JSON.stringify(value), 80);
}

function shown(text: string, charactersMax: number): string {
  const clear = printable(text);
  return clear.length <= charactersMax ? clear : `${clear.slice(0, charactersMax - 1)}…`;
}

function resolvePath(path: string, file: string, home: string): string {
  return absolutePath(path, dirname(file), home);
}

function complete(data: ConfigFile, file: string, home: string): OperatorConfig {
  const path = (written: string) => resolvePath(written, file, home);
  const database = (written: string) => path(written.replace(/\.json$/, '.db'));
  const network = data.network ?? 'mainnet';
  const partyAddresses = data.party_addresses.map(checkedAddress);
  const own = partyAddresses[data.my_index];
  if (own === undefined) throw new Error('my_index was not checked against party_addresses');
  const [verifier, ...verifierArguments] = data.burn_proof_verifier ?? [];
  const [notifier, ...notifierArguments] = data.notify_command ?? [];
  return {
    file,
    network,
    name: data.name ?? defaultName(partyAddresses, data.my_index),
    parties: data.parties,
    threshold: data.threshold,
    myIndex: data.my_index,
    partyAddresses,
    listenAddress: checkedAddress(data.listen_address ?? `0.0.0.0:${own.port}`),
    metricsAddress: data.metrics_address === undefined ? METRICS_ADDRESS_DEFAULT : checkedAddress(data.metrics_address),
    adminAddress: data.admin_address === undefined ? ADMIN_ADDRESS_DEFAULT : checkedAddress(data.admin_address),
    alertmanagerUrl: (data.alertmanager_url ?? ALERTMANAGER_URL_DEFAULT).replace(/\/+$/, ''),
    publicAddress: data.public_address === undefined ? null : checkedAddress(data.public_address),
    // A folder of its own, so that closing it to others changes nothing else that lies beside the configuration.
    controlSocket: path(data.control_socket ?? 'run/control.sock'),
    keySharePath: path(data.key_share_path),
    tlsCertPath: path(data.tls_cert_path),
    tlsKeyPath: path(data.tls_key_path),
    tlsOverlapS: data.tls_overlap_s ?? TLS_OVERLAP_S_DEFAULT,
    userDbPath: database(data.user_db_path),
    securityDbPath: database(data.security_db_path),
    bitcoinNodes: data.bitcoin_nodes,
    bitcoinRpc: {
      cookieFile: data.bitcoin_rpc_cookie_file === undefined ? null : path(data.bitcoin_rpc_cookie_file),
      user: data.bitcoin_rpc_user ?? null,
      passwordFile: data.bitcoin_rpc_password_file === undefined ? null : path(data.bitcoin_rpc_password_file),
    },
    normalConfirmations: data.normal_confirmations,
    forkConfirmations: data.fork_confirmations,
    wireNodes: data.wire_nodes ?? [],
    wireConfirmations: data.wire_confirmations ?? WIRE_CONFIRMATIONS_DEFAULT,
    burnProofVerifier: verifier === undefined ? null : [verifier, ...verifierArguments],
    notifyCommand: notifier === undefined ? null : [notifier, ...notifierArguments],
    attestationValidityS: data.attestation_validity_s ?? ATTESTATION_VALIDITY_S_DEFAULT,
    feeRateMaxSatVb: data.fee_rate_max_sat_vb ?? FEE_RATE_MAX_SAT_VB_DEFAULT,
    feeTargetBlocks: data.fee_target_blocks ?? FEE_TARGET_BLOCKS_DEFAULT,
    singleOperator: data.single_operator ?? false,
    ...automation(data, network),
    backup: data.backup === undefined ? null : schedule(data.backup, path),
    contacts: data.contacts ?? null,
  };
}

// What others know this operator by: the host of its address, where that is its alone and fits a name.
function defaultName(addresses: readonly HostPort[], index: number): string {
  const host = addresses[index]?.host ?? '';
  const isAlone = addresses.filter((address) => address.host === host).length === 1;
  return isAlone && host.length <= NAME_CHARACTERS_MAX ? host : `operator-${index}`;
}

function automation(
  data: ConfigFile,
  network: BitcoinNetwork,
): Pick<OperatorConfig, 'automatic' | 'takeoverS' | 'payoutBatch' | 'payoutBump' | 'policy'> {
  return {
    automatic: data.automatic ?? true,
    takeoverS: data.takeover_s ?? 30,
    payoutBatch: {
      count: data.payout_batch_count ?? 20,
      ageS: data.payout_batch_age_s ?? 600,
      cheapSatVb: data.payout_cheap_sat_vb ?? 2,
    },
    payoutBump: { afterBlocks: data.payout_bump_blocks ?? 6, stepPercent: data.payout_bump_percent ?? 25 },
    policy: {
      depositMinSats: BigInt(data.policy?.deposit_min_sats ?? DEPOSIT_MIN_SATS_DEFAULT),
      consolidateScripts: (data.policy?.consolidate_addresses ?? []).map((address) => checkedScript(address, network)),
      feeReserveSats: BigInt(data.policy?.fee_reserve_sats ?? FEE_RESERVE_SATS_DEFAULT),
      withdrawalMaxSats: limit(data.policy?.withdrawal_max_sats),
      dayMaxSats: limit(data.policy?.day_max_sats),
      approveAboveSats: limit(data.policy?.approve_above_sats),
      holdAboveSats: limit(data.policy?.hold_above_sats),
      holdMinutes: data.policy?.hold_minutes ?? HOLD_MINUTES_DEFAULT,
    },
  };
}

function limit(sats: number | undefined): bigint | null {
  return sats === undefined ? null : BigInt(sats);
}

function schedule(
  { folder, every_hours: everyHours, keep, recipient }: NonNullable<ConfigFile['backup']>,
  path: (written: string) => string,
): BackupSchedule {
  return { folder: path(folder), everyHours, keep, recipient };
}

function checkedAddress(text: string): HostPort {
  const verdict = parseHostPort(text);
  if (!verdict.ok) throw new Error(`address ${text} was not checked`);
  return verdict.address;
}

function checkedScript(address: string, network: BitcoinNetwork): Uint8Array {
  const verdict = addressScript(address, network);
  if (!verdict.ok) throw new Error(`address ${address} was not checked`);
  return verdict.script;
}
