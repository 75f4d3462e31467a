// What a node is made of before it joins its peers: its files, its keys, its views of Bitcoin and Wire.

import type { BitcoinView } from '../chain/bitcoin-view.ts';
import type { WireLedger } from '../chain/wire-ledger.ts';
import type { Store } from '../store/open.ts';
import type { ChainWatch } from './chain-state/chain-watch.ts';
import type { WireWatch } from './chain-state/wire-watch.ts';
import type { OperatorConfig } from './config/config.ts';
import type { KeyRing } from './keys/key-ring.ts';
import type { Keys } from './keys/keys.ts';
import type { Acceptor } from './peers/accept.ts';
import type { TlsIdentity } from './peers/tls.ts';
import type { ActivityRecord } from './runtime/activity-record.ts';
import type { Effects } from './runtime/effects.ts';
import type { EventWatch } from './runtime/event-watch.ts';
import type { Log } from './runtime/log.ts';
import type { Problem } from './runtime/problems.ts';
import type { SelfWatch } from './status/self-watch.ts';
import type { Validation } from './validation/validation.ts';

/** The peer listener, as the operator layer sees it. */
export interface Gate {
  /** `host:port` it listens on. */
  readonly address: string;
  replacePeers(certificates: readonly string[]): Promise<void>;
  /** Shows another certificate of this node. */
  replaceIdentity(identity: TlsIdentity): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the peer listener for the holders of these certificates (PEM). */
export type OpenGate = (input: {
  readonly acceptor: Acceptor;
  readonly identity: TlsIdentity;
  readonly hostname: string;
  readonly port: number;
  readonly peerCertificates: readonly string[];
}) => Gate;

/** What a node is opened with. `home`: what `~` stands for; `openGate`: starts the peer listener. */
export interface NodeInput {
  readonly config: OperatorConfig;
  readonly version: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly effects: Effects;
  readonly log: Log;
  readonly openGate: OpenGate;
  /** What an operator should know about the process itself, a sentence each; absent where it is a test's own. */
  readonly processProblems?: () => readonly Problem[];
  /** Told each time that the node is unsealed or sealed while it runs; `listening`: where peers reach it, null once it is sealed. */
  readonly onSealing?: (listening: string | null) => void;
  /** False where a command alone opens the node, and no server runs. */
  readonly serves?: boolean;
}

/** A node that has its files open. */
export interface OpenedNode {
  readonly input: NodeInput;
  readonly config: OperatorConfig;
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly keys: Keys;
  readonly bitcoin: BitcoinView;
  readonly wire: WireLedger | null;
  /** Null where the view is not made of nodes (tests). */
  readonly chain: ChainWatch | null;
  /** What the log tells of faults that go on; absent in tests that make a node by hand. */
  readonly events?: EventWatch;
  /** Absent where the ledger is not made of nodes (tests). */
  readonly wireWatch?: WireWatch;
  /** Absent in tests that make a node by hand. */
  readonly selfWatch?: SelfWatch;
  readonly validation: Validation;
  /** Counts for reports; absent where no server runs. */
  readonly activity?: ActivityRecord;
  /** Ends every question to the own Bitcoin and Wire nodes, for good; absent where those are a test's own. */
  readonly questions?: AbortController;
  readonly startedAt: number;
}
