// Who the peers are and what this process knows of each one's running process: its session certificate, the sequence
// numbers seen of its boot, and the sequence numbers given out to it. In RAM only: a fresh boot starts from nothing.
import { canonicalBytes, parseCanonicalJson } from '../../crypto/canonical-json.ts';
import {
  acceptSequence,
  CLOCK_SKEW_MS_MAX,
  EMPTY_REPLAY_WINDOW,
  type PeerEnvelope,
  type ReplayWindow,
  verifyEnvelope,
} from '../../crypto/envelope.ts';
import {
  type Session,
  type SessionCertificate,
  sessionKeyOf,
  verifySessionCertificate,
} from '../../crypto/identity.ts';
import { type CertificateFacts, isValidAt, readCertificate, validityText } from './certificate.ts';
import type { Refusal, Rejection } from './peer-reply.ts';

/** Longest session header that is read, in characters. */
export const SESSION_HEADER_CHARS_MAX = 2048;

/**
 * How long after a later start was heard first a process that has ended may still be heard, in ms: what it sent last is on
 * its way. By its clock such words may lie after that start, where the clock was ahead and has been set right; a copy that
 * is alive goes on talking.
 */
export const LAST_WORDS_MS = 5_000;

/** How long the sight of a second copy of a peer is shown after its last word, in ms: a living one speaks far more often. */
export const DUPLICATE_SHOWN_MS = 10 * 60_000;

/** Largest message of a superseded start that is kept as evidence, in bytes. */
export const SUPERSEDED_MESSAGE_BYTES_MAX = 16_384;

/** A peer as its operator card describes it. `address` is `host:port`, `certificate` PEM, `identityKey` 32 bytes. */
export interface Peer {
  readonly index: number;
  readonly name: string;
  readonly address: string;
  readonly certificate: string;
  /** Its certificate of before (PEM), where that still holds too. */
  readonly previousCertificate?: string;
  readonly identityKey: Uint8Array;
}

/** The certificates (PEM) of a peer that hold. */
export function certificatesOf({ certificate, previousCertificate }: Peer): readonly string[] {
  return previousCertificate === undefined ? [certificate] : [certificate, previousCertificate];
}

/** What is known of a peer's running process. Times in ms since 1970. */
export interface PeerSessionState {
  readonly index: number;
  readonly boot: string | null;
  readonly issuedAt: number | null;
  /** How many boots of this peer have followed another since this process started. */
  readonly restarts: number;
  /** How often an older boot spoke after a newer one was known, last words among them. */
  readonly supersededMessages: number;
  readonly supersededAt: number | null;
  /**
   * A second copy of the peer is alive: an older boot spoke that was no last word, `since` then and `at` last; null once none
   * has for `DUPLICATE_SHOWN_MS`.
   */
  readonly duplicate: { readonly since: number; readonly at: number } | null;
}

/** What shows that two copies of a peer are alive: the later start, and a message of the earlier one. */
export interface DuplicateSight {
  readonly later: SessionCertificate;
  readonly earlier: { readonly session: SessionCertificate; readonly envelope: PeerEnvelope } | null;
}

interface KnownSession {
  readonly certificate: SessionCertificate;
  /** The header text that certificate came in, so that it is verified once. */
  readonly header: string;
  window: ReplayWindow;
}

interface PeerEntry {
  peer: Peer;
  /** Of the certificate on the peer's card; null where it cannot be read. */
  tls: CertificateFacts | null;
  known: KnownSession | null;
  /** When the known boot was heard first, by a clock that cannot jump. */
  knownSince: number;
  restarts: number;
  supersededMessages: number;
  supersededAt: number | null;
  /** `lastAt` by a clock that cannot jump. */
  duplicate: { readonly since: number; readonly at: number; readonly lastAt: number } | null;
  superseded: DuplicateSight['earlier'];
  /** When the known boot spoke last, and when one before it did; by a clock that cannot jump. */
  heardAt: number | null;
  earlierHeardAt: number | null;
  sent: number;
}

/** The peers of this node and their sessions; shared by what receives and what sends. */
export class PeerSessions {
  readonly network: string;
  readonly myIndex: number;
  readonly session: Session;
  /** What this node puts into the session header. */
  readonly header: string;
  private readonly entries = new Map<number, PeerEntry>();
  /** ms since any moment, by a clock that nobody sets. */
  readonly elapsed: () => number;

