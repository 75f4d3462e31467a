import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  fullQuorum,
  GUARD_STARTING,
  type GuardEvent,
  type GuardSetup,
  type GuardState,
  guardStep,
  judgeSeen,
  leastQuorum,
  maySign,
} from '../../ceremony/guard.ts';

const setup = (participants: number, threshold: number, myIndex = 0): GuardSetup => ({
  participants,
  threshold,
  myIndex,
});
const agreed = (peer: number, settled = true, whole = true): GuardEvent => ({ kind: 'agreed', peer, settled, whole });
/** Agreement of a peer that does not sign itself. */
const unsure = (peer: number): GuardEvent => agreed(peer, true, false);
const silent = (peer: number): GuardEvent => ({ kind: 'silent', peer });
const newer = (peer: number, epoch = 0): GuardEvent => ({ kind: 'newer', peer, epoch });
const run = (of: GuardSetup, events: readonly GuardEvent[], from: GuardState = GUARD_STARTING): GuardState =>
  events.reduce((state, event) => guardStep(of, state, event), from);
const signs = (of: GuardSetup, state: GuardState): boolean => maySign(of, state).ok;

const federation = fc
  .integer({ min: 2, max: 15 })
  .chain((n) =>
    fc.record({ participants: fc.constant(n), threshold: fc.integer({ min: Math.floor(n / 2) + 1, max: n }) }),
  )
  .filter(({ threshold }) => threshold >= 2)
  .map(({ participants, threshold }) => setup(participants, threshold));
const event = (n: number): fc.Arbitrary<GuardEvent> => {
  const peer = fc.integer({ min: -1, max: n });
  return fc.oneof(
    fc.record({ kind: fc.constant('agreed' as const), peer, settled: fc.boolean(), whole: fc.boolean() }),
    fc.record({ kind: fc.constant('silent' as const), peer }),
    fc.record({ kind: fc.constant('newer' as const), peer, epoch: fc.nat(5) }),
    fc.constantFrom<GuardEvent>({ kind: 'quiet' }, { kind: 'recovered' }),
  );
};

