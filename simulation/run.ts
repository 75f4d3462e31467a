// One run: a plan, faults for as long as it says, then calm, in which everything that is owed must come to pass.
import { outpointName } from '../chain/outpoint.ts';
import type { WireBurn } from '../chain/wire-ledger.ts';
import { scannedHeight } from '../operator/chain-state/scan.ts';
import { verifyAuditLog } from '../store/audit-log.ts';
import { paymentOf } from '../store/burn-payments.ts';
import type { Queries } from '../store/database.ts';
import { currentRoot } from '../store/treasury-roots.ts';
import { FaultSchedule } from './fault-schedule.ts';
import type { Member } from './member.ts';
import { CONFIRMATIONS } from './member-config.ts';
import { type Plan, planOf } from './plan.ts';
import { Prng } from './prng.ts';
import { reconcile } from './reconcile.ts';
import { Restores } from './restores.ts';
import type { Counts } from './tally.ts';
import type { Violation } from './trace.ts';
import { type Deposit, Workload } from './workload.ts';
import { type Sabotage, World } from './world.ts';

/** What became of a run. `hash`: over everything that happened; equal for equal seeds. */
export interface Outcome {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly trace: readonly string[];
  readonly hash: string;
  readonly events: number;
  readonly shares: number;
  readonly crashes: number;
  readonly minted: number;
  readonly paid: number;
  /** Burns that are settled, of which a node does not know it: counted for each node. */
  readonly stragglers: number;
  /** Awaits of each node, for `crashPlan`. */
  readonly awaits: readonly number[];
  /** Points at which each node might have ended, for `ceremonyCrashPlan`. */
  readonly points: readonly number[];
  readonly refusals: ReadonlyMap<string, number>;
  /** What the run exercised, by name. */
  readonly exercised: Counts;
}

/** How long calm may take to bring about what is owed, in ms of virtual time. */
const CALM_MS_MAX = 10 * 60_000;
const ASK_MS = 20_000;
/** A burn that bears less may not pay for a transaction of its own at the rates of a calm time: it is not owed. In sats. */
const OWED_FEE_SATS = 1_200n;

/** Runs a seed. */
export function runSeed(seed: number, sabotage: Sabotage = {}): Promise<Outcome> {
  return runPlan(planOf(seed, new Prng(`plan/${seed}`)), sabotage);
}

/** Runs a plan. */
export async function runPlan(plan: Plan, sabotage: Sabotage = {}): Promise<Outcome> {
  const world = new World(plan, sabotage);
  const workload = new Workload(world);
  const faultSchedule = new FaultSchedule(world, workload);
  const { trace } = world;
  const liars = [...plan.liars].map(([index, lie]) => `${index} ${lie}`).join();
  trace.add(`${plan.threshold}-of-${plan.participants}, liars ${liars || 'none'}, ${JSON.stringify(plan.faults)}`);
  for (const member of world.members) world.start(member);
  workload.schedule();
  faultSchedule.schedule();
  new Restores(world).schedule();
  world.crashPoints.schedule();
  for (const lie of plan.liars.values()) world.tally.add(`liars: ${lie}`);
  if (plan.rare.serviceOff !== null) world.tally.add('nodes whose service is off');
  if (plan.dead > 0) world.tally.add('nodes dead for good', plan.dead);
  await until(world, plan.faultsMs, () => false);
  if (trace.violation === null) {
    trace.add('calm');
    faultSchedule.clear(chosenDead(world));
    await bringAbout(world, workload);
  }
  reconcile(world);
  for (const { index, store } of world.honest()) {
    if (!verifyAuditLog(store.db).ok) trace.violated('never 7', `the audit log of node ${index} does not verify`);
  }
  const outcome = outcomeOf(world, workload.refusals);
  for (const member of world.members) member.process?.end();
  return outcome;
}

/** What a run has come to. */
export function outcomeOf(world: World, refusals: ReadonlyMap<string, number>): Outcome {
  const { trace, time, plan } = world;
  return {
    ...{ seed: plan.seed, violation: trace.violation, trace: trace.lines(), hash: trace.digest() },
    ...{ events: time.events, shares: world.oracle.shares, minted: world.ledger.minted.size },
    crashes: world.members.reduce((sum, { crashes }) => sum + crashes, 0),
    paid: world.ledger.burns.filter(({ burnTxid }) => isPaid(world, burnTxid)).length,
    stragglers: world
      .honest()
      .reduce(
        (sum, { store }) => sum + world.ledger.burns.filter(({ burnTxid }) => !isSettledAt(store.db, burnTxid)).length,
        0,
      ),
    exercised: world.tally.counts,
    awaits: world.members.map(({ awaits }) => awaits),
    points: world.members.map(({ points }) => points),
    refusals,
  };
}

/** Lets events happen until a time, a violation, or `isDone`. */
export async function until(world: World, time: number, isDone: () => boolean): Promise<void> {
  while (world.trace.violation === null && !isDone() && (await world.time.step(time))) world.sabotage.event?.(world);
  if (world.trace.violation === null && !isDone()) world.time.reach(time);
}

