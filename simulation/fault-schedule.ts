// What happens to a federation from outside while faults last: blocks, reorgs, double-spends, fees, lagging and failing
// Bitcoin and Wire nodes, partitions. And the end of it.
import { USUAL_FLOOR } from './chain-view.ts';
import type { Member } from './member.ts';
import { CONFIRMATIONS, FORK_CONFIRMATIONS } from './member-config.ts';
import type { Prng } from './prng.ts';
import type { Workload } from './workload.ts';
import type { World } from './world.ts';

const BLOCK_MS_MIN = 3_000;
const BLOCK_MS_MAX = 12_000;
const REORG_DEPTH_MAX = 5;
const DEEP_REORG_MAX = FORK_CONFIRMATIONS + 5;
/** What a node asks that relays little, in sats per 1000 vbytes. */
const HIGH_FLOOR = { feeRateMin: 4_000n, dustRelayRate: 6_000n, incrementalRate: 1_000n };
const CALM_LAG_MS = 300;
const LOOK_MS_MAX = 800;
/** Beyond what peers accept, in ms. */
const FAR_OFF_MS = 45_000;

export class FaultSchedule {
  readonly #world: World;
  readonly #workload: Workload;
  readonly #prng: Prng;
  readonly #lags: number[];

  constructor(world: World, workload: Workload) {
    this.#world = world;
    this.#workload = workload;
    this.#prng = world.prng.fork('faultSchedule');
    const { lagMax, skewMax, farOff } = world.plan.faults;
    this.#lags = world.members.map(() => this.#prng.int(0, lagMax));
    for (const member of world.members) {
      member.skewMs = this.#prng.int(-skewMax, skewMax);
      if (member.index === farOff) member.skewMs += FAR_OFF_MS;
    }
  }

