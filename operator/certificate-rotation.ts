// `tls rotate`: a new TLS certificate without an outage. This node signs a new card, announces it to every peer, and goes on
// showing the old certificate until all have it, or until the overlap is over. A peer that takes a card trusts both certificates
// for the overlap, so nobody need be told the moment of the change. What is announced survives restarts on both sides.
import { X509Certificate } from 'node:crypto';
import { utf8 } from '../crypto/bytes.ts';
import { canonicalBytes, type Json } from '../crypto/canonical-json.ts';
import { encodeCard, type OperatorCard, parseCard, signCard } from '../crypto/operator-card.ts';
import { appendAudit } from '../store/audit-log.ts';
import {
  type CertificateRotation,
  certificateRotation,
  endPreviousCertificates,
  keepPreviousCertificate,
  previousCertificates,
  saveCertificateRotation,
} from '../store/certificate-rotation.ts';
import { type Queries, transact } from '../store/database.ts';
import type { OperatorConfig } from './config/config.ts';
import type { KeyRing } from './keys/key-ring.ts';
import { checkCertificate, readCertificate } from './peers/certificate.ts';
import { makeNextTlsFiles, useNextTlsFiles } from './peers/certificate-files.ts';
import type { PeerClient } from './peers/deliver.ts';
import { checkCard, keepCard, listCards } from './peers/federation.ts';
import { type CardAnnouncement, type CardAnswer, cardSchemas } from './peers/messages-card.ts';
import { loadTlsIdentity, type TlsIdentity } from './peers/tls.ts';
import { CommandError } from './runtime/command-error.ts';
import type { CommandResults } from './runtime/command-types.ts';
import type { Effects } from './runtime/effects.ts';
import { HourlyLimit } from './runtime/hourly-limit.ts';
import { errorText, type Log } from './runtime/log.ts';

const ANNOUNCE_TIMEOUT_MS = 10_000;
/** How long peers that did not take the card are left alone, in ms. */
const AGAIN_MS = { regtest: 2_000, other: 30_000 } as const;

/** How many new certificates of one peer are taken in an hour: each has this node's listener start again, for all peers. */
export const CERTIFICATES_PER_HOUR_MAX = 5;

/** What it works with. The hooks act on the transport: take the stored cards anew, and show another certificate. */
export interface CertificateRotationInput {
  readonly config: OperatorConfig;
  readonly db: Queries;
  readonly keyRing: KeyRing;
  readonly client: PeerClient;
  readonly peers: () => Iterable<number>;
  readonly effects: Effects;
  readonly log: Log;
  readonly reloadPeers: () => Promise<void>;
  readonly replaceIdentity: (identity: TlsIdentity) => Promise<void>;
}

/** The changes of certificates, this node's own and those of its peers. */
export class CertificateRotations {
  readonly #input: CertificateRotationInput;
  readonly #said = new Map<number, string>();
  readonly #taken: HourlyLimit;
  #running: Promise<void> | null = null;
  #quietUntil = 0;

  constructor(input: CertificateRotationInput) {
    this.#input = input;
    this.#taken = new HourlyLimit(CERTIFICATES_PER_HOUR_MAX, () => input.effects.monotonic());
  }

