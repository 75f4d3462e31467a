// Each checker is shown a federation whose nodes are broken in the way it exists to notice.
import type { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { attestationMessages } from '../../ceremony/intent-messages.ts';
import { parsePayoutIntent } from '../../chain/payout-intent.ts';
import { buildPayout } from '../../chain/transaction.ts';
import { refuse } from '../../operator/judge/judgement.ts';
import { dealtKeys, dealtSecrets } from '../../simulation/dealer.ts';
import type { Overrule } from '../../simulation/observed-judge.ts';
import { planOf } from '../../simulation/plan.ts';
import { Prng } from '../../simulation/prng.ts';
import { NOTHING_RARE } from '../../simulation/rare-faults.ts';
import { type Outcome, runPlan, runSeed } from '../../simulation/run.ts';
import type { Sabotage, World } from '../../simulation/world.ts';

const SEEDS_MAX = 60;
const TIMEOUT_MS = 120_000;
/** A seed of those that keep copies apart (simulation/rare-faults.ts). */
const APART_SEED = 10;

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
  const payout = parsePayoutIntent(intent);
  if (payout === null) return honest;
  const { messages } = buildPayout(payout, dealtKeys(3, 2).bitcoin.publicKey);
  return { ok: true, messages, decide };
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
      expect(await found(() => ({ judge: believing }), onLine('never 4'))).toBe('never 4');
    },
    TIMEOUT_MS,
  );

  test(
    'sign before their decision is durable (Never 7)',
    async () => {
      const forgetful: Overrule = (honest) => (honest.ok ? { ...honest, decide: () => ({ ok: true }) } : honest);
      expect(await found(() => ({ judge: forgetful }), onLine('never 7'))).toBe('never 7');
    },
    TIMEOUT_MS,
  );

  test(
    'make one nonce twice, from a generator that repeats itself (Never 3)',
    async () => {
      const random = (length: number) => (length === 32 ? new Uint8Array(32) : null);
      expect(await found(() => ({ random }), onLine('never 3'))).toBe('never 3');
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
    'forget which input their payouts of a burn share (Never 2)',
    async () => {
      const event = ({ members }: World): void => {
        for (const { process } of members) {
          process?.store.database.run(
            'UPDATE burns SET anchor_txid = NULL, anchor_vout = NULL WHERE anchor_txid IS NOT NULL',
          );
        }
      };
      const store = withoutTriggers('burn', 'payout');
      expect(await found(() => ({ event, store }), onLine('never 2'))).toBe('never 2');
    },
    TIMEOUT_MS,
  );

  test(
    'attest a deposit to whomever they are told, again and again (Never 1)',
    async () => {
      const event = ({ members }: World): void => {
        for (const { process } of members) process?.store.database.run('DELETE FROM attestations');
      };
      const store = withoutTriggers('attest');
      const sabotage = () => ({ event, store, judge: believing, tolerated: ['never 4', 'never 7', 'fault'] }) as const;
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
      const store = (database: Database): void => void database.run("DELETE FROM cursors WHERE name = 'own_starts'");
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
      const judge: Overrule = () => refuse('policy', 'not today');
      expect(await found(() => ({ judge }), onLine('progress'))).toBe('progress');
    },
    TIMEOUT_MS,
  );
});
