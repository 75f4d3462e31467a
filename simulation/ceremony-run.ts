// Runs that make keys: all nodes take part in a key ceremony while messages are lost, nodes crash and one of them lies. Either
// all hold the keys of one transcript or none uses any; no honest node is blamed by one; and once faults stop, a ceremony
// succeeds.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../crypto/bytes.ts';
import { ensureOwnCard, keepCard, listCards } from '../operator/peers/federation.ts';
import { ensureTlsFiles, loadTlsIdentity } from '../operator/peers/tls.ts';
import { Draws } from './draws.ts';
import { hasKey } from './key-restores.ts';
import { EPOCH_MS, type Process } from './member.ts';
import { configOf, keyFileOf } from './member-config.ts';
import { MemoryKeyRing } from './memory-key-ring.ts';
import { emptyStore, openMemoryStore } from './memory-store.ts';
import { CEREMONY_LIES, type Plan, planOf } from './plan.ts';
import { Prng } from './prng.ts';
import { type Outcome, outcomeOf, until } from './run.ts';
import type { Founding } from './stage.ts';
import { type Sabotage, World } from './world.ts';

const WAIT_S = 600;
const LOOK_MS = 5_000;
const CEREMONIES_MAX = 5;
const CALM_MS_MAX = 20 * 60_000;
/** Aborts for which crashes and the network are reason enough. */
const BLAMELESS: ReadonlySet<string> = new Set(['operator', 'timeout', 'preflight_failed', 'superseded']);
/** Real certificates are checked against simulated time. */
const CERTIFICATE_MADE_AT = EPOCH_MS - 86_400_000;

/** Runs a seed whose nodes have no keys yet. */
export function runCeremonySeed(seed: number, sabotage: Sabotage = {}): Promise<Outcome> {
  const drawn = planOf(seed, new Prng(`plan/${seed}`));
  const faults = { ...drawn.faults, farOff: null, skewMax: Math.min(drawn.faults.skewMax, 2_000) };
  const liars = liarsOf(new Prng(`ceremony/${seed}`), drawn.participants);
  return runCeremonyPlan({ ...drawn, faults, liars, dead: 0, deposits: 0, burns: 0 }, sabotage);
}

