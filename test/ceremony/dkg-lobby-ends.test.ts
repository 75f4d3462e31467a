// A stay in the lobby of a key ceremony always ends: by a node's own refusal, by the word of whoever knows that there is
// nothing to wait for, also long afterwards and after restarts, or with the time its operator would wait.
import { describe, expect, test } from 'bun:test';
import { replayDkg } from '../../ceremony/dkg/dkg.ts';
import { answerAbandoned } from '../../ceremony/dkg/hear-over.ts';
import { dkgProgress } from '../../ceremony/dkg/progress.ts';
import type { DkgProgress } from '../../ceremony/dkg/setup.ts';
import type { DkgMessage } from '../../ceremony/messages.ts';
import { Federation } from './federation.ts';

const OPTIONS = { n: 3, t: 2 };
/** Longer than any abort is repeated, in s. */
const LONG_S = 60;

function progressAt(federation: Federation, index: number): DkgProgress {
  const { context, state } = federation.node(index);
  return dkgProgress(context, state);
}

function hears(federation: Federation, index: number, from: number, message: DkgMessage): void {
  federation.feed(index, { kind: 'message', from, message });
}

/**
 * Nodes 0 and 1 have begun an attempt and ended it at the word of node 0; node 2 has seen no more of it than the lobby. It
 * has crashed, and so has node 1; who is `away` hears and says nothing: node 0.
 */
function endedWithoutTheThird(): { federation: Federation; away: Set<number> } {
  const away = new Set<number>();
  let isFirst = true;
  const federation = new Federation(OPTIONS, {
    tamper: (flight) => {
      const { to, type } = flight.message;
      const isLost = away.has(flight.from) || away.has(to) || (isFirst && type === 'dkg_start' && to === 2);
      return isLost ? [] : [flight];
    },
  });
  federation.joinAll();
  federation.run(({ nodes }) => nodes[0]?.state.core.phase === 'running' && nodes[1]?.state.core.phase === 'running');
  away.add(2);
  isFirst = false;
  federation.feed(0, { kind: 'operator_aborted', detail: 'wrong day' });
  federation.run(() => false, LONG_S);
  expect(federation.phases()).toEqual(['aborted', 'aborted', 'lobby']);
  for (const index of [1, 2]) federation.crash(index);
  away.delete(2);
  away.add(0);
  return { federation, away };
}

