// The treasury line's transactions. Everything that the federation signs with the bitcoin key spends one output, the
// treasury output, and makes the next one: Bitcoin itself then decides which of several transactions counts. The form is
// fixed to the last detail, so that one meaning has one transaction:
//   input 0     the treasury output that it spends
//   inputs 1…   swept deposits and strays, ascending by outpoint; a test step ends with an outpoint that cannot exist
//   output 0    the next treasury output
//   output 1    OP_RETURN with 40 bytes: surplus u64 LE ‖ commitment to the burns
//   outputs 2…  one per burn in the order of burn txids, or the one output of `consolidate`
import { concat, equal, fromHex, toHex, u32be, u64le } from '../crypto/bytes.ts';
import { canonicalBytes } from '../crypto/canonical-json.ts';
import { TREASURY_SATS_MIN } from '../crypto/line-json.ts';
import { taggedHash } from '../crypto/tagged-hash.ts';
import { custodyScript } from '../crypto/taproot.ts';
import { AMOUNT_SATS_MAX } from './amount.ts';
import { type BurnTermsRefusal, burnOutput, type Refused } from './burn.ts';
import { type BuiltSpend, buildSpend, type CustodyInput, type ScriptOutput } from './custody-spend.ts';
import { dustThreshold, STANDARD_WEIGHT_MAX } from './fee.ts';
import { LINE_BURNS_MAX, LINE_INPUTS_MAX, type LineBurn, type LineIntent, type LineKind } from './line-intent.ts';
import { type BitcoinNetwork, scriptAddress } from './network.ts';
import { compareOutpoints, type Outpoint, type Valued } from './outpoint.ts';
import { parseTransaction, type RawTransactions } from './raw-transactions.ts';

export { TREASURY_SATS_MIN };

/** The least that the root holds, in sats: the floor and a reserve for the first fees. */
export const ROOT_SATS_MIN = TREASURY_SATS_MIN + 10_000n;
/** No transaction fits 2^32 outputs, so no output has this number. */
export const IMPOSSIBLE_VOUT = 0xffff_ffff;

const COMMITMENT_TAG = '0BTC_WIRE_LINE/v1';
const TEST_OUTPOINT_TAG = '0BTC_WIRE_TEST_OUTPOINT';
const OP_RETURN = 0x6a;
const NOTE_BYTES = 40;

/** With which the line begins. `amount` in sats. */
export interface LineRoot extends Valued {
  readonly network: BitcoinNetwork;
  readonly keyId: string;
}

/** What the form of a step depends on besides its intent. `groupKey`: 33 bytes, of the key that holds the line. */
export interface LineTerms {
  readonly network: BitcoinNetwork;
  /** The key of input 0. */
  readonly keyId: string;
  readonly groupKey: Uint8Array;
  readonly root: LineRoot;
}

/** An unsigned step. */
export interface BuiltLine extends BuiltSpend {
  readonly intent: LineIntent;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
}

/** What names a burn in a list. */
export interface ListedBurn {
  readonly burnTxid: string;
  readonly nullifier: string;
}

/** The surplus that the root itself brings, in sats. */
export function rootSurplus(root: Valued): bigint {
  return root.amount - TREASURY_SATS_MIN;
}

/** The treasury script of a key: what output 0 of every step pays. 34 bytes. */
export function treasuryScript(groupKey: Uint8Array): Uint8Array {
  return custodyScript(groupKey, { kind: 'treasury' }).scriptPubKey;
}

/** The commitment to a list of burns, which are ascending by txid: 32 bytes. */
export function lineCommitment(
  terms: Pick<LineTerms, 'network' | 'keyId' | 'root'>,
  step: LineKind,
  burns: readonly ListedBurn[],
): Uint8Array {
  const { network, keyId, root } = terms;
  const meaning = {
    network,
    key_id: keyId,
    root: { txid: root.txid, vout: root.vout },
    kind: step,
    burns: burns.map(({ burnTxid, nullifier }) => [burnTxid, nullifier]),
  };
  return taggedHash(COMMITMENT_TAG, canonicalBytes(meaning));
}

/** Ascending by burn txid. */
export function compareBurns(a: Pick<LineBurn, 'burnTxid'>, b: Pick<LineBurn, 'burnTxid'>): number {
  if (a.burnTxid === b.burnTxid) return 0;
  return a.burnTxid < b.burnTxid ? -1 : 1;
}

/**
 * The input that makes a step a test: the outpoint (tagged hash of the count u32 BE and the burn txids, 2^32 − 1). No
 * transaction can have an output of that number. Every signature commits to all inputs, so none can serve in a transaction
 * that could be mined. It is worth 0 sats.
 */
