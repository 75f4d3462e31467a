// The nine boxes of the ceremony's checklist: what ticks each of them, what opens it again, and who confirms what no machine sees.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { signCard } from '../../../crypto/operator-card.ts';
import { type ChecklistInput, judgeChecklist } from '../../../operator/checks/checklist.ts';
import { checklist, confirmChecklist } from '../../../operator/checks/checklist-command.ts';
import type { Facts } from '../../../operator/checks/facts.ts';
import { CHECKS } from '../../../operator/checks/security-check.ts';
import { judged } from '../../../operator/checks/verdicts.ts';
import { unsealNode } from '../../../operator/node.ts';
import { keepCard, listCards } from '../../../operator/peers/federation.ts';
import { CommandError } from '../../../operator/runtime/command-error.ts';
import { problem } from '../../../operator/runtime/problems.ts';
import { nodeMetrics } from '../../../operator/status/metrics.ts';
import { listAudit } from '../../../store/audit-log.ts';
import { PASSPHRASE, SetUpNodes } from '../set-up-nodes.ts';
import { DAY_MS, goodFacts, NOW, peer } from './good-facts.ts';

const CARDS = 'c0'.repeat(32);
const confirmed = (box: 'channel' | 'emergency', cards = CARDS) => ({
  box,
  note: 'by phone',
  by: 'sam',
  cards,
  at: NOW,
});

function inputOf(change: Partial<Facts> = {}, more: Partial<ChecklistInput> = {}): ChecklistInput {
  const facts = { ...goodFacts(), ...change };
  return {
    ...{ facts, checks: judged(CHECKS, facts), problems: facts.problems, cards: CARDS },
    preflight: [{ name: 'disk space', ok: true, detail: '9000 MiB free' }],
    monitoring: { readAgoMs: 12_000, alertmanager: null },
    confirmations: { channel: confirmed('channel'), emergency: confirmed('emergency') },
    date: null,
    ...more,
  };
}

const open = (input: ChecklistInput): string[] =>
  judgeChecklist(input).flatMap(({ box, ticked }) => (ticked ? [] : [box]));
const told = (input: ChecklistInput, name: string) =>
  JSON.stringify(judgeChecklist(input).find(({ box }) => box === name));

test('all nine boxes of the launch instructions are ticked where nothing is wrong', () => {
  const boxes = judgeChecklist(inputOf());
  expect(boxes.map(({ title }) => title)).toEqual([
    'All operators are available and ready',
    'All systems are up-to-date and functioning',
    'Secure communication channel is established',
    'Backup procedures are in place',
    'Emergency procedures are documented',
    'Bitcoin nodes are fully synced',
    'Network connectivity is verified',
    'Monitoring is active',
    'Security measures are in place',
  ]);
  expect(boxes.filter(({ ticked }) => !ticked)).toEqual([]);
});

test('a proposed date of the key ceremony keeps the operators open until all have accepted it, and no longer than until there is a key', () => {
  const date = {
    ...{ id: '0-1f2e3d4c', ceremony_id: null, at: '2027-05-27T14:00:00.000Z', backup: '2027-05-29T14:00:00.000Z' },
    ...{ proposed_by: 0, proposed_by_name: 'Alpha', proposed_at: '2027-05-01T14:00:00.000Z', answers: [] },
    ...{ accepted: 2, participants: 3, agreed: false },
  };
  const before = { key: null };
  expect(open(inputOf(before, { date }))).toContain('operators');
  expect(told(inputOf(before, { date }), 'operators')).toContain('accepted by 2 of 3');
  expect(open(inputOf(before, { date: { ...date, accepted: 3, agreed: true } }))).not.toContain('operators');
  expect(open(inputOf({}, { date }))).not.toContain('operators');
});

test('before the ceremony the boxes can be ticked: there is no key, and a backup of the identity was tried', () => {
  const noKey = problem('no_key', {
    subject: 'key',
    since: NOW,
    cause: 'the federation has no key yet',
    action: 'make one',
  });
  const keyShare = { madeAt: NOW - DAY_MS, keyId: null };
  const before = { key: null, problems: [noKey], backups: { ...goodFacts().backups, keyShare } };
  expect(open(inputOf(before))).toEqual([]);
});

