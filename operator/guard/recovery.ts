// Catching up: a node that was brought back from an older state learns what it decided since. Peers tell what they have
// decided; each claim is verified on this node's own Bitcoin and Wire nodes, or by the group's signature, and only then
// kept as an own decision. A claim only ever binds this node; it never makes it sign.
//
// Where two peers tell of payouts of one burn that do not share an input, or one tells of a payout that cannot be judged
// any more, this node may have signed either. It then marks the burn as contested and decides no payout of it until the
// payouts that it was told of can never be mined (operator/guard/release.ts); the others pay it. A lying peer can bring that
// about for burns that are open at that moment, and nothing else.

import type { Bridge } from '../bridge/bridge.ts';
import type { PeerClient } from '../transport/deliver.ts';
import { askDecisions, type Told } from './decisions-exchange.ts';
import { prepareAttestations } from './recovery-attestations.ts';
import { type FoundPayout, keepFound } from './recovery-keeping.ts';
import { newsFor } from './recovery-news.ts';
import { lostAnchors, preparePayout } from './recovery-payouts.ts';
import { awaited } from './recovery-waiting.ts';
import { rememberedLedger } from './remembered-ledger.ts';

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
  const wanted = newsFor(db, task.peers.length);
  const answers = await Promise.all(task.peers.map((peer) => askDecisions(client, peer, task.since, wanted)));
  const told = answers.filter((answer) => answer !== null && answer !== 'too_much');
  if (!isEnough(task, told)) return { kind: 'waiting', detail: awaited(task, answers) };
  const toldBy = told.map(({ peer }) => peer);
  const key = keys.live();
  if (key === null) {
    const nothing = told.every(({ attestations, payouts }) => attestations.length + payouts.length === 0);
    if (!nothing)
      return { kind: 'waiting', detail: 'this state is older than the federation’s key: restore that first' };
    return keepFound(input, task.epoch, { toldBy, payouts: [], attestations: [], lost: new Set() });
  }
  const attestations = await prepareAttestations(input, key, told);
  if (attestations === 'unavailable') return { kind: 'waiting', detail: 'its own Bitcoin nodes do not answer' };
  const bench = input.judge.payoutBench(key);
  const wire = bench.wire === null ? null : rememberedLedger(bench.wire);
  const desk = { ...input, judge: { payoutBench: () => ({ ...bench, wire }) } };
  const payouts: FoundPayout[] = [];
  for (const { peer, claim, tellers } of distinct(told)) {
    const prepared = await preparePayout(desk, key, claim, peer);
    if (prepared === 'unavailable') return { kind: 'waiting', detail: 'its own Bitcoin or Wire nodes do not answer' };
    if (prepared !== null) payouts.push({ ...prepared, tellers });
  }
  const lost = await lostAnchors(input, payouts);
  if (lost === 'unavailable') return { kind: 'waiting', detail: 'its own Bitcoin nodes do not answer' };
  return keepFound(input, task.epoch, { toldBy, payouts, attestations, lost });
}

function isEnough({ peers, needed, anyCounts }: RecoveryTask, told: readonly Told[]): boolean {
  const counting = told.filter(({ whole }) => whole || anyCounts);
  return told.length === peers.length || counting.length >= needed;
}

interface ToldPayout {
  readonly claim: Told['payouts'][number];
  /** Who told it first. */
  readonly peer: number;
  readonly tellers: number[];
}

// Each claim once, with all who tell it: the same is the same object (recovery-news.ts).
function distinct(told: readonly Told[]): readonly ToldPayout[] {
  const claims = new Map<Told['payouts'][number], ToldPayout>();
  for (const { peer, payouts } of told) {
    for (const claim of payouts) {
      const known = claims.get(claim);
      if (known === undefined) claims.set(claim, { claim, peer, tellers: [peer] });
      else if (!known.tellers.includes(peer)) known.tellers.push(peer);
    }
  }
  return [...claims.values()];
}
