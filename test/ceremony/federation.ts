// A federation in memory for ceremony tests: n nodes as their state machines, a network that may drop, repeat and
// reorder messages by a seeded generator, clocks that only move when told, and nodes that can crash and replay their
// events.

import { type DkgState, dkgStep, IDLE, replayDkg, wantsRandomness } from '../../ceremony/dkg/dkg.ts';
import {
  DKG_TIMING,
  type DkgContext,
  type DkgEvent,
  type DkgHappening,
  type DkgResult,
} from '../../ceremony/dkg/setup.ts';
import { type DkgMessage, isDkgMessage, type Outgoing, parseMessage } from '../../ceremony/messages.ts';
import type { SharedParameters } from '../../ceremony/messages-dkg.ts';
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { hostpubkeyGen } from '../../crypto/chilldkg.ts';
import { identityFromSeed } from '../../crypto/identity.ts';

/** A deterministic stream of numbers in [0, 1). */
export function seeded(seed: string): () => number {
  let counter = 0;
  return () => {
    const hash = sha256(utf8(`${seed}/${counter++}`));
    return new DataView(hash.buffer, hash.byteOffset).getUint32(0) / 2 ** 32;
  };
}

/** Bytes that a test may call random. */
export function bytesOf(label: string): Uint8Array {
  return sha256(utf8(label));
}

export interface FederationOptions {
  readonly n: number;
  readonly t: number;
  readonly seed?: string;
  readonly version?: (index: number) => string;
  /** What a node holds that the others must hold alike. */
  readonly parameters?: (index: number) => Partial<SharedParameters>;
}

/** The context of every node of a federation. */
export function contextsOf(options: FederationOptions): DkgContext[] {
  const { n, t, seed = 'seed', version, parameters } = options;
  const hostSecrets = Array.from({ length: n }, (_, index) => bytesOf(`${seed}/host/${index}`));
  const identities = Array.from({ length: n }, (_, index) => identityFromSeed(bytesOf(`${seed}/identity/${index}`)));
  const participants = hostSecrets.map((secret, index) => ({
    index,
    name: `operator-${index}`,
    identityKey: identities[index]?.publicKey ?? new Uint8Array(0),
    hostPublicKey: hostpubkeyGen(secret),
  }));
  return hostSecrets.map((hostSecret, myIndex) => {
    const identity = identities[myIndex];
    if (identity === undefined) throw new Error('one identity per node');
    const setup = {
      network: 'regtest',
      ceremonyId: 'ceremony-1',
      version: version?.(myIndex) ?? '0.1.0',
      myIndex,
      threshold: t,
      participants,
      parameters: {
        ...{ threshold: t, deposit_min_sats: '1000', normal_confirmations: 6, fork_confirmations: 12 },
        ...{ wire_confirmations: 6, attestation_validity_s: 86_400 },
        cards: participants.map(({ name }) => toHex(bytesOf(`card of ${name}`))),
        ...parameters?.(myIndex),
      },
      timing: DKG_TIMING,
    };
    return { setup, secrets: { hostSecret, identity } };
  });
}

/** A message on its way. */
export interface InFlight {
  readonly from: number;
  readonly message: Outgoing<DkgMessage>;
}

/** What a test may do to a message: let it pass, change it, or make none or several of it. */
export type Tamper = (flight: InFlight) => readonly InFlight[];

export interface NetworkOptions {
  readonly drop?: number;
  readonly repeat?: number;
  readonly reorder?: boolean;
  readonly tamper?: Tamper;
  readonly seed?: string;
}

interface Node {
  readonly context: DkgContext;
  state: DkgState;
  readonly stored: DkgEvent[];
}

/** The nodes and the network between them. */
export class Federation {
  readonly nodes: Node[];
  now = 1_700_000_000_000;
  #setBy = 0;
  /** Durable events of all nodes so far. */
  events = 0;
  /** Called after each durable event of a node; true crashes the node, and its outgoing messages are lost. */
  crashBeforeSending: (index: number, stored: number) => boolean = () => false;
  /** The same, but after the messages have left. */
  crashAfterSending: (index: number, stored: number) => boolean = () => false;
  private readonly queue: InFlight[] = [];
  private readonly random: () => number;
  private readonly network: NetworkOptions;

