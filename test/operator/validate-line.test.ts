// A step of the treasury line is signed where this node's own line, chain, nodes and operator bear it out: its place, its
// ancestors, what an operator has a say in, and what is written down of it.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { listAudit } from '../../store/audit-log.ts';
import { getBurn } from '../../store/burns.ts';
import { getStep, recordStepList, recordStepSigned } from '../../store/line.ts';
import { isPayoutSigned } from '../../store/payout-limits.ts';
import { deposit, otherScript, stray } from '../chain/line-steps.ts';
import { burn, LineDesk, NOW, root } from './line-desk.ts';

let desk: LineDesk;
beforeEach(() => {
  desk = new LineDesk();
});
afterEach(() => desk.close());

const payout = (...numbers: readonly number[]) => {
  const burns = numbers.map((n) => burn(n));
  return desk.provide(desk.step({ step: 'payout', swept: [deposit(1, 900_000n)], burns }));
};

describe('a step that every check confirms', () => {
  test('is signed: a payout, a sweep, and a step that follows the mined one', async () => {
    const first = payout(1, 2);
    expect(await desk.validate(first)).toBe('signed');
    desk.mine(first);
    const sweep = desk.provide(desk.step({ step: 'sweep', swept: [deposit(2, 50_000n), stray(3, 9_000n)] }));
    expect(await desk.validate(sweep)).toBe('signed');
  });

  test('has one message for each input, as its transaction has them', async () => {
    const step = payout(1);
    const verdict = await desk.validation(step);
    const messages = desk.built(step).messages.map(({ message, tweaks }) => ({ message, tweaks }));
    expect(verdict.ok && verdict.messages).toEqual(messages);
    expect(messages).toHaveLength(2);
  });

  test('is written down once, with its list and its burns, before its share leaves', async () => {
    const step = payout(1, 2);
    const { txid } = desk.built(step);
    const verdict = await desk.validation(step, 2);
    expect(getStep(desk.store.db, txid)).toBeNull();
    if (!verdict.ok) throw new Error(verdict.detail);
    expect(verdict.decide()).toEqual({ ok: true });
    expect(verdict.decide()).toEqual({ ok: true });
    const burns = step.burns.map(({ burnTxid, nullifier }) => ({ burnTxid, nullifier }));
    expect(getStep(desk.store.db, txid)).toMatchObject({ kind: 'payout', burns, askedBy: 2, fee: step.fee });
    expect(getBurn(desk.store.db, burn(2).burnTxid)).toMatchObject({ amount: 15_000n, wireHeight: 5 });
    const decided = listAudit(desk.store.db, { limit: 50 }).rows.filter(({ kind }) => kind === 'line_decided');
    expect(decided).toHaveLength(1);
  });

  test('is signed whatever this node signed beside it: only ancestors count', async () => {
    const first = payout(1);
    expect(await desk.validate(first)).toBe('signed');
    expect(await desk.validate(payout(1, 2))).toBe('signed');
    expect(await desk.validate(desk.changed(first, { fee: first.fee + 1n }))).toBe('signed');
  });

  test('is signed once more where it waits in the own mempool already', async () => {
    const step = payout(1);
    desk.wait(step);
    expect(await desk.validate(step)).toBe('signed');
  });

  test('is not written down if the step that it builds on has gone since it was validated', async () => {
    const parent = payout(1);
    desk.wait(parent);
    const step = desk.provide(desk.step({ step: 'payout', burns: [burn(5)] }, 8_000n, desk.hold(parent)));
    const verdict = await desk.validation(step);
    if (!verdict.ok) throw new Error(verdict.detail);
    const other = new LineDesk();
    try {
      expect(await other.validate(step)).toBe('parent_unknown');
    } finally {
      other.close();
    }
  });
});

describe('the own line', () => {
  test('without a root of the own certificate nothing is signed, no test either', async () => {
    desk.root = null;
    expect(await desk.validate(payout(1))).toBe('no_root');
    expect(await desk.validate({ ...payout(1), test: true })).toBe('no_root');
  });

  test('a treasury output that no held step makes is refused, whatever a peer says of it', async () => {
    const treasury = { txid: 'ee'.repeat(32), vout: 0, amount: root.amount };
    expect(await desk.refusal({ ...payout(1), treasury })).toMatchObject({
      reason: 'parent_unknown',
      data: { txid: 'ee'.repeat(32) },
    });
  });

  test('a burn that an ancestor lists is refused, by its txid and by its nullifier', async () => {
    desk.mine(payout(1));
    expect(await desk.validate(desk.provide(desk.step({ step: 'payout', burns: [burn(1)] })))).toBe(
      'burn_already_paid',
    );
    const duplicate = { ...burn(2), nullifier: burn(1).nullifier };
    expect(await desk.validate(desk.provide(desk.step({ step: 'payout', burns: [duplicate] })))).toBe(
      'burn_already_paid',
    );
  });

  test('a burn that looks like a payment of an ancestor whose list is not known is refused, another is not', async () => {
    desk.mine(payout(1), { listed: false });
    const alike = desk.provide(desk.step({ step: 'payout', burns: [burn(2)] }));
    expect(await desk.validate(alike)).toBe('burn_may_be_paid');
    const other = desk.provide(desk.step({ step: 'payout', burns: [burn(3, 16_000n)] }));
    expect(await desk.validate(other)).toBe('signed');
  });

  test('an empty database validates the same step as a full one does', async () => {
    const first = payout(1);
    desk.mine(first);
    const again = desk.provide(desk.step({ step: 'payout', burns: [burn(1)] }));
    const empty = new LineDesk();
    try {
      empty.mine(first, { listed: false });
      expect(await empty.validate(empty.provide(again))).toBe('burn_may_be_paid');
      expect(await desk.validate(again)).toBe('burn_already_paid');
    } finally {
      empty.close();
    }
  });

  test('a surplus that does not follow from the step before is refused', async () => {
    expect(await desk.validate({ ...payout(1), surplus: 0n })).toBe('surplus_wrong');
  });
});

