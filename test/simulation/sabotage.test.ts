// Each checker is shown a federation whose nodes are broken in the way it exists to notice.
import type { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { attestationMessages } from '../../ceremony/intent-messages.ts';
import { type BuiltLine, buildLine, treasuryScript } from '../../chain/line.ts';
import { parseLineIntent } from '../../chain/line-intent.ts';
import { refuse, type Verdict } from '../../operator/validation/verdict.ts';
import { dealtKeys, dealtSecrets } from '../../simulation/dealer.ts';
import type { Overrule } from '../../simulation/observed-validation.ts';
import { type Plan, planOf } from '../../simulation/plan.ts';
import { Prng } from '../../simulation/prng.ts';
import { NOTHING_RARE } from '../../simulation/rare-faults.ts';
import { type Outcome, runPlan, runSeed } from '../../simulation/run.ts';
import { rootOf } from '../../simulation/treasury.ts';
import type { Sabotage, World } from '../../simulation/world.ts';

const SEEDS_MAX = 60;
const TIMEOUT_MS = 300_000;
const STALE_SEEDS = 4;
/** A seed of those that keep copies apart (simulation/rare-faults.ts). */
const APART_SEED = 10;
/** A seed in which the operator of one node does not enable the service. */
const LEFT_OFF_SEED = 20;

// The first seed at which a broken federation is found out.
async function found(
  sabotage: () => Sabotage,
  isIt: (outcome: Outcome) => boolean,
  run: (seed: number) => Promise<Outcome> = (seed) => runSeed(seed, sabotage()),
): Promise<string> {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const outcome = await run(seed);
    if (outcome.violation !== null && isIt(outcome)) return outcome.violation.line;
  }
  return 'not found';
}

const onLine = (line: string) => (outcome: Outcome) => outcome.violation?.line === line;

// Whatever is asked, as the asker words it.
const believing: Overrule = (honest, intent, scheme) => {
  if (honest.ok) return honest;
  const decide = () => ({ ok: true }) as const;
  if (intent.kind === 'attestation' && scheme === 'ed25519') {
    return { ok: true, messages: attestationMessages(intent), decide };
  }
  const built = builtFrom(intent);
  return built === null ? honest : approved(built);
};

// Whatever a refusal says that is not about the line itself: the tip that this node sees, what waits there.
const STALE: ReadonlySet<string> = new Set(['not_tip', 'sibling_waits', 'chain_behind']);

function builtFrom(intent: unknown, participants = 3, threshold = 2): BuiltLine | null {
  const { bitcoin, keyId } = dealtKeys(participants, threshold);
  const groupKey = bitcoin.publicKey;
  const step = parseLineIntent(intent);
  if (step === null) return null;
  const formed = buildLine({ network: 'regtest', keyId, groupKey, root: rootOf(groupKey, keyId) }, step);
  return formed.ok ? formed.built : null;
}

function approved({ messages }: BuiltLine): Verdict {
  const derived = messages.map(({ message, tweaks }) => ({ message, tweaks }));
  return { ok: true, messages: derived, decide: () => ({ ok: true }) };
}

// What a test makes of a drawn plan: three nodes of whom two sign, who work by themselves, and nobody lies.
function sound(seed: number, faults: Partial<Plan['faults']> = {}, changes: Partial<Plan> = {}): Plan {
  const plan = planOf(seed, new Prng(`plan/${seed}`));
  const size = { participants: 3, threshold: 2, liars: new Map(), dead: 0, isOpened: true, rare: NOTHING_RARE };
  const work = { deposits: 3, burns: 3, automatic: true };
  const few = { clone: false, restores: 0, crash: 0, farOff: null, ...faults };
  return { ...plan, ...size, ...work, ...changes, faults: { ...plan.faults, ...few } };
}

const inAll = (world: World, run: (database: Database) => void): void => {
  for (const { process } of world.members) if (process !== null) run(process.store.database);
};

// A store whose own last line of defence is gone.
function withoutTriggers(...about: readonly string[]): NonNullable<Sabotage['store']> {
  return (database) => {
    const triggers = database.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'trigger'");
    for (const { name } of triggers.all()) {
      if (about.some((part) => name.includes(part))) database.run(`DROP TRIGGER "${name}"`);
    }
  };
}