export function testInput(burns: readonly Pick<LineBurn, 'burnTxid'>[]): CustodyInput {
  const txids = burns.map(({ burnTxid }) => fromHex(burnTxid, { bytes: 32 }));
  const hash = taggedHash(TEST_OUTPOINT_TAG, u32be(burns.length), ...txids);
  return { txid: toHex(hash), vout: IMPOSSIBLE_VOUT, amount: 0n, leaf: { kind: 'test' } };
}

/** What an intent comes to. Sats. */
export interface LineSums {
  readonly swept: bigint;
  readonly strays: bigint;
  readonly paid: bigint;
  readonly burnFees: bigint;
  readonly consolidated: bigint;
  /** What the next treasury output holds. */
  readonly treasury: bigint;
}

/** The sums of a step. Negative where it spends more than it has. */
export function lineSums({ treasury, swept, burns, destination, fee }: LineIntent): LineSums {
  const total = (amounts: readonly bigint[]) => amounts.reduce((sum, amount) => sum + amount, 0n);
  const all = total(swept.map(({ amount }) => amount));
  const strays = total(swept.filter(({ leaf }) => leaf.kind === 'treasury').map(({ amount }) => amount));
  const paid = total(burns.map((burn) => burn.amount - burn.fee));
  const burnFees = total(burns.map((burn) => burn.fee));
  const consolidated = destination?.amount ?? 0n;
  return {
    swept: all,
    strays,
    paid,
    burnFees,
    consolidated,
    treasury: treasury.amount + all - paid - consolidated - fee,
  };
}

/** The surplus after a step upon one that left `before`; negative where it spends what is not its own. Sats. */
export function surplusAfter(before: bigint, intent: LineIntent): bigint {
  const { burnFees, strays, consolidated } = lineSums(intent);
  return before + burnFees + strays - consolidated - intent.fee;
}

export type LineVerdict =
  | { readonly ok: true; readonly built: BuiltLine }
  | Refused<BurnTermsRefusal | 'bad_request' | 'treasury_too_low' | 'not_standard'>;

/**
 * Builds the transaction of an intent and holds it to the form: order, limits, what each kind may have, treasury at least
 * the floor, standard weight. Says nothing about ancestors, burns, fees or the chain.
 */
export function buildLine(terms: LineTerms, intent: LineIntent): LineVerdict {
  const sums = lineSums(intent);
  const flaw = formFlaw(intent) ?? amountFlaw(intent, sums);
  if (flaw !== null) return refuse('bad_request', flaw);
  if (sums.treasury < TREASURY_SATS_MIN) {
    const detail = `the treasury would hold ${sums.treasury} sats, the least is ${TREASURY_SATS_MIN}`;
    return refuse('treasury_too_low', detail);
  }
  const payments: ScriptOutput[] = [];
  for (const burn of intent.burns) {
    const verdict = burnOutput(terms, burn);
    if (!verdict.ok) return verdict;
    payments.push(verdict.output);
  }
  if (intent.destination !== null) {
    const refusal = refuseDestination(terms.network, intent.destination);
    if (refusal !== null) return refusal;
    payments.push(intent.destination);
  }
  const commitment = lineCommitment(terms, intent.step, intent.burns);
  const outputs: readonly ScriptOutput[] = [
    { script: treasuryScript(terms.groupKey), amount: sums.treasury },
    { script: noteScript(intent.surplus, commitment), amount: 0n },
    ...payments,
  ];
  const built = buildSpend(lineInputs(intent), outputs, terms.groupKey);
  if (built.weight > STANDARD_WEIGHT_MAX) return refuse('not_standard', `${built.weight} weight units`);
  return { ok: true, built: { ...built, intent, commitment } };
}

/** The inputs of a step in their order. */
export function lineInputs(intent: LineIntent): readonly CustodyInput[] {
  const { treasury, swept, test, burns } = intent;
  const first: CustodyInput = { ...treasury, leaf: { kind: 'treasury' } };
  return [first, ...swept, ...(test ? [testInput(burns)] : [])];
}

function formFlaw(intent: LineIntent): string | null {
  const { step, test, treasury, swept, burns, destination } = intent;
  if (1 + swept.length + (test ? 1 : 0) > LINE_INPUTS_MAX) return `more than ${LINE_INPUTS_MAX} inputs`;
  if (burns.length > LINE_BURNS_MAX) return `more than ${LINE_BURNS_MAX} burns`;
  if (!isAscending(swept, compareOutpoints)) return 'the swept outputs are not in ascending order';
  if (!isAscending(burns, compareBurns)) return 'the burns are not in ascending order';
  if (new Set(burns.map(({ nullifier }) => nullifier)).size < burns.length) return 'a nullifier is listed twice';
  if (swept.some((one) => compareOutpoints(one, treasury) === 0)) return 'the treasury output is swept as well';
  if (swept.some(({ vout }) => vout === IMPOSSIBLE_VOUT)) return 'an output that cannot exist is swept';
  if (burns.length > 0 !== (step === 'payout')) return 'a payout pays burns, and nothing else does';
  if ((destination !== null) !== (step === 'consolidate')) return 'a consolidation has a destination, nothing else has';
  if (step === 'sweep' && swept.length === 0) return 'a sweep sweeps an output';
  if (step === 'void' && swept.some(({ leaf }) => leaf.kind !== 'treasury'))
    return 'a void step sweeps no deposit: only strays, which pay for it';
  return null;
}

