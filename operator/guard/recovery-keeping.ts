// What peers have told and this node has verified, kept as own decisions in one commit together with the new epoch.

import { getBurn } from '../../store/burns.ts';
import { type ContestedClaim, contestBurn } from '../../store/contested-burns.ts';
import type { Queries } from '../../store/database.ts';
import { transact } from '../../store/database.ts';
import { recordRecovery } from '../../store/node-state.ts';
import { getPayout } from '../../store/payout-listing.ts';
import { recordPayoutSigned } from '../../store/payout-progress.ts';
import { getUtxo } from '../../store/utxos.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { counted } from '../counted.ts';
import { decide } from '../judge/judge-payout.ts';
import { type Contradiction, contradictionSentence, contradictionsOf, isProven } from './contradictions.ts';
import type { KeepAttestation } from './recovery-attestations.ts';
import { custodyOutpoints, type Prepared } from './recovery-payouts.ts';

/** A verified payout and the peers that told of it. */
export interface FoundPayout extends Prepared {
  readonly tellers: readonly number[];
}

/** What the peers `toldBy` have told, verified. */
export interface Found {
  readonly toldBy: readonly number[];
  readonly payouts: readonly FoundPayout[];
  readonly attestations: readonly KeepAttestation[];
  /** Burns of which this node may have released the anchor since. */
  readonly lost: ReadonlySet<string>;
}

/** How it went, in one sentence. `contradiction`: nothing was kept. */
export interface Kept {
  readonly kind: 'recovered' | 'contradiction';
  readonly detail: string;
}

/** So many coins of claims are kept in full. */
const CONTESTED_ROWS_MAX = 100_000;

class Contradicted extends Error {}

/** Keeps all of it under the new epoch, or nothing where it contradicts what this node has signed. */
export function keepFound(
  { db, bitcoin, effects, log }: Pick<Bridge, 'db' | 'bitcoin' | 'effects' | 'log'>,
  epoch: number,
  found: Found,
): Kept {
  const now = effects.now();
  const { toldBy } = found;
  try {
    const { adopted, contested, doubted } = transact(db, (tx) => {
      const attested = keepAttestations(tx, found, now);
      const { adopted, contested, contradictions } = keepPayouts(tx, found, now);
      const verified = found.payouts.flatMap(({ burns }) => burns ?? []);
      const proven = contradictions.find((one) => isProven(tx, one, bitcoin.network, verified));
      if (proven !== undefined) throw new Contradicted(contradictionSentence(proven));
      const doubted = contradictions.map(({ burnTxid, own, txid }) => ({ burn_txid: burnTxid, own, txid }));
      const counts = { adopted: attested + adopted, contested: contested.size };
      recordRecovery(tx, epoch, { told_by: toldBy, ...counts, ...(doubted.length > 0 ? { doubted } : {}) }, now);
      return { ...counts, doubted };
    });
    for (const one of doubted) log('error', 'told_payout_contradicts', one);
    const left = contested === 0 ? '' : `; left to the other operators: ${counted(contested, 'burn')}`;
    const claims = counted(new Set(doubted.map(({ txid }) => txid)).size, 'signed payout');
    const unsure = `; not taken over: ${claims} told to pay a burn that another one pays, see told_payout_contradicts`;
    const taken = `${counted(adopted, 'decision')} taken over from operators ${toldBy.join(', ')}`;
    return { kind: 'recovered', detail: `${taken}${left}${doubted.length === 0 ? '' : unsure}` };
  } catch (error) {
    if (error instanceof Contradicted) return { kind: 'contradiction', detail: error.message };
    throw error;
  }
}

function keepAttestations(tx: Queries, { attestations }: Found, now: number): number {
  let adopted = 0;
  for (const attestation of attestations) {
    const kept = attestation(tx, now);
    if (kept === 'contradicts') throw new Contradicted('the federation has signed another attestation of a deposit');
    if (kept === 'kept') adopted += 1;
  }
  return adopted;
}

function keepPayouts(tx: Queries, found: Found, now: number) {
  let adopted = 0;
  const contested = new Map<string, ContestedClaim[]>();
  const contradictions: Contradiction[] = [];
  const before = anchorsOf(tx, found);
  for (const payout of inOrder(tx, found.payouts)) {
    const outcome = adopt(tx, payout, now);
    if (outcome === 'adopted') adopted += 1;
    if (outcome !== 'refused') continue;
    const { txid, built, burns, signed } = payout;
    // Whether these stand is told by what is adopted after it.
    if (burns !== null && signed !== null) contradictions.push(...contradictionsOf(tx, payout, found.lost));
    const claim = { txid, inputs: built.intent.inputs.map((input) => ({ txid: input.txid, vout: input.vout })) };
    for (const burnTxid of leftOpen(tx, payout, before)) {
      const claims = contested.get(burnTxid) ?? [];
      claims.push(claim);
      contested.set(burnTxid, claims);
    }
  }
  for (const [burnTxid, claims] of withinRows(tx, contested)) contestBurn(tx, burnTxid, claims, now);
  return { adopted, contested, contradictions };
}

