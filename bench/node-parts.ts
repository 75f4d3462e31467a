// Parts that all node processes of the bench share.
import { fromHex } from '../crypto/bytes.ts';
import type { GroupKey, SchemeName } from '../crypto/scheme.ts';
import type { KeyMaterial, NodeSetup } from './node-protocol.ts';

/** The group key of dealt material. */
export function groupKeyOf(
  scheme: SchemeName,
  { threshold, participants, publicKey, verifyingShares }: KeyMaterial,
): GroupKey {
  const shares = verifyingShares.map((share) => fromHex(share));
  return { scheme, threshold, participants, publicKey: fromHex(publicKey), verifyingShares: shares };
}

/** The peers of a node, listening at these ports (in index order). */
export function peersOf(setup: NodeSetup, ports: readonly number[]) {
  return setup.peers.map(({ index, identityKey, certificate }) => ({
    index,
    name: `node ${index}`,
    address: `127.0.0.1:${ports[index] ?? 1}`,
    certificate,
    identityKey: fromHex(identityKey),
  }));
}
