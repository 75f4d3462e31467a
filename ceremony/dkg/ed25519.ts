// The attestation key's generation within a ceremony: PedPop over Ed25519, its packages carried by the coordinator, its
// shares sealed to each recipient. What is wrong with others' contributions becomes a fault that names who.
import { sha256, toHex, utf8, zeroize } from '../../crypto/bytes.ts';
import { type DkgSecret, round1, round2, round3, verifyShare } from '../../crypto/ed25519-dkg.ts';
import type { GroupKey } from '../../crypto/scheme.ts';
import { openShare, type ShareRoute, sealShare } from '../../crypto/share-box.ts';
import { ATTEMPT_DOMAIN, type Attempt, derive, faultOf, type OrFault, passedOnFault } from './attempt.ts';
import { type Fault, nameOf } from './setup.ts';

/** This node's round-1 package for everybody. */
export function ed25519Package(attempt: Attempt): Uint8Array {
  const dealer = ed25519Secret(attempt);
  const { package: bytes, secret } = round1(dealer);
  zeroize(dealer.random, secret.random);
  return bytes;
}

/** Checks all Ed25519 packages and seals this node's share for each participant; its own too, which it keeps. */
export function dealShares(
  attempt: Attempt,
  packages: readonly Uint8Array[],
): OrFault<{ readonly boxes: Uint8Array[] }> {
  const { setup, secrets } = attempt.context;
  const dealer = ed25519Secret(attempt);
  try {
    const dealt = round2(dealer, packages);
    if (!dealt.ok) return { ok: false, fault: packageFault(attempt, dealt.culprit, dealt.reason) };
    const own = packages[setup.myIndex] ?? new Uint8Array(0);
    const boxes = dealt.shares.map((share, recipient) =>
      sealShare(share, secrets.hostSecret, route(attempt, setup.myIndex, recipient, own)),
    );
    zeroize(...dealt.shares);
    return { ok: true, boxes };
  } finally {
    zeroize(dealer.random);
  }
}

/** Opens a dealer's box and holds the share against the dealer's package; the caller erases the share. */
export function receiveShare(
  attempt: Attempt,
  dealer: number,
  dealerPackage: Uint8Array,
  box: Uint8Array,
): OrFault<{ readonly share: Uint8Array }> {
  const { setup, secrets } = attempt.context;
  const share = openShare(box, secrets.hostSecret, route(attempt, dealer, setup.myIndex, dealerPackage));
  const claim = { threshold: setup.threshold, dealerPackage, recipient: setup.myIndex };
  if (share !== null && verifyShare({ ...claim, share })) return { ok: true, share };
  const what = share === null ? 'a sealed share that does not open' : 'a share that does not fit its package';
  // Only the recipient can see this. To the others it is the recipient's word against the dealer's.
  const detail = `${nameOf(setup, dealer)} sent ${nameOf(setup, setup.myIndex)} ${what}`;
  return { ok: false, fault: faultOf('invalid_share', dealer, detail) };
}

/** Makes the attestation key of all packages and the boxes to this node, its own included, in index order. */
export function ed25519Finish(
  attempt: Attempt,
  packages: readonly Uint8Array[],
  boxes: readonly Uint8Array[],
): OrFault<{ readonly groupKey: GroupKey; readonly signingShare: Uint8Array }> {
  const { setup, secrets } = attempt.context;
  const secret = ed25519Secret(attempt);
  const shares: Uint8Array[] = [];
  try {
    for (const [dealer, dealerPackage] of packages.entries()) {
      const to = route(attempt, dealer, setup.myIndex, dealerPackage);
      const share = openShare(boxes[dealer] ?? new Uint8Array(0), secrets.hostSecret, to);
      if (share === null) throw new Error('every box was opened when it came');
      shares.push(share);
    }
    const made = round3(secret, packages, shares);
    return made.ok ? made : { ok: false, fault: packageFault(attempt, made.culprit, made.reason) };
  } finally {
    zeroize(secret.random, ...shares);
  }
}

/** SHA-256 of a package: what a dealer tells each recipient directly. */
export function packageHash(ed25519Package: Uint8Array): string {
  return toHex(sha256(ed25519Package));
}

function ed25519Secret({ context, id, random }: Attempt): DkgSecret {
  const { ceremonyId, myIndex, participants, threshold } = context.setup;
  return {
    index: myIndex,
    participants: participants.length,
    threshold,
    context: utf8(`${ATTEMPT_DOMAIN}/${ceremonyId}/${id}`),
    random: derive(random, 'ed25519'),
  };
}

// The dealer's package is part of the route: whatever else goes wrong, two different shares never go under one box key.
function route({ context, id }: Attempt, dealer: number, recipient: number, dealerPackage: Uint8Array): ShareRoute {
  const { ceremonyId, participants } = context.setup;
  const hostKeys = participants.map(({ hostPublicKey }) => hostPublicKey);
  return shareRoute({ ceremonyId, attempt: id, hostKeys, dealer, recipient, dealerPackage });
}

/** The route of a share box, from what the transcript holds. `hostKeys`: 33 bytes each, in index order. */
export function shareRoute(input: {
  readonly ceremonyId: string;
  readonly attempt: string;
  readonly hostKeys: readonly Uint8Array[];
  readonly dealer: number;
  readonly recipient: number;
  readonly dealerPackage: Uint8Array;
}): ShareRoute {
  const { ceremonyId, attempt, hostKeys, dealer, recipient, dealerPackage } = input;
  return {
    ceremonyId,
    context: sha256(utf8(`${ATTEMPT_DOMAIN}/${attempt}/`), sha256(dealerPackage)),
    senderIndex: dealer,
    recipientIndex: recipient,
    senderPublicKey: hostKeys[dealer] ?? new Uint8Array(0),
    recipientPublicKey: hostKeys[recipient] ?? new Uint8Array(0),
  };
}

function packageFault(attempt: Attempt, culprit: number, reason: string): Fault {
  const { coordinator } = attempt;
  const { setup } = attempt.context;
  if (culprit === setup.myIndex) {
    return faultOf('package_mismatch', coordinator, `${nameOf(setup, culprit)}'s own package came back altered`);
  }
  return passedOnFault(attempt, 'invalid_package', culprit, `${nameOf(setup, culprit)}: ${reason}`);
}
