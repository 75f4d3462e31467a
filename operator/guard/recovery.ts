// Catching up: a node that was brought back from an older state learns what it decided since. Peers tell what they have
// decided; each claim is verified on this node's own Bitcoin and Wire nodes, or by the group's signature, and only then
// kept as an own decision. A claim only ever binds this node; it never makes it sign.
//
// Where two peers tell of payouts of one burn that do not share an input, or one tells of a payout that cannot be judged
// any more, this node may have signed either. It then marks the burn as contested and decides no payout of it until the
// payouts that it was told of can never be mined (operator/guard/release.ts); the others pay it. A lying peer can bring that
// about for burns that are open at that moment, and nothing else.

import { getAttestation } from '../../store/attestations.ts';
import { getBurn } from '../../store/burns.ts';
import { type ContestedClaim, contestBurn } from '../../store/contested-burns.ts';
import type { Queries } from '../../store/database.ts';
import { transact } from '../../store/database.ts';
import { recordRecovery } from '../../store/node-state.ts';
import { getPayout, listPayoutsOfBurn } from '../../store/payout-listing.ts';
import { recordPayoutSigned } from '../../store/payout-progress.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { counted } from '../counted.ts';
import { decide } from '../judge/judge-payout.ts';
import type { PeerClient } from '../transport/deliver.ts';
import { askDecisions, type Told } from './decisions-exchange.ts';
import { prepareAttestations } from './recovery-attestations.ts';
import { custodyOutpoints, lostAnchors, type Prepared, preparePayout } from './recovery-payouts.ts';

/** What catching up works with. */
export type RecoveryInput = Pick<Bridge, 'db' | 'keys' | 'bitcoin' | 'judge' | 'effects' | 'log'> & {
  readonly client: PeerClient;
};

/**
 * What to catch up to: `epoch` is the new one; `since` in ms; `needed` whole peers must tell, or all of `peers`, or where
 * `anyCounts` as many that are not live themselves.
 */
export interface RecoveryTask {
  readonly epoch: number;
  readonly since: number;
  readonly peers: readonly number[];
  readonly needed: number;
  readonly anyCounts: boolean;
}

/** How it went. `waiting`: to be tried again. */
export type RecoveryVerdict =
  | { readonly kind: 'recovered'; readonly detail: string }
  | { readonly kind: 'waiting'; readonly detail: string }
  | { readonly kind: 'contradiction'; readonly detail: string };

/** Asks, verifies, and keeps all of it in one commit together with the new epoch. */
export async function catchUp(input: RecoveryInput, task: RecoveryTask): Promise<RecoveryVerdict> {
  const { db, keys, client } = input;
  const isNew = ({ txid, vout, recipient, amount, signature }: Told['attestations'][number]): boolean => {
    const known = getAttestation(db, { txid, vout });
    if (known?.recipient !== recipient || `${known.amount}` !== amount) return true;
    return signature !== null && known.signature === null;
  };
  const answers = await Promise.all(
    task.peers.map((peer) => askDecisions(client, peer, task.since, { attestation: isNew })),
  );
  const told = answers.filter((answer) => answer !== null);
  if (!isEnough(task, told)) return { kind: 'waiting', detail: awaited(task, told) };
  const key = keys.live();
  if (key === null) {
    const nothing = told.every(({ attestations, payouts }) => attestations.length + payouts.length === 0);
    if (!nothing)
      return { kind: 'waiting', detail: 'this state is older than the federation’s key: restore that first' };
    return keep(input, task, told, { payouts: [], attestations: [], lost: new Set() });
  }
  const attestations = await prepareAttestations(input, key, told);
  if (attestations === 'unavailable') return { kind: 'waiting', detail: 'its own Bitcoin nodes do not answer' };
  const payouts: Prepared[] = [];
  for (const claim of distinct(told)) {
    const prepared = await preparePayout(input, key, claim.claim, claim.peer);
    if (prepared === 'unavailable') return { kind: 'waiting', detail: 'its own Bitcoin or Wire nodes do not answer' };
    if (prepared !== null) payouts.push(prepared);
  }
  const lost = await lostAnchors(input, payouts);
  if (lost === 'unavailable') return { kind: 'waiting', detail: 'its own Bitcoin nodes do not answer' };
  return keep(input, task, told, { payouts, attestations, lost });
}

function isEnough({ peers, needed, anyCounts }: RecoveryTask, told: readonly Told[]): boolean {
  const counting = told.filter(({ whole }) => whole || anyCounts);
  return told.length === peers.length || counting.length >= needed;
}

// Who must be reached, by index: fewer than these could all have missed a signature that this node gave (ceremony/guard.ts).
function awaited({ peers, needed }: RecoveryTask, answers: readonly Told[]): string {
  const told = new Set(answers.map(({ peer }) => peer));
  const left = peers.filter((peer) => !told.has(peer));
  const behind = answers.filter(({ whole }) => !whole);
  const missing = Math.min(left.length, needed - (told.size - behind.length));
  const who = `operator${left.length === 1 ? '' : 's'} ${left.join(', ')}`;
  const sentence =
    missing === left.length ? `${who} must be reached` : `${missing} of ${who} must be reached, whichever they are`;
  if (told.size === 0) return sentence;
  const unsure =
    behind.length === 0
      ? ''
      : `; the word of ${behind.map(({ peer }) => peer).join(', ')}, signing nothing as well, counts after five minutes`;
  return `${sentence}; ${[...told].join(', ')} told what was decided${unsure}`;
}

