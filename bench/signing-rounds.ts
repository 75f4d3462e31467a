// The measured rounds, run inside the coordinator's process: signatures over the network, the bare signed request that
// bounds them from below, and noble's serial FROST, taking turns.
import type { Intent } from '../ceremony/intent.ts';
import type { SchemeName } from '../crypto/scheme.ts';
import type { Keys } from '../operator/keys/keys.ts';
import type { HttpsPeerClient } from '../operator/peers/deliver.ts';
import type { Signing } from '../operator/signing/signing.ts';
import { benchMessages } from './approving-validation.ts';
import { nobleSerial, randomBytes } from './deal.ts';
import { cpuMs, interleaved, median, wallMs } from './measure.ts';
import type { Batches, OneRound } from './node-protocol.ts';

/** The name under which the nodes hold the dealt keys. */
export const BENCH_KEY_ID = 'bench-key';
/** Messages of one batch. */
export const BATCH_ITEMS = 100;
const BATCHES_PER_ROUND = 4;
/** While one batch is verified here, the other is signed there: two cores for two signers. */
const BATCHES_IN_FLIGHT = 2;
const NOBLE_PER_ROUND = 5;
/** noble's side is compiled code too before it counts; its rounds alone would be too few for that. */
const NOBLE_WARM_UP = 150;
/** How often a subject goes when it is its turn: what is measured is each one's own pace. */
const PER_TURN = 25;
/** A node runs for months: what is measured is compiled code, also at the peers, which see one request per round. */
const WARM_UP_TURNS = 20;
/** Rounds in which the subjects go one by one. */
const ALTERNATING_ROUNDS = 150;
const WARM_UP_SIGNATURES = 4_000;
const [THRESHOLD, PARTICIPANTS] = [2, 3];
const PEER = 1;

/** What the rounds need of a node. */
export interface Coordinator {
  readonly signing: Signing;
  readonly client: HttpsPeerClient;
  readonly keys: Keys;
}

/** One message, one round trip: nonces were shared before. */
export async function measureOneRound(node: Coordinator, rounds: number): Promise<OneRound> {
  const noble = nobleSerial('bip340', THRESHOLD, PARTICIPANTS);
  const message = randomBytes(32);
  let counter = 0;
  const subjects = {
    sign: () => sign(node, 'bip340', { kind: 'test_message', message: `${counter++}` }),
    ping: () => ping(node),
    noble: () => noble(message),
  };
  for (let i = 0; i < WARM_UP_SIGNATURES; i++) {
    await subjects.sign();
    await subjects.ping();
  }
  const times = await interleaved(subjects, Math.ceil(rounds / PER_TURN), wallMs, WARM_UP_TURNS, PER_TURN);
  const single = await interleaved(subjects, ALTERNATING_ROUNDS);
  const alternating = single.sign / single.noble;
  return { signMs: times.sign, pingMs: times.ping, nobleMs: times.noble, alternating };
}

/** Batches of 100, some at a time. */
export async function measureBatches(node: Coordinator, scheme: SchemeName, rounds: number): Promise<Batches> {
  const noble = nobleSerial(scheme, THRESHOLD, PARTICIPANTS);
  const message = randomBytes(32);
  const ours: number[] = [];
  const nobles: number[] = [];
  const nobleCpu: number[] = [];
  await runBatches(node, scheme);
  for (let i = 0; i < NOBLE_WARM_UP; i++) noble(message);
  for (let round = 0; round < rounds; round++) {
    const begun = wallMs();
    await runBatches(node, scheme);
    ours.push((BATCHES_PER_ROUND * BATCH_ITEMS * 1000) / (wallMs() - begun));
    for (let i = 0; i < NOBLE_PER_ROUND; i++) {
      const [from, cpuFrom] = [wallMs(), cpuMs()];
      noble(message);
      nobles.push(1000 / (wallMs() - from));
      nobleCpu.push(cpuMs() - cpuFrom);
    }
  }
  return { perSecond: median(ours), noblePerSecond: median(nobles), nobleCpuMs: median(nobleCpu) };
}

/** Signs so many batches. */
export async function runBatches(node: Coordinator, scheme: SchemeName, batches = BATCHES_PER_ROUND): Promise<void> {
  let left = batches;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await sign(node, scheme, batch());
  };
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, lane));
}

/** One BIP 340 signature of a text. Throws where none comes about. */
export function signMessage(node: Coordinator, message: string): Promise<void> {
  return sign(node, 'bip340', { kind: 'test_message', message });
}

async function sign(node: Coordinator, scheme: SchemeName, intent: Intent): Promise<void> {
  const known = node.keys.get(BENCH_KEY_ID);
  if (known === null) throw new Error('the node holds no key');
  const key = scheme === 'bip340' ? known.bitcoin : known.attestation;
  const task = {
    scheme: node.keys.scheme(scheme),
    keyId: BENCH_KEY_ID,
    key,
    intent,
    messages: benchMessages(intent, scheme),
  };
  const result = await node.signing.coordinate(task, node.signing.candidates());
  if (result.kind !== 'signed') throw new Error(result.detail);
}

async function ping({ client }: Coordinator): Promise<void> {
  const result = await client.send(PEER, { ceremony: '', type: 'ping', body: {} }, { timeoutMs: 5_000 });
  if (!result.ok) throw new Error(result.detail);
}

// Outpoints never seen before, so that every item is a decision to write down.
function batch(): Intent {
  const hex = () => Buffer.from(randomBytes(32)).toString('hex');
  const expiry = `${Math.floor(Date.now() / 1000) + 86_400}`;
  const items = Array.from({ length: BATCH_ITEMS }, (_, vout) => {
    return { txid: hex(), vout, recipient: hex(), amount: '100000', expiry };
  });
  return { kind: 'attestation', test: false, items };
}
