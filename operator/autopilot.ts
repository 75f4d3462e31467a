// The bridge by itself: reads the chain and the Wire ledger, attests what has become deep enough, and makes steps of the
// treasury line. A leader per piece of work begins; the others take over when it is silent.

import { type WireLedger, WireLedgerError } from '../chain/wire-ledger.ts';
import type { Bridge } from './bridge/bridge.ts';
import { FailureLog } from './bridge/failure-log.ts';
import { Turns } from './bridge/turns.ts';
import { LineFollow } from './chain-state/line-follow.ts';
import { MempoolFollow } from './chain-state/mempool-follow.ts';
import type { Scan } from './chain-state/scan.ts';
import { AttestDeposits } from './deposits/attest-deposits.ts';
import type { FinishedWork } from './deposits/attestation-exchange.ts';
import type { Recipients } from './deposits/recipient-exchange.ts';
import type { FederationKey } from './keys/keys.ts';
import type { LineExchange } from './payouts/line-exchange.ts';
import { LineSteps } from './payouts/line-steps.ts';
import type { TreasuryOpening } from './payouts/open-treasury.ts';
import { readBurns } from './payouts/read-burns.ts';
import type { Vetoes } from './payouts/vetoes.ts';
import { Requests } from './payouts/void-requests.ts';
import { errorText } from './runtime/log.ts';
import { pauseStops } from './validation/pause-gate.ts';
import { type ServiceWork, serviceStops } from './validation/service-gate.ts';

/** What is asked of the peers in each round. */
export interface Pulled {
  readonly recipients: Recipients;
  readonly finished: FinishedWork;
  readonly line: LineExchange;
  readonly treasury: TreasuryOpening;
  readonly vetoes: Vetoes;
}

/** Works by itself, a round at a time. */
export class Autopilot {
  readonly #bridge: Bridge;
  readonly #scan: Scan;
  /** What it follows in the mempool. */
  readonly mempool: MempoolFollow;
  readonly #pulled: Pulled;
  readonly #turns: Turns;
  /** What it attests. */
  readonly deposits: AttestDeposits;
  /** Steps of the treasury line. */
  readonly steps: LineSteps;
  readonly requests: Requests;
  readonly follow: LineFollow;
  readonly #stopped = new AbortController();
  readonly #trouble: FailureLog;
  #running: Promise<void> | null = null;

  constructor(bridge: Bridge, scan: Scan, pulled: Pulled) {
    this.#bridge = bridge;
    this.#trouble = new FailureLog('autopilot', bridge.log, bridge.effects);
    this.#pulled = pulled;
    this.#scan = scan;
    this.mempool = new MempoolFollow(bridge, scan.watched);
    this.#turns = new Turns(bridge);
    this.deposits = new AttestDeposits(bridge, this.#turns, this.#stopped.signal);
    this.steps = new LineSteps(bridge, this.#turns);
    this.requests = new Requests(bridge, this.steps, this.#turns);
    this.follow = new LineFollow(bridge);
  }

  /** The scan that it works on. */
  get scan(): Scan {
    return this.#scan;
  }

  /** One round; a round that is still running is not run twice. Never rejects. */
  round(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Begins nothing more; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #round(): Promise<void> {
    const { wire, keys } = this.#bridge;
    const { signal } = this.#stopped;
    await this.#attempt('watch', () => this.#look());
    const key = keys.live();
    if (key === null) return;
    const { recipients, finished, treasury, vetoes } = this.#pulled;
    await Promise.all([
      ...[recipients.pull(signal), finished.pull(key, signal), treasury.pull(key, signal)],
      vetoes.round(),
    ]);
    if (wire !== null) await this.#attempt('burns', () => this.#readBurns(wire));
    const isAtTip = await this.#readChain(key);
    if (isAtTip) await this.#attempt('mempool', () => this.mempool.round(key));
    await this.#attempt('line', () => this.#pulled.line.pull(key, signal));
    if (!isAtTip) return;
    await this.#attempt('follow', () => this.follow.round(key));
    const isPaused = pauseStops(this.#bridge.db) !== null;
    if (!isPaused) await this.#attempt('requests', () => this.requests.round(key));
    if (!isPaused) await this.#begin(key);
    // Last: peers can have this node read blocks again at any time, and nothing else may wait for that.
    if (!this.#stops('scan')) await this.#attempt('late recipients', () => this.#scan.readAgain(key, signal));
  }

  // What a node has not read yet it must not begin anything upon.
  async #begin(key: FederationKey): Promise<void> {
    if (!this.#bridge.config.automatic) return;
    if (this.#does('attestations')) await this.#attempt('attest', () => this.deposits.round(key));
    if (this.#does('payouts')) await this.#attempt('steps', () => this.steps.round(key));
  }

  async #look(): Promise<void> {
    await this.#bridge.chain?.look();
  }

  #does(what: ServiceWork): boolean {
    const { db } = this.#bridge;
    return pauseStops(db) === null && serviceStops(db, what) === null && !this.#stops(what);
  }

  // Burns that cannot be read are seen nowhere else, so the log has to tell of them.
  async #readBurns(wire: WireLedger): Promise<void> {
    const last = await readBurns(this.#bridge, wire, this.#stopped.signal);
    if (last === null) return;
    throw new WireLedgerError(`the Wire nodes disagree about the burns after number ${last}: none of them is read`);
  }

  #stops(what: 'scan' | ServiceWork): boolean {
    return (this.#bridge.chain?.stops(what) ?? null) !== null;
  }

  // However long it takes, with a look at the nodes every few seconds.
  async #readChain(key: FederationKey): Promise<boolean> {
    const { signal } = this.#stopped;
    for (;;) {
      if (this.#stops('scan')) return false;
      try {
        const isAtTip = await this.#scan.catchUp(key, signal);
        this.#trouble.well('scan');
        if (isAtTip) return true;
      } catch (error) {
        this.#trouble.failed('scan', errorText(error));
        return false;
      }
      if (signal.aborted) return false;
      await this.#attempt('watch', () => this.#look());
    }
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    try {
      await work();
      this.#trouble.well(what);
    } catch (error) {
      this.#trouble.failed(what, errorText(error));
    }
  }
}