describe('a simulated federation is found out whose nodes', () => {
  test(
    'sign on a peer’s word (Never 4)',
    async () => {
      expect(await found(() => ({ validation: believing }), onLine('never 4'))).toBe('never 4');
    },
    TIMEOUT_MS,
  );

  test(
    'sign before their decision is durable (Never 7)',
    async () => {
      const forgetful: Overrule = (honest) => (honest.ok ? { ...honest, decide: () => ({ ok: true }) } : honest);
      expect(await found(() => ({ validation: forgetful }), onLine('never 7'))).toBe('never 7');
    },
    TIMEOUT_MS,
  );

  test(
    'make one nonce twice, from a generator that repeats itself after each start (Never 3)',
    async () => {
      const random = (length: number) => (length === 32 ? new Uint8Array(32).fill(1) : null);
      const rare = { ...NOTHING_RARE, restarts: 4 };
      const run = (seed: number) => runPlan(sound(seed, {}, { rare }), { random });
      expect(await found(() => ({}), onLine('never 3'), run)).toBe('never 3');
    },
    TIMEOUT_MS,
  );

  test(
    'lose in a crash what they have acknowledged (Never 7)',
    async () => {
      const restart = (_: Uint8Array, before: Uint8Array) => before;
      expect(await found(() => ({ restart }), onLine('never 7'))).toBe('never 7');
    },
    TIMEOUT_MS,
  );

  test(
    'pass over the burns that an ancestor pays (Never 2)',
    async () => {
      const event = (world: World): void => inAll(world, (database) => database.run('DELETE FROM line_burns'));
      const sabotage = { event, store: withoutTriggers('line') };
      const run = (seed: number) => runPlan(sound(seed), sabotage);
      expect(await found(() => sabotage, onLine('never 2'), run)).toBe('never 2');
    },
    TIMEOUT_MS,
  );

  test(
    'take an ancestor whose list they do not know for one that pays nothing (Never 2)',
    async () => {
      const event = (world: World): void =>
        inAll(world, (database) => database.run("UPDATE line_steps SET kind = 'void' WHERE kind IS NULL"));
      const sabotage = { event, store: withoutTriggers('line') };
      const run = (seed: number) => runPlan(sound(seed, { restores: 2 }), sabotage);
      expect(await found(() => sabotage, onLine('never 2'), run)).toBe('never 2');
    },
    TIMEOUT_MS,
  );

  test(
    'take whatever pays the treasury last for the root (Never 2)',
    async () => {
      const run = (seed: number) => runPlan(sound(seed), { event: withNewRoot(), store: withoutTriggers('treasury') });
      expect(await found(() => ({}), onLine('never 2'), run)).toBe('never 2');
    },
    TIMEOUT_MS,
  );

  test(
    'attest a deposit to any recipient that the coordinator names, again and again (Never 1)',
    async () => {
      const event = ({ members }: World): void => {
        for (const { process } of members) process?.store.database.run('DELETE FROM attestations');
      };
      const store = withoutTriggers('attest');
      const sabotage = () =>
        ({ event, store, validation: believing, tolerated: ['never 4', 'never 7', 'fault'] }) as const;
      const lying = (seed: number): Promise<Outcome> => {
        const plan = planOf(seed, new Prng(`plan/${seed}`));
        const changes = {
          participants: 3,
          threshold: 2,
          liars: new Map([[0, 'alters_intents']] as const),
          deposits: 6,
        };
        return runPlan({ ...plan, ...changes, burns: 0, dead: 0, automatic: true }, sabotage());
      };
      expect(await found(sabotage, onLine('never 1'), lying)).toBe('never 1');
    },
    TIMEOUT_MS,
  );

  test(
    'forget what they have seen of a node that was put back (Never 5)',
    async () => {
      const event = ({ members }: World): void => {
        if (members.every(({ regressedTo }) => regressedTo === null)) return;
        for (const { process } of members) {
          process?.store.database.run(
            'UPDATE peers SET head_epoch = 0, head_seq = 0, head_hash = NULL, head_at = NULL',
          );
        }
      };
      const store = withoutTriggers('peer');
      const restored = (seed: number): Promise<Outcome> => {
        const plan = planOf(seed, new Prng(`plan/${seed}`));
        const faults = { ...plan.faults, restores: 2, clone: false };
        const changes = { participants: 3, threshold: 2, liars: new Map(), dead: 0, deposits: 6, burns: 3 };
        return runPlan({ ...plan, ...changes, faults, automatic: true }, { event, store });
      };
      expect(await found(() => ({}), onLine('never 5'), restored)).toBe('never 5');
    },
    TIMEOUT_MS,
  );

  test(
    'do not notice that one of them runs twice (Never 5)',
    async () => {
      const copied = (seed: number): Promise<Outcome> => {
        const plan = planOf(seed, new Prng(`plan/${seed}`));
        const faults = { ...plan.faults, loss: 0, partitions: 0, crash: 0, farOff: null, restores: 0, clone: true };
        return runPlan({ ...plan, faults, liars: new Map(), dead: 0 }, { startsUnheard: true });
      };
      expect(await found(() => ({}), onLine('never 5'), copied)).toBe('never 5');
    },
    TIMEOUT_MS,
  );

  test(
    'do not notice that one of them runs twice when the network that kept its copies apart has healed (Never 5)',
    async () => {
      const apart = (seed: number): Promise<Outcome> => {
        const plan = planOf(APART_SEED, new Prng(`apart/${seed}`));
        return runPlan({ ...plan, seed }, { startsUnheard: true });
      };
      expect(await found(() => ({}), onLine('never 5'), apart)).toBe('never 5');
    },
    TIMEOUT_MS,
  );

  test(
    'forget when they were started last, and take a clock that was set back for a copy of themselves (Never 5)',
    async () => {
      const store = (database: Database): void => {
        database.run('DROP TRIGGER IF EXISTS own_start_no_delete');
        database.run('DELETE FROM own_start');
      };
      const setBack = (seed: number): Promise<Outcome> => {
        const plan = planOf(seed, new Prng(`plan/${seed}`));
        const rare = { ...NOTHING_RARE, setBack: 1, clockSteps: 4, restarts: 8 };
        const faults = { ...plan.faults, crash: 0, farOff: null, restores: 0, clone: false };
        return runPlan({ ...plan, rare, faults, liars: new Map(), dead: 0 }, { store });
      };
      expect(await found(() => ({}), onLine('never 5'), setBack)).toBe('never 5');
    },
    TIMEOUT_MS,
  );

  test(
    'sign though their operator never enabled the service (Never 4)',
    async () => {
      const store = (database: Database): void => {
        database.run(
          "INSERT INTO service_state SELECT 1, 'enabled', 0, 0 WHERE NOT EXISTS (SELECT 1 FROM service_state)",
        );
      };
      const run = (seed: number): Promise<Outcome> => runSeed(LEFT_OFF_SEED + 100 * (seed - 1), { store });
      expect(await found(() => ({}), onLine('never 4'), run)).toBe('never 4');
    },
    TIMEOUT_MS,
  );

  test(
    'write a share into their log (Never 6)',
    async () => {
      const sabotage = (): Sabotage => {
        let told = false;
        const event = (world: World): void => {
          const [secret = ''] = dealtSecrets(dealtKeys(world.plan.participants, world.plan.threshold));
          if (!told) world.member(0).process?.node.input.log('info', 'oops', { detail: `…${secret}…` });
          told = true;
        };
        return { event };
      };
      expect(await found(sabotage, onLine('never 6'))).toBe('never 6');
    },
    TIMEOUT_MS,
  );

  test(
    'stop answering (progress)',
    async () => {
      const validation: Overrule = () => refuse('policy', 'not today');
      expect(await found(() => ({ validation }), onLine('progress'))).toBe('progress');
    },
    TIMEOUT_MS,
  );
});

