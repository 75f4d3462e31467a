// A whole federation in one process: real stores and key files in a temporary folder, the real services of every node,
// and messages handed over in memory, where a test may lose, delay or change them.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';
import { makeScratch } from '../../devnet/scratch.ts';
import { checkConfig, type OperatorConfig } from '../../operator/config/config.ts';
import { KeyRing } from '../../operator/keys/key-ring.ts';
import { type FederationKey, Keys } from '../../operator/keys/keys.ts';
import type { Node } from '../../operator/node.ts';
import type { PeerClient, SendResult } from '../../operator/peers/deliver.ts';
import { ensureOwnCard, keepCard, listCards } from '../../operator/peers/federation.ts';
import type { OutMessage } from '../../operator/peers/peer-reply.ts';
import { ensureTlsFiles, loadTlsIdentity } from '../../operator/peers/tls.ts';
import { ActivityRecord } from '../../operator/runtime/activity-record.ts';
import type { CommandParams, CommandResults } from '../../operator/runtime/command-types.ts';
import type { Effects } from '../../operator/runtime/effects.ts';
import { checkBody, requestTypes, type Services, startServices } from '../../operator/services.ts';
import { Validation } from '../../operator/validation/validation.ts';
import { openStore } from '../../store/open.ts';
import { type SharedChain, sharedChain } from './shared-chain.ts';
import { certifyRoot } from './treasury.ts';

export const PASSPHRASE = 'a passphrase for tests';
const VERSION = '0.0.0-test';
const WORK_FACTOR = 2;
const SLEEP_MS_MAX = 10;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What a test may do to a message: hand on another, or answer in the receiver's place (a number of ms: never answer). */
export type Meddle = (passage: {
  readonly from: number;
  readonly to: number;
  readonly message: OutMessage;
}) => OutMessage | 'lost' | 'silent';
/** What a test may do to the answers. */
export type MeddleReply = (passage: {
  readonly from: number;
  readonly to: number;
  readonly request: OutMessage;
  readonly replies: readonly OutMessage[];
}) => readonly OutMessage[];

/** A running node. */
export interface Running {
  readonly node: Node;
  readonly services: Services;
  readonly boot: string;
  /** Aborts when the process has ended. */
  readonly ended: AbortController;
}

/** One organisation: what survives its process, and the process. */
export interface Member {
  readonly index: number;
  readonly config: OperatorConfig;
  running: Running | null;
  /** The member's own clock and generator; tests replace them. */
  clockOffsetMs: number;
  /** How much time the node believes has passed beside the real time, in ms. */
  passedMs: number;
  random: (bytes: number) => Uint8Array;
  /** All random bytes that the node ever took, in hexadecimal. */
  readonly randomTaken: string[];
  readonly log: string[];
}

export class FederationInMemory {
  readonly members: readonly Member[];
  readonly chain: SharedChain;
  readonly folder: string;
  readonly down = new Set<number>();
  meddle: Meddle = ({ message }) => message;
  meddleReply: MeddleReply = ({ replies }) => replies;
  readonly sent: { readonly from: number; readonly to: number; readonly message: OutMessage }[] = [];

  private constructor(folder: string, members: readonly Member[]) {
    this.folder = folder;
    this.members = members;
    this.chain = sharedChain(members.length);
  }

  /** Makes n organisations with keys, certificates and each other's cards; all run. */
  static async make(parties = 3, threshold = 2, withCards = true): Promise<FederationInMemory> {
    const folder = makeScratch(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'mpc-federation');
    const addresses = Array.from({ length: parties }, (_, index) => `127.0.0.1:${7000 + index}`);
    const members = addresses.map((_, index): Member => {
      const config = memberConfig(join(folder, `${index}`), index, addresses, threshold);
      const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
      return { index, config, running: null, clockOffsetMs: 0, passedMs: 0, random, randomTaken: [], log: [] };
    });
    const federation = new FederationInMemory(folder, members);
    for (const member of members) await found(federation, member);
    if (withCards) await federation.exchangeCards();
    for (const member of members) await federation.start(member.index);
    return federation;
  }

  async exchangeCards(): Promise<void> {
    const cards = this.members.map(({ config }) => {
      const store = openStore(config.securityDbPath);
      const own = listCards(store.db).find((card) => card.index === config.myIndex);
      store.close();
      if (own === undefined) throw new Error('every member has a card');
      return own;
    });
    for (const { config } of this.members) {
      const store = openStore(config.securityDbPath);
      for (const card of cards) keepCard(store.db, card, false, Date.now());
      store.close();
    }
  }

