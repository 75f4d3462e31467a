import { afterEach, beforeEach, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import type { OperatorConfig } from '../../operator/config/config.ts';
import { pauseNode } from '../../operator/emergency-commands.ts';
import { closeNode, requireOnline, sealNode, unsealNode } from '../../operator/node.ts';
import { listAudit } from '../../store/audit-log.ts';
import { openReader } from '../../store/open.ts';
import { openPauses } from '../../store/pauses.ts';
import { runSpans } from '../../store/schema.ts';
import { PASSPHRASE, SetUpNodes } from './set-up-nodes.ts';

let nodes: SetUpNodes;
let config: OperatorConfig;
beforeEach(async () => {
  nodes = await SetUpNodes.make();
  config = await nodes.init(0);
});
afterEach(() => nodes.close());

test('a node that is sealed has no secret left, says so in its audit log, and can be unsealed again', async () => {
  const node = nodes.open(config);
  await unsealNode(node, PASSPHRASE);
  const secret = node.keyRing.hostSecret();
  expect(secret.some((byte) => byte !== 0)).toBe(true);
  await sealNode(node);
  expect(secret.every((byte) => byte === 0)).toBe(true);
  expect({ sealed: node.keyRing.sealed, online: node.online }).toEqual({ sealed: true, online: null });
  expect(() => requireOnline(node)).toThrow('the node is sealed');
  expect(listAudit(node.store.db, { limit: 1 }).rows[0]).toMatchObject({ kind: 'node_sealed' });
  await unsealNode(node, PASSPHRASE);
  expect(requireOnline(node).boot).toHaveLength(32);
});

test('a disk that takes nothing more keeps no secret in memory, and a pause that cannot be kept names the seal', async () => {
  const node = nodes.open(config);
  await unsealNode(node, PASSPHRASE);
  const secret = node.keyRing.hostSecret();
  node.store.db.run(
    sql.raw("CREATE TEMP TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'disk is full'); END"),
  );
  const pause = { reason: 'a key file was copied', federation: false };
  expect(() => pauseNode(node, pause)).toThrow(/is not paused.*disk is full.*`mpc_operator seal`/);
  expect(openPauses(node.store.db)).toEqual([]);
  await sealNode(node);
  expect(secret.every((byte) => byte === 0)).toBe(true);
  expect({ sealed: node.keyRing.sealed, online: node.online }).toEqual({ sealed: true, online: null });
  expect(nodes.logged.map(([event]) => event)).toContain('seal_not_recorded');
});

test('when the server ran, and when unsealed, is written down for reports', async () => {
  const node = nodes.open(config);
  await unsealNode(node, PASSPHRASE);
  await sealNode(node);
  await closeNode(node);
  const { db, close } = openReader(config.securityDbPath);
  const spans = db.select().from(runSpans).all().slice(-3);
  close();
  expect(spans.map(({ begunBy, isClosed }) => [begunBy, isClosed])).toEqual([
    ['start', 1],
    ['unseal', 1],
    ['seal', 1],
  ]);
});

test('sealing a node that is sealed changes nothing', async () => {
  const node = nodes.open(config);
  const before = listAudit(node.store.db, { limit: 1 });
  await sealNode(node);
  expect(listAudit(node.store.db, { limit: 1 })).toEqual(before);
});

test('a seal that is asked for while the key file is being opened comes after it', async () => {
  const node = nodes.open(config);
  const opening = unsealNode(node, PASSPHRASE);
  await sealNode(node);
  await opening;
  expect({ sealed: node.keyRing.sealed, online: node.online }).toEqual({ sealed: true, online: null });
});
