// Which burns a plan looks at: those that its step pays already, then those that bear today's rate, then those that could be
// paid at a lower one. Within each the oldest comes first. Anybody can make burns that no payout can ever pay, or none now;
// they come last, so that however many there are, they keep no other from being paid.
import { type BurnVerdict, verifyBurn } from '../../chain/burn.ts';
import { feeAt, OUTPUT_BYTES_MIN, outputBytes } from '../../chain/fee.ts';
import type { LineBurn } from '../../chain/line-intent.ts';
import type { WaitCause, WaitReason } from '../../chain/line-plan.ts';
import { isHeldBack, leave, neverPaid } from '../../chain/line-plan-burns.ts';
import { OUTPUT_SCRIPT_BYTES_MAX } from '../../chain/network.ts';
import { type WireLedger, WireLedgerError } from '../../chain/wire-ledger.ts';
import { BoundedSet } from '../../crypto/bounded-cache.ts';
import { listPayableBurns, listWaitingBurns, paymentOf, twinOf } from '../../store/burn-payments.ts';
import { type Burn, getBurn } from '../../store/burns.ts';
import { PAGE_ROWS_MAX } from '../../store/database.ts';
import { isHeld } from '../../store/holds.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { Turns } from '../bridge/turns.ts';
import { askAll } from '../validation/batches.ts';

/** Most burns that one plan looks at, besides those that its step pays already. */
const BURNS_MAX = 2_000;
/** How long a burn that cannot be paid (a bad address, dust) is left alone, in ms. */
const UNPAYABLE_MS = 600_000;
/** Burns that are known to be final: what is final stays so. */
const FINAL_KEPT_MAX = 50_000;
/** How long a burn that signers refuse is left alone, in takeover times: at first longer than the step itself rests. */
const REFUSED_TAKEOVERS = { first: 2, most: 20 } as const;

type BurnFault = Extract<BurnVerdict, { readonly ok: false }>['reason'];

/** What is chosen from. */
export interface BurnChoice {
  /** Paid by the steps that wait. */
  readonly bound: ReadonlySet<string>;
  /** These alone; null: all that wait. */
  readonly named: ReadonlySet<string> | null;
  /** The least rate that nodes relay, in sats per 1000 vbytes. */
  readonly feeRateMin: bigint;
  /** The rate that a plan aims at, in the same unit. */
  readonly feeRate: bigint;
  /** The treasury's own address, which no burn may name. */
  readonly treasury: string;
}

/** Burns that are final on the own Wire nodes, and why others are not looked at. `seenAt` in ms since 1970. */
export interface ChosenBurns {
  readonly burns: readonly { readonly burn: LineBurn; readonly seenAt: number }[];
  readonly left: readonly WaitReason[];
}

/** Chooses burns; remembers what is final, and why others wait. */
export class WaitingBurns {
  readonly #bridge: Bridge;
  readonly #turns: Turns;
  readonly #final = new BoundedSet(FINAL_KEPT_MAX);
  readonly #why = new Map<string, WaitReason>();

  constructor(bridge: Bridge, turns: Turns) {
    this.#bridge = bridge;
    this.#turns = turns;
  }