  /** `elapsed`: ms since any moment, by a clock that nobody sets. */
  constructor(input: {
    readonly network: string;
    readonly myIndex: number;
    readonly session: Session;
    readonly peers: readonly Peer[];
    readonly elapsed?: () => number;
  }) {
    this.network = input.network;
    this.myIndex = input.myIndex;
    this.session = input.session;
    this.elapsed = input.elapsed ?? (() => performance.now());
    this.header = Buffer.from(canonicalBytes(input.session.certificate)).toString('base64url');
    this.replacePeers(input.peers);
  }

  /** Takes a new list of peers; a peer whose identity key stays keeps its session. Throws on a repeated or own index. */
  replacePeers(peers: readonly Peer[]): void {
    const indices = new Set(peers.map((peer) => peer.index));
    if (indices.size !== peers.length || indices.has(this.myIndex)) throw new Error('peer indices must be distinct');
    for (const index of this.entries.keys()) if (!indices.has(index)) this.entries.delete(index);
    for (const peer of peers) {
      const entry = this.entries.get(peer.index);
      if (entry !== undefined && Buffer.compare(entry.peer.identityKey, peer.identityKey) === 0) {
        entry.peer = peer;
        entry.tls = readCertificate(peer.certificate);
      } else this.entries.set(peer.index, newEntry(peer, entry?.sent ?? 0));
    }
  }

  /** The peers in index order. */
  peers(): readonly Peer[] {
    return [...this.entries.values()].map((entry) => entry.peer).sort((a, b) => a.index - b.index);
  }

  /** One peer, or null where the index is unknown. */
  peer(index: number): Peer | null {
    return this.entries.get(index)?.peer ?? null;
  }

  /**
   * Why the TLS certificate on a peer's card does not hold at `now` (ms since 1970), a sentence; null where it does. Asked of
   * every message: a connection that is kept open outlives the handshake that looked at the dates.
   */
  certificateFlaw(index: number, now: number): string | null {
    const { peer, tls = null } = this.entries.get(index) ?? {};
    if (peer === undefined || tls === null || isValidAt(tls, now)) return null;
    return `the TLS certificate of operator ${index} (${peer.name}) ${validityText(tls, now)}`;
  }

  /** The indices of the known peers. */
  indices(): ReadonlySet<number> {
    return new Set(this.entries.keys());
  }

  /** The next sequence number of this boot towards a peer, from 1. */
  nextSequence(to: number): number {
    const entry = this.entries.get(to);
    if (entry === undefined) throw new Error(`no peer has the index ${to}`);
    entry.sent += 1;
    return entry.sent;
  }

  /** What is known of each peer's process, in index order. */
  states(): readonly PeerSessionState[] {
    return this.peers().flatMap(({ index }) => {
      const entry = this.entries.get(index);
      if (entry === undefined) return [];
      const { restarts, supersededMessages, supersededAt, known } = entry;
      const boot = known?.certificate.boot ?? null;
      const issuedAt = known?.certificate.issued_at ?? null;
      const seen = this.lastingDuplicate(entry);
      const duplicate = seen === null ? null : { since: seen.since, at: seen.at };
      return [{ index, boot, issuedAt, restarts, supersededMessages, supersededAt, duplicate }];
    });
  }

  /**
   * The two starts of a peer that were heard in the wrong order, and when the superseded one spoke last; null where none
   * were. `earlier`: null where all that was heard of it beside `later` may have been its last words.
   */
  duplicateOf(index: number): (DuplicateSight & { readonly at: number }) | null {
    const entry = this.entries.get(index);
    if (entry === undefined || entry.known === null || entry.supersededAt === null) return null;
    return { later: entry.known.certificate, earlier: entry.superseded, at: entry.supersededAt };
  }

  /** How long ago a start of the peer other than the known one was heard last, in ms; null where none was. */
  earlierHeardAgo(index: number): number | null {
    const at = this.entries.get(index)?.earlierHeardAt ?? null;
    return at === null ? null : this.elapsed() - at;
  }

