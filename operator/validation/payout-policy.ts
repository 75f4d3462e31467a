// What this operator's policy says of paying a burn that is final: the largest payout, vetoes, the hold window, approvals by a
// person, and the most within a day. The signer, the planner and what waits beside a step ask the same questions here. It only ever refuses.
import type { RefusalReason } from '../../ceremony/refusals.ts';
import type { LineBurn } from '../../chain/line-intent.ts';
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { canonicalBytes } from '../../crypto/canonical-json.ts';
import type { Queries } from '../../store/database.ts';
import {
  DAY_CAP_MS,
  finalSince,
  isPayoutSigned,
  notePayouts,
  type SignedPayout,
  signedWithinDay,
} from '../../store/payout-limits.ts';
import { openPayoutRequest, type PayoutRequest, requestPayout, voidApprovals } from '../../store/payout-requests.ts';
import { requestIdOf } from '../../store/request-ids.ts';
import { holdingVeto } from '../../store/vetoes.ts';
import type { LinePolicy } from '../config/config.ts';
import { type Refusal, refuse } from './verdict.ts';

/** The reasons for which policy refuses a payout; each is a refusal of its own name. */
export type PayoutStopReason = Extract<
  RefusalReason,
  'payout_too_large' | 'payout_on_hold' | 'payout_vetoed' | 'approval_needed' | 'day_cap_reached'
>;

/** Why a burn is not paid now. `detail`: for peers; `remedy`: what would let it go on, for this node's operator. */
export interface PayoutStop {
  readonly reason: PayoutStopReason;
  readonly detail: string;
  readonly remedy: string;
}

/** What the planner may still have paid within the day. */
export interface DayRoom {
  /** In sats. */
  readonly left: bigint;
  /** What would let others go on. */
  readonly remedy: string;
}

/** What the policy is held against. `policy` is read anew at each question. */
export interface PayoutPolicyInput {
  readonly db: Queries;
  readonly policy: () => LinePolicy;
  /** How many approvals end a veto. */
  readonly threshold: number;
  /** In ms since 1970. */
  readonly now: () => number;
  /** By the monotonic clock, in ms. */
  readonly monotonic: () => number;
}

type Burn = Pick<LineBurn, 'burnTxid' | 'amount' | 'fee'>;

/** One node's policy. */
export class PayoutPolicy {
  readonly #input: PayoutPolicyInput;
  readonly #lead: number;
  /** Burns that became final by a clock that was ahead then, with when this process saw them first. */
  readonly #seen = new Map<string, number>();

  constructor(input: PayoutPolicyInput) {
    this.#input = input;
    this.#lead = input.now() - input.monotonic();
  }

  /** Why this burn, which is final, is not paid now, whatever else is; null where nothing speaks against it. */
  stops(burn: Burn): PayoutStop | null {
    const { withdrawalMaxSats: most } = this.#input.policy();
    const pays = burn.amount - burn.fee;
    // Asked first, as it writes down since when the burn is final: vetoes end with that window, whatever else holds the burn back.
    const onHold = this.#onHold(burn, pays);
    if (most !== null && pays > most) {
      const detail = `burn ${burn.burnTxid}: pays ${pays} sats, and this operator signs ${most} at most`;
      const remedy = `a larger limit: \`mpc_operator policy set withdrawal_max_sats SATS\`, now ${most}`;
      return { reason: 'payout_too_large', detail, remedy };
    }
    return this.#vetoed(burn) ?? onHold ?? this.#unapproved(burn, pays);
  }

  /** The first of the burns that is not paid now, as a refusal; together they may exceed what is left of the day. */
  refuses(burns: readonly Burn[]): Refusal | null {
    let taken = 0n;
    for (const burn of burns) {
      const stop = this.stops(burn) ?? this.#overDay(burn, taken);
      if (stop !== null) return { ...refuse(stop.reason, stop.detail), data: { burn_txid: burn.burnTxid } };
      if (!this.isCounted(burn.burnTxid)) taken += burn.amount - burn.fee;
    }
    return null;
  }

