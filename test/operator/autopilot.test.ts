// The bridge by itself, on a simulated Bitcoin network: what nodes find, attest, pay and follow without being told to.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { WireLedgerError } from '../../chain/wire-ledger.ts';
import { rankFor } from '../../operator/bridge/schedule.ts';
import { blockName } from '../../operator/deposits/attest-deposits.ts';
import { getAttestation } from '../../store/attestations.ts';
import { listWaitingBurns } from '../../store/burn-payments.ts';
import { getDeposit } from '../../store/deposits.ts';
import { listRecipients } from '../../store/recipients.ts';
import { getUtxo } from '../../store/utxos.ts';
import { BridgeWorld } from './bridge-world.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.opened();
});
afterEach(() => world.close());

const statusAt = (index: number, paid: { txid: string; vout: number }) => getDeposit(world.db(index), paid)?.status;

describe('a deposit to a registered recipient', () => {
  test('is found by every node, attested at the needed confirmations and no earlier, and minted once', async () => {
    const paid = world.pay(await world.recipient());
    world.mine(5);
    await world.rounds(2);
    expect(world.running().map((index) => statusAt(index, paid))).toEqual(['seen', 'seen', 'seen']);
    world.pass(200);
    await world.rounds(2);
    expect(getAttestation(world.db(0), paid)).toBeNull();
    world.mine(1);
    await world.untilMinted(paid);
    expect(world.federation.chain.minted.size).toBe(1);
    expect(getUtxo(world.db(2), paid)).toMatchObject({ status: 'unspent', amount: paid.amount });
  });

  test('leaves one line in each node’s log when it is attested and one when it is minted, with txid and amount', async () => {
    const paid = await world.minted();
    await world.rounds(2);
    for (const event of ['deposit_attested', 'deposit_minted']) {
      for (const index of world.running()) {
        const lines = world.logged(event, index).map((line) => JSON.parse(line));
        expect(lines).toMatchObject([{ txid: paid.txid, vout: paid.vout, amount: `${paid.amount}` }]);
      }
    }
  });

  test('is found though its node was ended in between, and minted by a node that came back', async () => {
    const paid = world.pay(await world.recipient());
    world.mine(1);
    await world.rounds(1);
    for (const index of [0, 1, 2]) await world.federation.restart(index);
    world.mine(5);
    await world.untilMinted(paid);
    expect(world.federation.chain.minted.size).toBe(1);
  });

  test('whose mint alone the Wire nodes do not report delays no other', async () => {
    const untold = world.pay(await world.recipient());
    world.mine(1);
    for (const ledger of world.federation.chain.ledgers) {
      const ask = ledger.mint;
      ledger.mint = async (txid, vout) => {
        if (txid === untold.txid) throw new WireLedgerError('the Wire nodes disagree about this mint');
        return ask(txid, vout);
      };
    }
    const behind = world.pay(await world.recipient());
    world.mine(6);
    await world.untilMinted(behind);
    expect(statusAt(0, untold)).toBe('confirmed');
  });

  test('that nobody registered is left alone', async () => {
    const paid = world.pay('ab'.repeat(32));
    world.mine(8);
    await world.rounds(2);
    expect(statusAt(0, paid)).toBeUndefined();
  });
});

describe('a burn', () => {
  test('is seen, paid by the leader, followed and settled by all, and never paid again', async () => {
    const one = world.burn();
    await world.untilAll(one, 'signed');
    world.mine(6);
    await world.untilAll(one, 'settled');
    await world.rounds(2);
    expect(world.paymentsOf(one)).toHaveLength(1);
    for (const index of [0, 1, 2]) expect(listWaitingBurns(world.db(index)).total).toBe(0);
  });

  test('leaves one line in each node’s log when its payout is signed and one when it is sent, with txid and amount', async () => {
    const one = world.burn();
    await world.untilAll(one, 'signed');
    await world.rounds(2);
    const [payment] = world.paymentsOf(one);
    for (const event of ['line_step_signed', 'line_step_broadcast']) {
      for (const index of world.running()) {
        const lines = world.logged(event, index).map((line) => JSON.parse(line));
        expect(lines).toMatchObject([{ txid: payment?.txid, burns: 1, amount: `${one.amount - one.fee}` }]);
      }
    }
    expect(world.logged('line_step_sent_again')).toEqual([]);
  });

  test('waits for others while fees are high and it is young, and they share one transaction', async () => {
    world.chain.feeRate = 5_000n;
    const burns = [world.burn({ fee: 5_000n }), world.burn({ fee: 5_000n })];
    await world.rounds(2);
    world.pass(300);
    await world.rounds(2);
    expect(burns.flatMap((one) => world.paymentsOf(one))).toHaveLength(0);
    world.pass(400);
    for (const one of burns) await world.untilAll(one, 'signed');
    const txids = new Set(burns.flatMap((one) => world.paymentsOf(one)).map(({ txid }) => txid));
    expect(txids.size).toBe(1);
  });

  test('that can never be paid does not hold up those behind it, nor do those that the treasury cannot fund', async () => {
    world.burn({ address: 'nonsense' });
    world.burn({ amount: 900_000n });
    world.burn({ fee: 0n });
    const good = world.burn();
    await world.untilAll(good, 'signed');
    expect(world.paymentsOf(good)).toHaveLength(1);
  });

  test('that alone cannot be verified, because of its proof or Wire nodes that disagree, delays no other', async () => {
    await world.minted();
    const untold = world.burn();
    for (const ledger of world.federation.chain.ledgers) {
      const ask = ledger.burn;
      ledger.burn = async (burnTxid) => {
        if (burnTxid === untold.burnTxid) throw new WireLedgerError('the burn proof verifier was ended by SIGSEGV');
        return ask(burnTxid);
      };
    }
    const behind = world.burn();
    await world.untilAll(behind, 'signed');
    expect(world.paymentsOf(untold)).toHaveLength(0);
  });

  test('whose fee is more than its amount does not keep those behind it from being read', async () => {
    await world.minted();
    world.burn({ amount: 50_000n, fee: 60_000n });
    const behind = world.burn();
    await world.untilAll(behind, 'signed');
    expect(world.paymentsOf(behind)).toHaveLength(1);
  });

  test('is paid once though every node is ended at every stage', async () => {
    await world.minted();
    const one = world.burn();
    await world.rounds(1, [0]);
    for (const index of [0, 1, 2]) await world.federation.restart(index);
    await world.untilAll(one, 'signed');
    for (const index of [0, 1, 2]) await world.federation.restart(index);
    world.mine(3);
    await world.rounds(1);
    for (const index of [0, 1, 2]) await world.federation.restart(index);
    world.mine(3);
    await world.untilAll(one, 'settled');
    expect(world.paymentsOf(one)).toHaveLength(1);
  });
});

