// The coordinator's part in one attempt of a key ceremony: gathers, combines with ChillDKG's coordinator steps, and
// hands on. It holds no secret and is trusted with nothing: what it alters, somebody notices, and without all n
// signatures over one transcript no key goes live.
import { fromHex, toHex } from '../../crypto/bytes.ts';
import type { CoordinatorState } from '../../crypto/chilldkg.ts';
import { dkgPackageBytes } from '../../crypto/ed25519-dkg.ts';
import type { DkgMessage, MessageBody, Outgoing } from '../messages.ts';
import { isConfirmation } from '../transcript.ts';
import { faultOf, type OrFault } from './attempt.ts';
import { certify, coordinate, investigationMessages, pmsg1Bytes } from './chill.ts';
import { type DkgSetup, nameOf } from './setup.ts';

type Round1s = ReadonlyMap<number, MessageBody<'dkg_round1'>>;

/** What a coordinator has gathered. */
export type CoordinatorRole =
  | { readonly step: 'gathering_round1'; readonly round1: Round1s }
  | {
      readonly step: 'gathering_round2';
      readonly round1: Round1s;
      readonly packages: MessageBody<'dkg_packages'>;
      readonly state: CoordinatorState;
      readonly round2: ReadonlyMap<number, MessageBody<'dkg_round2'>>;
    }
  | {
      readonly step: 'gathering_confirmations';
      readonly certificate: MessageBody<'dkg_certificate'>;
      readonly confirms: ReadonlyMap<number, MessageBody<'dkg_confirm'>>;
    }
  | { readonly step: 'completing'; readonly complete: MessageBody<'dkg_complete'>; readonly done: ReadonlySet<number> };

type Role<S extends CoordinatorRole['step']> = Extract<CoordinatorRole, { step: S }>;
type RoleOrFault = OrFault<{ readonly role: CoordinatorRole }>;

/** Begins with nothing gathered. */
export function beginCoordinator(): CoordinatorRole {
  return { step: 'gathering_round1', round1: new Map() };
}

/** A participant's first message; the last one gives the packages for all. */
export function onRound1(
  setup: DkgSetup,
  role: Role<'gathering_round1'>,
  from: number,
  body: MessageBody<'dkg_round1'>,
): RoleOrFault {
  const right =
    body.pmsg1.length === 2 * pmsg1Bytes(setup) && body.ed25519_package.length === 2 * dkgPackageBytes(setup.threshold);
  if (!right) {
    const detail = `${nameOf(setup, from)}'s first message has a wrong length`;
    return { ok: false, fault: faultOf('invalid_message', from, detail) };
  }
  const round1 = new Map(role.round1).set(from, body);
  if (round1.size < setup.participants.length) return { ok: true, role: { ...role, round1 } };
  const combined = coordinate(setup, pmsgs1Of(setup, round1));
  if (!combined.ok) return combined;
  const { state, cmsg1 } = combined;
  const ed25519_packages = inOrder(setup, round1).map(({ ed25519_package }) => ed25519_package);
  const packages = { attempt: body.attempt, cmsg1: toHex(cmsg1), ed25519_packages };
  return { ok: true, role: { step: 'gathering_round2', round1, packages, state, round2: new Map() } };
}

/** A participant's certificate signature; the last one gives the certificate for all. */
export function onRound2(
  setup: DkgSetup,
  role: Role<'gathering_round2'>,
  from: number,
  body: MessageBody<'dkg_round2'>,
): RoleOrFault {
  if (body.boxes.length !== setup.participants.length) {
    const detail = `${nameOf(setup, from)} passed on not one share box per dealer`;
    return { ok: false, fault: faultOf('invalid_message', from, detail) };
  }
  const round2 = new Map(role.round2).set(from, body);
  if (round2.size < setup.participants.length) return { ok: true, role: { ...role, round2 } };
  const pmsgs2 = inOrder(setup, round2).map(({ pmsg2 }) => fromHex(pmsg2));
  const certified = certify(setup, role.state, pmsgs2);
  if (!certified.ok) return certified;
  const boxes = inOrder(setup, round2).map((one) => one.boxes);
  const certificate = { attempt: body.attempt, cmsg2: toHex(certified.cmsg2), boxes };
  return { ok: true, role: { step: 'gathering_confirmations', certificate, confirms: new Map() } };
}

