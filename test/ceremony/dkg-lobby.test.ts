// Before a key ceremony: nothing is made until everybody has joined and passes every check, and whoever fails is named.
import { describe, expect, test } from 'bun:test';
import { LOBBY_CHANGE_MS, LOBBY_CHANGES_MAX } from '../../ceremony/dkg/lobby.ts';
import { dkgProgress } from '../../ceremony/dkg/progress.ts';
import type { PreflightProblem } from '../../ceremony/dkg/setup.ts';
import type { DkgMessage } from '../../ceremony/messages.ts';
import { toHex } from '../../crypto/bytes.ts';
import { Federation } from './federation.ts';

const OPTIONS = { n: 3, t: 2 };

function problemsAt(federation: Federation, index: number): readonly PreflightProblem[] {
  const { context, state } = federation.node(index);
  return dkgProgress(context, state).problems;
}

function expectNothingMade(federation: Federation): void {
  expect(federation.nodes.flatMap(({ stored }) => stored.filter(({ kind }) => kind === 'begin'))).toEqual([]);
  expect(federation.phases()).toEqual(['lobby', 'lobby', 'lobby']);
}

describe('the lobby', () => {
  test('waits for the operators that have not joined, and names them by index', () => {
    const federation = new Federation(OPTIONS);
    federation.join(0);
    federation.join(2);
    federation.run(() => false, 5);
    const { context, state } = federation.node(0);
    expect(dkgProgress(context, state)).toMatchObject({ phase: 'lobby', step: 'joining', waitingFor: [1] });
    expect(federation.node(1).state.core.phase).toBe('idle');
    federation.join(1);
    expect(federation.run((all) => all.allComplete())).toBe(true);
  });

  test('names a node of another version', () => {
    const federation = new Federation({ ...OPTIONS, version: (index) => (index === 2 ? '0.2.0' : '0.1.0') });
    federation.joinAll();
    federation.run(() => false, 10);
    expect(problemsAt(federation, 0)).toMatchObject([{ index: 2, name: 'operator-2', check: 'version' }]);
    expect(problemsAt(federation, 2)).toMatchObject([{ index: 0 }, { index: 1 }]);
    expectNothingMade(federation);
  });

  test('names each setting that differs with both values, and generates nothing', () => {
    const other = { threshold: 3, deposit_min_sats: '2000', normal_confirmations: 2, wire_confirmations: 1 };
    const federation = new Federation({ ...OPTIONS, parameters: (index) => (index === 1 ? other : {}) });
    federation.joinAll();
    federation.run(() => false, 10);
    const told = [
      `threshold: 3 there, ${OPTIONS.t} here`,
      'deposit_min_sats: 2000 there, 1000 here',
      'normal_confirmations: 2 there, 6 here',
      'wire_confirmations: 1 there, 6 here',
    ];
    expect(problemsAt(federation, 0)).toEqual(
      told.map((detail) => ({ index: 1, name: 'operator-1', check: 'parameters', detail })),
    );
    expectNothingMade(federation);
  });

  test('names the node with an old card, and the operator whose card is old', () => {
    const of = (index: number) => toHex(new Uint8Array(32).fill(index));
    const cards = [of(0), of(1), of(2)];
    // Operator 2 has a new card, of which operator 1 knows; operator 0 has an old one of it.
    const parameters = (index: number) => ({ cards: index === 0 ? [of(0), of(1), of(9)] : cards });
    const federation = new Federation({ ...OPTIONS, parameters });
    federation.joinAll();
    federation.run(() => false, 10);
    const details = (index: number) => problemsAt(federation, index).map(({ index: of, detail }) => `${of}: ${detail}`);
    const old = 'this node has an old card of operator-2: add its new one with `peer add`';
    expect(details(0)).toEqual([`1: ${old}`, `2: ${old}`]);
    expect(details(1)).toEqual(['0: it has an old card of operator-2: its operator adds the new one with `peer add`']);
    expect(details(2)).toEqual(['0: it has an old card of this node: send it the new one from `peer export`']);
    expectNothingMade(federation);
  });

  test('names a node that joined for a rehearsal where the others did not', () => {
    const federation = new Federation(OPTIONS);
    federation.join(0);
    federation.join(1);
    federation.join(2, true);
    federation.run(() => false, 10);
    expect(problemsAt(federation, 0)).toMatchObject([{ index: 2, check: 'rehearsal' }]);
    expectNothingMade(federation);
  });

  test('names a node whose own checks fail, and continues once its operator has corrected them and joined again', () => {
    const federation = new Federation(OPTIONS);
    federation.join(0);
    federation.join(1);
    federation.join(2, false, [{ name: 'disk', ok: false, detail: '12 MB free' }]);
    federation.run(() => false, 10);
    expect(problemsAt(federation, 0)).toMatchObject([{ index: 2, check: 'disk', detail: '12 MB free' }]);
    expectNothingMade(federation);
    federation.join(2, false, [{ name: 'disk', ok: true, detail: '12 GB free' }]);
    expect(federation.run((all) => all.allComplete())).toBe(true);
  });

  test('names a node whose clock is more than 5 s off', () => {
    const federation = new Federation(OPTIONS, {
      tamper: (flight) => {
        const { message } = flight;
        if (flight.from !== 2 || message.type !== 'dkg_join') return [flight];
        return [{ from: 2, message: { ...message, body: { ...message.body, now: message.body.now + 5_500 } } }];
      },
    });
    federation.joinAll();
    federation.run(() => false, 10);
    expect(problemsAt(federation, 0)).toMatchObject([{ index: 2, check: 'clock' }]);
  });

  test('of a node that sees a problem the coordinator does not see refuses the start by name', () => {
    const federation = new Federation(OPTIONS, {
      tamper: (flight) => {
        const { message } = flight;
        if (flight.from !== 2 || message.to !== 1 || message.type !== 'dkg_join') return [flight];
        return [{ from: 2, message: { ...message, body: { ...message.body, version: '0.0.9' } } }];
      },
    });
    federation.joinAll();
    federation.run(({ nodes }) => nodes[0]?.state.core.phase === 'aborted');
    const { context, state } = federation.node(0);
    expect(dkgProgress(context, state).abort).toMatchObject({ by: 1, reason: 'preflight_failed', culprit: 2 });
    expect(federation.node(1).stored.filter(({ kind }) => kind === 'begin')).toEqual([]);
  });
});

