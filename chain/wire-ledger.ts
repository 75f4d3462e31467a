// What this operator knows of the Wire ledger: its own Wire nodes, behind one interface that checks and tests share,
// and the JSON of the interface (the design's Formats section). In JSON, amounts are decimal strings of sats; seq,
// height and confirmations are whole numbers.
import { z } from 'zod';
import { type Attestation, type AttestationJson, encodeAttestation, parseAttestation } from '../crypto/attestation.ts';
import { tryFromHex } from '../crypto/bytes.ts';
import { hexOf } from '../crypto/json-fields.ts';
import { satsAmount } from './amount.ts';

/** Most burns in one page. */
export const BURNS_PAGE_MAX = 500;
/** Largest proof that comes with a burn, in bytes. */
export const BURN_PROOF_BYTES_MAX = 128 * 1024;
/** So much is kept of a burn's address, in characters: more than any address has, so that what is cut off is none. */
export const BURN_ADDRESS_CHARACTERS_MAX = 128;

const hash = hexOf(32);
const count = z.int().min(0);

/** A burn as a Wire node tells it. Unknown fields are ignored: the ledger is another project and may grow. */
export const wireBurnSchema = z
  .object({
    seq: count,
    burn_txid: hash,
    nullifier: hash,
    // Whatever a burner wrote: one that cannot be an address must not make the page unreadable that it stands in.
    btc_address: z.string().transform((address) => address.slice(0, BURN_ADDRESS_CHARACTERS_MAX)),
    amount: satsAmount,
    fee: satsAmount,
    height: count,
    confirmations: count,
    proof: z
      .string()
      .max(BURN_PROOF_BYTES_MAX * 2)
      .optional(),
  })
  .transform((burn, context): WireBurn => {
    const proof = burn.proof === undefined ? null : tryFromHex(burn.proof);
    if (burn.proof !== undefined && proof === null) context.addIssue({ code: 'custom', message: 'proof is not hex' });
    return {
      seq: burn.seq,
      burnTxid: burn.burn_txid,
      nullifier: burn.nullifier,
      address: burn.btc_address,
      amount: burn.amount,
      fee: burn.fee,
      height: burn.height,
      confirmations: burn.confirmations,
      proof,
    };
  });

/**
 * A burn. Amounts in sats: `amount` was burnt, `amount − fee` is paid out. `proof`: bytes for a burn proof
 * verifier.
 */
export interface WireBurn {
  readonly seq: number;
  readonly burnTxid: string;
  readonly nullifier: string;
  readonly address: string;
  readonly amount: bigint;
  readonly fee: bigint;
  readonly height: number;
  readonly confirmations: number;
  readonly proof: Uint8Array | null;
}

/** A mint as a Wire node tells it. Unknown fields beside the attestation are ignored. */
export const wireMintSchema = z.object({
  attestation: z.unknown().transform((value, context): AttestationJson => {
    const verdict = parseAttestation(value);
    if (verdict.ok) return encodeAttestation(verdict.attestation);
    context.addIssue({ code: 'custom', message: `attestation ${verdict.reason}` });
    return z.NEVER;
  }),
  height: count,
  confirmations: count,
});

/** A mint: the attestation by which an outpoint was minted, and how deep that is in the ledger. */
export interface WireMint {
  readonly attestation: AttestationJson;
  readonly height: number;
  readonly confirmations: number;
}

/** A page of burns. */
export const wireBurnsSchema = z.object({ burns: z.array(wireBurnSchema).max(BURNS_PAGE_MAX) });

/**
 * The state of a Wire node: the Bitcoin network it is bridged to, its height, and the seq of the latest burn (0:
 * none).
 */
export const wireStatusSchema = z.object({ network: z.string().min(1).max(32), height: count, last_burn_seq: count });

export interface WireStatus {
  readonly network: string;
  readonly height: number;
  readonly lastBurnSeq: number;
}

/** The body of an error response: a name and a sentence. */
export const wireErrorSchema = z.object({ error: z.string().max(64), detail: z.string().max(1024).default('') });

/**
 * What became of an attestation that was handed in. `already`: it had been minted before, for the same recipient and
 * amount. `code` is the ledger's own error name, such as `expired`, `bad_signature`, `already_minted` (for others).
 */
export type MintVerdict =
  | { readonly ok: true; readonly already: boolean }
  | { readonly ok: false; readonly reason: 'mint_refused'; readonly code: string; readonly detail: string }
  | { readonly ok: false; readonly reason: 'wire_unavailable'; readonly detail: string };

/**
 * Refusals that another attempt with the same outpoint cannot change, whatever time passes: it is minted for others, or the
 * ledger does not take what the group has signed. All others may pass, as a block of Bitcoin that Wire has not seen yet.
 */
const FINAL_REFUSALS: ReadonlySet<string> = new Set([
  'already_minted',
  'bad_signature',
  'wrong_nonce',
  'malformed',
  'below_minimum',
  'amount_too_small',
  'invalid_recipient',
]);

/** Whether a ledger's refusal of a mint stays for good, by its name. */
export function isFinalRefusal(code: string): boolean {
  return FINAL_REFUSALS.has(code);
}

/** The ledger. `status`, `burns`, `burn` and `mint` throw `WireLedgerError` where the nodes cannot give an answer. */
export interface WireLedger {
  /** The least height and seq of the nodes that answer. */
  status(): Promise<WireStatus>;
  /** Burns with a seq above `after`, ascending, at most `limit`; those that a majority of the nodes tell alike. */
  burns(after: number, limit: number): Promise<readonly WireBurn[]>;
  /** One burn with the least confirmations any node gives it; null where no node has it. */
  burn(burnTxid: string): Promise<WireBurn | null>;
  /** Hands in an attestation; never throws for a node's answer. */
  postMint(attestation: Attestation): Promise<MintVerdict>;
  /** The mint of an outpoint with the least confirmations any node gives it; null where no node has it. */
  mint(txid: string, vout: number): Promise<WireMint | null>;
}

/** Too few Wire nodes answer, or they contradict each other. */
export class WireLedgerError extends Error {
  readonly reason = 'wire_unavailable';
  constructor(message: string) {
    super(message);
    this.name = 'WireLedgerError';
  }
}
