// What this node and its peers show each other of their states: composes beats, verifies those that come in, and keeps the
// highest head of each peer in the store, with the peer's own signature as evidence.
import { validateSeen } from '../../ceremony/guard.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { readSignedHead, type SignedHead, type StateHead, sameHead, signHead } from '../../crypto/head-statement.ts';
import type { Session } from '../../crypto/identity.ts';
import type { Queries } from '../../store/database.ts';
import { auditHashAt, getNodeState, stateHead } from '../../store/node-state.ts';
import { federationPauseOf, openPauses } from '../../store/pauses.ts';
import { getPeer, type HeadFlaw, recordPeerHead } from '../../store/peers.ts';
import { serviceSwitch } from '../../store/service.ts';
import type { Beat, DuplicateEvidence } from '../peers/messages-guard.ts';
import type { PeerSessions } from '../peers/peer-session.ts';
import { HourlyLimit } from '../runtime/hourly-limit.ts';
import type { Log } from '../runtime/log.ts';
import { duplicateEvidence, provenDuplicate } from './duplicate-instance.ts';

/** For how long the alarm of a peer that was put back or copied is shown after its last sign, in ms. */
export const REGRESSION_SHOWN_MS = 24 * 60 * 60_000;

/** How many higher epochs of a peer are noted in the audit log in an hour: it may show one with each message. */
export const EPOCHS_NOTED_PER_HOUR_MAX = 10;

/**
 * What the book works with. `watch`: what the transport knows of a peer's processes; `now` in ms since 1970, `monotonic` in
 * ms by a clock that nobody sets.
 */
export interface PeerHeadsInput {
  readonly db: Queries;
  readonly session: Session;
  /** This node's own, 32 bytes. */
  readonly identityKey: Uint8Array;
  readonly identityKeyOf: (index: number) => Uint8Array | null;
  readonly watch: Pick<PeerSessions, 'duplicateOf' | 'earlierHeardAgo'>;
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly log: Log;
}

/** What is known of a peer from its beats. */
export interface PeerBeat {
  readonly index: number;
  readonly beat: Omit<Beat, 'head' | 'seen' | 'duplicate'> | null;
  readonly heardAt: number | null;
  /** Since when its beats tell this phase, in ms since 1970. */
  readonly phaseSince: number | null;
  /** Since when it has shown itself to be put back or copied, in ms since 1970; null a day after the last sign of it. */
  readonly regressedSince: number | null;
}

/** What a beat comes to. `agrees`: nothing of what the peer has seen is missing here. `unusable`: it proves nothing. */
export type BeatVerdict =
  | { readonly kind: 'agrees' }
  /** The peer has seen a head that this node signed and lacks. */
  | { readonly kind: 'newer'; readonly head: StateHead }
  | { readonly kind: 'unusable' };

/** What a beat tells besides heads and proofs. */
export type BeatFacts = Pick<Beat, 'phase' | 'version' | 'key_id' | 'bitcoin_height' | 'recipients'>;

interface Page {
  beat: PeerBeat['beat'];
  heardAt: number | null;
  phaseSince: number | null;
  /** What is wrong with the head that it showed last. */
  flaw: HeadFlaw | null;
  /** When the peer was first found to be put back or copied (ms since 1970), and last (by the monotonic clock). */
  regressed: { readonly since: number; readonly lastAt: number } | null;
  /** The head that the peer has seen of this node, and that stands in the own log. */
  follows: StateHead | null;
}

/** The beats of all peers. */
export class PeerHeads {
  readonly #input: PeerHeadsInput;
  readonly #pages = new Map<number, Page>();
  readonly #noted: HourlyLimit;

  constructor(input: PeerHeadsInput) {
    this.#input = input;
    this.#noted = new HourlyLimit(EPOCHS_NOTED_PER_HOUR_MAX, input.monotonic);
  }

