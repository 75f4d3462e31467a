// How two living copies of a node come to light: what the transport keeps of them proves it to each of the two.
import { describe, expect, test } from 'bun:test';
import { type PeerEnvelope, sealEnvelope } from '../../crypto/envelope.ts';
import { createSession, identityFromSeed, type Session } from '../../crypto/identity.ts';
import { parseRefusal } from '../../operator/peers/peer-reply.ts';
import {
  DUPLICATE_SHOWN_MS,
  LAST_WORDS_MS,
  PeerSessions,
  SUPERSEDED_MESSAGE_BYTES_MAX,
} from '../../operator/peers/peer-session.ts';
import { duplicateEvidence, provenDuplicate } from '../../operator/rollback-guard/duplicate-instance.ts';

const T = 1_900_000_000_000;
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
const identity = identityFromSeed(random(32));
const begin = (index: number, now: number, of = identity): Session =>
  createSession({ identity: of, network: 'regtest', index, boot: random(16), seed: random(32), now });
const header = ({ certificate }: Session) => Buffer.from(JSON.stringify(sorted(certificate))).toString('base64url');
const sorted = (value: object) => Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));

function speak(session: Session, seq: number, sent_at: number, filler = ''): PeerEnvelope {
  const { index: from, boot } = session.certificate;
  const words = { network: 'regtest', from, to: 0, ceremony: '', type: 'ping', body: { filler } };
  return sealEnvelope({ ...words, boot, seq, sent_at }, session.signer).envelope;
}

/** A peer whose clock and whose ticks, which cannot jump, the test moves. */
function aPeer() {
  const peer = { index: 1, name: 'one', address: '127.0.0.1:1', certificate: '', identityKey: identity.publicKey };
  const session = begin(0, T, identityFromSeed(random(32)));
  const at = { now: T, ticks: 0 };
  const elapsed = () => at.ticks;
  const sessions = new PeerSessions({ network: 'regtest', myIndex: 0, session, peers: [peer], elapsed });
  const pass = (ms: number): void => {
    at.now += ms;
    at.ticks += ms;
  };
  const hear = (of: Session, seq: number, sent_at = at.now, filler = '') =>
    sessions.admit(speak(of, seq, sent_at, filler), header(of), at.now);
  return { sessions, at, pass, hear };
}

/** A peer that has heard the first start, then the second, then the first again. */
function witness(first: Session, second: Session, filler = '') {
  const { sessions, pass, hear } = aPeer();
  pass(100);
  const heard = [hear(first, 1)];
  pass(10_000);
  heard.push(hear(second, 1));
  pass(LAST_WORDS_MS + 1);
  heard.push(hear(first, 2, T + 10_100 + LAST_WORDS_MS + 1, filler));
  return { sessions, heard };
}

const own = (session: Session) => ({ session: session.certificate, identityKey: identity.publicKey });
const [first, second] = [begin(1, T), begin(1, T + 10_000)];

describe('two copies of a node that both speak to a peer', () => {
  test('are proven to each of the two by what the peer kept', () => {
    const { sessions } = witness(first, second);
    const sight = sessions.duplicateOf(1);
    if (sight === null) throw new Error('the peer has seen two copies');
    expect(sight.at).toBe(T + 10_101 + LAST_WORDS_MS);
    expect(provenDuplicate(own(first), duplicateEvidence(sight))).toContain('another copy of it was started');
    expect(provenDuplicate(own(second), duplicateEvidence(sight))).toContain(
      'an earlier start of it was still sending',
    );
  });

  test('the older one learns it by the very refusal of its message', () => {
    const { heard } = witness(first, second);
    expect(heard.slice(0, 2)).toEqual([null, null]);
    expect(heard[2]).toMatchObject({ reason: 'superseded_boot', session: second.certificate });
    const { reason: rejected, detail, session } = heard[2] ?? {};
    const refusal = parseRefusal(JSON.stringify({ rejected, detail, session }));
    expect(provenDuplicate(own(first), { later: refusal?.session ?? null, earlier: null })).not.toBeNull();
  });

  test('a message too large to keep is not kept, and the sight of it is all the same', () => {
    const { sessions } = witness(first, second, 'x'.repeat(SUPERSEDED_MESSAGE_BYTES_MAX));
    expect(sessions.duplicateOf(1)).toMatchObject({ later: second.certificate, earlier: null });
  });

  test('are named from the first sight until the older start has been silent for ten minutes, whatever clock is set', () => {
    const { sessions, at, pass, hear } = aPeer();
    const duplicate = () => sessions.states()[0]?.duplicate ?? null;
    hear(first, 1);
    pass(10_000);
    hear(second, 1);
    pass(LAST_WORDS_MS + 1);
    expect(duplicate()).toBeNull();
    const since = at.now;
    hear(first, 2);
    expect(duplicate()).toEqual({ since, at: since });
    pass(DUPLICATE_SHOWN_MS - 1);
    at.now += 24 * 3_600_000;
    hear(second, 2);
    expect(duplicate()).toEqual({ since, at: since });
    hear(first, 3);
    expect(duplicate()).toEqual({ since, at: at.now });
    pass(DUPLICATE_SHOWN_MS);
    expect(duplicate()).toBeNull();
    hear(first, 4);
    expect(duplicate()).toEqual({ since: at.now, at: at.now });
  });

  test('of a node that was merely started again there is no proof, only that an earlier start spoke a moment ago', () => {
    const { sessions } = witness(first, second);
    const third = begin(1, T + 20_000);
    expect(sessions.admit(speak(third, 1, T + 20_100), header(third), T + 20_100)).toBeNull();
    expect(sessions.earlierHeardAgo(1)).toBe(LAST_WORDS_MS + 1);
    const sight = sessions.duplicateOf(1);
    if (sight === null) throw new Error('what was seen is kept');
    expect(provenDuplicate(own(third), duplicateEvidence(sight))).toBeNull();
  });
});