describe('a stay in the lobby ends', () => {
  test('with the refusal of a start: the node has ended the attempt for all, and says so to all', () => {
    const federation = new Federation(OPTIONS, {
      tamper: (flight) => {
        const { message } = flight;
        if (flight.from !== 2 || message.to !== 1 || message.type !== 'dkg_join') return [flight];
        return [{ from: 2, message: { ...message, body: { ...message.body, version: '0.0.9' } } }];
      },
    });
    federation.joinAll();
    expect(federation.run(({ nodes }) => nodes.every(({ state }) => state.core.phase === 'aborted'))).toBe(true);
    expect(progressAt(federation, 1).abort).toMatchObject({ by: 1, reason: 'preflight_failed', culprit: 2 });
    expect(progressAt(federation, 2).abort).toMatchObject({ by: 1, reason: 'preflight_failed', culprit: 2 });
    federation.crash(1);
    expect(progressAt(federation, 1).abort).toMatchObject({ by: 1, reason: 'preflight_failed', culprit: 2 });
  });

  test('of a node that missed the end of an attempt, by any node that knows of it, even one that has joined again since', () => {
    const { federation } = endedWithoutTheThird();
    expect(federation.run(({ nodes }) => nodes[2]?.state.core.phase === 'aborted')).toBe(true);
    expect(progressAt(federation, 2).abort).toMatchObject({ reason: 'operator', detail: 'wrong day' });
  });

  test('of such a node even if the others have joined again, and all make keys once it has joined again too', () => {
    const { federation, away } = endedWithoutTheThird();
    away.clear();
    federation.tick(1_000);
    federation.join(0);
    federation.join(1);
    expect(federation.run(({ nodes }) => nodes[2]?.state.core.phase === 'aborted')).toBe(true);
    expect(federation.phases()).toEqual(['lobby', 'lobby', 'aborted']);
    federation.tick(1_000);
    federation.join(2);
    expect(federation.run((all) => all.allComplete())).toBe(true);
  });

  test('of a node that was put back to before the keys that all have made', () => {
    const federation = new Federation(OPTIONS);
    federation.joinAll();
    const before = federation.node(2).stored.length;
    expect(federation.run((all) => all.allComplete())).toBe(true);
    const node = federation.node(2);
    node.state = replayDkg(node.context, node.stored.slice(0, before));
    expect(federation.phases()).toEqual(['complete', 'complete', 'lobby']);
    expect(federation.run(({ nodes }) => nodes[2]?.state.core.phase === 'aborted')).toBe(true);
    expect(progressAt(federation, 2).abort).toMatchObject({ reason: 'finished' });
  });

  test('with the time for which the operator would wait, also where nobody is there and the node has crashed', () => {
    const federation = new Federation(OPTIONS);
    const joined = { kind: 'operator_joined', rehearsal: false, checks: [] } as const;
    federation.feed(0, { ...joined, waitMs: 5_000 });
    federation.crash(0);
    federation.tick(5_000);
    expect(federation.node(0).state.core.phase).toBe('lobby');
    federation.tick(1);
    expect(federation.node(0).state.core.phase).toBe('idle');
    federation.crash(0);
    expect(federation.node(0).state.core.phase).toBe('idle');
  });

  test('at its time limit even if its clock was an hour ahead and is corrected meanwhile', () => {
    const federation = new Federation(OPTIONS);
    federation.setClocks(3_600_000);
    federation.feed(0, { kind: 'operator_joined', rehearsal: false, checks: [], waitMs: 5_000 });
    federation.setClocks(-3_600_000);
    federation.tick(5_000);
    expect(federation.node(0).state.core.phase).toBe('lobby');
    federation.tick(1);
    expect(federation.node(0).state.core.phase).toBe('idle');
  });

  test('every time again if another node has given up the ceremony for good', () => {
    const federation = new Federation(OPTIONS);
    for (const _ of [1, 2]) {
      federation.join(0);
      const join = federation.node(0).state;
      expect(join.core.phase).toBe('lobby');
      const told = answerAbandoned(0, { type: 'dkg_start', body: { attempt: 'ab'.repeat(16) } });
      expect(told?.body).toMatchObject({ attempt: 'ab'.repeat(16), reason: 'operator' });
      const over = answerAbandoned(0, joinOf(federation, 0));
      if (over === null) throw new Error('a join is answered');
      hears(federation, 0, 1, over);
      expect(progressAt(federation, 0).abort).toMatchObject({ by: 1, reason: 'operator' });
      federation.tick(1_000);
    }
  });
});

