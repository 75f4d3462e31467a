import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  GUARD_STARTING,
  type GuardEvent,
  type GuardSetup,
  type GuardState,
  guardStep,
  maySign,
  startQuorum,
  validateSeen,
} from '../../ceremony/guard.ts';

const setup = (participants: number, threshold: number, myIndex = 0): GuardSetup => ({
  participants,
  threshold,
  myIndex,
});
const agreed = (peer: number, settled = true): GuardEvent => ({ kind: 'agreed', peer, settled });
const REGRESSED: GuardEvent = { kind: 'regressed' };
const QUIET: GuardEvent = { kind: 'quiet' };
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
    fc.record({ kind: fc.constant('agreed' as const), peer, settled: fc.boolean() }),
    fc.constantFrom<GuardEvent>(QUIET, REGRESSED),
  );
};

describe('a node that has just started', () => {
  test('signs nothing', () => {
    expect(maySign(setup(3, 2), GUARD_STARTING)).toMatchObject({ ok: false });
  });

  test('signs once t − 1 peers have answered, and one peer counts once however often it answers', () => {
    expect(signs(setup(3, 2), run(setup(3, 2), [agreed(2)]))).toBe(true);
    const of = setup(15, 11);
    const nine = Array.from({ length: 9 }, (_, i) => agreed(i + 1));
    expect(signs(of, run(of, [...nine, ...nine, ...nine]))).toBe(false);
    expect(signs(of, run(of, [...nine, agreed(14)]))).toBe(true);
  });

  test('signs with the n − t others dead, whoever they are, so that a federation at its limit goes on', () => {
    fc.assert(
      fc.property(federation, fc.nat(), (of, seed) => {
        const peers = Array.from({ length: of.participants - 1 }, (_, i) => i + 1);
        const alive = peers.map((_, i) => peers[(i + seed) % peers.length] ?? 1).slice(0, of.threshold - 1);
        expect(
          signs(
            of,
            run(
              of,
              alive.slice(1).map((peer) => agreed(peer)),
            ),
          ),
        ).toBe(false);
        expect(
          signs(
            of,
            run(
              of,
              alive.map((peer) => agreed(peer)),
            ),
          ),
        ).toBe(true);
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
          if (one.kind === 'regressed') agreeing = new Set();
          if (one.kind === 'agreed' && before === 'starting' && one.peer > 0 && one.peer < of.participants) {
            agreeing.add(one.peer);
          }
          if (before !== 'live' && state.phase === 'live') {
            expect(agreeing.size).toBeGreaterThanOrEqual(startQuorum(of));
          }
          if (one.kind === 'regressed') expect(signs(of, state)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('does not count itself, nor an index outside the federation', () => {
    expect(signs(setup(3, 2), run(setup(3, 2), [agreed(0), agreed(3), agreed(-1)]))).toBe(false);
  });

  test('waits out another start of its own that has just spoken, and no longer, whatever a peer claims', () => {
    const of = setup(3, 2);
    const waiting = run(of, [agreed(1, false), agreed(2)]);
    expect(signs(of, waiting)).toBe(false);
    expect(signs(of, run(of, [QUIET], waiting))).toBe(true);
    expect(signs(of, run(of, [QUIET, agreed(1, false)]))).toBe(true);
    // That time has passed answers for nobody.
    expect(signs(of, run(of, [QUIET]))).toBe(false);
  });

  test('tells its operator whom it waits for, or that another start of it was heard', () => {
    const one = setup(3, 2, 1);
    expect(maySign(one, GUARD_STARTING)).toMatchObject({
      detail: expect.stringContaining('waits for one of the operators 0, 2 to answer'),
    });
    expect(maySign(one, run(one, [agreed(0, false)]))).toMatchObject({
      detail: expect.stringContaining('heard another start of it'),
    });
    expect(maySign(setup(4, 3, 1), GUARD_STARTING)).toMatchObject({
      detail: expect.stringContaining('waits for 2 of the operators 0, 2, 3 to answer'),
    });
    const all = setup(3, 3);
    expect(maySign(all, run(all, [agreed(1)]))).toMatchObject({ detail: expect.stringContaining('for operator 2 to') });
  });
});

describe('a node that was shown a state which it lacks', () => {
  const of = setup(5, 3);
  const live = run(of, [agreed(1), agreed(2)]);

  test('stops at once, even while it is live, and goes on when t − 1 peers have answered anew', () => {
    expect(signs(of, live)).toBe(true);
    const stopped = run(of, [REGRESSED], live);
    expect(stopped).toEqual(GUARD_STARTING);
    expect(signs(of, run(of, [agreed(1)], stopped))).toBe(false);
    expect(signs(of, run(of, [agreed(1), agreed(4)], stopped))).toBe(true);
  });

  test('forgets the answers that it had while it was starting', () => {
    expect(signs(of, run(of, [agreed(1), REGRESSED, agreed(2)]))).toBe(false);
  });

  test('waits again until a living copy would have shown itself, if another start of it has just spoken', () => {
    const waiting = run(of, [QUIET, agreed(1), REGRESSED, agreed(1, false), agreed(2)]);
    expect(waiting.phase).toBe('starting');
    expect(guardStep(of, waiting, QUIET).phase).toBe('live');
  });
});

test('a halted node stays halted whatever comes', () => {
  const of = setup(3, 2);
  for (const from of awakePhases(of)) {
    const halted = run(of, [{ kind: 'duplicate', detail: 'two' }], from);
    fc.assert(
      fc.property(fc.array(event(3)), (events) => {
        expect(run(of, events, halted)).toEqual(halted);
      }),
    );
    expect(maySign(of, halted)).toMatchObject({ ok: false, detail: expect.stringContaining('two') });
  }
});

function awakePhases(of: GuardSetup): readonly GuardState[] {
  return [GUARD_STARTING, run(of, [agreed(1)])];
}

describe('a head that was seen', () => {
  const seen = (epoch: number, seq: number, hash: string) => ({ epoch, seq, hash });

  test('is known where the own log has that very row, however long it has grown since', () => {
    expect(validateSeen({ epoch: 1 }, seen(1, 5, 'a'), 'a')).toBe('known');
  });

  test('is newer if its row is missing here, or differs from the row here', () => {
    expect(validateSeen({ epoch: 1 }, seen(1, 5, 'a'), null)).toBe('newer');
    expect(validateSeen({ epoch: 1 }, seen(1, 5, 'a'), 'b')).toBe('newer');
  });

  test('of an earlier epoch is known, and one of a later epoch is newer, whatever its row', () => {
    expect(validateSeen({ epoch: 2 }, seen(1, 500, 'a'), null)).toBe('known');
    expect(validateSeen({ epoch: 1 }, seen(2, 5, 'a'), 'a')).toBe('newer');
  });
});
