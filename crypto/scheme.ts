// The one shape behind which both threshold signature schemes stand: BIP 445 (FROST3 → BIP340) for the bitcoin key and
// RFC 9591 FROST(Ed25519, SHA-512) for the attestation key. The ceremony layer knows only this file.

/** The two keys a federation holds. */
export type SchemeName = 'bip340' | 'ed25519';

/**
 * Everything public about a federation's threshold key. Treat it as frozen: schemes keep parsed points and Lagrange
 * coefficients per object, so always pass the same object for the same key.
 */
export interface GroupKey {
  readonly scheme: SchemeName;
  /** t: how many participants must sign. */
  readonly threshold: number;
  /** n: how many participants there are. Participant index i (0-based) has the x-coordinate i + 1. */
  readonly participants: number;
  /** bip340: the 33-byte compressed threshold public key, before any address tweak. ed25519: 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The public share of each participant in index order; 33 or 32 bytes each. */
  readonly verifyingShares: readonly Uint8Array[];
}

/** One key tweak (BIP 445 "Tweaking"): 32 bytes, plain or x-only. Tweaks apply in order. ed25519 takes none. */
export interface Tweak {
  readonly tweak: Uint8Array;
  readonly xOnly: boolean;
}

/** A nonce fit for exactly one signature. `secret` is zeroed by `sign`. */
export interface NoncePair {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
}

/** What a partial signature is bound to. */
export interface SigningSession {
  /** Indices of the signers, strictly ascending, between t and n of them. */
  readonly signers: readonly number[];
  /**
   * What `combineNonces` made of the signers' public nonces. bip340: the 66-byte aggregate nonce of BIP 445. ed25519:
   * the 64-byte commitments of the signers, concatenated in the order of `signers`.
   */
  readonly nonceCommitment: Uint8Array;
  readonly message: Uint8Array;
  readonly tweaks: readonly Tweak[];
}

/** An invalid contribution, by the index of the participant who made it. */
export type Blame = { readonly ok: false; readonly culprit: number };

/** A threshold signature scheme. Pure: randomness is an argument. Errors thrown are caller bugs or invalid input. */
export interface FrostScheme {
  readonly name: SchemeName;
  /** Length of one public nonce in bytes (66 or 64). */
  readonly publicNonceBytes: number;
  /** Length of one partial signature in bytes (32). */
  readonly partialSignatureBytes: number;

  /** Checks lengths, point encodings and that the shares interpolate to the public key; throws where they do not. */
  validateKey(key: GroupKey): void;

  /** Derives a nonce from 32 fresh random bytes, hedged with the signing share. */
  generateNonce(key: GroupKey, index: number, signingShare: Uint8Array, random: Uint8Array): NoncePair;

  /** Combines public nonces, given in the order of `signers`; names the first participant whose nonce is malformed. */
  combineNonces(
    signers: readonly number[],
    publicNonces: readonly Uint8Array[],
  ): { readonly ok: true; readonly nonceCommitment: Uint8Array } | Blame;

  /**
   * Does ahead, and remembers for a while, what `combineNonces` will do with a peer's public nonce: so that a batch can be
   * prepared bit by bit where doing all of it at once would hold the process up. Never throws on outside data.
   */
  prepareNonce(publicNonce: Uint8Array): void;

  /** The same for what `sign`, `aggregate` and `verify` will compute of a session's public data. Never throws on outside data. */
  prepareSession(key: GroupKey, session: SigningSession): void;

  /** One participant's partial signature. Zeroes `secretNonce` before the share is computed; a zeroed nonce throws. */
  sign(
    key: GroupKey,
    index: number,
    signingShare: Uint8Array,
    secretNonce: Uint8Array,
    session: SigningSession,
  ): Uint8Array;

  /** Whether a participant's partial signature is right. Never throws on outside data: malformed is false. */
  verifyPartial(
    key: GroupKey,
    index: number,
    publicNonce: Uint8Array,
    session: SigningSession,
    partialSignature: Uint8Array,
  ): boolean;

  /** Sums partial signatures, given in the order of `session.signers`, to a 64-byte signature. Does not verify it. */
  aggregate(
    key: GroupKey,
    session: SigningSession,
    partialSignatures: readonly Uint8Array[],
  ): { readonly ok: true; readonly signature: Uint8Array } | Blame;

  /** The 32-byte public key a verifier uses: bip340: x-only after the tweaks; ed25519: the group key itself. */
  outputKey(key: GroupKey, tweaks: readonly Tweak[]): Uint8Array;

  /**
   * Whether all of these final 64-byte signatures hold, each for its session's message under its session's key. Where one
   * does not, `verify` tells which.
   */
  verifyTogether(
    key: GroupKey,
    signed: readonly { readonly session: SigningSession; readonly signature: Uint8Array }[],
  ): boolean;

  /** Verifies a final 64-byte signature under `outputKey`. */
  verify(outputKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}
