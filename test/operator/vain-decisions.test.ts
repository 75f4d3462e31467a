// Payouts that a peer has a node decide and of which nothing comes: what they must not hold up.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { recordBurn } from '../../store/burns.ts';
import { transact } from '../../store/database.ts';
import { getPayout, listPayoutsOfBurn } from '../../store/payout-listing.ts';
import { decidePayout } from '../../store/payouts.ts';
import { BridgeWorld } from './bridge-world.ts';
import { freshHash, someAddress } from './custody.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.make();
});
afterEach(() => world.close());

const TIMEOUT_MS = 30_000;

/** Has node 0 decide so many payouts of one more burn, of which nothing comes. */
function decideInVain(count: number): void {
  const { effects } = world.federation.at(0).node.input;
  const burnTxid = freshHash();
  const record = { burnTxid, nullifier: freshHash(), address: someAddress(), amount: 50_000n, fee: 1_000n };
  const coin = { txid: freshHash(), vout: 0 };
  transact(world.db(0), (tx) => {
    recordBurn(tx, { ...record, wireSeq: 1_000n, wireHeight: 5 }, effects.now());
    for (let version = 1; version <= count; version++) {
      const unsigned = utf8(`version ${version}`);
      const decision = {
        txid: toHex(sha256(sha256(unsigned)).reverse()),
        unsignedTx: toHex(unsigned),
        inputs: [coin],
        burns: [{ burnTxid, outputIndex: 0 }],
        ...{ fee: BigInt(version), feeRate: 1, change: null },
      };
      expect(decidePayout(tx, decision, effects.now())).toEqual({ ok: true, repeated: false });
    }
  });
}

describe('a payout beside many others that a peer has had a node decide in vain', () => {
  test(
    'is followed to its end, and its rivals are given up',
    async () => {
      await world.minted();
      const one = world.burn();
      await world.untilAll(one, 'broadcast');
      const [paid] = listPayoutsOfBurn(world.db(0), one.burnTxid);
      if (paid === undefined) throw new Error('the burn is paid');
      const unsigned = utf8('an earlier version');
      const rival = { ...paid, txid: toHex(sha256(sha256(unsigned)).reverse()), unsignedTx: toHex(unsigned) };
      expect(decidePayout(world.db(0), rival, 1).ok).toBe(true);
      decideInVain(510);
      world.mine(6);
      await world.rounds(4);
      expect(world.statuses(one)).toEqual(['settled', 'settled', 'settled']);
      expect(getPayout(world.db(0), rival.txid)?.status).toBe('replaced');
    },
    TIMEOUT_MS,
  );
});