// A payment of the root's size, which every node that has read it takes for the root at once.
function withNewRoot(): NonNullable<Sabotage['event']> {
  let sent: string | null = null;
  return (world) => {
    if (world.time.now < 20_000) return;
    const { groupKey, keyId, chain } = world;
    const amount = 100_000n;
    sent ??= chain.send([{ txid: 'ab'.repeat(32), vout: 0 }], [{ script: treasuryScript(groupKey), amount }]).txid;
    const txid = sent;
    if (!chain.best.heights.has(txid)) return;
    inAll(world, (database) => {
      database.run('UPDATE treasury_roots SET dead_at = 1 WHERE txid <> ?', [txid]);
      database.run(
        `INSERT OR IGNORE INTO treasury_roots (network, key_id, txid, vout, amount, signed_at, certificate)
          VALUES ('regtest', ?, ?, 0, ?, 0, '{}')`,
        [keyId, txid, amount],
      );
    });
  };
}

test(
  'a federation that signs upon stale tips, beside whatever waits, still pays each burn once on every chain',
  async () => {
    let stale = 0;
    for (let seed = 1; seed <= STALE_SEEDS; seed++) {
      const validation: Overrule = (honest, intent) => {
        const built = honest.ok || !STALE.has(honest.reason) ? null : builtFrom(intent);
        if (built === null) return honest;
        stale += 1;
        return approved(built);
      };
      const plan = sound(seed, { lagMax: 30_000, reorgs: 3, deepReorgs: 1 });
      const tolerated = ['never 4', 'never 7', 'fault', 'progress'] as const;
      expect((await runPlan(plan, { validation, tolerated })).violation).toBeNull();
    }
    expect(stale).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
