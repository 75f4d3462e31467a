// A treasury that is open and a service that is enabled, as the tests of everything else take it for granted: both are put
// into every store.
import { ROOT_SATS_MIN, treasuryScript } from '../../chain/line.ts';
import type { Valued } from '../../chain/outpoint.ts';
import { rootCertificateJson, rootStatement, signRoot } from '../../crypto/root-certificate.ts';
import type { Node } from '../../operator/node.ts';
import { saveCursor } from '../../store/cursors.ts';
import { enableService } from '../../store/service.ts';
import { keepRootCertificate } from '../../store/treasury-roots.ts';
import { recordUtxo } from '../../store/utxos.ts';
import type { SharedChain } from './shared-chain.ts';

const SOME_ROOT: Valued = { txid: 'ee'.repeat(32), vout: 0, amount: 100_000n };
/** The height at which the root of `openLine` is mined. */
const ROOT_HEIGHT = 80;

/**
 * Has the nodes of a whole federation, in index order, all hold a certificate of one root, and do all of their work; `off`: none
 * of it.
 */
export function certifyRoot(
  nodes: readonly Node[],
  keyId: string,
  { txid, vout, amount }: Valued = SOME_ROOT,
  service: 'enabled' | 'off' = 'enabled',
): void {
  const root = { network: 'regtest' as const, keyId, txid, vout, amount };
  const statement = rootStatement(root);
  const signatures = nodes.map(({ keyRing }) => signRoot(keyRing.identity(), statement));
  const certificate = rootCertificateJson({ statement, signatures });
  for (const { store } of nodes) {
    const verdict = keepRootCertificate(store.db, root, certificate, 0);
    if (!verdict.ok) throw new Error(`the root is refused: ${verdict.reason}`);
    if (service === 'enabled') enableService(store.db, 0);
  }
}

/** Opens the treasury upon a fake chain without blocks: what a scan would have found is written down. */
export function openLine(nodes: readonly Node[], chain: SharedChain, amount = ROOT_SATS_MIN): Valued {
  const key = nodes[0]?.keys.live() ?? null;
  if (key === null) throw new Error('there is no live key');
  const root = { txid: 'ef'.repeat(32), vout: 0, amount };
  chain.fund(root, { amount, script: treasuryScript(key.bitcoin.publicKey), confirmations: 20 });
  for (const { store } of nodes) {
    recordUtxo(store.db, { ...root, leaf: { kind: 'treasury' }, height: ROOT_HEIGHT }, 0);
    saveCursor(store.db, 'bitcoin_blocks', { recent: [{ height: 100, hash: '0'.repeat(64) }] }, 0);
  }
  certifyRoot(nodes, key.keyId, root);
  return root;
}
