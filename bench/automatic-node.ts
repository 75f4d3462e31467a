// One automatic node of the bench as a process of its own: the real services, validate, store and transport over a simulated
// Bitcoin chain and a Wire ledger by HTTP. Started by bench/node-federation.ts with keys that were dealt.
import { mkdirSync } from 'node:fs';
import { ROOT_SATS_MIN } from '../chain/line.ts';
import { outpointName } from '../chain/outpoint.ts';
import { wireNodes } from '../chain/wire.ts';
import { fromHex, toHex } from '../crypto/bytes.ts';
import { createSession, identityFromSeed } from '../crypto/identity.ts';
import { keyIdOf } from '../crypto/key-id.ts';
import { custodyScript } from '../crypto/taproot.ts';
import { checkConfig, type OperatorConfig } from '../operator/config/config.ts';
import { groupKeysToJson, Keys } from '../operator/keys/keys.ts';
import type { Node } from '../operator/node.ts';
import { Acceptor } from '../operator/peers/accept.ts';
import { readCertificate } from '../operator/peers/certificate.ts';
import { HttpsPeerClient } from '../operator/peers/deliver.ts';
import { PeerSessions } from '../operator/peers/peer-session.ts';
import { systemEffects } from '../operator/runtime/effects.ts';
import { silentLog } from '../operator/runtime/log.ts';
import { checkBody, knownTypes, requestTypes, type Services, startServices } from '../operator/services.ts';
import { Validation } from '../operator/validation/validation.ts';
import { listenForPeers } from '../routes/listen.ts';
import { peerRoutes } from '../routes/peer.ts';
import { SimulatedChain } from '../simulation/chain.ts';
import { bitcoinViewOf, ChainView } from '../simulation/chain-view.ts';
import { MemoryKeyRing } from '../simulation/memory-key-ring.ts';
import { getDeposit } from '../store/deposits.ts';
import { storeKey } from '../store/keys.ts';
import { openStore } from '../store/open.ts';
import { rememberRecipient } from '../store/recipients.ts';
import { enableService } from '../store/service.ts';
import { keepRootCertificate } from '../store/treasury-roots.ts';
import { randomBytes } from './deal.ts';
import { groupKeyOf, peersOf } from './node-parts.ts';
import type { NodeAnswers, NodeRequest, NodeSetup } from './node-protocol.ts';

const NETWORK = 'regtest' as const;
const CONFIRMATIONS = 6;
const AMOUNT = 100_000n;
/** Between two rounds, in ms: a tenth of what operators wait, whose rounds each have a machine of their own. */
const PAUSE_MS = 50;
const PATIENCE_MS = 120_000;

interface AutomaticNode {
  readonly setup: NodeSetup;
  readonly node: Node;
  readonly services: Services;
  readonly sessions: PeerSessions;
  readonly chain: SimulatedChain;
  readonly view: ChainView;
  readonly port: number;
}

let running: AutomaticNode | null = null;
let waiting: readonly { readonly txid: string; readonly vout: number }[] = [];

process.on('message', (request: NodeRequest) => {
  answer(request).then(
    (value) => process.send?.({ ok: true, value }),
    (error: unknown) => process.send?.({ ok: false, detail: error instanceof Error ? error.stack : String(error) }),
  );
});

async function answer(request: NodeRequest): Promise<NodeAnswers[NodeRequest['kind']]> {
  if (request.kind === 'setup') {
    running = start(request.setup);
    return { port: running.port };
  }
  if (running === null) throw new Error('the node is not set up');
  switch (request.kind) {
    case 'connect':
      running.sessions.replacePeers(peersOf(running.setup, request.ports));
      return {};
    case 'prepare_deposits':
      await prepare(running, request.recipients);
      return {};
    case 'handle_deposits':
      await handle(running);
      return {};
    default:
      throw new Error(`an automatic node knows no ${request.kind}`);
  }
}