  /** What the peers have told, in index order. */
  peers(): readonly PeerBeat[] {
    const from = this.#input.monotonic() - REGRESSION_SHOWN_MS;
    const pages = [...this.#pages].sort(([a], [b]) => a - b);
    return pages.map(([index, { beat, heardAt, phaseSince, regressed }]) => {
      const regressedSince = regressed !== null && regressed.lastAt > from ? regressed.since : null;
      return { index, beat, heardAt, phaseSince, regressedSince };
    });
  }

  /** The proof that another copy of this node lives, as a sentence; null where the evidence is none. */
  duplicateIn(evidence: DuplicateEvidence): string | null {
    const { session, identityKey } = this.#input;
    return provenDuplicate({ session: session.certificate, identityKey }, evidence);
  }

  /** Verifies a beat or its answer and keeps what it shows. */
  take(from: number, beat: Beat): BeatVerdict {
    const { db, session, identityKey, identityKeyOf, log, now } = this.#input;
    const key = identityKeyOf(from);
    if (key === null) return { kind: 'unusable' };
    const page = this.#page(from);
    const { network } = session.certificate;
    const head = readSignedHead(beat.head, { identityKey: key, network, index: from });
    if (head === null) {
      log('warn', 'heartbeat_without_head', { peer: from });
      return { kind: 'unusable' };
    }
    this.#recordHead(from, page, head);
    const { head: _, seen: __, duplicate: ___, ...known } = beat;
    if (page.beat?.phase !== known.phase) page.phaseSince = now();
    page.beat = known;
    page.heardAt = now();
    if (beat.seen === null) return { kind: 'agrees' };
    const own = { identityKey, network, index: session.certificate.index };
    const seen = readSignedHead(beat.seen, own)?.statement.head ?? null;
    if (seen === null) {
      log('warn', 'claim_without_evidence', { peer: from });
      return { kind: 'unusable' };
    }
    const { epoch } = getNodeState(db);
    if (validateSeen({ epoch }, seen, auditHashAt(db, seen.seq)) === 'newer') return { kind: 'newer', head: seen };
    page.follows = seen.epoch === epoch ? seen : null;
    return { kind: 'agrees' };
  }

  /** The beat for a peer. */
  compose(to: number, facts: BeatFacts): Beat {
    const { db, session, watch } = this.#input;
    const now = this.#input.now();
    const head = stateHead(db);
    const duplicate = watch.duplicateOf(to);
    const otherAgo = watch.earlierHeardAgo(to);
    const pause = federationPauseOf(db, session.certificate.index);
    return {
      head: { ...signHead(session, { head, follows: this.#page(to).follows, at: now }) },
      seen: getPeer(db, to)?.head?.statement ?? null,
      duplicate: duplicate === null ? null : duplicateEvidence(duplicate),
      other_start_ms: otherAgo === null ? null : Math.round(otherAgo),
      now,
      service: serviceSwitch(db).state,
      pause: pause === null ? null : { id: pause.id, reason: pause.reason },
      paused_since: openPauses(db)[0]?.at ?? null,
      ...facts,
    };
  }

  #recordHead(from: number, page: Page, signed: SignedHead): void {
    const { db, log, now } = this.#input;
    const { head, boot, follows, at } = signed.statement;
    const known = getPeer(db, from)?.head ?? null;
    // Nothing new: the file is not written at every beat.
    if (known !== null && sameHead(known, head) && known.boot === boot) {
      page.flaw = null;
      return;
    }
    const statement: Json = { statement: signed.statement, session: signed.session };
    const shown = { ...head, boot, follows, at, statement };
    const verdict = recordPeerHead(db, from, shown, now(), () => this.#noted.take(from));
    const flaw = verdict.ok || verdict.reason === 'stale' ? null : verdict.reason;
    const isBack = flaw === 'regressed' || flaw === 'forked';
    if ((isBack && flaw !== page.flaw) || (verdict.ok && verdict.epochRose)) {
      const what = flaw ?? 'new_epoch';
      log('error', 'peer_state_regressed', { peer: from, flaw: what, epoch: head.epoch, seq: head.seq });
    }
    if (isBack || (verdict.ok && verdict.epochRose)) this.#regressed(page);
    page.flaw = flaw;
  }

  #regressed(page: Page): void {
    const { now, monotonic } = this.#input;
    const lastAt = monotonic();
    const known = page.regressed;
    const goesOn = known !== null && lastAt - known.lastAt < REGRESSION_SHOWN_MS;
    page.regressed = { since: goesOn ? known.since : now(), lastAt };
  }

  #page(index: number): Page {
    const known = this.#pages.get(index);
    if (known !== undefined) return known;
    const page: Page = { beat: null, heardAt: null, phaseSince: null, flaw: null, regressed: null, follows: null };
    this.#pages.set(index, page);
    return page;
  }
}
