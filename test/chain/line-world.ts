// A small world for the treasury line: a Wire with a few burns, coins under the bitcoin key, a coordinator that asks for
// anything, and all that was ever signed. The oracle knows Bitcoin's rule alone: a chain spends every output once.
import { type LineTerms, type ListedBurn, type ParsedLine, parseLine, rootSurplus } from '../../chain/line.ts';
import { LINE_KINDS, type LineBurn, type LineIntent, type SweptOutput } from '../../chain/line-intent.ts';
import { ruleLine } from '../../chain/line-rule.ts';
import { compareOutpoints, outpointName, type Valued } from '../../chain/outpoint.ts';
import { MemoryHistory } from '../../simulation/memory-history.ts';
import type { Prng } from '../../simulation/prng.ts';
import {
  ADDRESS,
  burn,
  deposit,
  groupKey,
  hash,
  OTHER_ADDRESS,
  otherScript,
  root,
  stepOf,
  stray,
  terms,
} from './line-steps.ts';

/** What Wire does. `renames`: it tells one burn under two nullifiers. `duplicates`: it has one nullifier under two burns. */
export interface WireFaults {
  readonly renames?: boolean;
  readonly duplicates?: boolean;
}

/** A transaction of which one honest signer at least has said yes. */
export interface Signed {
  readonly parsed: ParsedLine;
  readonly intent: LineIntent;
}

/** How a signer sees the line, given what it holds; a broken rule sees it otherwise. `node`: which signer. */
export type Sight = (world: World, node: number) => MemoryHistory;
export const honest: Sight = (world) => new MemoryHistory(world.terms);

export class World {
  readonly random: Prng;
  readonly terms: LineTerms;
  readonly burns: readonly LineBurn[];
  /** Unspent to begin with, all deep: deposits, and outputs that pay the treasury script, the root not among them. */
  readonly coins: readonly SweptOutput[];
  readonly signed: Signed[] = [];
  readonly #faults: WireFaults;
  /** What every output is worth that can ever be spent. */
  readonly #worth = new Map<string, bigint>();

  constructor(random: Prng, faults: WireFaults = {}) {
    this.random = random;
    this.#faults = faults;
    this.terms = { ...terms, root: { ...root, amount: random.pick([60_000n, 200_000n, 900_000n]) } };
    // Few amounts and addresses, so that burns look alike.
    const amounts = [20_000n, 20_000n, 30_000n];
    this.burns = [1, 2, 3, 4].map((n) => ({
      ...burn(n, random.pick(amounts), random.pick([500n, 2_000n]), random.pick([ADDRESS, OTHER_ADDRESS])),
      ...(faults.duplicates ? { nullifier: hash(Math.ceil(n / 2), 'c') } : {}),
    }));
    this.coins = [deposit(1, 40_000n), deposit(2, 90_000n), stray(1, 70_000n), stray(2, 200_000n)];
    for (const coin of [this.terms.root, ...this.coins]) this.#worth.set(outpointName(coin), coin.amount);
  }

  /** What some coordinator asks for: often what an ancestor has done before, sometimes with a wrong sum. */
  proposal(places: MemoryHistory): LineIntent {
    const { random } = this;
    const treasury = this.#treasury();
    const step = random.chance(0.7) ? 'payout' : random.pick(LINE_KINDS);
    const destination = step === 'consolidate' ? { script: otherScript(12), amount: 5_000n } : null;
    const burns = step === 'payout' ? this.#someBurns() : [];
    const swept = step === 'void' || (step !== 'sweep' && random.chance(0.5)) ? [] : this.#someCoins();
    const before = places.place(treasury)?.surplus ?? rootSurplus(treasury);
    const intent = stepOf({ step, treasury, burns, swept, destination, fee: BigInt(random.int(200, 3_000)) }, before);
    return random.chance(0.04) ? { ...intent, surplus: intent.surplus + random.pick([-1n, 1n]) } : intent;
  }

  /** What a signer knows that has just begun with nothing: the bytes of most steps, and some lists. */
  knowledge(sight: Sight, bytes: number, lists: number): MemoryHistory {
    const history = sight(this, this.random.int(0, 1));
    for (const { parsed, intent } of this.signed) {
      if (!this.random.chance(bytes) || history.holdParsed(parsed) === null) continue;
      if (this.random.chance(lists)) history.list(parsed.txid, intent.step, intent.burns);
    }
    return history;
  }

  /** Puts a step that a signer has agreed to among all that was signed; nothing where it is there. */
  sign(unsigned: Uint8Array, intent: LineIntent): void {
    const parsed = parseLine(unsigned, groupKey);
    if (parsed === null) throw new Error('a signer agreed to what is no step');
    if (this.signed.some((one) => one.parsed.txid === parsed.txid)) return;
    this.signed.push({ parsed, intent });
    for (const [vout, { amount }] of parsed.outputs.entries()) this.#worth.set(`${parsed.txid}:${vout}`, amount);
  }

