// Finds the list of burns that a step of the treasury line commits to. A node that sees a step in a block or a mempool
// has only its bytes, and knows the burns from Wire. The commitment proves that kind and list are right, so nobody has
// to be trusted for them.
import { equal } from '../crypto/bytes.ts';
import { outputName, type ScriptOutput } from './custody-spend.ts';
import { compareBurns, type LineTerms, type ListedBurn, lineCommitment, type ParsedLine } from './line.ts';
import type { LineKind } from './line-intent.ts';

/**
 * Burns that look alike (same script, same amount) can be listed in many ways. The search ends once it has hashed lists
 * of this many burns in all (about 0.2 s); the list then has to come from a peer.
 */
export const LISTED_BURNS_TRIED_MAX = 50_000;

/** A burn that a step may pay. `script` and `amount` (sats): the output that pays it. */
export interface ListCandidate extends ListedBurn, ScriptOutput {}

/** What a step commits to. `burns`: ascending by burn txid. */
export interface LineList {
  readonly kind: LineKind;
  readonly burns: readonly ListedBurn[];
}

type CommitmentTerms = Pick<LineTerms, 'network' | 'keyId' | 'root'>;

/** The first outputs of every step: the next treasury output and the note. */
const FIXED_OUTPUTS = 2;
/** How many inputs (least, most) and how many outputs beside the fixed ones a step has that pays no burns. */
const SHAPES: readonly (readonly [kind: LineKind, inputsMin: number, inputsMax: number, outputs: number])[] = [
  ['sweep', 2, Number.POSITIVE_INFINITY, 0],
  // Its further inputs are strays, which the bytes alone do not tell from deposits.
  ['void', 1, Number.POSITIVE_INFINITY, 0],
  ['consolidate', 1, Number.POSITIVE_INFINITY, 1],
];

/** Whether this is the kind and the list of burns that a step commits to, in the form of that kind. */
export function checkList(
  parsed: ParsedLine,
  terms: CommitmentTerms,
  kind: LineKind,
  burns: readonly ListedBurn[],
): boolean {
  const payments = parsed.outputs.length - FIXED_OUTPUTS;
  const hasForm =
    kind === 'payout'
      ? burns.length === payments && payments > 0
      : burns.length === 0 && emptyKinds(parsed).includes(kind);
  return hasForm && equal(lineCommitment(terms, kind, burns), parsed.commitment);
}

/**
 * The kind of a step and its list of burns. Null where the candidates hold no list that it commits to, or too many that look
 * alike. Candidates come in the order in which they are likely to have been paid, as Wire lists them: of those that look
 * alike the first are tried first.
 */
export function listOf(
  parsed: ParsedLine,
  terms: CommitmentTerms,
  candidates: readonly ListCandidate[],
): LineList | null {
  const empty = emptyKinds(parsed).find((kind) => checkList(parsed, terms, kind, []));
  if (empty !== undefined) return { kind: empty, burns: [] };
  const payments = parsed.outputs.slice(FIXED_OUTPUTS);
  if (payments.length === 0) return null;
  let tried = 0;
  for (const picks of lists(payments, candidates)) {
    tried += picks.length;
    if (tried > LISTED_BURNS_TRIED_MAX) return null;
    const burns = picks.map(({ burnTxid, nullifier }) => ({ burnTxid, nullifier }));
    if (checkList(parsed, terms, 'payout', burns)) return { kind: 'payout', burns };
  }
  return null;
}

function emptyKinds({ inputs, outputs }: ParsedLine): readonly LineKind[] {
  const [count, payments] = [inputs.length, outputs.length - FIXED_OUTPUTS];
  return SHAPES.filter(([, least, most, paid]) => count >= least && count <= most && payments === paid).map(
    ([kind]) => kind,
  );
}

/**
 * Every list of candidates that these outputs pay, ascending by burn txid, each once. Candidates join one after the other;
 * a list comes up with the last of its burns, so that lists of early candidates come first.
 */
function* lists(
  payments: readonly ScriptOutput[],
  candidates: readonly ListCandidate[],
): Generator<readonly ListCandidate[]> {
  const alike = new Map<string, ListCandidate[]>(payments.map((payment) => [outputName(payment), []]));
  const options = payments.map((payment) => alike.get(outputName(payment)) ?? []);
  for (const newest of candidates) {
    const group = alike.get(outputName(newest));
    if (group === undefined) continue;
    group.splice(firstAbove(group, newest), 0, newest);
    const lowest = lowestPicks(options, []);
    const highest = highestPicks(options);
    if (lowest === null || highest === null) continue;
    for (const [at, those] of options.entries()) {
      const fits = those === group && !isAbove(lowest[at], newest) && !isAbove(newest, highest[at]);
      if (fits) yield* ascendingPicks(options.with(at, [newest]));
    }
  }
}

/** Every strictly ascending way to pick one of each option; each option is ascending. */
function* ascendingPicks(options: readonly (readonly ListCandidate[])[]): Generator<readonly ListCandidate[]> {
  const highest = highestPicks(options);
  let picks = lowestPicks(options, []);
  while (picks !== null && highest !== null) {
    yield picks;
    picks = nextPicks(options, picks, highest);
  }
}

// The last place that can go up goes up, and what follows starts again at its lowest. As no pick passes `highest`, what
// follows always finds room: no way is begun in vain.
function nextPicks(
  options: readonly (readonly ListCandidate[])[],
  picks: readonly ListCandidate[],
  highest: readonly ListCandidate[],
): readonly ListCandidate[] | null {
  for (let at = picks.length - 1; at >= 0; at--) {
    const those = options[at] ?? [];
    const next = those[firstAbove(those, picks[at])];
    if (next !== undefined && !isAbove(next, highest[at])) return lowestPicks(options, [...picks.slice(0, at), next]);
  }
  return null;
}

/** The lowest picks that continue these; null where there are none. */
function lowestPicks(
  options: readonly (readonly ListCandidate[])[],
  first: readonly ListCandidate[],
): readonly ListCandidate[] | null {
  const picks = [...first];
  for (const those of options.slice(first.length)) {
    const pick = those[firstAbove(those, picks.at(-1))];
    if (pick === undefined) return null;
    picks.push(pick);
  }
  return picks;
}

/** The highest that each pick can be; null where there is no way to pick. */
function highestPicks(options: readonly (readonly ListCandidate[])[]): readonly ListCandidate[] | null {
  const picks: ListCandidate[] = [];
  for (const those of options.toReversed()) {
    const above = picks.at(-1);
    const count = above === undefined ? those.length : firstNotBelow(those, above);
    const pick = those[count - 1];
    if (pick === undefined) return null;
    picks.push(pick);
  }
  return picks.reverse();
}

function isAbove(one: ListedBurn | undefined, other: ListedBurn | undefined): boolean {
  return one !== undefined && other !== undefined && compareBurns(one, other) > 0;
}

/** Where the first stands that is above this one; of nothing, the very first. */
function firstAbove(ascending: readonly ListCandidate[], one: ListedBurn | undefined): number {
  return one === undefined ? 0 : place(ascending, (other) => compareBurns(other, one) > 0);
}

function firstNotBelow(ascending: readonly ListCandidate[], one: ListedBurn): number {
  return place(ascending, (other) => compareBurns(other, one) >= 0);
}

/** The first place from which on this holds, by halves. */
function place(ascending: readonly ListCandidate[], holds: (one: ListCandidate) => boolean): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const one = ascending[middle];
    if (one !== undefined && holds(one)) high = middle;
    else low = middle + 1;
  }
  return low;
}
