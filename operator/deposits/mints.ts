// What becomes of attestations on Wire: they are handed in, and a deposit counts as minted only once its mint is final
// there. Until then Wire may still drop the mint, and the attestation is handed in again.

import type { MintState } from '../../chain/mint.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { isFinalRefusal, WireLedgerError, type WireMint } from '../../chain/wire-ledger.ts';
import { type Attestation, parseAttestation, verifyAttestation } from '../../crypto/attestation.ts';
import { toHex } from '../../crypto/bytes.ts';
import { decideAttestations, recordAttestationSignature } from '../../store/attestations.ts';
import { type Queries, transact } from '../../store/database.ts';
import { type Deposit, setDepositStatuses } from '../../store/deposits.ts';
import { type AttestedDeposit, type AttestedPlace, listAttestedAfter } from '../../store/open-deposits.ts';
import { BackOff } from '../bridge/back-off.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { FailureLog } from '../bridge/failure-log.ts';
import type { FederationKey } from '../keys/keys.ts';
import { errorText } from '../runtime/log.ts';
import { claimOf } from '../validation/validate-attestation.ts';
import { keptAttestation } from './kept-attestations.ts';

/** Most deposits whose mint one round looks after, and how many questions to the Wire nodes are under way at once. */
const FOLLOWED_PER_ROUND = 200;
const ASKED_AT_ONCE = 10;
/** Most refusals that are remembered for operators; the oldest make room. */
const REASONS_KEPT_MAX = 1_000;
/** What Wire refuses is handed in again after so long, twice as long each time; what it refuses for good once a day. In ms. */
const REFUSED = { firstMs: 30_000, longestMs: 86_400_000 } as const;

/** Whether Wire has taken an attestation, and a sentence for operators. */
export interface HandedIn {
  readonly submitted: boolean;
  readonly detail: string;
}

/** Hands an attestation in on Wire. */
export async function handIn({ wire }: Pick<Bridge, 'wire'>, attestation: Attestation): Promise<HandedIn> {
  if (wire === null) return { submitted: false, detail: 'no wire_nodes are configured: hand it in by other means' };
  const verdict = await wire.postMint(attestation);
  if (!verdict.ok) return { submitted: false, detail: `${verdict.reason}: ${verdict.detail}` };
  return { submitted: true, detail: verdict.already ? 'it was minted before' : 'minted' };
}

/** Hands attestations in on Wire, some at a time. What Wire does not take goes into `failed`, and is tried again later. */
export async function handInAll(
  bridge: Bridge,
  attestations: readonly Attestation[],
  failed: (detail: string) => void,
): Promise<void> {
  await someAtOnce(attestations, async (attestation) => {
    const { submitted, detail } = await handIn(bridge, attestation);
    if (!submitted) failed(`${attestation.depositTxid}:${attestation.depositVout}: ${detail}`);
  });
}

/** Where the mint of a deposit stands; `otherwise`: minted with another meaning, which is an alarm. */
export type AdoptedState = MintState | 'otherwise';

/** What the own Wire nodes tell of the mints of some deposits. */
export interface AdoptedMints<D> {
  readonly answered: readonly { readonly deposit: D; readonly state: AdoptedState }[];
  /** Those of which they cannot tell, each with the reason. */
  readonly unanswered: readonly { readonly deposit: D; readonly detail: string }[];
}

/**
 * Asks the own Wire nodes where the mints of deposits stand. A mint that this node did not know of is taken over with its
 * attestation, and one that is final makes the deposit minted; all in one commit. Throws `WireLedgerError` where the Wire
 * nodes tell nothing at all.
 */
