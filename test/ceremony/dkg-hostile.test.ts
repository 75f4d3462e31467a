// Well-formed nonsense: whatever an authenticated but hostile peer sends, at any step, a node neither throws nor ends
// with keys that the others do not have.
import { describe, expect, test } from 'bun:test';
import { isDkgMessage, parseMessage } from '../../ceremony/messages.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { Federation, type InFlight, seeded, type Tamper } from './federation.ts';

/** Changes one thing somewhere in a body: a digit, a length, a number, an order. */
function bent(value: Json, random: () => number): Json {
  if (typeof value === 'string') {
    const at = Math.floor(random() * value.length);
    const digit = Math.floor(random() * 16).toString(16);
    const roll = random();
    if (roll < 0.6) return value.slice(0, at) + digit + value.slice(at + 1);
    return roll < 0.8 ? value.slice(0, at - (at % 2)) : value + value;
  }
  if (typeof value === 'number') return Math.floor(random() * 10);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return bentArray(value, random);
  const keys = Object.keys(value);
  const key = keys[Math.floor(random() * keys.length)] ?? '';
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, k === key ? bent(v, random) : v]));
}

function bentArray(value: readonly Json[], random: () => number): Json {
  if (random() < 0.3) return value.toReversed();
  const at = Math.floor(random() * value.length);
  return value.map((member, i) => (i === at ? bent(member, random) : member));
}

/** Node 2 lies in some of what it says, claims other types for it, and sends it to anybody. */
function hostile(seed: string): Tamper {
  const random = seeded(seed);
  return (flight) => {
    if (flight.from !== 2 || random() > 0.3) return [flight];
    const { message } = flight;
    const bentBody = bent(JSON.parse(JSON.stringify(message.body)), random);
    const parsed = parseMessage(message.type, bentBody);
    if (!parsed.ok || !isDkgMessage(parsed.message)) return [flight];
    const lie: InFlight = { from: 2, message: { to: Math.floor(random() * 2), ...parsed.message } };
    return random() < 0.5 ? [lie] : [flight, lie];
  };
}

describe('hostile messages', () => {
  for (const liar of ['a participant', 'the coordinator'] as const) {
    test(`of ${liar} never make a node throw, or complete with another key than the rest`, () => {
      const endings = new Set<string>();
      for (let run = 0; run < 40; run++) {
        const federation = new Federation({ n: 3, t: 2 }, { tamper: hostile(`${liar}/${run}`), seed: `${run}` });
        for (const index of liar === 'the coordinator' ? [2, 0, 1] : [0, 1, 2]) {
          federation.join(index);
          federation.now += 10;
        }
        federation.run(
          ({ nodes }) => nodes.every(({ state }) => /complete|aborted/.test(state.core.phase)),
          25,
          30_000,
        );
        const keys = federation.nodes.flatMap(({ state }) =>
          state.core.phase === 'complete' ? [state.core.result.certificate.transcript_hash] : [],
        );
        expect(new Set(keys).size).toBeLessThanOrEqual(1);
        for (const phase of federation.phases()) endings.add(phase);
      }
      // The lies reach deep enough to end attempts, and some are harmless.
      expect(endings.has('aborted')).toBe(true);
    }, 60_000);
  }
});
