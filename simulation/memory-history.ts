// Knowledge of the treasury line in memory, for the oracle and for tests: the bytes of steps, and of some of them the list of
// burns. Everything it says of a step it reads from the bytes; a list it takes only where the step commits to it.
import {
  compareBurns,
  type LineRoot,
  type LineTerms,
  type ListedBurn,
  type ParsedLine,
  parseLine,
} from '../chain/line.ts';
import type { LineKind } from '../chain/line-intent.ts';
import { checkList } from '../chain/line-list.ts';
import { type LineHistory, type LinePlace, rootPlace, type UnlistedStep } from '../chain/line-rule.ts';
import { compareOutpoints, type Outpoint, outpointName } from '../chain/outpoint.ts';

/** A step that is held. `burns` is null where its list is not known. */
export interface HeldStep {
  readonly parsed: ParsedLine;
  readonly place: LinePlace;
  readonly burns: readonly ListedBurn[] | null;
}

/** What a node holds of the line. */
export class MemoryHistory implements LineHistory {
  readonly root: LineRoot;
  readonly #terms: LineTerms;
  readonly #steps = new Map<string, HeldStep>();

  constructor(terms: LineTerms) {
    this.root = terms.root;
    this.#terms = terms;
  }

  /** Takes the bytes of a step, signed or not; null where it is none, or its parent is not held. */
  hold(bytes: Uint8Array): HeldStep | null {
    const parsed = parseLine(bytes, this.#terms.groupKey);
    return parsed === null ? null : this.holdParsed(parsed);
  }

  /** As `hold`, of a step that was read before. */
  holdParsed(parsed: ParsedLine): HeldStep | null {
    const known = this.#steps.get(parsed.txid);
    const parent = this.place(parsed.treasury);
    const [next] = parsed.outputs;
    if (known !== undefined || parent === null || next === undefined) return known ?? null;
    const { txid, surplus } = parsed;
    const place = { txid, vout: 0, amount: next.amount, depth: parent.depth + 1, surplus };
    const step = { parsed, place, burns: null };
    this.#steps.set(txid, step);
    return step;
  }

  /** Takes a list of burns where the step commits to it. */
  list(txid: string, kind: LineKind, burns: readonly ListedBurn[]): boolean {
    const step = this.#steps.get(txid);
    if (step === undefined || !checkList(step.parsed, this.#terms, kind, burns)) return false;
    this.#steps.set(txid, { ...step, burns });
    return true;
  }

  place(outpoint: Outpoint): LinePlace | null {
    if (compareOutpoints(outpoint, this.root) === 0) return rootPlace(this.root);
    return outpoint.vout === 0 ? (this.#steps.get(outpoint.txid)?.place ?? null) : null;
  }

  payersOf(place: LinePlace, burns: readonly ListedBurn[]): { txid: string; burnTxid: string }[] {
    return this.ancestors(place).flatMap(({ parsed, burns: paid }) =>
      burns
        .filter((burn) => paid?.some((one) => this.isSame(one, burn)))
        .map(({ burnTxid }) => ({ txid: parsed.txid, burnTxid })),
    );
  }

  unlisted(place: LinePlace): readonly UnlistedStep[] {
    return this.ancestors(place).flatMap(({ parsed, burns }) => (burns === null ? [parsed] : []));
  }

  spendersOf(place: LinePlace, outpoints: readonly Outpoint[]): { txid: string; spent: Outpoint }[] {
    const names = new Set(outpoints.map(outpointName));
    return this.ancestors(place).flatMap(({ parsed: { txid, inputs } }) =>
      inputs.filter((spent) => names.has(outpointName(spent))).map((spent) => ({ txid, spent })),
    );
  }

  /** Whether two burns of lists are one, by txid or by nullifier. */
  isSame(one: ListedBurn, other: ListedBurn): boolean {
    return compareBurns(one, other) === 0 || one.nullifier === other.nullifier;
  }

  /** The steps from this place back to the root, its own first. */
  ancestors(place: LinePlace): readonly HeldStep[] {
    const path: HeldStep[] = [];
    let step = place.vout === 0 ? this.#steps.get(place.txid) : undefined;
    while (step !== undefined) {
      path.push(step);
      step = this.#steps.get(step.parsed.treasury.txid);
    }
    return path;
  }
}