/** A participant's confirmation, held against this node's own transcript hash; the last one completes the ceremony. */
export function onConfirm(
  setup: DkgSetup,
  role: Role<'gathering_confirmations'>,
  from: number,
  body: MessageBody<'dkg_confirm'>,
  ownHash: string,
): RoleOrFault {
  if (body.transcript_hash !== ownHash) {
    const detail = `${nameOf(setup, from)} confirms another transcript`;
    return { ok: false, fault: faultOf('transcript_mismatch', from, detail) };
  }
  if (!isConfirmation(setup.participants[from]?.identityKey ?? new Uint8Array(0), ownHash, body.signature)) {
    const detail = `${nameOf(setup, from)}'s signature over the transcript is wrong`;
    return { ok: false, fault: faultOf('invalid_confirmation', from, detail) };
  }
  const confirms = new Map(role.confirms).set(from, body);
  if (confirms.size < setup.participants.length) return { ok: true, role: { ...role, confirms } };
  const signatures = inOrder(setup, confirms).map(({ signature }) => signature);
  return { ok: true, role: { step: 'completing', complete: { attempt: body.attempt, signatures }, done: new Set() } };
}

/** ChillDKG's evidence for a participant that cannot tell whose fault its failure is. */
export function investigationFor(
  setup: DkgSetup,
  role: Role<'gathering_round2'>,
  to: number,
): Outgoing<DkgMessage> | null {
  const message = investigationMessages(setup, pmsgs1Of(setup, role.round1))[to];
  if (message === undefined) return null;
  return { to, type: 'dkg_investigation', body: { attempt: role.packages.attempt, cinv: toHex(message) } };
}

/** The messages to which this coordinator still awaits an answer, its own node included. */
export function coordinatorPending(setup: DkgSetup, attempt: string, role: CoordinatorRole): Outgoing<DkgMessage>[] {
  return coordinatorAwaits(setup, role).map((to) => ({ to, ...pendingMessage(attempt, role) }));
}

function pendingMessage(attempt: string, role: CoordinatorRole): DkgMessage {
  switch (role.step) {
    case 'gathering_round1':
      return { type: 'dkg_start', body: { attempt } };
    case 'gathering_round2':
      return { type: 'dkg_packages', body: role.packages };
    case 'gathering_confirmations':
      return { type: 'dkg_certificate', body: role.certificate };
    case 'completing':
      return { type: 'dkg_complete', body: role.complete };
  }
}

/** Whose answer this coordinator awaits. */
export function coordinatorAwaits(setup: DkgSetup, role: CoordinatorRole): number[] {
  return setup.participants.map(({ index }) => index).filter((index) => !answered(role).has(index));
}

function answered(role: CoordinatorRole): { has(index: number): boolean } {
  switch (role.step) {
    case 'gathering_round1':
      return role.round1;
    case 'gathering_round2':
      return role.round2;
    case 'gathering_confirmations':
      return role.confirms;
    case 'completing':
      return role.done;
  }
}

function pmsgs1Of(setup: DkgSetup, round1: Round1s): Uint8Array[] {
  return inOrder(setup, round1).map(({ pmsg1 }) => fromHex(pmsg1));
}

function inOrder<T>(setup: DkgSetup, gathered: ReadonlyMap<number, T>): T[] {
  return setup.participants.map(({ index }) => {
    const item = gathered.get(index);
    if (item === undefined) throw new Error('everybody has answered');
    return item;
  });
}
