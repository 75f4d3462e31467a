// Operators that do not answer: first in the list, and the louder the fewer are left to sign.
import { afterEach, describe, expect, test } from 'bun:test';
import { UNREACHABLE_MS_MIN } from '../../../operator/rollback-guard/heartbeat.ts';
import type { PeerStatusReport } from '../../../operator/runtime/command-types.ts';
import { inOrder, problem } from '../../../operator/runtime/problems.ts';
import { unreachableProblems } from '../../../operator/status/peer-rows.ts';
import { INTERVAL_MS, Ring } from '../heartbeat-ring.ts';

let ring: Ring | null = null;
afterEach(() => ring?.close());

const AT = '2026-03-01T08:30:00.000Z';

function row(index: number, more: Partial<PeerStatusReport> = {}): PeerStatusReport {
  return {
    ...{ index, name: `op-${index}`, address: `host-${index}:1`, reachable: true, since: null, detail: '' },
    ...{
      answered_at: AT,
      heard_at: AT,
      phase: 'live',
      paused_since: null,
      version: '1',
      key_id: null,
      bitcoin_height: 1,
    },
    ...{ recipients: 0, head: null, clock_offset_ms: 0, ...more },
  };
}
const gone = (index: number): PeerStatusReport =>
  row(index, { reachable: false, since: AT, detail: 'unreachable: refused' });

describe('operators that do not answer', () => {
  const severities = (threshold: number, rows: readonly PeerStatusReport[]) =>
    unreachableProblems({ participants: 5, threshold }, rows).map(({ severity }) => severity);

  test('are a warning while more can be lost, an error when one more loss stops signing, critical below the threshold', () => {
    expect(
      severities(
        3,
        [1, 2, 3, 4].map((index) => row(index)),
      ),
    ).toEqual([]);
    expect(severities(3, [gone(1), row(2), row(3), row(4)])).toEqual(['warning']);
    expect(severities(3, [gone(1), gone(2), row(3), row(4)])).toEqual(['error', 'error']);
    expect(severities(3, [gone(1), gone(2), gone(3), row(4)])).toEqual(['critical', 'critical', 'critical']);
  });

  test('count together with those that have halted and those without a card', () => {
    expect(severities(3, [gone(1), row(2, { phase: 'halted' }), row(3), row(4)])).toEqual(['error']);
    expect(severities(3, [gone(1), row(2), row(3)])).toEqual(['error']);
  });

  test('are named with cause, since when, what it means for signing, and what to do', () => {
    const [found] = unreachableProblems({ participants: 3, threshold: 2 }, [gone(1), row(2)]);
    expect(found).toEqual({
      ...{ code: 'peer_unreachable', severity: 'error', subject: 'operator 1 (op-1)', since: AT },
      cause: 'it does not answer (unreachable: refused); 2 of 3 are left, and 2 must sign: one more loss stops signing',
      action: 'ask its operator whether the server runs and is unsealed, and whether host-1:1 can be reached from here',
    });
  });

  test('are listed first, even before worse problems', () => {
    const far = unreachableProblems({ participants: 5, threshold: 2 }, [gone(1), row(2), row(3), row(4)]);
    const worse = problem('disk_full', { subject: 'disk', since: 0, cause: 'it is full', action: 'make room' });
    expect(inOrder([worse, ...far]).map(({ code }) => code)).toEqual(['peer_unreachable', 'disk_full']);
  });
});

describe('a peer that answers no beat', () => {
  test('is unreachable after some time, since its first beat without an answer, until it answers again', async () => {
    ring = new Ring(3, 2);
    await ring.rounds(2);
    const answers = () => ring?.node(0).heartbeat.answers() ?? [];
    expect(answers().map(({ unreachable }) => unreachable)).toEqual([null, null]);
    ring.down.add(2);
    ring.pass(INTERVAL_MS);
    const since = ring.now;
    await ring.beat(0);
    ring.pass(UNREACHABLE_MS_MIN - 1_000);
    await ring.beat(0);
    expect(answers().map(({ unreachable }) => unreachable)).toEqual([null, null]);
    ring.pass(1_000);
    await ring.beat(0);
    expect(answers()[0]?.unreachable).toBeNull();
    expect(answers()[1]).toMatchObject({ index: 2, unreachable: { since } });
    ring.down.delete(2);
    await ring.beat(0);
    expect(answers()[1]).toEqual({ index: 2, answeredAt: ring.now, unreachable: null });
  });
});