function start(setup: NodeSetup): AutomaticNode {
  const { index, certificate, privateKey, folder, wire } = setup;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const store = openStore(`${folder}/security.db`);
  const config = configOf(setup);
  const [bitcoinKey, attestationKey] = [
    groupKeyOf('bip340', setup.keys.bip340),
    groupKeyOf('ed25519', setup.keys.ed25519),
  ];
  const share = (scheme: 'bip340' | 'ed25519') => fromHex(setup.keys[scheme].signingShare);
  const contents = {
    network: NETWORK,
    index,
    identitySeed: fromHex(setup.identitySeed),
    hostSecret: new Uint8Array(32).fill(index + 1),
    keys: [
      {
        ...{ ceremonyId: 'bench', createdAt: 0 },
        bitcoin: { groupKey: bitcoinKey, signingShare: share('bip340') },
        attestation: { groupKey: attestationKey, signingShare: share('ed25519') },
      },
    ],
  };
  const keyRing = new MemoryKeyRing(NETWORK, index, { contents }, async (write) => write());
  const groupKeys = groupKeysToJson(bitcoinKey, attestationKey);
  const keyId = keyIdOf(bitcoinKey.publicKey, attestationKey.publicKey);
  storeKey(store.db, { keyId, ceremonyId: 'bench', groupKeys, transcript: {}, certificate: CERTIFICATE }, 'live', 0);
  const keys = new Keys(store.db, keyRing, index);
  const chain = new SimulatedChain();
  const view = new ChainView(chain);
  const bitcoin = bitcoinViewOf(view, async (_what, tell) => tell());
  const ledger = wireNodes({ urls: [wire] });
  const { now } = systemEffects;
  // Deposits are attested once there is a line; no burn is paid here.
  const root = { network: NETWORK, keyId, txid: '00'.repeat(32), vout: 0, amount: ROOT_SATS_MIN };
  keepRootCertificate(store.db, root, CERTIFICATE, 0);
  enableService(store.db, 0);
  const views = { bitcoin, wire: ledger, verifyProof: null };
  const validation = new Validation({ config, db: store.db, keys, ...views, effects: systemEffects, log: silentLog });
  const openGate = (): never => {
    throw new Error('the bench listens by itself');
  };
  const input = { config, version: 'bench', home: folder, env: {}, effects: systemEffects, log: silentLog, openGate };
  const parts = { input, config, store, keyRing, keys, bitcoin, wire: ledger, chain: null, validation };
  const node: Node = { ...parts, startedAt: now(), online: null };

  const facts = readCertificate(certificate);
  if (facts === null) throw new Error('the certificate is not readable');
  const tls = { facts, key: privateKey };
  const identity = identityFromSeed(fromHex(setup.identitySeed));
  const boot = randomBytes(16);
  const session = createSession({ identity, network: NETWORK, index, boot, seed: randomBytes(32), now: now() });
  const sessions = new PeerSessions({ network: NETWORK, myIndex: index, session, peers: peersOf(setup, []) });
  const client = new HttpsPeerClient({ sessions, tls, knownTypes, checkBody, now });
  const link = { boot: session.certificate.boot, client, peers: () => sessions.indices() };
  const services = startServices(node, link);
  const acceptor = new Acceptor({
    ...{ sessions, knownTypes: requestTypes, checkBody, now },
    handle: (message) => services.handle(message),
    onFault: (error) => console.error(error),
  });
  const peerCertificates = setup.peers.map((peer) => peer.certificate);
  const listener = listenForPeers({
    ...{ hostname: '127.0.0.1', port: 0, identity: tls, peerCertificates },
    fetch: peerRoutes(acceptor).fetch,
  });
  return { setup, node, services, sessions, chain, view, port: listener.port };
}

// A certificate as a ceremony leaves it, of which a node reads no more than the hash of the transcript.
const CERTIFICATE = { transcript_hash: '00'.repeat(32), signatures: [] };

/** Registers recipients, pays each in one block, and reads the chain to one block before they are deep enough. */
async function prepare({ node, services, chain, view }: AutomaticNode, recipients: readonly string[]): Promise<void> {
  const key = node.keys.live();
  if (key === null) throw new Error('the node has no key');
  waiting = recipients.map((recipient) => {
    const leaf = { kind: 'deposit', recipient: fromHex(recipient) } as const;
    const { scriptPubKey: script } = custodyScript(key.bitcoin.publicKey, leaf);
    rememberRecipient(node.store.db, { recipient, keyId: key.keyId, script: toHex(script) }, Date.now());
    const { txid } = chain.send([{ txid: recipient, vout: 0 }], [{ script, amount: AMOUNT }]);
    return { txid, vout: 0 };
  });
  for (let block = 1; block < CONFIRMATIONS; block++) chain.mine(() => true);
  view.catchUp();
  await services.autopilot.round();
  const unseen = waiting.filter((deposit) => getDeposit(node.store.db, deposit) === null).length;
  if (unseen > 0) throw new Error(`${unseen} deposits were not found`);
}

/** The last block comes; works until each deposit is attested here and final on Wire. */
async function handle({ node, services, chain, view }: AutomaticNode): Promise<void> {
  chain.mine(() => true);
  view.catchUp();
  const begun = Date.now();
  const isMinted = (deposit: { readonly txid: string; readonly vout: number }): boolean =>
    getDeposit(node.store.db, deposit)?.status === 'minted';
  const left = [...waiting];
  for (;;) {
    while (left[0] !== undefined && isMinted(left[0])) left.shift();
    const [first] = left;
    if (first === undefined) return;
    if (Date.now() - begun > PATIENCE_MS) throw new Error(`${outpointName(first)} is not minted`);
    await Promise.all([services.autopilot.round(), services.follower.round()]);
    await Bun.sleep(PAUSE_MS);
  }
}

function configOf({ index, folder, wire, keys }: NodeSetup): OperatorConfig {
  const { participants, threshold } = keys.bip340;
  const raw = {
    ...{ parties: participants, threshold, my_index: index, network: NETWORK },
    party_addresses: Array.from({ length: participants }, (_, party) => `127.0.0.1:${7000 + party}`),
    ...{ key_share_path: 'key_share.enc', tls_cert_path: 'tls.crt', tls_key_path: 'tls.key' },
    ...{ user_db_path: 'user.db', security_db_path: 'security.db' },
    ...{ bitcoin_nodes: ['http://127.0.0.1:18443'], normal_confirmations: CONFIRMATIONS, fork_confirmations: 12 },
    ...{ wire_nodes: [wire], wire_confirmations: 1 },
  };
  const verdict = checkConfig(raw, `${folder}/config.json`, folder);
  if (!verdict.ok) throw new Error(JSON.stringify(verdict.problems));
  return verdict.config;
}
