// Reads the chain block by block: deposits to registered recipients, treasury outputs, custody UTXOs that were spent.
// What a block brought and how far the scan has come are one commit, so a restart neither misses nor repeats anything.

import { z } from 'zod';
import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { BlockSource, lastScanned, type ScanCursor, scanFrom, scanProgress } from '../../chain/block-source.ts';
import { ceremonyHeight } from '../../store/ceremony-height.ts';
import { loadCursor, saveCursor } from '../../store/cursors.ts';
import { type Queries, transact } from '../../store/database.ts';
import { takeBackAbove } from '../../store/reorganisation.ts';
import type { FederationKey } from '../keys/keys.ts';
import { takeBlock } from './block-taking.ts';
import type { ChainContext } from './chain-context.ts';
import { Watched } from './watched.ts';

const CURSOR = 'bitcoin_blocks';
const AGAIN_CURSOR = 'bitcoin_blocks_again';
/**
 * How far back a scan begins that has no cursor yet, where nobody noted when the key ceremony began. And how far one goes
 * back for late recipients; two weeks.
 */
const FIRST_SCAN_BLOCKS = 2_016;
/** How far below the height that a peer tells for a recipient, for its chain may have been another. */
const AGAIN_MARGIN_BLOCKS = 6;
/** Time between two lines of progress in the log while catching up, in ms. */
const PROGRESS_MS = 10_000;
/** How long one call goes on, in ms: the watch over the nodes must not wait for the end of a long absence. */
const CALL_MS = 5_000;

const cursorSchema = z.strictObject({
  recent: z.array(z.strictObject({ height: z.int().min(0), hash: z.string().regex(/^[0-9a-f]{64}$/) })).min(1),
});
/** `next`: the block that is read next; `later`: where the pass after this one begins, null where there is none. */
const againSchema = z.strictObject({ next: z.int().min(0), later: z.int().min(0).nullable() });

/** How far a scan has come, how far it has to, and since when it is not there (ms by the monotonic clock). */
export interface ScanReport {
  readonly height: number;
  readonly tip: number;
  readonly since: number | null;
}

/** How far this node's scan is, as it is stored; null where it never ran. */
export function scannedHeight(db: Queries): number | null {
  const stored = cursorSchema.safeParse(loadCursor(db, CURSOR));
  return stored.success ? lastScanned(stored.data).height : null;
}

/** The height up to which mined steps are settled, as far as the scan has read. */
export function settledHeight(db: Queries, { normalConfirmations }: { readonly normalConfirmations: number }): number {
  return (scannedHeight(db) ?? 0) - normalConfirmations + 1;
}

/** The hash of the block at a height as the scan has read it; null where it remembers none there. */
export function scannedHash(db: Queries, height: number): string | null {
  const stored = cursorSchema.safeParse(loadCursor(db, CURSOR));
  return stored.success ? (stored.data.recent.find((block) => block.height === height)?.hash ?? null) : null;
}

/** The scan of one node. */
export class Scan {
  readonly #context: ChainContext;
  readonly #source: BlockSource;
  /** What it looks for. */
  readonly watched: Watched;
  #from: number | null = null;
  #behindSince: number | null = null;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #lost: { readonly height: number; readonly since: number } | null = null;

  constructor(context: ChainContext) {
    this.#context = context;
    this.#source = new BlockSource(context.bitcoin);
    this.watched = new Watched(context.db);
  }

  /**
   * Scans up to the tip, until the signal aborts, or for a while; true where it is at the tip. Throws `BitcoinViewError`
   * where the nodes cannot answer.
   */
  async catchUp(key: FederationKey, signal: AbortSignal): Promise<boolean> {
    const { effects } = this.#context;
    const begun = effects.monotonic();
    let cursor = await this.#cursor(key);
    this.#from ??= lastScanned(cursor).height;
    this.#behindSince ??= begun;
    while (!signal.aborted) {
      const event = await this.#source.next(cursor);
      if (event.kind === 'done') {
        this.#lost = null;
        this.#from = null;
        this.#behindSince = null;
        return true;
      }
      if (event.kind === 'lost') throw this.#tooDeep(event.height);
      if (event.kind === 'block') {
        cursor = this.#take(key, event);
        this.#tell(cursor);
      } else if (event.kind === 'rewind') cursor = this.#rewind(event);
      if (effects.monotonic() - begun > CALL_MS) return false;
    }
    return false;
  }

