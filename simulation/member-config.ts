// The configuration of a simulated node, read by the code that reads the real one; and its key file.
import { toHex } from '../crypto/bytes.ts';
import { signerFromSeed } from '../crypto/ed25519.ts';
import { checkConfig, type OperatorConfig } from '../operator/config/config.ts';
import { groupKeysToJson } from '../operator/keys.ts';
import { storeKey } from '../store/keys.ts';
import { putPeer } from '../store/peers.ts';
import { ceremonyKeysOf, DEALT_CEREMONY, dealtKeys } from './dealer.ts';
import type { MemoryKeyFile } from './memory-key-ring.ts';
import { emptyStore, openMemoryStore } from './memory-store.ts';
import type { Plan } from './plan.ts';
import { Prng } from './prng.ts';

/** Needed of deposits and custody UTXOs; below the deepest reorgs of the simulation. */
export const CONFIRMATIONS = 3;
/** Needed of burns. */
export const WIRE_CONFIRMATIONS = 3;

type Size = Pick<Plan, 'participants' | 'threshold'>;
type Setup = Size & Pick<Plan, 'automatic'>;
const configs = new Map<string, OperatorConfig>();
const disks = new Map<string, Uint8Array>();

/** A node's configuration. */
export function configOf({ participants, threshold, automatic }: Setup, index: number): OperatorConfig {
  const name = `${threshold}-of-${participants}/${index}/${automatic}`;
  const known = configs.get(name);
  if (known !== undefined) return known;
  const raw = {
    parties: participants,
    threshold,
    party_addresses: Array.from({ length: participants }, (_, party) => `127.0.0.1:${7000 + party}`),
    my_index: index,
    key_share_path: 'key_share.enc',
    tls_cert_path: 'tls.crt',
    tls_key_path: 'tls.key',
    user_db_path: 'user.db',
    security_db_path: 'security.db',
    bitcoin_nodes: ['http://127.0.0.1:18443'],
    normal_confirmations: CONFIRMATIONS,
    fork_confirmations: 2 * CONFIRMATIONS,
    network: 'regtest',
    wire_nodes: ['http://127.0.0.1:18555'],
    wire_confirmations: WIRE_CONFIRMATIONS,
    automatic,
    takeover_s: 15,
    payout_batch_age_s: 20,
  };
  const verdict = checkConfig(raw, '/simulated/config.json', '/simulated');
  if (!verdict.ok) throw new Error(`a simulated configuration is wrong: ${JSON.stringify(verdict.problems)}`);
  configs.set(name, verdict.config);
  return verdict.config;
}

/** The key file of a node that holds its part of the dealt keys. */
export function keyFileOf({ participants, threshold }: Size, index: number): MemoryKeyFile {
  const prng = new Prng(`identity/${index}`);
  const [identitySeed, hostSecret] = [prng.bytes(32), prng.bytes(32)];
  const keys = [ceremonyKeysOf(dealtKeys(participants, threshold), index)];
  return { contents: { network: 'regtest', index, identitySeed, hostSecret, keys } };
}

/** The database of a node on which the dealt keys are live. */
export function diskOf({ participants, threshold }: Size): Uint8Array {
  const name = `${threshold}-of-${participants}`;
  const known = disks.get(name);
  if (known !== undefined) return known;
  const store = openMemoryStore(emptyStore(), () => {});
  const { keyId, bitcoin, attestation } = dealtKeys(participants, threshold);
  const certificate = { transcript_hash: '0'.repeat(64), signatures: [] };
  const groupKeys = groupKeysToJson(bitcoin, attestation);
  // The cards are read by key ceremonies alone; here they stand for the peers of which heads are kept.
  for (let index = 0; index < participants; index++) {
    const { identitySeed } = keyFileOf({ participants, threshold }, index).contents;
    putPeer(store.db, { index, identityKey: toHex(signerFromSeed(identitySeed).publicKey), card: {} }, 0);
  }
  storeKey(store.db, { keyId, ceremonyId: DEALT_CEREMONY, groupKeys, transcript: {}, certificate }, 'live', 0);
  const bytes = store.snapshot();
  store.database.close();
  disks.set(name, bytes);
  return bytes;
}
