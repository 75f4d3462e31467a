// The checkers of the Never list that look at shares: every share that an honest node computes is held against what that
// node has signed before, what the others have signed, what its own views say and what is durable at that moment.
import type { Intent } from '../ceremony/intent.ts';
import { parseLineIntent } from '../chain/line-intent.ts';
import { outpointName } from '../chain/outpoint.ts';
import { toHex } from '../crypto/bytes.ts';
import { scannedHeight } from '../operator/chain-state/scan.ts';
import type { Verdict } from '../operator/validation/verdict.ts';
import { getAttestation } from '../store/attestations.ts';
import { getNodeState } from '../store/node-state.ts';
import { type Claim, claimsOf, type Outlook } from './ground-truth.ts';
import type { Liars } from './liars.ts';
import { LineOracle } from './line-oracle.ts';
import type { Clone, Member, Process } from './member.ts';
import type { KeyUse } from './observed-keys.ts';
import type { VerdictWatch } from './observed-validation.ts';
import type { Stage } from './stage.ts';

/** What the checkers know of the run besides. */
interface Watched extends Stage {
  readonly liars: Liars;
  readonly clone: Clone | null;
}

interface Validated {
  readonly intent: Intent;
  readonly open: Set<Claim>;
}

interface Signed {
  readonly signers: Set<number>;
  readonly names: Set<string>;
}

/** An expiry ends the bytes of an attestation; what stands before is its meaning. */
const EXPIRY_DIGITS = 16;

export class Oracle {
  readonly #world: Watched;
  readonly #validating = new Map<Member, Set<Validated>>();
  readonly #approved = new Map<string, Validated>();
  readonly #nonces = new Set<string>();
  readonly #used = new Set<string>();
  /** By outpoint, then by meaning: who has signed. */
  readonly #attested = new Map<string, Map<string, Signed>>();
  /** Nodes that were put back. */
  readonly #excused = new Set<number>();
  /** What is signed of the treasury line. */
  readonly line: LineOracle;
  shares = 0;

  constructor(world: Watched) {
    this.#world = world;
    this.line = new LineOracle(world);
  }

  /** What watches the verdicts of a node. */
  verdicts(member: Member): VerdictWatch {
    return {
      begins: (intent) => {
        const validated: Validated = { intent, open: new Set(claimsOf(intent, this.#outlook(member))) };
        const all = this.#validating.get(member) ?? new Set();
        this.#validating.set(member, all.add(validated));
        settle(validated);
        return (verdict) => this.#ends(member, validated, verdict);
      },
    };
  }

  /** To be called whenever what a node sees may have changed. */
  viewChanged(member: Member): void {
    for (const validated of this.#validating.get(member) ?? []) settle(validated);
  }

  /** To be called when a node's process has ended: its verdicts never will. */
  forget(member: Member): void {
    this.#validating.delete(member);
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

  /** A node was put back to an older state: its database owes nothing. What it signed is remembered here. */
  putBack(member: Member): void {
    this.#excused.add(member.index);
  }

  /** What this node must find in its database, whatever happened to it; null where it does. */
  missingDecision(process: Process): string | null {
    if (this.#excused.has(process.index)) return null;
    for (const [outpoint, meanings] of this.#attested) {
      const [txid = '', vout] = outpoint.split(':');
      const signed = [...meanings.values()].some(({ names }) => names.has(process.member.name));
      if (signed && getAttestation(process.store.db, { txid, vout: Number(vout) }) === null) return outpoint;
    }
    return this.line.missingDecision(process);
  }

  /** Checks the best chain: one payout per burn. */
  checkChain(): void {
    this.line.checkChain();
  }

  #ends(member: Member, validated: Validated, verdict: Verdict): void {
    settle(validated);
    this.#validating.get(member)?.delete(validated);
    const { intent } = validated;
    const step = intent.kind === 'line' ? parseLineIntent(intent) : null;
    if (step !== null) this.line.validated(step);
    if (!verdict.ok) return;
    for (const { message } of verdict.messages) this.#approved.set(`${member.name}/${toHex(message)}`, validated);
  }

  #share(process: Process, message: string): void {
    const { trace } = this.#world;
    const { index } = process;
    this.#checkState(process);
    const validated = this.#approved.get(`${process.member.name}/${message}`);
    if (validated === undefined) {
      trace.violated('never 4', `node ${index} signed what its own validation has not approved`);
      return;
    }
    for (const { says } of validated.open) {
      trace.violated('never 4', `node ${index} signed though its own views do not show that ${says}`);
    }
    const { intent } = validated;
    if (this.#world.plan.rare.serviceOff === index && isReal(intent)) {
      trace.violated('never 4', `node ${index} signed though its operator never enabled the service`);
    }
    if (process.store.database.inTransaction) trace.violated('never 7', `node ${index} signed within a transaction`);
    if (intent.kind === 'attestation' && !intent.test) this.#attestationShare(process, message, intent.items);
    const step = intent.kind === 'line' ? parseLineIntent(intent) : null;
    if (step !== null && !step.test) this.line.share(process, step);
  }

  // Never list, 5: nothing is signed by a copy beside its living original, as long as they can know of each other; nor by a
  // node that was put back before its peers have shown it so, which raises its epoch. Where liars alone make up those that
  // answer a start, they may keep that back.
  #checkState({ index, member, store, phase }: Process): void {
    const { trace, tally, clone, liars, plan } = this.#world;
    if (phase === 'halted') trace.violated('never 5', `node ${member.name} signed though it has halted`);
    if (clone?.wasApart === true && clone.member.index === index) {
      tally.add(`shares of ${clone.member === member ? 'a copy that was' : 'an original'} kept apart`);
    } else if (clone?.member === member) {
      trace.violated('never 5', `a copy of node ${index} signed beside the living node`);
    }
    if (!member.isPutBack) return;
    const { regressedTo } = member;
    if (regressedTo !== null && liars.count < plan.threshold - 1 && getNodeState(store.db).epoch <= regressedTo) {
      trace.violated('never 5', `node ${index} signed with an older state than it had`);
    }
    member.regressedTo = null;
    member.isPutBack = false;
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

  #outlook(member: Member): Outlook {
    const { ledger, groupKey } = this.#world;
    const scanned = (): number => {
      const { process } = member;
      return process === null ? -1 : (scannedHeight(process.store.db) ?? -1);
    };
    return { view: member.view, ledger, wireLag: () => member.wire.lag, groupKey, scanned };
  }
}

function isReal(intent: Intent): boolean {
  return (intent.kind === 'attestation' || intent.kind === 'line') && !intent.test;
}

function settle({ open }: Validated): void {
  for (const claim of open) if (claim.holds()) open.delete(claim);
}
