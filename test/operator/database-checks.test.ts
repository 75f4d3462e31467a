// What a node finds out about its database before it signs on it: that it is whole, that its audit log is what was written,
// and that it is its own.
import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { copyFileSync, rmSync } from 'node:fs';
import { commands } from '../../operator/commands.ts';
import type { OperatorConfig } from '../../operator/config/config.ts';
import { type Node, unsealNode } from '../../operator/node.ts';
import { systemEffects } from '../../operator/runtime/effects.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { codeOf } from './custody.ts';
import { PASSPHRASE, SetUpNodes } from './set-up-nodes.ts';

let nodes: SetUpNodes;
beforeEach(async () => {
  nodes = await SetUpNodes.make();
});
afterEach(() => nodes.close());

// What somebody with the file in hand can do: drop the triggers first.
function tamper({ securityDbPath }: OperatorConfig, ...statements: readonly string[]): void {
  const database = new Database(securityDbPath, { readwrite: true, create: false });
  for (const name of ['chain', 'no_update', 'no_delete']) database.run(`DROP TRIGGER IF EXISTS audit_log_${name}`);
  for (const statement of statements) database.run(statement);
  database.close();
}

/** A node with so many rows in its audit log, started and ended once. */
async function withLog(rows: number): Promise<OperatorConfig> {
  const config = await nodes.init(0);
  const node = nodes.open(config);
  for (let i = 0; i < rows; i++) appendAudit(node.store.db, i, 'thing', { i });
  await nodes.end(node);
  await nodes.end(nodes.open(config));
  return config;
}

const status = (node: Node) => commands.status(node, {}, { progress: () => {}, signal: new AbortController().signal });

describe('an audit log', () => {
  test('with a changed row since the last check keeps the node from opening', async () => {
    const config = await withLog(5);
    const node = nodes.open(config);
    const { seq } = appendAudit(node.store.db, 1, 'thing', {});
    appendAudit(node.store.db, 2, 'thing', {});
    await nodes.end(node);
    tamper(config, `UPDATE audit_log SET kind = 'other' WHERE seq = ${seq}`);
    const what = `entry ${seq} of its audit log was changed`;
    expect(() => nodes.open(config)).toThrow(
      `the database ${config.securityDbPath} is damaged (${what}): nothing is signed with it; replace it with its latest backup`,
    );
  });

  test('whose last rows were taken out keeps the node from opening', async () => {
    const config = await withLog(5);
    tamper(config, 'DELETE FROM audit_log WHERE seq = (SELECT max(seq) FROM audit_log)');
    expect(() => nodes.open(config)).toThrow('of its audit log is missing): nothing is signed with it');
  });

  test('with a row changed long ago is noticed while the node runs: it seals itself, and stays sealed', async () => {
    const config = await withLog(500);
    tamper(config, `UPDATE audit_log SET kind = 'other' WHERE seq = 301`);
    nodes.effects = { ...systemEffects, sleep: (_ms, signal) => systemEffects.sleep(1, signal) };
    const node = nodes.open(config);
    await unsealNode(node, PASSPHRASE);
    while (node.online !== null || !node.keyRing.sealed) await Bun.sleep(1);
    const damage = `the database ${config.securityDbPath} is damaged (entry 301 of its audit log was changed)`;
    const found = (await status(node)).problems.find(({ code }) => code === 'database_damaged');
    expect(found?.cause).toStartWith(damage);
    expect(found?.action).toBe('replace it with its latest backup');
    expect(nodes.logged.map(([event]) => event)).toContain('database_damaged');
    expect(await codeOf(unsealNode(node, PASSPHRASE))).toBe('database_damaged');
  });
});

describe('a database', () => {
  test('of another operator of the same federation is refused when it is opened', async () => {
    const [one, other] = [await nodes.init(0), await nodes.init(1)];
    copyFileSync(other.securityDbPath, one.securityDbPath);
    expect(() => nodes.open(one)).toThrow(
      `${one.securityDbPath} is the database of operator 1 on regtest, not of operator 0 on regtest`,
    );
    expect(await codeOf(nodes.init(0, {}, true))).toBe('foreign_database');
  });

  test('of a node with another identity key is refused at the unsealing, and the node stays sealed', async () => {
    const config = await nodes.init(0);
    const elsewhere = await SetUpNodes.make();
    const foreign = await elsewhere.init(0);
    copyFileSync(foreign.securityDbPath, config.securityDbPath);
    await elsewhere.close();
    const node = nodes.open(config);
    expect(await codeOf(unsealNode(node, PASSPHRASE))).toBe('foreign_database');
    expect([node.online, node.keyRing.sealed]).toEqual([null, true]);
  });

  test('beside which the key file is gone gets no other keys by another init', async () => {
    const config = await nodes.init(0);
    rmSync(config.keySharePath);
    expect(await codeOf(nodes.init(0, {}, true))).toBe('key_file_lost');
    expect(await Bun.file(config.keySharePath).exists()).toBeFalse();
  });

  test('from before owners were written down is that of the node whose own card it holds', async () => {
    const config = await nodes.init(0);
    tamper(config, 'DROP TRIGGER owner_no_delete', 'DELETE FROM owner');
    const node = nodes.open(config);
    await unsealNode(node, PASSPHRASE);
    expect(node.online).not.toBeNull();
    await nodes.end(node);
    tamper(config, 'DELETE FROM owner', `UPDATE peers SET identity_key = '${'ab'.repeat(32)}' WHERE peer_index = 0`);
    expect(await codeOf(unsealNode(nodes.open(config), PASSPHRASE))).toBe('foreign_database');
  });
});
