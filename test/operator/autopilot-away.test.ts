// The bridge by itself, at a node that was away: what it learns from the chain, its Wire nodes and its peers.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { treasuryScript } from '../../chain/line.ts';
import { scriptAddress } from '../../chain/network.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { getDeposit } from '../../store/deposits.ts';
import { getStep, listLine, minedTip } from '../../store/line.ts';
import { listUtxos } from '../../store/utxos.ts';
import { BridgeWorld } from './bridge-world.ts';
import type { Meddle } from './federation-in-memory.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.opened();
});
afterEach(() => world.close());

const statusAt = (index: number, paid: { txid: string; vout: number }) => getDeposit(world.db(index), paid)?.status;
/** Nobody says what it has finished, nor what it has signed. */
const tellingNothing: Meddle = ({ message }) =>
  ['finished_request', 'line_request', 'announce_step'].includes(message.type) ? 'lost' : message;
const stepsAt = (index: number) =>
  listLine(world.db(index)).rows.map(({ txid, parentTxid, kind, burns, height, surplus }) => {
    return { txid, parentTxid, kind, burns, height, surplus };
  });

describe('a node that was away', () => {
  test('learns from the chain and its Wire nodes alone what the others minted and paid, and pays nothing again', async () => {
    const early = await world.minted();
    await world.federation.stop(2);
    const late = world.pay(await world.recipient());
    world.mine(6);
    await world.untilMinted(late);
    const burns = [world.burn(), world.burn({ amount: 70_000n })];
    for (const one of burns) await world.untilAll(one, 'signed');
    world.mine(8);
    for (const one of burns) await world.untilAll(one, 'settled');
    world.federation.meddle = tellingNothing;
    await world.federation.start(2);
    await world.rounds(3, [2]);
    expect(world.logged('catching_up', 2).join()).toContain('"left":');
    // Whose turn it is asks Wire first; this node does once the others could have attested them.
    world.pass(2 * world.federation.member(2).config.takeoverS);
    await world.rounds(1, [2]);
    expect([statusAt(2, early), statusAt(2, late)]).toEqual(['minted', 'minted']);
    for (const one of burns) await world.untilAll(one, 'settled');
    expect(stepsAt(2).filter(({ height }) => height !== null)).toEqual(
      stepsAt(0).filter(({ height }) => height !== null),
    );
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
    // It goes on from there.
    world.federation.meddle = ({ message }) => message;
    const next = world.burn();
    await world.federation.stop(0);
    await world.untilAll(next, 'signed');
  });

  test('knows the burns of a mined step that it never heard of by their payments alone, as soon as its Wire nodes do', async () => {
    world.federation.meddle = ({ to, from, message }) =>
      to === 2 || from === 2 ? tellingNothing({ from, to, message }) : message;
    const one = world.burn();
    const known = world.federation.chain.ledgers[2]?.known ?? [];
    const hidden = known.splice(0);
    await world.until(() => world.paymentsOf(one).length === 1);
    world.mine(1);
    await world.rounds(2);
    const tip = minedTip(world.db(2));
    expect(tip).toMatchObject({ kind: null, burns: null });
    known.push(...hidden);
    await world.rounds(2);
    expect(getStep(world.db(2), tip?.txid ?? '')).toMatchObject({
      kind: 'payout',
      burns: [{ burnTxid: one.burnTxid }],
    });
  });
});

describe('a burn that names an address of the federation', () => {
  test('is an ordinary deposit where that is a deposit address', async () => {
    const recipient = await world.recipient();
    const leaf = { kind: 'deposit', recipient: fromHex(recipient, { bytes: 32 }) } as const;
    const { scriptPubKey } = custodyScript(world.federation.key().bitcoin.publicKey, leaf);
    const one = world.burn({ address: scriptAddress(scriptPubKey, 'regtest') ?? '' });
    await world.untilAll(one, 'signed');
    world.mine(8);
    await world.untilAll(one, 'settled');
    const [payment] = world.paymentsOf(one);
    await world.until(() => statusAt(0, { txid: payment?.txid ?? '', vout: 2 }) === 'minted');
  });

  test('is never paid where that is the treasury, and is listed with the reason', async () => {
    const script = treasuryScript(world.federation.key().bitcoin.publicKey);
    const one = world.burn({ address: scriptAddress(script, 'regtest') ?? '' });
    const other = world.burn();
    await world.untilAll(other, 'signed');
    expect(world.statuses(one)).toEqual(['waiting', 'waiting', 'waiting']);
    const left = await world.federation.at(0).services.autopilot.steps.waiting(world.federation.key());
    expect(left).toContainEqual(expect.objectContaining({ burnTxid: one.burnTxid, reason: 'names_treasury' }));
  });
});

describe('a node whose Bitcoin nodes lag behind', () => {
  test('is refused by its peers what they have paid already, and learns of it when its nodes catch up', async () => {
    await world.federation.stop(2);
    const one = world.burn();
    await world.untilAll(one, 'signed');
    const shown = world.views[2]?.tip;
    world.mine(2);
    await world.rounds(2);
    world.federation.meddle = tellingNothing;
    await world.federation.start(2);
    const view = world.views[2];
    if (view === undefined || shown === undefined) throw new Error('every node has a view');
    // It takes the root for unspent.
    view.tip = shown;
    Object.assign(world.federation.chain.views[2] ?? {}, { testPolicy: async () => ({ ok: true, txid: '' }) });
    await world.rounds(1, [2]);
    world.pass(100);
    await world.rounds(1, [2]);
    expect(world.logged('work_failed', 2).join()).toContain('not_tip');
    view.catchUp();
    world.pass(100);
    await world.rounds(2, [2]);
    world.mine(6);
    await world.untilAll(one, 'settled');
    expect(world.paymentsOf(one)).toHaveLength(1);
  });
});
