// The federation as its operator cards describe it: who the others are, whether all cards are here, and the fingerprint
// of everything that all nodes must agree on before they make keys together.

import { X509Certificate } from 'node:crypto';
import type { CeremonyParticipant } from '../../ceremony/dkg/setup.ts';
import type { SharedParameters } from '../../ceremony/messages-dkg.ts';
import { memberHash } from '../../ceremony/parameters.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';
import { type Contacts, contactsJson, contactsSchema } from '../../crypto/contacts.ts';
import { encodeCard, type OperatorCard, parseCard, signCard } from '../../crypto/operator-card.ts';
import type { Queries } from '../../store/database.ts';
import { listPeers, putPeer, removePeer } from '../../store/peers.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { CommandError } from '../runtime/command-error.ts';
import { readCertificate } from './certificate.ts';
import type { Peer } from './peer-session.ts';

/** Verdict on a card that an operator wants to add. `detail`: one sentence, what is wrong and what to do. */
export type AddCardVerdict =
  | { readonly ok: true; readonly card: OperatorCard; readonly change: 'added' | 'updated' | 'same' }
  | { readonly ok: false; readonly detail: string };

/** All cards this node holds, its own among them, in index order. */
export function listCards(db: Queries): readonly OperatorCard[] {
  return listPeers(db).map((peer) => {
    const parsed = parseCard(canonicalBytes(peer.card));
    if (!parsed.ok) throw new Error(`the stored card of operator ${peer.index} is ${parsed.reason}`);
    return parsed.card;
  });
}

/** The indices of which no card is here yet. */
export function missingCards(config: OperatorConfig, cards: readonly OperatorCard[]): readonly number[] {
  const known = new Set(cards.map((card) => card.index));
  return Array.from({ length: config.parties }, (_, index) => index).filter((index) => !known.has(index));
}

/** A card whose address is not the configured one; `cause` and `action` as in a problem of `status`. */
export interface AddressConflict {
  readonly operator: string;
  readonly cause: string;
  readonly action: string;
}

/** Each card that gives another address than the configuration, as a sentence: messages go to the card's address. */
export function addressConflicts(config: OperatorConfig, cards: readonly OperatorCard[]): readonly AddressConflict[] {
  return cards.flatMap(({ index, name, address }) => {
    const configured = config.partyAddresses[index]?.text;
    if (configured === undefined || configured === address) return [];
    const operator = `operator ${index} (${name})`;
    const cause = `its card says ${address}, and party_addresses[${index}] says ${configured}`;
    return [{ operator, cause, action: `correct ${config.file}, or add a new card of that operator` }];
  });
}

/** Validates a card against the configuration, without keeping it. */
export function checkCard(config: OperatorConfig, bytes: Uint8Array): AddCardVerdict {
  const parsed = parseCard(bytes);
  if (!parsed.ok) return { ok: false, detail: `the operator card is ${parsed.reason}: ${parsed.detail}` };
  const { card } = parsed;
  if (card.network !== config.network) {
    return {
      ok: false,
      detail: `the card of ${card.name} is for ${card.network}, this operator runs on ${config.network}`,
    };
  }
  const expected = config.partyAddresses[card.index];
  if (expected === undefined) {
    return {
      ok: false,
      detail: `the card of ${card.name} has index ${card.index}, the federation has ${config.parties}`,
    };
  }
  if (expected.text !== card.address) {
    const where = `party_addresses[${card.index}] is ${expected.text}`;
    const detail = `the card of ${card.name} gives the address ${card.address}, but ${where}: agree on one`;
    return { ok: false, detail };
  }
  return { ok: true, card, change: 'same' };
}

/** Keeps a card that `checkCard` let through. Another identity for an index is taken only with `replace`. */
export function keepCard(db: Queries, card: OperatorCard, replace: boolean, now: number): AddCardVerdict {
  const namesake = listCards(db).find((other) => other.index !== card.index && other.name === card.name);
  if (namesake !== undefined) {
    return { ok: false, detail: `operator ${namesake.index} is called ${card.name} already: agree on different names` };
  }
  // Before anything is removed: a card that is refused must not cost the one it was to replace.
  const duplicate = listCards(db).find((other) => other.index !== card.index && sharesKey(other, card));
  if (duplicate !== undefined) {
    const detail = `the identity key or host key of ${card.name} is that of operator ${duplicate.index} already: each makes its own`;
    return { ok: false, detail };
  }
  const known = listPeers(db).find((peer) => peer.index === card.index);
  if (known !== undefined && known.identityKey !== card.identity_key) {
    if (!replace) {
      const detail = `operator ${card.index} is known with another identity key; if its organisation says so, use --replace`;
      return { ok: false, detail };
    }
    removePeer(db, card.index, now);
  }
  const json: Json = JSON.parse(new TextDecoder().decode(encodeCard(card)));
  const verdict = putPeer(db, { index: card.index, identityKey: card.identity_key, card: json }, now);
  if (!verdict.ok) return { ok: false, detail: `the identity key of ${card.name} belongs to another index already` };
  return { ok: true, card, change: verdict.change };
}

