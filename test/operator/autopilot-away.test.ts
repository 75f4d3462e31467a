// The bridge by itself, at a node that was away: what it learns from the chain, its Wire nodes and its peers.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { scriptAddress } from '../../chain/network.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { getDeposit } from '../../store/deposits.ts';
import { foreignPaymentOf } from '../../store/foreign-payments.ts';
import { listOpenBurns } from '../../store/open-burns.ts';
import { listPayouts, listPayoutsOfBurn } from '../../store/payout-listing.ts';
import { getUtxo, listSpendableUtxos, listUtxos } from '../../store/utxos.ts';
import { BridgeWorld } from './bridge-world.ts';
import type { Meddle } from './federation-in-memory.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.make();
});
afterEach(() => world.close());

const statusAt = (index: number, paid: { txid: string; vout: number }) => getDeposit(world.db(index), paid)?.status;
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
