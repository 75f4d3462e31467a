// What an operator can ask of a node, by the CLI or over the control socket: each command's name, parameters and result.
// Results are plain JSON: amounts are decimal strings of sats, times are ISO 8601 text, bytes are lowercase hexadecimal.

import { z } from 'zod';
import { TEST_MESSAGE_CHARACTERS_MAX } from '../../ceremony/intent.ts';
import { PAGE_ROWS, PAGE_ROWS_MAX } from '../../store/database.ts';
import { type AccountCommandResults, type AccountsReport, accountCommandParams } from './account-command-types.ts';
import { type BackupAges, type BackupCommandResults, backupCommandParams } from './backup-command-types.ts';
import { type CheckCommandResults, checkCommandParams } from './check-command-types.ts';
import type { ClockReport } from './clock-watch.ts';
import { type EmergencyCommandResults, emergencyCommandParams } from './emergency-command-types.ts';
import { type IncidentCommandResults, incidentCommandParams } from './incident-command-types.ts';
import {
  type LineCommandResults,
  lineCommandParams,
  type SignedTransaction,
  type SigningReport,
} from './line-command-types.ts';
import type { BackendReport, CommunicationReport, PeerReport, PeerStatusReport, SignerReport } from './peer-reports.ts';
import type { Notice, Problem } from './problems.ts';

export type * from './account-command-types.ts';
export type * from './backup-command-types.ts';
export type * from './check-command-types.ts';
export type * from './emergency-command-types.ts';
export type * from './incident-command-types.ts';
export type * from './line-command-types.ts';

/** A ceremony's name, chosen by the operators. */
export const ceremonyIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i, 'a ceremony id has 1 to 64 letters, digits, dots, dashes or underscores');
const hash32 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hexadecimal characters');
const vout = z.int().min(0).max(0xffff_ffff);
const sats = z.string().regex(/^(0|[1-9][0-9]{0,15})$/, 'expected a whole number of sats');
const page = z.strictObject({
  limit: z.int().min(1).max(PAGE_ROWS_MAX).default(PAGE_ROWS),
  offset: z.int().min(0).default(0),
});

/** Parameters of every command, as they travel over the control socket. */
export const commandParams = {
  status: z.strictObject({}),
  unseal: z.strictObject({ passphrase: z.string().min(1).max(1024) }),
  'key-info': z.strictObject({}),
  'peer-export': z.strictObject({}),
  /** `more`: further cards, for which whoever adds them signs in once. */
  'peer-add': z.strictObject({
    card: z.record(z.string(), z.unknown()),
    more: z.array(z.record(z.string(), z.unknown())).max(63).optional(),
    replace: z.boolean().default(false),
  }),
  'peer-list': z.strictObject({}),
  'tls-rotate': z.strictObject({}),
  dkg: z.strictObject({
    ceremony_id: ceremonyIdSchema,
    rehearsal: z.boolean().default(false),
    /** How long to wait for the others, in seconds. */
    wait_s: z.int().min(1).max(86_400).default(3_600),
  }),
  'ceremony-list': z.strictObject({}),
  'ceremony-show': z.strictObject({ ceremony_id: ceremonyIdSchema }),
  'ceremony-abandon': z.strictObject({ ceremony_id: ceremonyIdSchema }),
  /** `file`: an exported ceremony. */
  'ceremony-recover': z.strictObject({ file: z.record(z.string(), z.unknown()) }),
  treasury: z.strictObject({}),
  'service-status': z.strictObject({}),
  'enable-service': z.strictObject({}),
  'disable-service': z.strictObject({}),
  /** `wait_s`: how long to wait for the other nodes' signatures, in seconds. */
  'treasury-open': z.strictObject({ wait_s: z.int().min(1).max(86_400).default(30) }),
  'test-communication': z.strictObject({ rounds: z.int().min(1).max(100).default(5) }),
  'test-signing': z.strictObject({ message: z.string().min(1).max(TEST_MESSAGE_CHARACTERS_MAX) }),
  'deposit-address': z.strictObject({ recipient: hash32 }),
  attest: z.strictObject({ txid: hash32, vout, recipient: hash32, amount: sats, test: z.boolean().default(false) }),
  'test-burn': z.strictObject({
    txid: hash32,
    address: z.string().min(1).max(128),
    amount: sats,
    fee: sats,
    /** Regtest only: pays for real. */
    broadcast: z.boolean().default(false),
  }),
  deposits: page,
  ...lineCommandParams,
  ...backupCommandParams,
  ...accountCommandParams,
  ...checkCommandParams,
  ...incidentCommandParams,
  ...emergencyCommandParams,
} as const;

