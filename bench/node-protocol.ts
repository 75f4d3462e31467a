// What the bench's own process and the node processes it starts say to each other. Bytes are hexadecimal; plain JSON.
import type { SchemeName } from '../crypto/scheme.ts';

/** A group key and one share of it. */
export interface KeyMaterial {
  readonly threshold: number;
  readonly participants: number;
  readonly publicKey: string;
  readonly verifyingShares: readonly string[];
  readonly signingShare: string;
}

/** Who a node is and whom it knows. */
export interface NodeSetup {
  readonly index: number;
  readonly identitySeed: string;
  readonly certificate: string;
  readonly privateKey: string;
  readonly peers: readonly { readonly index: number; readonly identityKey: string; readonly certificate: string }[];
  readonly keys: Readonly<Record<SchemeName, KeyMaterial>>;
  /** Folder of the node's database. */
  readonly folder: string;
  /** Where an automatic node's Wire ledger is; empty for the others. */
  readonly wire: string;
}

/** What the parent asks of a node. */
export type NodeRequest =
  | { readonly kind: 'setup'; readonly setup: NodeSetup }
  /** Where the others listen, in index order; the own port is among them. */
  | { readonly kind: 'connect'; readonly ports: readonly number[] }
  | { readonly kind: 'one_round'; readonly rounds: number }
  | { readonly kind: 'batches'; readonly scheme: SchemeName; readonly rounds: number }
  /** So many batches, unmeasured. */
  | { readonly kind: 'batch_load'; readonly scheme: SchemeName; readonly batches: number }
  /** Makes so many coordinators that know nothing against anybody; later, has so many of them sign once each. */
  | { readonly kind: 'prepare_cold'; readonly count: number }
  | { readonly kind: 'sign_cold'; readonly count: number }
  /** Starts to watch the event loop, or tells what was seen since. */
  | { readonly kind: 'watch' }
  | { readonly kind: 'watched' }
  /** Pays these recipients (hex) in one block, and mines until they are all but deep enough. Automatic nodes alone. */
  | { readonly kind: 'prepare_deposits'; readonly recipients: readonly string[] }
  /** Mines the last block, and answers once each deposit is minted as far as the node knows. */
  | { readonly kind: 'handle_deposits' };

/** Medians in ms; `alternating` is signature over noble where they go one by one, each just after another's work. */
export interface OneRound {
  readonly signMs: number;
  readonly pingMs: number;
  readonly nobleMs: number;
  readonly alternating: number;
}

/** Signatures per second here, and of noble's serial FROST; the CPU time of one of noble's, in ms. */
export interface Batches {
  readonly perSecond: number;
  readonly noblePerSecond: number;
  readonly nobleCpuMs: number;
}

/** The longest that the event loop was held and the CPU used, in ms of this process, and how many durable commits. */
export interface Watched {
  readonly longestBlockMs: number;
  readonly cpuMs: number;
  readonly commits: number;
}

/** What a node answers, by the kind of the request. */
export interface NodeAnswers {
  readonly setup: { readonly port: number };
  readonly connect: Record<string, never>;
  readonly one_round: OneRound;
  readonly batches: Batches;
  readonly batch_load: Record<string, never>;
  readonly prepare_cold: Record<string, never>;
  /** Of each signature, in ms. */
  readonly sign_cold: { readonly times: readonly number[] };
  readonly watch: Record<string, never>;
  readonly watched: Watched;
  readonly prepare_deposits: Record<string, never>;
  readonly handle_deposits: Record<string, never>;
}
