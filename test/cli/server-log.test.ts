// The server as a process whose standard error fails or whose terminal goes: the executable, as it ships.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LoneNode, readUntil } from './lone-node.ts';

let node: LoneNode;
beforeEach(async () => {
  node = await LoneNode.make();
});
afterEach(() => node.close());

test('a server whose log has no room goes on, says so in status, and ends in order', async () => {
  const server = node.serve('exec "$@" 2>/dev/full');
  await node.answers();
  expect((await node.run('status')).stdout).toMatch(
    /log: it cannot be written \(ENOSPC\), \d+ lines dropped \(since \S+\)\./,
  );
  expect((await node.run('unseal', ...node.unlocking)).stdout).toStartWith('The node is unsealed.\n');
  expect((await node.run('status')).stdout).toContain('lines dropped');
  server.kill('SIGTERM');
  expect(await server.exited).toBe(0);
});

test('a server whose log reader goes away continues, and logs again when another one reads', async () => {
  const pipe = join(node.folder, 'log');
  Bun.spawnSync(['mkfifo', pipe]);
  const server = node.serve(`exec "$@" 2>'${pipe}'`);
  const first = await open(pipe, 'r');
  let begun = '';
  while (!begun.includes('"event":"started"')) {
    const { buffer, bytesRead } = await first.read();
    if (bytesRead === 0) throw new Error(`the server ended: ${begun}`);
    begun += buffer.toString('utf8', 0, bytesRead);
  }
  await first.close();
  expect((await node.run('unseal', ...node.unlocking)).stdout).toStartWith('The node is unsealed.\n');
  expect((await node.run('status')).stdout).toContain('log: it cannot be written (EPIPE)');
  const second = await open(pipe, 'r');
  const { buffer, bytesRead } = await second.read();
  const [line = ''] = buffer.toString('utf8', 0, bytesRead).split('\n');
  expect(JSON.parse(line)).toMatchObject({ event: 'log_lines_dropped', reason: 'EPIPE' });
  expect((await node.run('status')).stdout).not.toContain('log: it cannot be written');
  server.kill('SIGTERM');
  expect(await server.exited).toBe(0);
  await second.close();
});

test('a server whose log reader hangs answers all the same, and ends in order', async () => {
  const pipe = join(node.folder, 'log');
  Bun.spawnSync(['mkfifo', pipe]);
  // Held open for reading and full, so that a write neither fails nor ends.
  const server = node.serve(`exec 9<>'${pipe}'; head -c 65536 /dev/zero >&9; exec "$@" 2>'${pipe}'`);
  await node.answers();
  server.kill('SIGTERM');
  expect(await server.exited).toBe(0);
});

test('a server whose terminal is closed ends in order: no socket, exit code 0, and its last line is written', async () => {
  const server = node.serve('exec "$@"');
  const log = server.stderr.getReader();
  await readUntil(log, 'started');
  server.kill('SIGHUP');
  await readUntil(log, 'stopping');
  expect(await server.exited).toBe(0);
  expect(existsSync(join(node.folder, 'run', 'control.sock'))).toBe(false);
});