export type CommandName = keyof typeof commandParams;
export type CommandParams<C extends CommandName> = z.infer<(typeof commandParams)[C]>;

export type { BackendReport, CommunicationReport, PeerReport, PeerStatusReport, SignerReport } from './peer-reports.ts';
export type { Notice, Problem, Severity } from './problems.ts';

export interface KeyReport {
  readonly key_id: string;
  readonly ceremony_id: string;
  readonly status: string;
  readonly threshold: number;
  readonly participants: number;
  readonly my_index: number;
  readonly bitcoin_public_key: string;
  readonly attestation_public_key: string;
  readonly transcript_hash: string;
  readonly created_at: string;
  readonly shares_held: boolean | null; // Whether the key file holds shares of it; null while the node is sealed.
  readonly shares_valid: boolean | null; // Whether they fit the public keys; null also where it holds none.
  readonly treasury_address: string;
}

/** A card that was added, or had been. */
export interface AddedCard {
  readonly index: number;
  readonly name: string;
  readonly fingerprint: string;
  readonly replaced: boolean;
}

/** Where a participant of a key ceremony stands; `since`: since when it is awaited. */
export interface CeremonyParticipantReport {
  readonly index: number;
  readonly name: string;
  readonly state: 'done' | 'awaited' | 'declined' | 'check_failed' | 'suspected' | 'blamed';
  readonly detail: string;
  readonly since: string | null;
}

export interface CeremonyReport {
  readonly ceremony_id: string;
  readonly rehearsal: boolean;
  readonly phase: string;
  readonly attempt: string | null;
  readonly coordinator: number | null;
  readonly key_id: string | null;
  readonly transcript_hash: string | null;
  readonly detail: string;
  /** While it is under way here: the steps so far, and each participant in the step that is under way. */
  readonly steps: readonly { readonly step: string; readonly at: string }[];
  readonly participants: readonly CeremonyParticipantReport[];
  readonly created_at: string;
  readonly updated_at: string;
}

export interface DepositReport {
  readonly txid: string;
  readonly vout: number;
  readonly recipient: string;
  readonly amount: string;
  readonly status: string;
  readonly attested_at: string | null;
  readonly minted_at: string | null;
  /** What it waits for, or why nothing comes of it; null once it is minted. */
  readonly waits_for: string | null;
}

/** Where the treasury stands. Amounts in sats; confirmations as this node's own scan counts them. */
export interface TreasuryReport {
  readonly network: string;
  readonly key_id: string;
  readonly address: string;
  /** The least that the first payment must have, in one output. */
  readonly amount_min: string;
  readonly state: 'not_funded' | 'funded' | 'opening' | 'open';
  /** Of the payment that is, or is to be, the root. */
  readonly confirmations: number;
  readonly confirmations_needed: number;
  /** The largest output so far, where none is large enough. */
  readonly too_small: string | null;
  readonly root: { readonly txid: string; readonly vout: number; readonly amount: string } | null;
  /** Who has not signed the root yet; `detail` follows the name in a sentence. */
  readonly missing: readonly { readonly index: number; readonly name: string; readonly detail: string }[];
  /** The treasury output at the end of the mined line; `depth`: steps from the root. */
  readonly tip: { readonly txid: string; readonly vout: number; readonly depth: number } | null;
  readonly balance: string | null;
  readonly surplus: string | null;
  /** What a consolidation leaves of the surplus, and where it may pay: this operator's policy. */
  readonly fee_reserve: string;
  readonly consolidate_addresses: readonly string[];
  /** Steps that wait in the own mempool, the one that spends the tip first; null where that cannot be told now. */
  readonly waiting:
    | readonly {
        readonly txid: string;
        /** null while its list of burns is not known here. */
        readonly kind: string | null;
        readonly burns: number | null;
        readonly miner_fee: string;
        /** In sat/vB. */
        readonly fee_rate: number;
        readonly waiting_blocks: number;
      }[]
    | null;
  /** Other unspent outputs of the treasury script: top-ups that the next step sweeps. */
  readonly strays: { readonly count: number; readonly amount: string };
}

