// A payout that does not confirm and that no replacement can help: a child spends its change to pay for it.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { outpointName } from '../../chain/outpoint.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import type { ChainTransaction } from '../../simulation/chain.ts';
import { listAudit } from '../../store/audit-log.ts';
import { listChildrenOf } from '../../store/payout-children.ts';
import { getPayout } from '../../store/payout-listing.ts';
import { getUtxo, listSpendableUtxos } from '../../store/utxos.ts';
import { BridgeWorld } from './bridge-world.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.make();
});
afterEach(() => world.close());

const isNot = (txid: string) => (one: ChainTransaction) => one.txid !== txid;

/** A payout that waits, upon which its recipient hangs `count` transactions of 1,000 sats each. */
async function pinned(one: WireBurn, count: number): Promise<ChainTransaction> {
  await world.untilAll(one, 'broadcast');
  const [payout] = world.paymentsOf(one);
  if (payout === undefined) throw new Error('the burn is paid');
  let spends = { txid: payout.txid, vout: 0 };
  for (let at = 0; at < count; at++) {
    const { txid } = world.chain.send([spends], [{ script: new Uint8Array(22).fill(1), amount: 1_000n }]);
    spends = { txid, vout: 0 };
  }
  return payout;
}

/** The transaction in the mempool that spends a payout's change, whoever made it. */
function childOf({ txid }: ChainTransaction): ChainTransaction | undefined {
  return [...world.chain.mempool.values()].find(({ inputs }) =>
    inputs.some((input) => outpointName(input) === `${txid}:1`),
  );
}

/** Mines empty blocks until something is true. */
async function untilWithout(payout: ChainTransaction, isTrue: () => boolean): Promise<void> {
  for (let tries = 0; !isTrue(); tries++) {
    if (tries > 25) throw new Error(`this does not come about:\n${world.federation.logLines().slice(-25).join('\n')}`);
    world.mine(1, (one) => isNot(payout.txid)(one) && !one.inputs.some((input) => input.txid === payout.txid));
    await world.rounds(1);
    world.pass(31);
  }
}

describe('a payout that its recipient has pinned', () => {
  test('is helped by a child of its change, which pays it back to the change script; both are mined and settled', async () => {
    await world.minted();
    const one = world.burn({ fee: 5_000n });
    const payout = await pinned(one, 6);
    await untilWithout(payout, () => childOf(payout) !== undefined);
    const child = childOf(payout);
    if (child === undefined) throw new Error('there is a child');
    expect(world.chain.mempool.has(payout.txid)).toBe(true);
    expect(world.paymentsOf(one)).toHaveLength(1);
    const change = payout.outputs[1];
    expect(child.inputs).toEqual([{ txid: payout.txid, vout: 1 }]);
    expect(child.outputs).toEqual([
      { script: change?.script ?? new Uint8Array(0), amount: (change?.amount ?? 0n) - child.fee },
    ]);
    expect(payout.fee + child.fee).toBeLessThanOrEqual(5_000n);
    world.mine(1);
    await world.rounds(2);
    world.mine(6);
    await world.untilAll(one, 'settled');
    await world.rounds(2);
    const told = world
      .running()
      .map((index) => listChildrenOf(world.db(index), payout.txid).map(({ status }) => status));
    expect(told.filter((statuses) => statuses.includes('settled')).length).toBeGreaterThanOrEqual(2);
    // All nodes, those too that did not sign, have the child's output to spend and not its input.
    for (const index of world.running()) {
      const spendable = listSpendableUtxos(world.db(index)).rows.map(outpointName);
      expect(spendable).toContain(`${child.txid}:0`);
      expect(spendable).not.toContain(`${payout.txid}:1`);
      expect(getUtxo(world.db(index), { txid: child.txid, vout: 0 })).toMatchObject({ leaf: { kind: 'change' } });
    }
    const next = world.burn();
    await world.untilAll(next, 'broadcast');
  }, 60_000);

  test('and still waits gets a dearer child in place of the first, from the same output, up to what its burn paid', async () => {
    await world.minted();
    const one = world.burn({ fee: 5_000n });
    const payout = await pinned(one, 6);
    await untilWithout(payout, () => childOf(payout) !== undefined);
    const fees = [childOf(payout)?.fee ?? 0n];
    await untilWithout(payout, () => childOf(payout)?.fee !== fees[0]);
    fees.push(childOf(payout)?.fee ?? 0n);
    expect(fees[1]).toBeGreaterThan((fees[0] ?? 0n) + 110n);
    world.chain.feeRate = 100_000n;
    await untilWithout(payout, () => world.logged('payout_fees_used_up').length > 0);
    expect(payout.fee + (childOf(payout)?.fee ?? 0n)).toBe(5_000n);
    expect(world.paymentsOf(one)).toHaveLength(1);
    world.mine(6);
    await world.untilAll(one, 'settled');
    await world.rounds(2);
    for (const index of world.running()) {
      const open = listChildrenOf(world.db(index), payout.txid).filter(
        ({ status }) => status !== 'settled' && status !== 'void',
      );
      expect(open).toEqual([]);
    }
  }, 60_000);

  test('is helped though the node that signed the first child is gone, and its child was lost', async () => {
    await world.minted();
    const one = world.burn({ fee: 9_000n });
    const payout = await pinned(one, 10);
    await untilWithout(payout, () => childOf(payout) !== undefined);
    const first = childOf(payout);
    const signer = world
      .running()
      .find((index) => listChildrenOf(world.db(index), payout.txid).some(({ signedTx }) => signedTx !== null));
    await world.federation.stop(signer ?? 0);
    world.chain.evict(first?.txid ?? '');
    await untilWithout(payout, () => childOf(payout) !== undefined);
    // The very same where who plans it knows of none before, else a dearer one.
    expect(childOf(payout)?.fee).toBeGreaterThanOrEqual(first?.fee ?? 0n);
    world.mine(6);
    await world.untilAll(one, 'settled');
  }, 60_000);
});

