// How long a node takes to close: what it has asked its own Bitcoin and Wire nodes is not waited for.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { createServer, type Server, type Socket } from 'node:net';
import { closeNode, unsealNode } from '../../operator/node.ts';
import { PASSPHRASE, SetUpNodes } from './set-up-nodes.ts';

const STOP_MS_MAX = 1_000;

let nodes: SetUpNodes;
/** Takes connections and never answers, as a node does that hangs. */
let hanging: Server;
const sockets = new Set<Socket>();
const asked = Promise.withResolvers<void>();

beforeEach(async () => {
  nodes = await SetUpNodes.make();
  const bound = Promise.withResolvers<void>();
  hanging = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => asked.resolve());
  }).listen({ host: '127.0.0.1', port: 0 }, () => bound.resolve());
  await bound.promise;
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  hanging.close();
  await nodes.close();
});

test('a node stops within a second while its Bitcoin and Wire nodes hang', async () => {
  const address = hanging.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  const url = `http://127.0.0.1:${address.port}`;
  await Bun.write(`${nodes.folder}/cookie`, 'user:word');
  const config = await nodes.init(0, {
    ...{ bitcoin_nodes: [url], wire_nodes: [url], bitcoin_rpc_cookie_file: `${nodes.folder}/cookie` },
  });
  const node = nodes.open(config);
  await unsealNode(node, PASSPHRASE);
  const round = node.online?.autopilot.round();
  await asked.promise;
  const begun = performance.now();
  await closeNode(node);
  expect(performance.now() - begun).toBeLessThan(STOP_MS_MAX);
  await round;
});

test('a signature that is under way is waited for before questions end', async () => {
  const node = nodes.open(await nodes.init(0));
  await unsealNode(node, PASSPHRASE);
  const { signing } = node.online ?? {};
  if (signing === undefined) throw new Error('the node is unsealed');
  await signing.idle();
  const answering = signing.answer(1, {
    type: 'nonce_request',
    body: { scheme: 'bip340', key_id: 'a'.repeat(16), count: 1 },
  });
  let idle = false;
  const ended = signing.idle().then(() => {
    idle = true;
  });
  expect(idle).toBe(false);
  await answering;
  await ended;
  expect(idle).toBe(true);
});
