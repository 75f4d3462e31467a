// What following the chain works with.

import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import type { Queries } from '../../store/database.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Effects } from '../runtime/effects.ts';
import type { Log } from '../runtime/log.ts';
import type { ChainWatch } from './chain-watch.ts';

/** The parts of a node that read the chain and keep what they have read. */
export interface ChainContext {
  readonly config: OperatorConfig;
  readonly db: Queries;
  readonly bitcoin: BitcoinView;
  /** Null where the view is not made of nodes (tests). */
  readonly chain: ChainWatch | null;
  readonly effects: Effects;
  readonly log: Log;
}