  /** The burns for a plan, oldest first. Throws `WireLedgerError`. */
  async choose(choice: BurnChoice): Promise<ChosenBurns> {
    const { wire } = this.#bridge;
    if (wire === null) return { burns: [], left: [] };
    const { wanted, left } = this.#gather(choice);
    const verdicts = await askAll(wanted, async (burn) => (await this.#verdict(wire, burn)) ?? this.#stopped(burn));
    const burns = wanted.filter((_, index) => verdicts[index] === null);
    const unready = verdicts.flatMap((why) => why ?? []);
    return {
      burns: burns.map((stored) => ({ burn: lineBurn(stored), seenAt: stored.seenAt })),
      left: [...left, ...unready],
    };
  }

  /** Signers refused a burn now: it is tried again later, by itself, after longer and longer. */
  refused(burnTxid: string): void {
    const takeoverMs = this.#bridge.config.takeoverS * 1000;
    const { first, most } = REFUSED_TAKEOVERS;
    this.#turns.restLonger(`burn/${burnTxid}`, first * takeoverMs, most * takeoverMs);
    const { reason, remedy } = rests(burnTxid);
    this.#keepWhy(burnTxid, reason, remedy);
  }

  #gather({ bound, named, feeRateMin, feeRate, treasury }: BurnChoice) {
    const { db } = this.#bridge;
    const wanted = new Map<string, Burn>();
    const left = new Map<string, WaitReason>();
    for (const burnTxid of bound) {
      const burn = getBurn(db, burnTxid);
      if (burn !== null) wanted.set(burnTxid, burn);
    }
    const full = wanted.size + BURNS_MAX;
    for (const burnTxid of named ?? []) {
      const burn = getBurn(db, burnTxid);
      const { state } = paymentOf(db, burnTxid, 0);
      const twin = burn === null ? null : this.#isTwinPaid(burn);
      if (twin !== null) left.set(burnTxid, twin);
      else if (burn !== null && (state === 'waiting' || state === 'signed')) wanted.set(burnTxid, burn);
    }
    if (named !== null) return { wanted: inOrder(wanted), left: [...left.values()] };
    const take = (burn: Burn): void => {
      const { burnTxid } = burn;
      if (wanted.size >= full || wanted.has(burnTxid)) return;
      // Whatever else speaks against it, this operator's own decision comes first.
      const twin = this.#isTwinPaid(burn);
      if (isHeld(db, burnTxid)) left.set(burnTxid, isHeldBack(burnTxid));
      else if (twin !== null) left.set(burnTxid, twin);
      else if (this.#turns.rests(`burn/${burnTxid}`)) left.set(burnTxid, this.#why.get(burnTxid) ?? rests(burnTxid));
      else wanted.set(burnTxid, burn);
    };
    // A first version spends half of what its burns bear: these enter whatever waits beside them.
    const enough = feeAt(outputBytes(OUTPUT_SCRIPT_BYTES_MAX), 2n * feeRate);
    for (const feeMin of [enough, feeAt(OUTPUT_BYTES_MIN, feeRateMin)]) {
      for (let offset = 0; wanted.size < full; offset += PAGE_ROWS_MAX) {
        const rows = listPayableBurns(db, { feeMin, notTo: treasury }, { limit: PAGE_ROWS_MAX, offset });
        for (const burn of rows) if (!isHeld(db, burn.burnTxid)) take(burn);
        if (rows.length < PAGE_ROWS_MAX) break;
      }
    }
    // What cannot be paid now is looked at to say why.
    for (let offset = 0; wanted.size < full && offset < BURNS_MAX; offset += PAGE_ROWS_MAX) {
      const { rows } = listWaitingBurns(db, { limit: PAGE_ROWS_MAX, offset });
      for (const burn of rows) take(burn);
      if (rows.length < PAGE_ROWS_MAX) break;
    }
    return { wanted: inOrder(wanted), left: [...left.values()] };
  }

  // Why nobody signs a burn whose nullifier a mined step has paid; null where none has.
  #isTwinPaid(burn: Burn): WaitReason | null {
    const twin = twinOf(this.#bridge.db, burn);
    if (twin === null) return null;
    const why = `step ${twin.txid} has paid burn ${twin.burnTxid}, which has the same nullifier: check your Wire nodes`;
    return leave(burn.burnTxid, 'nullifier_twice', neverPaid(why));
  }

  // Why this operator does not have a burn paid that is final.
  #stopped(burn: Burn): WaitReason | null {
    const stop = this.#bridge.validation.payouts.stops(burn);
    return stop === null ? null : leave(burn.burnTxid, stop.reason, stop.remedy);
  }

  // Why a burn is not final on the own Wire nodes; null where it is.
  async #verdict(wire: WireLedger, burn: Burn): Promise<WaitReason | null> {
    const { burnTxid } = burn;
    if (this.#final.has(burnTxid)) return null;
    const verdict: BurnVerdict = await verifyBurn(wire, this.#bridge.validation.burnRules(), burn);
    if (verdict.ok && verdict.burn.nullifier === burn.nullifier) {
      this.#final.add(burnTxid);
      this.#why.delete(burnTxid);
      return null;
    }
    if (verdict.ok) {
      return this.#keepWhy(
        burnTxid,
        'burn_mismatch',
        'your Wire nodes report another nullifier than before: check them',
      );
    }
    const { reason, detail } = verdict;
    const takeoverMs = this.#bridge.config.takeoverS * 1000;
    if (reason === 'wire_unavailable') {
      // Throws where the nodes tell nothing at all; of this burn alone nothing can be told where its proof breaks the verifier.
      await wire.status();
      this.#turns.rest(`burn/${burnTxid}`, takeoverMs);
    } else if (reason === 'wrong_network') throw new WireLedgerError(detail);
    else if (reason !== 'burn_unconfirmed') this.#turns.rest(`burn/${burnTxid}`, UNPAYABLE_MS);
    return this.#keepWhy(burnTxid, reason, remedyFor(reason, detail));
  }

  #keepWhy(burnTxid: string, reason: WaitCause, remedy: string): WaitReason {
    const why: WaitReason = { burnTxid, reason, missing: 0n, rate: null, remedy };
    this.#why.delete(burnTxid);
    this.#why.set(burnTxid, why);
    const [oldest] = this.#why.keys();
    if (this.#why.size > BURNS_MAX && oldest !== undefined) this.#why.delete(oldest);
    return why;
  }
}

// What would let a burn go on that the own Wire nodes do not call payable.
function remedyFor(reason: Exclude<BurnFault, 'wrong_network'>, detail: string): string {
  switch (reason) {
    case 'address_invalid':
    case 'fee_above_amount':
    case 'below_dust':
      return neverPaid(detail);
    case 'burn_unconfirmed':
      return `more blocks of Wire: ${detail}`;
    case 'burn_unknown':
      return `your Wire nodes have to show it again, where they have taken its block back: ${detail}`;
    case 'burn_mismatch':
      return `your Wire nodes report it otherwise than before: check them (${detail})`;
    case 'burn_proof_invalid':
      return `nothing, unless your burn_proof_verifier is wrong: check it (${detail})`;
    case 'wire_unavailable':
      return `your Wire nodes have to answer and agree about it: ${detail}`;
  }
}

function rests(burnTxid: string): WaitReason {
  return leave(burnTxid, 'refused', 'it is tried again later; the log names the refusals');
}

// The oldest on the Wire ledger first.
function inOrder(burns: ReadonlyMap<string, Burn>): readonly Burn[] {
  return [...burns.values()].sort((a, b) => (a.wireSeq < b.wireSeq ? -1 : a.wireSeq > b.wireSeq ? 1 : 0));
}

function lineBurn({ burnTxid, nullifier, address, amount, fee }: Burn): LineBurn {
  return { burnTxid, nullifier, address, amount, fee };
}