  /** Plans everything that happens while faults last. */
  schedule(): void {
    const { time, plan } = this.#world;
    const prng = this.#prng;
    this.#mineNext();
    const sometime = (run: () => void): void => void time.after(prng.int(0, plan.faultsMs), run);
    for (let i = 0; i < plan.faults.reorgs; i++) sometime(() => this.#reorganise(prng.int(1, REORG_DEPTH_MAX)));
    for (let i = 0; i < plan.faults.deepReorgs; i++) {
      sometime(() => this.#reorganise(prng.int(FORK_CONFIRMATIONS, DEEP_REORG_MAX)));
    }
    for (let i = 0; i < plan.faults.partitions; i++) sometime(() => this.#partition());
    for (let i = 0; i < plan.faults.outages; i++) sometime(() => this.#outage());
    for (let i = 0; i < 3; i++) sometime(() => this.#changeFees());
    if (prng.chance(0.4)) sometime(() => this.#dropSteps());
    if (prng.chance(0.2)) sometime(() => this.#raiseFloor());
    if (prng.chance(0.5)) sometime(() => this.#doubleSpend());
  }

  /** Ends all faults: everything is repaired but for so many nodes that stay down. */
  clear(dead: readonly Member[]): void {
    const { members, network } = this.#world;
    this.#world.faulty = false;
    network.cut.clear();
    this.#lags.fill(0);
    for (const member of members) {
      member.skewMs = 0;
      member.view.isDown = false;
      member.view.floor = USUAL_FLOOR;
      member.wire.isDown = false;
      member.wire.lag = 0;
      if (dead.includes(member)) this.#world.crash(member, 'for good');
      else this.#world.start(member);
    }
    this.#world.chain.feeRate = 2_000n;
    this.#seen();
  }

  #mineNext(): void {
    const { time, chain, ledger, trace } = this.#world;
    time.after(this.#prng.int(BLOCK_MS_MIN, BLOCK_MS_MAX), () => {
      const all = !this.#world.faulty || this.#prng.chance(0.7);
      const block = chain.mine(({ txid }) => all || this.#prng.chance(0.5) || txid === '');
      ledger.height += 1;
      trace.add(`block ${block.height} with ${block.transactions.length}`);
      this.#seen();
      this.#mineNext();
    });
  }

  // Every node hears of the new tip after a lag of its own.
  #seen(): void {
    const { time } = this.#world;
    for (const member of this.#world.everyone()) {
      const lag = (this.#lags[member.index] ?? 0) + this.#prng.int(0, CALM_LAG_MS);
      time.after(lag, () => {
        member.view.catchUp();
        this.#world.oracle.viewChanged(member);
        // Blocks come a hundred times as fast as rounds do elsewhere: a node must not be behind all the time.
        time.after(this.#prng.int(0, LOOK_MS_MAX), () => member.process?.look());
      });
    }
    this.#world.viewsChanged();
  }

  #reorganise(depth: number): void {
    const { chain, trace, tally } = this.#world;
    const young = this.#workload.deposits.filter(({ txid }) => {
      const height = chain.best.heights.get(txid);
      return height !== undefined && chain.best.height - height + 1 < CONFIRMATIONS;
    });
    // Taking back what was deep enough is theft that no bridge can prevent; what was not must cost nobody anything.
    const [victim] = this.#prng.chance(0.5) && this.#workload.mayTakeBack ? young : [];
    tally.add(depth < FORK_CONFIRMATIONS ? 'reorgs' : 'reorgs of what was final');
    trace.add(`reorg of ${depth}${victim === undefined ? '' : ` against ${victim.txid.slice(0, 8)}`}`);
    chain.reorganise(depth, () => this.#prng.chance(0.7), null);
    if (victim !== undefined && !chain.best.heights.has(victim.txid)) this.#workload.takeBack(victim);
    this.#seen();
  }

  #doubleSpend(): void {
    const { chain, trace, tally } = this.#world;
    const victim = this.#workload.deposits.find((deposit) => deposit !== undefined && chain.mempool.has(deposit.txid));
    if (victim === undefined || !this.#workload.mayTakeBack) return;
    tally.add('double-spends');
    trace.add(`double-spend of ${victim.txid.slice(0, 8)}`);
    this.#workload.takeBack(victim);
    this.#world.viewsChanged();
  }

  #partition(): void {
    const { members, network, time, trace, plan, tally } = this.#world;
    const size = this.#prng.int(1, members.length - 1);
    const some = this.#prng.shuffled(members.map(({ index }) => index)).slice(0, size);
    tally.add('partitions');
    trace.add(`partition of ${some.join()}`);
    const heal = network.partition(some, plan.participants);
    time.after(this.#prng.int(1_000, 60_000), () => {
      trace.add(`partition of ${some.join()} heals`);
      heal();
    });
  }

  #outage(): void {
    const { members, time, trace, tally } = this.#world;
    const member = this.#prng.pick(members);
    const what = this.#prng.pick(['bitcoin', 'wire', 'wire lag'] as const);
    tally.add(`outages of ${what}`);
    trace.add(`outage of ${what} at ${member.index}`);
    if (what === 'bitcoin') member.view.isDown = true;
    else if (what === 'wire') member.wire.isDown = true;
    else member.wire.lag = this.#prng.int(1, 5);
    time.after(this.#prng.int(1_000, 60_000), () => {
      member.view.isDown = false;
      member.wire.isDown = false;
      member.wire.lag = 0;
      this.#world.oracle.viewChanged(member);
    });
  }

  #changeFees(): void {
    this.#world.chain.feeRate = BigInt(this.#prng.pick([1_000, 2_000, 5_000, 20_000]));
  }

  #raiseFloor(): void {
    const member = this.#prng.pick(this.#world.members);
    this.#world.trace.add(`node ${member.index} relays less`);
    this.#world.tally.add('nodes that relay less');
    member.view.floor = HIGH_FLOOR;
  }

  // Mempools forget; what people sent they send again.
  #dropSteps(): void {
    const { chain, trace, oracle } = this.#world;
    for (const { txid } of [...chain.mempool.values()]) {
      if (!oracle.line.has(txid)) continue;
      trace.add(`mempool drops ${txid.slice(0, 8)}`);
      chain.evict(txid);
    }
  }
}
