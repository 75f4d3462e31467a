// Attacks on key generation with what is right in itself: a share that opens and does not fit, and two valid packages of one
// dealer. Each is found out by the honest nodes themselves, and no key goes live.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { ATTEMPT_DOMAIN } from '../../ceremony/dkg/attempt.ts';
import { packageHash, shareRoute } from '../../ceremony/dkg/ed25519.ts';
import { fromHex, toHex, utf8 } from '../../crypto/bytes.ts';
import { round1, round2 } from '../../crypto/ed25519-dkg.ts';
import { sealShare } from '../../crypto/share-box.ts';
import { participantsOf } from '../../operator/peers/federation.ts';
import { attackedCeremony, blamed, type Fields, fieldsOf, text } from './dkg-lies.ts';
import { MaliciousPeer } from './malicious-peer.ts';
import { ATTACKER, type Besieged, besiege } from './nodes.ts';
import { honest, type Tamper } from './scripted-dkg.ts';

/** The node that is told otherwise than the other. */
const VICTIM = 1;

let besieged: Besieged;
let mallory: MaliciousPeer;
beforeAll(async () => {
  besieged = await besiege();
  mallory = await MaliciousPeer.enter(besieged);
}, 20_000);
afterAll(async () => {
  await mallory.leave();
  await besieged.stop();
}, 20_000);

/** A share to the victim, sealed as the attacker's own. */
function sealed(ceremonyId: string, attempt: string, dealerPackage: Uint8Array, share: Uint8Array): string {
  const hostKeys = participantsOf(mallory.cards).map(({ hostPublicKey }) => hostPublicKey);
  const route = shareRoute({ ceremonyId, attempt, hostKeys, dealer: ATTACKER, recipient: VICTIM, dealerPackage });
  return toHex(sealShare(share, mallory.keyRing.hostSecret(), route));
}

/** A second package of the attacker's own, valid like its first, and the share in it for the victim. */
function secondPackage(ceremonyId: string, attempt: string, packages: readonly string[]) {
  const { threshold, parties: participants } = besieged.configs[ATTACKER] ?? { threshold: 0, parties: 0 };
  const context = utf8(`${ATTEMPT_DOMAIN}/${ceremonyId}/${attempt}`);
  const random = new Uint8Array(32).fill(7);
  const made = round1({ index: ATTACKER, participants, threshold, context, random });
  const dealt = round2(made.secret, [...packages.slice(0, ATTACKER).map((hex) => fromHex(hex)), made.package]);
  const share = dealt.ok ? dealt.shares[VICTIM] : undefined;
  if (share === undefined) throw new Error('the packages of the others are right');
  return { hex: toHex(made.package), share };
}

/** The completion of an attempt with the signatures that the honest nodes have sent to the attacker. */
function confirmed(attempt: string): Fields {
  const signatures = ['0'.repeat(128), '0'.repeat(128), '0'.repeat(128)];
  for (const { type, from, body } of mallory.received) {
    const fields = fieldsOf({ to: ATTACKER, type, body });
    if (type === 'dkg_confirm' && fields['attempt'] === attempt) signatures[from] = text(fields, 'signature');
  }
  return { attempt, signatures };
}

test('a participant is blamed for a bad share (attestation key) in a box that opens', async () => {
  let dealerPackage: Uint8Array = new Uint8Array(0);
  const tamper: Tamper = (message) => {
    const [said] = honest(message);
    if (said === undefined) return [];
    const fields = fieldsOf(said);
    if (message.type === 'dkg_round1') dealerPackage = fromHex(text(fields, 'ed25519_package'));
    if (message.type !== 'dkg_share' || message.to !== VICTIM) return [said];
    const box = sealed('bad-share', text(fields, 'attempt'), dealerPackage, new Uint8Array(32).fill(1));
    return [{ ...said, body: { ...fields, box } }];
  };
  blamed(await attackedCeremony(besieged, mallory, 'bad-share', tamper, false), ['invalid_share']);
}, 30_000);

// Each package is valid by itself, and each node gets the share that goes with the one it was shown.
test('a coordinator is blamed for equivocation in round 1: another package of its own for one than for the other', async () => {
  let other: ReturnType<typeof secondPackage> | null = null;
  const tamper: Tamper = (message) => {
    const [said] = honest(message);
    if (said === undefined) return [];
    const fields = fieldsOf(said);
    const attempt = () => text(fields, 'attempt');
    // It does not give itself away by what the two confirm, but passes it on.
    if (message.type === 'dkg_abort') return [{ ...said, type: 'dkg_complete', body: confirmed(attempt()) }];
    if (message.to !== VICTIM) return [said];
    if (message.type === 'dkg_packages') {
      const { ed25519_packages: list } = fields;
      if (!Array.isArray(list)) throw new Error('packages are a list');
      other = secondPackage('equivocation', attempt(), list.map(String));
      return [{ ...said, body: { ...fields, ed25519_packages: [...list.slice(0, ATTACKER), other.hex] } }];
    }
    if (message.type !== 'dkg_share') return [said];
    // It is said again.
    if (other === null) return [];
    const dealerPackage = fromHex(other.hex);
    const box = sealed('equivocation', attempt(), dealerPackage, other.share);
    return [{ ...said, body: { ...fields, box, package_hash: packageHash(dealerPackage) } }];
  };
  const ending = await attackedCeremony(besieged, mallory, 'equivocation', tamper, true);
  expect(other).not.toBeNull();
  blamed(ending, ['invalid_confirmation']);
}, 30_000);
