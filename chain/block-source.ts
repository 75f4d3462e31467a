// Where a scan of the chain stands, and what it does next: take the block that follows, or go back to the last block that
// is still part of the chain. A pure state machine over hashes, and the driver that asks the Bitcoin view for them.
import type { AgreedTip, BitcoinView, ChainTip } from './bitcoin-view.ts';
import type { Block } from './block.ts';

/** How many of the last scanned blocks a cursor remembers: a reorg that is deeper needs a person. */
export const CURSOR_BLOCKS_MAX = 288;

/** The last scanned blocks of a chain, heights ascending by one, at least one: the scan begins after a given block. */
export interface ScanCursor {
  readonly recent: readonly ChainTip[];
}

/** How a scan stands: blocks still to take, and the part of the way from `from` to the tip that is done, 0 … 1. */
export interface ScanProgress {
  readonly height: number;
  readonly tip: number;
  readonly left: number;
  readonly done: number;
}

/** What comes next. */
export type ScanStep =
  /** The hashes at these heights must be known first. */
  | { readonly step: 'ask'; readonly heights: readonly number[] }
  /** Take this block, which follows the last. */
  | { readonly step: 'block'; readonly height: number; readonly hash: string }
  /** `depth` scanned blocks are no longer part of the chain; `cursor` ends with the last that is. */
  | { readonly step: 'rewind'; readonly height: number; readonly depth: number; readonly cursor: ScanCursor }
  /** No remembered block is part of the chain; `height` is the oldest's. */
  | { readonly step: 'lost'; readonly height: number }
  | { readonly step: 'done' };

/** A cursor that begins after a block; throws on an impossible height. */
export function scanFrom(after: ChainTip): ScanCursor {
  if (!Number.isSafeInteger(after.height) || after.height < 0) throw new RangeError('a height is a whole number');
  return { recent: [after] };
}

/** The block that was scanned last. */
export function lastScanned({ recent }: ScanCursor): ChainTip {
  const last = recent.at(-1);
  if (last === undefined) throw new Error('a cursor holds at least one block');
  return last;
}

/**
 * What comes next, given the tip and hashes of the same best chain; after `ask`, ask again with the hashes added. A tip
 * that is a scanned block below the last contradicts nothing: a node is behind, or nodes part above it. What was scanned
 * beyond it stands until the chain holds other blocks there.
 */
export function nextScanStep({ recent }: ScanCursor, tip: ChainTip, known: ReadonlyMap<number, string>): ScanStep {
  const hashAt = (height: number) => (height === tip.height ? tip.hash : known.get(height));
  let compared = 0;
  for (let place = recent.length - 1; place >= 0; place--) {
    const block = recent[place];
    if (block === undefined || block.height > tip.height) continue;
    const hash = hashAt(block.height);
    if (hash === undefined) {
      // Nearly every reorg is of one block: each time as many more as were looked at in vain.
      const window = recent.slice(Math.max(0, place + 1 - Math.max(1, compared)), place + 1);
      return { step: 'ask', heights: window.map(({ height }) => height) };
    }
    if (hash === block.hash) {
      const depth = recent.length - 1 - place;
      if (block.height === tip.height) return { step: 'done' };
      if (depth === 0) return following(block.height + 1, hashAt);
      return { step: 'rewind', height: block.height, depth, cursor: { recent: recent.slice(0, place + 1) } };
    }
    compared += 1;
  }
  return { step: 'lost', height: recent[0]?.height ?? 0 };
}

function following(height: number, hashAt: (height: number) => string | undefined): ScanStep {
  const hash = hashAt(height);
  return hash === undefined ? { step: 'ask', heights: [height] } : { step: 'block', height, hash };
}

/** The cursor after a block was scanned; null where the block does not follow the last one, as after a reorg. */
export function advanceScan(cursor: ScanCursor, block: ChainTip, prev: string): ScanCursor | null {
  const last = lastScanned(cursor);
  if (prev !== last.hash || block.height !== last.height + 1) return null;
  const { height, hash } = block;
  return { recent: [...cursor.recent.slice(1 - CURSOR_BLOCKS_MAX), { height, hash }] };
}

/** How far a scan that began after the height `from` has come. */
export function scanProgress(from: number, cursor: ScanCursor, tip: ChainTip): ScanProgress {
  const { height } = lastScanned(cursor);
  const left = Math.max(0, tip.height - height);
  const way = Math.max(0, tip.height - from);
  return { height, tip: tip.height, left, done: way === 0 ? 1 : Math.min(1, Math.max(0, (way - left) / way)) };
}

/** A step with what it takes. `cursor`: how the scan stands once the step is done with. */
export type ScanEvent =
  | { readonly kind: 'block'; readonly height: number; readonly block: Block; readonly cursor: ScanCursor }
  | { readonly kind: 'rewind'; readonly height: number; readonly depth: number; readonly cursor: ScanCursor }
  | { readonly kind: 'lost'; readonly height: number }
  /** The chain changed between two questions; ask again. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'done' };

/** Hashes kept while the tip stays the same, so that catching up asks for many at once. */
const HASHES_AHEAD = 200;

/**
 * Reads the chain for a scan. It holds nothing that must survive: the cursor is the caller's, who stores it together with
 * what a block brought.
 */
export class BlockSource {
  readonly #view: Pick<BitcoinView, 'agreedTip' | 'blockHashes' | 'block'>;
  #tip: AgreedTip | null = null;
  #known = new Map<number, string>();

  constructor(view: Pick<BitcoinView, 'agreedTip' | 'blockHashes' | 'block'>) {
    this.#view = view;
  }

  /** The tip that the last step was decided on, for progress; null before the first. */
  get tip(): AgreedTip | null {
    return this.#tip;
  }

  /** The next step. Throws `BitcoinViewError` where the nodes cannot give what it takes. */
  async next(cursor: ScanCursor): Promise<ScanEvent> {
    const tip = await this.#view.agreedTip();
    if (tip.hash !== this.#tip?.hash) this.#known = new Map();
    this.#tip = tip;
    for (;;) {
      const step = nextScanStep(cursor, tip, this.#known);
      if (step.step === 'ask') await this.#learn(step.heights, tip);
      else if (step.step === 'block') return this.#take(cursor, step);
      else if (step.step === 'rewind') {
        return { kind: 'rewind', height: step.height, depth: step.depth, cursor: step.cursor };
      } else if (step.step === 'lost') return { kind: 'lost', height: step.height };
      else return { kind: 'done' };
    }
  }

  async #learn(heights: readonly number[], tip: AgreedTip): Promise<void> {
    const highest = Math.max(...heights);
    const ahead = Array.from({ length: HASHES_AHEAD }, (_, index) => highest + 1 + index);
    const asked = [...heights, ...ahead.filter((height) => height < tip.height)];
    const hashes = await this.#view.blockHashes(asked);
    for (const [index, height] of asked.entries()) this.#known.set(height, hashes[index] ?? '');
  }

  async #take(cursor: ScanCursor, at: { readonly height: number; readonly hash: string }): Promise<ScanEvent> {
    const block = await this.#view.block(at.hash);
    const advanced = advanceScan(cursor, at, block.header.prev);
    if (advanced !== null) return { kind: 'block', height: at.height, block, cursor: advanced };
    // The hashes are of a chain that is gone, or of two.
    this.#known = new Map();
    return { kind: 'moved' };
  }
}
