// A node whose clock was set back between two starts, as its peers see it and as it sees what they show it.
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalBytes } from '../../crypto/canonical-json.ts';
import { type PeerEnvelope, sealEnvelope } from '../../crypto/envelope.ts';
import { createSession, identityFromSeed, type Session } from '../../crypto/identity.ts';
import { PeerSessions } from '../../operator/peers/peer-session.ts';
import { newSession } from '../../operator/peers/session.ts';
import { openStore } from '../../store/open.ts';

const T = 1_900_000_000_000;
const folder = mkdtempSync(join(tmpdir(), 'mpc-session-'));
afterAll(() => rmSync(folder, { recursive: true }));
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
const identity = identityFromSeed(random(32));
const node = { identity, network: 'regtest', index: 1 };

function startAt(now: number): Session {
  const store = openStore(join(folder, 'security.db'));
  try {
    return newSession(node, store.db, { now: () => now, random });
  } finally {
    store.close();
  }
}

function aPeer(): PeerSessions {
  const peer = { index: 1, name: 'one', address: '127.0.0.1:1', certificate: '', identityKey: identity.publicKey };
  const own = { identity: identityFromSeed(random(32)), network: 'regtest', index: 0 };
  const session = createSession({ ...own, boot: random(16), seed: random(32), now: T });
  return new PeerSessions({ network: 'regtest', myIndex: 0, session, peers: [peer] });
}

const header = ({ certificate }: Session) => Buffer.from(canonicalBytes({ ...certificate })).toString('base64url');
function speak({ certificate, signer }: Session, sent_at: number, seq = 1): PeerEnvelope {
  const words = { network: 'regtest', from: 1, to: 0, ceremony: '', type: 'ping', body: {} };
  return sealEnvelope({ ...words, boot: certificate.boot, seq, sent_at }, signer).envelope;
}

describe('a node that is started again after its clock was set back', () => {
  test('is heard by its peers as the later start, not shut out as a copy that is still alive', () => {
    const peer = aPeer();
    const before = startAt(T + 20_000);
    expect(peer.admit(speak(before, T + 21_000), header(before), T + 1_000)).toBeNull();
    const after = startAt(T + 2_000);
    expect(peer.admit(speak(after, T + 2_100), header(after), T + 2_100)).toBeNull();
    expect(peer.duplicateOf(1)).toBeNull();
    expect(after.certificate.issued_at).toBe(before.certificate.issued_at + 1);
  });

  test('or that first spoke while its own and its peer’s clock were ahead, is still heard when both are corrected', () => {
    const [peer, ahead] = [aPeer(), T + 7_200_000];
    const start = startAt(ahead);
    expect(peer.admit(speak(start, ahead), header(start), ahead)).toBeNull();
    expect(peer.admit(speak(start, T, 2), header(start), T)).toBeNull();
    expect(aPeer().admit(speak(start, T), header(start), T)).toMatchObject({ reason: 'clock_skew' });
  });

  test('has a boot id and a session key of its own all the same', () => {
    const [first, second] = [startAt(T), startAt(T - 60_000)];
    expect(second.certificate.boot).not.toBe(first.certificate.boot);
    expect(second.certificate.session_key).not.toBe(first.certificate.session_key);
  });
});
