// What the log says of a trouble that lasts: that it began and why, that it lasts, that it is over; never each attempt.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { FailureLog, OVER_AFTER_MS, TOLD_AGAIN_MS } from '../../operator/bridge/failure-log.ts';
import type { LogFields } from '../../operator/runtime/log.ts';
import { BridgeWorld } from './bridge-world.ts';

describe('a trouble', () => {
  let now: number;
  let lines: { readonly event: string; readonly fields: LogFields }[];
  let trouble: FailureLog;
  beforeEach(() => {
    now = 1_700_000_000_000;
    lines = [];
    const log = (_level: string, event: string, fields: LogFields = {}) => void lines.push({ event, fields });
    trouble = new FailureLog('work', log, { now: () => now, monotonic: () => now - 1_600_000_000_000 });
  });
  const told = () => lines.splice(0).map(({ event, fields }) => [event, fields['what'], fields['detail'] ?? null]);

  test('is logged when it begins, when its reason changes, and once a minute while it lasts', () => {
    trouble.failed('scan', 'down');
    expect(told()).toEqual([['work_failed', 'scan', 'down']]);
    for (let i = 0; i < 200; i++) {
      now += 250;
      trouble.failed('scan', i < 100 ? 'down' : 'disk full');
    }
    expect(told()).toEqual([['work_failed', 'scan', 'disk full']]);
    now += TOLD_AGAIN_MS;
    trouble.failed('scan', 'disk full');
    expect(lines[0]?.fields['failures']).toBe(202);
    expect(told()).toEqual([['work_failed', 'scan', 'disk full']]);
  });

  test('is logged once when it is over, with how long it lasted', () => {
    trouble.failed('scan', 'down');
    now += 30_000;
    trouble.failed('scan', 'down');
    now += OVER_AFTER_MS;
    trouble.well('scan');
    trouble.well('scan');
    trouble.well('pay');
    expect(lines.at(-1)?.fields).toEqual({ what: 'scan', lasted_s: 30, failures: 2 });
    expect(told()).toEqual([
      ['work_failed', 'scan', 'down'],
      ['work_recovered', 'scan', null],
    ]);
    trouble.failed('scan', 'down');
    expect(told()).toEqual([['work_failed', 'scan', 'down']]);
  });

  test('that comes and goes, with alternating or new reasons, is not logged each time', () => {
    for (let i = 0; i < 200; i++) {
      now += 100;
      trouble.failed('scan', i % 2 === 0 ? 'first' : 'second');
      trouble.well('scan');
    }
    expect(told()).toHaveLength(2);
    for (let i = 0; i < 200; i++) trouble.failed('scan', `at ${i}`);
    expect(told().length).toBeLessThan(10);
  });

  test('of one kind of work is logged beside that of another', () => {
    for (const what of ['scan', 'pay', 'scan', 'pay']) trouble.failed(what, 'down');
    expect(told()).toHaveLength(2);
  });
});

describe('a node whose Bitcoin node is down', () => {
  let world: BridgeWorld;
  beforeAll(async () => {
    world = await BridgeWorld.make();
  });
  afterAll(() => world.close());

  test('writes that down once for each kind of work, and once that it is over', async () => {
    await world.minted();
    world.burn();
    const view = world.federation.chain.views[0];
    if (view === undefined) throw new Error('every member has a view');
    const down = () => Promise.reject(new Error('the node is down'));
    const well = { ...view };
    Object.assign(view, { tip: down, agreedTip: down, blockHash: down, transaction: down });
    const { log } = world.federation.member(0);
    log.length = 0;
    await world.rounds(15, [0]);
    const failures = log.filter((line) => /(autopilot|round)_failed/.test(line));
    expect(failures.some((line) => line.includes('"what":"scan"') && line.includes('the node is down'))).toBe(true);
    expect(failures).toEqual([...new Set(failures)]);
    expect(failures.length).toBeLessThan(10);

    Object.assign(view, well);
    world.pass(OVER_AFTER_MS / 1000);
    log.length = 0;
    await world.rounds(5, [0]);
    expect(log.filter((line) => line.includes('"what":"scan"'))).toEqual([
      expect.stringContaining('autopilot_recovered'),
    ]);
  });

  test('and one whose Wire node takes no attestation says so once too', async () => {
    const { bridge } = world.federation.at(0).services;
    const { wire } = bridge;
    if (wire === null) throw new Error('the federation has a ledger');
    const refused = async () => ({ ok: false, reason: 'unavailable', detail: 'no answer' });
    const silent = new Proxy(wire, {
      get: (_target, name) => (name === 'postMint' ? refused : Reflect.get(wire, name)),
    });
    for (const { index } of world.federation.members) {
      Object.assign(world.federation.at(index).services.bridge, { wire: silent });
    }
    world.pay(await world.recipient());
    world.mine(6);
    const logs = world.federation.members.map(({ log }) => log);
    for (const log of logs) log.length = 0;
    for (let round = 0; round < 6; round++) {
      await world.rounds(5);
      world.pass(4);
    }
    // The node that asked for the signature hands the mint in; the others leave it to that one for a while.
    const saying = logs.map((log) => log.filter((line) => line.includes('"what":"mint"')).length);
    expect(saying.toSorted((a, b) => a - b)).toEqual([0, 0, 1]);
  });
});
