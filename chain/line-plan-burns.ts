// Which burns may enter a payout at all, and why the others wait: what no choice of coins or fee can change.
import { equal } from '../crypto/bytes.ts';
import { burnOutput } from './burn.ts';
import { outputName } from './custody-spend.ts';
import { dustThreshold, feeAt, outputBytes, satVb } from './fee.ts';
import { treasuryScript } from './line.ts';
import type { LineBurn } from './line-intent.ts';
import type { PlanInput, Position, WaitCause, WaitReason } from './line-plan-input.ts';

/** Below this, in sats per 1000 vbytes, no node is asked to relay anything (chain/node-policy.ts). */
const RELAY_RATE_MIN = 1_000n;

/** A burn that may be paid. */
export interface Candidate {
  readonly burn: LineBurn;
  /** Bytes of its output. */
  readonly bytes: number;
  /** What it is paid: amount − fee, in sats. */
  readonly pays: bigint;
  /** The sibling pays it, so what replaces the sibling pays it too. */
  readonly bound: boolean;
}

/** The burns that may be paid, in their order, and why the others wait. */
export function candidatesOf(
  input: PlanInput,
  position: Position,
): { readonly candidates: readonly Candidate[]; readonly left: readonly WaitReason[] } {
  const paid = new Set(position.paid.map(({ burnTxid }) => burnTxid));
  const bound = new Set(position.sibling?.burns?.map(({ burnTxid }) => burnTxid));
  const nullifiers = new Set(position.paid.map(({ nullifier }) => nullifier));
  const own = input.treasuryKeys.map(treasuryScript);
  const candidates: Candidate[] = [];
  const left: WaitReason[] = [];
  const open = input.burns.filter(({ burnTxid }) => !paid.has(burnTxid));
  const boundFirst = [...open].sort((a, b) => Number(bound.has(b.burnTxid)) - Number(bound.has(a.burnTxid)));
  for (const burn of boundFirst) {
    const verdict = screen(input, position, { own, nullifiers }, burn);
    if ('reason' in verdict) left.push(verdict);
    else {
      nullifiers.add(burn.nullifier);
      candidates.push({ ...verdict, bound: bound.has(burn.burnTxid) });
    }
  }
  return { candidates, left };
}

function screen(
  { held, refused, terms, relay }: PlanInput,
  { maybePaid }: Position,
  { own, nullifiers }: { readonly own: readonly Uint8Array[]; readonly nullifiers: ReadonlySet<string> },
  burn: LineBurn,
): Omit<Candidate, 'bound'> | WaitReason {
  const { burnTxid, nullifier } = burn;
  if (held.has(burnTxid)) return isHeldBack(burnTxid);
  if (nullifiers.has(nullifier)) {
    return leave(burnTxid, 'nullifier_twice', 'another burn has the same nullifier: check your Wire nodes');
  }
  const verdict = burnOutput(terms, burn);
  if (!verdict.ok) return leave(burnTxid, verdict.reason, neverPaid(verdict.detail));
  const { script, amount } = verdict.output;
  if (own.some((treasury) => equal(treasury, script))) {
    return leave(burnTxid, 'names_treasury', neverPaid('it asks for a payout to the treasury itself'));
  }
  if (maybePaid.has(outputName(verdict.output))) {
    return leave(
      burnTxid,
      'unlisted',
      'a step whose burns are not known may pay it: this node asks its peers for its list of burns',
    );
  }
  const dust = dustThreshold(script, relay.dustRelayRate);
  if (amount < dust) {
    const remedy = `your node relays no output of this kind below ${dust} sats: lower its -dustrelayfee`;
    return leave(burnTxid, 'below_dust', remedy, dust - amount);
  }
  if (refused.has(burnTxid)) return leave(burnTxid, 'refused', 'it is tried again later; the log names the refusals');
  return { burn, bytes: outputBytes(script.length), pays: amount };
}

/** A burn that this operator holds. */
export function isHeldBack(burnTxid: string): WaitReason {
  return leave(burnTxid, 'held', `this operator holds it: \`mpc_operator unhold ${burnTxid}\` releases it`);
}

/** The remedy of a burn that no payout can ever pay: there is none. */
export function neverPaid(detail: string): string {
  return `nothing: it can never be paid (${detail})`;
}

/** A burn that is left out. */
export function leave(burnTxid: string | null, reason: WaitCause, remedy: string, missing = 0n): WaitReason {
  return { burnTxid, reason, missing, rate: null, remedy };
}

/** A burn whose fee does not bear `share` times its own bytes at a rate. `relayed`: the least rate that the own node relays. */
export function tooSmall({ burn, bytes }: Candidate, rate: bigint, share: bigint, relayed: bigint): WaitReason {
  const enters = (burn.fee * 1000n) / (BigInt(bytes) * share);
  const missing = feeAt(bytes, rate) * share - burn.fee;
  const remedy = remedyFor({ alone: (burn.fee * 1000n) / BigInt(bytes), enters, rate, relayed });
  return { burnTxid: burn.burnTxid, reason: 'fee_too_small', missing, rate: enters, remedy };
}

// `alone`: the rate up to which the fee pays for the burn's own output; `enters`: up to which it enters by itself.
function remedyFor(rates: Readonly<Record<'alone' | 'enters' | 'rate' | 'relayed', bigint>>): string {
  const { alone, enters, rate, relayed } = rates;
  const least = `${satVb(relayed, 'up')} sat/vB, the least that your own Bitcoin nodes relay (mempoolminfee, minrelaytxfee)`;
  if (alone < RELAY_RATE_MIN) {
    return neverPaid(
      `its fee does not pay for its own output at ${satVb(RELAY_RATE_MIN)} sat/vB, the least that is ever relayed`,
    );
  }
  if (alone < relayed) return `it needs ${satVb(alone)} sat/vB or less, and now it takes ${least}`;
  const now = rate === relayed ? `; now it takes ${least}` : '';
  if (alone < rate) return `it can join a payout once the fee rate is ${satVb(alone)} sat/vB or less${now}`;
  const together = 'together with burns that pay more fees';
  if (enters < relayed) return `it is paid ${together}: alone it does not bear its share of a step at ${least}`;
  return `it is paid once the fee rate is ${satVb(enters)} sat/vB or less, or ${together}${now}`;
}
