// The treasury line as a whole: signers that remember nothing and know little, coordinators that ask for anything, chains
// that reorganise to any depth. Each burn is paid at most once on every chain; and where one rule is broken, the model pays
// twice, so it would have seen it.
import { describe, expect, test } from 'bun:test';
import { type ListedBurn, TREASURY_SATS_MIN } from '../../chain/line.ts';
import { type LinePlace, rootPlace, ruleLine } from '../../chain/line-rule.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { MemoryHistory } from '../../simulation/memory-history.ts';
import { Prng } from '../../simulation/prng.ts';
import { stray } from './line-steps.ts';
import {
  AnyChain,
  byNullifier,
  byTxid,
  grow,
  honest,
  paidTwice,
  type Sight,
  spendsOnce,
  type WireFaults,
  World,
} from './line-world.ts';

const STEPS = 10;
/** In ms: for machines that do other work beside. */
const PATIENCE = 120_000;
const knownBy = (random: Prng) => () => random.pick([0, 0.3, 0.7, 1]);

function worldOf(label: string, faults: WireFaults = {}): World {
  return new World(new Prng(`line/${label}`), faults);
}

function expectSound(world: World): void {
  const history = world.knowledge(honest, 1, 0);
  for (const one of world.signed) {
    const { parsed, intent } = one;
    const place = history.place({ txid: parsed.txid, vout: 0 });
    if (place === null) throw new Error('a signed step does not stand on the line');
    expect(place.amount).toBeGreaterThanOrEqual(TREASURY_SATS_MIN);
    expect(world.minerFee(one)).toBe(intent.fee);
    const path = history.ancestors(place).map(({ parsed: { txid } }) => {
      const step = world.signed.find((other) => other.parsed.txid === txid);
      if (step === undefined) throw new Error('an ancestor that nobody signed');
      return step;
    });
    expect(spendsOnce(path)).toBe(true);
    // From the root on, not from the step before.
    let surplus = rootPlace(world.terms.root).surplus;
    for (const { intent: made } of path) {
      for (const { fee } of made.burns) surplus += fee;
      for (const { leaf, amount } of made.swept) if (leaf.kind === 'treasury') surplus += amount;
      surplus -= made.fee + (made.destination?.amount ?? 0n);
    }
    expect(parsed.surplus).toBe(surplus);
  }
}

describe('signers that keep to the rule', () => {
  for (const [name, faults] of [
    ['', {}],
    [', also where Wire renames nullifiers', { renames: true }],
    [', also where Wire has one nullifier under two burns', { duplicates: true }],
  ] as const) {
    test(
      `pay each burn once on every chain, whatever each of them knows${name}`,
      () => {
        let [signed, refused] = [0, 0];
        for (let tree = 0; tree < 120; tree++) {
          const world = worldOf(`tree/${tree}`, faults);
          const chain = new AnyChain();
          grow(world, honest, STEPS, knownBy(world.random), (_intent, _history, ruling) => {
            if (!ruling.ok) refused++;
            const paid = chain.move(world).flatMap(({ intent }) => intent.burns.map(({ burnTxid }) => burnTxid));
            expect(new Set(paid).size).toBe(paid.length);
          });
          signed += world.signed.length;
          expect(paidTwice(world, byTxid)).toBeNull();
          expectSound(world);
        }
        // The trees are worth it: they grow, and much is refused.
        expect(signed).toBeGreaterThan(400);
        expect(refused).toBeGreaterThan(400);
      },
      PATIENCE,
    );
  }

  test(
    'pay each nullifier once on every chain where they know the lists, also of a Wire that has it under two burns',
    () => {
      for (let tree = 0; tree < 100; tree++) {
        const world = worldOf(`duplicates/${tree}`, { duplicates: true });
        grow(world, honest, STEPS, () => 1);
        expect(paidTwice(world, byNullifier)).toBeNull();
      }
    },
    PATIENCE,
  );

  test(
    'with lists unknown and after a restore never agree to what one that knows all refuses for safety',
    () => {
      const reasons = new Map<string, number>();
      for (let tree = 0; tree < 100; tree++) {
        const world = worldOf(`restore/${tree}`, { renames: true });
        const ruledBy = (intent: Parameters<typeof ruleLine>[2], bytes: number, lists: number) =>
          ruleLine(world.knowledge(honest, bytes, lists), world.terms, intent);
        grow(world, honest, STEPS, knownBy(world.random), (intent, _history, ruling) => {
          const full = ruledBy(intent, 1, 1);
          const restored = ruledBy(intent, 1, 0);
          if (!full.ok) {
            reasons.set(full.reason, (reasons.get(full.reason) ?? 0) + 1);
            expect([ruling.ok, restored.ok]).toEqual([false, false]);
          } else if (!restored.ok) expect(restored.reason).toBe('burn_may_be_paid');
          const empty = ruledBy(intent, 0, 0);
          if (empty.ok) expect(full.ok).toBe(true);
        });
      }
      const seen = [...reasons.keys()].sort();
      expect(seen).toEqual(
        expect.arrayContaining([
          'burn_already_paid',
          'input_spent',
          'parent_unknown',
          'surplus_wrong',
          'treasury_too_low',
        ]),
      );
    },
    PATIENCE,
  );
});