  /** Begins a change of this node's own certificate. Throws `CommandError` while another goes on. */
  async begin(): Promise<CommandResults['tls-rotate']> {
    const { config, db, keyRing, effects } = this.#input;
    if (certificateRotation(db) !== null) {
      const detail = 'the certificate is being changed already: `mpc_operator status` shows who has the new one';
      throw new CommandError('rotation_goes_on', detail);
    }
    const known = listCards(db).find(({ index }) => index === config.myIndex);
    if (known === undefined)
      throw new CommandError('no_card', 'this node has no operator card yet: run `mpc_operator init`');
    const now = effects.now();
    const { facts } = await makeNextTlsFiles(config, { name: config.name, address: known.address, now });
    const { v: _, identity_key: __, sig: ___, ...fields } = known;
    // One made at an earlier hour by a clock that was ahead must not look newer.
    const issued_at = Math.max(now, known.issued_at + 1);
    const pem = new X509Certificate(facts.pem).toString();
    const card = signCard({ ...fields, tls_certificate: pem, issued_at }, keyRing.identity());
    const until = now + config.tlsOverlapS * 1000;
    transact(db, (tx) => {
      saveCertificateRotation(
        tx,
        { card: new TextDecoder().decode(encodeCard(card)), until, taken: [], switching: false },
        now,
      );
      appendAudit(tx, now, 'certificate_rotation_begun', { fingerprint: facts.fingerprint, until });
    });
    this.#quietUntil = 0;
    await this.round();
    const { taken, missing } = this.report() ?? { taken: [...this.#input.peers()], missing: [] };
    return { fingerprint: facts.fingerprint, until: new Date(until).toISOString(), taken, missing };
  }

  /** Who has the new card, and why the others have not; null while no change goes on. */
  report(): {
    readonly until: string;
    readonly taken: readonly number[];
    readonly missing: readonly MissingPeer[];
  } | null {
    const rotation = certificateRotation(this.#input.db);
    if (rotation === null) return null;
    const missing = [...this.#input.peers()].filter((index) => !rotation.taken.includes(index));
    return {
      until: new Date(rotation.until).toISOString(),
      taken: rotation.taken,
      missing: missing.map((index) => ({ index, detail: this.#said.get(index) ?? 'not asked yet' })),
    };
  }

  /** Announces the new card to those that have not taken it, and changes over once all have. Never rejects. */
  round(): Promise<void> {
    this.#running ??= this.#round()
      .catch((error: unknown) => this.#input.log('error', 'certificate_rotation_failed', { detail: errorText(error) }))
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }

  /** A peer's new card: whether its certificate is trusted from now on. */
  take(from: number, { card: json, overlap_s }: CardAnnouncement): CardAnswer {
    const { config, db, effects, log } = this.#input;
    const checked = checkCard(config, canonicalBytes(json));
    if (!checked.ok) return refused(checked.detail);
    const { card } = checked;
    const known = listCards(db).find(({ index }) => index === from);
    const flaw = cardFlaw(from, card, known, effects.now());
    if (flaw !== null) return refused(flaw);
    const [before, after] = [readCertificate(known?.tls_certificate ?? ''), readCertificate(card.tls_certificate)];
    if (before === null || after === null || known === undefined) return refused('a certificate cannot be read');
    if (before.fingerprint === after.fingerprint) return { taken: true, detail: 'known already' };
    if (!this.#taken.take(from)) {
      return refused(
        `its certificate has changed ${CERTIFICATES_PER_HOUR_MAX} times within an hour: it is taken later`,
      );
    }
    const now = effects.now();
    const until = now + overlap_s * 1000;
    const kept = transact(db, (tx) => {
      const verdict = keepCard(tx, card, false, now);
      const fingerprints = { previous: before.fingerprint, current: after.fingerprint };
      if (verdict.ok) keepPreviousCertificate(tx, { index: from, certificate: before.pem, until }, fingerprints, now);
      return verdict;
    });
    if (!kept.ok) return refused(kept.detail);
    log('info', 'certificate_announced', { from, fingerprint: after.fingerprint, until });
    // After the answer, which goes over a connection of the listener that is replaced.
    void effects.sleep(0).then(() => this.#reload());
    return { taken: true, detail: '' };
  }

  async #reload(): Promise<void> {
    const { reloadPeers, log } = this.#input;
    await reloadPeers().catch((error: unknown) =>
      log('error', 'certificate_rotation_failed', { detail: errorText(error) }),
    );
  }

  async #round(): Promise<void> {
    const { db, effects, config } = this.#input;
    if (endPreviousCertificates(db, effects.now()).length > 0) await this.#reload();
    const rotation = certificateRotation(db);
    if (rotation === null || effects.monotonic() < this.#quietUntil) return;
    this.#quietUntil = effects.monotonic() + (config.network === 'regtest' ? AGAIN_MS.regtest : AGAIN_MS.other);
    const waiting = [...this.#input.peers()].filter((index) => !rotation.taken.includes(index));
    const answers = await Promise.all(waiting.map((index) => this.#announce(index, rotation)));
    const taken = [...rotation.taken, ...waiting.filter((_, at) => answers[at] === true)].sort((a, b) => a - b);
    const now = effects.now();
    saveCertificateRotation(db, { ...rotation, taken }, now);
    const isWhole = [...this.#input.peers()].every((index) => taken.includes(index));
    if (!isWhole && now < rotation.until) return;
    const identity = await changeOver(config, db, { ...rotation, taken }, now);
    await this.#input.replaceIdentity(identity);
    this.#input.log('info', 'certificate_rotated', { fingerprint: identity.facts.fingerprint });
  }

  async #announce(to: number, { card, until }: CertificateRotation): Promise<boolean> {
    const { client, effects } = this.#input;
    const overlap_s = Math.max(0, Math.ceil((until - effects.now()) / 1000));
    const body: Json = { card: JSON.parse(card), overlap_s };
    const message = { ceremony: '', type: 'announce_card', body };
    const result = await client.send(to, message, { timeoutMs: ANNOUNCE_TIMEOUT_MS });
    const told = result.ok ? cardSchemas.card_answer.safeParse(result.messages[0]?.body).data : undefined;
    const detail = result.ok ? (told?.detail ?? 'gave no answer to the card') : result.detail;
    this.#said.set(to, detail);
    return told?.taken === true;
  }
}

/** A peer that has not taken the new card. */
export interface MissingPeer {
  readonly index: number;
  readonly detail: string;
}

/**
 * Finishes a change that ended in between, or whose overlap passed while no server ran; before the certificate is read. Says
 * nothing where there is none.
 */
export async function finishRotation(config: OperatorConfig, db: Queries, now: number): Promise<void> {
  const rotation = certificateRotation(db);
  if (rotation === null || (!rotation.switching && now < rotation.until)) return;
  await changeOver(config, db, rotation, now);
}

/** The certificates of before that still hold at `now`, PEM by the peer's index. */
export function previousByIndex(db: Queries, now: number): ReadonlyMap<number, string> {
  return new Map(previousCertificates(db, now).map(({ index, certificate }) => [index, certificate]));
}

async function changeOver(
  config: OperatorConfig,
  db: Queries,
  rotation: CertificateRotation,
  now: number,
): Promise<TlsIdentity> {
  saveCertificateRotation(db, { ...rotation, switching: true }, now);
  await useNextTlsFiles(config);
  const loaded = await loadTlsIdentity(config.tlsCertPath, config.tlsKeyPath, now);
  if (!loaded.ok) throw new CommandError('tls', loaded.detail);
  const { facts } = loaded.identity;
  transact(db, (tx) => {
    const parsed = parseCard(utf8(rotation.card));
    // Another certificate in its place makes a card of its own at the next start.
    if (parsed.ok && readCertificate(parsed.card.tls_certificate)?.fingerprint === facts.fingerprint) {
      const kept = keepCard(tx, parsed.card, false, now);
      if (!kept.ok) throw new CommandError('own_card', kept.detail);
    }
    saveCertificateRotation(tx, null, now);
    appendAudit(tx, now, 'certificate_rotated', { fingerprint: facts.fingerprint });
  });
  return loaded.identity;
}

// Everything but the certificate must be as on the card that people compared. An older card is one that somebody kept.
function cardFlaw(from: number, card: OperatorCard, known: OperatorCard | undefined, now: number): string | null {
  if (card.index !== from) return `this is the card of operator ${card.index}`;
  if (known === undefined) return 'no card of this operator is here yet: its people have to compare the first one';
  if (card.identity_key !== known.identity_key) return 'another identity key: people have to compare the card';
  const isSame =
    card.host_public_key === known.host_public_key && card.name === known.name && card.address === known.address;
  if (!isSame) return 'more than the certificate differs: people have to compare the card';
  const isOlder = card.issued_at < known.issued_at;
  const isOther = card.issued_at === known.issued_at && card.sig !== known.sig;
  if (isOlder || isOther) return 'the card is older than the one that is here';
  const certificate = checkCertificate(card.tls_certificate, now);
  return certificate.ok ? null : certificate.detail;
}

function refused(detail: string): CardAnswer {
  return { taken: false, detail: detail.slice(0, 500) };
}
