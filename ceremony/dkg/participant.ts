// A participant's part in one attempt of a key ceremony: first messages of both protocols to the coordinator, a sealed
// share to each other participant, ChillDKG's certificate, and the confirmation of the transcript. Pure: each function
// takes what was heard and gives the next role or the fault that ends the attempt.
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { type ParticipantState1, type ParticipantState2, paramsHash } from '../../crypto/chilldkg.ts';
import type { DkgMessage, MessageBody, Outgoing } from '../messages.ts';
import { confirmTranscript, isConfirmation, outputOf, type Transcript, transcriptHash } from '../transcript.ts';
import { type Attempt, faultOf, type OrFault, passedOnFault } from './attempt.ts';
import { chillFinish, chillParams, chillStep1, chillStep2, investigate } from './chill.ts';
import { dealShares, ed25519Finish, ed25519Package, packageHash, receiveShare } from './ed25519.ts';
import { type DkgResult, nameOf } from './setup.ts';

type Shares = ReadonlyMap<number, MessageBody<'dkg_share'>>;

interface Contributed {
  readonly state1: ParticipantState1;
  readonly round1: MessageBody<'dkg_round1'>;
  /** By dealer. May arrive before the packages that they are held against. */
  readonly shares: Shares;
}

interface Dealt extends Contributed {
  readonly packages: MessageBody<'dkg_packages'>;
  /** This node's sealed shares by recipient, its own included. */
  readonly boxes: readonly Uint8Array[];
  /** Who has said that its share arrived. */
  readonly delivered: ReadonlySet<number>;
  readonly chill: { readonly state2: ParticipantState2; readonly pmsg2: Uint8Array } | null;
}

/** Where a participant stands in an attempt. */
export type ParticipantRole =
  | (Contributed & { readonly step: 'packages_awaited' })
  | (Dealt & { readonly step: 'investigating' })
  | (Dealt & { readonly step: 'shares_awaited' })
  | (Dealt & { readonly step: 'certificate_awaited' })
  | { readonly step: 'confirmed'; readonly confirm: MessageBody<'dkg_confirm'>; readonly keys: PendingKeys };

/** Keys that must not be used before all have confirmed. */
export type PendingKeys = Omit<DkgResult, 'certificate'>;

type Role<S extends ParticipantRole['step']> = Extract<ParticipantRole, { step: S }>;
type RoleOrFault = OrFault<{ readonly role: ParticipantRole }>;

/** Begins: makes this node's first messages. */
export function beginParticipant(attempt: Attempt): ParticipantRole {
  const { state1, pmsg1 } = chillStep1(attempt);
  const round1 = { attempt: attempt.id, pmsg1: toHex(pmsg1), ed25519_package: toHex(ed25519Package(attempt)) };
  return { step: 'packages_awaited', state1, round1, shares: new Map() };
}

/** The coordinator's first message: checks both protocols, and deals this node's shares. */
export function onPackages(
  attempt: Attempt,
  role: Role<'packages_awaited'>,
  packages: MessageBody<'dkg_packages'>,
): RoleOrFault {
  const { setup } = attempt.context;
  const { coordinator } = attempt;
  if (packages.ed25519_packages.length !== setup.participants.length) {
    return { ok: false, fault: faultOf('invalid_message', coordinator, 'not one Ed25519 package per participant') };
  }
  const dealt = dealShares(attempt, packagesOf(packages));
  if (!dealt.ok) return dealt;
  const step2 = chillStep2(attempt, role.state1, fromHex(packages.cmsg1));
  if (step2.kind === 'fault') return { ok: false, fault: step2.fault };
  const { state1, round1, shares } = role;
  const begun = { state1, round1, packages, boxes: dealt.boxes, delivered: new Set<number>() };
  if (step2.kind === 'unknown') return { ok: true, role: { ...begun, step: 'investigating', shares, chill: null } };
  const { state2, pmsg2 } = step2;
  const waiting: Role<'shares_awaited'> = {
    ...begun,
    step: 'shares_awaited',
    chill: { state2, pmsg2 },
    shares: new Map(),
  };
  return [...shares].reduce<RoleOrFault>(
    (left, [dealer, share]) => (left.ok ? onShare(attempt, left.role, dealer, share) : left),
    { ok: true, role: waiting },
  );
}