describe('a child', () => {
  test('that a reorganisation puts back is followed, and is mined and settled again', async () => {
    await world.minted();
    const one = world.burn({ fee: 5_000n });
    const payout = await pinned(one, 6);
    await untilWithout(payout, () => childOf(payout) !== undefined);
    const child = childOf(payout)?.txid ?? '';
    const told = () =>
      world.running().flatMap((index) => listChildrenOf(world.db(index), payout.txid).map(({ status }) => status));
    world.mine(2);
    await world.until(() => told().includes('confirmed'));
    world.chain.reorganise(2, () => false, null);
    world.showTip();
    await world.until(() => told().every((status) => status === 'broadcast'));
    for (const index of world.running()) {
      expect(listSpendableUtxos(world.db(index)).rows.map(outpointName)).not.toContain(`${payout.txid}:1`);
    }
    world.mine(7);
    await world.untilAll(one, 'settled');
    await world.until(() => told().every((status) => status === 'settled'));
    for (const index of world.running()) {
      expect(listSpendableUtxos(world.db(index)).rows.map(outpointName)).toEqual([`${child}:0`]);
    }
  }, 60_000);

  test('is made as well where a replacement was signed and nodes do not take it', async () => {
    await world.minted();
    const one = world.burn({ fee: 5_000n });
    const payout = await pinned(one, 6);
    // What hangs upon the payout is not seen beforehand.
    for (const view of world.federation.chain.views) {
      const entry = view.mempoolEntry;
      view.mempoolEntry = async (txid) => {
        const told = await entry(txid);
        return told === null ? null : { ...told, descendants: { count: 1, vsize: told.vsize, fees: told.fee } };
      };
    }
    await untilWithout(payout, () => childOf(payout) !== undefined);
    expect(world.logged('payout_rejected').join()).toContain('insufficient fee, rejecting replacement');
    expect(world.logged('payout_helped').length).toBeGreaterThan(0);
    world.mine(6);
    await world.untilAll(one, 'settled');
    expect(world.paymentsOf(one).map(({ txid }) => txid)).toEqual([payout.txid]);
  }, 60_000);

  test('is not made where a replacement helps', async () => {
    await world.minted();
    const one = world.burn({ fee: 9_000n });
    const payout = await pinned(one, 1);
    await untilWithout(payout, () => !world.chain.mempool.has(payout.txid));
    const [second] = world.paymentsOf(one);
    expect(second?.fee).toBeGreaterThan(payout.fee + 1_000n);
    expect(childOf(payout)).toBeUndefined();
    for (const index of world.running()) expect(listChildrenOf(world.db(index), payout.txid)).toEqual([]);
  }, 60_000);

  test('is void once another version of its parent is mined and settled', async () => {
    await world.minted();
    const one = world.burn({ fee: 9_000n });
    const first = await pinned(one, 0);
    await untilWithout(first, () => !world.chain.mempool.has(first.txid));
    const [second] = world.paymentsOf(one);
    if (second === undefined) throw new Error('the payout was replaced');
    let spends = { txid: second.txid, vout: 0 };
    for (let at = 0; at < 9; at++) {
      spends = { txid: world.chain.send([spends], [{ script: new Uint8Array(22), amount: 1_000n }]).txid, vout: 0 };
    }
    await untilWithout(second, () => childOf(second) !== undefined);
    // Miners have kept the first version.
    world.chain.evict(second.txid);
    world.chain.mempool.set(first.txid, first);
    world.mine(6);
    await world.until(() =>
      world.running().every((index) => ['settled', undefined].includes(getPayout(world.db(index), first.txid)?.status)),
    );
    await world.rounds(2);
    const statuses = world
      .running()
      .flatMap((index) => listChildrenOf(world.db(index), second.txid).map(({ status }) => status));
    expect(statuses.length).toBeGreaterThan(0);
    expect(new Set(statuses)).toEqual(new Set(['void']));
  }, 60_000);

  test('stands in the audit log before it is in a mempool, and among the withdrawals', async () => {
    await world.minted();
    const one = world.burn({ fee: 5_000n });
    const payout = await pinned(one, 6);
    await untilWithout(payout, () => childOf(payout) !== undefined);
    const child = childOf(payout)?.txid;
    const signers = world.running().filter((index) => listChildrenOf(world.db(index), payout.txid).length > 0);
    expect(signers.length).toBeGreaterThanOrEqual(2);
    for (const index of signers) {
      const kinds = listAudit(world.db(index), { limit: 200 }).rows;
      const rows = kinds.filter(({ body }) => JSON.stringify(body).includes(child ?? 'none'));
      expect(rows.at(-1)?.kind).toBe('child_decided');
    }
  }, 60_000);
});