describe('a peer that changes its mind without end', () => {
  const waitsLong = (): Federation => {
    const federation = new Federation({ n: 3, t: 2 });
    federation.join(0);
    return federation;
  };
  const joinOf = (federation: Federation, joined_at: number): DkgMessage => {
    const { setup } = federation.node(0).context;
    const { parameters, version } = setup;
    const shared = { ...parameters, cards: [...parameters.cards] };
    const body = { parameters: shared, version, rehearsal: false, joined_at, checks: [], heard: [], answer: false };
    return { type: 'dkg_join', body: { ...body, now: federation.now } };
  };
  const hear = (federation: Federation, from: number, message: DkgMessage): void =>
    federation.feed(0, { kind: 'message', from, message });

  test('by joining later and later, or by joining and leaving, is written down so often and no more', () => {
    const [later, leaving] = [waitsLong(), waitsLong()];
    for (let i = 0; i < 1_000; i++) {
      hear(later, 1, joinOf(later, later.now + i));
      hear(leaving, 1, i % 2 === 0 ? joinOf(leaving, leaving.now) : { type: 'dkg_not_joined', body: {} });
    }
    for (const { stored } of [later.node(0), leaving.node(0)]) expect(stored).toHaveLength(1 + LOBBY_CHANGES_MAX);
  });

  test('is heard again after a while, takes nothing of what the others may say, and all can still make keys', () => {
    const federation = waitsLong();
    for (let i = 0; i < 1_000; i++) hear(federation, 1, joinOf(federation, federation.now - 2_000 + i));
    const before = federation.node(0).stored.length;
    hear(federation, 2, joinOf(federation, federation.now - 1));
    expect(federation.node(0).stored).toHaveLength(before + 1);
    federation.now += LOBBY_CHANGE_MS;
    federation.join(1);
    federation.join(2);
    expect(federation.run((all) => all.allComplete(), 400)).toBe(true);
  });
});

