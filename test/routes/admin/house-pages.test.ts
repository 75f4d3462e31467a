// Federation, Security and System in the web admin, as people of each role see them.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { OperatorCard } from '../../../crypto/operator-card.ts';
import { parseCard } from '../../../crypto/operator-card.ts';
import { configRows } from '../../../operator/admin/config-shown.ts';
import { readReportQuestion } from '../../../operator/admin/report-file.ts';
import { exportCard } from '../../../operator/own-card.ts';
import { appendAudit, auditHead } from '../../../store/audit-log.ts';
import { SetUpNodes } from '../../operator/set-up-nodes.ts';
import { AdminWorld, ORIGIN } from './admin-world.ts';
import { ended, Person } from './house-world.ts';

const HOSTILE = '<script>alert(1)</script><hx-partial hx-get="/x">';
let world: AdminWorld;
let others: SetUpNodes;
let ada: Person;
let otto: Person;
let sofia: Person;
let other: { readonly text: string; readonly words: readonly string[] };

beforeAll(async () => {
  world = await AdminWorld.make();
  ada = await Person.join(world, 'ada', 'admin');
  otto = await Person.join(world, 'otto', 'observer');
  sofia = await Person.join(world, 'sofia', 'security-officer');
  others = await SetUpNodes.make();
  const { card, fingerprint } = await exportCard(others.open(await others.init(1)));
  other = { text: JSON.stringify(card), words: fingerprint.split(' ') };
});
afterAll(async () => {
  await world.close();
  await others.close();
});

const wordsIn = (html: string): readonly string[] =>
  [...html.matchAll(/<li>([a-z]+)<\/li>/g)].map(([, word]) => word ?? '');

describe('every page', () => {
  const paths = ['/federation', '/federation/incidents', '/security', '/security/checklist', '/security/users'];
  const pages = [...paths, '/security/policy', '/security/audit', '/system'];

  test('is there for each role at a node that is sealed and knows nobody, and has no inline script or style', async () => {
    for (const person of [ada, otto, sofia]) {
      for (const path of pages) {
        const html = await person.page(path);
        expect(html).toContain('<h1>');
        expect(html).not.toMatch(/<script(?![^>]* src=)|\sstyle=|\son[a-z]+=/);
      }
    }
    expect(world.faults).toEqual([]);
  });

  test('offers an observer no act of its own', async () => {
    for (const path of pages) {
      const [, main = ''] = (await otto.page(path)).split('<main');
      expect(main).not.toContain('/acts/new/');
    }
  });

  test('says what to do where there is nothing yet', async () => {
    expect(await ada.page('/federation')).toContain('are missing: no ceremony begins without them');
    expect(await ada.page('/federation/incidents')).toContain('Open one as soon as something may be wrong');
    expect(await ada.page('/system')).toContain('put the URL of your own into &quot;wire_nodes&quot;');
  });

  test('that names an incident which is not there is not found', async () => {
    expect((await ada.browser.get('/federation/incidents/1-00000000')).status).toBe(404);
  });
});

describe('cards', () => {
  test('the own card is a file that another operator can take', async () => {
    const response = await ada.browser.get('/federation/card');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="card-regtest-0.json"');
    const card = parseCard(new Uint8Array(await response.arrayBuffer()));
    expect(card.ok && card.card.index).toBe(0);
  });

  test('a card that comes as a file shows its words before anybody confirms it', async () => {
    const file = new File([other.text], 'card.json', { type: 'application/json' });
    const path = await ada.askWithFile('peer-add', { card: file });
    const html = await ada.page(path);
    expect(wordsIn(html)).toEqual(other.words);
    expect(html).toContain('Operator 1, operator-1, at 127.0.0.1:7101');
    await ada.confirm(path);
    expect(await ada.page(path)).toContain('This node has the card of operator 1');
    expect(await ada.page('/federation')).toContain('id="card-1"');
  });

  test('a card that was pasted and is none is refused on its form, with what was pasted', async () => {
    const card: OperatorCard = JSON.parse(other.text);
    const changed = JSON.stringify({ ...card, name: 'somebody else' });
    const response = await ada.browser.post('/acts/new/peer-add', { card: changed });
    const html = await response.text();
    expect(response.status).toBe(403);
    expect(html).toContain('the signature is not by the identity key on the card');
    expect(html).toContain('somebody else');
  });
});