  /** Starts a member's process; unsealed unless asked otherwise. */
  async start(index: number, sealed = false): Promise<Running> {
    const member = this.member(index);
    const node = this.#open(member);
    if (!sealed) await node.keyRing.unseal(PASSPHRASE);
    const boot = hex(crypto.getRandomValues(new Uint8Array(16)));
    const peers = (): number[] => this.members.map((other) => other.index).filter((other) => other !== index);
    const services = startServices(node, { boot, client: this.#client(index, boot), peers });
    member.running = { node, services, boot, ended: new AbortController() };
    return member.running;
  }

  /** Ends a member's process as a crash does: nothing is finished, only files remain. */
  async stop(index: number): Promise<void> {
    const member = this.member(index);
    const running = member.running;
    member.running = null;
    if (running === null) return;
    await running.services.close();
    running.node.keyRing.close();
    running.node.store.close();
    running.ended.abort();
  }

  async restart(index: number): Promise<Running> {
    await this.stop(index);
    return this.start(index);
  }

  async close(): Promise<void> {
    for (const { index } of this.members) await this.stop(index);
    await rm(this.folder, { recursive: true, force: true });
  }

  member(index: number): Member {
    const member = this.members[index];
    if (member === undefined) throw new Error(`there is no member ${index}`);
    return member;
  }

  at(index: number): Running {
    const { running } = this.member(index);
    if (running === null) throw new Error(`member ${index} does not run`);
    return running;
  }

  /** The key in use. */
  key(index = 0): FederationKey {
    const key = this.at(index).node.keys.live();
    if (key === null) throw new Error('there is no live key');
    return key;
  }

  dkg(index: number, params: Partial<CommandParams<'dkg'>> = {}): Promise<CommandResults['dkg']> {
    const whole = { ceremony_id: 'first', rehearsal: false, wait_s: 60, ...params };
    const { services, ended } = this.at(index);
    return services.ceremonies.join(whole, () => {}, ended.signal);
  }

  /** All members make keys together; the treasury of the keys is open at once, unless told otherwise. */
  async dkgByAll(
    params: Partial<CommandParams<'dkg'>> = {},
    treasury: 'open' | 'closed' = 'open',
  ): Promise<readonly CommandResults['dkg'][]> {
    const made = await Promise.all(this.members.map(({ index }) => this.dkg(index, params)));
    const nodes = this.members.map(({ index }) => this.at(index).node);
    if (treasury === 'open' && params.rehearsal !== true) certifyRoot(nodes, this.key().keyId);
    return made;
  }

  /** Sends as `from`, past its own services. */
  send(from: number, to: number, message: OutMessage, ceremony = ''): Promise<SendResult> {
    return this.#client(from, null).send(to, { ceremony, ...message }, { timeoutMs: 1000 });
  }

  /** Lets announcements arrive and every node follow what it knows, a few times over. */
  async settle(rounds = 2): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      await Bun.sleep(5);
      for (const { running } of this.members) await running?.services.follower.round();
    }
  }

  /** Every line that any node has logged. */
  logLines(): readonly string[] {
    return this.members.flatMap(({ log }) => log);
  }

