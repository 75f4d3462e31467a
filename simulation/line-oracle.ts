// Never list, 2, of the treasury line: every step that an honest node signs is held against everything that was ever signed,
// whatever that node has forgotten. From the bytes of a step and its ancestors alone; its own views are ground-truth.ts.
import { type BuiltLine, buildLine, type LineTerms, TREASURY_SATS_MIN, treasuryScript } from '../chain/line.ts';
import type { LineIntent } from '../chain/line-intent.ts';
import { ruleLine } from '../chain/line-rule.ts';
import { addressScript } from '../chain/network.ts';
import { type Outpoint, outpointName } from '../chain/outpoint.ts';
import { equal } from '../crypto/bytes.ts';
import { currentRoot } from '../store/treasury-roots.ts';
import { SPENT } from './chain.ts';
import type { Liars } from './liars.ts';
import type { Process } from './member.ts';
import { type HeldStep, MemoryHistory } from './memory-history.ts';
import type { Stage } from './stage.ts';

/** A step that honest nodes have signed. */
interface SignedStep {
  readonly held: HeldStep;
  readonly burns: readonly string[];
  readonly signers: Set<number>;
  /** By name: two copies of a node each owe their own decision. */
  readonly names: Set<string>;
}

/** One in so many verdicts is made again by a node that has lost everything. */
const EMPTY_EVERY = 3;
/** What the line itself refuses, whatever a node knows: refusals of other reasons may come of what it has forgotten. */
const UNSAFE: ReadonlySet<string> = new Set([
  ...['burn_already_paid', 'burn_pays_treasury', 'input_spent', 'surplus_wrong', 'treasury_too_low', 'bad_request'],
]);

/** The checkers of one run's line. */
export class LineOracle {
  readonly #world: Stage & { readonly liars: Liars };
  readonly #terms: LineTerms | null;
  /** Everything that was signed, with its lists; and the same as bytes alone. */
  readonly #full: MemoryHistory | null;
  readonly #bare: MemoryHistory | null;
  readonly #steps = new Map<string, SignedStep>();
  #verdicts = 0;

  constructor(world: Stage & { readonly liars: Liars }) {
    this.#world = world;
    const { root, groupKey, keyId } = world;
    this.#terms = root === null ? null : { network: 'regtest', keyId, groupKey, root };
    this.#full = this.#terms === null ? null : new MemoryHistory(this.#terms);
    this.#bare = this.#terms === null ? null : new MemoryHistory(this.#terms);
  }

