// Crashes: a node that lost its memory at any instant replays its stored events and the ceremony goes on.
import { describe, expect, test } from 'bun:test';
import { replayDkg } from '../../ceremony/dkg/dkg.ts';
import { Federation } from './federation.ts';

function storedEvents(index: number): number {
  const federation = new Federation({ n: 3, t: 2 });
  federation.joinAll();
  federation.run((all) => all.allComplete());
  return federation.node(index).stored.length;
}

describe('a node that crashes', () => {
  for (const index of [0, 1, 2]) {
    const role = index === 0 ? 'the coordinator' : `participant ${index}`;

    test(`after storing any event but before sending, as ${role}, replays and completes`, () => {
      const count = storedEvents(index);
      expect(count).toBeGreaterThan(5);
      for (let at = 1; at <= count; at++) {
        const federation = new Federation({ n: 3, t: 2 });
        let crashes = 0;
        federation.crashBeforeSending = (node, stored) => node === index && stored === at && ++crashes === 1;
        federation.joinAll();
        expect(federation.run((all) => all.allComplete())).toBe(true);
        expect(crashes).toBe(1);
        expect(new Set(federation.results().map(({ certificate }) => certificate.transcript_hash)).size).toBe(1);
      }
    }, 60_000);

    test(`after sending, at any event, as ${role}, replays, says it all again and completes`, () => {
      const count = storedEvents(index);
      let crashed = 0;
      for (let at = 1; at <= count; at++) {
        const federation = new Federation({ n: 3, t: 2 }, { repeat: 0.5, reorder: true, seed: `after/${index}/${at}` });
        let crashes = 0;
        federation.crashAfterSending = (node, stored) => node === index && stored === at && ++crashes === 1;
        federation.joinAll();
        expect(federation.run((all) => all.allComplete())).toBe(true);
        crashed += crashes;
      }
      // Reordering may give a node one stored event more or less.
      expect(crashed).toBeGreaterThanOrEqual(count - 2);
    }, 60_000);
  }

  test('again and again, everywhere, over a bad network, still completes', () => {
    for (let seed = 0; seed < 4; seed++) {
      const network = { drop: 0.2, repeat: 0.3, reorder: true, seed: `storm/${seed}` };
      const federation = new Federation({ n: 3, t: 2 }, network);
      let crashes = 0;
      federation.crashBeforeSending = (index, stored) => (index + stored + seed) % 4 === 0 && ++crashes > 0;
      federation.crashAfterSending = (index, stored) => (index + stored + seed) % 5 === 0 && ++crashes > 0;
      federation.joinAll();
      expect(federation.run((all) => all.allComplete(), 150)).toBe(true);
      expect(crashes).toBeGreaterThan(3);
    }
  }, 60_000);

  test('has after the replay exactly the state it had, secrets included', () => {
    const federation = new Federation({ n: 3, t: 2 });
    federation.joinAll();
    federation.run((all) => all.allComplete());
    for (const { context, state, stored } of federation.nodes) {
      expect(replayDkg(context, stored).core).toEqual(state.core);
    }
  });

  test('in doubt, after the coordinator has vanished, learns from any other node that all confirmed', () => {
    let vanished = false;
    const federation = new Federation(
      { n: 3, t: 2 },
      {
        tamper: (flight) => {
          if (flight.message.type === 'dkg_complete' && flight.from === 0 && flight.message.to === 2) return [];
          return vanished && (flight.from === 0 || flight.message.to === 0) ? [] : [flight];
        },
      },
    );
    federation.joinAll();
    federation.run(({ nodes }) => nodes[1]?.state.core.phase === 'complete');
    expect(federation.phases()).toEqual(['complete', 'complete', 'running']);
    vanished = true;
    federation.tick(2 * federation.node(2).context.setup.timing.stepTimeoutMs + 1);
    expect(federation.run((all) => all.allComplete())).toBe(true);
  });
});