export async function adoptMints<D extends Deposit>(
  bridge: Bridge,
  key: FederationKey,
  deposits: readonly D[],
): Promise<AdoptedMints<D>> {
  const { wire } = bridge;
  const asked: { readonly deposit: D; readonly mint: WireMint | null }[] = [];
  const unanswered: { readonly deposit: D; readonly detail: string }[] = [];
  await someAtOnce(deposits, async (deposit) => {
    try {
      asked.push({ deposit, mint: wire === null ? null : await wire.mint(deposit.txid, deposit.vout) });
    } catch (error) {
      if (!(error instanceof WireLedgerError)) throw error;
      // Throws where they tell nothing at all; where they cannot tell of this one alone, the others go on.
      await wire?.status();
      unanswered.push({ deposit, detail: errorText(error) });
    }
  });
  const { answered, minted } = transact(bridge.db, (tx) => {
    const answered = asked.map(({ deposit, mint }) => ({
      deposit,
      ...(mint === null ? ({ state: 'none', isNew: false } as const) : adopted(bridge, tx, key, deposit, mint)),
    }));
    const inState = (state: AdoptedState): readonly D[] =>
      answered.filter((one) => one.state === state).map(({ deposit }) => deposit);
    const now = bridge.effects.now();
    setDepositStatuses(tx, inState('pending'), 'attested', now);
    return { answered, minted: setDepositStatuses(tx, inState('final'), 'minted', now) };
  });
  for (const { deposit, state, isNew } of answered) {
    const { txid, vout, amount } = deposit;
    if (isNew) bridge.log('info', 'deposit_attested', { txid, vout, amount: `${amount}` });
    if (state === 'otherwise') bridge.log('error', 'minted_otherwise', { txid, vout });
  }
  for (const { txid, vout, amount } of minted)
    bridge.log('info', 'deposit_minted', { txid, vout, amount: `${amount}` });
  return { answered, unanswered };
}

/** `isNew`: this node did not know that it was attested. */
interface Adopted {
  readonly state: AdoptedState;
  readonly isNew: boolean;
}

const OTHERWISE: Adopted = { state: 'otherwise', isNew: false };

function adopted(
  { config, effects }: Bridge,
  tx: Queries,
  key: FederationKey,
  deposit: Deposit,
  mint: WireMint,
): Adopted {
  const attestation = mintedAs(mint, key, deposit);
  if (attestation === null) return OTHERWISE;
  const now = effects.now();
  const { txid, vout, recipient, amount } = deposit;
  const kept = keptAttestation(tx, deposit);
  if (kept !== null && (toHex(kept.recipient) !== recipient || kept.amountSats !== amount)) return OTHERWISE;
  if (kept === null) {
    const claim = claimOf({ txid, vout, recipient, amount: `${amount}`, expiry: `${attestation.expiry}` });
    const [decision] = decideAttestations(tx, [claim], now);
    if (decision?.ok !== true) return OTHERWISE;
    recordAttestationSignature(tx, claim, toHex(attestation.signature), now);
  }
  return { state: mint.confirmations >= config.wireConfirmations ? 'final' : 'pending', isNew: kept === null };
}

function mintedAs(mint: WireMint, key: FederationKey, deposit: Deposit): Attestation | null {
  const read = parseAttestation(mint.attestation);
  if (!read.ok || !verifyAttestation('mint', read.attestation, key.attestation.publicKey)) return null;
  const { attestation } = read;
  const isThis =
    attestation.depositTxid === deposit.txid &&
    attestation.depositVout === deposit.vout &&
    attestation.amountSats === deposit.amount &&
    toHex(attestation.recipient) === deposit.recipient;
  return isThis ? attestation : null;
}

/** Why a deposit is not minted; `forGood`: no other attempt changes that. */
export interface Unminted {
  readonly detail: string;
  readonly forGood: boolean;
}

/** Follows what is attested until its mint is final, some in each round, so that all have their turn. */
export class FollowMints {
  readonly #bridge: Bridge;
  readonly #trouble: FailureLog;
  readonly #refused: BackOff;
  /** What a peer has announced, and is handing in. */
  readonly #announced: BackOff;
  /** What was said of each that was not minted, by txid:vout. */
  readonly #why = new Map<string, Unminted>();
  #after: AttestedPlace | null = null;

  constructor(bridge: Bridge, trouble: FailureLog) {
    this.#bridge = bridge;
    this.#trouble = trouble;
    this.#refused = new BackOff(bridge.effects, REFUSED);
    const takeoverMs = bridge.config.takeoverS * 1000;
    this.#announced = new BackOff(bridge.effects, { firstMs: takeoverMs, longestMs: takeoverMs });
  }

  /** A peer has announced this attestation: it hands it in, and this node does only where the mint does not follow. */
  leave(deposit: Outpoint): void {
    this.#announced.failed(outpointName(deposit));
  }