/** A signer that takes whatever pays the treasury script for a treasury output, as if a line began there. */
class ByScript extends MemoryHistory {
  readonly #world: World;

  constructor(world: World) {
    super(world.terms);
    this.#world = world;
  }

  override place(outpoint: Outpoint): LinePlace | null {
    const found = this.#world.strayNamed(outpointName(outpoint));
    return super.place(outpoint) ?? (found === undefined ? null : rootPlace({ ...this.root, ...found }));
  }
}

/** A signer that takes a step for one without burns where it does not know its list. */
class UnknownIsEmpty extends MemoryHistory {
  override unlisted(): readonly [] {
    return [];
  }
}

/** A signer that compares nullifiers alone. */
class NullifiersOnly extends MemoryHistory {
  override isSame(one: ListedBurn, other: ListedBurn): boolean {
    return byNullifier(one, other);
  }
}

const brokenRules: Readonly<Record<string, { readonly sight: Sight; readonly faults?: WireFaults }>> = {
  'the treasury output is known by its script': { sight: (world) => new ByScript(world) },
  'each node has a root of its own': {
    sight: ({ terms }, node) => {
      const { txid, vout, amount } = stray(2, 200_000n);
      return new MemoryHistory(node === 0 ? terms : { ...terms, root: { ...terms.root, txid, vout, amount } });
    },
  },
  'a step whose list is not known counts as one without burns': { sight: ({ terms }) => new UnknownIsEmpty(terms) },
  'nullifiers alone are compared': { sight: ({ terms }) => new NullifiersOnly(terms), faults: { renames: true } },
};

describe('where a rule is broken, the model pays a burn twice:', () => {
  for (const [name, { sight, faults }] of Object.entries(brokenRules)) {
    test(
      name,
      () => {
        let found: number | null = null;
        for (let tree = 0; found === null && tree < 2_000; tree++) {
          const world = worldOf(`broken/${tree}`, faults);
          grow(world, sight, STEPS, knownBy(world.random));
          if (paidTwice(world, byTxid) !== null) found = tree;
        }
        expect(found).not.toBeNull();
      },
      PATIENCE,
    );
  }

  test(
    'a nullifier is paid twice where lists are unknown and Wire has it under two burns, which the rule does not prevent',
    () => {
      let found = false;
      for (let tree = 0; !found && tree < 2_000; tree++) {
        const world = worldOf(`limit/${tree}`, { duplicates: true });
        grow(world, honest, STEPS, () => 0);
        found = paidTwice(world, byNullifier) !== null;
      }
      expect(found).toBe(true);
    },
    PATIENCE,
  );
});
