// Files that are replaced under a running server: it goes on with what it read, and says so.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { appendFileSync, copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { OperatorConfig } from '../../../operator/config/config.ts';
import { type Node, unsealNode } from '../../../operator/node.ts';
import { statusReport } from '../../../operator/status/status-report.ts';
import { saveCursor } from '../../../store/cursors.ts';
import { PASSPHRASE, SetUpNodes } from '../set-up-nodes.ts';

let nodes: SetUpNodes;
let config: OperatorConfig;
let node: Node;
beforeEach(async () => {
  nodes = await SetUpNodes.make();
  config = await nodes.init(0, { listen_address: '127.0.0.1:7100' });
  node = nodes.open(config);
  await unsealNode(node, PASSPHRASE);
});
afterEach(() => nodes.close());

async function found() {
  const { problems } = await statusReport(node);
  return problems.filter(({ code }) => code === 'file_replaced');
}

/** Puts another file with the same content in its place, as editors and backups do. */
function replace(path: string): void {
  copyFileSync(path, `${path}.new`);
  renameSync(`${path}.new`, path);
}

describe('a running server whose files stay', () => {
  test('has nothing to say, however much it writes its database', async () => {
    for (let count = 0; count < 50; count++) saveCursor(node.store.db, 'x', 'y'.repeat(10_000), Date.now());
    expect(await found()).toEqual([]);
    expect((await statusReport(node)).notices).toEqual([]);
  });
});

describe('a running server notices, with since when and what to do,', () => {
  test('another database in the place of its own, or none', async () => {
    replace(node.store.path);
    const [told] = await found();
    expect(told).toMatchObject({ severity: 'critical', subject: 'database' });
    expect(told?.cause).toStartWith(`${node.store.path} was replaced or changed while the server ran: `);
    expect(told?.action).toBe('end the server, put the right database in its place, start the server');
    expect(Date.now() - Date.parse(told?.since ?? '')).toBeLessThan(60_000);
    expect(nodes.logged).toContainEqual(['file_replaced', { path: node.store.path, gone: false }]);
    rmSync(node.store.path);
    expect((await found())[0]?.cause).toContain(' was removed while');
    expect((await found())[0]?.since).toBe(told?.since ?? '');
  });

  test('changes beside its database that were taken away', async () => {
    rmSync(`${node.store.path}-wal`);
    expect(await found()).toMatchObject([{ severity: 'critical', subject: 'database' }]);
  });

  test('another key file, or none, but not one that it wrote itself', async () => {
    await node.keyRing.create(PASSPHRASE, () => new Uint8Array(32).fill(7));
    expect(await found()).toEqual([]);
    appendFileSync(config.keySharePath, 'x');
    expect(await found()).toMatchObject([{ severity: 'error', subject: 'key file' }]);
    rmSync(config.keySharePath);
    expect((await found())[0]?.cause).toContain(' was removed while');
  });

  test('another certificate or key of TLS, which needs a restart', async () => {
    replace(config.tlsCertPath);
    replace(config.tlsKeyPath);
    const told = await found();
    expect(told).toMatchObject([
      { severity: 'warning', subject: 'TLS files' },
      { severity: 'warning', subject: 'TLS files' },
    ]);
    expect(told[0]?.action).toStartWith('restart the server');
  });

  test('another configuration, as a notice', async () => {
    writeFileSync(config.file, '{}');
    const { notices } = await statusReport(node);
    expect(notices).toMatchObject([{ code: 'config_changed', action: 'restart the server to use what it says now' }]);
    expect(await found()).toEqual([]);
  });
});
