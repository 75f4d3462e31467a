// What the parts of a run share, whoever they are: the plan, time and randomness, the chain and the ledger, and where what
// happens is written down. Each part names what else it needs, so that none has to know the whole (world.ts).
import type { LineRoot } from '../chain/line.ts';
import type { OperatorConfig } from '../operator/config/config.ts';
import type { SimulatedChain } from './chain.ts';
import type { Draws } from './draws.ts';
import type { SimulatedLedger } from './ledger.ts';
import type { MemoryKeyFile } from './memory-key-ring.ts';
import type { Plan } from './plan.ts';
import type { Prng } from './prng.ts';
import type { SecretScan } from './secret-scan.ts';
import type { Tally } from './tally.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface Stage {
  readonly plan: Plan;
  readonly prng: Prng;
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly tally: Tally;
  readonly secrets: SecretScan;
  readonly chain: SimulatedChain;
  readonly ledger: SimulatedLedger;
  readonly groupKey: Uint8Array;
  readonly keyId: string;
  /** With what the treasury line begins, once it is opened; null where no line is made in this run. */
  readonly root: LineRoot | null;
  /** Whether faults still strike. */
  readonly faulty: boolean;
}

/** What nodes are before their first start. */
export interface Founding {
  readonly keyFile: (index: number) => MemoryKeyFile;
  readonly disk: (index: number) => Uint8Array;
  /** What a node starts with whose database is lost: its card file, its key, and no more. */
  readonly emptyDisk: (index: number) => Uint8Array;
  /** How the chain stands before the first start. */
  readonly prepare: (chain: SimulatedChain) => void;
  /** With what the treasury line begins; null where these nodes have no key yet. */
  readonly root: LineRoot | null;
  readonly config: (index: number) => OperatorConfig;
  readonly draws: (name: string) => Draws;
  /** Whether Bitcoin nodes, Wire nodes and disk answer within the instant: where real files are read beside them. */
  readonly answersAtOnce: boolean;
}
