// The checkers of the Never list that look at shares: every share that an honest node computes is held against what that
// node has signed before, what the others have signed, what its own views say and what is durable at that moment.
import type { Intent } from '../ceremony/intent.ts';
import { outpointName } from '../chain/outpoint.ts';
import { parsePayoutIntent } from '../chain/payout-intent.ts';
import { buildPayout } from '../chain/transaction.ts';
import { toHex } from '../crypto/bytes.ts';
import type { Judgement } from '../operator/judge/judgement.ts';
import { getAttestation } from '../store/attestations.ts';
import { getNodeState } from '../store/node-state.ts';
import { getPayout } from '../store/payout-listing.ts';
import { isDead } from './dead-payouts.ts';
import { type Claim, claimsOf, type Outlook } from './grounds.ts';
import type { Member, Process } from './member.ts';
import type { JudgementWatch } from './observed-judge.ts';
import type { KeyUse } from './observed-keys.ts';
import type { World } from './world.ts';

interface Judged {
  readonly intent: Intent;
  readonly open: Set<Claim>;
}

interface SignedPayout {
  readonly txid: string;
  readonly inputs: ReadonlySet<string>;
  readonly burns: readonly string[];
  readonly signers: Set<number>;
  /** Who signed by name: two copies of a node that cannot know of each other count as one signer, each by itself true. */
  readonly names: Set<string>;
}

interface Signed {
  readonly signers: Set<number>;
  readonly names: Set<string>;
}

/** An expiry ends the bytes of an attestation; what stands before is its meaning. */
const EXPIRY_DIGITS = 16;

