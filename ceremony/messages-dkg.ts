// Bodies of the key ceremony's messages. Bytes are lowercase hexadecimal; `attempt` names one run of a ceremony.
import { z } from 'zod';
import { SHARE_BOX_BYTES } from '../crypto/share-box.ts';
import {
  detailField,
  hexOf,
  hexUpTo,
  idField,
  indexField,
  PARTICIPANTS_MAX,
  satsField,
  THRESHOLD_MIN,
  timeField,
} from './fields.ts';

/** Most checks that a node reports about itself in the lobby. */
export const PREFLIGHT_CHECKS_MAX = 32;
/** Largest ChillDKG message: the coordinator's first, 162·n + 33·(t−1) bytes; recovery data is of the same order. */
export const CHILLDKG_MESSAGE_BYTES_MAX = 162 * PARTICIPANTS_MAX + 33 * PARTICIPANTS_MAX;
/** Largest Ed25519 round-1 package: t commitments of 32 bytes, a proof of knowledge of 64, and framing. */
export const ED25519_PACKAGE_BYTES_MAX = 32 * PARTICIPANTS_MAX + 256;
/** Largest sealed share. */
export const SHARE_BOX_BYTES_MAX = 256;
/** Most confirmations that anybody asks for, and longest that an attestation is valid, in seconds. */
const CONFIRMATIONS_MAX = 1_000;
const ATTESTATION_VALIDITY_S_MAX = 30 * 86_400;
/** The sealed shares of all dealers to one recipient, in index order. */
export const shareBoxesField = z.array(hexOf(SHARE_BOX_BYTES)).max(PARTICIPANTS_MAX);

/** Why a ceremony's attempt ended without keys. */
export const ABORT_REASONS = {
  operator: 'an operator stopped the ceremony',
  timeout: 'a participant did not answer in time',
  preflight_failed: 'a node fails a check that comes before keys are made',
  equivocation: 'a participant said two different things in one step',
  invalid_message: "a message's content is malformed",
  invalid_contribution: 'a contribution to the bitcoin key is wrong',
  invalid_package: 'a contribution to the attestation key is wrong',
  invalid_share: 'a share of the attestation key does not fit what its dealer published',
  package_mismatch: "the coordinator passed on another package than the dealer's own",
  invalid_certificate: 'a signature of the ChillDKG certificate is wrong',
  transcript_mismatch: 'nodes saw different ceremonies',
  invalid_confirmation: "a node's signature over the transcript is wrong",
  superseded: 'the coordinator began another attempt',
  finished: 'the others have finished the ceremony',
  internal: 'this node could not continue',
} as const;
export type AbortReason = keyof typeof ABORT_REASONS;
const abortReason = z.custom<AbortReason>((value) => typeof value === 'string' && Object.hasOwn(ABORT_REASONS, value));

/** Why a node's operator cannot join. */
export const NOT_JOINED_REASONS = {
  key_live: 'holds a live key already',
} as const;
export type NotJoinedReason = keyof typeof NOT_JOINED_REASONS;
const notJoinedReason = z.custom<NotJoinedReason>(
  (value) => typeof value === 'string' && Object.hasOwn(NOT_JOINED_REASONS, value),
);

const check = z.strictObject({ name: z.string().min(1).max(64), ok: z.boolean(), detail: detailField });

/** One thing that a node checked about itself. */
export type PreflightCheck = Readonly<z.infer<typeof check>>;

const confirmationsField = z.int().min(1).max(CONFIRMATIONS_MAX);
/** The settings that must be equal at all operators, and the hashes of all operator cards (`memberHash`), in index order. */
const parameters = z.strictObject({
  threshold: z.int().min(THRESHOLD_MIN).max(PARTICIPANTS_MAX),
  deposit_min_sats: satsField,
  normal_confirmations: confirmationsField,
  fork_confirmations: confirmationsField,
  wire_confirmations: confirmationsField,
  attestation_validity_s: z.int().min(1).max(ATTESTATION_VALIDITY_S_MAX),
  cards: z.array(hexOf(32)).max(PARTICIPANTS_MAX),
});
export type SharedParameters = Readonly<z.infer<typeof parameters>>;

