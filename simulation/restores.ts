// Faults of people and disks: nodes are put back to an older state of their databases, several at once or all, or begin with an
// empty one and their key files; or a copy of a node is started beside it.
import { sameHead } from '../crypto/head-statement.ts';
import { stateHead } from '../store/node-state.ts';
import { getPeer } from '../store/peers.ts';
import { ChainView } from './chain-view.ts';
import { Member } from './member.ts';
import { openMemoryStore } from './memory-store.ts';
import type { Prng } from './prng.ts';
import type { World } from './world.ts';

const OUTAGE_MS_MIN = 500;
const OUTAGE_MS_MAX = 20_000;
const RETRY_MS = 1_000;
const RETRIES_MAX = 15;
/** How much of the nodes is put back at once, and to what: each is drawn by itself. */
const HOW_MANY = ['one', 'one', 'some', 'all'] as const;
const TO_WHAT = ['older', 'older', 'empty'] as const;
/** Enough for two beats of each copy at its own pace, with what they take on a slow network, in ms. */
const COPIES_STOP_MS = 45_000;
/** When a copy that is kept apart is made, and how long it is, in ms: each part comes to sign meanwhile. */
const APART_FROM_MS_MIN = 5_000;
const APART_FROM_MS_MAX = 30_000;
const APART_MS_MIN = 60_000;
const APART_MS_MAX = 80_000;

export class Restores {
  readonly #world: World;
  readonly #prng: Prng;

  constructor(world: World) {
    this.#world = world;
    this.#prng = world.prng.fork('restores');
  }

  /** Plans everything that happens while faults last. */
  schedule(): void {
    const { time, plan, members, liars } = this.#world;
    const prng = this.#prng;
    const honest = members.filter(({ index }) => !liars.has(index));
    for (let i = 0; i < plan.faults.restores; i++) {
      const at = prng.int(0, plan.faultsMs / 2);
      const later = prng.int(at + 2_000, (plan.faultsMs * 3) / 4);
      const chosen = this.#chosen(honest);
      const many = chosen.length === honest.length ? 'all honest nodes' : 'several nodes';
      this.#world.tally.add(`restores of ${chosen.length === 1 ? 'one node' : many} at once`);
      // One alone is mostly put back when all peers know what it loses: then they must show it so.
      const waits = chosen.length === 1 ? RETRIES_MAX : 0;
      for (const member of chosen) {
        if (prng.pick(TO_WHAT) === 'empty') time.after(later, () => this.#putBack(member, null, waits));
        else this.#keptFrom(member, at, (bytes) => time.after(later - at, () => this.#putBack(member, bytes, waits)));
      }
    }
    if (!plan.faults.clone) return;
    const member = prng.pick(honest);
    if (plan.rare.copyApart) {
      this.#scheduleApart(member);
      return;
    }
    const at = prng.int(0, plan.faultsMs / 4);
    const later = prng.int(at, plan.faultsMs / 2);
    this.#keptFrom(member, at, (bytes) => time.after(later - at, () => this.#copy(member, bytes)));
  }

  #keptFrom(member: Member, at: number, keep: (bytes: Uint8Array) => void): void {
    this.#world.time.after(at, () => keep(member.process?.store.snapshot() ?? member.disk));
  }

  #chosen(honest: readonly Member[]): readonly Member[] {
    const order = this.#prng.shuffled(honest);
    const howMany = this.#prng.pick(HOW_MANY);
    if (howMany === 'all') return order;
    return order.slice(0, howMany === 'one' ? 1 : this.#prng.int(1, order.length));
  }