function chosenDead(world: World): readonly Member[] {
  const { plan, liars, members, prng } = world;
  return prng.shuffled(members.filter(({ index }) => !liars.has(index))).slice(0, plan.dead);
}

// Everybody asks again and again, at every node, as people do.
async function bringAbout(world: World, workload: Workload): Promise<void> {
  const begun = world.time.now;
  const { trace } = world;
  let round = 0;
  while (trace.violation === null) {
    const owed = whatIsOwed(world, workload);
    if (owed.length === 0) {
      for (const burn of world.ledger.burns) {
        const why = whyNotOwed(world, workload, burn);
        if (why !== null && !isPaid(world, burn.burnTxid)) world.tally.add(`burns not owed: ${why}`);
      }
      return;
    }
    if (world.time.now - begun > CALM_MS_MAX) return trace.violated('progress', owed.join('; '));
    // A node that has stopped for good is started again by its operator.
    for (const { member, phase } of world.honest()) {
      if (phase === 'halted') world.restart(member, 'as it has halted');
    }
    const processes = world.honest();
    const process = processes[round % processes.length];
    if (process !== undefined && !isOpen(world, process.store.db)) workload.open(process);
    if (process !== undefined && !world.plan.automatic) {
      for (const deposit of live(world, workload)) workload.attest(process, deposit);
      for (const { burnTxid } of world.ledger.burns) {
        if (!isSettledAt(process.store.db, burnTxid)) workload.withdraw(process, [burnTxid]);
      }
    }
    round += 1;
    await until(world, world.time.now + ASK_MS, () => false);
  }
}

// What the deposits that are left bear beside the burns that were paid, in sats: a double-spend may have taken the coins that
// burns were to be paid from. Miner fees not counted.
function whatIsLeft(world: World, workload: Workload): bigint {
  const deposited = standing(workload).reduce((sum, { amount }) => sum + amount, 0n);
  const paid = world.ledger.burns.filter(({ burnTxid }) => isPaid(world, burnTxid));
  return paid.reduce((left, { amount, fee }) => left - (amount - fee), deposited);
}

// The treasury pays what the deposits and the fees of burns bear, and no more.
function whyNotOwed(
  world: World,
  workload: Workload,
  { amount, fee }: Pick<WireBurn, 'amount' | 'fee'>,
): string | null {
  if (fee < OWED_FEE_SATS) return 'its fee may be too small';
  return amount - fee <= whatIsLeft(world, workload) ? null : 'the deposits are not enough';
}

function whatIsOwed(world: World, workload: Workload): readonly string[] {
  const unminted = live(world, workload).filter((deposit) => !world.ledger.minted.has(outpointName(deposit)));
  const payable = world.ledger.burns.filter(
    (burn) => isPaid(world, burn.burnTxid) || whyNotOwed(world, workload, burn) === null,
  );
  const unpaid = payable.filter(({ burnTxid }) => !isPaid(world, burnTxid));
  const unsettled = payable.filter(
    ({ burnTxid }) => !world.honest().some(({ store }) => isSettledAt(store.db, burnTxid)),
  );
  const mute = world.honest().filter(({ phase }) => phase !== 'live');
  const shut = world.honest().filter(({ store }) => !isOpen(world, store.db));
  return [
    ...mute.map(({ index, phase }) => `node ${index} signs nothing: ${phase}`),
    ...shut.map(({ index }) => `node ${index} has no root certificate`),
    ...unminted.map(({ txid }) => `deposit ${txid.slice(0, 8)} is not minted`),
    ...unpaid.map(({ burnTxid }) => `burn ${burnTxid.slice(0, 8)} is not paid`),
    ...unsettled.map(({ burnTxid }) => `no node has settled burn ${burnTxid.slice(0, 8)}`),
  ];
}

function isOpen({ keyId }: World, db: Queries): boolean {
  return (currentRoot(db, keyId)?.certificate ?? null) !== null;
}

// A deposit that is on its way, or there; not one that was taken back or spent by a payout after its mint.
function live(world: World, workload: Workload): readonly Deposit[] {
  return standing(workload).filter((deposit) => !world.ledger.minted.has(outpointName(deposit)));
}

function standing({ deposits, withdrawn }: Workload): readonly Deposit[] {
  return deposits.filter((deposit) => deposit !== undefined && !withdrawn.has(outpointName(deposit)));
}

function isPaid(world: World, burnTxid: string): boolean {
  const { heights, height } = world.chain.best;
  return world.oracle.line.payersOf(burnTxid).some((txid) => {
    const at = heights.get(txid);
    return at !== undefined && height - at + 1 >= CONFIRMATIONS;
  });
}

function isSettledAt(db: Queries, burnTxid: string): boolean {
  return paymentOf(db, burnTxid, (scannedHeight(db) ?? 0) - CONFIRMATIONS + 1).state === 'settled';
}