describe('a node that has just started', () => {
  test('signs nothing', () => {
    expect(maySign(setup(3, 2), GUARD_STARTING)).toMatchObject({ ok: false });
  });

  test('signs once so many peers agree that any signature of its past has one of them among its signers', () => {
    expect(signs(setup(3, 2), run(setup(3, 2), [agreed(1)]))).toBe(false);
    expect(signs(setup(3, 2), run(setup(3, 2), [agreed(1), agreed(1), agreed(1)]))).toBe(false);
    expect(signs(setup(3, 2), run(setup(3, 2), [agreed(1), agreed(2)]))).toBe(true);
    expect(
      signs(
        setup(15, 11),
        run(
          setup(15, 11),
          [1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => agreed(i)),
        ),
      ),
    ).toBe(false);
    expect(
      signs(
        setup(15, 11),
        run(
          setup(15, 11),
          [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((i) => agreed(i)),
        ),
      ),
    ).toBe(true);
  });

  test('signs with n − t nodes dead once each of them was tried twice in vain, so that a federation at its limit goes on', () => {
    fc.assert(
      fc.property(federation, (of) => {
        const alive = Array.from({ length: of.threshold - 1 }, (_, i) => i + 1);
        const dead = Array.from({ length: of.participants - of.threshold }, (_, i) => of.threshold + i);
        const once = run(of, [...dead.map(silent), ...alive.map((peer) => agreed(peer))]);
        if (dead.length > 0 && alive.length < fullQuorum(of)) expect(signs(of, once)).toBe(false);
        expect(signs(of, run(of, dead.map(silent), once))).toBe(true);
      }),
    );
  });

  test('never signs with fewer than t − 1 peers in agreement, whatever else happens', () => {
    const sequences = federation.chain((of) =>
      fc.record({ of: fc.constant(of), events: fc.array(event(of.participants), { maxLength: 60 }) }),
    );
    fc.assert(
      fc.property(sequences, ({ of, events }) => {
        let state = run(of, []);
        let agreeing = new Set<number>();
        for (const one of events) {
          const before: GuardState['phase'] = state.phase;
          state = guardStep(of, state, one);
          if (state.phase === 'starting' && before !== 'starting') agreeing = new Set();
          if (one.kind === 'agreed' && before === 'starting' && one.peer > 0 && one.peer < of.participants) {
            agreeing.add(one.peer);
          }
          if (before !== 'live' && state.phase === 'live') {
            expect(agreeing.size).toBeGreaterThanOrEqual(leastQuorum(of));
          }
          if (one.kind === 'newer') expect(signs(of, state)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('counts no peer that is not live itself, as it may have lost what it saw, unless nobody else is left to ask', () => {
    const of = setup(5, 3);
    const short = run(of, [agreed(1), agreed(2), unsure(3)]);
    expect(signs(of, short)).toBe(false);
    expect(JSON.stringify(maySign(of, short))).toContain('waits for 1 of operators 3, 4 to confirm');
    expect(signs(of, run(of, [agreed(3)], short))).toBe(true);
    expect(signs(of, run(of, [agreed(4)], short))).toBe(true);
    expect(signs(of, run(of, [silent(4), silent(4)], short))).toBe(true);
    // It was live, and has found since that it lacks something.
    expect(signs(of, run(of, [agreed(1), unsure(1), agreed(2), agreed(3)]))).toBe(false);
    // All of a federation starts again at once.
    expect(signs(of, run(of, [1, 2, 3].map(unsure)))).toBe(false);
    expect(signs(of, run(of, [1, 2, 3, 4].map(unsure)))).toBe(true);
  });

  test('does not count itself, nor an index outside the federation', () => {
    expect(signs(setup(3, 2), run(setup(3, 2), [agreed(0), agreed(3), agreed(-1), agreed(1)]))).toBe(false);
  });

  test('waits out another start of its own that spoke a moment ago, and no longer whatever a peer says', () => {
    const waiting = run(setup(3, 2), [agreed(1, false), agreed(2)]);
    expect(signs(setup(3, 2), waiting)).toBe(false);
    expect(signs(setup(3, 2), run(setup(3, 2), [{ kind: 'quiet' }], waiting))).toBe(true);
    expect(signs(setup(3, 2), run(setup(3, 2), [{ kind: 'quiet' }, agreed(1, false), agreed(2, false)]))).toBe(true);
  });
});

describe('a node that lacks what it has signed', () => {
  const of = setup(5, 3);
  const live = run(of, [agreed(1), agreed(2), agreed(3)]);

  test('stops at once, even while it is live, and no agreement of others makes it sign', () => {
    expect(signs(of, live)).toBe(true);
    const lacking = run(of, [newer(4), agreed(1), agreed(2), agreed(3), { kind: 'quiet' }], live);
    expect(lacking).toEqual({ phase: 'catching_up', epoch: 0, witness: 4 });
    expect(signs(of, lacking)).toBe(false);
  });

  test('keeps the highest epoch that was seen, and needs fresh agreement once it has caught up', () => {
    const lacking = run(of, [newer(4, 2), newer(1, 7), newer(2, 3)], live);
    expect(lacking).toMatchObject({ epoch: 7 });
    const back = run(of, [{ kind: 'recovered' }], lacking);
    expect(signs(of, back)).toBe(false);
    expect(signs(of, run(of, [agreed(1), agreed(2), agreed(3)], back))).toBe(true);
  });

  test('that has caught up beside a start that spoke a moment ago waits until a living one would have shown itself', () => {
    const lacking = run(of, [newer(4)], live);
    const { participants } = of;
    const agree = (settled: boolean) => Array.from({ length: participants }, (_, peer) => agreed(peer, settled));
    const waiting = run(of, [{ kind: 'recovered' }, ...agree(false)], lacking);
    expect(waiting.phase).toBe('starting');
    expect(guardStep(of, waiting, { kind: 'quiet' }).phase).toBe('live');
    expect(run(of, [{ kind: 'recovered' }, ...agree(true)], lacking).phase).toBe('live');
  });

  test('of a live node nothing is recovered', () => {
    expect(guardStep(of, live, { kind: 'recovered' })).toBe(live);
  });
});

test('a halted node stays halted whatever comes', () => {
  const of = setup(3, 2);
  const halted = run(of, [{ kind: 'halt', cause: 'twin', detail: 'two' }]);
  fc.assert(
    fc.property(fc.array(event(3)), (events) => {
      expect(run(of, events, halted)).toEqual(halted);
    }),
  );
  expect(maySign(of, halted)).toMatchObject({ ok: false, detail: expect.stringContaining('two') });
});

describe('a head that was seen', () => {
  const seen = (epoch: number, seq: number, hash: string) => ({ epoch, seq, hash });

  test('is known where the own log has that very row, however long it has grown since', () => {
    expect(judgeSeen({ epoch: 1 }, seen(1, 5, 'a'), 'a')).toBe('known');
  });

  test('is newer where the row is missing, or another stands in its place', () => {
    expect(judgeSeen({ epoch: 1 }, seen(1, 5, 'a'), null)).toBe('newer');
    expect(judgeSeen({ epoch: 1 }, seen(1, 5, 'a'), 'b')).toBe('newer');
  });

  test('of an epoch that was left behind is known, of a later one newer, whatever the row', () => {
    expect(judgeSeen({ epoch: 2 }, seen(1, 500, 'a'), null)).toBe('known');
    expect(judgeSeen({ epoch: 1 }, seen(2, 5, 'a'), 'a')).toBe('newer');
  });
});

describe('what an operator is told of a node that does not sign', () => {
  test('names who must be reached', () => {
    const setup = { myIndex: 1, participants: 3, threshold: 2 };
    const starting = maySign(setup, guardStep(setup, GUARD_STARTING, agreed(0, false)));
    expect(starting).toMatchObject({ ok: false });
    expect(JSON.stringify(starting)).toContain('waits for 1 of operators 2 to confirm');
    const behind = maySign(setup, guardStep(setup, GUARD_STARTING, { kind: 'newer', peer: 2, epoch: 0 }));
    expect(JSON.stringify(behind)).toContain('all 2 other operators');
    const larger = { myIndex: 1, participants: 5, threshold: 3 };
    const one = maySign(larger, guardStep(larger, GUARD_STARTING, { kind: 'newer', peer: 2, epoch: 0 }));
    expect(JSON.stringify(one)).toContain('3 of the 4 other operators');
  });
});
