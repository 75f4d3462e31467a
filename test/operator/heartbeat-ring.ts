// Heartbeats of several nodes with real stores, a clock that the test moves, and messages handed over in memory.
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';
import { createSession, type IdentitySecret, identityFromSeed, type Session } from '../../crypto/identity.ts';
import type { PeerClient, SendResult } from '../../operator/peers/deliver.ts';
import { parseServiceMessage } from '../../operator/peers/messages.ts';
import type { Beat } from '../../operator/peers/messages-guard.ts';
import { Heartbeat, type HeartbeatInput } from '../../operator/rollback-guard/heartbeat.ts';
import { checkBody } from '../../operator/services.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { openStore, type Store } from '../../store/open.ts';
import { putPeer } from '../../store/peers.ts';

export const INTERVAL_MS = 2_000;
export const NETWORK = 'regtest';
/** How far apart a heartbeat ticks that keeps itself going. */
const TICK_MS = 250;
const fresh = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));

/** One node: what stays on its disk, and its running process. */
export interface RingNode {
  readonly index: number;
  readonly identity: IdentitySecret;
  readonly file: string;
  store: Store;
  session: Session;
  heartbeat: Heartbeat;
  watch: HeartbeatInput['watch'];
  readonly log: string[];
  /** How often it was told to drop its secret nonces. */
  stops: number;
}

export class Ring {
  readonly nodes: RingNode[] = [];
  readonly down = new Set<number>();
  /** Changes a peer's answer on its way. */
  meddle: (from: number, to: number, beat: Beat) => Beat = (_, __, beat) => beat;
  sent = 0;
  /** The clock of all nodes, which a test may set. */
  now = 1_900_000_000_000;
  /** By how much a node's clock differs from that, in ms. */
  readonly skews = new Map<number, number>();
  #elapsed = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), 'mpc-ring-'));
  readonly #size: { readonly parties: number; readonly threshold: number };