// ChillDKG tells participants apart by host key, the peer protocol by identity key.
function sharesKey(a: OperatorCard, b: OperatorCard): boolean {
  return a.identity_key === b.identity_key || a.host_public_key === b.host_public_key;
}

/** The other nodes, as the transport needs them. `previous`: certificates of before that still hold, PEM by index. */
export function peersOf(
  cards: readonly OperatorCard[],
  myIndex: number,
  previous: ReadonlyMap<number, string> = new Map(),
): readonly Peer[] {
  return cards
    .filter((card) => card.index !== myIndex)
    .map((card) => {
      const previousCertificate = previous.get(card.index);
      return {
        index: card.index,
        name: card.name,
        address: card.address,
        certificate: card.tls_certificate,
        ...(previousCertificate !== undefined && { previousCertificate }),
        identityKey: fromHex(card.identity_key, { bytes: 32 }),
      };
    });
}

/** The participants of a key ceremony. */
export function participantsOf(cards: readonly OperatorCard[]): readonly CeremonyParticipant[] {
  return cards.map((card) => ({
    index: card.index,
    name: card.name,
    identityKey: fromHex(card.identity_key, { bytes: 32 }),
    hostPublicKey: fromHex(card.host_public_key, { bytes: 33 }),
  }));
}

/** What all nodes must hold alike before keys are made: settings, and every operator card. */
export function sharedParameters(config: OperatorConfig, cards: readonly OperatorCard[]): SharedParameters {
  const members = cards.map((card) => ({
    index: card.index,
    name: card.name,
    address: card.address,
    identity_key: card.identity_key,
    host_public_key: card.host_public_key,
    tls_fingerprint: tlsFingerprint(card.tls_certificate),
  }));
  return {
    threshold: config.threshold,
    deposit_min_sats: `${config.policy.depositMinSats}`,
    normal_confirmations: config.normalConfirmations,
    fork_confirmations: config.forkConfirmations,
    wire_confirmations: config.wireConfirmations,
    attestation_validity_s: config.attestationValidityS,
    cards: members.map(memberHash),
  };
}

/** This node's operator card, made or renewed where it does not say what the node is now. The key ring must be open. */
export function ensureOwnCard(
  config: OperatorConfig,
  db: Queries,
  keyRing: KeyRing,
  certificate: string,
  now: number,
): OperatorCard {
  const address = config.partyAddresses[config.myIndex]?.text;
  if (address === undefined) throw new Error('my_index was not checked against party_addresses');
  const identity = keyRing.identity();
  const fields = {
    network: config.network,
    index: config.myIndex,
    name: config.name,
    address,
    // One spelling whatever wrote the file: the card carries a single PEM block with LF line ends.
    tls_certificate: new X509Certificate(certificate).toString(),
    host_public_key: toHex(keyRing.hostPublicKey()),
  };
  const known = listCards(db).find((card) => card.index === config.myIndex);
  const identityKey = toHex(identity.publicKey);
  const contacts = ownContacts(config, known);
  if (known !== undefined && says({ ...fields, identity_key: identityKey, contacts }, known)) return known;
  const card = signCard({ ...fields, contacts, issued_at: now }, identity);
  const kept = keepCard(db, card, true, now);
  if (!kept.ok) throw new CommandError('own_card', kept.detail);
  return card;
}

/** What this node's card says of whom to call: the people of the configuration, and what an earlier card says else. */
export function ownContacts({ contacts }: OperatorConfig, known: OperatorCard | undefined): Contacts {
  const { email, phone, matrix, url } = known?.contacts ?? {};
  if (contacts === null) return known?.contacts ?? {};
  return contactsSchema.parse(contactsJson({ email, phone, matrix, url, ...contacts }));
}

function says(fields: Omit<OperatorCard, 'v' | 'issued_at' | 'sig'>, card: OperatorCard): boolean {
  const { v: _, issued_at: __, sig: ___, ...rest } = card;
  return Bun.deepEquals(fields, rest);
}

function tlsFingerprint(pem: string): string {
  const facts = readCertificate(pem);
  if (facts === null) throw new Error('a certificate on an operator card was checked before and cannot be read');
  return facts.fingerprint;
}
