// The bridge by itself, on a simulated Bitcoin network: what nodes find, attest, pay and follow without being told to.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { scriptAddress } from '../../chain/network.ts';
import { WireLedgerError } from '../../chain/wire-ledger.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { rankFor } from '../../operator/bridge/schedule.ts';
import { getAttestation } from '../../store/attestations.ts';
import { getDeposit } from '../../store/deposits.ts';
import { foreignPaymentOf } from '../../store/foreign-payments.ts';
import { listOpenBurns } from '../../store/open-burns.ts';
import { listPayouts, listPayoutsOfBurn } from '../../store/payout-listing.ts';
import { listRecipients } from '../../store/recipients.ts';
import { getUtxo, listSpendableUtxos, listUtxos } from '../../store/utxos.ts';
import { BridgeWorld } from './bridge-world.ts';
import type { Meddle } from './federation-in-memory.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.make();
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
    expect(listSpendableUtxos(world.db(2)).rows).toMatchObject([{ txid: paid.txid, amount: paid.amount }]);
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

  test('of which alone the Wire nodes cannot tell whether it is minted holds up no other', async () => {
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
    await world.minted();
    const one = world.burn();
    await world.untilAll(one, 'broadcast');
    world.mine(6);
    await world.untilAll(one, 'settled');
    await world.rounds(2);
    expect(world.paymentsOf(one)).toHaveLength(1);
    for (const index of [0, 1, 2]) expect(listOpenBurns(world.db(index)).total).toBe(0);
  });

  test('waits for others while fees are high and it is young, and they share one transaction', async () => {
    await world.minted();
    world.chain.feeRate = 5_000n;
    const burns = [world.burn({ fee: 5_000n }), world.burn({ fee: 5_000n })];
    await world.rounds(2);
    world.pass(300);
    await world.rounds(2);
    expect(burns.flatMap((one) => world.paymentsOf(one))).toHaveLength(0);
    world.pass(400);
    for (const one of burns) await world.untilAll(one, 'broadcast');
    const txids = new Set(burns.flatMap((one) => world.paymentsOf(one)).map(({ txid }) => txid));
    expect(txids.size).toBe(1);
  });

  test('that can never be paid does not hold up those behind it, nor do those that the coins do not suffice for', async () => {
    await world.minted(200_000n);
    world.burn({ address: 'nonsense' });
    world.burn({ amount: 900_000n });
    world.burn({ fee: 0n });
    const good = world.burn();
    await world.untilAll(good, 'broadcast');
    expect(world.paymentsOf(good)).toHaveLength(1);
  });

  test('about which alone nothing can be told, as by its proof or Wire nodes that disagree, holds up no other', async () => {
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
    await world.untilAll(behind, 'broadcast');
    expect(world.paymentsOf(untold)).toHaveLength(0);
  });

  test('whose fee is more than its amount does not keep those behind it from being read', async () => {
    await world.minted();
    world.burn({ amount: 50_000n, fee: 60_000n });
    const behind = world.burn();
    await world.untilAll(behind, 'broadcast');
    expect(world.paymentsOf(behind)).toHaveLength(1);
  });

  test('is paid once though every node is ended at every stage', async () => {
    await world.minted();
    const one = world.burn();
    await world.rounds(1, [0]);
    for (const index of [0, 1, 2]) await world.federation.restart(index);
    await world.untilAll(one, 'broadcast');
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
    const paid = world.pay(await world.recipient());
    world.mine(6);
    const order = [0, 1, 2].sort((a, b) => rank(a) - rank(b));
    function rank(index: number): number {
      return rankFor(`deposit/${paid.txid}:${paid.vout}`, index, 3);
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
    await world.untilAll(one, 'broadcast');
    world.mine(6);
    await world.untilAll(one, 'settled');
    expect(world.paymentsOf(one)).toHaveLength(1);
  });
});

/** Nobody says what it has finished. */
const tellingNothing: Meddle = ({ message }) => (message.type === 'finished_request' ? 'lost' : message);