  constructor(parties: number, threshold: number) {
    this.#size = { parties, threshold };
    const identities = Array.from({ length: parties }, () => identityFromSeed(fresh(32)));
    for (const [index, identity] of identities.entries()) {
      const file = join(this.#folder, `${index}.db`);
      const store = openStore(file);
      for (const [peer, { publicKey }] of identities.entries()) {
        putPeer(store.db, { index: peer, identityKey: Buffer.from(publicKey).toString('hex'), card: {} }, this.now);
      }
      this.nodes.push(this.#begin({ index, identity, file }, store));
    }
  }

  node(index: number): RingNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  clockOf(index: number): number {
    return this.now + (this.skews.get(index) ?? 0);
  }

  phase(index: number): string {
    return this.node(index).heartbeat.standing.state.phase;
  }

  /** Lets so many ms pass. */
  pass(ms: number): void {
    this.now += ms;
    this.#elapsed += ms;
  }

  /** Every node beats to every peer so many times, a little apart. */
  async rounds(count: number, gapMs = 300): Promise<void> {
    for (let round = 0; round < count; round++) {
      this.pass(gapMs);
      for (const { index } of this.nodes) if (!this.down.has(index)) await this.beat(index);
    }
  }

  /** One node beats to all others. */
  async beat(index: number): Promise<void> {
    for (const peer of this.nodes) if (peer.index !== index) await this.node(index).heartbeat.beat(peer.index);
  }

  /** A node keeps beating by itself for so long; the very first tick of a start is at its beginning. */
  idle(index: number, ms: number): void {
    const { heartbeat } = this.node(index);
    for (let tick = 0; tick < ms / TICK_MS; tick++) {
      this.pass(TICK_MS);
      heartbeat.tick();
    }
  }

  /** Writes something down at a node. */
  decide(index: number, what: string): void {
    appendAudit(this.node(index).store.db, this.now, 'test_decided', { what });
  }

  backup(index: number): void {
    this.#whileClosed(index, (file) => copyDatabase(file, `${file}.backup`));
  }

  /** Puts a node back to its backup and starts it again. */
  restore(index: number): void {
    this.#whileClosed(index, (file) => copyDatabase(`${file}.backup`, file));
  }

  /** Ends a node's process and starts another. */
  restart(index: number): void {
    this.#whileClosed(index, () => {});
  }

  close(): void {
    for (const { heartbeat, store } of this.nodes) {
      heartbeat.close();
      store.close();
    }
    rmSync(this.#folder, { recursive: true });
  }

  #whileClosed(index: number, body: (file: string) => void): void {
    const node = this.node(index);
    node.heartbeat.close();
    node.store.close();
    body(node.file);
    this.pass(1_000);
    this.nodes[index] = this.#begin(node, openStore(node.file));
  }

  #begin(of: Pick<RingNode, 'index' | 'identity' | 'file'>, store: Store): RingNode {
    const { index, identity, file } = of;
    const { parties: participants, threshold } = this.#size;
    const input = { identity, network: NETWORK, index, boot: fresh(16), seed: fresh(32), now: this.now };
    const session = createSession(input);
    const log: string[] = [];
    const heartbeat = new Heartbeat({
      ...{
        session,
        db: store.db,
        identityKey: identity.publicKey,
        client: this.#client(index),
        intervalMs: INTERVAL_MS,
      },
      identityKeyOf: (peer) => this.nodes[peer]?.identity.publicKey ?? null,
      setup: { myIndex: index, participants, threshold },
      watch: {
        duplicateOf: (peer) => node.watch.duplicateOf(peer),
        earlierHeardAgo: (peer) => node.watch.earlierHeardAgo(peer),
      },
      effects: {
        now: () => this.clockOf(index),
        monotonic: () => this.#elapsed,
        sleep: async () => {},
        every: () => () => {},
      },
      log: (level, event, fields = {}) => void log.push(`${level} ${event} ${JSON.stringify(fields)}`),
      facts: async () => ({ version: 'test', key_id: null, bitcoin_height: null, recipients: 0 }),
    });
    heartbeat.whenStopped(() => {
      node.stops += 1;
    });
    const watch = { duplicateOf: () => null, earlierHeardAgo: () => null };
    const node: RingNode = { index, identity, file, store, session, heartbeat, watch, log, stops: 0 };
    return node;
  }

  #client(from: number): PeerClient {
    return {
      send: async (to, { type, body }): Promise<SendResult> => {
        this.sent += 1;
        const lost = { ok: false, error: 'unreachable', rejection: null, detail: 'down' } as const;
        if (this.down.has(to)) return lost;
        const asked = parseServiceMessage(type, travelled(body));
        if (asked === null || asked === false || asked.type !== 'heartbeat') throw new Error(`not a beat: ${type}`);
        const answer = this.node(to).heartbeat.answer(from, asked.body);
        const parsed = parseServiceMessage('heartbeat_reply', travelled(answer));
        if (parsed === null || parsed === false || parsed.type !== 'heartbeat_reply')
          throw new Error('no beat came back');
        const reply = { ...this.meddle(to, from, parsed.body) };
        const json = travelled(reply);
        if (checkBody('heartbeat_reply', json) !== null) throw new Error('a meddled beat must keep its form');
        const messages = [{ type: 'heartbeat_reply', body: json }];
        return { ok: true, messages, boot: '', peerTime: this.clockOf(to), roundTripMs: 1 };
      },
    };
  }
}

// The journal belongs to the file: what was committed last may stand in it alone.
function copyDatabase(from: string, to: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${to}${end}`, { force: true });
  for (const end of ['', '-wal']) if (existsSync(`${from}${end}`)) cpSync(`${from}${end}`, `${to}${end}`);
}

// What goes over the network is canonical JSON.
function travelled(value: unknown): Json {
  const json: Json = JSON.parse(JSON.stringify(value));
  return JSON.parse(new TextDecoder().decode(canonicalBytes(json)));
}
