// What `status` says although nothing is wrong: set-up that is not finished, and settings that are easily overlooked.
import { afterEach, describe, expect, test } from 'bun:test';
import { isEveryInterface } from '../../../operator/config/config-address.ts';
import { unsealNode } from '../../../operator/node.ts';
import { lastingWaits, WAITS_MAX } from '../../../operator/status/lasting-waits.ts';
import { notices } from '../../../operator/status/notices.ts';
import { statusReport } from '../../../operator/status/status-report.ts';
import { BridgeWorld } from '../bridge-world.ts';
import { PASSPHRASE, SetUpNodes } from '../set-up-nodes.ts';

let close: () => Promise<void> = async () => {};
afterEach(async () => {
  await close();
  close = async () => {};
});

describe('a treasury', () => {
  test('that is not open is told from the moment there is a key, with the command that opens it', async () => {
    const world = await BridgeWorld.make(3, 2, 'closed');
    close = () => world.close();
    const { node } = world.federation.at(0);
    const [found] = notices(node).filter(({ code }) => code === 'treasury_not_open');
    const key = world.federation.key();
    expect(found?.since).toBe(new Date(key.createdAt).toISOString());
    expect(found?.cause).toMatch(/^it is not open yet, so no deposit is attested and no burn is paid: /);
    expect(found?.action).toContain('`mpc_operator treasury open`');
    // Later it is a problem, and then told once.
    world.pass(Math.ceil(WAITS_MAX.treasury / 1000) + 60);
    expect(notices(node).map(({ code }) => code)).not.toContain('treasury_not_open');
    expect(lastingWaits(node, key).map(({ code }) => code)).toContain('treasury_not_open');
  });

  test('that is open is not told of', async () => {
    const world = await BridgeWorld.make();
    close = () => world.close();
    expect(notices(world.federation.at(0).node).map(({ code }) => code)).not.toContain('treasury_not_open');
  });
});

describe('a node', () => {
  const set = async (more: Parameters<SetUpNodes['init']>[1]) => {
    const nodes = await SetUpNodes.make();
    close = () => nodes.close();
    const node = nodes.open(await nodes.init(0, more));
    await unsealNode(node, PASSPHRASE);
    return { nodes, status: await statusReport(node) };
  };

  test('that listens on all interfaces says so at its start and in status, and one with an address of its own does not', async () => {
    const open = await set({ listen_address: '0.0.0.0:7100' });
    const [found] = open.status.notices;
    expect(found).toMatchObject({ code: 'open_to_all', subject: 'this node' });
    expect(found?.cause).toContain('open on all interfaces of this machine (0.0.0.0:7100)');
    expect(open.nodes.logged).toContainEqual(['peer_port_open_on_all_interfaces', { listening: '0.0.0.0:7100' }]);
    await close();
    close = async () => {};
    const closed = await set({ listen_address: '127.0.0.1:7100' });
    expect(closed.status.notices).toEqual([]);
    expect(closed.nodes.logged.map(([event]) => event)).not.toContain('peer_port_open_on_all_interfaces');
  });

  test('that does nothing by itself says so', async () => {
    const { status } = await set({ listen_address: '127.0.0.1:7100', automatic: false });
    expect(status.notices).toMatchObject([{ code: 'not_automatic' }]);
  });

  test('without key and peers is not well: both are problems at once, with the command that ends them', async () => {
    const { status } = await set({});
    for (const { code, since } of status.problems)
      expect([code, Date.parse(since) <= Date.now()]).toEqual([code, true]);
    const told = status.problems.map(({ code, subject, action }) => [code, subject, action]);
    expect(told).toContainEqual(['no_key', 'key', 'make one together: `mpc_operator dkg --ceremony-id NAME`']);
    const add = 'ask for its card, then run `mpc_operator peer add CARD`';
    expect(told).toContainEqual(['card_missing', 'operator 1', add]);
  });
});

test('every spelling of all interfaces is known', () => {
  expect(['0.0.0.0', '::', '0:0:0:0:0:0:0:0'].map(isEveryInterface)).toEqual([true, true, true]);
  expect(['127.0.0.1', '::1', 'localhost', '10.0.0.0'].map(isEveryInterface)).toEqual([false, false, false, false]);
});