describe('a node that was away', () => {
  test('learns from the chain and its Wire nodes alone what the others minted and paid, and pays nothing again', async () => {
    const early = await world.minted();
    await world.federation.stop(2);
    const late = world.pay(await world.recipient());
    world.mine(6);
    await world.untilMinted(late);
    const burns = [world.burn(), world.burn({ amount: 70_000n })];
    for (const one of burns) await world.untilAll(one, 'broadcast');
    world.mine(8);
    for (const one of burns) await world.untilAll(one, 'settled');
    world.federation.meddle = tellingNothing;
    await world.federation.start(2);
    await world.rounds(3, [2]);
    expect(world.logged('catching_up', 2).join()).toContain('"left":');
    expect([statusAt(2, early), statusAt(2, late)]).toEqual(['minted', 'minted']);
    expect(listOpenBurns(world.db(2)).total).toBe(0);
    const [payout] = listPayouts(world.db(0)).rows;
    for (const { burnTxid } of burns) expect(foreignPaymentOf(world.db(2), burnTxid)?.txid).toBe(payout?.txid ?? '');
    const shown = (index: number) =>
      listUtxos(world.db(index)).rows.map(({ txid, vout, amount, status, spentBy }) => [
        txid,
        vout,
        amount,
        status,
        spentBy,
      ]);
    expect(shown(2)).toEqual(shown(0));
    world.pass(5_000);
    await world.rounds(3, [2]);
    for (const one of burns) expect(world.paymentsOf(one)).toHaveLength(1);
    // It goes on with what it learnt: the change is its to spend.
    world.federation.meddle = ({ message }) => message;
    const next = world.burn();
    await world.federation.stop(0);
    await world.untilAll(next, 'broadcast');
  });

  test('learns from the chain alone that a burn to an address of the federation itself is paid', async () => {
    await world.minted();
    const groupKey = world.federation.key().bitcoin.publicKey;
    const recipient = fromHex(await world.recipient(), { bytes: 32 });
    const addresses = [{ kind: 'deposit', recipient } as const, { kind: 'change' } as const].map((leaf) =>
      scriptAddress(custodyScript(groupKey, leaf).scriptPubKey, 'regtest'),
    );
    await world.federation.stop(2);
    const burns = addresses.map((address) => world.burn({ address: address ?? '' }));
    for (const one of burns) await world.untilAll(one, 'broadcast');
    world.mine(8);
    for (const one of burns) await world.untilAll(one, 'settled');
    world.federation.meddle = tellingNothing;
    await world.federation.start(2);
    await world.rounds(3, [2]);
    for (const one of burns) {
      const [paying] = listPayoutsOfBurn(world.db(0), one.burnTxid);
      expect(foreignPaymentOf(world.db(2), one.burnTxid)?.txid).toBe(paying?.txid ?? '');
    }
    expect(listOpenBurns(world.db(2)).total).toBe(0);
  });

  test('takes a coin for unspent again where what spent it has left the chain for good', async () => {
    const coin = await world.minted();
    await world.federation.stop(2);
    const untold = ['announce_payout', 'finished_request'];
    world.federation.meddle = ({ message }) => (untold.includes(message.type) ? 'lost' : message);
    const one = world.burn();
    await world.until(() => world.paymentsOf(one).length === 1);
    world.mine(1);
    await world.federation.start(2);
    await world.rounds(2, [2]);
    const [paying] = world.paymentsOf(one);
    expect(getUtxo(world.db(2), coin)).toMatchObject({ status: 'spent', spentBy: paying?.txid ?? '' });
    world.chain.reorganise(1, () => false, null);
    world.showTip();
    await world.rounds(2, [2]);
    // It waits in the mempool again.
    expect(getUtxo(world.db(2), coin)).toMatchObject({ status: 'spent', spentHeight: null });
    world.chain.evict(paying?.txid ?? '');
    world.mine(1);
    await world.rounds(2, [2]);
    expect(getUtxo(world.db(2), coin)).toMatchObject({ status: 'unspent', spentBy: null });
  });

  test('gives up its own unfinished payout of a burn once another one of it is deep in the chain', async () => {
    await world.minted();
    // Only node 2 decides: its peers answer nothing to it any more.
    world.federation.meddle = ({ from, message }) => (from === 2 && message.type === 'sign_request' ? 'lost' : message);
    const one = world.burn();
    // The others do not know of it yet: a node that coordinates binds the burn to a coin itself, also where nobody answers.
    const others = world.federation.chain.ledgers.slice(0, 2);
    for (const { known } of others)
      known.splice(
        known.findIndex(({ burnTxid }) => burnTxid === one.burnTxid),
        1,
      );
    world.pass(5_000);
    await world.rounds(1, [2]);
    world.pass(5_000);
    await world.rounds(1, [2]);
    const [own] = listPayouts(world.db(2), ['decided']).rows;
    expect(own).toBeDefined();
    // The others, who hear nothing of it, come by a coin that suits them better.
    const heard = ['announce_attestation', 'announce_recipient', 'recipients_request'];
    const isCutOff = (from: number, to: number, type: string) => (from === 2 || to === 2) && !heard.includes(type);
    world.federation.meddle = ({ to, from, message }) => (isCutOff(from, to, message.type) ? 'lost' : message);
    await world.minted(100_000n);
    for (const { known } of others) known.push(one);
    await world.until(() => world.paymentsOf(one).length === 1);
    world.mine(8);
    await world.until(() => listPayouts(world.db(2), ['decided']).total === 0);
    expect(listOpenBurns(world.db(2)).total).toBe(0);
    expect(world.paymentsOf(one)).toHaveLength(1);
    expect(listPayouts(world.db(2), ['replaced']).rows.map(({ txid }) => txid)).toEqual([own?.txid ?? '']);
    expect(world.paymentsOf(one)[0]?.txid).not.toBe(own?.txid ?? '');
  });
});

describe('a node whose Bitcoin nodes lag behind', () => {
  test('is refused by its peers what they have paid already, and learns of it when its nodes catch up', async () => {
    await world.minted();
    await world.minted();
    await world.federation.stop(2);
    const one = world.burn();
    await world.untilAll(one, 'broadcast');
    const shown = world.views[2]?.tip;
    world.mine(2);
    await world.rounds(2);
    world.federation.meddle = tellingNothing;
    await world.federation.start(2);
    const view = world.views[2];
    if (view === undefined || shown === undefined) throw new Error('every node has a view');
    view.tip = shown;
    // It takes its coins for unspent.
    world.chain.mempool.clear();
    await world.rounds(1, [2]);
    world.pass(100);
    await world.rounds(1, [2]);
    const refused = world.logged('work_failed', 2);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.join()).toContain('burn_already_paid');
    view.catchUp();
    world.pass(100);
    await world.rounds(2, [2]);
    expect(listOpenBurns(world.db(2)).total).toBe(0);
    world.mine(6);
    await world.rounds(2);
    expect(world.paymentsOf(one)).toHaveLength(1);
    const [paying] = world.paymentsOf(one);
    const left = listPayouts(world.db(2)).rows.filter(({ txid }) => txid !== paying?.txid);
    expect(left.map(({ status }) => status)).not.toContain('decided');
    expect(listSpendableUtxos(world.db(2)).total).toBe(2);
  });
});

describe('recipients', () => {
  test('are told in pages, in the order in which they came', async () => {
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