  constructor(options: FederationOptions, network: NetworkOptions = {}) {
    this.nodes = contextsOf(options).map((context) => ({ context, state: IDLE, stored: [] }));
    this.network = network;
    this.random = seeded(network.seed ?? 'network');
  }

  node(index: number): Node {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  }

  /** Sets the clocks, by which no time passes. */
  setClocks(byMs: number): void {
    this.now += byMs;
    this.#setBy += byMs;
  }

  /** Gives an event to a node, stores it where it is durable, and takes what it sends. */
  feed(index: number, happening: DkgHappening): void {
    const node = this.node(index);
    const event = { ...happening, now: this.now, elapsed: this.now - this.#setBy };
    const { state, outgoing, durable } = dkgStep(node.context, node.state, event);
    node.state = state;
    if (durable) {
      // Through JSON, as a store would keep it.
      const kept: DkgEvent = JSON.parse(JSON.stringify(event));
      node.stored.push(kept);
      this.events++;
    }
    if (durable && this.crashBeforeSending(index, node.stored.length)) this.crash(index);
    else {
      for (const message of outgoing) this.post({ from: index, message });
      if (durable && this.crashAfterSending(index, node.stored.length)) this.crash(index);
    }
    if (wantsRandomness(node.context, node.state)) {
      const random = toHex(bytesOf(`random/${index}/${node.stored.length}`));
      this.feed(index, { kind: 'begin', random });
    }
  }

  crash(index: number): void {
    const node = this.node(index);
    node.state = replayDkg(node.context, node.stored);
  }

  join(index: number, rehearsal = false, checks: { name: string; ok: boolean; detail: string }[] = []): void {
    this.feed(index, { kind: 'operator_joined', rehearsal, checks });
  }

  joinAll(rehearsal = false): void {
    for (const index of this.nodes.keys()) this.join(index, rehearsal);
  }

  tick(ms: number): void {
    this.now += ms;
    for (const index of this.nodes.keys()) this.feed(index, { kind: 'tick' });
  }

  /** Delivers until nothing is under way. */
  drain(): void {
    for (let flight = this.next(); flight !== undefined; flight = this.next()) this.deliver(flight);
  }

  /** Delivers and lets time pass until `done` or the rounds are over. */
  run(done: (federation: Federation) => boolean, rounds = 60, tickMs = 1_000): boolean {
    for (let round = 0; round < rounds; round++) {
      this.drain();
      if (done(this)) return true;
      this.tick(tickMs);
    }
    return done(this);
  }

  allComplete(): boolean {
    return this.nodes.every(({ state }) => state.core.phase === 'complete');
  }

  results(): DkgResult[] {
    return this.nodes.map(({ state }) => {
      if (state.core.phase !== 'complete') throw new Error(`a node is ${state.core.phase}`);
      return state.core.result;
    });
  }

  /** The certificates of the nodes that have completed, with their attempt. */
  certificates(): { readonly attempt: string; readonly signatures: readonly string[] }[] {
    return this.nodes.flatMap(({ state }) => {
      if (state.core.phase !== 'complete') return [];
      return [{ attempt: state.core.run.attempt, signatures: state.core.result.certificate.signatures }];
    });
  }

  phases(): string[] {
    return this.nodes.map(({ state }) => state.core.phase);
  }

  /** Puts a message on the network as if `from` had sent it. */
  post(flight: InFlight): void {
    const passed = this.network.tamper?.(flight) ?? [flight];
    for (const each of passed) {
      if (this.random() < (this.network.drop ?? 0)) continue;
      this.queue.push(each);
      if (this.random() < (this.network.repeat ?? 0)) this.queue.push(each);
    }
  }

  private next(): InFlight | undefined {
    if (this.network.reorder !== true) return this.queue.shift();
    const at = Math.floor(this.random() * this.queue.length);
    return this.queue.splice(at, 1)[0];
  }

  private deliver({ from, message }: InFlight): void {
    // What travels is JSON, and is checked as a node checks it.
    const parsed = parseMessage(message.type, JSON.parse(JSON.stringify(message.body)));
    if (!parsed.ok) throw new Error(`${message.type}: ${parsed.detail}`);
    if (!isDkgMessage(parsed.message)) throw new Error('a message of another ceremony');
    this.feed(message.to, { kind: 'message', from, message: parsed.message });
  }
}