  /** What may still be signed within the day; null where there is no limit. */
  day(): DayRoom | null {
    const { db, policy } = this.#input;
    const { dayMaxSats: most } = policy();
    if (most === null) return null;
    const signed = signedWithinDay(db, this.#now());
    const used = total(signed);
    const next = signed[0] === undefined ? '' : `; the oldest of it counts until ${iso(signed[0].at + DAY_CAP_MS)}`;
    const remedy = `it goes on once less than day_max_sats (${most}) counts, now ${used} sats${next}; \`mpc_operator policy set day_max_sats SATS\` changes it`;
    return { left: used > most ? 0n : most - used, remedy };
  }

  /** Whether this node has signed a payout of the burn before: then it adds nothing to what counts within the day. */
  isCounted(burnTxid: string): boolean {
    return isPayoutSigned(this.#input.db, burnTxid);
  }

  /** Writes down what a share is given for. */
  note(burns: readonly Burn[]): void {
    notePayouts(
      this.#input.db,
      burns.map(({ burnTxid, amount, fee }) => ({ burnTxid, sats: amount - fee })),
      this.#now(),
    );
  }

  /** Takes back approvals that were given under another policy, and returns how many. */
  voidApprovals(): number {
    const { db, policy, now } = this.#input;
    return voidApprovals(db, policyHash(policy()), now());
  }

  #vetoed({ burnTxid }: Burn): PayoutStop | null {
    const { db, now, threshold } = this.#input;
    const veto = holdingVeto(db, burnTxid, threshold, now());
    if (veto === null) return null;
    const until = iso(veto.expiresAt);
    const detail = `burn ${burnTxid}: operator ${veto.vetoedBy} has vetoed its payout until ${until}: ${veto.reason}`;
    const remedy = `approvals of ${threshold} operators: \`mpc_operator requests approve ${veto.id}\` at each; it lapses at ${until} (operator ${veto.vetoedBy}: ${veto.reason})`;
    return { reason: 'payout_vetoed', detail, remedy };
  }

  #onHold({ burnTxid }: Burn, pays: bigint): PayoutStop | null {
    const { holdAboveSats, holdMinutes } = this.#input.policy();
    if (holdAboveSats === null || pays < holdAboveSats) return null;
    const now = this.#now();
    const until = this.#finalSince(burnTxid, now) + holdMinutes * 60_000;
    if (now >= until) return null;
    const detail = `burn ${burnTxid}: a payout of ${pays} sats waits for the hold window, until ${iso(until)}`;
    return { reason: 'payout_on_hold', detail, remedy: `nothing: it goes on by itself at ${iso(until)} (hold window)` };
  }

  // A clock that is set while the node runs must neither end hold windows nor empty the day.
  #now(): number {
    return Math.floor(this.#lead + this.#input.monotonic());
  }

  // A clock that was ahead when the burn became final must not hold it back until then.
  #finalSince(burnTxid: string, now: number): number {
    const known = finalSince(this.#input.db, burnTxid, now);
    if (known <= now) return known;
    const since = this.#seen.get(burnTxid) ?? now;
    this.#seen.set(burnTxid, since);
    return since;
  }

  #unapproved({ burnTxid }: Burn, pays: bigint): PayoutStop | null {
    const { db, policy } = this.#input;
    const { approveAboveSats } = policy();
    // What was signed once was approved then; a replacement pays nothing more.
    if (approveAboveSats === null || pays <= approveAboveSats || isPayoutSigned(db, burnTxid)) return null;
    const request = this.#request(burnTxid);
    if (request?.decision === 'approved') return null;
    const needed = `burn ${burnTxid}: the operator has to approve payouts of more than ${approveAboveSats} sats`;
    if (request === null) {
      const remedy = 'decide open requests first, as there are too many: `mpc_operator requests list`';
      return { reason: 'approval_needed', detail: needed, remedy };
    }
    if (request.decision === 'refused') {
      const detail = `burn ${burnTxid}: the operator has refused it until ${iso(request.expiresAt)}`;
      const remedy = `this operator has refused it (${request.decisionReason ?? ''}); it asks again at ${iso(request.expiresAt)}`;
      return { reason: 'approval_needed', detail, remedy };
    }
    const remedy = `an approval at this node: \`mpc_operator requests approve ${request.id}\``;
    return { reason: 'approval_needed', detail: needed, remedy };
  }

  #request(burnTxid: string): PayoutRequest | null {
    const { db, policy, now } = this.#input;
    const open = openPayoutRequest(db, burnTxid, now());
    if (open === null) return requestPayout(db, burnTxid, requestId(burnTxid, now()), now());
    const isVoid = open.decision === 'approved' && open.policy !== policyHash(policy());
    if (!isVoid) return open;
    this.voidApprovals();
    return openPayoutRequest(db, burnTxid, now());
  }

  #overDay({ burnTxid, amount, fee }: Burn, taken: bigint): PayoutStop | null {
    const room = this.day();
    const pays = amount - fee;
    if (room === null || this.isCounted(burnTxid) || taken + pays <= room.left) return null;
    const detail = `burn ${burnTxid}: pays ${pays} sats, and this operator signs ${room.left - taken} more within 24 h`;
    return { reason: 'day_cap_reached', detail, remedy: room.remedy };
  }
}

/** The policy under which something is approved, as 64 hex characters: another policy has another. */
export function policyHash(policy: LinePolicy): string {
  const shown = Object.entries(policy).map(([name, value]): readonly [string, string] => [name, valueText(value)]);
  return toHex(sha256(canonicalBytes(Object.fromEntries(shown))));
}

function valueText(value: LinePolicy[keyof LinePolicy]): string {
  if (value === null) return 'none';
  return typeof value === 'bigint' || typeof value === 'number' ? `${value}` : value.map(toHex).join(',');
}

function requestId(burnTxid: string, now: number): string {
  return requestIdOf('payout', toHex(sha256(utf8(`payout/${burnTxid}/${now}`))));
}

function total(signed: readonly SignedPayout[]): bigint {
  return signed.reduce((sum, { sats }) => sum + sats, 0n);
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