describe('an incident', () => {
  test('shows its timers, its timeline and hostile words as text, and offers its steps', async () => {
    const path = await sofia.ask('escalate', { level: '2', summary: HOSTILE });
    const id = /\/federation\/incidents\/([0-9a-f-]+)/.exec(await sofia.page(path))?.[1] ?? '';
    const html = await sofia.page(`/federation/incidents/${id}`);
    expect(html).toContain('&lt;script&gt;alert(1)');
    expect(html).not.toContain(HOSTILE);
    expect(html).toContain('due in 15 min');
    expect(html).toContain(`/acts/new/incident-acknowledge?id=${id}`);
    const [, main = ''] = (await otto.page(`/federation/incidents/${id}`)).split('<main');
    expect(main).not.toContain('/acts/new/');
    expect(main).toContain('Your role may look at incidents');
  });
});

describe('testing the way to the others', () => {
  test('begins at once for those who may have the keys sign tests, and a sealed node says why it cannot', async () => {
    const path = await ada.ask('test-communication', { rounds: '1' });
    const state = await ended(world, path);
    expect(state).toMatchObject({ kind: 'failed', message: expect.stringContaining('sealed') });
    const refused = await sofia.browser.post('/acts/new/test-communication', { rounds: '1' });
    expect(refused.status).toBe(403);
    expect(world.faults).toEqual([]);
  });
});

describe('users', () => {
  test('an invitation shows its link once, and the link lets that person in', async () => {
    const response = await ada.browser.post('/security/users/invite', {
      ...{ user: 'grace', role: 'operator', code: world.code('ada') },
    });
    const link = new RegExp(`${ORIGIN}(/join/[A-Za-z0-9_-]+)`).exec(await response.text())?.[1] ?? '';
    expect(link).not.toBe('');
    expect(await ada.page('/security/users')).not.toContain('/join/');
    expect(await ada.page(link)).toContain('grace');
  });

  test('an invitation with a name that cannot be is refused beside the field, and keeps what was written', async () => {
    const response = await ada.browser.post('/security/users/invite', {
      user: 'Grace X',
      role: 'operator',
      code: '1',
    });
    const html = await response.text();
    expect(response.status).toBe(422);
    expect(html).toContain('value="Grace X"');
    expect(html).toContain('A name has 1 to 32 small letters');
  });

  test('an invitation takes a code that is right, an administrator, and a name that is free', async () => {
    const given = { user: 'mallory', role: 'admin' };
    const invite = (person: Person, more: Readonly<Record<string, string>>) =>
      person.browser.post('/security/users/invite', { ...given, ...more });
    expect((await invite(ada, { code: '000000' })).status).toBe(403);
    expect((await invite(sofia, { code: world.code('sofia') })).status).toBe(403);
    const taken = await invite(ada, { user: 'otto', code: world.code('ada') });
    expect(await taken.text()).toContain('There is a user otto already');
  });

  test('a reset code is shown once, to whoever asked for it alone', async () => {
    const path = await ada.ask('user-reset', { user: 'otto', kind: 'password' });
    await ada.confirm(path);
    const page = await ada.page(path);
    expect(page).toContain(`${path}/reveal`);
    expect(page).not.toContain('expires_at');
    expect(await sofia.page(path)).not.toContain('/reveal');
    expect((await sofia.browser.post(`${path}/reveal`, {})).status).toBe(303);
    const shown = await (await ada.browser.post(`${path}/reveal`, {})).text();
    const code = /id="reset-code">\s*([0-9a-z-]{19})\s*</.exec(shown)?.[1];
    expect(code).toBeDefined();
    expect((await ada.browser.post(`${path}/reveal`, {})).status).toBe(303);
    expect(await ada.page(path)).not.toContain('/reveal');
  });

  test('a security officer is offered to help people in, not to change who there is', async () => {
    const html = await sofia.page('/security/users');
    expect(html).toContain('/acts/new/user-reset?user=otto');
    expect(html).not.toContain('/acts/new/user-delete');
    expect(html).not.toContain('/security/users/invite');
  });
});

