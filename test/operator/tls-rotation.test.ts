// A new TLS certificate among real nodes on real TLS: nobody loses anybody, over restarts of both sides, and only what the
// identity key signed last counts.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Json } from '../../crypto/canonical-json.ts';
import { encodeCard, type OperatorCard, signCard } from '../../crypto/operator-card.ts';
import { CARDS_PER_DAY_MAX } from '../../operator/certificate-rotation.ts';
import { commands } from '../../operator/commands.ts';
import { closeNode, type Node, openNode, requireOnline, unsealNode } from '../../operator/node.ts';
import { makeCertificate, readCertificate } from '../../operator/peers/certificate.ts';
import { listCards } from '../../operator/peers/federation.ts';
import { listAudit } from '../../store/audit-log.ts';
import {
  certificateChanges,
  certificateRotation,
  endPreviousCertificates,
  previousCertificates,
  saveCertificateRotation,
} from '../../store/certificate-rotation.ts';
import { type Besieged, besiege, PASSPHRASE } from '../attack/nodes.ts';

const IO = { progress: () => {}, signal: new AbortController().signal };
const DAY_MS = 86_400_000;

let besieged: Besieged;
let alpha: Node;
let beta: Node;
beforeAll(async () => {
  besieged = await besiege();
  const [first, second] = besieged.nodes;
  if (first === undefined || second === undefined) throw new Error('two nodes run');
  [alpha, beta] = [first, second];
}, 60_000);
afterAll(async () => {
  for (const node of [alpha, beta]) await closeNode(node);
  await besieged.stop();
});

async function restarted(node: Node): Promise<Node> {
  await closeNode(node);
  const again = openNode(node.input, { access: 'write', lockWaitMs: 5_000 });
  await unsealNode(again, PASSPHRASE);
  await again.online?.autopilot.stop();
  return again;
}

async function reaches(from: Node, to: Node): Promise<boolean | string> {
  const message = { ceremony: '', type: 'ping', body: {} };
  const send = () => requireOnline(from).client.send(to.config.myIndex, message, { timeoutMs: 5_000 });
  // A listener that takes new peers closes the connections of before: what was about to use one is sent again.
  const first = await send();
  const sent = first.ok ? first : await send();
  return sent.ok || sent.detail;
}

const shownBy = (node: Node): string => new X509Certificate(readFileSync(node.config.tlsCertPath)).fingerprint256;
const cardOf = (of: Node, at: Node): OperatorCard => {
  const card = listCards(at.store.db).find(({ index }) => index === of.config.myIndex);
  if (card === undefined) throw new Error('the card is known');
  return card;
};
const onCard = (of: Node, at: Node): string => new X509Certificate(cardOf(of, at).tls_certificate).fingerprint256;

async function announced(card: OperatorCard): Promise<Json> {
  const body = { card: JSON.parse(new TextDecoder().decode(encodeCard(card))), overlap_s: 3600 };
  const message = { ceremony: '', type: 'announce_card', body };
  const sent = await requireOnline(alpha).client.send(1, message, { timeoutMs: 5_000 });
  return sent.ok ? (sent.messages[0]?.body ?? null) : sent.detail;
}

/** A card of the first node with changes, signed by its identity key. */
function alphasCard(changes: Partial<OperatorCard>): OperatorCard {
  const { v: _, identity_key: __, sig: ___, ...fields } = cardOf(alpha, alpha);
  return signCard({ ...fields, ...changes }, alpha.keyRing.identity());
}

describe('a certificate that is rotated', () => {
  test('is taken by a peer that is up, which trusts both, while one that is down keeps the old one in use', async () => {
    const before = shownBy(alpha);
    const { taken, missing } = await commands['tls-rotate'](alpha, {}, IO);
    expect([taken, missing.map(({ index }) => index)]).toEqual([[1], [2]]);
    expect(shownBy(alpha)).toBe(before);
    expect(onCard(alpha, beta)).not.toBe(before);
    expect(previousCertificates(beta.store.db, Date.now()).map(({ index }) => index)).toEqual([0]);
    expect([await reaches(alpha, beta), await reaches(beta, alpha)]).toEqual([true, true]);
    expect(commands['tls-rotate'](alpha, {}, IO)).rejects.toThrow('is being changed already');
  });

  test('goes on over restarts of both sides', async () => {
    alpha = await restarted(alpha);
    beta = await restarted(beta);
    expect(requireOnline(alpha).certificates?.report()?.taken).toEqual([1]);
    expect([await reaches(alpha, beta), await reaches(beta, alpha)]).toEqual([true, true]);
  });

  test('is shown at a start after the overlap, and no peer that took it notices', async () => {
    const { db } = alpha.store;
    const rotation = certificateRotation(db);
    if (rotation === null) throw new Error('a rotation goes on');
    saveCertificateRotation(db, { ...rotation, until: Date.now() - 1 }, Date.now());
    alpha = await restarted(alpha);
    expect(certificateRotation(alpha.store.db)).toBeNull();
    expect(shownBy(alpha)).toBe(onCard(alpha, beta));
    expect(onCard(alpha, alpha)).toBe(shownBy(alpha));
    expect([await reaches(alpha, beta), await reaches(beta, alpha)]).toEqual([true, true]);
    expect(existsSync(`${alpha.config.tlsKeyPath}.next`)).toBe(false);
    expect(existsSync(`${alpha.config.tlsKeyPath}.old`)).toBe(true);
  });

  test('is alone once its peers end the overlap, and both sides have it in their audit logs', async () => {
    expect(endPreviousCertificates(beta.store.db, Date.now() + 8 * DAY_MS)).toEqual([0]);
    await requireOnline(beta).reloadPeers();
    expect([await reaches(alpha, beta), await reaches(beta, alpha)]).toEqual([true, true]);
    const kinds = (node: Node) => listAudit(node.store.db, { limit: 50 }).rows.map(({ kind }) => kind);
    expect(kinds(alpha)).toEqual(expect.arrayContaining(['certificate_rotation_begun', 'certificate_rotated']));
    expect(kinds(beta)).toEqual(expect.arrayContaining(['certificate_announced', 'certificate_ended']));
  });

  test('is shown at once where all peers have it', async () => {
    const { db } = alpha.store;
    const before = shownBy(alpha);
    await commands['tls-rotate'](alpha, {}, IO);
    const rotation = certificateRotation(db);
    if (rotation === null) throw new Error('a rotation goes on');
    // The third operator, which is down here, took it.
    saveCertificateRotation(db, { ...rotation, taken: [1, 2] }, Date.now());
    const { certificates } = requireOnline(alpha);
    while (certificateRotation(db) !== null) {
      await certificates?.round();
      await Bun.sleep(50);
    }
    expect(shownBy(alpha)).not.toBe(before);
    expect([await reaches(alpha, beta), await reaches(beta, alpha)]).toEqual([true, true]);
  });

  test('whose files were being moved at a crash is whole after the next start', async () => {
    const { db } = alpha.store;
    await commands['tls-rotate'](alpha, {}, IO);
    const rotation = certificateRotation(db);
    if (rotation === null) throw new Error('a rotation goes on');
    saveCertificateRotation(db, { ...rotation, switching: true }, Date.now());
    await closeNode(alpha);
    // The key was moved, the certificate was not.
    const { tlsKeyPath } = alpha.config;
    await Bun.write(tlsKeyPath, Bun.file(`${tlsKeyPath}.next`));
    await Bun.file(`${tlsKeyPath}.next`).delete();
    alpha = openNode(alpha.input, { access: 'write', lockWaitMs: 5_000 });
    await unsealNode(alpha, PASSPHRASE);
    expect(onCard(alpha, alpha)).toBe(shownBy(alpha));
    expect([await reaches(alpha, beta), await reaches(beta, alpha)]).toEqual([true, true]);
  });
});

