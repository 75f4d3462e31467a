// Beside a step that waits (rule 8): whoever was about to be paid is not dropped, but for a reason that this node sees
// itself; and what replaces pays for it.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { LineBurn, LineIntent } from '../../chain/line-intent.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { deposit, stray } from '../chain/line-steps.ts';
import { someAddress } from './custody.ts';
import { burn, HEIGHT, LineDesk, root } from './line-desk.ts';

/** Above what waits, and within twice the estimate. */
const REPLACING = 6_000n;

let desk: LineDesk;
beforeEach(() => {
  desk = new LineDesk();
});
afterEach(() => desk.close());

const coin = deposit(1, 900_000n);
const paying = (burns: readonly LineBurn[], rate?: bigint): LineIntent =>
  desk.provide(desk.step({ step: 'payout', swept: [coin], burns }, rate));
/** A payout of burns 1 and 2 waits in the own mempool, since so many blocks. */
const waiting = (blocks = 0, listed = true) => desk.wait(paying([burn(1), burn(2)]), { blocks, listed });
const droppingTwo = () => paying([burn(1), burn(3)], REPLACING);

describe('while a payout waits, a step that spends the same treasury output', () => {
  test('is signed where it pays all of its burns and more', async () => {
    waiting();
    expect(await desk.validate(paying([burn(1), burn(2), burn(3)], REPLACING))).toBe('signed');
    expect(await desk.validate(paying([burn(1), burn(2)], REPLACING))).toBe('signed');
  });

  test('is refused where it drops one, named together with the rate that replaces', async () => {
    const { step } = waiting();
    const refusal = await desk.refusal(droppingTwo());
    const burns = [burn(2).burnTxid];
    expect(refusal).toMatchObject({ reason: 'sibling_waits', data: { txid: step.txid, burns } });
    const { fee_rate_min } = Object(refusal.data);
    expect(await desk.validate(paying([burn(1), burn(2), burn(3)], BigInt(fee_rate_min) + 10n))).toBe('signed');
  });

  test('is refused where it pays nobody: a sweep, and a consolidation', async () => {
    waiting();
    const sweep = desk.provide(desk.step({ step: 'sweep', swept: [stray(5, 9_000n)] }, REPLACING));
    const script = desk.built(paying([burn(1)])).outputs[2]?.script ?? new Uint8Array();
    desk.rules.consolidateScripts = [script];
    const moved = desk.step({ step: 'consolidate', destination: { script, amount: 5_000n } }, REPLACING);
    for (const step of [sweep, moved]) {
      const burns = [burn(1).burnTxid, burn(2).burnTxid];
      expect(await desk.refusal(step)).toMatchObject({ reason: 'sibling_waits', data: { burns } });
    }
  });

  test('is refused at a fee that replaces nothing', async () => {
    const { step } = waiting();
    const fee = (step.fee ?? 0n) + 10n;
    expect(await desk.validate(desk.changed(paying([burn(1), burn(2)]), { fee }))).toBe('fee_rate_too_low');
  });

  test('is signed where it drops a burn that Wire no longer shows, or shows as not final or otherwise', async () => {
    waiting();
    const { known } = desk.ledger;
    const index = known.findIndex(({ burnTxid }) => burnTxid === burn(2).burnTxid);
    const [before] = known.slice(index, index + 1);
    if (before === undefined) throw new Error('the burn is known');
    const dropping = droppingTwo();
    for (const changes of [{ burnTxid: 'dd'.repeat(32) }, { confirmations: 5 }, { nullifier: 'dd'.repeat(32) }]) {
      known[index] = { ...before, ...changes };
      expect(await desk.validate(dropping)).toBe('signed');
    }
    known[index] = before;
    expect(await desk.validate(paying([burn(1), burn(4)], REPLACING))).toBe('sibling_waits');
  });

  test.each([
    ['amount', { amount: 15_001n }],
    ['fee', { fee: 5_001n }],
    ['address', { address: someAddress() }],
  ])(
    'is signed where it drops a burn that Wire shows with another %s than the sibling pays',
    async (_what, changes) => {
      waiting();
      const { known } = desk.ledger;
      const index = known.findIndex(({ burnTxid }) => burnTxid === burn(2).burnTxid);
      const [before] = known.slice(index, index + 1);
      if (before === undefined) throw new Error('the burn is known');
      const dropping = droppingTwo();
      expect(await desk.validate(dropping)).toBe('sibling_waits');
      known[index] = { ...before, ...changes };
      expect(await desk.validate(dropping)).toBe('signed');
      // The same payment all the same: what it bears is another thing than whom it pays.
      known[index] = { ...before, amount: before.amount + 1n, fee: before.fee + 1n };
      expect(await desk.validate(paying([burn(1), burn(4)], REPLACING))).toBe('sibling_waits');
    },
  );

  test('is refused where it drops a burn, though others reported another fee of it to this node', async () => {
    const truth = paying([burn(1), burn(2)]);
    // The same transaction: what one burn is said to bear more, the other is said to bear less.
    const told = [burn(1, 15_100n, 5_100n), burn(2, 14_900n, 4_900n)];
    desk.wait({ ...truth, burns: told });
    expect(await desk.refusal(droppingTwo())).toMatchObject({ reason: 'sibling_waits' });
  });

  test('is not signed while the Wire nodes are silent', async () => {
    waiting();
    const dropping = droppingTwo();
    desk.ledger.unavailable = true;
    expect(await desk.validate(dropping)).toBe('wire_unavailable');
    const views = desk.views();
    const sweep = desk.provide(desk.step({ step: 'sweep', swept: [stray(5, 9_000n)] }, REPLACING));
    Object.assign(desk, { views: () => ({ ...views, wire: null }) });
    expect(await desk.validate(sweep)).toBe('sibling_waits');
  });

  test('is not signed because of Wire nodes on another network', async () => {
    waiting();
    const sweep = desk.provide(desk.step({ step: 'sweep', swept: [coin] }, REPLACING));
    desk.ledger.status = async () => ({ network: 'mainnet', height: 9, lastBurnSeq: 0 });
    expect(await desk.validate(sweep)).toBe('wrong_network');
  });

  test('is signed where it drops a burn that this operator holds', async () => {
    waiting();
    const dropping = droppingTwo();
    desk.held.add(burn(2).burnTxid);
    expect(await desk.validate(dropping)).toBe('signed');
    desk.held.clear();
    desk.held.add(burn(9).burnTxid);
    expect(await desk.validate(dropping)).toBe('sibling_waits');
  });

  test('is signed where it drops a burn that cannot bear its share, and not before payout_bump_blocks', async () => {
    const poor = burn(2, 15_000n, 200n);
    const stuck = paying([burn(1), poor]);
    const dropping = droppingTwo();
    desk.wait(stuck, { blocks: 5 });
    expect(await desk.validate(dropping)).toBe('sibling_waits');
    desk.wait(stuck, { blocks: 6 });
    expect(await desk.validate(dropping)).toBe('signed');
    // One that bears it stays, however long it waits: 43 bytes at 6 sat/vB are 258 sats.
    desk.mine(stuck);
    const later = (second: LineBurn, rate?: bigint) =>
      desk.provide(desk.step({ step: 'payout', burns: [burn(11), second] }, rate));
    desk.wait(later(burn(12, 15_000n, 260n)), { blocks: 60 });
    expect(await desk.validate(later(burn(13), REPLACING))).toBe('sibling_waits');
  });

  test('is signed where the sibling sweeps what is gone, for it can never be mined', async () => {
    const spare = deposit(2, 50_000n);
    const swept = [coin, spare];
    desk.wait(desk.provide(desk.step({ step: 'payout', swept, burns: [burn(1), burn(2)] })));
    const dropping = droppingTwo();
    expect(await desk.validate(dropping)).toBe('sibling_waits');
    desk.bitcoin.confirmed.delete(outpointName(spare));
    expect(await desk.validate(dropping)).toBe('signed');
  });

  test('is refused beside a void step that is signed, whatever it pays, but for another void step that is approved', async () => {
    const gone = desk.provide(desk.step({ step: 'void', swept: [stray(5, 9_000n)] }));
    const { step } = desk.wait(gone);
    const script = desk.built(paying([burn(1)])).outputs[2]?.script ?? new Uint8Array();
    desk.rules.consolidateScripts = [script];
    const others = [
      paying([burn(1), burn(2)], REPLACING),
      desk.provide(desk.step({ step: 'sweep', swept: [stray(6, 9_000n)] }, REPLACING)),
      desk.step({ step: 'consolidate', destination: { script, amount: 5_000n } }, REPLACING),
    ];
    for (const other of others) {
      expect(await desk.refusal(other)).toMatchObject({
        reason: 'sibling_waits',
        data: { txid: step.txid, burns: [] },
      });
    }
    desk.approved.add(`void/${root.txid}:${root.vout}`);
    expect(await desk.validate(desk.changed(gone, {}, REPLACING))).toBe('signed');
    desk.bitcoin.confirmed.delete(outpointName(stray(5, 9_000n)));
    expect(await desk.validate(paying([burn(1), burn(2)], REPLACING))).toBe('signed');
  });

  test('is signed where it is the void step that this operator has approved, and pays for it', async () => {
    const { step } = waiting();
    const approval = `void/${root.txid}:${root.vout}`;
    const fee = (step.fee ?? 0n) + 300n;
    expect(await desk.validate(desk.step({ step: 'void', fee }))).toBe('approval_needed');
    desk.approved.add(approval);
    expect(await desk.validate(desk.step({ step: 'void', fee: 1_000n }))).toBe('fee_rate_too_low');
    expect(await desk.validate(desk.step({ step: 'void', fee }))).toBe('signed');
  });
});