describe('the audit log', () => {
  test('is filtered by kind, text and time, and hostile text in it is inert', async () => {
    const { db } = world.node.store;
    const at = Date.parse('2027-01-05T10:00:00Z');
    appendAudit(db, at, 'test_needle', { note: HOSTILE });
    appendAudit(db, at, 'test_hay', { note: 'needle' });
    const found = await ada.page('/security/audit?kind=test_needle%2Ctest_hay&text=HX-PARTIAL&from=2027-01-05');
    expect(found).toContain('>test_needle</a>');
    expect(found).not.toContain('>test_hay</a>');
    expect(found).not.toContain(HOSTILE);
    expect(await ada.page('/security/audit?kind=test_hay&to=2027-01-05T09%3A00')).toContain('No entry fits');
  });

  test('says beside the field what is wrong with a filter', async () => {
    const html = await ada.page('/security/audit?from=soon&kind=A-B');
    expect(html).toContain('Write a date and a time');
    expect(html).toContain('A kind has small letters');
  });

  test('is exported whole with its head in the last line, and is verified', async () => {
    const response = await ada.browser.get('/security/audit/export');
    expect(response.headers.get('content-disposition')).toContain('audit-regtest-0.jsonl');
    const lines = (await response.text()).trim().split('\n');
    const head = auditHead(world.node.store.db);
    expect(lines).toHaveLength(head.seq + 1);
    expect(lines.at(-1)).toContain(head.hash);
    const verdict = await (await ada.browser.post('/security/audit/verify', {})).text();
    expect(verdict).toContain(`Every one of ${head.seq} entries goes with the one before it`);
  });
});

describe('settings and reports', () => {
  test('the configuration is shown without what lets somebody in', () => {
    const rows = configRows({
      bitcoin_nodes: ['http://127.0.0.1:8332', 'https://rpc.example/v2/apikey'],
      notify_command: ['/usr/bin/send', '--token', 'hunter2'],
      rpc_password: 'hunter3',
      policy: { day_max_sats: 5 },
    });
    expect(JSON.stringify(rows)).not.toMatch(/apikey|hunter/);
    expect(rows.map(({ key, value }) => [key, value])).toEqual([
      ['bitcoin_nodes', 'http://127.0.0.1:8332\nhttps://rpc.example/…'],
      ['notify_command', '/usr/bin/send and 2 arguments'],
      ['rpc_password', 'set, not shown'],
      ['policy.day_max_sats', '5'],
    ]);
  });

  test('a report is asked for by a period or by dates, and nonsense is told in a sentence', () => {
    const now = Date.parse('2026-03-10T12:00:00Z');
    const ask = (text: string) => readReportQuestion(new URLSearchParams(text), now);
    expect(ask('period=dates&from=2026-03-01&format=md')).toMatchObject({
      ok: true,
      period: '2026-03-01..2026-03-01',
      format: 'md',
    });
    expect(ask('period=weekly')).toMatchObject({ ok: true, format: 'html' });
    expect(ask('period=dates&from=2027-01-01')).toMatchObject({
      ok: false,
      fault: expect.stringContaining('in the future'),
    });
    expect(ask('period=weekly&format=exe')).toMatchObject({ ok: false });
  });

  test('a report that cannot be asked for so stands on the page with what is wrong', async () => {
    const response = await ada.browser.get('/system/report?period=dates&from=x');
    expect(response.status).toBe(422);
    expect(await response.text()).toContain('Give daily, weekly, monthly');
  });
});