describe('a card that is announced is refused', () => {
  const fresh = async () => {
    const made = await makeCertificate({ name: 'operator-0', address: '127.0.0.1', now: Date.now() });
    return new X509Certificate(made.certificate).toString();
  };

  test('where it is older than the one that is here: an earlier announcement that somebody kept', async () => {
    const kept = alphasCard({ tls_certificate: await fresh(), issued_at: cardOf(alpha, beta).issued_at - 1 });
    const before = onCard(alpha, beta);
    expect(await announced(kept)).toEqual({ taken: false, detail: 'the card is older than the one that is here' });
    expect(onCard(alpha, beta)).toBe(before);
  });

  test('where more than the certificate differs, or it is the card of another operator', async () => {
    const later = { issued_at: Date.now() + 1000, tls_certificate: await fresh() };
    expect(await announced(alphasCard({ ...later, name: 'another' }))).toEqual({
      taken: false,
      detail: 'more than the certificate differs: people have to compare the card',
    });
    expect(await announced(cardOf(beta, beta))).toEqual({ taken: false, detail: 'this is the card of operator 1' });
  });

  test('where another identity key signed it, or none did', async () => {
    const card = alphasCard({ issued_at: Date.now() + 1000, tls_certificate: await fresh() });
    const forged = { ...card, tls_certificate: await fresh() };
    expect(await announced(forged)).toMatchObject({ taken: false });
    const { v: _, identity_key: __, sig: ___, ...fields } = card;
    expect(await announced(signCard(fields, beta.keyRing.identity()))).toEqual({
      taken: false,
      detail: 'another identity key: people have to compare the card',
    });
  });

  test('where its certificate has expired', async () => {
    const { certificate } = await makeCertificate({ name: 'x', address: 'x', now: Date.now() - 9 * DAY_MS, days: 1 });
    const tls_certificate = new X509Certificate(certificate).toString();
    const answer = await announced(alphasCard({ issued_at: Date.now() + 1000, tls_certificate }));
    expect(answer).toMatchObject({ taken: false, detail: expect.stringContaining('expired on') });
    expect(readCertificate(cardOf(alpha, beta).tls_certificate)?.fingerprint).not.toBe(
      readCertificate(certificate)?.fingerprint,
    );
  });

  test('where four of its operator were taken within a day, also over a restart, until the day is over', async () => {
    const { db } = beta.store;
    const taken = () => certificateChanges(db, 0, Date.now() - DAY_MS, Date.now()).length;
    // By hand: a peer that shows none of the certificates it announces cannot be heard any more.
    const take = async (at: number, node = beta) => {
      const card = alphasCard({ issued_at: Date.now() + 60_000 * at, tls_certificate: await fresh() });
      const body = { card: JSON.parse(new TextDecoder().decode(encodeCard(card))), overlap_s: 3600 };
      return requireOnline(node).certificates?.take(0, body);
    };
    for (let at = 1; taken() < CARDS_PER_DAY_MAX; at++) expect(await take(at)).toEqual({ taken: true, detail: '' });
    const often = {
      taken: false,
      detail: expect.stringMatching(/^its certificate was changed 4 times within a day: /),
    };
    expect(await take(10)).toEqual(often);
    beta = await restarted(beta);
    expect(await take(11)).toEqual(often);
    await closeNode(beta);
    const effects = { ...beta.input.effects, now: () => Date.now() + DAY_MS };
    beta = openNode({ ...beta.input, effects }, { access: 'write', lockWaitMs: 5_000 });
    await unsealNode(beta, PASSPHRASE);
    await beta.online?.autopilot.stop();
    expect(await take(12)).toEqual({ taken: true, detail: '' });
  });
});
