// What a node reports of the machines around it: its own Bitcoin and Wire nodes, and its peers. Plain JSON, as in command-types.ts.

/** A Bitcoin or Wire node of this operator's own. */
export interface BackendReport {
  readonly url: string;
  readonly ok: boolean;
  /** As it told last, also where it does not answer now. */
  readonly height: number | null;
  readonly detail: string;
  /** When it answered last, ISO 8601: how old what is said here is. */
  readonly answered_at: string | null;
  /** Since when it is not well. */
  readonly since: string | null;
}

export interface PeerReport {
  readonly index: number;
  readonly name: string;
  readonly address: string;
  readonly fingerprint: string;
  readonly self: boolean;
  readonly certificate_expires_at: string;
}

/** A peer as its last signs of life tell it. Times ISO 8601. */
export interface PeerStatusReport {
  readonly index: number;
  readonly name: string;
  readonly address: string;
  /** Whether it answers this node; null where it was not asked, as while the node is sealed. */
  readonly reachable: boolean | null;
  /** Since when it does not answer, and why. */
  readonly since: string | null;
  readonly detail: string;
  readonly answered_at: string | null;
  /** When it was heard last: what follows is as old as that. */
  readonly heard_at: string | null;
  readonly phase: 'starting' | 'live' | 'halted' | null;
  /** Since when it is paused, as it says itself; null: it is not, or nothing is known. */
  readonly paused_since: string | null;
  readonly version: string | null;
  readonly key_id: string | null;
  readonly bitcoin_height: number | null;
  readonly recipients: number | null;
  /** The head of its audit log, the highest that it has shown. */
  readonly head: { readonly epoch: number; readonly seq: number } | null;
  /** How far its clock is ahead of this node's. */
  readonly clock_offset_ms: number | null;
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