  /** One round. Throws `WireLedgerError` where the Wire nodes tell nothing at all. */
  async round(): Promise<void> {
    const { db, keys, wire } = this.#bridge;
    const key = keys.live();
    if (key === null) return;
    const deposits = this.#next(db);
    if (deposits.length === 0) return;
    if (wire === null) this.#trouble.failed('mint', 'no wire_nodes are configured: nothing is handed in');
    else await this.#follow(key, deposits);
  }

  /** What was said last of a deposit that is not minted; null where nothing. */
  why(name: string): Unminted | null {
    return this.#why.get(name) ?? null;
  }

  #keepWhy(name: string, detail: string, forGood = false): void {
    this.#why.delete(name);
    this.#why.set(name, { detail, forGood });
    const [oldest] = this.#why.keys();
    if (this.#why.size > REASONS_KEPT_MAX && oldest !== undefined) this.#why.delete(oldest);
  }

  // The next of those that do not rest, from where the last round ended; from the first on again where it reached the end.
  #next(db: Queries): readonly AttestedDeposit[] {
    const found: AttestedDeposit[] = [];
    for (;;) {
      const page = listAttestedAfter(db, this.#after, FOLLOWED_PER_ROUND);
      for (const deposit of page) {
        if (!this.#refused.rests(outpointName(deposit))) found.push(deposit);
        this.#after = deposit;
        if (found.length === FOLLOWED_PER_ROUND) return found;
      }
      if (page.length === FOLLOWED_PER_ROUND) continue;
      this.#after = null;
      return found;
    }
  }

  async #follow(key: FederationKey, deposits: readonly AttestedDeposit[]): Promise<void> {
    const { answered, unanswered } = await adoptMints(this.#bridge, key, deposits);
    for (const { deposit, detail } of unanswered) {
      const name = outpointName(deposit);
      this.#refused.failed(name);
      this.#keepWhy(name, detail);
      this.#trouble.failed('mint', `${name}: ${detail}`);
    }
    for (const { deposit, state } of answered) {
      if (state === 'otherwise') this.#refused.failed(outpointName(deposit), true);
      if (state !== 'final') continue;
      this.#refused.well(outpointName(deposit));
      this.#why.delete(outpointName(deposit));
    }
    const unminted = answered.filter(({ state }) => state === 'none').map(({ deposit }) => outpointName(deposit));
    const due = new Set(unminted.filter((name) => !this.#announced.rests(name)));
    await someAtOnce(
      deposits.filter((deposit) => due.has(outpointName(deposit))),
      async (deposit) => {
        const attestation = keptAttestation(this.#bridge.db, deposit);
        // One that has run out is renewed by whoever's turn it is (attest-deposits.ts).
        if (attestation === null || attestation.expiry <= BigInt(Math.floor(this.#bridge.effects.now() / 1000))) return;
        await this.#handIn(outpointName(deposit), attestation);
      },
    );
  }

  async #handIn(name: string, attestation: Attestation): Promise<void> {
    const verdict = await this.#bridge.wire?.postMint(attestation);
    if (verdict === undefined) return;
    if (verdict.ok) {
      this.#why.delete(name);
      this.#trouble.well('mint');
      return;
    }
    const forGood = verdict.reason === 'mint_refused' && isFinalRefusal(verdict.code);
    this.#keepWhy(name, `${verdict.reason}: ${verdict.detail}`, forGood);
    this.#trouble.failed('mint', `${name}: ${verdict.reason}: ${verdict.detail}`);
    // What no node answered is the fault of no single mint.
    if (verdict.reason !== 'mint_refused') return;
    this.#refused.failed(name, forGood);
    const { code, detail } = verdict;
    if (forGood) this.#bridge.log('error', 'mint_refused_for_good', { deposit: name, code, detail });
  }
}

/** Does something for each, a few at a time. Begins no more after an error, and throws it once none is under way any more. */
export async function someAtOnce<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  let hasFailed = false;
  const takeFromLeft = async (): Promise<void> => {
    for (const one of left) {
      if (hasFailed) return;
      await work(one).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      });
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: ASKED_AT_ONCE }, takeFromLeft));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
