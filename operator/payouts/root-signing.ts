// A node's own signature under the root of the treasury line: only under what its own scan shows, only once that is written
// down, and never under a second root while the first may still be spent.

import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { type RootStatement, rootStatement, sameRoot, signRoot } from '../../crypto/root-certificate.ts';
import { transact } from '../../store/database.ts';
import { keepRootSignature, rootSignatures } from '../../store/root-signatures.ts';
import { saveFunding } from '../../store/treasury-funding.ts';
import { currentRoot, recordRoot } from '../../store/treasury-roots.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { scannedRoot } from '../chain-state/treasury-root.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { FederationKey } from '../keys/keys.ts';
import type { RootRefusal } from '../peers/messages-root.ts';

/** What signing takes. `maySign`: whether the state guard lets this node sign. */
export interface RootSigningInput {
  readonly bridge: Pick<Bridge, 'config' | 'db' | 'keys' | 'bitcoin' | 'effects' | 'log'>;
  readonly keyRing: KeyRing;
  readonly maySign: () => boolean;
}

/** The statement that this node has signed, or why it signs none. */
export type RootSigned =
  | { readonly ok: true; readonly statement: RootStatement }
  | { readonly ok: false; readonly refusal: RootRefusal };

/** Signs the root that the own scan shows; `claim`: what a peer says it is, which must be the same. Never rejects. */
export async function signOwnRoot(
  input: RootSigningInput,
  key: FederationKey,
  claim: RootStatement | null,
): Promise<RootSigned> {
  const { bridge, keyRing, maySign } = input;
  const { db, config, effects } = bridge;
  if (!maySign()) return { ok: false, refusal: 'not_live' };
  const recorded = currentRoot(db, key.keyId);
  const funding = recorded === null ? await shownRoot(bridge, key) : null;
  if (funding === 'bitcoin_unavailable') return { ok: false, refusal: funding };
  const output = recorded ?? funding;
  if (output === null) return { ok: false, refusal: 'not_funded' };
  const { txid, vout, amount } = output;
  const root = { network: config.network, keyId: key.keyId, txid, vout, amount };
  const statement = rootStatement(root);
  if (claim !== null && !sameRoot(claim, statement)) return { ok: false, refusal: 'other_root' };
  const isRecorded = transact(db, (tx) => {
    const verdict = recordRoot(tx, root, effects.now());
    if (verdict.ok && funding !== null) saveFunding(tx, root, funding.inputs);
    return verdict.ok;
  });
  // Another root was written down while the scan was asked, or this one was given up for dead.
  if (!isRecorded) return { ok: false, refusal: 'other_root' };
  if (!rootSignatures(db, root).has(config.myIndex)) {
    keepRootSignature(db, root, config.myIndex, signRoot(keyRing.identity(), statement));
  }
  return { ok: true, statement };
}

async function shownRoot(bridge: RootSigningInput['bridge'], key: FederationKey) {
  try {
    return await scannedRoot(bridge, key);
  } catch (error) {
    if (error instanceof BitcoinViewError) return 'bitcoin_unavailable';
    throw error;
  }
}