  /** A node has validated a step. */
  validated(intent: LineIntent): void {
    this.#verdicts += 1;
    const { trace, tally } = this.#world;
    const [terms, full, bare] = [this.#terms, this.#full, this.#bare];
    if (terms === null || full === null || bare === null || this.#verdicts % EMPTY_EVERY !== 0) return;
    // What its own Wire nodes contradict a node refuses whatever it remembers.
    if (!this.#isOnWire(intent)) return;
    tally.add('steps validated again with an empty database');
    const [knowing, empty] = [ruleLine(full, terms, intent), ruleLine(bare, terms, intent)];
    if (!knowing.ok && empty.ok && UNSAFE.has(knowing.reason)) {
      trace.violated('never 2', `an empty database accepts what a full one refuses: ${knowing.reason}`);
    }
  }

  /** An honest node computes a share of a step. */
  share(process: Process, intent: LineIntent): void {
    const { trace, liars, plan } = this.#world;
    const { index } = process;
    const [terms, full, bare] = [this.#terms, this.#full, this.#bare];
    if (terms === null || full === null || bare === null) throw new Error('a run without keys signs no step');
    this.#checkRoot(process, terms);
    const ruling = ruleLine(full, terms, intent);
    if (!ruling.ok) {
      trace.violated('never 2', `node ${index} signed what the line forbids: ${ruling.reason}, ${ruling.detail}`);
    }
    const formed = buildLine(terms, intent);
    if (!formed.ok) return;
    const { built } = formed;
    const step = this.#hold(built, [full, bare]);
    if (step === null) return;
    step.signers.add(index);
    step.names.add(process.member.name);
    if (!hasDecided(process, built.txid)) {
      trace.violated('never 7', `node ${index} signed step ${built.txid} before its decision was durable`);
    }
    this.#checkSums(index, built);
    const isComplete = ({ signers }: SignedStep): boolean => signers.size + liars.count >= plan.threshold;
    if (!isComplete(step)) return;
    for (const other of this.#steps.values()) {
      const shared = step.burns.find((burn) => other.burns.includes(burn));
      if (other !== step && shared !== undefined && isComplete(other)) this.#checkPair(full, step, other, shared);
    }
  }

  /** The step that this node has signed and its audit log does not have; null where there is none. */
  missingDecision(process: Process): string | null {
    for (const [txid, { names }] of this.#steps) {
      if (names.has(process.member.name) && !hasDecided(process, txid)) return txid;
    }
    return null;
  }

  /** Checks the best chain: the line is what was signed, and each burn is paid once. */
  checkChain(): void {
    const { chain, trace, root } = this.#world;
    const paid = new Map<string, string>();
    for (let outpoint: Outpoint | null = root; outpoint !== null; ) {
      if (chain.best.coins.get(outpointName(outpoint)) !== SPENT) return;
      const next = this.#minedOn(outpoint);
      if (next === null) {
        trace.violated('never 2', `${outpointName(outpoint)} is spent by what no honest node signed`);
        return;
      }
      const { txid } = next.held.parsed;
      for (const burn of next.burns) {
        if (paid.has(burn)) trace.violated('never 2', `burn ${burn} is paid by ${paid.get(burn)} and ${txid}`);
        paid.set(burn, txid);
      }
      outpoint = { txid, vout: 0 };
    }
  }

  /** The steps of the best chain in their order, as they were signed. */
  mined(): readonly HeldStep[] {
    const found: HeldStep[] = [];
    for (let outpoint: Outpoint | null = this.#world.root; outpoint !== null; ) {
      const next = this.#minedOn(outpoint);
      if (next === null) break;
      found.push(next.held);
      outpoint = { txid: next.held.parsed.txid, vout: 0 };
    }
    return found;
  }

  /** Whether honest nodes have signed this step. */
  has(txid: string): boolean {
    return this.#steps.has(txid);
  }

  /** The steps that pay a burn. */
  payersOf(burnTxid: string): readonly string[] {
    return [...this.#steps].filter(([, { burns }]) => burns.includes(burnTxid)).map(([txid]) => txid);
  }

  /** Whether the line of the best chain has gone another way than by this step. */
  isPassed(txid: string): boolean {
    const { chain } = this.#world;
    for (let step = this.#steps.get(txid); step !== undefined; ) {
      const { treasury } = step.held.parsed;
      const isMined = chain.best.heights.has(step.held.parsed.txid);
      if (!isMined && chain.best.coins.get(outpointName(treasury)) === SPENT) return true;
      step = this.#steps.get(treasury.txid);
    }
    return false;
  }

  #minedOn(outpoint: Outpoint): SignedStep | null {
    const { heights } = this.#world.chain.best;
    const name = outpointName(outpoint);
    for (const [txid, step] of this.#steps) {
      if (outpointName(step.held.parsed.treasury) === name && heights.has(txid)) return step;
    }
    return null;
  }

  #hold(built: BuiltLine, histories: readonly [MemoryHistory, MemoryHistory]): SignedStep | null {
    const { txid, intent, unsigned } = built;
    const known = this.#steps.get(txid);
    if (known !== undefined) return known;
    const [full, bare] = histories;
    bare.hold(unsigned);
    const held = full.hold(unsigned);
    if (held === null) return null;
    full.list(txid, intent.step, intent.burns);
    const burns = intent.burns.map(({ burnTxid }) => burnTxid);
    const step: SignedStep = { held, burns, signers: new Set(), names: new Set() };
    this.#steps.set(txid, step);
    return step;
  }

  #checkRoot({ index, store }: Process, { root, keyId }: LineTerms): void {
    const own = currentRoot(store.db, keyId);
    if (own !== null && own.certificate !== null && outpointName(own) === outpointName(root)) return;
    this.#world.trace.violated('never 2', `node ${index} signed a step of a line with another root`);
  }

  #checkSums(index: number, built: BuiltLine): void {
    const { trace, groupKey } = this.#world;
    const { intent, inputs, outputs, txid } = built;
    const amounts = inputs.map(({ txid: from, vout }) => this.#amountOf({ txid: from, vout }));
    if (amounts.some((amount) => amount === null)) {
      trace.violated('never 4', `node ${index} signed step ${txid}, of whose inputs one never was`);
      return;
    }
    const spent = amounts.reduce<bigint>((sum, amount) => sum + (amount ?? 0n), 0n);
    const made = outputs.reduce((sum, { amount }) => sum + amount, 0n);
    const [treasury, note, ...payments] = outputs;
    const isRight =
      spent === made + intent.fee &&
      intent.fee > 0n &&
      intent.surplus >= 0n &&
      treasury !== undefined &&
      treasury.amount >= TREASURY_SATS_MIN &&
      equal(treasury.script, treasuryScript(groupKey)) &&
      note?.amount === 0n &&
      payments.length === intent.burns.length + (intent.destination === null ? 0 : 1) &&
      intent.burns.every(({ address, amount, fee }, at) => {
        const named = addressScript(address, 'regtest');
        const payment = payments[at];
        return (
          named.ok && payment !== undefined && equal(payment.script, named.script) && payment.amount === amount - fee
        );
      });
    if (!isRight) trace.violated('never 4', `node ${index} signed step ${txid}, whose sums or payments are wrong`);
  }

  #amountOf({ txid, vout }: Outpoint): bigint | null {
    const known = this.#world.chain.known.get(txid)?.outputs[vout]?.amount;
    return known ?? this.#steps.get(txid)?.held.parsed.outputs[vout]?.amount ?? null;
  }

  // Neither stands on the other, and they spend one output: no chain can hold both.
  #checkPair(full: MemoryHistory, one: SignedStep, other: SignedStep, burn: string): void {
    const { trace } = this.#world;
    const [path, otherPath] = [full.ancestors(one.held.place), full.ancestors(other.held.place)];
    const what = `steps ${one.held.parsed.txid} and ${other.held.parsed.txid} both pay burn ${burn}`;
    if (path.includes(other.held) || otherPath.includes(one.held)) trace.violated('never 2', `${what} on one line`);
    const spent = new Set(path.flatMap(({ parsed }) => parsed.inputs.map(outpointName)));
    const isShared = otherPath.some(({ parsed }) => parsed.inputs.some((input) => spent.has(outpointName(input))));
    if (!isShared) trace.violated('never 2', `${what} and spend no output in common`);
  }

  #isOnWire({ burns }: LineIntent): boolean {
    const { ledger } = this.#world;
    return burns.every((burn) =>
      ledger.burns.some(
        ({ burnTxid, nullifier, address, amount, fee }) =>
          burnTxid === burn.burnTxid &&
          nullifier === burn.nullifier &&
          address === burn.address &&
          amount === burn.amount &&
          fee === burn.fee,
      ),
    );
  }
}

// Of every step, also one that the line has passed and the tables have forgotten.
function hasDecided({ store }: Process, txid: string): boolean {
  const found = store.database
    .query("SELECT 1 FROM audit_log WHERE kind = 'line_decided' AND instr(body, $txid) > 0 LIMIT 1")
    .get({ txid });
  return found !== null;
}