describe('while a step waits whose list is not known here', () => {
  test('only what makes each of its payments is signed', async () => {
    const { step } = waiting(0, false);
    expect(await desk.refusal(paying([burn(1), burn(3, 20_000n)], REPLACING))).toMatchObject({
      reason: 'sibling_waits',
      data: { txid: step.txid, burns: [] },
    });
    expect(await desk.validate(paying([burn(1), burn(2), burn(3, 20_000n)], REPLACING))).toBe('signed');
  });

  test('two payments that look alike count as two', async () => {
    waiting(0, false);
    expect(await desk.validate(paying([burn(1), burn(3, 20_000n)], REPLACING))).toBe('sibling_waits');
    expect(await desk.validate(paying([burn(4), burn(5)], REPLACING))).toBe('signed');
  });
});

describe('what does not count as a sibling', () => {
  test('a sweep that waits: any step that pays for replacing it is signed', async () => {
    desk.wait(desk.provide(desk.step({ step: 'sweep', swept: [coin] })));
    expect(await desk.validate(paying([burn(1), burn(2)], REPLACING))).toBe('signed');
  });

  test('a step that this node signed and that waits in no own mempool', async () => {
    expect(await desk.validate(paying([burn(1), burn(2)]))).toBe('signed');
    expect(await desk.validate(paying([burn(3)]))).toBe('signed');
  });

  test('what waits on the tip, for a step that follows it; what waits beside that one does', async () => {
    const first = paying([burn(1), burn(2)]);
    desk.wait(first);
    const place = desk.hold(first);
    const next = (burns: readonly LineBurn[], rate: bigint) =>
      desk.provide(desk.step({ step: 'payout', burns }, rate, place));
    expect(await desk.validate(next([burn(5)], 5_000n))).toBe('signed');
    desk.wait(next([burn(6)], 4_000n));
    expect(await desk.validate(next([burn(5)], REPLACING))).toBe('sibling_waits');
    expect(await desk.validate(next([burn(5), burn(6)], REPLACING))).toBe('signed');
  });
});

test('how long a step waits is counted from its mempool entry: its first block there is none', async () => {
  const poor = burn(2, 15_000n, 200n);
  const stuck = paying([burn(1), poor]);
  desk.wait(stuck, { entry: { height: HEIGHT } });
  desk.rules.bumpBlocks = 1;
  expect(await desk.validate(droppingTwo())).toBe('sibling_waits');
  desk.wait(stuck, { entry: { height: HEIGHT - 1 } });
  expect(await desk.validate(droppingTwo())).toBe('signed');
});