/** Runs a plan in which all nodes make keys. */
export async function runCeremonyPlan(plan: Plan, sabotage: Sabotage = {}): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'mpc-simulate-'));
  try {
    return await run(new World(plan, sabotage, await founding(plan, folder)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function liarsOf(prng: Prng, participants: number): Plan['liars'] {
  if (!prng.chance(0.6)) return new Map();
  return new Map([[prng.int(0, participants - 1), prng.pick(CEREMONY_LIES)]]);
}

async function run(world: World): Promise<Outcome> {
  const { plan, trace, time, members, prng } = world;
  const liars = [...plan.liars].map(([index, lie]) => `${index} ${lie} in ${world.liars.ceremonyType}`).join();
  trace.add(
    `ceremony, ${plan.threshold}-of-${plan.participants}, liars ${liars || 'none'}, ${JSON.stringify(plan.faults)}`,
  );
  world.tally.add('key ceremonies');
  for (const lie of plan.liars.values()) world.tally.add(`liars: ${lie} ${world.liars.ceremonyType}`);
  world.keyRestores.begin();
  world.crashPoints.schedule();
  for (const member of members) {
    member.skewMs = prng.int(-plan.faults.skewMax, plan.faults.skewMax);
    world.start(member);
  }
  for (let ceremony = 1; ceremony <= CEREMONIES_MAX && trace.violation === null; ceremony++) {
    const joined = new Map<number, Process>();
    const answered = new Set<Process>();
    const seen = new Set<string>();
    while (trace.violation === null && !isOver(world, `${ceremony}`, answered)) {
      if (time.now > plan.faultsMs + CALM_MS_MAX) trace.violated('progress', `ceremony ${ceremony} does not end`);
      if (world.faulty && time.now >= plan.faultsMs) clear(world);
      world.keyRestores.see();
      for (const { process } of members)
        if (process !== null) await takePart(world, process, `${ceremony}`, { joined, answered });
      await until(world, time.now + LOOK_MS, () => false);
      check(world);
      checkBlame(world, `${ceremony}`, seen);
    }
    if (members.every(({ process }) => process !== null && process.node.keys.live() !== null)) {
      world.keyRestores.putBackAfterwards();
      await untilKeysAreBack(world);
      break;
    }
    if (world.faulty) {
      await until(world, plan.faultsMs, () => false);
      clear(world);
    }
    if (ceremony === CEREMONIES_MAX) trace.violated('progress', 'no ceremony succeeds');
  }
  check(world);
  const outcome = outcomeOf(world, new Map());
  for (const member of members) member.process?.end();
  return outcome;
}

// A node that was put back gets its key again, by itself or from what another exports, and signs again.
async function untilKeysAreBack(world: World): Promise<void> {
  const { time, trace, members, keyRestores } = world;
  const isBack = (): boolean =>
    members.every(({ process }) => process !== null && hasKey(process) && process.phase === 'live');
  const begun = time.now;
  while (trace.violation === null && members.some(({ index }) => keyRestores.wasPutBack(index)) && !isBack()) {
    if (world.faulty && time.now >= world.plan.faultsMs) clear(world);
    if (time.now - begun > CALM_MS_MAX) {
      const without = members.filter(({ process }) => process === null || !hasKey(process) || process.phase !== 'live');
      const told = without.map(({ name, process }) => `${name} (${process?.phase ?? 'down'})`).join(', ');
      trace.violated('progress', `put back, not all nodes get to sign with the keys: ${told}`);
    }
    keyRestores.see();
    await until(world, time.now + LOOK_MS, () => false);
    check(world);
  }
}

function clear(world: World): void {
  world.faulty = false;
  world.liars.hasCeased = true;
  world.trace.add('calm');
  if (world.plan.rare.setBack > 0) for (const member of world.members) member.skewMs = 0;
  for (const member of world.members) world.start(member);
}

// What is durable goes on by itself after a crash; an operator whose word was lost with the process gives it again.
async function takePart(
  world: World,
  process: Process,
  id: string,
  { joined, answered }: { readonly joined: Map<number, Process>; readonly answered: Set<Process> },
): Promise<void> {
  if (joined.get(process.index) === process || process.node.keys.live() !== null) return;
  joined.set(process.index, process);
  const { ceremonies } = process.services;
  if ((ceremonies.running(id)?.progress().phase ?? 'idle') !== 'idle') {
    // Nobody waits for its word: where it leaves the lobby in the end, it does so by itself.
    answered.add(process);
    return;
  }
  world.trace.add(`ask ${process.index} dkg ${id}`);
  let settled = false;
  const told = (text: string): void => {
    settled = true;
    answered.add(process);
    if (process.isAlive) world.trace.add(`told ${process.index} ${text}`);
  };
  const params = { ceremony_id: id, rehearsal: false, wait_s: WAIT_S };
  ceremonies
    .join(params, () => {}, new AbortController().signal)
    .then(
      ({ key_id }) => told(`keys ${key_id}`),
      (error: unknown) => told(error instanceof Error ? error.message : String(error)),
    );
  // The preflight reads a certificate and the disk's free space: real, but at one instant of simulated time.
  await world.time.hold(() => settled || !process.isAlive || ceremonies.running(id)?.progress().phase !== 'idle');
}

// A node whose operator was told that it has left the lobby waits for nobody either.
function isOver(world: World, id: string, answered: ReadonlySet<Process>): boolean {
  return world.members.every(({ process }) => {
    if (process === null) return false;
    const phase = process.services.ceremonies.running(id)?.progress().phase ?? null;
    const isLeft = phase === 'idle' && answered.has(process);
    return process.node.keys.live() !== null || phase === 'aborted' || isLeft;
  });
}

// Whom an honest node names by its own finding has lied; where it cannot tell which of some it was, one of them has.
function checkBlame({ members, liars, trace, tally, keyRestores }: World, id: string, seen: Set<string>): void {
  for (const { index, process } of members) {
    const abort = process?.services.ceremonies.running(id)?.progress().abort ?? null;
    // What others found is passed on in their words, a liar's too.
    if (abort === null || liars.has(index) || abort.by !== index || BLAMELESS.has(abort.reason)) continue;
    const { reason, culprit, suspects, detail } = abort;
    const named = culprit === null ? suspects : [culprit];
    if (named.length === 0 || seen.has(`${index}/${abort.attempt}`)) continue;
    seen.add(`${index}/${abort.attempt}`);
    tally.add(`liars ${culprit === null ? 'suspected' : 'blamed'}: ${reason}`);
    if (named.some((one) => liars.has(one) || keyRestores.wasPutBack(one))) continue;
    trace.violated('fault', `node ${index} blames honest nodes ${named.join()}: ${reason}, ${detail}`);
  }
}

function check(world: World): void {
  const live = new Set<string>();
  for (const { index, process, keyFile } of world.members) {
    for (const { bitcoin, attestation } of keyFile.contents.keys) {
      world.secrets.add(toHex(bitcoin.signingShare), toHex(attestation.signingShare));
    }
    const key = process?.node.keys.live() ?? null;
    if (key === null) continue;
    live.add(`${key.keyId}/${key.transcriptHash}`);
    const fit = process?.node.keys.sharesFit(key.keyId) ?? null;
    // A key file of before the ceremony lacks its shares, and cannot have wrong ones.
    if (fit !== true && !(fit === null && world.keyRestores.wasPutBack(index))) {
      world.trace.violated('never 7', `the shares of node ${index} are not those of its live key`);
    }
  }
  if (live.size > 1) world.trace.violated('never 7', 'nodes use keys of different transcripts');
}

async function founding(plan: Plan, folder: string): Promise<Founding> {
  const indices = Array.from({ length: plan.participants }, (_, index) => index);
  const [certificatePath, keyPath] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  await ensureTlsFiles({
    certificatePath,
    keyPath,
    name: 'simulated',
    address: '127.0.0.1:7000',
    now: CERTIFICATE_MADE_AT,
  });
  const tls = await loadTlsIdentity(certificatePath, keyPath, EPOCH_MS);
  if (!tls.ok) throw new Error(tls.detail);
  const config = (index: number) => ({
    ...configOf(plan, index),
    ...{ tlsCertPath: certificatePath, tlsKeyPath: keyPath, securityDbPath: join(folder, 'security.db') },
  });
  const keyFile = (index: number) => ({ contents: { ...keyFileOf(plan, index).contents, keys: [] } });
  const cards = indices.map((index) => {
    const store = openMemoryStore(emptyStore(), () => {});
    const ring = new MemoryKeyRing('regtest', index, keyFile(index), async (write) => write());
    return ensureOwnCard(config(index), store.db, ring, tls.identity.facts.pem, EPOCH_MS);
  });
  const disks = indices.map(() => {
    const store = openMemoryStore(emptyStore(), () => {});
    for (const card of cards) keepCard(store.db, card, false, EPOCH_MS);
    if (listCards(store.db).length !== cards.length) throw new Error('a card was not kept');
    return store.snapshot();
  });
  const draws = (name: string) => new Draws(`ceremony/${plan.seed}/${name}`);
  const disk = (index: number) => disks[index] ?? emptyStore();
  return { keyFile, config, draws, answersAtOnce: true, disk, emptyDisk: disk, prepare: () => {}, root: null };
}
