// How two living copies of a node come to light: what the transport keeps of them proves it to each of the two.
import { describe, expect, test } from 'bun:test';
import { type PeerEnvelope, sealEnvelope } from '../../crypto/envelope.ts';
import { createSession, identityFromSeed, type Session } from '../../crypto/identity.ts';
import { provenTwin, twinEvidence } from '../../operator/guard/twin.ts';
import { parseRefusal } from '../../operator/transport/peer-reply.ts';
import { PeerSessions, SUPERSEDED_MESSAGE_BYTES_MAX } from '../../operator/transport/peer-session.ts';

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

/** A peer that has heard the first start, then the second, then the first again. */
function witness(first: Session, second: Session, filler = '') {
  const peer = { index: 1, name: 'one', address: '127.0.0.1:1', certificate: '', identityKey: identity.publicKey };
  const session = begin(0, T, identityFromSeed(random(32)));
  const sessions = new PeerSessions({ network: 'regtest', myIndex: 0, session, peers: [peer] });
  const heard = [
    sessions.admit(speak(first, 1, T + 100), header(first), T + 100),
    sessions.admit(speak(second, 1, T + 10_100), header(second), T + 10_100),
    sessions.admit(speak(first, 2, T + 12_000, filler), header(first), T + 12_000),
  ];
  return { sessions, heard };
}

const own = (session: Session) => ({ session: session.certificate, identityKey: identity.publicKey });
const [first, second] = [begin(1, T), begin(1, T + 10_000)];

describe('two copies of a node that both speak to a peer', () => {
  test('are proven to each of the two by what the peer kept', () => {
    const { sessions } = witness(first, second);
    const sight = sessions.twinOf(1);
    if (sight === null) throw new Error('the peer has seen two copies');
    expect(sight.at).toBe(T + 12_000);
    expect(provenTwin(own(first), twinEvidence(sight))).toContain('another copy of it was started');
    expect(provenTwin(own(second), twinEvidence(sight))).toContain('an earlier start of it was still speaking');
  });

  test('the older one learns it by the very refusal of its message', () => {
    const { heard } = witness(first, second);
    expect(heard.slice(0, 2)).toEqual([null, null]);
    expect(heard[2]).toMatchObject({ reason: 'superseded_boot', session: second.certificate });
    const { reason: rejected, detail, session } = heard[2] ?? {};
    const refusal = parseRefusal(JSON.stringify({ rejected, detail, session }));
    expect(provenTwin(own(first), { later: refusal?.session ?? null, earlier: null })).not.toBeNull();
  });

  test('a message too large to keep is not kept, and the sight of it is all the same', () => {
    const { sessions } = witness(first, second, 'x'.repeat(SUPERSEDED_MESSAGE_BYTES_MAX));
    expect(sessions.twinOf(1)).toMatchObject({ later: second.certificate, earlier: null });
  });

  test('of a node that was merely started again there is no proof, only that an earlier start spoke a moment ago', () => {
    const { sessions } = witness(first, second);
    const third = begin(1, T + 20_000);
    expect(sessions.admit(speak(third, 1, T + 20_100), header(third), T + 20_100)).toBeNull();
    expect(sessions.earlierHeardAt(1)).toBe(T + 10_100);
    const sight = sessions.twinOf(1);
    if (sight === null) throw new Error('what was seen is kept');
    expect(provenTwin(own(third), twinEvidence(sight))).toBeNull();
  });
});

describe('evidence that proves nothing', () => {
  const sight = witness(first, second).sessions.twinOf(1);
  const stranger = identityFromSeed(random(32));
  const forged = begin(1, T + 60_000, stranger);

  test('is a certificate or message by another identity key, of another node, or of this very start', () => {
    for (const later of [forged.certificate, begin(2, T + 60_000).certificate, second.certificate, null, {}]) {
      expect(provenTwin(own(second), { later, earlier: null })).toBeNull();
    }
    const message = (session: Session) => ({ session: session.certificate, envelope: speak(session, 1, T + 60_000) });
    const earlier = [message(forged), message(second), { ...message(first), envelope: speak(forged, 1, T + 60_000) }];
    for (const one of earlier) expect(provenTwin(own(second), { later: null, earlier: one })).toBeNull();
  });

  test('is a real message of an earlier start whose time was changed', () => {
    const envelope = { ...speak(first, 2, T + 9_000), sent_at: T + 60_000 };
    const earlier = { session: first.certificate, envelope };
    expect(provenTwin(own(second), { later: sight?.later ?? null, earlier })).toBeNull();
  });
});
