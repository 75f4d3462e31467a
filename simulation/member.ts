// One organisation of a simulated federation: what survives its process (database, key file, clock) and the process, of
// which a crash leaves nothing. A process that has ended never gets another answer from the world, so that it stands still
// for ever; and what it still writes goes to a copy of the database that nobody opens again.
import type { Database } from 'bun:sqlite';
import type { GuardState } from '../ceremony/guard.ts';
import type { Session } from '../crypto/identity.ts';
import type { Node } from '../operator/node.ts';
import type { PeerClient } from '../operator/peers/deliver.ts';
import { newSession } from '../operator/peers/session.ts';
import type { Effects } from '../operator/runtime/effects.ts';
import type { Log } from '../operator/runtime/log.ts';
import { type Services, startServices } from '../operator/services.ts';
import { type RecipientScript, rememberRecipient } from '../store/recipients.ts';
import { bitcoinViewOf, type ChainView } from './chain-view.ts';
import type { Draws } from './draws.ts';
import { Heard } from './heard.ts';
import { type MemoryKeyFile, MemoryKeyRing } from './memory-key-ring.ts';
import { type MemoryStore, openMemoryStore } from './memory-store.ts';
import { type KeyUse, ObservedKeys } from './observed-keys.ts';
import { ObservedValidation, type Overrule, type VerdictWatch } from './observed-validation.ts';
import type { Prng } from './prng.ts';
import type { Founding, Stage } from './stage.ts';

/** When simulated time begins, in ms since 1970. */
export const EPOCH_MS = 1_800_000_000_000;
const FOLLOW_MS = 10_000;
const ANSWER_MS_MAX = 30;
/** As on any network but regtest. */
const BEAT_MS = 10_000;
const VERSION = '0.0.0-simulated';

export class Member {
  readonly index: number;
  /** The index; of a copy of a node, with a mark. */
  readonly name: string;
  readonly view: ChainView;
  readonly wire = { lag: 0, isDown: false };
  readonly keyFile: MemoryKeyFile;
  readonly draws: Draws;
  skewMs = 0;
  disk: Uint8Array;
  process: Process | null = null;
  starts = 0;
  crashes = 0;
  awaits = 0;
  /** At how many points it might have ended so far (rare-faults.ts). */
  points = 0;
  commits = 0;
  /** Its database was put back, and it has not signed since. */
  isPutBack = false;
  /** The epoch of that older state, where all honest peers have seen a newer one and remember it. */
  regressedTo: number | null = null;
  /** The latest `issued_at` of its starts, and of those that its database, put back since, may know nothing of. */
  latestStart = Number.NEGATIVE_INFINITY;
  forgottenStart = Number.NEGATIVE_INFINITY;

  constructor(index: number, view: ChainView, { keyFile, disk, draws }: Founding, mark = '') {
    this.index = index;
    this.name = `${index}${mark}`;
    this.view = view;
    this.keyFile = keyFile(index);
    this.disk = disk(index);
    this.draws = draws(this.name);
  }

  /** Puts its database back to an older state. */
  putBack(disk: Uint8Array): void {
    this.disk = disk;
    this.forgottenStart = this.latestStart;
  }
}

/**
 * A copy of a node, and whether it is the one that peers reach. `side`: the peers that reach the copy alone, and are
 * reached by it alone, as long as the network keeps it apart from the original; `wasApart`: it ever did.
 */
export interface Clone {
  readonly member: Member;
  readonly isReached: boolean;
  readonly side: ReadonlySet<number> | null;
  readonly wasApart: boolean;
}

/** Breaks a node on purpose. */
export interface NodeSabotage {
  /** Runs when a node's database is opened. */
  readonly store?: (database: Database) => void;
  /** In place of random bytes, where it gives any. */
  readonly random?: (length: number) => Uint8Array | null;
  /** What a crash leaves of the database; `before`: as this start found it. */
  readonly restart?: (now: Uint8Array, before: Uint8Array) => Uint8Array;
}

/** What a node's process needs of the run around it. */
export interface Surroundings extends Stage {
  readonly founding: Founding;
  readonly sabotage: NodeSabotage;
  readonly members: readonly Member[];
  readonly network: { clientOf(process: Process): PeerClient };
  readonly oracle: {
    sees(process: Process, use: KeyUse): void;
    verdicts(member: Member): VerdictWatch;
    viewChanged(member: Member): void;
  };
  readonly keyRestores: { committed(member: Member): void };
  identityKeyOf(index: number): Uint8Array | null;
  overruleOf(index: number): Overrule | null;
  /** Whether a crash strikes a node here; it has ended then. */
  strikes(member: Member, where: string): boolean;
  /** A node has stopped for good. */
  halted(process: Process): void;
}

/** One start of a node. */
export class Process {
  readonly #world: Surroundings;
  readonly #member: Member;
  readonly #prng: Prng;
  /** In virtual ms: no process knows the time by another's clock, nor by that of its life before. */
  readonly #begunAt: number;
  readonly store: MemoryStore;
  readonly session: Session;
  readonly heard: Heard;
  readonly node: Node;
  readonly services: Services;
  isAlive = true;

