// A whole simulated federation with its chain, ledger, network and checkers: what all parts of a run share.
import type { LineRoot } from '../chain/line.ts';
import { toHex } from '../crypto/bytes.ts';
import { signerFromSeed } from '../crypto/ed25519.ts';
import type { RecipientScript } from '../store/recipients.ts';
import { SimulatedChain } from './chain.ts';
import { ChainView } from './chain-view.ts';
import { CrashPoints } from './crash-points.ts';
import { dealtKeys, dealtSecrets } from './dealer.ts';
import { Draws } from './draws.ts';
import { KeyRestores } from './key-restores.ts';
import { SimulatedLedger } from './ledger.ts';
import { Liars } from './liars.ts';
import { type Clone, EPOCH_MS, Member, type NodeSabotage, Process } from './member.ts';
import { configOf, diskOf, keyFileOf } from './member-config.ts';
import { Network } from './network.ts';
import type { Overrule } from './observed-validation.ts';
import { Oracle } from './oracle.ts';
import type { Plan } from './plan.ts';
import { Prng } from './prng.ts';
import { SecretScan } from './secret-scan.ts';
import type { Founding, Stage } from './stage.ts';
import { Tally } from './tally.ts';
import { Trace, type Violation } from './trace.ts';
import { fund, fundDeeply, rootOf } from './treasury.ts';
import { VirtualTime } from './virtual-time.ts';

/** Breaks nodes on purpose, so that a test can see the checkers find it. */
export interface Sabotage extends NodeSabotage {
  /** Of every honest node. */
  readonly validation?: Overrule;
  /** What the checkers are to pass over, to see what else they find. */
  readonly tolerated?: readonly Violation['line'][];
  /** Whether peers take no note of which start of a node speaks. */
  readonly startsUnheard?: boolean;
  /** Takes part in every event. */
  readonly event?: (world: World) => void;
}

/** Something a caller was told, to be found in the node's database for ever. */
export interface Acknowledged {
  readonly index: number;
  readonly what: string;
  readonly isKept: (process: Process) => boolean;
}

const RESTART_MS_MIN = 200;
const RESTART_MS_MAX = 30_000;

export class World implements Stage {
  readonly plan: Plan;
  readonly prng: Prng;
  readonly time = new VirtualTime();
  readonly trace: Trace;
  readonly secrets: SecretScan;
  readonly chain = new SimulatedChain();
  readonly ledger: SimulatedLedger;
  readonly liars: Liars;
  readonly network: Network;
  readonly oracle: Oracle;
  readonly members: readonly Member[];
  readonly groupKey: Uint8Array;
  readonly keyId: string;
  readonly root: LineRoot | null;
  readonly sabotage: Sabotage;
  readonly founding: Founding;
  /** Whose deposits nodes look for. */
  readonly recipients: RecipientScript[] = [];
  acknowledged: readonly Acknowledged[] = [];
  readonly tally = new Tally();
  readonly crashPoints: CrashPoints;
  readonly keyRestores: KeyRestores;
  /** A copy of a node that runs beside it. */
  clone: Clone | null = null;
  readonly #identityKeys: readonly Uint8Array[];
  faulty = true;
  #crashes = 0;
  readonly #crashPrng: Prng;

  constructor(plan: Plan, sabotage: Sabotage = {}, founding: Founding = withDealtKeys(plan)) {
    this.plan = plan;
    this.founding = founding;
    this.sabotage = sabotage;
    this.trace = new Trace(() => this.time.now, sabotage.tolerated);
    this.secrets = new SecretScan(this.trace);
    this.prng = new Prng(`world/${plan.seed}`);
    this.#crashPrng = this.prng.fork('crashes');
    this.crashPoints = new CrashPoints(this);
    this.keyRestores = new KeyRestores(this);
    const keys = dealtKeys(plan.participants, plan.threshold);
    this.groupKey = keys.bitcoin.publicKey;
    this.keyId = keys.keyId;
    this.root = founding.root;
    founding.prepare(this.chain);
    this.ledger = new SimulatedLedger(keys.attestation.publicKey, () => BigInt(this.nowS()));
    this.liars = new Liars(plan.liars, this.prng.fork('liars'));
    this.network = new Network(this);
    this.oracle = new Oracle(this);
    this.members = Array.from({ length: plan.participants }, (_, index) => {
      return new Member(index, new ChainView(this.chain), founding);
    });
    this.#identityKeys = this.members.map(({ keyFile }) => signerFromSeed(keyFile.contents.identitySeed).publicKey);
    this.secrets.add(...dealtSecrets(keys));
    for (const { keyFile } of this.members) {
      this.secrets.add(toHex(keyFile.contents.identitySeed), toHex(keyFile.contents.hostSecret));
    }
  }

  /** True time in s since 1970. */
  nowS(): number {
    return Math.floor((EPOCH_MS + this.time.now) / 1000);
  }

  member(index: number): Member {
    const member = this.members[index];
    if (member === undefined) throw new Error(`there is no node ${index}`);
    return member;
  }

  identityKeyOf(index: number): Uint8Array | null {
    return this.#identityKeys[index] ?? null;
  }

