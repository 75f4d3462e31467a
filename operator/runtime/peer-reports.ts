// What a node reports of the machines around it: its own Bitcoin and Wire nodes, and its peers. Plain JSON, as in command-types.ts.

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
  /** Whether nothing is wrong with it. */
  readonly fits: boolean;
  /** All that is wrong with it, else that it is reachable. */
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