  /**
   * Validates an envelope whose plain fields have passed `checkEnvelope`: whose session it claims, the signature, whether a
   * newer boot has superseded it, and replay. Nothing is remembered of a message whose signature fails. `header` is the
   * session header that came with it, if any; `now` in ms.
   */
  admit(envelope: PeerEnvelope, header: string | null, now: number): Refusal | null {
    const entry = this.entries.get(envelope.from);
    if (entry === undefined) return refuse('unknown_sender', 'this node knows no peer with that index');
    const flaw = this.certificateFlaw(envelope.from, now);
    if (flaw !== null) return refuse('certificate_not_valid', flaw);
    const claimed = this.claimedSession(entry, header);
    if ('ok' in claimed) return claimed;
    const { certificate } = claimed;
    if (certificate.boot !== envelope.boot) {
      return refuse('bad_signature', 'the session certificate belongs to another boot than the message');
    }
    if (!verifyEnvelope(envelope, sessionKeyOf(certificate))) {
      return refuse('bad_signature', 'the signature does not fit the session key');
    }
    const known = entry.known;
    const followsOn = known === null || isSame(known.certificate, certificate);
    if (!followsOn && certificate.issued_at <= known.certificate.issued_at) {
      entry.supersededMessages += 1;
      entry.supersededAt = now;
      entry.earlierHeardAt = this.elapsed();
      if (this.elapsed() - entry.knownSince > LAST_WORDS_MS) this.keepDuplicate(entry, certificate, envelope, now);
      const detail = 'a newer start of this node is known: two copies of it seem to be running';
      return { ...refuse('superseded_boot', detail), session: known.certificate };
    }
    // A certificate from the future would shut out every restart until then. One that is known was not from the future by
    // this clock when it was heard first: where it is now, this clock was put right.
    if (known?.certificate.boot !== certificate.boot && certificate.issued_at > now + CLOCK_SKEW_MS_MAX) {
      return refuse('clock_skew', 'the session certificate was issued in the future');
    }
    const current = known !== null && followsOn ? known : claimed;
    const sequence = acceptSequence(current.window, envelope.seq);
    if (!sequence.ok)
      return refuse('replay', 'a message with this sequence number came before, or it is too old to check');
    current.window = sequence.window;
    if (entry.known !== current) entry.knownSince = this.elapsed();
    entry.known = current;
    if (!followsOn) {
      entry.restarts += 1;
      entry.earlierHeardAt = entry.heardAt;
      // What spoke beside an earlier start tells nothing of this one.
      entry.superseded = null;
    }
    entry.heardAt = this.elapsed();
    return null;
  }

  private keepDuplicate(entry: PeerEntry, session: SessionCertificate, envelope: PeerEnvelope, now: number): void {
    const since = this.lastingDuplicate(entry)?.since ?? now;
    entry.duplicate = { since, at: now, lastAt: this.elapsed() };
    const latest = entry.superseded?.envelope.sent_at ?? 0;
    if (envelope.sent_at < latest || canonicalBytes(envelope).length > SUPERSEDED_MESSAGE_BYTES_MAX) return;
    entry.superseded = { session, envelope };
  }

  private lastingDuplicate({ duplicate }: PeerEntry): PeerEntry['duplicate'] {
    return duplicate === null || this.elapsed() - duplicate.lastAt >= DUPLICATE_SHOWN_MS ? null : duplicate;
  }

  private claimedSession(entry: PeerEntry, header: string | null): KnownSession | Refusal {
    if (header === null || header === entry.known?.header) {
      return entry.known ?? refuse('bad_signature', 'no session certificate of this node is known here; send one');
    }
    const value = decodeHeader(header);
    const { identityKey, index } = entry.peer;
    const verdict = verifySessionCertificate(value, { identityKey, network: this.network, index });
    if (!verdict.ok) {
      const reason: Rejection = verdict.reason === 'wrong_network' ? 'wrong_network' : 'bad_signature';
      return refuse(reason, `the session certificate is refused: ${verdict.reason}`);
    }
    return { certificate: verdict.certificate, header, window: EMPTY_REPLAY_WINDOW };
  }
}

function newEntry(peer: Peer, sent: number): PeerEntry {
  const duplicate = { supersededMessages: 0, supersededAt: null, superseded: null, duplicate: null };
  const tls = readCertificate(peer.certificate);
  return {
    peer,
    tls,
    known: null,
    knownSince: 0,
    restarts: 0,
    ...duplicate,
    heardAt: null,
    earlierHeardAt: null,
    sent,
  };
}

// The base64url text must be the one spelling of its bytes, else one certificate could come in under many headers.
function decodeHeader(header: string): unknown {
  if (header.length > SESSION_HEADER_CHARS_MAX) return null;
  const bytes = Buffer.from(header, 'base64url');
  if (bytes.toString('base64url') !== header) return null;
  const json = parseCanonicalJson(bytes, { bytesMax: SESSION_HEADER_CHARS_MAX, depthMax: 2 });
  return json.ok ? json.value : null;
}

function isSame(a: SessionCertificate, b: SessionCertificate): boolean {
  return a.boot === b.boot && a.session_key === b.session_key && a.issued_at === b.issued_at;
}

function refuse(reason: Rejection, detail: string): Refusal {
  return { ok: false, reason, detail };
}
