// Follows the line from its tip on. Steps that are signed and not mined are sent to the own Bitcoin nodes again and
// again, also after a reorganisation, and never made again. Steps that the line has passed for good are deleted.

import { asUnavailable } from '../../chain/bitcoin-view.ts';
import type { LineRoot } from '../../chain/line.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { boundUnmined, childrenOf, forgetPassed, type LineStep, UNMINED_PER_PEER_MAX } from '../../store/line.ts';
import type { FederationKey } from '../keys/keys.ts';
import { lineNow } from './line-view.ts';
import type { LineReader } from './line-walk.ts';
import { scannedHeight } from './scan.ts';

/** Steps that follow one another and are sent in one round. */
const SENT_PER_ROUND_MAX = 50;

interface Refusal {
  readonly detail: string;
  readonly since: number;
}

/** Sends what is signed. */
export class LineFollow {
  readonly #reader: LineReader;
  /** What the own Bitcoin nodes said of signed steps that they do not take, by txid. */
  readonly #refused = new Map<string, Refusal>();
  /** Since when, in ms since 1970, of those that the last round found. */
  #refusedSince: ReadonlyMap<string, number> = new Map();

  constructor(reader: LineReader) {
    this.#reader = reader;
  }

  /** One round. Throws `BitcoinViewError`. */
  async round(key: FederationKey): Promise<void> {
    const reading = await lineNow(this.#reader, key);
    if (!reading.ok) return;
    const { root, tip } = reading.line;
    this.#refusedSince = new Map([...this.#refused].map(([txid, { since }]) => [txid, since]));
    this.#refused.clear();
    const inMempool = new Set<string>();
    let parent = tip.depth === 0 ? null : tip.txid;
    for (let sent = 0; sent < SENT_PER_ROUND_MAX; sent++) {
      const next = await this.#sendBest(root, parent);
      if (next === null) break;
      inMempool.add(next);
      parent = next;
    }
    const { db, config } = this.#reader;
    const scanned = scannedHeight(db);
    if (scanned !== null) forgetPassed(db, scanned - config.forkConfirmations);
    this.#bound(inMempool);
  }

  // Of what peers had this node keep, what they told among it.
  #bound(inMempool: ReadonlySet<string>): void {
    const { db, config, log } = this.#reader;
    for (let peer = 0; peer < config.parties; peer++) {
      const gone = boundUnmined(db, peer, UNMINED_PER_PEER_MAX, inMempool);
      if (gone.length > 0) log('warn', 'line_steps_dropped', { peer, steps: gone.length });
    }
  }

  /** Signed steps that the own Bitcoin nodes refuse, with what they say and since when (ms since 1970). */
  refused(): readonly (Refusal & { readonly txid: string })[] {
    return [...this.#refused].map(([txid, refusal]) => ({ txid, ...refusal }));
  }

  // Of several the one with the highest fee replaces the others. Gives the one that waits in the own mempool then.
  async #sendBest(root: LineRoot, parent: string | null): Promise<string | null> {
    const { db, bitcoin } = this.#reader;
    const outpoint = parent === null ? { txid: root.txid, vout: root.vout } : { txid: parent, vout: 0 };
    const [waiting] = await bitcoin.mempoolSpends([outpoint]);
    const signed = childrenOf(db, parent).filter((step) => step.signedTx !== null && step.height === null);
    // Its own fee, which this node does not know of every step that others made.
    const present = waiting === undefined || waiting === null ? null : await bitcoin.mempoolEntry(waiting);
    const better = signed.filter((step) => step.txid !== waiting && (present === null || feeOf(step) > present.fee));
    for (const step of better.sort((a, b) => (feeOf(a) > feeOf(b) ? -1 : 1))) {
      if (await this.#send(step)) return step.txid;
    }
    return waiting ?? null;
  }

  async #send({ txid, signedTx }: LineStep): Promise<boolean> {
    if (signedTx === null) return false;
    const verdict = await this.#reader.bitcoin.broadcast(fromHex(signedTx)).catch(asUnavailable);
    if (verdict.ok) {
      this.#reader.log('info', 'line_step_sent_again', { txid });
      return true;
    }
    const since = this.#refusedSince.get(txid) ?? this.#reader.effects.now();
    this.#refused.set(txid, { detail: verdict.detail, since });
    return false;
  }
}

function feeOf({ fee }: LineStep): bigint {
  return fee ?? 0n;
}