  /** All nodes, a copy too. */
  everyone(): readonly Member[] {
    return this.clone === null ? this.members : [...this.members, this.clone.member];
  }

  /** Who answers at a node's address, when `asker` asks. */
  answering(index: number, asker: number): Process | null {
    const { clone } = this;
    if (clone?.member.index !== index) return this.member(index).process;
    const isCopy = clone.side === null ? clone.isReached : clone.side.has(asker);
    return isCopy ? clone.member.process : this.member(index).process;
  }

  /** Whether a living copy of a node, or its original, is kept apart from this peer. */
  isApart(member: Member, peer: number): boolean {
    const { clone } = this;
    if (clone === null || clone.side === null || clone.member.index !== member.index) return false;
    return clone.side.has(peer) !== (member === clone.member);
  }

  /** A node has stopped for good. */
  halted({ index, member, session, services }: Process): void {
    const state = services.heartbeat?.standing.state;
    if (state?.phase !== 'halted' || this.clone?.member.index === index) return;
    // An older database knows nothing of the starts since: with the clock set back as well, nothing tells a later one of
    // them from a living copy, and to halt is right.
    if (session.certificate.issued_at <= member.forgottenStart) {
      this.tally.add('halts of nodes put back whose clocks were set back too');
      return;
    }
    this.trace.violated('never 5', `node ${index} takes itself for two: ${state.detail}`);
  }

  /** The nodes that run and do not lie. */
  honest(): readonly Process[] {
    return this.members.flatMap(({ index, process }) => (process === null || this.liars.has(index) ? [] : [process]));
  }

  /** What validation of this node is overruled by: a liar's approves everything that has a form and decides nothing. */
  overruleOf(index: number): Overrule | null {
    if (!this.liars.has(index)) return this.sabotage.validation ?? null;
    return (honest) => (honest.ok ? { ...honest, decide: () => ({ ok: true }) } : honest);
  }

  start(member: Member): void {
    if (member.process !== null) return;
    this.crashPoints.starting(member);
    this.trace.add(`start ${member.name}`);
    const process = new Process(this, member);
    for (const recipient of this.recipients) process.expect(recipient);
    if (this.liars.has(member.index) || member !== this.members[member.index]) return;
    for (const { index, what, isKept } of this.acknowledged) {
      if (index === member.index && !isKept(process)) this.trace.violated('never 7', `node ${index} has lost ${what}`);
    }
    const missing = this.oracle.missingDecision(process);
    if (missing !== null) this.trace.violated('never 7', `node ${member.index} has lost its decision of ${missing}`);
    if (this.crashPoints.started(process)) this.#crashForAWhile(member, 'as soon as it was started');
  }

  /** Whether a crash strikes a node here; it has ended then. */
  strikes(member: Member, where: string): boolean {
    member.points += 1;
    if (!this.#isStruck(member) && !this.crashPoints.strikes(member, where)) return false;
    this.#crashForAWhile(member, where);
    return true;
  }

  #isStruck(member: Member): boolean {
    const { crashAt, faults } = this.plan;
    if (crashAt !== null) {
      return member.index === crashAt.node && member.crashes === 0 && member.awaits === crashAt.await;
    }
    if (!this.faulty || this.#crashes >= faults.crashesMax || faults.crash === 0) return false;
    return this.#crashPrng.chance(faults.crash);
  }

  #crashForAWhile(member: Member, where: string): void {
    this.crash(member, where);
    this.time.after(this.#crashPrng.int(RESTART_MS_MIN, RESTART_MS_MAX), () => this.start(member));
  }

  /** Keeps what a caller was told. */
  acknowledge(told: Acknowledged): void {
    this.acknowledged = [...this.acknowledged, told];
  }

  /** Ends a node's process. */
  crash(member: Member, where: string): void {
    if (member.process === null) return;
    this.trace.add(`crash ${member.name} ${where}`);
    this.tally.add('crashes');
    this.#crashes += 1;
    member.crashes += 1;
    member.process.end();
    this.oracle.forget(member);
  }

  /** Ends a node's process and starts it again. */
  restart(member: Member, why: string): void {
    this.crash(member, why);
    this.start(member);
  }

  /** To be called after whatever may change what nodes see. */
  viewsChanged(): void {
    for (const member of this.everyone()) this.oracle.viewChanged(member);
    this.oracle.checkChain();
  }
}

function withDealtKeys(plan: Plan): Founding {
  const { bitcoin, keyId } = dealtKeys(plan.participants, plan.threshold);
  const opened = plan.isOpened ? 'opened' : 'unopened';
  const service = (index: number) => (plan.rare.serviceOff === index ? 'off' : 'enabled');
  return {
    keyFile: (index) => keyFileOf(plan, index, opened),
    disk: (index) => diskOf(plan, opened, service(index)),
    emptyDisk: (index) => diskOf(plan, 'unopened', service(index)),
    prepare: (chain) => (plan.isOpened ? fundDeeply : fund)(chain, bitcoin.publicKey),
    root: rootOf(bitcoin.publicKey, keyId),
    config: (index) => configOf(plan, index),
    draws: (name) => new Draws(`${plan.threshold}-of-${plan.participants}/${name}`),
    answersAtOnce: false,
  };
}
