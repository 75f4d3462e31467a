// What a participant has to say arrives: a refusal may name every burn of the largest payout, and a coordinator that cannot
// read it learns neither the reason nor what would be right.
import { describe, expect, test } from 'bun:test';
import { parseMessage } from '../../ceremony/messages.ts';
import { PAYOUT_BURNS_MAX } from '../../chain/payout-intent.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { learn, noHints } from '../../operator/bridge/payout-plan.ts';
import { decidePayout } from '../../store/payouts.ts';
import { burn, NOW, payout, storeBurns, withStore } from '../store/fixture.ts';

const names = Array.from({ length: PAYOUT_BURNS_MAX }, (_, i) => `burn-${i}`);

/** The refusal as its coordinator reads it. */
function received(reason: string, data: Json) {
  const parsed = parseMessage('sign_refusal', { session: '0'.repeat(32), reason, detail: 'no', data });
  if (!parsed.ok || parsed.message.type !== 'sign_refusal') throw new Error('the coordinator cannot read the refusal');
  return parsed.message.body;
}

describe('with as many burns as one transaction pays', () => {
  test('an input that all of them are bound to is refused as input_reserved, and the coordinator leaves it out', () => {
    withStore((store) => {
      storeBurns(store, ...names, 'late');
      expect(decidePayout(store.db, payout(['coin'], names), NOW)).toMatchObject({ ok: true });
      const verdict = decidePayout(store.db, payout(['coin', 'other'], ['late']), NOW);
      if (verdict.ok) throw new Error('an anchor is spent only by a payout of its burns');
      const { reason, data } = received(verdict.reason, verdict.data);
      expect(reason).toBe('input_reserved');
      const late = burn('late').burnTxid;
      const learnt = learn(
        noHints,
        [{ reason, data: data ?? null }],
        [late],
        () => true,
        () => false,
      );
      expect(learnt?.avoided.size).toBe(1);
    });
  });

  test('a transaction that was decided for other outputs is refused as burn_mismatch', () => {
    withStore((store) => {
      storeBurns(store, ...names);
      const decision = payout(['coin'], names);
      decidePayout(store.db, decision, NOW);
      const moved = decision.burns.map((paid) => ({ ...paid, outputIndex: paid.outputIndex + 1 }));
      const verdict = decidePayout(store.db, { ...decision, burns: moved }, NOW);
      if (verdict.ok) throw new Error('a decision never changes');
      expect(received(verdict.reason, verdict.data).reason).toBe('burn_mismatch');
    });
  });
});