export const dkgSchemas = {
  /**
   * everyone → everyone, until the attempt begins. `heard`: whose joins the sender has. `answer`: the sender does not
   * know yet that the recipient has heard it, and wants the recipient's join.
   */
  dkg_join: z.strictObject({
    parameters,
    version: z.string().min(1).max(64),
    rehearsal: z.boolean(),
    joined_at: timeField,
    now: timeField,
    checks: z.array(check).max(PREFLIGHT_CHECKS_MAX),
    heard: z.array(indexField).max(PARTICIPANTS_MAX),
    answer: z.boolean(),
  }),
  /** Answer of a node whose operator has not joined this ceremony (or whose attempt is over), and why it cannot. */
  dkg_not_joined: z.union([z.strictObject({}), z.strictObject({ reason: notJoinedReason })]),
  /** coordinator → all. */
  dkg_start: z.strictObject({ attempt: idField }),
  /** participant → coordinator: ChillDKG's first participant message and the Ed25519 round-1 package. */
  dkg_round1: z.strictObject({
    attempt: idField,
    pmsg1: hexUpTo(CHILLDKG_MESSAGE_BYTES_MAX),
    ed25519_package: hexUpTo(ED25519_PACKAGE_BYTES_MAX),
  }),
  /** coordinator → all: ChillDKG's first coordinator message and all packages in index order. */
  dkg_packages: z.strictObject({
    attempt: idField,
    cmsg1: hexUpTo(CHILLDKG_MESSAGE_BYTES_MAX),
    ed25519_packages: z.array(hexUpTo(ED25519_PACKAGE_BYTES_MAX)).max(PARTICIPANTS_MAX),
  }),
  /** participant → each other participant: its Ed25519 share, sealed; and which package the share belongs to. */
  dkg_share: z.strictObject({ attempt: idField, box: hexUpTo(SHARE_BOX_BYTES_MAX), package_hash: hexOf(32) }),
  /** Answer to `dkg_share`: it is stored. */
  dkg_share_received: z.strictObject({ attempt: idField }),
  /**
   * participant → coordinator, once all its shares are in and right: its ChillDKG certificate signature, and the boxes in
   * which the shares came (its own included), for everybody to keep.
   */
  dkg_round2: z.strictObject({ attempt: idField, pmsg2: hexOf(64), boxes: shareBoxesField }),
  /** participant → coordinator: ChillDKG failed here and only the coordinator can tell whose fault it is. */
  dkg_investigate: z.strictObject({ attempt: idField }),
  /** coordinator → that participant: ChillDKG's investigation message. */
  dkg_investigation: z.strictObject({ attempt: idField, cinv: hexUpTo(65 * PARTICIPANTS_MAX) }),
  /** coordinator → all: the ChillDKG certificate, and the boxes of all by recipient. */
  dkg_certificate: z.strictObject({
    attempt: idField,
    cmsg2: hexUpTo(64 * PARTICIPANTS_MAX),
    boxes: z.array(shareBoxesField).max(PARTICIPANTS_MAX),
  }),
  /** participant → coordinator (in doubt: → everyone): identity signature over the transcript hash. */
  dkg_confirm: z.strictObject({ attempt: idField, transcript_hash: hexOf(32), signature: hexOf(64) }),
  /** coordinator (or anyone who has it) → all: all n signatures in index order. The keys go live. */
  dkg_complete: z.strictObject({ attempt: idField, signatures: z.array(hexOf(64)).max(PARTICIPANTS_MAX) }),
  /** Answer to `dkg_complete`. */
  dkg_done: z.strictObject({ attempt: idField }),
  /**
   * anyone → all. `culprit`: who the sender knows to have lied or been silent; `suspects`: where it can only say that
   * one of these did. The receiver knows no more than that the sender says so.
   */
  dkg_abort: z.strictObject({
    attempt: idField,
    reason: abortReason,
    culprit: indexField.nullable(),
    suspects: z.array(indexField).max(PARTICIPANTS_MAX),
    detail: detailField,
  }),
} as const;