interface Found {
  readonly payouts: readonly Prepared[];
  readonly attestations: Exclude<Awaited<ReturnType<typeof prepareAttestations>>, 'unavailable'>;
  /** Burns of which this node may have released the anchor since. */
  readonly lost: ReadonlySet<string>;
}

class Contradiction extends Error {}

function keep(input: RecoveryInput, task: RecoveryTask, told: readonly Told[], found: Found): RecoveryVerdict {
  const now = input.effects.now();
  try {
    return transact(input.db, (tx): RecoveryVerdict => {
      let adopted = 0;
      for (const attestation of found.attestations) {
        const kept = attestation(tx, now);
        if (kept === 'contradicts')
          throw new Contradiction('the federation has signed another attestation of a deposit');
        if (kept === 'kept') adopted += 1;
      }
      const contested = new Map<string, ContestedClaim[]>();
      const before = anchorsOf(tx, found);
      // What the federation has signed comes first: that is what other claims must agree with.
      for (const payout of [...found.payouts].sort((a, b) => rank(a) - rank(b) || (a.txid < b.txid ? -1 : 1))) {
        const outcome = adopt(tx, payout, found.lost, now);
        if (outcome === 'adopted') adopted += 1;
        if (outcome !== 'refused') continue;
        const { txid, built } = payout;
        const claim = { txid, inputs: built.intent.inputs.map((input) => ({ txid: input.txid, vout: input.vout })) };
        for (const burnTxid of leftOpen(tx, payout, before)) {
          contested.set(burnTxid, [...(contested.get(burnTxid) ?? []), claim]);
        }
      }
      for (const [burnTxid, claims] of contested) contestBurn(tx, burnTxid, claims, now);
      const peers = told.map(({ peer }) => peer);
      recordRecovery(tx, task.epoch, { told_by: peers, adopted, contested: contested.size }, now);
      const marked = contested.size === 0 ? '' : `; left to the other operators: ${counted(contested.size, 'burn')}`;
      return {
        kind: 'recovered',
        detail: `${counted(adopted, 'decision')} taken over from operators ${peers.join(', ')}${marked}`,
      };
    });
  } catch (error) {
    if (error instanceof Contradiction) return { kind: 'contradiction', detail: error.message };
    throw error;
  }
}

function rank({ signed }: Prepared): number {
  return signed === null ? 1 : 0;
}

function adopt(tx: Queries, payout: Prepared, lost: Found['lost'], now: number): 'adopted' | 'known' | 'refused' {
  const { built, burns, mined, signed, txid } = payout;
  if (signed === null && getPayout(tx, txid) !== null) return 'known';
  if (burns === null) return 'refused';
  const verdict = decide({ db: tx, now: () => now }, built, burns, mined);
  if (verdict.ok) {
    if (signed !== null) recordPayoutSigned(tx, txid, signed, now);
    return 'adopted';
  }
  if (signed === null) return 'refused';
  const spent = custodyOutpoints(built);
  for (const { burnTxid } of built.intent.burns) {
    if (lost.has(burnTxid)) continue;
    for (const own of listPayoutsOfBurn(tx, burnTxid)) {
      const shares = own.inputs.some((input) => spent.has(`${input.txid}:${input.vout}`));
      if (own.signedTx === null || own.status === 'replaced' || own.txid === txid || shares) continue;
      throw new Contradiction(`burn ${burnTxid} has two signed payouts that can both be mined: ${own.txid}, ${txid}`);
    }
  }
  return 'refused';
}

type Anchors = ReadonlyMap<string, boolean>;

function anchorsOf(tx: Queries, { payouts, lost }: Found): Anchors {
  const burnTxids = payouts.flatMap(({ built }) => built.intent.burns.map(({ burnTxid }) => burnTxid));
  const isBound = (burnTxid: string) => (getBurn(tx, burnTxid)?.anchor ?? null) !== null && !lost.has(burnTxid);
  return new Map(burnTxids.map((burnTxid) => [burnTxid, isBound(burnTxid)]));
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

// One claim per transaction, the signed one where there is one.
function distinct(
  told: readonly Told[],
): readonly { readonly peer: number; readonly claim: Told['payouts'][number] }[] {
  const claims = new Map<string, { readonly peer: number; readonly claim: Told['payouts'][number] }>();
  for (const { peer, payouts } of told) {
    for (const claim of payouts) {
      const name = `${JSON.stringify(claim.intent)} ${claim.transaction ?? ''}`;
      if (!claims.has(name)) claims.set(name, { peer, claim });
    }
  }
  return [...claims.values()];
}
