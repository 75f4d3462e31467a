// Deposits that wait in the mempool: reported early, and named when another transaction spends their coins. Nothing is
// signed because of them.

import type { MempoolDeposit } from '../../chain/mempool.ts';
import { type MempoolEvent, MempoolWatch } from '../../chain/mempool-watch.ts';
import type { CustodyLeaf } from '../../crypto/taproot.ts';
import { getDeposit, setDepositStatus } from '../../store/deposits.ts';
import type { FederationKey } from '../keys/keys.ts';
import type { ChainContext } from './chain-context.ts';
import type { Watched, WatchedList } from './watched.ts';

/** Why a deposit is contested; `since` in ms since 1970. */
export interface Contested {
  readonly detail: string;
  readonly since: number;
}

type Kind = CustodyLeaf['kind'];
type Watch = MempoolWatch<Kind, true>;

/** Follows the mempool of one node. */
export class MempoolFollow {
  readonly #context: ChainContext;
  readonly #watched: Watched;
  #following: { readonly list: WatchedList; readonly watch: Watch; scripts: number } | null = null;
  readonly #contested = new Map<string, Contested>();

  constructor(context: ChainContext, watched: Watched) {
    this.#context = context;
    this.#watched = watched;
  }

  /** What operators should see: deposits that wait while another transaction spends their coins. */
  contested(): readonly Contested[] {
    return [...this.#contested.values()];
  }

  /** How many deposits wait. */
  waiting(): number {
    return (this.#following?.watch.deposits ?? []).filter(isDeposit).length;
  }

  /** One round. Throws `BitcoinViewError` where the nodes cannot answer. */
  async round(key: FederationKey): Promise<void> {
    const watch = this.#watch(key);
    if (watch === null) return;
    for (const event of await watch.round()) if (isDeposit(event.deposit)) this.#take(event);
  }

  #take(event: MempoolEvent<Kind>): void {
    const { db, log, effects } = this.#context;
    const { txid, payments } = event.deposit;
    if (event.kind === 'seen') {
      const amount = payments.reduce((sum, payment) => sum + payment.amount, 0n);
      log('info', 'deposit_in_mempool', { txid, amount: `${amount}` });
      return;
    }
    const { verdict } = event;
    if (verdict.state === 'deposit_contested') {
      const since = this.#contested.get(txid)?.since ?? effects.now();
      this.#contested.set(txid, { detail: verdict.detail, since });
    } else this.#contested.delete(txid);
    if (verdict.state === 'confirmed') return;
    log('warn', verdict.state, { txid, detail: verdict.detail });
    if (verdict.state !== 'deposit_replaced') return;
    // One that a reorganisation had put back here, and whose coins are gone now.
    for (const { vout } of payments) {
      const known = getDeposit(db, { txid, vout });
      const isWithdrawn = known !== null && known.height === null && known.status === 'seen';
      if (isWithdrawn) setDepositStatus(db, { txid, vout }, 'gone', effects.now());
    }
  }

  #watch(key: FederationKey): Watch | null {
    const { chain, bitcoin } = this.#context;
    if (chain === null) return null;
    const list = this.#watched.list(key);
    const scripts = list.scripts.size;
    if (this.#following?.list !== list) {
      this.#contested.clear();
      this.#following = { list, watch: new MempoolWatch(chain.mempools(), bitcoin, list), scripts };
    }
    const following = this.#following;
    // A transaction may have come before its recipient was known.
    if (scripts !== following.scripts) following.watch.lookAgain();
    following.scripts = scripts;
    return following.watch;
  }
}

// Change of payouts is watched as well, and is nobody's deposit.
function isDeposit({ payments }: MempoolDeposit<Kind>): boolean {
  return payments.some(({ watched }) => watched === 'deposit');
}
