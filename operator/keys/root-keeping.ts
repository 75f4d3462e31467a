// Takes a root certificate in, from wherever it comes: a peer, the file beside the key file, an exported ceremony.

import { fromHex } from '../../crypto/bytes.ts';
import {
  isRootSignature,
  type RootCertificate,
  type RootStatement,
  rootCertificateJson,
  rootOf,
  verifyRootCertificate,
} from '../../crypto/root-certificate.ts';
import { isBitcoinNetwork } from '../../crypto/taproot.ts';
import type { Queries } from '../../store/database.ts';
import { listPeers } from '../../store/peers.ts';
import { keepRootCertificate, type RootRecord } from '../../store/treasury-roots.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Effects } from '../runtime/effects.ts';
import type { Log } from '../runtime/log.ts';

/** What keeping takes. */
export interface RootKeeping {
  readonly config: OperatorConfig;
  readonly db: Queries;
  readonly effects: Effects;
  readonly log: Log;
}

/** The identity keys of all operators, in index order; null while a card is missing. */
export function allIdentityKeys({ config, db }: Pick<RootKeeping, 'config' | 'db'>): readonly Uint8Array[] | null {
  const peers = listPeers(db);
  const known = Array.from({ length: config.parties }, (_, index) => peers.find((peer) => peer.index === index));
  const keys = known.flatMap((peer) => (peer === undefined ? [] : [fromHex(peer.identityKey, { bytes: 32 })]));
  return keys.length === config.parties ? keys : null;
}

/** Whether the operator of this index signed the statement, by the identity key on its card. */
export function isSignedBy(
  keeping: Pick<RootKeeping, 'config' | 'db'>,
  index: number,
  statement: RootStatement,
  signature: string,
): boolean {
  const key = allIdentityKeys(keeping)?.[index];
  return key !== undefined && isRootSignature(key, statement, signature);
}

/** The root that a statement of this network is about; null where it is of another. */
export function recordOf(config: Pick<OperatorConfig, 'network'>, statement: RootStatement): RootRecord | null {
  const { network, ...root } = rootOf(statement);
  return network === config.network && isBitcoinNetwork(network) ? { network, ...root } : null;
}

/**
 * Keeps a certificate of any origin for this key once every operator's signature holds. False where one does not, or where
 * this node has signed another root: that is logged as an error, for one of the two must be wrong.
 */
export function keepCertificate(keeping: RootKeeping, keyId: string, certificate: RootCertificate): boolean {
  const { config, db, effects, log } = keeping;
  const keys = allIdentityKeys(keeping);
  const root = recordOf(config, certificate.statement);
  if (keys === null || root === null || root.keyId !== keyId || !verifyRootCertificate(certificate, keys).ok) {
    return false;
  }
  const kept = keepRootCertificate(db, root, rootCertificateJson(certificate), effects.now());
  const { txid, vout } = root;
  if (!kept.ok)
    log('error', 'treasury_root_differs', { certified: `${txid}:${vout}`, recorded: JSON.stringify(kept.data) });
  else if (!kept.repeated) log('info', 'treasury_open', { key: keyId, txid, vout, amount: `${root.amount}` });
  return kept.ok;
}