describe('the place of a step', () => {
  test('is the tip: a step that spends the root is refused once another one from it is mined', async () => {
    const late = payout(2);
    desk.mine(payout(1));
    const refusal = await desk.refusal(late);
    const tip = `${desk.sight.tip.txid}:0`;
    expect(refusal).toMatchObject({ reason: 'not_tip', data: { tip, waiting: null } });
  });

  test('may be output 0 of the one step that waits on the tip, and no further', async () => {
    const waiting = payout(1);
    desk.wait(waiting);
    const second = desk.hold(waiting);
    const child = desk.provide(desk.step({ step: 'payout', burns: [burn(5)] }, 8_000n, second));
    expect(await desk.validate(child)).toBe('signed');
    desk.wait(child);
    const third = desk.provide(desk.step({ step: 'payout', burns: [burn(6)] }, 8_000n, desk.hold(child)));
    expect(await desk.validate(third)).toBe('not_tip');
  });

  test('is not a step that is held and signed but waits in no own mempool', async () => {
    const place = desk.hold(payout(1));
    const child = desk.provide(desk.step({ step: 'payout', burns: [burn(5)] }, 8_000n, place));
    expect(await desk.validate(child)).toBe('not_tip');
  });

  test('is nowhere while the own view is behind, silent, or shows a stranger who spends the treasury', async () => {
    const reasons = [
      ['chain_behind', 'chain_behind'],
      ['bitcoin_unavailable', 'bitcoin_unavailable'],
      ['no_root', 'no_root'],
      ['foreign_spend', 'policy'],
    ] as const;
    const step = payout(1);
    for (const [reason, said] of reasons) {
      desk.blind = { ok: false, reason, detail: 'so' };
      expect(await desk.refusal(step)).toMatchObject({ reason: said, detail: 'so' });
    }
  });

  test('is on the network of this node', async () => {
    const views = { ...desk.views(), terms: { ...desk.views().terms, network: 'mainnet' as const } };
    const mainnet = Object.assign(desk, { views: () => views });
    expect(await mainnet.validate(payout(1))).toBe('wrong_network');
  });
});

describe("the operator's say", () => {
  test('a void step needs the approval of this operator for this very treasury output', async () => {
    const step = desk.step({ step: 'void' });
    const refusal = await desk.refusal(step);
    expect(refusal).toMatchObject({ reason: 'approval_needed', data: { kind: 'void', txid: root.txid, vout: 0 } });
    desk.approved.add(`void/${'ee'.repeat(32)}:0`);
    expect(await desk.validate(step)).toBe('approval_needed');
    desk.approved.add(`void/${root.txid}:${root.vout}`);
    expect(await desk.validate(step)).toBe('signed');
  });

  test('a consolidation pays only what the configuration lists', async () => {
    const destination = { script: otherScript(11), amount: 15_000n };
    const step = desk.step({ step: 'consolidate', destination });
    expect(await desk.validate(step)).toBe('policy');
    desk.rules.consolidateScripts = [otherScript(12)];
    expect(await desk.validate(step)).toBe('policy');
    desk.rules.consolidateScripts = [otherScript(12), otherScript(11)];
    expect(await desk.validate(step)).toBe('signed');
  });

  test('a consolidation leaves the reserve of this operator, but a test of one, which moves nothing', async () => {
    desk.rules.consolidateScripts = [otherScript(11)];
    const step = desk.step({ step: 'consolidate', destination: { script: otherScript(11), amount: 15_000n } });
    desk.rules.feeReserve = step.surplus;
    expect(await desk.validate(step)).toBe('signed');
    desk.rules.feeReserve = step.surplus + 1n;
    const data = { fee_reserve: `${step.surplus + 1n}` };
    expect(await desk.refusal(step)).toMatchObject({ reason: 'policy', data });
    expect(await desk.validate(desk.changed(step, { test: true }))).toBe('signed');
  });
});

