// What `test-communication` says of each link.
import { describe, expect, test } from 'bun:test';
import { checkLinks, type Link } from '../../operator/communication.ts';

const link = (index: number, changes: Partial<Link> = {}): Link => ({
  ...{ index, name: `operator-${index}`, address: `o${index}.example:1`, reachable: true, detail: 'reachable' },
  ...{ version: '1.0.0', certificate_days_left: 300, clock_offset_ms: 12, signing: null },
  round_trip_ms: { min: 1, median: 1, max: 1 },
  ...changes,
});
const checked = (...links: readonly Link[]) => checkLinks(links, '1.0.0').map(({ fits, detail }) => ({ fits, detail }));

describe('a link', () => {
  test('of which nothing is wrong fits', () => {
    expect(checked(link(1), link(2))).toEqual(Array(2).fill({ fits: true, detail: 'reachable' }));
  });

  test('with a clock that is off says by how much, and to which side', () => {
    const [one, other] = checked(link(1, { clock_offset_ms: -10_040 }), link(2));
    expect(one).toMatchObject({
      fits: false,
      detail: expect.stringMatching(/^its clock is 10\.0 s behind this node's: .*at most 5 s/),
    });
    expect(other?.fits).toBeTrue();
  });

  test('says that the clock of this node is off where all others are to the same side', () => {
    for (const one of checked(link(1, { clock_offset_ms: 9_000 }), link(2, { clock_offset_ms: 9_100 }))) {
      expect(one).toMatchObject({
        fits: false,
        detail: expect.stringMatching(/^the clock of this node is 9\.[01] s behind those of all peers: set it right/),
      });
    }
    const [apart] = checked(link(1, { clock_offset_ms: 9_000 }), link(2, { clock_offset_ms: -9_000 }));
    expect(apart?.detail).toStartWith('its clock is 9.0 s ahead');
  });

  test('reports all of several flaws', () => {
    const [one] = checked(link(1, { certificate_days_left: -1, version: '0.9.0' }));
    expect(one?.detail).toContain('its certificate has expired');
    expect(one?.detail).toContain('it runs version 0.9.0, this node 1.0.0');
  });

  test('that is silent keeps its own reason', () => {
    const silent = link(1, { reachable: false, detail: 'unreachable: no way', version: null, clock_offset_ms: null });
    expect(checked(silent, link(2))[0]).toEqual({ fits: false, detail: 'unreachable: no way' });
  });
});