describe('a node whose clock was ahead, and that was restarted after the clock was corrected', () => {
  const AHEAD_MS = 20_000;
  const [before, after] = [begin(1, T - 60_000), begin(1, T + 1_000)];

  test('is not taken for its own copy because of the last messages of the process before it, whenever they come and by any clock', () => {
    const { sessions, at, pass, hear } = aPeer();
    hear(before, 1, T + AHEAD_MS);
    pass(1_100);
    expect(hear(after, 1)).toBeNull();
    pass(100);
    expect(hear(before, 2, T + AHEAD_MS + 500)).toMatchObject({ reason: 'superseded_boot' });
    at.now += 25_000;
    pass(LAST_WORDS_MS - 100);
    expect(hear(before, 3, T + AHEAD_MS + 900)).toMatchObject({ reason: 'superseded_boot' });
    const sight = sessions.duplicateOf(1);
    if (sight === null) throw new Error('the peer has heard both');
    expect(provenDuplicate(own(after), duplicateEvidence(sight))).toBeNull();
    // A copy that is alive after all learns of the other one at once.
    expect(provenDuplicate(own(before), duplicateEvidence(sight))).toContain('another copy of it was started');
    at.now += 3_600_000;
    expect(sessions.earlierHeardAgo(1)).toBe(0);
    expect(sessions.states()[0]).toMatchObject({ supersededMessages: 2, duplicate: null });
  });

  test('is found to live twice by what the earlier start says later, though its last words came first', () => {
    const { sessions, pass, hear } = aPeer();
    hear(before, 1, T + AHEAD_MS);
    pass(1_100);
    hear(after, 1);
    pass(100);
    hear(before, 2, T + AHEAD_MS + 500);
    pass(LAST_WORDS_MS);
    // By a clock that was put back since: the message that came too early does not stand in its way.
    hear(before, 3, T + 6_200);
    const sight = sessions.duplicateOf(1);
    if (sight === null) throw new Error('the peer has seen two copies');
    expect(sessions.states()[0]?.duplicate).toEqual({ since: T + 6_200, at: T + 6_200 });
    expect(provenDuplicate(own(after), duplicateEvidence(sight))).toContain('an earlier start of it was still sending');
  });

  test('is not held to have a copy by two others that lived before it', () => {
    const { sessions, pass, hear } = aPeer();
    const [one, two] = [begin(1, T - 60_000), begin(1, T - 30_000)];
    hear(one, 1, T + AHEAD_MS);
    hear(two, 1, T + AHEAD_MS);
    pass(LAST_WORDS_MS + 1);
    hear(one, 2, T + AHEAD_MS);
    const sight = sessions.duplicateOf(1);
    if (sight === null) throw new Error('the peer has seen two copies');
    expect(provenDuplicate(own(two), duplicateEvidence(sight))).not.toBeNull();
    const third = begin(1, T + 5_500);
    pass(600);
    expect(hear(third, 1)).toBeNull();
    const since = sessions.duplicateOf(1);
    expect(since).not.toBeNull();
    expect(since === null ? null : provenDuplicate(own(third), duplicateEvidence(since))).toBeNull();
  });
});

describe('evidence that proves nothing', () => {
  const sight = witness(first, second).sessions.duplicateOf(1);
  const stranger = identityFromSeed(random(32));
  const forged = begin(1, T + 60_000, stranger);

  test('is a certificate or message by another identity key, of another node, or of this very start', () => {
    for (const later of [forged.certificate, begin(2, T + 60_000).certificate, second.certificate, null, {}]) {
      expect(provenDuplicate(own(second), { later, earlier: null })).toBeNull();
    }
    const message = (session: Session) => ({ session: session.certificate, envelope: speak(session, 1, T + 60_000) });
    const earlier = [message(forged), message(second), { ...message(first), envelope: speak(forged, 1, T + 60_000) }];
    for (const one of earlier) expect(provenDuplicate(own(second), { later: null, earlier: one })).toBeNull();
  });

  test('is the certificate of a start that ended before this one began, shown as that of a later one', () => {
    const shown = (later: Session) => provenDuplicate(own(second), { later: { ...later.certificate }, earlier: null });
    expect(shown(first)).toBeNull();
    expect(shown(begin(1, T + 9_999))).toBeNull();
    expect(shown(begin(1, T + 10_000))).toContain('another copy of it was started');
  });

  test('is a real message of an earlier start whose time was changed', () => {
    const envelope = { ...speak(first, 2, T + 9_000), sent_at: T + 60_000 };
    const earlier = { session: first.certificate, envelope };
    expect(provenDuplicate(own(second), { later: sight?.later ?? null, earlier })).toBeNull();
  });
});