/** A dealer's sealed share: kept until the packages are known, then checked. The last one completes the dealing. */
export function onShare(
  attempt: Attempt,
  role: ParticipantRole,
  dealer: number,
  share: MessageBody<'dkg_share'>,
): RoleOrFault {
  const { setup } = attempt.context;
  if (role.step === 'confirmed' || role.step === 'certificate_awaited') return { ok: true, role };
  const shares = new Map(role.shares).set(dealer, share);
  if (role.step !== 'shares_awaited') return { ok: true, role: { ...role, shares } };
  const dealerPackage = fromHex(role.packages.ed25519_packages[dealer] ?? '');
  if (packageHash(dealerPackage) !== share.package_hash) {
    const detail = `the coordinator's package of ${nameOf(setup, dealer)} is not the one that the dealer names`;
    return { ok: false, fault: passedOnFault(attempt, 'package_mismatch', dealer, detail) };
  }
  const received = receiveShare(attempt, dealer, dealerPackage, fromHex(share.box));
  if (!received.ok) return received;
  // The box is kept, not the share: less time in which a secret lies about.
  received.share.fill(0);
  const complete = shares.size === setup.participants.length - 1;
  return { ok: true, role: { ...role, shares, step: complete ? 'certificate_awaited' : 'shares_awaited' } };
}

/** The coordinator's investigation message: always ends the attempt, with a name where the evidence gives one. */
export function onInvestigation(
  attempt: Attempt,
  role: Role<'investigating'>,
  body: MessageBody<'dkg_investigation'>,
): RoleOrFault {
  const fault = investigate(attempt, role.state1, fromHex(role.packages.cmsg1), fromHex(body.cinv));
  return { ok: false, fault };
}

/** ChillDKG's certificate: makes both keys, writes the transcript and confirms it. */
export function onCertificate(
  attempt: Attempt,
  role: Role<'certificate_awaited'>,
  body: MessageBody<'dkg_certificate'>,
  rehearsal: boolean,
): RoleOrFault {
  const { setup, secrets } = attempt.context;
  if (role.chill === null) throw new Error('the dealing cannot be complete before ChillDKG agreed');
  const boxes = boxesToMe(role);
  const { participants, myIndex } = setup;
  // Every node answers for its own row with its signature below, so what all keep restores every one of them.
  const isWhole = body.boxes.length === participants.length;
  if (!isWhole || body.boxes.some(({ length }) => length !== participants.length)) {
    return {
      ok: false,
      fault: faultOf('invalid_message', attempt.coordinator, 'not one box per dealer and recipient'),
    };
  }
  if (body.boxes[myIndex]?.join() !== boxes.join()) {
    const detail = `${nameOf(setup, myIndex)}'s own boxes came back altered`;
    return { ok: false, fault: faultOf('package_mismatch', attempt.coordinator, detail) };
  }
  const bitcoin = chillFinish(attempt, role.chill.state2, fromHex(body.cmsg2));
  if (!bitcoin.ok) return bitcoin;
  const opened = boxes.map((box) => fromHex(box));
  const attestation = ed25519Finish(attempt, packagesOf(role.packages), opened);
  if (!attestation.ok) return attestation;
  const { recoveryData } = bitcoin;
  const transcript: Transcript = {
    ...preamble(attempt, rehearsal),
    chilldkg: {
      params_hash: toHex(paramsHash(chillParams(setup))),
      cmsg1: role.packages.cmsg1,
      cmsg2: body.cmsg2,
      recovery_data: toHex(recoveryData),
    },
    ed25519: { packages: [...role.packages.ed25519_packages], boxes: body.boxes },
    outputs: { bitcoin: outputOf(bitcoin.groupKey), attestation: outputOf(attestation.groupKey) },
  };
  const hash = transcriptHash(transcript);
  const signature = confirmTranscript(secrets.identity, hash);
  const keys: PendingKeys = {
    rehearsal,
    transcript,
    recoveryData,
    bitcoin: { groupKey: bitcoin.groupKey, signingShare: bitcoin.signingShare },
    attestation: { groupKey: attestation.groupKey, signingShare: attestation.signingShare },
  };
  return {
    ok: true,
    role: { step: 'confirmed', confirm: { attempt: attempt.id, transcript_hash: hash, signature }, keys },
  };
}

