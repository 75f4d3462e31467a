// How many payouts a lying coordinator can have a node decide of which nothing comes.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { PayoutIntent } from '../../chain/payout-intent.ts';
import { buildPayout } from '../../chain/transaction.ts';
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { AskedPayouts, PAYOUT_IN_VAIN_MS, PAYOUTS_IN_VAIN_MAX } from '../../operator/judge/asked-payouts.ts';
import { emptyStore, openMemoryStore } from '../../simulation/memory-store.ts';
import { recordBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { getPayoutStatus } from '../../store/payout-listing.ts';
import { recordPayoutConfirmed, recordPayoutSettled, recordPayoutSigned } from '../../store/payout-progress.ts';
import { decidePayout } from '../../store/payouts.ts';
import { askPayout, burn, freshHash, minted, planned, withdrawBy } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';

describe('payouts that a peer has decided here', () => {
  const BURN = freshHash();
  const COIN = { txid: freshHash(), vout: 0 };
  let db: Queries;
  let now = 0;
  let asked: AskedPayouts;

  beforeEach(() => {
    ({ db } = openMemoryStore(emptyStore(), () => {}));
    const terms = { address: 'bcrt1q', amount: 50_000n, fee: 1_000n, wireSeq: 1n, wireHeight: 5 };
    recordBurn(db, { burnTxid: BURN, nullifier: freshHash(), ...terms }, 1);
    now = 1_000_000;
    asked = new AskedPayouts(db, () => now);
  });

  const txidOf = (version: number): string => toHex(sha256(sha256(utf8(`version ${version}`))).reverse());

  /** What a peer is told that asks for a version of one payout. */
  function ask(peer: number, version: number): string {
    const decision = {
      txid: txidOf(version),
      unsignedTx: toHex(utf8(`version ${version}`)),
      inputs: [COIN],
      burns: [{ burnTxid: BURN, outputIndex: 0 }],
      ...{ fee: BigInt(version), feeRate: 1, change: null },
    };
    const verdict = asked.decide(peer, decision.txid, () => {
      decidePayout(db, decision, now);
      return { ok: true };
    });
    return verdict.ok ? 'decided' : verdict.reason;
  }

  /** As many as may come to nothing. */
  function fill(peer: number): void {
    for (let version = 0; version < PAYOUTS_IN_VAIN_MAX; version++) expect(ask(peer, version)).toBe('decided');
  }

  test('are so many of which nothing comes, for each peer by itself, and the same one again is none', () => {
    fill(1);
    expect(ask(1, 5_000)).toBe('overloaded');
    expect(getPayoutStatus(db, txidOf(5_000))).toBeNull();
    expect(ask(1, 7)).toBe('decided');
    expect(ask(2, 5_000)).toBe('decided');
    // Another has had it decided.
    expect(ask(1, 5_000)).toBe('decided');
  });

  test('no longer count once they are signed, or another of them is settled', () => {
    fill(1);
    recordPayoutSigned(db, txidOf(3), '00', now);
    expect([ask(1, 5_000), ask(1, 5_001)]).toEqual(['decided', 'overloaded']);
    recordPayoutConfirmed(db, txidOf(3), { height: 9, hash: freshHash() }, now);
    recordPayoutSettled(db, txidOf(3), now);
    expect(ask(1, 5_001)).toBe('decided');
  });

  test('are not those that are refused for another reason', () => {
    for (let again = 0; again <= PAYOUTS_IN_VAIN_MAX; again++) {
      const refusal = { ok: false, reason: 'burn_already_paid', detail: '' } as const;
      expect(asked.decide(1, txidOf(6_000 + again), () => refusal)).toBe(refusal);
    }
    expect(ask(1, 5_000)).toBe('decided');
  });

  test('are forgotten one by one, so that a peer whom nobody else answered for days is heard again', () => {
    fill(1);
    now += PAYOUT_IN_VAIN_MS - 1;
    expect(ask(1, 5_000)).toBe('overloaded');
    now += 1;
    expect([ask(1, 5_000), ask(1, 5_001)]).toEqual(['decided', 'overloaded']);
    now += 3 * PAYOUT_IN_VAIN_MS;
    expect([1, 2, 3, 4].map((one) => ask(1, 6_000 + one))).toEqual(['decided', 'decided', 'decided', 'overloaded']);
    now -= 100 * PAYOUT_IN_VAIN_MS;
    expect(ask(1, 7_000)).toBe('overloaded');
    now += PAYOUT_IN_VAIN_MS;
    expect(ask(1, 7_000)).toBe('decided');
  });
});

describe('a coordinator that asks for versions of one payout', () => {
  let federation: FederationInMemory;
  beforeEach(async () => {
    federation = await FederationInMemory.make();
    await federation.dkgByAll();
  });
  afterEach(() => federation.close());

  test('is refused after so many, and keeps nobody else from having the burn paid', async () => {
    await minted(federation);
    const due = burn(federation, { fee: 20_000n });
    const intent = await planned(federation, 0, [due]);
    const versionOf = (version: number): PayoutIntent => ({
      ...intent,
      fee: intent.fee + BigInt(version),
      outputs: intent.outputs.map((output, i) =>
        i === 0 ? output : { ...output, amount: output.amount - BigInt(version) },
      ),
    });
    for (let version = 1; version <= PAYOUTS_IN_VAIN_MAX; version++) {
      expect(await askPayout(federation, 0, versionOf(version), [1])).toEqual(['1: signed']);
    }
    const more = versionOf(PAYOUTS_IN_VAIN_MAX + 1);
    expect(await askPayout(federation, 0, more, [1])).toEqual(['1: overloaded']);
    const { txid } = buildPayout(more, federation.key().bitcoin.publicKey);
    expect(getPayoutStatus(federation.at(1).node.store.db, txid)).toBeNull();
    expect(await askPayout(federation, 0, versionOf(1), [1])).toEqual(['1: signed']);
    federation.down.add(0);
    const paid = await withdrawBy(federation, 1, [due]);
    expect(paid.status).toBe('new');
  }, 60_000);
});
