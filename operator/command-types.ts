// What an operator can ask of a node, by the CLI or over the control socket: each command's name, parameters and result.
// Results are plain JSON: amounts are decimal strings of sats, times are ISO 8601 text, bytes are lowercase hexadecimal.

import { z } from 'zod';
import { TEST_MESSAGE_CHARACTERS_MAX } from '../ceremony/intent.ts';
import { PAGE_ROWS, PAGE_ROWS_MAX } from '../store/database.ts';

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
  'peer-add': z.strictObject({ card: z.record(z.string(), z.unknown()), replace: z.boolean().default(false) }),
  'peer-list': z.strictObject({}),
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
  'test-communication': z.strictObject({ rounds: z.int().min(1).max(100).default(5) }),
  'test-signing': z.strictObject({ message: z.string().min(1).max(TEST_MESSAGE_CHARACTERS_MAX) }),
  'deposit-address': z.strictObject({ recipient: hash32 }),
  attest: z.strictObject({ txid: hash32, vout, recipient: hash32, amount: sats, test: z.boolean().default(false) }),
  withdraw: z.strictObject({
    /** Which burns to pay; empty means all that wait. */
    burn_txids: z.array(hash32).max(200).default([]),
    /** sat/vB; absent means the node's own estimate within its policy. */
    fee_rate: z.number().min(1).max(10_000).optional(),
  }),
  'release-burn': z.strictObject({ burn_txid: hash32 }),
  'test-burn': z.strictObject({
    txid: hash32,
    address: z.string().min(1).max(128),
    amount: sats,
    fee: sats,
    /** Regtest only: pays for real. */
    broadcast: z.boolean().default(false),
  }),
  deposits: page,
  withdrawals: page,
} as const;

export type CommandName = keyof typeof commandParams;
export type CommandParams<C extends CommandName> = z.infer<(typeof commandParams)[C]>;

/** A node the operator's own machine talks to. */
export interface BackendReport {
  readonly url: string;
  readonly ok: boolean;
  readonly height: number | null;
  readonly detail: string;
}

export interface PeerReport {
  readonly index: number;
  readonly name: string;
  readonly address: string;
  readonly fingerprint: string;
  readonly self: boolean;
  readonly certificate_expires_at: string;
}

export interface CommunicationReport {
  readonly index: number;
  readonly name: string;
  readonly address: string;
  readonly reachable: boolean;
  readonly detail: string;
  readonly version: string | null;
  readonly certificate_days_left: number | null;
  /** The peer's clock minus ours, less half the round trip. */
  readonly clock_offset_ms: number | null;
  readonly round_trip_ms: { readonly min: number; readonly median: number; readonly max: number } | null;
  /** How it has behaved as a signer; null where it was not asked yet. */
  readonly signing: SignerReport | null;
}

/** How a signer has behaved towards this node as coordinator, since it was unsealed: sessions, by their outcome. */
export interface SignerReport {
  readonly index: number;
  readonly name: string;
  /** In time. */
  readonly answered: number;
  /** Answered, but after another session had begun beside its own. */
  readonly slow: number;
  /** Never answered. */
  readonly silent: number;
  /** Refused, or answered with something of no use. */
  readonly refused: number;
  /** Gave a wrong partial signature or nonce. */
  readonly lying: number;
  readonly usual_ms: number | null;
  readonly last: {
    readonly fault: 'slow' | 'silent' | 'refused' | 'lying';
    readonly reason: string;
    readonly detail: string;
    readonly at: string;
  } | null;
}

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
  readonly change_address: string;
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
}

export interface WithdrawalReport {
  readonly txid: string;
  readonly status: string;
  readonly burns: readonly {
    readonly burn_txid: string;
    readonly address: string;
    readonly amount: string;
    readonly fee: string;
  }[];
  readonly miner_fee: string;
  readonly fee_rate: number;
  readonly confirmations: number;
  readonly created_at: string;
  /** Transactions that spend its change to pay for it, as far as they are not void; cheapest first. */
  readonly children?: readonly { readonly txid: string; readonly status: string; readonly miner_fee: string }[];
}

/** Who took part in a threshold signature, who did not and why, and how long it took. */
export interface SigningReport {
  readonly signers: readonly number[];
  readonly excluded: readonly { readonly index: number; readonly reason: string }[];
  readonly duration_ms: number;
}

/** A payout transaction that was signed, and what became of it; the fee in sats. */
interface MadeTransaction {
  readonly txid: string;
  readonly miner_fee: string;
  readonly broadcast: boolean;
  readonly detail: string;
  readonly signing: SigningReport;
}

/** Results of every command. */
export interface CommandResults {
  status: {
    readonly version: string;
    readonly network: string;
    readonly my_index: number;
    readonly name: string;
    readonly threshold: number;
    readonly participants: number;
    readonly sealed: boolean;
    readonly started_at: string;
    readonly listening: string | null;
    readonly key_id: string | null;
    readonly peers_known: number;
    readonly bitcoin: readonly BackendReport[];
    readonly wire: readonly BackendReport[];
    /** How far the blocks are read; null where no server runs, or it has not begun. */
    readonly scan: { readonly height: number; readonly tip: number } | null;
    readonly deposits: Readonly<Record<string, number>>;
    readonly withdrawals: Readonly<Record<string, number>>;
    readonly audit_head: { readonly seq: number; readonly hash: string };
    readonly rejections: Readonly<Record<string, number>>;
    readonly signers: readonly SignerReport[];
    /** What an operator should look at; empty when all is well. */
    readonly problems: readonly string[];
  };
  unseal: { readonly sealed: boolean };
  'key-info': { readonly keys: readonly KeyReport[] };
  'peer-export': { readonly card: Readonly<Record<string, unknown>>; readonly fingerprint: string };
  'peer-add': {
    readonly index: number;
    readonly name: string;
    readonly fingerprint: string;
    readonly replaced: boolean;
  };
  'peer-list': { readonly peers: readonly PeerReport[]; readonly missing: readonly number[] };
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
  'test-communication': { readonly peers: readonly CommunicationReport[]; readonly ok: boolean };
  'test-signing': {
    readonly message: string;
    readonly bitcoin: SigningReport & {
      readonly signature: string;
      readonly public_key: string;
      readonly signed: string;
    };
    readonly attestation: SigningReport & {
      readonly signature: string;
      readonly public_key: string;
      readonly signed: string;
    };
  };
  'deposit-address': { readonly recipient: string; readonly address: string; readonly script: string };
  attest: {
    readonly attestation: Readonly<Record<string, string | number>>;
    readonly test: boolean;
    readonly submitted: boolean;
    readonly detail: string;
    readonly signing: SigningReport;
  };
  withdraw: MadeTransaction & {
    readonly status: 'new' | 'under_way'; // The latter where an earlier, unconfirmed transaction pays the burns.
    readonly burns: WithdrawalReport['burns'];
    readonly fee_rate: number;
    readonly vsize: number;
  };
  'release-burn': {
    readonly burn_txid: string;
    /** Payouts that this node need not reckon with any more. */
    readonly released: readonly string[];
    /** Those that may still be mined. `blocks_left`: after so many blocks one whose coin is missing is released. */
    readonly left: readonly {
      readonly txid: string;
      readonly reason: string;
      readonly blocks_left: number | null;
    }[];
  };
  'test-burn': MadeTransaction & {
    readonly transaction: string;
    readonly psbt: string;
    readonly inputs: number;
  };
  deposits: { readonly deposits: readonly DepositReport[]; readonly total: number };
  withdrawals: { readonly withdrawals: readonly WithdrawalReport[]; readonly total: number };
}
