// The gate to the peers as every node opens it, the shipped one and those of tests: routes and listener, each made once.
import type { OpenGate } from '../operator/opened-node.ts';
import { listenForPeers } from './listen.ts';
import { peerRoutes } from './peer.ts';

/** Starts the peer listener with the routes behind it. Throws `CommandError` where it cannot listen. */
export const openGate: OpenGate = ({ acceptor, ...input }) => {
  const routes = peerRoutes(acceptor);
  const listener = listenForPeers({ ...input, fetch: (request, origin) => routes.fetch(request, origin) });
  return {
    address: `${listener.hostname}:${listener.port}`,
    replacePeers: (certificates) => listener.replacePeers(certificates),
    replaceIdentity: (identity) => listener.replaceIdentity(identity),
    stop: () => listener.stop(),
  };
};
