// What the checks judge: plain facts of the node, its machine and its peers, gathered once (collect-*.ts). Nothing here is
// secret. Null means that it could not be seen. Times in ms since 1970, sizes in bytes.
import type { BitcoinNetwork } from '../../chain/network.ts';
import type { ChainProblemName } from '../../chain/tips.ts';
import type { UserRole } from '../../store/schema-users.ts';
import type { Problem } from '../runtime/problems.ts';

/** A file. `mode`: its permission bits; `flaw`: who else can change it, and the command that mends that; `device`: its file system. */
export interface FileFact {
  readonly path: string;
  readonly found: { readonly uid: number; readonly mode: number; readonly device: number } | null;
  readonly flaw: { readonly problem: string; readonly remedy: string } | null;
}

/** The node's files. */
export interface FileFacts {
  readonly config: FileFact;
  readonly keyFile: FileFact;
  readonly tlsKey: FileFact;
  /** The databases with what SQLite keeps beside them, and the key of the accounts. */
  readonly databases: readonly FileFact[];
  readonly socket: FileFact;
  readonly socketFolder: FileFact;
  /** Where the configuration and the key file lie. */
  readonly folders: readonly FileFact[];
  readonly executable: FileFact;
  /** Where the RPC credentials come from; `files` of those that are there. */
  readonly credentials: { readonly kind: 'environment' | 'file'; readonly files: readonly FileFact[] };
}

/** The key file as it lies on the disk. `workFactor`: the base-2 logarithm of scrypt's cost. */
export interface KeyFileFacts {
  readonly isSealed: boolean;
  readonly workFactor: number | null;
  /** Files beside it that hold secrets in the clear, null where not all were looked at; and a file with its passphrase there. */
  readonly plainCopies: readonly string[] | null;
  readonly passphraseBeside: string | null;
}

/** The live key. `sharesFit`: null while the node is sealed, or where the key file holds none. */
export interface KeyFacts {
  readonly keyId: string;
  readonly createdAt: number;
  readonly threshold: number;
  readonly participants: number;
  readonly sharesFit: boolean | null;
}

/** The certificate. `fault`: why it cannot be used; `isOnCard`: whether the own operator card carries it. */
export interface CertificateFacts {
  readonly fault: string | null;
  readonly daysLeft: number | null;
  readonly isOnCard: boolean | null;
  /** Peers that have not taken a new one yet. */
  readonly notTaken: readonly number[];
}

export interface AccountFacts {
  readonly fault: string | null;
  readonly users: readonly {
    readonly user: string;
    readonly role: UserRole;
    readonly isActive: boolean;
    readonly hasSecondFactor: boolean;
    readonly backupCodesLeft: number;
  }[];
  readonly singleOperator: boolean;
}

export interface BackupFacts {
  readonly keyShare: { readonly madeAt: number; readonly keyId: string | null } | null;
  /** The last drill; `keyId`: the newest key whose shares that backup held. */
  readonly drill: { readonly at: number; readonly keyId: string | null } | null;
  readonly databaseAt: number | null;
  readonly everyHours: number | null;
  /** Backups that lie on the file system of what they are of. */
  readonly besideKeys: readonly string[];
}

/** A Bitcoin or Wire node. `isLocal`: on this machine; `version` as Core counts (240000 is v24.0). */
export interface BackendFact {
  readonly url: string;
  readonly isLocal: boolean;
  readonly isEncrypted: boolean;
  readonly ok: boolean;
  readonly detail: string;
}
export interface BitcoinFacts {
  readonly nodes: readonly BackendFact[];
  /** `version` null: it does not tell. */
  readonly versions: readonly {
    readonly node: string;
    readonly version: number | null;
    readonly name: string;
  }[];
  readonly problems: readonly { readonly name: ChainProblemName; readonly detail: string }[];
  /** What a readable bitcoin.conf of this user says. */
  readonly conf: { readonly path: string; readonly allow: readonly string[]; readonly bind: readonly string[] } | null;
}

export interface MachineFacts {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly disk: { readonly path: string; readonly sizeBytes: number; readonly freeBytes: number } | null;
  readonly isSpinning: boolean | null;
  /** `isSafe`: encrypted, or in memory. */
  readonly swaps: readonly { readonly name: string; readonly isSafe: boolean }[] | null;
  readonly timeService: string | null;
  readonly firewall: { readonly name: string; readonly isOn: boolean; readonly denies: boolean } | null;
}

/** The server's own process. `core`, `openFiles`: soft limits; `unit`: its systemd unit with what its files set. */
export interface ProcessFacts {
  readonly uid: number;
  readonly core: string | null;
  readonly openFiles: number | null;
  readonly noNewPrivileges: boolean | null;
  readonly seccomp: boolean | null;
  /** Whether its cgroup may be swapped out. */
  readonly maySwap: boolean;
  readonly unit: { readonly name: string; readonly settings: ReadonlyMap<string, readonly string[]> | null } | null;
  /** Names of variables that change how it runs, and of those that hold a secret. */
  readonly riskyVariables: readonly string[];
  readonly secretVariables: readonly string[];
}

/** Where it listens. */
export interface ListenFacts {
  readonly peers: string;
  /** The address that the peers have. */
  readonly told: string;
  readonly metrics: string;
  readonly publicApi: string | null;
}

/** A peer. `ips`: what its address means; `latencyMs`: the median of some round trips. */
export interface PeerFact {
  readonly index: number;
  readonly name: string;
  readonly hasCard: boolean;
  readonly ips: readonly string[];
  readonly reachable: boolean | null;
  readonly detail: string;
  readonly version: string | null;
  readonly certificateDays: number | null;
  readonly latencyMs: number | null;
  readonly clockOffsetMs: number | null;
  readonly phase: 'starting' | 'live' | 'halted' | null;
  readonly bitcoinHeight: number | null;
}

/** All of it. */
export interface Facts {
  readonly now: number;
  readonly network: BitcoinNetwork;
  readonly version: string;
  readonly myIndex: number;
  readonly threshold: number;
  readonly participants: number;
  readonly files: FileFacts;
  readonly keyFile: KeyFileFacts | null;
  readonly key: KeyFacts | null;
  readonly certificate: CertificateFacts;
  readonly accounts: AccountFacts;
  readonly backups: BackupFacts;
  readonly bitcoin: BitcoinFacts;
  readonly bitcoinHeight: number | null;
  /** Where this node stands among its peers; null while it is sealed. */
  readonly ownPhase: PeerFact['phase'];
  readonly wire: readonly BackendFact[];
  readonly machine: MachineFacts;
  /** Null where no server runs. */
  readonly process: ProcessFacts | null;
  readonly listen: ListenFacts;
  readonly peers: readonly PeerFact[];
  readonly ownIps: readonly string[];
  /** Contacts on the cards, this operator's among them; values in lower case. */
  readonly contacts: readonly { readonly index: number; readonly name: string; readonly values: readonly string[] }[];
  readonly audit: { readonly fault: string | null; readonly verified: number; readonly head: number };
  readonly automatic: boolean;
  /** Names of the caps that the policy sets. */
  readonly caps: readonly string[];
  /** Alarms of the state guard: a copy, or a state that was put back. */
  readonly alarms: readonly string[];
  /** What `status` shows as needing attention. */
  readonly problems: readonly Problem[];
}