describe('an attempt that has ended', () => {
  test('is followed by another when all operators join again', () => {
    let lies = true;
    const federation = new Federation(OPTIONS, {
      tamper: (flight) => {
        const { message } = flight;
        if (!lies || flight.from !== 2 || message.type !== 'dkg_round1') return [flight];
        return [{ from: 2, message: { ...message, body: { ...message.body, pmsg1: message.body.pmsg1.slice(2) } } }];
      },
    });
    federation.joinAll();
    federation.run(({ nodes }) => nodes.every(({ state }) => state.core.phase === 'aborted'));
    expect(federation.phases()).toEqual(['aborted', 'aborted', 'aborted']);
    lies = false;
    for (const index of [1, 2, 0]) {
      federation.now += 1_000;
      federation.join(index);
      federation.drain();
    }
    expect(federation.run((all) => all.allComplete())).toBe(true);
    expect(federation.results()[0]?.transcript.attempt).not.toBe('');
  });

  test('is never begun a second time, even if the coordinator calls for it', () => {
    const attempt = 'cd'.repeat(16);
    const federation = new Federation(OPTIONS, {
      tamper: (flight) => (flight.message.type === 'dkg_start' ? [] : [flight]),
    });
    const begun = () => federation.node(1).stored.filter(({ kind }) => kind === 'begin').length;
    const call = (id: string) =>
      federation.feed(1, {
        kind: 'message',
        from: 0,
        message: { type: 'dkg_start', body: { attempt: id } },
      });
    federation.joinAll();
    federation.drain();
    call(attempt);
    expect(begun()).toBe(1);
    for (const index of [0, 1]) {
      federation.feed(index, { kind: 'operator_aborted', detail: 'once more' });
    }
    federation.drain();
    federation.now += 1_000;
    federation.joinAll();
    federation.drain();
    expect(federation.node(1).state.core.phase).toBe('lobby');
    call(attempt);
    expect(begun()).toBe(1);
    call('ab'.repeat(16));
    expect(begun()).toBe(2);
  });

  test('because an operator stopped it is shown so to the others', () => {
    const federation = new Federation(OPTIONS, {
      tamper: (flight) => (flight.message.type === 'dkg_packages' ? [] : [flight]),
    });
    federation.joinAll();
    federation.run(({ nodes }) => nodes.every(({ state }) => state.core.phase === 'running'));
    federation.feed(1, { kind: 'operator_aborted', detail: 'wrong day' });
    federation.run(({ nodes }) => nodes.every(({ state }) => state.core.phase === 'aborted'));
    const aborts = federation.nodes.map(({ context, state }) => dkgProgress(context, state).abort);
    for (const abort of aborts) expect(abort).toMatchObject({ by: 1, reason: 'operator', detail: 'wrong day' });
  });
});

test('an attempt that ended before this node saw it begin ends its wait in the lobby, by name', () => {
  const federation = new Federation({ n: 3, t: 2 });
  federation.join(1);
  const attempt = 'ab'.repeat(16);
  const body = { attempt, reason: 'invalid_message' as const, culprit: 2, suspects: [], detail: 'a wrong length' };
  federation.feed(1, { kind: 'message', from: 0, message: { type: 'dkg_abort', body } });
  const { context, state } = federation.node(1);
  expect(dkgProgress(context, state)).toMatchObject({ phase: 'aborted', abort: { by: 0, culprit: 2, attempt } });
  federation.tick(1_000);
  for (const index of [0, 1, 2]) federation.join(index);
  // The word about the old attempt comes once more: it says nothing about the new lobby.
  federation.feed(1, { kind: 'message', from: 0, message: { type: 'dkg_abort', body } });
  expect(federation.run((all) => all.allComplete())).toBe(true);
});