/**
 * Each coin of a claim is kept for each of its burns. Where a lying peer makes too many of them up, one coin of each has to
 * do: what spends it conflicts with the claim, and who spends it otherwise makes it void, whatever else the claim spends.
 */
function withinRows(tx: Queries, contested: ReadonlyMap<string, readonly ContestedClaim[]>) {
  let rows = 0;
  for (const claims of contested.values()) for (const { inputs } of claims) rows += inputs.length;
  if (rows <= CONTESTED_ROWS_MAX) return contested;
  const cut = new Map<string, ContestedClaim>();
  const cutDown = (claim: ContestedClaim): ContestedClaim => {
    const inputs = [claim.inputs.find((input) => getUtxo(tx, input)?.status === 'unspent') ?? claim.inputs[0]];
    return { txid: claim.txid, inputs: inputs.flatMap((input) => input ?? []) };
  };
  for (const claims of contested.values()) {
    for (const claim of claims) if (!cut.has(claim.txid)) cut.set(claim.txid, cutDown(claim));
  }
  return new Map([...contested].map(([burnTxid, claims]) => [burnTxid, claims.map((one) => cut.get(one.txid) ?? one)]));
}

/**
 * What the federation has signed comes first: that is what other claims must agree with. Which burns a transaction pays is
 * the teller's word wherever several are paid alike. Where tellers differ, the claim goes first that agrees with what this
 * node holds of that transaction, then the one that most tell, then those of which nobody tells otherwise: a lie is left
 * for last, when what it says contradicts what all others have said, and binds no burn.
 */
function inOrder(tx: Queries, payouts: readonly FoundPayout[]): readonly FoundPayout[] {
  const tellers = new Map<string, Set<number>>();
  const meanings = new Map<string, Set<string>>();
  for (const payout of payouts) {
    const meaning = meaningOf(payout);
    tellers.set(meaning, new Set([...(tellers.get(meaning) ?? []), ...payout.tellers]));
    meanings.set(payout.txid, (meanings.get(payout.txid) ?? new Set()).add(meaning));
  }
  const keyed = payouts.map((payout) => {
    const meaning = meaningOf(payout);
    const held = getPayout(tx, payout.txid);
    const agrees = held !== null && meaningIn(payout.txid, held.burns) === meaning;
    const told = tellers.get(meaning)?.size ?? 0;
    const disputed = meanings.get(payout.txid)?.size ?? 0;
    return { payout, key: [payout.signed === null ? 1 : 0, agrees ? 0 : 1, -told, disputed] };
  });
  keyed.sort((a, b) => {
    const at = a.key.findIndex((part, i) => part !== b.key[i]);
    return at >= 0 ? (a.key[at] ?? 0) - (b.key[at] ?? 0) : compareText(a.payout.txid, b.payout.txid);
  });
  return keyed.map(({ payout }) => payout);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function meaningOf({ txid, built }: Prepared): string {
  return meaningIn(txid, built.intent.burns);
}

// In the order of the outputs that pay them.
function meaningIn(txid: string, burns: readonly { readonly burnTxid: string }[]): string {
  return `${txid} ${burns.map(({ burnTxid }) => burnTxid).join()}`;
}

function adopt(tx: Queries, payout: Prepared, now: number): 'adopted' | 'known' | 'refused' {
  const { built, burns, mined, signed, txid } = payout;
  if (signed === null && getPayout(tx, txid) !== null) return 'known';
  if (burns === null) return 'refused';
  const verdict = decide({ db: tx, now: () => now }, built, burns, mined);
  if (!verdict.ok) return 'refused';
  if (signed !== null) recordPayoutSigned(tx, txid, signed, now);
  return 'adopted';
}

type Anchors = ReadonlyMap<string, boolean>;

function anchorsOf(tx: Queries, { payouts, lost }: Found): Anchors {
  const burnTxids = new Set(payouts.flatMap(({ built }) => built.intent.burns.map(({ burnTxid }) => burnTxid)));
  const isBound = (burnTxid: string) => (getBurn(tx, burnTxid)?.anchor ?? null) !== null && !lost.has(burnTxid);
  return new Map([...burnTxids].map((burnTxid) => [burnTxid, isBound(burnTxid)]));
}

// A burn that had an anchor here before is bound already: this node cannot have signed a payout without it, unless the
// anchor is spent, so that it may have been released since. Else a payout that was not adopted leaves it open, unless it
// spends the anchor that another one has set by now.
function leftOpen(tx: Queries, { built }: Prepared, before: Anchors): readonly string[] {
  const spent = custodyOutpoints(built);
  return built.intent.burns.flatMap(({ burnTxid }) => {
    if (before.get(burnTxid) === true) return [];
    const anchor = getBurn(tx, burnTxid)?.anchor ?? null;
    return anchor !== null && spent.has(`${anchor.txid}:${anchor.vout}`) ? [] : [burnTxid];
  });
}
