// Whom to call: what the configuration says reaches the operator card, and the cards say it by level.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { signCard } from '../../crypto/operator-card.ts';
import { contactsReport, operatorsWithoutContacts } from '../../operator/contacts-report.ts';
import { exportCard } from '../../operator/own-card.ts';
import { ensureOwnCard, keepCard, listCards } from '../../operator/peers/federation.ts';
import { FederationInMemory } from './federation-in-memory.ts';

const ANN = { name: 'Ann', email: 'ann@example.org', phone: '+49 30 1', messaging: 'Signal ann.42' };
const SAM = { name: 'Sam', phone: '+49 30 2' };
const contacts = { technical_coordinator: ANN, security_officer: SAM };

let federation: FederationInMemory;
beforeEach(async () => {
  federation = await FederationInMemory.make();
});
afterEach(() => federation.close());

describe('contacts', () => {
  test('of the configuration make the card anew, which peers take without another comparison of keys', () => {
    const { node } = federation.at(0);
    const [before] = listCards(node.store.db);
    const config = { ...node.config, contacts };
    const card = ensureOwnCard(config, node.store.db, node.keyRing, before?.tls_certificate ?? '', Date.now());
    expect(card.contacts).toEqual(contacts);
    expect(ensureOwnCard(config, node.store.db, node.keyRing, card.tls_certificate, Date.now())).toEqual(card);
    const peer = federation.at(1).node;
    expect(keepCard(peer.store.db, card, false, Date.now())).toMatchObject({ ok: true, change: 'updated' });
    const { levels } = contactsReport(peer);
    expect(levels[0]?.operators[0]).toMatchObject({ index: 0, role: 'technical_coordinator', contact: ANN });
    expect(levels[1]?.operators[0]).toMatchObject({ index: 0, role: 'security_officer', contact: SAM });
    expect(levels[2]?.operators[0]).toMatchObject({ index: 0, role: null, contact: null });
    expect(operatorsWithoutContacts(peer)).toEqual([0, 1, 2]);
  });

  test('that the card does not say yet keep the card from being exported', async () => {
    const { node } = federation.at(0);
    expect((await exportCard(node)).fingerprint).not.toBe('');
    await expect(exportCard({ ...node, config: { ...node.config, contacts } })).rejects.toThrow(
      /"contacts" has changed/,
    );
  });

  test('without a role fall back to the organisation’s own, and operators without a card are named', () => {
    const { node } = federation.at(0);
    const [own] = listCards(node.store.db);
    if (own === undefined) throw new Error('a node has its card');
    const { v: _, identity_key: __, sig: ___, ...fields } = own;
    const whole = { email: 'desk@example.org', matrix: '@desk:example.org' };
    const card = signCard({ ...fields, contacts: whole, issued_at: own.issued_at + 1 }, node.keyRing.identity());
    keepCard(node.store.db, card, false, Date.now());
    const { levels, missing_cards } = contactsReport({ ...node, config: { ...node.config, parties: 4 } });
    const contact = { name: own.name, email: 'desk@example.org', messaging: '@desk:example.org' };
    expect(levels[0]?.operators[0]).toMatchObject({ role: null, contact });
    expect(missing_cards).toEqual([3]);
  });
});
