// The listener's port is its own: it is shared with no other program, and one that is taken is said in a sentence.
import { afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { CommandError } from '../../operator/runtime/command-error.ts';
import { listenForPeers, type PeerListener } from '../../routes/listen.ts';
import { makeNode, type TestNode } from '../operator/tls-federation.ts';

let node: TestNode;
const stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  node = await makeNode(0);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function listen(port: number, hostname = '127.0.0.1'): PeerListener {
  const peerCertificates = [node.tls.facts.pem];
  const fetch = () => new Response('');
  const listener = listenForPeers({ hostname, port, identity: node.tls, peerCertificates, fetch });
  stops.push(() => listener.stop());
  return listener;
}

/** Another program that is ready to share its port with all that are. */
function sharing(port: number): Bun.Server<undefined> {
  const server = Bun.serve({ hostname: '127.0.0.1', port, reusePort: true, fetch: () => new Response('') });
  stops.push(() => server.stop(true));
  return server;
}

function refusalOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof CommandError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'listens';
}

describe('a port', () => {
  test('on which peers are heard is shared with no other program, however ready that is to share', () => {
    const { port } = listen(0);
    expect(() => sharing(port)).toThrow('in use');
  });

  test('that another program shares is not taken by a second listener', () => {
    const { port } = sharing(0);
    expect(refusalOf(() => listen(port ?? 0))).toStartWith('port_taken: ');
  });

  test('that is taken is named with what to do, also where only one address of it is', () => {
    const { port } = listen(0);
    for (const host of ['127.0.0.1', '0.0.0.0']) {
      expect(refusalOf(() => listen(port, host))).toBe(
        `port_taken: another program listens on port ${port} already, so peers cannot be heard at ${host}:${port}: find it with \`ss -ltnp 'sport = :${port}'\` and end it, or set "listen_address" to another port`,
      );
    }
  });

  test('of an address that this machine does not have is said to be that', () => {
    expect(refusalOf(() => listen(0, '192.0.2.1'))).toMatch(
      /^no_such_address: this machine has no address 192\.0\.2\.1/,
    );
  });

  test('is listened on again when the peers change', async () => {
    const listener = listen(0);
    await listener.replacePeers([node.tls.facts.pem]);
    await listener.replaceIdentity(node.tls);
    expect(refusalOf(() => listen(listener.port))).toStartWith('port_taken: ');
  });
});
