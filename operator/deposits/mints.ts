// What becomes of attestations on Wire: they are handed in, and a deposit counts as minted only once its mint is final
// there. Until then Wire may still drop the mint, and the attestation is handed in again.

import type { MintStanding } from '../../chain/mint.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { isFinalRefusal, WireLedgerError, type WireMint } from '../../chain/wire-ledger.ts';
import { type Attestation, parseAttestation, verifyAttestation } from '../../crypto/attestation.ts';
import { toHex } from '../../crypto/bytes.ts';
import { decideAttestations, recordAttestationSignature } from '../../store/attestations.ts';
import { type Queries, transact } from '../../store/database.ts';
import { type Deposit, getDeposit, setDepositStatus } from '../../store/deposits.ts';
import { type AttestedDeposit, type AttestedPlace, listAttestedAfter } from '../../store/open-deposits.ts';
import { BackOff } from '../bridge/back-off.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { LastingTrouble } from '../bridge/lasting-trouble.ts';
import { claimOf } from '../judge/judge-attestation.ts';
import type { FederationKey } from '../keys.ts';
import { errorText } from '../log.ts';
import { keptAttestation } from './kept-attestations.ts';

/** Most deposits whose mint one round looks after, and how many questions to the Wire nodes are under way at once. */
const FOLLOWED_PER_ROUND = 100;
const ASKED_AT_ONCE = 10;
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

/**
 * Where the mint of a deposit stands on the own Wire nodes. A mint that this node did not know of is taken over with its
 * attestation, and one that is final makes the deposit minted. `otherwise`: minted with another meaning, which is an alarm.
 * Throws `WireLedgerError` where they cannot tell.
 */
export async function adoptMint(
  bridge: Bridge,
  key: FederationKey,
  deposit: Deposit,
): Promise<MintStanding | 'otherwise'> {
  const { db, wire, log, effects, config } = bridge;
  const { txid, vout } = deposit;
  const mint = wire === null ? null : await wire.mint(txid, vout);
  if (mint === null) return 'none';
  const attestation = mintedAs(mint, key, deposit);
  const isFinal = mint.confirmations >= config.wireConfirmations;
  let [before, isNew] = [null as Deposit['status'] | null, false];
  const isTaken =
    attestation !== null &&
    transact(db, (tx): boolean => {
      before = getDeposit(tx, deposit)?.status ?? null;
      const now = effects.now();
      const { recipient, amount } = deposit;
      const claim = claimOf({ txid, vout, recipient, amount: `${amount}`, expiry: `${attestation.expiry}` });
      const kept = keptAttestation(tx, deposit);
      if (kept !== null && (toHex(kept.recipient) !== recipient || kept.amountSats !== amount)) return false;
      if (kept === null) {
        const [decision] = decideAttestations(tx, [claim], now);
        if (decision?.ok !== true) return false;
        recordAttestationSignature(tx, claim, toHex(attestation.signature), now);
        isNew = true;
      }
      setDepositStatus(tx, deposit, isFinal ? 'minted' : 'attested', now);
      return true;
    });
  const fields = { txid, vout, amount: `${deposit.amount}` };
  if (isTaken && isNew) log('info', 'deposit_attested', fields);
  if (isTaken && isFinal && before !== 'minted') log('info', 'deposit_minted', fields);
  if (isTaken) return isFinal ? 'final' : 'pending';
  log('error', 'minted_otherwise', { txid, vout });
  return 'otherwise';
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

/** Follows what is attested until its mint is final, some in each round, so that all have their turn. */
export class FollowMints {
  readonly #bridge: Bridge;
  readonly #trouble: LastingTrouble;
  readonly #refused: BackOff;
  #after: AttestedPlace | null = null;

  constructor(bridge: Bridge, trouble: LastingTrouble) {
    this.#bridge = bridge;
    this.#trouble = trouble;
    this.#refused = new BackOff(bridge.effects, REFUSED);
  }

  /** One round. Throws `WireLedgerError` where the Wire nodes tell nothing at all. */
  async round(): Promise<void> {
    const { db, keys, wire } = this.#bridge;
    const key = keys.live();
    if (key === null) return;
    const deposits = this.#next(db);
    if (deposits.length === 0) return;
    if (wire === null) this.#trouble.failed('mint', 'no wire_nodes are configured: nothing is handed in');
    else await someAtOnce(deposits, (deposit) => this.#follow(key, deposit));
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

  async #follow(key: FederationKey, deposit: AttestedDeposit): Promise<void> {
    const name = outpointName(deposit);
    try {
      const standing = await adoptMint(this.#bridge, key, deposit);
      if (standing === 'otherwise') this.#refused.failed(name, true);
      if (standing === 'final') this.#refused.well(name);
      if (standing !== 'none') return;
    } catch (error) {
      if (!(error instanceof WireLedgerError)) throw error;
      // Throws where they tell nothing at all; where they cannot tell of this one alone, those behind it go on.
      await this.#bridge.wire?.status();
      this.#refused.failed(name);
      this.#trouble.failed('mint', `${name}: ${errorText(error)}`);
      return;
    }
    const attestation = keptAttestation(this.#bridge.db, deposit);
    // One that has run out is renewed by whoever's turn it is (attest-deposits.ts).
    if (attestation === null || attestation.expiry <= BigInt(Math.floor(this.#bridge.effects.now() / 1000))) return;
    await this.#handIn(name, attestation);
  }

  async #handIn(name: string, attestation: Attestation): Promise<void> {
    const verdict = await this.#bridge.wire?.postMint(attestation);
    if (verdict === undefined) return;
    if (verdict.ok) {
      this.#trouble.well('mint');
      return;
    }
    this.#trouble.failed('mint', `${name}: ${verdict.reason}: ${verdict.detail}`);
    // What no node answered is the fault of no single mint.
    if (verdict.reason !== 'mint_refused') return;
    const forGood = isFinalRefusal(verdict.code);
    this.#refused.failed(name, forGood);
    const { code, detail } = verdict;
    if (forGood) this.#bridge.log('error', 'mint_refused_for_good', { deposit: name, code, detail });
  }
}

/** Does something for each, a few at a time. Throws the first error once none of its few is under way any more. */
export async function someAtOnce<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += ASKED_AT_ONCE) {
    const outcomes = await Promise.allSettled(all.slice(at, at + ASKED_AT_ONCE).map(work));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }
}