  /** `bytes`: of the older state; null: its database is lost, and its key file is all it has. */
  #putBack(member: Member, bytes: Uint8Array | null, waits: number): void {
    const { time, trace, tally, oracle, founding } = this.#world;
    if (!this.#world.faulty) return;
    if (waits > 0 && !this.#isShown(member)) {
      time.after(RETRY_MS, () => this.#putBack(member, bytes, waits - 1));
      return;
    }
    const disk = bytes ?? founding.emptyDisk(member.index);
    const now = headOf(member.process?.store.snapshot() ?? member.disk);
    const before = headOf(disk);
    const isShown = this.#isShown(member);
    this.#world.crash(member, 'to be put back');
    trace.add(`node ${member.name} is put back from ${now.epoch}/${now.seq} to ${before.epoch}/${before.seq}`);
    member.putBack(disk);
    // A node that is put back has forgotten what it saw of the others, also where its own head is the same.
    for (const other of this.#world.members) other.regressedTo = null;
    if (!sameHead(now, before)) {
      tally.add(bytes === null ? 'restores to an empty database' : 'restores of older states');
      member.isPutBack = true;
      // After nodes were put back together, a state that was kept earlier may be ahead of what its peers were shown since.
      const isOlder = before.epoch < now.epoch || (before.epoch === now.epoch && before.seq < now.seq);
      member.regressedTo = isShown && isOlder ? before.epoch : null;
      oracle.putBack(member);
      this.#world.acknowledged = this.#world.acknowledged.filter(({ index }) => index !== member.index);
    }
    time.after(this.#prng.int(OUTAGE_MS_MIN, OUTAGE_MS_MAX), () => this.#world.start(member));
  }

  #isShown(member: Member): boolean {
    const { process } = member;
    if (process === null) return false;
    const head = stateHead(process.store.db);
    return this.#world.members.every((other) => {
      if (other === member || this.#world.liars.has(other.index)) return true;
      const seen = other.process === null ? null : (getPeer(other.process.store.db, member.index)?.head ?? null);
      return seen !== null && sameHead(seen, head);
    });
  }

  #copy(member: Member, bytes: Uint8Array): void {
    const { time, trace, tally } = this.#world;
    if (member.process === null) return;
    const copy = this.#copyOf(member, bytes);
    const isReached = this.#prng.chance(0.4);
    trace.add(`a copy of node ${member.name} is started${isReached ? ' and gets its address' : ''}`);
    tally.add('copies of living nodes');
    this.#world.clone = { member: copy, isReached, side: null, wasApart: false };
    this.#world.start(copy);
    time.after(COPIES_STOP_MS, () => this.#stopped(member, copy));
  }

  #scheduleApart(member: Member): void {
    const { time } = this.#world;
    const from = this.#prng.int(APART_FROM_MS_MIN, APART_FROM_MS_MAX);
    const keptFrom = this.#prng.int(from / 2, from);
    const bytes: { at: Uint8Array | null } = { at: null };
    this.#keptFrom(member, keptFrom, (kept) => {
      bytes.at = kept;
    });
    time.after(from, () => this.#copyApart(member, bytes.at ?? member.disk));
  }

  // The network falls apart with the original in one part and its copy, or a standby that was made of it, in the other.
  #copyApart(member: Member, bytes: Uint8Array): void {
    const { time, trace, tally, members, network, plan } = this.#world;
    if (member.process === null) return;
    const peers = this.#prng.shuffled(members.map(({ index }) => index).filter((index) => index !== member.index));
    const side = new Set(peers.slice(0, this.#prng.int(1, peers.length - 1)));
    const copy = this.#copyOf(member, bytes);
    const isReached = this.#prng.chance(0.4);
    trace.add(`a copy of node ${member.name} is started, apart from it, with ${[...side].join()}`);
    tally.add('copies kept apart from the original');
    const clone = { member: copy, isReached, side, wasApart: true };
    this.#world.clone = clone;
    const heal = network.partition([...side], plan.participants, member.index);
    this.#world.start(copy);
    time.after(this.#prng.int(APART_MS_MIN, APART_MS_MAX), () => {
      trace.add(`the copy of node ${member.name} is no longer apart${isReached ? ' and gets its address' : ''}`);
      for (const { process, name } of [member, copy]) {
        if (process?.phase === 'live')
          tally.add(`kept apart, came to sign: ${name === copy.name ? 'copy' : 'original'}`);
      }
      heal();
      this.#world.clone = { ...clone, side: null };
      time.after(COPIES_STOP_MS, () => this.#stopped(member, copy));
    });
  }

  #copyOf(member: Member, bytes: Uint8Array): Member {
    const { chain, founding } = this.#world;
    const origin = { ...founding, keyFile: () => member.keyFile, disk: () => bytes };
    const copy = new Member(member.index, new ChainView(chain), origin, '*');
    copy.skewMs = member.skewMs;
    return copy;
  }

  // Both have stopped by now, and everybody was told; then people end the copy and start the node again.
  #stopped(member: Member, copy: Member): void {
    const { trace, members } = this.#world;
    for (const { name, process } of [member, copy]) {
      if (process !== null && process.phase !== 'halted') {
        trace.violated('never 5', `of two living copies, ${name} is ${process.phase}`);
      }
      const problems = process?.services.heartbeat?.problems() ?? [];
      if (process !== null && problems.length === 0) trace.violated('never 5', `copy ${name} raises no alarm`);
    }
    const peers = members.filter((other) => other !== member && other.process !== null);
    if (!peers.some(({ process }) => process?.heard.sawDuplicates(member.index))) {
      trace.violated('never 5', `no peer of node ${member.index} knows that it runs twice`);
    }
    copy.process?.end();
    this.#world.oracle.forget(copy);
    this.#world.clone = null;
    trace.add(`the copy of node ${member.name} is ended`);
    this.#world.restart(member, 'by its operator');
  }
}

function headOf(bytes: Uint8Array): ReturnType<typeof stateHead> {
  const store = openMemoryStore(bytes, () => {});
  try {
    return stateHead(store.db);
  } finally {
    store.database.close();
  }
}
