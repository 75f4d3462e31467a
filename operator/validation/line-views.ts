// What a signer looks at before it signs a step of the treasury line: its own Bitcoin and Wire nodes, its own database, its
// operator's policy. Nothing here comes from a peer.

import type { BitcoinView, MempoolEntry, RelayFloor } from '../../chain/bitcoin-view.ts';
import type { BurnRules } from '../../chain/burn.ts';
import type { BuiltLine, LineRoot, LineTerms } from '../../chain/line.ts';
import type { Replaced } from '../../chain/line-fee.ts';
import type { LineIntent } from '../../chain/line-intent.ts';
import type { LineHistory, LinePlace } from '../../chain/line-rule.ts';
import type { Outpoint } from '../../chain/outpoint.ts';
import type { WireLedger } from '../../chain/wire-ledger.ts';
import type { Queries } from '../../store/database.ts';
import type { LineStep } from '../../store/line.ts';
import type { PayoutPolicy } from './payout-policy.ts';

/** A step that is fully signed and in the own mempool. */
export interface WaitingStep {
  readonly step: LineStep;
  readonly entry: MempoolEntry;
}

/** The line as the own nodes show it now. */
export interface LineSight {
  /** The end of the mined path; `height`: of the block that made it. */
  readonly tip: LinePlace & { readonly height: number };
  /** What spends the tip in the own mempool. */
  readonly waiting: WaitingStep | null;
  /** What spends the treasury output of `waiting` there. */
  readonly child: WaitingStep | null;
}

/** The line now, or why this node cannot tell. `detail`: one sentence. */
export type LineLook =
  | { readonly ok: true; readonly line: LineSight }
  | {
      readonly ok: false;
      readonly reason: 'no_root' | 'chain_behind' | 'bitcoin_unavailable' | 'wrong_network' | 'foreign_spend';
      readonly detail: string;
    };

/** What this operator signs. */
export interface LineRules {
  /** How deep swept outputs are on Bitcoin. */
  readonly forkConfirmations: number;
  /** The least deposit that is swept, in sats. */
  readonly depositMinSats: bigint;
  /** After how many blocks in the mempool a payout counts as stuck. */
  readonly bumpBlocks: number;
  /** The highest fee rate, in sats per 1000 vbytes. */
  readonly feeRateMax: bigint;
  /** The highest rate of a sweep that no burn needs, in sats per 1000 vbytes. */
  readonly cheapRate: bigint;
  /** Within how many blocks the estimate is asked for. */
  readonly feeTargetBlocks: number;
  /** The scriptPubKeys that `consolidate` may pay. */
  readonly consolidateScripts: readonly Uint8Array[];
  /** What a consolidation leaves of the surplus, in sats. */
  readonly feeReserve: bigint;
}

/** What an operator can approve of the line: that everything signed from this treasury output becomes worthless. */
export interface VoidRequest {
  readonly kind: 'void';
  readonly treasury: Outpoint;
}

/** Everything that a step is validated with. */
export interface SignerViews {
  readonly bitcoin: BitcoinView;
  readonly wire: WireLedger | null;
  readonly db: Queries;
  /** Of the key that holds the line. */
  readonly terms: Omit<LineTerms, 'root'>;
  /** Of the own certificate; null where there is none. */
  readonly root: LineRoot | null;
  /** Every step that is held under a root. */
  readonly history: (root: LineRoot) => LineHistory;
  /** Asks the own Bitcoin nodes where the line stands. */
  readonly look: () => Promise<LineLook>;
  readonly burnRules: BurnRules;
  readonly rules: LineRules;
  /** Whether this operator holds a burn back. */
  readonly isHeld: (burnTxid: string) => boolean;
  /** What this operator's policy says of payouts. */
  readonly payouts: PayoutPolicy;
  /** Whether this operator has approved it. */
  readonly isApproved: (request: VoidRequest) => boolean;
  /** In ms since 1970. */
  readonly now: () => number;
}

/** What validating asks of Wire. */
export type WireAnswers = Pick<WireLedger, 'status' | 'burn' | 'mint'>;

/** A step in its place: what it spends, and what stands there. */
export interface PlacedStep {
  readonly intent: LineIntent;
  readonly built: BuiltLine;
  /** The treasury output that it spends. */
  readonly parent: LinePlace;
  readonly sight: LineSight;
  /** The step that makes that output, where it still waits. */
  readonly unmined: WaitingStep | null;
  /** Another step that spends it in the own mempool; null for a test, which can replace nothing. */
  readonly sibling: WaitingStep | null;
  /** For how many blocks the sibling has been in the own mempool. */
  readonly waited: number;
  readonly relay: RelayFloor;
}

/** What a fee comes to for so many vbytes, in sats per 1000 vbytes, rounded down. */
export function rateOf(fee: bigint, vsize: number): bigint {
  return (fee * 1000n) / BigInt(vsize);
}

/** What the place of a waiting step costs: everything that hangs on it goes with it. */
export function replacedBy({ entry }: WaitingStep): Replaced {
  const { fees, vsize } = entry.descendants;
  return { fees, vsize, rate: rateOf(entry.fee, entry.vsize) };
}