/** All n signatures, from whomever: if every one is right, the keys go live; else the index of the first wrong one. */
export function onComplete(
  attempt: Attempt,
  role: Role<'confirmed'>,
  body: MessageBody<'dkg_complete'>,
): { readonly ok: true; readonly result: DkgResult } | { readonly ok: false; readonly wrong: number } {
  const { participants } = attempt.context.setup;
  const hash = role.confirm.transcript_hash;
  for (const { index, identityKey } of participants) {
    if (!isConfirmation(identityKey, hash, body.signatures[index] ?? '')) return { ok: false, wrong: index };
  }
  if (body.signatures.length !== participants.length) return { ok: false, wrong: attempt.coordinator };
  return { ok: true, result: { ...role.keys, certificate: { transcript_hash: hash, signatures: body.signatures } } };
}

/** The messages to which this participant still awaits an answer; they may go to this node itself. */
export function participantPending(attempt: Attempt, role: ParticipantRole, doubt: boolean): Outgoing<DkgMessage>[] {
  const { setup } = attempt.context;
  const to = attempt.coordinator;
  if (role.step === 'packages_awaited') return [{ to, type: 'dkg_round1', body: role.round1 }];
  if (role.step === 'confirmed') {
    const all = setup.participants.map(({ index }) => index);
    // In doubt, whoever has the n signatures may answer.
    const askees = doubt ? all.filter((index) => index === to || index !== setup.myIndex) : [to];
    return askees.map((askee) => ({ to: askee, type: 'dkg_confirm', body: role.confirm }));
  }
  const pending = sharesPending(attempt, role);
  if (role.step === 'investigating') pending.push({ to, type: 'dkg_investigate', body: { attempt: attempt.id } });
  if (role.step === 'certificate_awaited' && role.chill !== null) {
    const body = { attempt: attempt.id, pmsg2: toHex(role.chill.pmsg2), boxes: boxesToMe(role) };
    pending.push({ to, type: 'dkg_round2', body });
  }
  return pending;
}

// In hexadecimal, by dealer, this node's own included.
function boxesToMe({ boxes, shares }: Dealt): string[] {
  return boxes.map((own, dealer) => shares.get(dealer)?.box ?? toHex(own));
}

function sharesPending({ context, id }: Attempt, role: Dealt): Outgoing<DkgMessage>[] {
  const { myIndex } = context.setup;
  const package_hash = packageHash(fromHex(role.round1.ed25519_package));
  return role.boxes.flatMap((box, to): Outgoing<DkgMessage>[] => {
    if (to === myIndex || role.delivered.has(to)) return [];
    return [{ to, type: 'dkg_share', body: { attempt: id, box: toHex(box), package_hash } }];
  });
}

/** Whose answer this participant awaits. */
export function participantAwaits({ context, coordinator }: Attempt, role: ParticipantRole): number[] {
  if (role.step !== 'shares_awaited') return [coordinator];
  const { myIndex, participants } = context.setup;
  return participants.map(({ index }) => index).filter((index) => index !== myIndex && !role.shares.has(index));
}

function preamble({ context, id }: Attempt, rehearsal: boolean) {
  const { network, ceremonyId, threshold, participants } = context.setup;
  return {
    v: 1 as const,
    network,
    ceremony_id: ceremonyId,
    rehearsal,
    attempt: id,
    n: participants.length,
    t: threshold,
    participants: participants.map(({ index, name, identityKey, hostPublicKey }) => ({
      index,
      name,
      identity_key: toHex(identityKey),
      host_public_key: toHex(hostPublicKey),
    })),
  };
}

function packagesOf(body: MessageBody<'dkg_packages'>): Uint8Array[] {
  return body.ed25519_packages.map((bytes) => fromHex(bytes));
}
