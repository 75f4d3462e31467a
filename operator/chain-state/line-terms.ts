// What the form of the treasury line's transactions depends on at this node: its network, the key, and the certified root.

import type { LineRoot, LineTerms } from '../../chain/line.ts';
import type { Queries } from '../../store/database.ts';
import { currentRoot } from '../../store/treasury-roots.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { FederationKey } from '../keys/keys.ts';

/** The root of a key's line; null until all operators have signed it, as far as this node knows. */
export function lineRoot(db: Queries, key: Pick<FederationKey, 'keyId'>): LineRoot | null {
  const root = currentRoot(db, key.keyId);
  if (root === null || root.certificate === null) return null;
  const { network, keyId, txid, vout, amount } = root;
  return { network, keyId, txid, vout, amount };
}

/** The terms of a key's line without its root. */
export function lineTerms(
  { network }: Pick<OperatorConfig, 'network'>,
  { keyId, bitcoin }: Pick<FederationKey, 'keyId' | 'bitcoin'>,
): Omit<LineTerms, 'root'> {
  return { network, keyId, groupKey: bitcoin.publicKey };
}