  constructor(world: Surroundings, member: Member) {
    this.#world = world;
    this.#member = member;
    this.#begunAt = world.time.now;
    this.#prng = world.prng.fork(`process/${member.name}/${member.starts}`);
    member.starts += 1;
    this.store = openMemoryStore(member.disk, () => this.#committed());
    world.sabotage.store?.(this.store.database);
    this.node = this.#open();
    const identity = this.node.keyRing.identity();
    const { index } = member;
    this.session = newSession(
      { identity, network: this.node.config.network, index },
      this.store.db,
      this.node.input.effects,
    );
    member.latestStart = Math.max(member.latestStart, this.session.certificate.issued_at);
    member.process = this;
    this.heard = new Heard(index, () => world.time.now);
    this.services = startServices(this.node, {
      boot: this.boot,
      client: world.network.clientOf(this),
      peers: () => world.members.map((one) => one.index).filter((one) => one !== index),
      guard: {
        session: this.session,
        identityKey: identity.publicKey,
        identityKeyOf: (one) => world.identityKeyOf(one),
        watch: this.heard,
        intervalMs: BEAT_MS,
      },
    });
    this.node.input.effects.every(FOLLOW_MS, () => this.look());
  }

  get index(): number {
    return this.#member.index;
  }

  get member(): Member {
    return this.#member;
  }

  get boot(): string {
    return this.session.certificate.boot;
  }

  /** Where this start stands with its peers. */
  get phase(): GuardState['phase'] {
    return this.services.heartbeat?.standing.state.phase ?? 'live';
  }

  /** The node's own clock, in ms since 1970. */
  now(): number {
    return EPOCH_MS + this.#world.time.now + this.#member.skewMs;
  }

  /** Has the node look for a recipient's deposits. */
  expect(recipient: RecipientScript): void {
    rememberRecipient(this.store.db, recipient, this.now());
  }

  /** Looks at once what there is to do, as it does by itself from time to time. */
  look(): void {
    if (!this.isAlive) return;
    void this.services.follower.round();
    void this.services.autopilot.round();
  }

  /** Marks the beginning of an await; false where the process is no more, or ends just before it does anything. */
  enter(what: string): boolean {
    if (!this.isAlive) return false;
    this.#member.awaits += 1;
    return !this.#world.strikes(this.#member, `before ${what}`);
  }

  /** Marks that what the await asks for has been sent: the process may end before it learns the outcome. */
  left(what: string): void {
    if (this.isAlive) this.#world.strikes(this.#member, `after ${what}`);
  }

  /** Ends as `kill -9` ends a process. */
  end(): void {
    this.#member.disk =
      this.#world.sabotage.restart?.(this.store.snapshot(), this.#member.disk) ?? this.store.snapshot();
    this.isAlive = false;
    this.#member.process = null;
  }

  /** Asks the outside world and waits for the answer. */
  readonly ask = <T>(what: string, answer: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      if (!this.enter(what)) return;
      const settle = (): void => {
        if (!this.isAlive) return;
        try {
          resolve(answer());
        } catch (error) {
          reject(error);
        }
      };
      if (this.#world.founding.answersAtOnce) settle();
      else this.#world.time.after(this.#prng.int(0, ANSWER_MS_MAX), settle);
      this.left(what);
    });

  #committed(): void {
    // Before it is anybody's process it has told nobody anything: to end it then is not to start it.
    if (!this.isAlive || this.#member.process !== this) return;
    this.#member.commits += 1;
    this.#world.keyRestores.committed(this.#member);
    this.#world.oracle.viewChanged(this.#member);
    this.#world.strikes(this.#member, 'after a commit');
  }

  #open(): Node {
    const { index } = this.#member;
    const world = this.#world;
    const config = world.founding.config(index);
    const effects = this.#effects();
    const { db } = this.store;
    const keyRing = new MemoryKeyRing(config.network, index, this.#member.keyFile, (write) =>
      this.ask('write the key file', write),
    );
    const keys = new ObservedKeys(db, keyRing, index, (seen) => this.isAlive && world.oracle.sees(this, seen));
    const bitcoin = bitcoinViewOf(this.#member.view, this.ask);
    const wire = world.ledger.viewOf(this.#member.wire, this.ask);
    const log: Log = (level, event, fields = {}) => {
      if (!this.isAlive) return;
      const line = `${level} ${event} ${JSON.stringify(fields)}`;
      world.secrets.check(`the log of node ${index}`, line);
      world.tally.add(`log ${event}`);
      if (level !== 'info') world.trace.add(`log ${index} ${line}`);
      if (event === 'guard_halted') world.halted(this);
    };
    const validating = { config, db, keys, bitcoin, wire, verifyProof: null, effects, log };
    const validation = new ObservedValidation(validating, world.oracle.verdicts(this.#member), world.overruleOf(index));
    const openGate = (): never => {
      throw new Error('a simulated node has no listener');
    };
    const input = { config, version: VERSION, home: '/', env: {}, effects, log, openGate };
    const store = { db, path: ':memory:', close: () => {} };
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
      startedAt: this.now(),
      online: null,
    };
  }

  #effects(): Effects {
    const { time, sabotage } = this.#world;
    return {
      now: () => this.now(),
      monotonic: () => time.now - this.#begunAt,
      random: (length) => sabotage.random?.(length) ?? this.#member.draws.bytes(length),
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (!this.enter('sleep')) return;
          const wake = (): void => {
            if (this.isAlive) resolve();
          };
          const cancel = time.after(ms, wake);
          signal?.addEventListener('abort', () => {
            cancel();
            wake();
          });
        }),
      every: (ms, run) => {
        let stopped = false;
        const again = (): void => {
          time.after(ms, () => {
            if (stopped || !this.isAlive) return;
            run();
            again();
          });
        };
        again();
        return () => {
          stopped = true;
        };
      },
    };
  }
}
