// One node of the bench as a process of its own: the real listener, client, acceptor and signing service, keys that were
// dealt, and validation that always approves and writes its decision to a real store. Started by bench/node-federation.ts.
import { mkdirSync } from 'node:fs';
import { parseMessage } from '../ceremony/messages.ts';
import { fromHex } from '../crypto/bytes.ts';
import { createSession, identityFromSeed } from '../crypto/identity.ts';
import type { SchemeName } from '../crypto/scheme.ts';
import { KeyRing } from '../operator/keys/key-ring.ts';
import { Keys } from '../operator/keys/keys.ts';
import { Acceptor, type Incoming } from '../operator/peers/accept.ts';
import { readCertificate } from '../operator/peers/certificate.ts';
import { HttpsPeerClient } from '../operator/peers/deliver.ts';
import type { OutMessage } from '../operator/peers/peer-reply.ts';
import { PeerSessions } from '../operator/peers/peer-session.ts';
import { systemEffects } from '../operator/runtime/effects.ts';
import { silentLog } from '../operator/runtime/log.ts';
import { checkBody, knownTypes, requestTypes } from '../operator/services.ts';
import { Signing } from '../operator/signing/signing.ts';
import type { SigningInput } from '../operator/signing/signing-input.ts';
import { listenForPeers } from '../routes/listen.ts';
import { peerRoutes } from '../routes/peer.ts';
import { openStore, type Store } from '../store/open.ts';
import { approvingValidation } from './approving-validation.ts';
import { ColdCoordinators } from './cold-coordinators.ts';
import { randomBytes } from './deal.ts';
import { LoopWatch } from './loop-watch.ts';
import { cpuMs } from './measure.ts';
import { groupKeyOf, peersOf } from './node-parts.ts';
import type { NodeAnswers, NodeRequest, NodeSetup } from './node-protocol.ts';
import { BENCH_KEY_ID, measureBatches, measureOneRound, runBatches } from './signing-rounds.ts';

const NETWORK = 'regtest';

interface RunningNode {
  readonly setup: NodeSetup;
  readonly sessions: PeerSessions;
  readonly input: SigningInput;
  readonly signing: Signing;
  readonly client: HttpsPeerClient;
  readonly keys: Keys;
  readonly port: number;
}

const watch = new LoopWatch();
const cold = new ColdCoordinators();
let commits = 0;
let cpuBefore = 0;
let node: RunningNode | null = null;

process.on('message', (request: NodeRequest) => {
  answer(request).then(
    (value) => process.send?.({ ok: true, value }),
    (error: unknown) => process.send?.({ ok: false, detail: error instanceof Error ? error.stack : String(error) }),
  );
});

async function answer(request: NodeRequest): Promise<NodeAnswers[NodeRequest['kind']]> {
  if (request.kind === 'setup') {
    node = start(request.setup);
    return { port: node.port };
  }
  if (node === null) throw new Error('the node is not set up');
  switch (request.kind) {
    case 'connect':
      node.sessions.replacePeers(peersOf(node.setup, request.ports));
      return {};
    case 'one_round':
      return measureOneRound(node, request.rounds);
    case 'batches':
      return measureBatches(node, request.scheme, request.rounds);
    case 'batch_load':
      await runBatches(node, request.scheme, request.batches);
      return {};
    case 'prepare_cold':
      await cold.prepare(node, node.input, request.count);
      return {};
    case 'sign_cold':
      return { times: await cold.sign(request.count) };
    case 'watch':
      // The measurements before leave garbage, which must not count here.
      Bun.gc(true);
      commits = 0;
      cpuBefore = cpuMs();
      watch.start();
      return {};
    case 'watched':
      return { longestBlockMs: watch.stop(), cpuMs: cpuMs() - cpuBefore, commits };
    default:
      throw new Error(`a node that validates nothing knows no ${request.kind}`);
  }
}

function start(setup: NodeSetup): RunningNode {
  const { index, certificate, privateKey } = setup;
  mkdirSync(setup.folder, { recursive: true, mode: 0o700 });
  const store = openStore(`${setup.folder}/security.db`);
  const facts = readCertificate(certificate);
  if (facts === null) throw new Error('the certificate is not readable');
  const tls = { facts, key: privateKey };
  const identity = identityFromSeed(fromHex(setup.identitySeed));
  const boot = randomBytes(16);
  const session = createSession({ identity, network: NETWORK, index, boot, seed: randomBytes(32), now: Date.now() });
  const sessions = new PeerSessions({ network: NETWORK, myIndex: index, session, peers: peersOf(setup, []) });
  const client = new HttpsPeerClient({ sessions, tls, knownTypes, checkBody, now: Date.now });
  const keys = keysOf(setup, store);
  const input: SigningInput = {
    myIndex: index,
    participants: setup.keys.bip340.participants,
    threshold: setup.keys.bip340.threshold,
    boot: session.certificate.boot,
    keys,
    validation: approvingValidation(store.db, () => {
      commits += 1;
    }),
    client,
    effects: systemEffects,
    log: silentLog,
  };
  const signing = new Signing(input);
  const acceptor = new Acceptor({
    sessions,
    knownTypes: requestTypes,
    checkBody,
    handle: (message) => handle(signing, message),
    now: Date.now,
    onFault: (error) => console.error(error),
  });
  const listener = listenForPeers({
    hostname: '127.0.0.1',
    port: 0,
    identity: tls,
    peerCertificates: setup.peers.map((peer) => peer.certificate),
    fetch: peerRoutes(acceptor).fetch,
  });
  return { setup, sessions, input, signing, client, keys, port: listener.port };
}

async function handle(signing: Signing, { from, type, body }: Incoming): Promise<readonly OutMessage[]> {
  if (type === 'ping') {
    const pong = { version: 'bench', now: Date.now(), sealed: false, key_id: null, bitcoin_height: null };
    return [{ type: 'pong', body: pong }];
  }
  const parsed = parseMessage(type, body);
  if (!parsed.ok) throw new Error('a malformed message was let through');
  const { message } = parsed;
  if (message.type !== 'sign_request' && message.type !== 'nonce_request') return [];
  return signing.answer(from, message);
}

// Dealt keys stand where a rehearsal's do, which needs no key file.
function keysOf(setup: NodeSetup, store: Store): Keys {
  const keys = new Keys(store.db, new KeyRing({ path: '', network: NETWORK, index: setup.index }), setup.index);
  const share = (scheme: SchemeName) => {
    const material = setup.keys[scheme];
    return { groupKey: groupKeyOf(scheme, material), signingShare: fromHex(material.signingShare) };
  };
  const shares = { ceremonyId: 'bench', createdAt: 0, bitcoin: share('bip340'), attestation: share('ed25519') };
  keys.beginRehearsal(BENCH_KEY_ID, shares, '');
  return keys;
}
