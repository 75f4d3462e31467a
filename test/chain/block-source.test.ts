// The scan's cursor, against chains that grow, are reorganised and come back after a long absence.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { ChainTip } from '../../chain/bitcoin-view.ts';
import { parseBlock } from '../../chain/block.ts';
import {
  advanceScan,
  BlockSource,
  CURSOR_BLOCKS_MAX,
  lastScanned,
  nextScanStep,
  type ScanCursor,
  scanFrom,
  scanProgress,
} from '../../chain/block-source.ts';
import { type MadeBlock, makeBlock } from './block-arbitraries.ts';

/** Hashes by height; a branch is told apart by its name. */
type Chain = readonly string[];
const grow = (chain: Chain, blocks: number, branch: string): Chain => [
  ...chain,
  ...Array.from({ length: blocks }, (_, index) => `${branch}${chain.length + index}`),
];
const tipOf = (chain: Chain): ChainTip => ({ height: chain.length - 1, hash: chain.at(-1) ?? '' });
const GENESIS: Chain = ['genesis'];

/** Scans a chain to its end; gives the steps in short, and what is known to be scanned. */
function scan(cursor: ScanCursor, chain: Chain) {
  const log: string[] = [];
  const known = new Map<number, string>();
  let now = cursor;
  for (let asked = 0; asked < 10_000; asked++) {
    const step = nextScanStep(now, tipOf(chain), known);
    if (step.step === 'ask') {
      for (const height of step.heights) known.set(height, chain[height] ?? 'beyond the tip');
      continue;
    }
    if (step.step === 'block') {
      log.push(step.hash);
      const next = advanceScan(now, step, chain[step.height - 1] ?? '');
      if (next === null) throw new Error('the block does not follow');
      now = next;
      continue;
    }
    if (step.step === 'rewind') {
      log.push(`rewind ${step.depth} to ${step.height}`);
      now = step.cursor;
      continue;
    }
    return { log, cursor: now, end: step.step };
  }
  throw new Error('the scan does not end');
}

const from = scanFrom(tipOf(GENESIS));

describe('the cursor of a scan', () => {
  test('takes each block once, in order, and is done at the tip', () => {
    const chain = grow(GENESIS, 5, 'a');
    const first = scan(from, chain);
    expect(first.log).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
    expect(first.end).toBe('done');
    expect(scan(first.cursor, chain).log).toEqual([]);
    expect(scan(first.cursor, grow(chain, 1, 'a')).log).toEqual(['a6']);
  });

  test('goes back to the common ancestor of a reorg, however deep within its memory', () => {
    for (const depth of [1, 2, 3, 10, CURSOR_BLOCKS_MAX - 1]) {
      const common = grow(GENESIS, 300, 'a');
      const scanned = scan(from, grow(common, depth, 'old')).cursor;
      const { log } = scan(scanned, grow(common, depth + 1, 'new'));
      expect(log[0]).toBe(`rewind ${depth} to 300`);
      expect(log.slice(1)).toEqual(grow(common, depth + 1, 'new').slice(301));
    }
  });

  test('goes back also where the heavier chain has fewer blocks', () => {
    const common = grow(GENESIS, 10, 'a');
    const scanned = scan(from, grow(common, 5, 'old')).cursor;
    expect(scan(scanned, grow(common, 2, 'new')).log).toEqual(['rewind 5 to 10', 'new11', 'new12']);
  });

  test('is lost where no remembered block is part of the chain', () => {
    const scanned = scan(from, grow(GENESIS, CURSOR_BLOCKS_MAX + 20, 'old')).cursor;
    expect(scanned.recent).toHaveLength(CURSOR_BLOCKS_MAX);
    expect(scan(scanned, grow(GENESIS, CURSOR_BLOCKS_MAX + 30, 'new'))).toMatchObject({ log: [], end: 'lost' });
  });

  test('waits where the tip fell back to a block that was scanned, and withdraws nothing', () => {
    const chain = grow(GENESIS, 10, 'a');
    const { cursor } = scan(from, chain);
    expect(scan(cursor, chain.slice(0, 8))).toEqual({ log: [], cursor, end: 'done' });
  });

  test('does not take a block that follows another than the last', () => {
    const { cursor } = scan(from, grow(GENESIS, 3, 'a'));
    expect(advanceScan(cursor, { height: 4, hash: 'a4' }, 'b3')).toBeNull();
    expect(advanceScan(cursor, { height: 5, hash: 'a5' }, 'a3')).toBeNull();
  });

  test('always ends with the blocks of the last chain, through any sequence of reorgs, also in mid-scan', () => {
    const change = fc.record({ back: fc.nat(8), blocks: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        let chain: Chain = grow(GENESIS, 10, 'a');
        let cursor = scan(scanFrom(tipOf(GENESIS)), chain).cursor;
        for (const [index, { back, blocks }] of changes.entries()) {
          const kept = chain.slice(0, Math.max(1, chain.length - back));
          // At least as heavy as before, as it would have to be.
          chain = grow(kept, back + blocks, `${index}-`);
          // Now and then only one step is done before the chain changes again.
          if (index % 3 === 0) {
            const step = nextScanStep(cursor, tipOf(chain), new Map(chain.entries()));
            if (step.step === 'rewind') cursor = step.cursor;
          } else cursor = scan(cursor, chain).cursor;
          expect(cursor.recent.map(({ height }) => height)).toEqual(
            Array.from(cursor.recent, (_, place) => (cursor.recent[0]?.height ?? 0) + place),
          );
        }
        cursor = scan(cursor, chain).cursor;
        expect(lastScanned(cursor)).toEqual(tipOf(chain));
        for (const { height, hash } of cursor.recent) expect(hash).toBe(chain[height] ?? '');
      }),
      { seed: 41, numRuns: 200 },
    );
  });

  test('shows how many blocks are left to read after a long absence', () => {
    const chain = grow(GENESIS, 1_000, 'a');
    const half = scan(from, chain.slice(0, 251)).cursor;
    expect(scanProgress(0, half, tipOf(chain))).toEqual({ height: 250, tip: 1_000, left: 750, done: 0.25 });
    expect(scanProgress(0, scan(half, chain).cursor, tipOf(chain))).toMatchObject({ left: 0, done: 1 });
    expect(scanProgress(0, from, tipOf(GENESIS))).toMatchObject({ left: 0, done: 1 });
  });
});

