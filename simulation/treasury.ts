// The treasury of a simulated federation: what funds it before a run begins, and its root certificate. Like an opening, it
// leaves that in every node's database and beside every key file.
import { type LineRoot, treasuryScript } from '../chain/line.ts';
import type { Outpoint } from '../chain/outpoint.ts';
import { utf8 } from '../crypto/bytes.ts';
import { canonicalJson, type Json } from '../crypto/canonical-json.ts';
import { signerFromSeed } from '../crypto/ed25519.ts';
import { type RootCertificate, rootCertificateJson, rootStatement, signRoot } from '../crypto/root-certificate.ts';
import type { SimulatedChain } from './chain.ts';
import { type Output, rawTransaction, txidOf } from './raw-bytes.ts';

/** What the root holds, in sats: enough for the fees of a run. */
export const ROOT_SATS = 150_000n;
/** The coin from outside that funds it. */
const SOURCE: Outpoint = { txid: 'f0'.repeat(32), vout: 0 };
/** Blocks upon the funding before a run begins: more than any reorganisation takes back. */
const BLOCKS_BEFORE = 12;

/** The root of a federation's line. */
export function rootOf(groupKey: Uint8Array, keyId: string): LineRoot {
  const txid = txidOf(rawTransaction([SOURCE], funding(groupKey)));
  return { network: 'regtest', keyId, txid, vout: 0, amount: ROOT_SATS };
}

/** Sends what funds the root. */
export function fund(chain: SimulatedChain, groupKey: Uint8Array): void {
  chain.send([SOURCE], funding(groupKey));
}

/** Funds the root and buries it deeply. */
export function fundDeeply(chain: SimulatedChain, groupKey: Uint8Array): void {
  fund(chain, groupKey);
  for (let block = 0; block <= BLOCKS_BEFORE; block++) chain.mine(() => true);
}

/** The certificate; `identitySeeds` of all nodes in index order. */
export function certificateOf(root: LineRoot, identitySeeds: readonly Uint8Array[]): RootCertificate {
  const statement = rootStatement(root);
  return { statement, signatures: identitySeeds.map((seed) => signRoot(signerFromSeed(seed), statement)) };
}

/** What lies beside a key file about the treasury (operator/keys/treasury-file.ts). */
export function treasuryFileOf(root: LineRoot, certificate: RootCertificate | null): Uint8Array {
  const json: Json = {
    ...{ v: 1, key_id: root.keyId, height: 0 },
    certificate: certificate === null ? null : rootCertificateJson(certificate),
  };
  return utf8(`${canonicalJson(json)}\n`);
}

function funding(groupKey: Uint8Array): readonly Output[] {
  return [{ script: treasuryScript(groupKey), amount: ROOT_SATS }];
}