/** The bitcoin in custody, and what is owed for wBTC; sats as decimal strings. */
export interface CustodyReport {
  readonly total: string;
  /** Its parts: the mined end of the line, deposits that no step has swept, top-ups. */
  readonly treasury: string;
  readonly unswept: string;
  readonly strays: string;
  /** Attested deposits less the burns that a mined step pays. */
  readonly owed: string;
  readonly attested: string;
  readonly redeemed: string;
  /** The total less what is owed; negative where the federation is short. */
  readonly excess: string;
  /** False where this node does not know every burn that was paid: then less is owed than it says. */
  readonly is_complete: boolean;
}

/** What a peer last said of its service; null: nothing yet. `counts`: it is enabled, and answers. */
export interface PeerServiceReport {
  readonly index: number;
  readonly name: string;
  readonly state: 'off' | 'enabled' | 'disabled' | null;
  readonly heard_at: string | null;
  readonly counts: boolean;
  readonly paused: boolean;
}

/** Whether this node does real work (`off`: never enabled), and the federation with it. Times ISO 8601. */
export interface ServiceReport {
  readonly state: 'off' | 'enabled' | 'disabled';
  readonly since: string | null;
  /** Since when this node is paused and signs nothing; null: it is not. */
  readonly paused_since: string | null;
  readonly first_enabled_at: string | null;
  /** What `enable-service` lacks, a sentence; null where nothing. */
  readonly missing: string | null;
  /** What this node does by itself, a sentence each. */
  readonly does: readonly string[];
  /** What `enable-service` would begin; empty where it is enabled. */
  readonly would_begin: readonly string[];
  readonly peers: readonly PeerServiceReport[];
  /** How many operators are enabled and answer, this one counted. */
  readonly enabled: number;
  readonly threshold: number;
  readonly participants: number;
  /** Whether that is enough; null where this process has no peers to ask. */
  readonly open: boolean | null;
}

/** A signature over a test message; `signed`: what was signed in the end. */
interface TestSignature extends SigningReport {
  readonly signature: string;
  readonly public_key: string;
  readonly signed: string;
}