// What no Bitcoin node, and no reader of blocks here, takes for an amount.
function amountFlaw({ treasury, swept, destination, fee, surplus }: LineIntent, sums: LineSums): string | null {
  const amounts: readonly (readonly [string, bigint])[] = [
    ['treasury output', treasury.amount],
    ...swept.map(({ amount }) => ['swept output', amount] as const),
    ['destination', destination?.amount ?? 0n],
    ['fee', fee],
    ['surplus', surplus],
  ];
  const wrong = amounts.find(([, amount]) => amount < 0n || amount > AMOUNT_SATS_MAX);
  if (wrong !== undefined) return `the ${wrong[0]} of ${wrong[1]} sats is negative or above 21 million bitcoin`;
  return sums.treasury > AMOUNT_SATS_MAX ? 'the treasury would hold more than 21 million bitcoin' : null;
}

// Without an address there is no standard script; and btc-signer throws on some that are none.
function refuseDestination(
  network: BitcoinNetwork,
  { script, amount }: ScriptOutput,
): Refused<'address_invalid' | 'below_dust'> | null {
  if (scriptAddress(script, network) === null) {
    return refuse('address_invalid', `the destination ${toHex(script)} is not a script with an address`);
  }
  const least = dustThreshold(script);
  return amount < least ? refuse('below_dust', `the destination gets ${amount} sats, the least is ${least}`) : null;
}

/** The script of output 1. */
function noteScript(surplus: bigint, commitment: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(OP_RETURN, NOTE_BYTES), u64le(surplus), commitment);
}

/** A step as its bytes alone show it. */
export interface ParsedLine {
  readonly txid: string;
  /** Input 0. */
  readonly treasury: Outpoint;
  /** All inputs in their order, input 0 among them. */
  readonly inputs: readonly Outpoint[];
  /** All outputs in their order. */
  readonly outputs: readonly ScriptOutput[];
  /** Sats, as output 1 says. */
  readonly surplus: bigint;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
}

/**
 * Reads a step from the bytes of a transaction, signed or not: output 0 pays the treasury script, output 1 is a note of 40
 * bytes. Null where it does not have that form, and for a test step, which is never an ancestor. That it stands on the
 * line is for whoever holds its ancestors to say.
 */
export function parseLine(bytes: Uint8Array, groupKey: Uint8Array): ParsedLine | null {
  try {
    return readLineAt(parseTransaction(bytes), 0, groupKey);
  } catch {
    return null;
  }
}

/** As `parseLine`, of one of several transactions, as in a block. */
export function readLineAt(transactions: RawTransactions, index: number, groupKey: Uint8Array): ParsedLine | null {
  const { inputs, outputs } = partsOf(transactions, index);
  const [first] = inputs;
  const [next, note] = outputs;
  if (first === undefined || next === undefined || note === undefined) return null;
  if (inputs.some(({ vout }) => vout === IMPOSSIBLE_VOUT)) return null;
  if (!equal(next.script, treasuryScript(groupKey))) return null;
  const isNote = note.script.length === 2 + NOTE_BYTES && note.script[0] === OP_RETURN && note.script[1] === NOTE_BYTES;
  if (!isNote) return null;
  const view = new DataView(note.script.buffer, note.script.byteOffset, note.script.length);
  const surplus = view.getBigUint64(2, true);
  const txid = transactions.txid(index);
  return { txid, treasury: first, inputs, outputs, surplus, commitment: note.script.slice(10) };
}

function partsOf(all: RawTransactions, index: number) {
  const isLast = index + 1 >= all.count;
  const inputsEnd = isLast ? all.inputOffsets.length : all.firstInput(index + 1);
  const outputsEnd = isLast ? all.outputOffsets.length : all.firstOutput(index + 1);
  const places = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);
  return {
    inputs: places(all.firstInput(index), inputsEnd).map((place) => all.outpoint(place)),
    outputs: places(all.firstOutput(index), outputsEnd).map((place) => ({
      script: all.script(place),
      amount: all.amount(place),
    })),
  };
}

function isAscending<Item>(items: readonly Item[], compare: (a: Item, b: Item) => number): boolean {
  // Without the first one, each has its predecessor at its own index.
  return items.slice(1).every((item, index) => compare(items[index] ?? item, item) < 0);
}

function refuse<Reason extends string>(reason: Reason, detail: string): Refused<Reason> {
  return { ok: false, reason, detail };
}