describe('a leader', () => {
  test('that is dead is replaced by the next after its silence, and not before', async () => {
    world.pay(await world.recipient());
    world.mine(1);
    const { height, hash: blockHash } = world.chain.best;
    world.mine(5);
    const order = [0, 1, 2].sort((a, b) => rank(a) - rank(b));
    function rank(index: number): number {
      return rankFor(blockName({ height, blockHash }), index, 3);
    }
    const [leader = 0, next = 0] = order;
    await world.federation.stop(leader);
    await world.rounds(2);
    world.pass(29);
    await world.rounds(2);
    expect(world.federation.chain.minted.size).toBe(0);
    world.pass(2);
    await world.rounds(1, [next]);
    expect(world.federation.chain.minted.size).toBe(1);
  });

  test('beside another at the same time does no harm: one mint, one payout', async () => {
    const paid = world.pay(await world.recipient());
    world.mine(6);
    await world.rounds(1, []);
    // All think that everybody before them has been silent for long.
    await world.rounds(1);
    world.pass(600);
    await Promise.all([0, 1, 2].map((index) => world.federation.at(index).services.autopilot.round()));
    await world.untilMinted(paid);
    expect(world.federation.chain.minted.size).toBe(1);
    const one = world.burn();
    world.chain.feeRate = 5_000n;
    await world.rounds(1);
    world.pass(5_000);
    await Promise.all([0, 1, 2].map((index) => world.federation.at(index).services.autopilot.round()));
    await world.untilAll(one, 'signed');
    world.mine(6);
    await world.untilAll(one, 'settled');
    expect(world.paymentsOf(one)).toHaveLength(1);
  });
});

describe('recipients', () => {
  test('are sent in pages, in the order in which they came', async () => {
    const registered = [await world.recipient(0), await world.recipient(0), await world.recipient(0)];
    const { recipients } = world.federation.at(0).services;
    const first = recipients.answer({ after: 0, limit: 2 });
    const rest = recipients.answer({ after: first.next ?? 0, limit: 2 });
    const told = [...first.recipients, ...rest.recipients].map(({ recipient }) => recipient);
    expect([told, first.next === null, rest.next]).toEqual([registered, false, null]);
  });

  test('registered on one node are known to all, each with the script that it derived itself', async () => {
    await world.recipient(1);
    const [first, ...others] = [0, 1, 2].map((index) =>
      listRecipients(world.db(index)).rows.map(({ script }) => script),
    );
    expect(first).toHaveLength(1);
    for (const other of others) expect(other).toEqual(first ?? []);
  });

  test('registered and paid while a node was down are learnt by it later, with their deposits', async () => {
    await world.rounds(1);
    await world.federation.stop(2);
    const recipient = await world.recipient(0);
    const paid = world.pay(recipient);
    world.mine(3);
    // Nobody tells it: it reads on without knowing the recipient.
    world.federation.down.add(0);
    world.federation.down.add(1);
    await world.federation.start(2);
    await world.rounds(2, [2]);
    expect(statusAt(2, paid)).toBeUndefined();
    world.federation.down.clear();
    world.pass(5);
    await world.rounds(2, [2]);
    expect(statusAt(2, paid)).toBe('seen');
    world.mine(3);
    await world.untilMinted(paid);
  });

  test('under a key that a node does not have are passed over', async () => {
    const { recipients } = world.federation.at(0).services;
    recipients.take(1, [{ recipient: 'cd'.repeat(32), key_id: 'another', height: 1 }]);
    expect(listRecipients(world.db(0)).total).toBe(0);
  });
});