describe('in the lobby', () => {
  test('a node that left it after all had joined is seen to have left', () => {
    const federation = new Federation(OPTIONS, {
      tamper: (flight) => (flight.message.type === 'dkg_start' ? [] : [flight]),
    });
    // The coordinator begins; the two others stay in the lobby, and each has heard the other.
    federation.joinAll();
    federation.run(() => false, 5);
    expect(federation.phases()).toEqual(['running', 'lobby', 'lobby']);
    federation.feed(1, { kind: 'operator_aborted', detail: 'left the lobby' });
    federation.run(() => false, 15);
    expect(progressAt(federation, 2)).toMatchObject({ phase: 'lobby', waitingFor: [1] });
  });

  test('a clock that seemed wrong is looked at again: a slow journey keeps no ceremony from coming about', () => {
    let slow = true;
    const federation = new Federation(OPTIONS, {
      tamper: (flight) => {
        const { message } = flight;
        if (!slow || flight.from !== 2 || message.type !== 'dkg_join') return [flight];
        return [{ from: 2, message: { ...message, body: { ...message.body, now: message.body.now - 6_000 } } }];
      },
    });
    federation.joinAll();
    federation.drain();
    expect(progressAt(federation, 0)).toMatchObject({
      step: 'preflight_failed',
      problems: [{ index: 2, check: 'clock' }],
    });
    slow = false;
    expect(federation.run((all) => all.allComplete(), 5)).toBe(true);
  });

  test('an attempt that the node took part in is not begun again, though it left the lobby in between', () => {
    const attempt = 'cd'.repeat(16);
    const federation = new Federation(OPTIONS, {
      tamper: (flight) => (flight.message.type === 'dkg_start' ? [] : [flight]),
    });
    const begun = (): number => federation.node(1).stored.filter(({ kind }) => kind === 'begin').length;
    const left = (index: number): void => federation.feed(index, { kind: 'operator_aborted', detail: 'once more' });
    federation.joinAll();
    federation.drain();
    hears(federation, 1, 0, { type: 'dkg_start', body: { attempt } });
    expect(begun()).toBe(1);
    left(0);
    left(1);
    federation.drain();
    federation.now += 1_000;
    federation.join(1);
    left(1);
    expect(federation.node(1).state.core.phase).toBe('idle');
    federation.now += 1_000;
    federation.joinAll();
    federation.drain();
    expect(federation.node(1).state.core.phase).toBe('lobby');
    hears(federation, 1, 0, { type: 'dkg_start', body: { attempt } });
    expect(begun()).toBe(1);
    expect(federation.node(1).state.core.phase).toBe('lobby');
  });

  test('a word about an attempt of the past ends nothing', () => {
    const { federation } = endedWithoutTheThird();
    federation.run(({ nodes }) => nodes[2]?.state.core.phase === 'aborted');
    const past = progressAt(federation, 2).abort;
    if (past === null) throw new Error('the attempt has ended');
    federation.tick(1_000);
    federation.join(2);
    const { by: _, suspects, ...rest } = past;
    hears(federation, 2, 0, { type: 'dkg_abort', body: { ...rest, suspects: [...suspects] } });
    expect(federation.node(2).state.core.phase).toBe('lobby');
  });
});

test('a node that had confirmed asks on after a false word that it is over, and comes to its keys by any other', () => {
  const federation = new Federation(OPTIONS, {
    // The coordinator never reaches node 1 with the certificate.
    tamper: (flight) =>
      flight.from === 0 && flight.message.type === 'dkg_complete' && flight.message.to === 1 ? [] : [flight],
  });
  federation.joinAll();
  const isConfirmed = ({ nodes }: Federation): boolean => {
    const core = nodes[1]?.state.core;
    return (
      core?.phase === 'running' &&
      core.run.participant.step === 'confirmed' &&
      nodes[2]?.state.core.phase === 'complete'
    );
  };
  expect(federation.run(isConfirmed)).toBe(true);
  const { attempt } = progressAt(federation, 1);
  if (attempt === null) throw new Error('an attempt is under way');
  const lie = { attempt, reason: 'operator' as const, culprit: null, suspects: [], detail: 'a lie' };
  hears(federation, 1, 2, { type: 'dkg_abort', body: lie });
  expect(progressAt(federation, 1)).toMatchObject({ phase: 'aborted', mayStillComplete: true });
  federation.crash(1);
  expect(federation.run((all) => all.allComplete())).toBe(true);
});

function joinOf(federation: Federation, index: number): DkgMessage {
  const { context, state } = federation.node(index);
  if (state.core.phase !== 'lobby') throw new Error('not in the lobby');
  const { joinedAt, rehearsal } = state.core.lobby;
  const body = { rehearsal, joined_at: joinedAt, now: federation.now, checks: [], heard: [], answer: true };
  const { parameters, version } = context.setup;
  return { type: 'dkg_join', body: { ...body, parameters: { ...parameters, cards: [...parameters.cards] }, version } };
}
