// The configuration of a simulated node, read by the code that reads the real one; its key file and its database.
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { toHex } from '../crypto/bytes.ts';
import type { Json } from '../crypto/canonical-json.ts';
import { signerFromSeed } from '../crypto/ed25519.ts';
import { encodeCard, signCard } from '../crypto/operator-card.ts';
import { rootCertificateJson } from '../crypto/root-certificate.ts';
import { checkConfig, type OperatorConfig } from '../operator/config/config.ts';
import { groupKeysToJson } from '../operator/keys/keys.ts';
import { storeKey } from '../store/keys.ts';
import { putPeer } from '../store/peers.ts';
import { enableService } from '../store/service.ts';
import { keepRootCertificate } from '../store/treasury-roots.ts';
import { ceremonyKeysOf, DEALT_CEREMONY, dealtKeys } from './dealer.ts';
import type { MemoryKeyFile } from './memory-key-ring.ts';
import { emptyStore, openMemoryStore } from './memory-store.ts';
import type { Plan } from './plan.ts';
import { Prng } from './prng.ts';
import { certificateOf, rootOf, treasuryFileOf } from './treasury.ts';

/** Needed of deposits, and what makes a payout settled. */
export const CONFIRMATIONS = 3;
/** Needed of the root and of what is swept. */
export const FORK_CONFIRMATIONS = 6;
/** Needed of burns and mints. */
export const WIRE_CONFIRMATIONS = 3;
/** On every node's card; nobody connects by it. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUezhFkgQGiy2+NojfnfzTWXXubJgwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJc2ltdWxhdGVkMCAXDTI2MTEzMDEwMDkwNFoYDzIxMjYxMTA2
MTAwOTA0WjAUMRIwEAYDVQQDDAlzaW11bGF0ZWQwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARoYlEFvo+mwKxkq046S0Oq7vnom/5Qo851Yn/+YljxfIJ1X7I/zhNw
oNwYGh8AIpGbbxHISIsWFXvTfpP7rXkLo1MwUTAdBgNVHQ4EFgQUoHHhzsdtrfGv
VX8Jv5Vtn7lDcaowHwYDVR0jBBgwFoAUoHHhzsdtrfGvVX8Jv5Vtn7lDcaowDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA2dIeAGcGDiIjaL/tRBIL
K0Z44kAZIRkGv5AQV+0MrZgCIH8c0UHPJztEYyd51X94FuhfeatxORAy9k9POYsz
4Ld0
-----END CERTIFICATE-----
`;

type Size = Pick<Plan, 'participants' | 'threshold'>;
type Setup = Size & Pick<Plan, 'automatic'>;
/** Whether a node's database, or what lies beside its key file, has the root certificate. */
type Opened = 'opened' | 'unopened';
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
    fork_confirmations: FORK_CONFIRMATIONS,
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

/** The key file of a node that holds its part of the dealt keys, and what lies beside it. */
export function keyFileOf(size: Size, index: number, opened: Opened = 'unopened'): MemoryKeyFile {
  const { identitySeed, hostSecret } = secretsOf(index);
  const dealt = dealtKeys(size.participants, size.threshold);
  const contents = { network: 'regtest', index, identitySeed, hostSecret, keys: [ceremonyKeysOf(dealt, index)] };
  return { contents, treasury: treasuryFile(size, opened) };
}

/** The database of a node on which the dealt keys are live, the service is enabled unless told otherwise, and nothing else has happened. */
export function diskOf(
  { participants, threshold }: Size,
  opened: Opened = 'unopened',
  service: 'enabled' | 'off' = 'enabled',
): Uint8Array {
  const name = `${threshold}-of-${participants}/${opened}/${service}`;
  const known = disks.get(name);
  if (known !== undefined) return known;
  const store = openMemoryStore(emptyStore(), () => {});
  const { keyId, bitcoin, attestation } = dealtKeys(participants, threshold);
  const proof = { transcript_hash: '0'.repeat(64), signatures: [] };
  const groupKeys = groupKeysToJson(bitcoin, attestation);
  for (let index = 0; index < participants; index++) {
    const { identitySeed } = secretsOf(index);
    const identityKey = toHex(signerFromSeed(identitySeed).publicKey);
    putPeer(store.db, { index, identityKey, card: cardOf(index) }, 0);
  }
  storeKey(store.db, { keyId, ceremonyId: DEALT_CEREMONY, groupKeys, transcript: {}, certificate: proof }, 'live', 0);
  if (opened === 'opened') {
    const { root, certificate } = openedBy({ participants, threshold });
    keepRootCertificate(store.db, root, rootCertificateJson(certificate), 0);
  }
  if (service === 'enabled') enableService(store.db, 0);
  const bytes = store.snapshot();
  store.database.close();
  disks.set(name, bytes);
  return bytes;
}

function secretsOf(index: number) {
  const prng = new Prng(`identity/${index}`);
  return { identitySeed: prng.bytes(32), hostSecret: prng.bytes(32) };
}

function cardOf(index: number): Json {
  const { identitySeed, hostSecret } = secretsOf(index);
  const hostKey = toHex(secp256k1.getPublicKey(hostSecret, true));
  const card = signCard(
    {
      ...{ network: 'regtest', index, name: `node ${index}`, address: `127.0.0.1:${7000 + index}` },
      ...{ tls_certificate: CERTIFICATE, host_public_key: hostKey, contacts: {}, issued_at: 0 },
    },
    signerFromSeed(identitySeed),
  );
  const json: Json = JSON.parse(new TextDecoder().decode(encodeCard(card)));
  return json;
}

function openedBy({ participants, threshold }: Size) {
  const { keyId, bitcoin } = dealtKeys(participants, threshold);
  const root = rootOf(bitcoin.publicKey, keyId);
  const seeds = Array.from({ length: participants }, (_, index) => secretsOf(index).identitySeed);
  return { root, certificate: certificateOf(root, seeds) };
}

function treasuryFile(size: Size, opened: Opened): Uint8Array {
  const { root, certificate } = openedBy(size);
  return treasuryFileOf(root, opened === 'opened' ? certificate : null);
}