/** Results of every command. */
export interface CommandResults
  extends LineCommandResults,
    AccountCommandResults,
    BackupCommandResults,
    CheckCommandResults,
    IncidentCommandResults,
    EmergencyCommandResults {
  status: {
    readonly version: string;
    readonly network: string;
    readonly my_index: number;
    readonly name: string;
    readonly threshold: number;
    readonly participants: number;
    /** Whether a server runs; without one nothing is signed. */
    readonly running: boolean;
    readonly sealed: boolean;
    readonly started_at: string;
    readonly listening: string | null;
    readonly key_id: string | null;
    readonly peers_known: number;
    readonly peers: readonly PeerStatusReport[];
    /** Those that are not over. */
    readonly ceremonies: readonly CeremonyReport[];
    readonly bitcoin: readonly BackendReport[];
    readonly wire: readonly BackendReport[];
    /** How far the blocks are read; null where no server runs, or it has not begun. */
    readonly scan: { readonly height: number; readonly tip: number } | null;
    /** Where the treasury stands, in one line; null while there is no key. */
    readonly treasury: { readonly state: TreasuryReport['state']; readonly detail: string } | null;
    /** Null while the treasury is not open. */
    readonly custody: CustodyReport | null;
    readonly service: ServiceReport;
    readonly deposits: Readonly<Record<string, number>>;
    readonly withdrawals: Readonly<Record<string, number>>;
    /** Burns that no mined step pays. */
    readonly burns_waiting: number;
    readonly clock: ClockReport;
    readonly audit_head: { readonly seq: number; readonly hash: string };
    readonly backups: BackupAges;
    /** When the certificate on the own card ends; null where there is no card yet. */
    readonly certificate_expires_at: string | null;
    /** A change of the own TLS certificate, and peers of which two certificates hold; absent in reports of before. */
    readonly certificates?: {
      readonly rotation: Omit<CommandResults['tls-rotate'], 'fingerprint'> | null;
      readonly overlaps: readonly { readonly index: number; readonly until: string }[];
    };
    readonly rejections: Readonly<Record<string, number>>;
    readonly signers: readonly SignerReport[];
    readonly accounts: AccountsReport;
    /** What an operator should know although nothing is wrong. */
    readonly notices: readonly Notice[];
    /** What an operator should look at, the most pressing first; empty when all is well. */
    readonly problems: readonly Problem[];
  };
  unseal: { readonly sealed: boolean };
  'key-info': { readonly keys: readonly KeyReport[] };
  'peer-export': { readonly card: Readonly<Record<string, unknown>>; readonly fingerprint: string };
  'peer-add': AddedCard & { readonly more?: readonly AddedCard[] };
  'peer-list': { readonly peers: readonly PeerReport[]; readonly missing: readonly number[] };
  /** `taken`: the peers that have the new card; `missing`: those that will be told again. */
  'tls-rotate': {
    readonly fingerprint: string;
    readonly until: string;
    readonly taken: readonly number[];
    readonly missing: readonly { readonly index: number; readonly detail: string }[];
  };
  dkg: {
    readonly ceremony_id: string;
    readonly rehearsal: boolean;
    readonly coordinator: number;
    readonly key_id: string | null;
    readonly bitcoin_public_key: string;
    readonly attestation_public_key: string;
    readonly transcript_hash: string;
    /** Signer subsets whose test signatures of both keys verified. */
    readonly proven: readonly (readonly number[])[];
    readonly duration_ms: number;
  };
  'ceremony-list': { readonly ceremonies: readonly CeremonyReport[] };
  'ceremony-show': { readonly ceremony: CeremonyReport; readonly file: Readonly<Record<string, unknown>> | null };
  /** `may_be_live_elsewhere`: this node had confirmed, so the others may hold the keys. */
  'ceremony-abandon': { readonly ceremony_id: string; readonly may_be_live_elsewhere: boolean };
  'ceremony-recover': {
    readonly ceremony_id: string;
    readonly key_id: string;
    readonly bitcoin_public_key: string;
    readonly attestation_public_key: string;
    readonly transcript_hash: string;
    /** Whether the key file still held this node's shares. */
    readonly shares: 'kept' | 'recovered';
  };
  'service-status': ServiceReport;
  'enable-service': ServiceReport;
  'disable-service': ServiceReport;
  treasury: TreasuryReport;
  'treasury-open': TreasuryReport;
  'test-communication': { readonly peers: readonly CommunicationReport[]; readonly ok: boolean };
  'test-signing': {
    readonly message: string;
    readonly bitcoin: TestSignature;
    readonly attestation: TestSignature;
  };
  'deposit-address': { readonly recipient: string; readonly address: string; readonly script: string };
  attest: {
    readonly attestation: Readonly<Record<string, string | number>>;
    readonly test: boolean;
    readonly submitted: boolean;
    readonly detail: string;
    readonly signing: SigningReport;
  };
  'test-burn': SignedTransaction;
  deposits: { readonly deposits: readonly DepositReport[]; readonly total: number };
}