const second = (change: Partial<Facts['peers'][number]>): Partial<Facts> => ({
  peers: [peer(1), { ...peer(2), ...change }],
});
const forked = problem('chain_forked', {
  subject: 'Bitcoin chain',
  since: NOW,
  cause: 'it looks forked',
  action: 'look',
});
const { backups, bitcoin, accounts } = goodFacts();
/** By name: what is wrong, the boxes that it opens, and a piece of what the first of them says. */
const CASES: Readonly<Record<string, readonly [ChecklistInput, readonly string[], string]>> = {
  'a peer that is sealed': [
    inputOf(second({ reachable: false, detail: 'refused', latencyMs: null })),
    ['operators', 'channel', 'network', 'security'],
    'operator 2 (operator-2): does not answer (refused)',
  ],
  'a peer that has just started': [inputOf(second({ phase: 'starting' })), ['operators'], 'starting'],
  'an own node that is sealed': [inputOf({ ownPhase: null }), ['operators'], 'this node is not live'],
  'a peer of another version': [inputOf(second({ version: '0.2.0' })), ['systems'], '0.2.0'],
  'an error in status': [inputOf({ problems: [forked] }), ['systems'], 'it looks forked'],
  'a failed preflight': [
    inputOf({}, { preflight: [{ name: 'disk space', ok: false, detail: '3 MiB free' }] }),
    ['systems'],
    '3 MiB free',
  ],
  'a channel that nobody confirmed': [
    inputOf({}, { confirmations: { channel: null, emergency: confirmed('emergency') } }),
    ['channel'],
    'checklist confirm channel',
  ],
  'cards that have changed since': [
    inputOf({}, { cards: 'c1'.repeat(32) }),
    ['channel', 'emergency'],
    '"is_current":false',
  ],
  'no drill': [inputOf({ backups: { ...backups, drill: null } }), ['backups', 'security'], 'none was ever held'],
  'a Bitcoin node that syncs': [
    inputOf({ bitcoin: { ...bitcoin, problems: [{ name: 'node_syncing', detail: 'it is syncing' }] } }),
    ['bitcoin', 'security'],
    'it is syncing',
  ],
  'a peer that is blocks behind': [
    inputOf(second({ bitcoinHeight: 899_990 })),
    ['bitcoin'],
    'block 899990, here 900000',
  ],
  'a line that was not tried': [inputOf(second({ latencyMs: null })), ['network'], 'no round trip'],
  'metrics that nobody reads': [
    inputOf({}, { monitoring: { readAgoMs: null, alertmanager: null } }),
    ['monitoring'],
    'start Prometheus',
  ],
  'metrics that nobody reads any more': [
    inputOf({}, { monitoring: { readAgoMs: 121_000, alertmanager: null } }),
    ['monitoring'],
    '121 s ago',
  ],
  'no Alertmanager': [
    inputOf({}, { monitoring: { readAgoMs: 9_000, alertmanager: 'Alertmanager does not answer' } }),
    ['monitoring'],
    'does not answer',
  ],
  'a check that fails': [inputOf({ accounts: { ...accounts, users: [] } }), ['security'], 'no accounts'],
};
for (const [name, [input, boxes, said]] of Object.entries(CASES)) {
  test(`${name} leaves open: ${boxes.join(', ')}`, () => {
    expect(open(input)).toEqual([...boxes]);
    expect(told(input, boxes[0] ?? '')).toContain(said);
  });
}

test('a slow line, and other warnings, leave no box open', () => {
  expect(open(inputOf(second({ latencyMs: 250, clockOffsetMs: 2_000 })))).toEqual([]);
});

describe('checklist confirm', () => {
  let nodes: SetUpNodes;
  beforeEach(async () => {
    nodes = await SetUpNodes.make();
  });
  afterEach(() => nodes.close());

  test('is for all operators, is kept with who did it, and counts until a card changes', async () => {
    const node = nodes.open(await nodes.init(0));
    await unsealNode(node, PASSPHRASE);
    const channel = async () => (await checklist(node)).boxes.find(({ box }) => box === 'channel');
    const confirm = () =>
      confirmChecklist(
        node,
        { box: 'channel', note: 'twelve words' },
        { actor: { user: 'sam', role: 'security-officer' } },
      );
    expect(confirm).toThrow(CommandError);
    expect((await channel())?.confirmation).toBeNull();

    const others = [];
    for (const index of [1, 2]) {
      const other = nodes.open(await nodes.init(index));
      await unsealNode(other, PASSPHRASE);
      const [card] = listCards(other.store.db);
      if (card === undefined) throw new Error('a node that is unsealed has a card');
      keepCard(node.store.db, card, false, Date.now());
      others.push({ card, identity: other.keyRing.identity() });
    }
    expect(confirm()).toMatchObject({ box: 'channel', by: 'sam' });
    const entry = listAudit(node.store.db).rows.find(({ kind }) => kind === 'checklist_confirmed');
    expect(entry?.body).toMatchObject({ box: 'channel', note: 'twelve words', by: 'sam' });
    expect(await channel()).toMatchObject({ confirmation: { note: 'twelve words', is_current: true }, action: null });

    const [one] = others;
    if (one === undefined) throw new Error('there are two');
    const { v: _, sig: __, identity_key: ___, ...fields } = one.card;
    const moved = signCard(
      { ...fields, contacts: { email: 'ops@beta.example.com' }, issued_at: Date.now() },
      one.identity,
    );
    keepCard(node.store.db, moved, false, Date.now());
    expect(await channel()).toMatchObject({ ticked: false, confirmation: { by: 'sam', is_current: false } });
  }, 60_000);

  test('monitoring counts once the metrics are read', async () => {
    const node = nodes.open(await nodes.init(0));
    const item = async () => (await checklist(node)).boxes.find(({ box }) => box === 'monitoring')?.items[0];
    expect(await item()).toMatchObject({ ok: false, text: expect.stringContaining('never since the start') });
    await nodeMetrics(node);
    expect(await item()).toMatchObject({ ok: true });
  }, 60_000);
});