describe('the source of blocks', () => {
  function build(count: number, on: readonly MadeBlock[] = [], mark = 0): MadeBlock[] {
    const chain = [...on];
    for (let index = 0; index < count; index++) {
      const prev = Buffer.from(chain.at(-1)?.hash ?? '00'.repeat(32), 'hex').reverse();
      const input = { txid: new Uint8Array(32).fill(1), index: mark, finalScriptSig: new Uint8Array(0), sequence: 0 };
      const outputs = [{ amount: 1n, script: new Uint8Array(0) }];
      chain.push(makeBlock([{ version: 2, segwitFlag: false, inputs: [input], outputs, lockTime: 0 }], prev));
    }
    return chain;
  }

  function node(chain: readonly MadeBlock[]) {
    const state = { chain, questions: 0, beforeBlock: () => {} };
    const source = new BlockSource({
      async agreedTip() {
        return { height: state.chain.length - 1, hash: state.chain.at(-1)?.hash ?? '', fork: null };
      },
      async blockHashes(heights) {
        state.questions += 1;
        return heights.map((height) => state.chain[height]?.hash ?? 'none');
      },
      async block(hash) {
        state.beforeBlock();
        const found = [...chain, ...state.chain].find((block) => block.hash === hash);
        return parseBlock(found?.bytes ?? new Uint8Array(0), { hash });
      },
    });
    return { state, source };
  }

  const start = (chain: readonly MadeBlock[]) => scanFrom({ height: 0, hash: chain[0]?.hash ?? '' });

  test('gives the blocks one by one and asks for many hashes at a time', async () => {
    const chain = build(60);
    const { state, source } = node(chain);
    let cursor = start(chain);
    const seen: string[] = [];
    for (;;) {
      const event = await source.next(cursor);
      if (event.kind !== 'block') break;
      seen.push(event.block.header.hash);
      cursor = event.cursor;
    }
    expect(seen).toEqual(chain.slice(1).map(({ hash }) => hash));
    expect(source.tip?.height).toBe(59);
    expect(state.questions).toBeLessThan(4);
  });

  test('reports a reorg with the blocks that it undoes, and continues from there', async () => {
    const common = build(5);
    const { state, source } = node(build(3, common, 1));
    let cursor = start(common);
    for (;;) {
      const event = await source.next(cursor);
      if (event.kind !== 'block') break;
      cursor = event.cursor;
    }
    state.chain = build(4, common, 2);
    const rewind = await source.next(cursor);
    expect(rewind).toMatchObject({ kind: 'rewind', height: 4, depth: 3 });
    if (rewind.kind !== 'rewind') throw new Error('unreachable');
    const next = await source.next(rewind.cursor);
    expect(next).toMatchObject({ kind: 'block', height: 5 });
    if (next.kind === 'block') expect(next.block.header.hash).toBe(state.chain[5]?.hash ?? '');
  });

  test('does not take a block of a chain that was replaced while its hashes were on the way', async () => {
    const common = build(5);
    const { state, source } = node(build(2, common, 1));
    const cursor = scanFrom({ height: 4, hash: 'f0'.repeat(32) });
    // The cursor's own block is not the one that the next block follows.
    const stranger = { bytes: new Uint8Array(0), hash: 'f0'.repeat(32), transactions: [] };
    state.chain = [...common.slice(0, 4), stranger, ...build(2, common, 1).slice(5)];
    expect(await source.next(cursor)).toEqual({ kind: 'moved' });
  });
});