  #open(member: Member): Node {
    const { config, index } = member;
    const effects = effectsOf(member);
    const keyRing = ringOf(config);
    const store = openStore(config.securityDbPath);
    const keys = new Keys(store.db, keyRing, index);
    const [bitcoin, wire] = [this.chain.views[index], this.chain.ledgers[index]];
    if (bitcoin === undefined || wire === undefined) throw new Error('every member has a view');
    const log: Node['input']['log'] = (level, event, fields = {}) =>
      void member.log.push(JSON.stringify({ level, event, ...fields }));
    const validation = new Validation({ config, db: store.db, keys, bitcoin, wire, verifyProof: null, effects, log });
    const openGate = (): never => {
      throw new Error('a federation in memory has no listeners');
    };
    const input = { config, version: VERSION, home: this.folder, env: {}, effects, log, openGate };
    return {
      input,
      config,
      store,
      keyRing,
      keys,
      bitcoin,
      wire,
      chain: null,
      validation,
      // Its timer is never started: tests write when they look.
      activity: new ActivityRecord({ db: store.db, effects: { now: effects.now, every: () => () => {} }, log }),
      startedAt: effects.now(),
      online: null,
    };
  }

  // A process that was thrown away sends nothing any more, whatever is left of it in this one.
  #client(from: number, boot: string | null): PeerClient {
    return {
      send: async (to, { ceremony, ...message }) => {
        if (boot === null || this.members[from]?.running?.boot === boot) {
          return this.#deliver(from, to, ceremony, message);
        }
        return { ok: false, error: 'unreachable', rejection: null, detail: 'this process has ended' };
      },
    };
  }

  async #deliver(from: number, to: number, ceremony: string, original: OutMessage): Promise<SendResult> {
    const failed = (error: 'unreachable' | 'rejected' | 'bad_reply', detail: string): SendResult => {
      return { ok: false, error, rejection: null, detail };
    };
    const passed = this.meddle({ from, to, message: overTheWire(original) });
    this.sent.push({ from, to, message: original });
    // A real network never answers in the same instant.
    await Bun.sleep(0);
    if (passed === 'silent') return new Promise(() => {});
    const running = this.members[to]?.running ?? null;
    if (passed === 'lost' || running === null || this.down.has(to) || this.down.has(from)) {
      return failed('unreachable', `nobody answers at ${to}`);
    }
    const wrong = requestTypes.has(passed.type) ? checkBody(passed.type, passed.body) : 'unknown type';
    if (wrong !== null) return failed('rejected', wrong);
    let replies: readonly OutMessage[];
    try {
      const { type, body } = passed;
      const { boot } = this.members[from]?.running ?? { boot: '' };
      replies = await running.services.handle({ from, ceremony, type, body, boot, receivedAt: Date.now() });
    } catch (error) {
      this.member(to).log.push(JSON.stringify({ level: 'error', event: 'message_failed', detail: String(error) }));
      return failed('rejected', 'the receiver could not handle this message; its log says why');
    }
    const back = this.meddleReply({ from, to, request: passed, replies: replies.map(overTheWire) });
    const bad = back.map(({ type, body }) => checkBody(type, body)).find((flaw) => flaw !== null);
    if (bad !== undefined) return failed('bad_reply', String(bad));
    const peerTime = Date.now();
    return { ok: true, messages: back, boot: running.boot, peerTime, roundTripMs: 1 };
  }
}

// What goes over the network is canonical JSON; a value that is no such JSON must fail here too.
function overTheWire({ type, body }: OutMessage): OutMessage {
  const json: Json = JSON.parse(new TextDecoder().decode(canonicalBytes(body)));
  return { type, body: json };
}

export function ringOf(config: OperatorConfig): KeyRing {
  const { keySharePath: path, network, myIndex: index } = config;
  return new KeyRing({ path, network, index, workFactor: WORK_FACTOR });
}

function effectsOf(member: Member): Effects {
  return {
    now: () => Date.now() + member.clockOffsetMs + member.passedMs,
    monotonic: () => performance.now() + member.passedMs,
    random: (bytes) => {
      const taken = member.random(bytes);
      member.randomTaken.push(hex(taken));
      return taken;
    },
    sleep: (ms) => Bun.sleep(Math.min(ms, SLEEP_MS_MAX)),
    every: (ms, run) => {
      const timer = setInterval(run, ms);
      return () => clearInterval(timer);
    },
  };
}

async function found(federation: FederationInMemory, { config, index }: Member): Promise<void> {
  const { tlsCertPath: certificatePath, tlsKeyPath: keyPath, name } = config;
  const address = config.partyAddresses[index]?.text ?? '';
  await ensureTlsFiles({ certificatePath, keyPath, name, address, now: Date.now() });
  const tls = await loadTlsIdentity(certificatePath, keyPath, Date.now());
  if (!tls.ok) throw new Error(`${federation.folder}: ${tls.detail}`);
  const ring = ringOf(config);
  await ring.create(PASSPHRASE, () => crypto.getRandomValues(new Uint8Array(32)));
  const store = openStore(config.securityDbPath);
  ensureOwnCard(config, store.db, ring, tls.identity.facts.pem, Date.now());
  store.close();
  ring.close();
}

function memberConfig(folder: string, index: number, addresses: readonly string[], threshold: number): OperatorConfig {
  const raw = {
    parties: addresses.length,
    threshold,
    party_addresses: addresses,
    my_index: index,
    key_share_path: 'key_share.enc',
    tls_cert_path: 'tls.crt',
    tls_key_path: 'tls.key',
    user_db_path: 'user.db',
    security_db_path: 'security.db',
    bitcoin_nodes: ['http://127.0.0.1:18443'],
    normal_confirmations: 6,
    fork_confirmations: 12,
    network: 'regtest',
    wire_nodes: ['http://127.0.0.1:18555'],
    wire_confirmations: 6,
  };
  const verdict = checkConfig(raw, join(folder, 'config.json'), folder);
  if (!verdict.ok) throw new Error(JSON.stringify(verdict.problems));
  return verdict.config;
}