export class Oracle {
  readonly #world: World;
  readonly #judging = new Map<Member, Set<Judged>>();
  readonly #approved = new Map<string, Judged>();
  readonly #nonces = new Set<string>();
  readonly #used = new Set<string>();
  /** By outpoint, then by meaning: who has signed. */
  readonly #attested = new Map<string, Map<string, Signed>>();
  readonly #payouts = new Map<string, SignedPayout>();
  /** Nodes that were put back; and those among them whose peers may keep from them what they lost. */
  readonly #excused = new Set<number>();
  readonly #forgetful = new Set<number>();
  shares = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** What watches the judgements of a node. */
  judgements(member: Member): JudgementWatch {
    return {
      begins: (intent) => {
        const judged: Judged = { intent, open: new Set(claimsOf(intent, this.#outlook(member))) };
        const all = this.#judging.get(member) ?? new Set();
        this.#judging.set(member, all.add(judged));
        settle(judged);
        return (judgement) => this.#ends(member, judged, judgement);
      },
    };
  }

  /** To be called whenever what a node sees may have changed. */
  viewChanged(member: Member): void {
    for (const judged of this.#judging.get(member) ?? []) settle(judged);
  }

  /** To be called when a node's process has ended: its judgements never will. */
  forget(member: Member): void {
    this.#judging.delete(member);
  }

  /** A nonce was made or a share computed by a process that lives. */
  sees(process: Process, use: KeyUse): void {
    const { trace, secrets, liars } = this.#world;
    if (use.kind === 'nonce') {
      if (this.#nonces.has(use.nonce)) trace.violated('never 3', `node ${process.index} made a nonce twice`);
      this.#nonces.add(use.nonce);
      secrets.add(use.nonce);
      return;
    }
    this.shares += 1;
    if (this.#used.has(use.nonce)) trace.violated('never 3', `node ${process.index} signed twice with one nonce`);
    this.#used.add(use.nonce);
    if (!liars.has(process.index)) this.#share(process, use.message);
  }

  /**
   * A node was put back to an older state. What it signed is remembered, for it may never contradict it; what nobody else
   * has signed with it cannot be told to it, and went nowhere. Its database owes nothing.
   */
  putBack(member: Member): void {
    const { liars } = this.#world;
    this.#excused.add(member.index);
    // Only a liar may know of a decision, and lie: then the node counts as one more that is not to be relied on.
    if (liars.count > 0) this.#forgetful.add(member.index);
    for (const { signers, names } of this.#payouts.values()) {
      if (!signers.has(member.index) || (signers.size > 1 && liars.count === 0)) continue;
      signers.delete(member.index);
      names.delete(member.name);
    }
  }

  /** What this node must find in its database, whatever happened to it; null where it does. */
  missingDecision(process: Process): string | null {
    if (this.#excused.has(process.index)) return null;
    for (const [outpoint, meanings] of this.#attested) {
      const [txid = '', vout] = outpoint.split(':');
      const signed = [...meanings.values()].some(({ names }) => names.has(process.member.name));
      if (signed && getAttestation(process.store.db, { txid, vout: Number(vout) }) === null) return outpoint;
    }
    for (const { txid, names } of this.#payouts.values()) {
      if (names.has(process.member.name) && getPayout(process.store.db, txid) === null) return txid;
    }
    return null;
  }

  /** Checks the best chain: one payout per burn. */
  checkChain(): void {
    const { chain, trace } = this.#world;
    if (!this.#isQuorumSafe()) return;
    const paid = new Map<string, string>();
    for (const { txid, burns } of this.#payouts.values()) {
      if (!chain.best.heights.has(txid)) continue;
      for (const burn of burns) {
        if (paid.has(burn)) trace.violated('never 2', `burn ${burn} is paid by ${paid.get(burn)} and ${txid}`);
        paid.set(burn, txid);
      }
    }
  }

  /** The payouts of a burn that nodes have signed. */
  payoutsOf(burnTxid: string): readonly string[] {
    return [...this.#payouts.values()].filter(({ burns }) => burns.includes(burnTxid)).map(({ txid }) => txid);
  }

  /** Burns of which two payouts are signed that can both be mined: what copies that are kept apart can bring about. */
  tornBurns(): ReadonlySet<string> {
    const { plan, chain } = this.#world;
    const torn = new Set<string>();
    if (this.#isQuorumSafe()) return torn;
    const complete = [...this.#payouts.values()].filter(({ signers }) => signers.size >= plan.threshold);
    for (const one of complete) {
      for (const other of complete) {
        if (one === other || conflicts(one, other)) continue;
        if ([one, other].some(({ txid, inputs }) => isDead(chain, txid, inputs))) continue;
        for (const burn of one.burns) if (other.burns.includes(burn)) torn.add(burn);
      }
    }
    return torn;
  }

  #ends(member: Member, judged: Judged, judgement: Judgement): void {
    settle(judged);
    this.#judging.get(member)?.delete(judged);
    if (!judgement.ok) return;
    for (const { message } of judgement.messages) this.#approved.set(`${member.name}/${toHex(message)}`, judged);
  }

  #share(process: Process, message: string): void {
    const { trace } = this.#world;
    const { index } = process;
    this.#checkState(process);
    const judged = this.#approved.get(`${process.member.name}/${message}`);
    if (judged === undefined) {
      trace.violated('never 4', `node ${index} signed what its own judge has not approved`);
      return;
    }
    for (const { says } of judged.open) {
      trace.violated('never 4', `node ${index} signed though its own views do not show that ${says}`);
    }
    const { intent } = judged;
    if (process.store.database.inTransaction) trace.violated('never 7', `node ${index} signed within a transaction`);
    if (intent.kind === 'attestation' && !intent.test) this.#attestationShare(process, message, intent.items);
    if (intent.kind === 'payout' && !intent.test) this.#payoutShare(process, intent);
  }

  // Never list, 5: nothing is signed by a copy beside its living original, nor by a node that was put back before its peers
  // have told it what it did since, which raises its epoch.
  #checkState({ index, member, store, phase }: Process): void {
    const { trace, tally, clone } = this.#world;
    if (phase === 'halted') trace.violated('never 5', `node ${member.name} signed though it has halted`);
    if (clone?.wasApart === true && clone.member.index === index) {
      tally.add(`shares of ${clone.member === member ? 'a copy that was' : 'an original'} kept apart`);
    } else if (clone?.member === member) {
      trace.violated('never 5', `a copy of node ${index} signed beside the living node`);
    }
    if (member.regressedTo === null) return;
    if (getNodeState(store.db).epoch <= member.regressedTo) {
      trace.violated('never 5', `node ${index} signed with an older state than it had`);
    }
    member.regressedTo = null;
    tally.add('restored nodes that sign again');
  }

  #attestationShare(
    process: Process,
    message: string,
    items: readonly { readonly txid: string; readonly vout: number }[],
  ): void {
    const { trace, plan, liars } = this.#world;
    // The bytes name the outpoint: the txid as text, then the vout.
    const item = items.find(({ txid }) => message.includes(Buffer.from(txid, 'utf8').toString('hex')));
    if (item === undefined) {
      trace.violated('never 4', `node ${process.index} signed for another deposit`);
      return;
    }
    const outpoint = outpointName(item);
    if (getAttestation(process.store.db, item) === null) {
      trace.violated('never 7', `node ${process.index} signed for ${outpoint} before its decision was durable`);
    }
    const meanings = this.#attested.get(outpoint) ?? new Map<string, Signed>();
    this.#attested.set(outpoint, meanings);
    const meaning = message.slice(0, -EXPIRY_DIGITS);
    const signed = meanings.get(meaning) ?? { signers: new Set<number>(), names: new Set<string>() };
    meanings.set(meaning, signed);
    signed.signers.add(process.index);
    signed.names.add(process.member.name);
    for (const [other, { names }] of meanings) {
      if (other === meaning || !names.has(process.member.name)) continue;
      trace.violated('never 1', `node ${process.index} signed two attestations of ${outpoint}`);
    }
    const complete = [...meanings.values()].filter(({ signers }) => signers.size + liars.count >= plan.threshold);
    if (complete.length > 1) trace.violated('never 1', `${outpoint} has two attestations`);
  }

  #payoutShare(process: Process, intent: Intent): void {
    const { trace, plan, liars, groupKey, chain } = this.#world;
    const payout = parsePayoutIntent(intent);
    if (payout === null) return;
    const { txid } = buildPayout(payout, groupKey);
    const burns = payout.burns.map(({ burnTxid }) => burnTxid);
    const inputs = new Set(payout.inputs.map(outpointName));
    const signed = this.#payouts.get(txid) ?? { txid, inputs, burns, signers: new Set(), names: new Set() };
    this.#payouts.set(txid, signed);
    signed.signers.add(process.index);
    signed.names.add(process.member.name);
    if (getPayout(process.store.db, txid) === null) {
      trace.violated('never 7', `node ${process.index} signed payout ${txid} before its decision was durable`);
    }
    const isComplete = ({ signers }: SignedPayout): boolean => signers.size + liars.count >= plan.threshold;
    for (const other of this.#payouts.values()) {
      if (other === signed || !other.burns.some((burn) => burns.includes(burn)) || conflicts(other, signed)) continue;
      // What can never be mined binds nobody: nodes may release a burn from its anchor then.
      if ([other, signed].some((one) => isDead(chain, one.txid, one.inputs))) continue;
      const what = `payouts ${txid} and ${other.txid} of one burn, which share no input`;
      if (other.names.has(process.member.name)) trace.violated('never 2', `node ${process.member.name} signed ${what}`);
      else if (this.#isQuorumSafe() && isComplete(other) && isComplete(signed)) {
        trace.violated('never 2', `the federation signed ${what}`);
      }
    }
  }

  // Two sets of t nodes share at least 2t − n; as long as one of those is honest, no two payouts of a burn can both be
  // signed. With more liars than that nothing is promised but that each honest node is consistent in itself.
  #isQuorumSafe(): boolean {
    const { plan, liars } = this.#world;
    // Copies that could not know of each other may sign what neither would have signed knowing of the other.
    const inTwo = plan.rare.copyApart ? 1 : 0;
    return liars.count + this.#forgetful.size + inTwo < 2 * plan.threshold - plan.participants;
  }

  #outlook({ view, wire }: Member): Outlook {
    const { ledger, groupKey } = this.#world;
    return { view, ledger, wireLag: () => wire.lag, groupKey };
  }
}

function settle({ open }: Judged): void {
  for (const claim of open) if (claim.holds()) open.delete(claim);
}

function conflicts(a: SignedPayout, b: SignedPayout): boolean {
  return [...a.inputs].some((input) => b.inputs.has(input));
}
