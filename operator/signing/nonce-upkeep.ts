// Work on nonces that is done while no signature waits for it. The node keeps a stock of its own nonces, from which it
// refills its answers, and checks the nonces of others before a session needs them. If there is never time for that,
// nonces are made or checked when they are needed.
import type { PublicNonceJson } from '../../ceremony/messages-signing.ts';
import { type IssuedNonces, NONCES_STOCKED_MAX, type NonceOwner } from '../../ceremony/signing/nonce-pool.ts';
import { tryFromHex } from '../../crypto/bytes.ts';
import type { FrostScheme } from '../../crypto/scheme.ts';
import type { Effects } from '../runtime/effects.ts';
import { errorText, type Log } from '../runtime/log.ts';
import type { Slices } from './slices.ts';

/** How long after an answer upkeep begins, in ms: first the answer leaves. */
const DELAY_MS = 5;
/** How many rounds of the largest size given so far are kept in stock. */
const STOCK_ROUNDS = 2;
const STOCK_MIN = 64;
/** Most public nonces that wait to be checked ahead; the oldest make room. */
const UNCHECKED_MAX = 1024;
/** For how many keys a stock is kept; the one unused for longest makes room. */
const STOCKS_MAX = 8;

/** What upkeep works with. */
export interface NonceUpkeepInput {
  readonly issued: IssuedNonces;
  readonly slices: Slices;
  readonly effects: Effects;
  readonly log: Log;
}

interface Stock {
  readonly owner: NonceOwner;
  readonly target: number;
}

/** One for each start of the process. */
export class NonceUpkeep {
  readonly #input: NonceUpkeepInput;
  readonly #stocks = new Map<string, Stock>();
  #unchecked: { readonly scheme: FrostScheme; readonly nonce: string }[] = [];
  #isRunning = false;
  /** How many signatures somebody is waiting for. */
  #holds = 0;

  constructor(input: NonceUpkeepInput) {
    this.#input = input;
  }

  /** Notes that so many own nonces went out at once, and begins. */
  given(owner: NonceOwner, count: number): void {
    const name = `${owner.scheme.name}/${owner.keyId}`;
    const target = Math.max(STOCK_MIN, this.#stocks.get(name)?.target ?? 0, count * STOCK_ROUNDS);
    this.#stocks.delete(name);
    this.#stocks.set(name, { owner, target: Math.min(NONCES_STOCKED_MAX, target) });
    const [unusedLongest] = this.#stocks.keys();
    if (this.#stocks.size > STOCKS_MAX && unusedLongest !== undefined) this.#stocks.delete(unusedLongest);
    this.#begin();
  }

  /** Keeps no stock any more for a key. */
  forget(keyId: string): void {
    for (const [name, { owner }] of this.#stocks) if (owner.keyId === keyId) this.#stocks.delete(name);
  }

  /** Notes nonces of a peer, and begins. */
  received(scheme: FrostScheme, nonces: readonly PublicNonceJson[]): void {
    this.#unchecked.push(...nonces.map(({ nonce }) => ({ scheme, nonce })));
    this.#unchecked = this.#unchecked.slice(-UNCHECKED_MAX);
    this.#begin();
  }

  /** Holds upkeep off until the function it returns is called, as while a signature waits for its answers. */
  hold(): () => void {
    this.#holds += 1;
    return () => {
      this.#holds -= 1;
      this.#begin();
    };
  }

  #begin(): void {
    if (this.#isRunning || this.#holds > 0) return;
    this.#isRunning = true;
    void this.#run()
      .catch((error: unknown) => this.#input.log('warn', 'nonce_upkeep_failed', { detail: errorText(error) }))
      .finally(() => {
        this.#isRunning = false;
      });
  }

  async #run(): Promise<void> {
    const { effects, slices } = this.#input;
    await effects.sleep(DELAY_MS);
    // One step at a time; as soon as a signature is being worked on, this waits for the next occasion.
    while (this.#holds === 0 && !slices.isBusy && !slices.isClosed && this.#step()) await slices.pause();
  }

  // False where there is nothing to do.
  #step(): boolean {
    const { issued, effects } = this.#input;
    const unchecked = this.#unchecked.shift();
    if (unchecked !== undefined) {
      const bytes = tryFromHex(unchecked.nonce, { bytes: unchecked.scheme.publicNonceBytes });
      if (bytes !== null) unchecked.scheme.prepareNonce(bytes);
      return true;
    }
    for (const { owner, target } of this.#stocks.values()) {
      const made = issued.stockInSteps(owner, target, (bytes) => effects.random(bytes)).next();
      if (made.done !== true) return true;
    }
    return false;
  }
}