  /** All that a transaction needs on its chain, itself included; null where no chain can have it. */
  needs(one: Signed): ReadonlySet<Signed> | null {
    const found = new Set<Signed>([one]);
    for (const { parsed } of found) {
      for (const { txid, vout } of parsed.inputs) {
        if (!this.#worth.has(`${txid}:${vout}`)) return null;
        const producer = this.signed.find((other) => other.parsed.txid === txid);
        if (producer !== undefined) found.add(producer);
      }
    }
    return spendsOnce(found) ? found : null;
  }

  /** What goes in less what comes out, in sats. */
  minerFee({ parsed: { inputs, outputs } }: Signed): bigint {
    const ins = inputs.reduce((sum, input) => sum + (this.#worth.get(outpointName(input)) ?? 0n), 0n);
    return outputs.reduce((rest, { amount }) => rest - amount, ins);
  }

  /** The output of this name, where it pays the treasury script off the line: what a broken rule takes for a treasury output. */
  strayNamed(name: string): SweptOutput | undefined {
    return this.coins.find((coin) => coin.leaf.kind === 'treasury' && outpointName(coin) === name);
  }

  #treasury(): Valued {
    const { random, signed } = this;
    const places: Valued[] = signed.map((one) => this.#next(one));
    const strays = this.coins.filter(({ leaf }) => leaf.kind === 'treasury');
    const { txid, vout, amount } = random.chance(0.1) ? random.pick(strays) : random.pick([this.terms.root, ...places]);
    return { txid, vout, amount: random.chance(0.02) ? amount + 1n : amount };
  }

  #someBurns(): LineBurn[] {
    const some = this.random.shuffled(this.burns).slice(0, this.random.int(1, 2));
    const told = some.map((one) => {
      const isRenamed = this.#faults.renames === true && this.random.chance(0.5);
      return isRenamed ? { ...one, nullifier: one.burnTxid.replace('b', 'f') } : one;
    });
    return told.sort((a, b) => (a.burnTxid < b.burnTxid ? -1 : 1));
  }

  // A treasury output of the line is swept now and then as if it were a stray: no chain can have such a step.
  #someCoins(): SweptOutput[] {
    const line = this.signed.map((one): SweptOutput => ({ ...this.#next(one), leaf: { kind: 'treasury' } }));
    const from = this.random.chance(0.1) ? [...this.coins, ...line] : this.coins;
    return this.random.shuffled(from).slice(0, this.random.int(1, 2)).sort(compareOutpoints);
  }

  #next({ parsed: { txid, outputs } }: Signed): Valued {
    return { txid, vout: 0, amount: outputs[0]?.amount ?? 0n };
  }
}

/** Whether no output is spent by two of these. */
export function spendsOnce(all: Iterable<Signed>): boolean {
  const spent = new Set<string>();
  for (const { parsed } of all) {
    for (const input of parsed.inputs) {
      const name = outpointName(input);
      if (spent.has(name)) return false;
      spent.add(name);
    }
  }
  return true;
}

/** Two transactions, or one, that pay one burn on one chain; null where no chain can have them. */
export function paidTwice(world: World, isSame: (a: ListedBurn, b: ListedBurn) => boolean): readonly Signed[] | null {
  const chains = world.signed.flatMap((one) => {
    const needed = world.needs(one);
    return needed === null ? [] : [{ one, needed }];
  });
  for (const [index, a] of chains.entries()) {
    for (const b of chains.slice(index + 1)) {
      const shares = a.one.intent.burns.some((one) => b.one.intent.burns.some((other) => isSame(one, other)));
      if (shares && spendsOnce(new Set([...a.needed, ...b.needed]))) return [a.one, b.one];
    }
  }
  return null;
}

export const byTxid = (a: ListedBurn, b: ListedBurn): boolean => a.burnTxid === b.burnTxid;
export const byNullifier = (a: ListedBurn, b: ListedBurn): boolean => a.nullifier === b.nullifier;

/** A chain on which the steps that can be mined are mined in any order, and unmined again to any depth. */
export class AnyChain {
  #mined: Signed[] = [];

  /** Goes back by any number of steps now and then, and on by one that fits. */
  move(world: World): readonly Signed[] {
    const { random } = world;
    if (random.chance(0.3)) this.#mined = this.#mined.slice(0, random.int(0, this.#mined.length));
    const next = random.shuffled(world.signed).find((one) => {
      const needed = world.needs(one);
      const isReady = needed !== null && [...needed].every((other) => other === one || this.#mined.includes(other));
      return isReady && !this.#mined.includes(one) && spendsOnce([...this.#mined, one]);
    });
    if (next !== undefined) this.#mined = [...this.#mined, next];
    return this.#mined;
  }
}

/** Lets a coordinator ask for `steps` steps, each of as many signers as say no, at most two. */
export function grow(world: World, sight: Sight, steps: number, lists: () => number, asked: Asked = () => {}): void {
  for (let step = 0; step < steps; step++) {
    const intent = world.proposal(world.knowledge(sight, 1, 0));
    for (let signer = 0; signer < 2; signer++) {
      const bytes = world.random.chance(0.2) ? 0.7 : 1;
      const history = world.knowledge(sight, bytes, lists());
      const ruling = ruleLine(history, world.terms, intent);
      asked(intent, history, ruling);
      if (ruling.ok) world.sign(ruling.built.unsigned, intent);
      if (ruling.ok) break;
    }
  }
}

/** Sees each question to a signer, what it held, and what it said. */
export type Asked = (intent: LineIntent, history: MemoryHistory, ruling: ReturnType<typeof ruleLine>) => void;