  /** How far the scan has come, for operators; null before it began. */
  progress(): ScanReport | null {
    const height = scannedHeight(this.#context.db);
    const { tip } = this.#source;
    return height === null || tip === null ? null : { height, tip: tip.height, since: this.#behindSince };
  }

  /** The height below which no block that this node remembers is part of the chain any more, and since when (ms since 1970); null: all is well. */
  get lost(): { readonly height: number; readonly since: number } | null {
    return this.#lost;
  }

  /**
   * Has the blocks from this height on read again, for scripts that this node learnt late. A pass that is under way goes on
   * to its end, and another follows: peers tell of recipients at any rate, and would keep it from the newest blocks for ever.
   */
  lookAgainFrom(height: number): void {
    const { db, effects } = this.#context;
    const scanned = scannedHeight(db);
    if (scanned === null || height >= scanned) return;
    const wanted = Math.max(0, height - AGAIN_MARGIN_BLOCKS, scanned - FIRST_SCAN_BLOCKS);
    const running = this.#runningPass();
    if (running !== null && running.next <= wanted) return;
    const place =
      running === null ? { next: wanted, later: null } : { ...running, later: lower(running.later, wanted) };
    saveCursor(db, AGAIN_CURSOR, place, effects.now());
  }

  /**
   * Reads on in the pass that is under way, until the signal aborts, or for a while. It serves deposits to late recipients
   * alone: nothing else may wait for it. Throws `BitcoinViewError` where a block cannot be had; pruned ones are passed over.
   */
  async readAgain(key: FederationKey, signal: AbortSignal): Promise<void> {
    const { db, effects, log } = this.#context;
    const begun = effects.monotonic();
    let pruned = 0;
    while (!signal.aborted && effects.monotonic() - begun <= CALL_MS) {
      const running = this.#runningPass();
      const end = scannedHeight(db);
      if (running === null || end === null) break;
      const { next, later } = running;
      if (next > end) {
        // Not null, which the column cannot hold.
        saveCursor(db, AGAIN_CURSOR, later === null ? false : { next: later, later: null }, effects.now());
        break;
      }
      const write = await this.#readAt(key, next);
      if (write === null) pruned += 1;
      transact(db, (tx) => {
        write?.(tx, effects.now());
        // More may have been asked for while the block was read.
        const now = this.#runningPass() ?? running;
        saveCursor(tx, AGAIN_CURSOR, { ...now, next: next + 1 }, effects.now());
      });
    }
    if (pruned > 0) log('info', 'late_blocks_pruned', { blocks: pruned });
  }

  // What writes down a block; null where the nodes have pruned it.
  async #readAt(key: FederationKey, height: number): Promise<ReturnType<typeof takeBlock> | null> {
    const { bitcoin } = this.#context;
    try {
      return takeBlock(await bitcoin.block(await bitcoin.blockHash(height)), height, this.watched.list(key));
    } catch (error) {
      if (error instanceof BitcoinViewError && /\bpruned\b/i.test(error.message)) return null;
      throw error;
    }
  }

  #runningPass(): z.infer<typeof againSchema> | null {
    return againSchema.safeParse(loadCursor(this.#context.db, AGAIN_CURSOR)).data ?? null;
  }

  #take(key: FederationKey, event: Extract<Awaited<ReturnType<BlockSource['next']>>, { kind: 'block' }>): ScanCursor {
    const { db, effects, log } = this.#context;
    const write = takeBlock(event.block, event.height, this.watched.list(key));
    const { deposits } = transact(db, (tx) => {
      const now = effects.now();
      save(tx, event.cursor, now);
      return write(tx, now);
    });
    if (deposits > 0) log('info', 'deposits_found', { height: event.height, deposits });
    return event.cursor;
  }

  #rewind(event: { readonly height: number; readonly depth: number; readonly cursor: ScanCursor }): ScanCursor {
    const { db, effects, log, chain } = this.#context;
    const { height, depth, cursor } = event;
    const { exposed, waiting, steps } = transact(db, (tx) => {
      const taken = takeBackAbove(tx, height, effects.now());
      save(tx, cursor, effects.now());
      return taken;
    });
    chain?.reorganised(height, depth);
    const counts = { deposits: waiting.length, exposed: exposed.length, steps: steps.length };
    log('warn', 'reorganisation', { height, depth, ...counts });
    for (const { txid, vout, amount } of exposed) {
      log('error', 'attested_deposit_taken_back', { txid, vout, amount: `${amount}` });
    }
    return cursor;
  }

  #tooDeep(height: number): Error {
    this.#lost = { height, since: this.#lost?.since ?? this.#context.effects.now() };
    const what = `the chain was reorganised deeper than the stored history (below block ${height})`;
    return new Error(`${what}: check your Bitcoin nodes`);
  }

  async #cursor(key: FederationKey): Promise<ScanCursor> {
    const { db, bitcoin, effects, config } = this.#context;
    const stored = cursorSchema.safeParse(loadCursor(db, CURSOR));
    if (stored.success) return stored.data;
    const tip = await bitcoin.agreedTip();
    const begun = ceremonyHeight(db, key.ceremonyId);
    // A reorganisation may have put what was paid since then into an earlier block.
    const wanted = begun === null ? tip.height - FIRST_SCAN_BLOCKS : begun - config.forkConfirmations;
    const height = Math.min(tip.height, Math.max(0, wanted));
    const first = scanFrom({ height, hash: height === tip.height ? tip.hash : await bitcoin.blockHash(height) });
    save(db, first, effects.now());
    return first;
  }

  #tell(cursor: ScanCursor): void {
    const { effects, log } = this.#context;
    const { tip } = this.#source;
    if (tip === null || this.#from === null || effects.monotonic() - this.#reportedAt < PROGRESS_MS) return;
    const { height, left, done } = scanProgress(this.#from, cursor, tip);
    if (left < 2) return;
    this.#reportedAt = effects.monotonic();
    log('info', 'catching_up', { height, left, percent: Math.floor(done * 100) });
  }
}

function lower(one: number | null, other: number): number {
  return one === null ? other : Math.min(one, other);
}

function save(db: Queries, { recent }: ScanCursor, now: number): void {
  saveCursor(db, CURSOR, { recent: recent.map(({ height, hash }) => ({ height, hash })) }, now);
}