describe('a test step', () => {
  const tested = (n: number) => desk.provide(desk.changed(payout(n), { test: true }));

  test('is signed and never written down', async () => {
    const step = tested(1);
    expect(await desk.validate(step)).toBe('signed');
    expect(getStep(desk.store.db, desk.built(step).txid)).toBeNull();
    expect(getBurn(desk.store.db, burn(1).burnTxid)).toBeNull();
    expect(listAudit(desk.store.db, { limit: 50 }).rows.some(({ kind }) => kind === 'line_decided')).toBe(false);
  });

  test('is signed beside a payout that waits, because it can replace nothing, and no node can be asked about it', async () => {
    desk.wait(payout(2));
    desk.relayRefusal = 'missing-inputs';
    expect(await desk.validate(tested(1))).toBe('signed');
  });

  test('is validated like any other: burns, deposits, fees, ancestors', async () => {
    const step = tested(1);
    desk.ledger.known.length = 0;
    expect(await desk.validate(step)).toBe('burn_unknown');
    desk.provide(step);
    expect(await desk.validate(desk.changed(step, { fee: 5_000n }))).toBe('fee_too_high');
    desk.mint({ txid: deposit(1, 0n).txid, vout: 1 }, 5);
    expect(await desk.validate(step)).toBe('deposit_not_minted');
    desk.mine(payout(1));
    const { txid, vout, amount } = desk.sight.tip;
    const again = desk.changed(step, { swept: [], treasury: { txid, vout, amount } });
    expect(await desk.validate(again)).toBe('burn_already_paid');
  });
});

test('one peer has this node keep 32 unmined steps: the 33rd displaces its oldest, and no step of another peer', async () => {
  const steps = Array.from({ length: 33 }, (_, i) => desk.provide(desk.step({ step: 'payout', burns: [burn(i + 1)] })));
  const [others, ...own] = steps;
  const extra = desk.provide(desk.step({ step: 'payout', burns: [burn(40)] }));
  if (others === undefined) throw new Error('there are steps');
  expect(await desk.validate(others, 2)).toBe('signed');
  for (const step of [...own, extra]) expect(await desk.validate(step, 1)).toBe('signed');
  const held = [...steps, extra].map((step) => getStep(desk.store.db, desk.built(step).txid) !== null);
  expect(held).toEqual([true, false, ...Array.from({ length: 32 }, () => true)]);
});

test('of its own plans this node keeps 32 that nobody has signed, the newest', async () => {
  const steps = Array.from({ length: 34 }, (_, i) => desk.provide(desk.step({ step: 'payout', burns: [burn(i + 1)] })));
  const [signed, ...others] = steps;
  if (signed === undefined) throw new Error('there are steps');
  expect(await desk.validate(signed)).toBe('signed');
  recordStepSigned(desk.store.db, desk.built(signed).txid, 'aa', NOW);
  for (const step of others) expect(await desk.validate(step)).toBe('signed');
  const held = steps.map((step) => getStep(desk.store.db, desk.built(step).txid) !== null);
  expect(held).toEqual([true, false, ...Array.from({ length: 32 }, () => true)]);
});

test('what waits in the own mempool is displaced by nothing that its peer asks for, however old it is', async () => {
  const sweep = desk.provide(desk.step({ step: 'sweep', swept: [deposit(1, 900_000n)] }, 1_100n));
  expect(await desk.validate(sweep, 1)).toBe('signed');
  desk.wait(sweep);
  const steps = Array.from({ length: 33 }, (_, i) => desk.provide(desk.step({ step: 'payout', burns: [burn(i + 1)] })));
  for (const step of steps) expect(await desk.validate(step, 1)).toBe('signed');
  const held = [sweep, ...steps].map((step) => getStep(desk.store.db, desk.built(step).txid) !== null);
  expect(held).toEqual([true, false, false, ...Array.from({ length: 31 }, () => true)]);
});

test('a list that becomes known while a step is validated still stops the share of a burn that it pays', async () => {
  const hidden = desk.provide(desk.step({ step: 'payout', burns: [burn(1, 20_000n)] }));
  desk.mine(hidden, { listed: false });
  const step = desk.provide(desk.step({ step: 'payout', burns: [{ ...burn(2), nullifier: burn(1).nullifier }] }));
  const verdict = await desk.validation(step);
  if (!verdict.ok) throw new Error(`the step is refused before: ${verdict.reason}`);
  const list = { kind: 'payout', burns: hidden.burns, fee: null, intent: null } as const;
  expect(recordStepList(desk.store.db, desk.built(hidden).txid, list, NOW).ok).toBe(true);
  expect(verdict.decide()).toMatchObject({ ok: false, reason: 'burn_already_paid' });
  expect(getStep(desk.store.db, desk.built(step).txid)).toBeNull();
  // What was not signed counts towards no limit, and needs its approval still.
  expect(isPayoutSigned(desk.store.db, burn(2).burnTxid)).toBeFalse();
});
