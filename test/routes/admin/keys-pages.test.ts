// Ceremonies, keys, unsealing and the set-up in the web admin.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { sha256, toHex } from '../../../crypto/bytes.ts';
import { passingIdentity } from '../../../crypto/seal.ts';
import type { ActReport } from '../../../operator/admin/acts.ts';
import { type CeremonyDetail, nextCeremonyId } from '../../../operator/admin/ceremony-detail.ts';
import { Lookout } from '../../../operator/admin/lookout.ts';
import { type BoardFacts, boardOf } from '../../../operator/admin/preflight-board.ts';
import { type SetUpFacts, setUpSteps } from '../../../operator/admin/set-up-steps.ts';
import { CeremonyHistory } from '../../../operator/key-ceremonies/ceremony-history.ts';
import { systemEffects } from '../../../operator/runtime/effects.ts';
import { listBackups } from '../../../store/backups.ts';
import { KeyActResult } from '../../../views/act-results-keys.tsx';
import { CeremonyActs, CeremonyHead, CeremonyMatrix } from '../../../views/ceremony.tsx';
import { status } from '../../cli/commands/results.ts';
import { PASSPHRASE } from '../../operator/set-up-nodes.ts';
import { AdminWorld, type Browser } from './admin-world.ts';

const AT = '2026-03-01T08:30:00.000Z';
const NOW = Date.parse('2026-03-01T08:31:00.000Z');
const EVIL = '<script>alert(1)</script>';

let world: AdminWorld;
let ada: Browser;
let sam: Browser;
let wes: Browser;
beforeAll(async () => {
  world = await AdminWorld.make();
  await world.join('ada', 'admin');
  await world.join('sam', 'security-officer');
  await world.join('wes', 'observer');
  [ada, sam, wes] = [await world.signedIn('ada'), await world.signedIn('sam'), await world.signedIn('wes')];
});
afterAll(() => world.close());
afterEach(() => expect(world.faults).toEqual([]));

const textOf = async (browser: Browser, path: string): Promise<string> => (await browser.get(path)).text();
const unseal = (browser: Browser, passphrase: string, code: string): Promise<Response> =>
  browser.post('/keys/unseal', { passphrase, code });

// These follow each other: a sealed node is unsealed, and then backs itself up.
describe('a sealed node', () => {
  test('says so first on the overview and under keys, with the way to unseal it for whoever may', async () => {
    for (const path of ['/', '/keys']) {
      expect(await textOf(ada, path)).toContain('This node is sealed.');
      expect(await textOf(ada, path)).toContain('href="/keys/unseal"');
      expect(await textOf(wes, path)).not.toContain('href="/keys/unseal"');
    }
    expect(await textOf(wes, '/keys/unseal')).not.toContain('name="passphrase"');
  });

  test('says beside the field whether the passphrase or the code was wrong, and shows neither again', async () => {
    const wrongCode = await unseal(ada, PASSPHRASE, '000000');
    expect(wrongCode.status).toBe(422);
    const page = await wrongCode.text();
    expect(page).toContain('id="f-code-fault"');
    expect(page).not.toContain('id="f-passphrase-fault"');
    expect(page).not.toContain(PASSPHRASE);
    const wrong = await (await unseal(ada, 'another passphrase', world.code('ada'))).text();
    expect(wrong).toContain('id="f-passphrase-fault"');
    expect(wrong).toContain('does not open');
    expect(wrong).not.toContain('id="f-code-fault"');
    expect(wrong).not.toContain('another passphrase');
    expect(world.node.online).toBeNull();
  });

  test('is not unsealed by an observer, whatever the page offers', async () => {
    expect((await unseal(wes, PASSPHRASE, world.code('wes'))).status).toBe(422);
    expect(world.node.online).toBeNull();
  });

  test('is unsealed by passphrase and code, and the page of somebody else goes on without a form', async () => {
    expect(await textOf(sam, '/keys/unseal')).toContain('name="passphrase"');
    expect((await unseal(ada, PASSPHRASE, world.code('ada'))).status).toBe(303);
    expect(world.node.online).not.toBeNull();
    const page = await textOf(sam, '/keys/unseal');
    expect(page).toContain('This node is unsealed');
    expect(page).not.toContain('name="passphrase"');
    expect((await unseal(sam, PASSPHRASE, world.code('sam'))).headers.get('location')).toBe('/keys/unseal');
  });
});

describe('a node without a key', () => {
  test('begins its overview with the set-up, which names the next step and leads to it', async () => {
    expect(await textOf(ada, '/')).toContain('href="/set-up"');
    const page = await textOf(ada, '/set-up');
    expect(page).toContain('<strong>Next:</strong> <a href="#step-');
    for (const step of [
      'Configuration',
      'Certificate',
      'Identity',
      'Bitcoin node test',
      'Backup with drill',
      'Users',
    ]) {
      expect(page).toContain(step);
    }
    expect(page).toContain('mpc_operator dkg --ceremony-id practice-1 --rehearsal');
  });

  test('says what to do where there is no ceremony, no key and no date yet, and offers acts only to whom may', async () => {
    const ceremonies = await textOf(ada, '/ceremonies');
    expect(ceremonies).toContain('Begin with a rehearsal');
    expect(ceremonies).toContain('href="/acts/new/dkg?ceremony_id=practice-1&amp;rehearsal=on"');
    expect(ceremonies).toContain('href="/acts/new/ceremony-schedule"');
    // Cards are missing, so the ceremony itself is not offered to anybody.
    expect(ceremonies).not.toContain('Begin the key ceremony');
    for (const act of ['dkg', 'ceremony-schedule']) {
      expect(await textOf(wes, '/ceremonies')).not.toContain(`/acts/new/${act}`);
    }
    expect(await textOf(ada, '/keys')).toContain('There is no key yet.');
  });

  test('answers an unknown ceremony, and the file of one, as not found', async () => {
    for (const path of ['/ceremonies/none', '/ceremonies/none/file', `/ceremonies/${encodeURIComponent(EVIL)}`]) {
      expect([path, (await ada.get(path)).status]).toEqual([path, 404]);
    }
  });
});

test('a backup is downloaded by whoever asked for it alone, and counts once', async () => {
  const { recipient } = await passingIdentity();
  const asked = await ada.post('/acts/new/backup-key-share', { recipient });
  const path = asked.headers.get('location') ?? '';
  const digest = /name="digest" value="([0-9a-f]{64})"/.exec(await textOf(ada, path))?.[1] ?? '';
  expect((await ada.get(`${path}/file`)).status).toBe(404);
  await ada.post(`${path}/confirm`, { digest, code: world.code('ada') });
  while ((await textOf(ada, path)).includes('Under way')) await Bun.sleep(1);
  const page = await textOf(ada, path);
  expect(page).toContain(`href="${path}/file"`);
  expect(page).not.toContain('BEGIN AGE ENCRYPTED FILE');
  expect((await sam.get(`${path}/file`)).status).toBe(404);
  const { db } = world.node.store;
  expect(listBackups(db).total).toBe(0);
  const answer = await ada.get(`${path}/file`);
  expect(answer.headers.get('content-disposition')).toMatch(
    /^attachment; filename="key-share-regtest-0-[0-9TZ-]+\.age"$/,
  );
  const bytes = await answer.bytes();
  expect(new TextDecoder().decode(bytes)).toStartWith('-----BEGIN AGE ENCRYPTED FILE-----');
  await ada.get(`${path}/file`);
  const { rows } = listBackups(db);
  expect(rows).toMatchObject([{ event: 'made', kind: 'key_share', sha256: toHex(sha256(bytes)), bytes: bytes.length }]);
  expect(await textOf(ada, '/keys')).toContain('downloaded by ada');
});

const DETAIL: CeremonyDetail = {
  ceremony: {
    ...{ ceremony_id: 'initial-dkg', rehearsal: false, phase: 'lobby', attempt: null, coordinator: null },
    ...{ key_id: null, transcript_hash: null, detail: `joined; ${EVIL}`, created_at: AT, updated_at: AT },
    ...{ steps: [], participants: [] },
  },
  ...{ isUnderWay: true, hasFile: false, words: null },
  steps: [{ step: 'joining', text: 'the operators join', at: AT }],
  rows: [
    {
      ...{ index: 1, name: EVIL, state: 'blamed', detail: EVIL, since: null, own: false, hindrance: EVIL },
      checks: [{ name: EVIL, ok: false, detail: EVIL }],
      cells: [{ state: 'silent', since: AT, until: null }],
    },
    {
      ...{ index: 2, name: 'Gamma', state: 'awaited', detail: 'has not joined', since: AT, own: false },
      ...{ hindrance: null, checks: [], cells: [{ state: 'awaited', since: AT, until: null }] },
    },
  ],
  awaited: [],
};

describe('the page of a ceremony', () => {
  const may = { makeKeys: true, setDate: true };
  const detail: CeremonyDetail = { ...DETAIL, awaited: DETAIL.rows.slice(1) };

  test('names who is awaited first and for how long, and who is to blame', () => {
    const head = String(CeremonyHead({ detail, now: NOW }));
    expect(head).toContain('Awaited first: operator 2 (Gamma)');
    expect(head).toContain('1 min');
    expect(head).toContain('is to blame');
    expect(String(CeremonyMatrix({ detail, now: NOW }))).toContain('never answered');
  });

  test('shows what peers say as text, in every place', () => {
    const html = [CeremonyHead({ detail, now: NOW }), CeremonyMatrix({ detail, now: NOW })].map(String).join('');
    expect(html).not.toContain('<script');
    expect(html).toContain('&lt;script&gt;');
  });

  test('offers to abandon it only while it is not over, and only to whoever may', () => {
    expect(String(CeremonyActs({ detail, may }))).toContain('ceremony-abandon');
    expect(CeremonyActs({ detail, may: { ...may, makeKeys: false } })).toBeNull();
    const over = { ...detail, ceremony: { ...detail.ceremony, phase: 'done' } };
    expect(CeremonyActs({ detail: over, may })).toBeNull();
  });
});

test('the name suggested for a ceremony is one that is not used up, nor used for the other kind', () => {
  const of = (ceremony_id: string, rehearsal: boolean, phase: string) => ({
    ...{ ...DETAIL.ceremony, ceremony_id, rehearsal, phase },
  });
  expect(nextCeremonyId([], true)).toBe('practice-1');
  expect(nextCeremonyId([of('practice-1', true, 'failed')], true)).toBe('practice-1');
  expect(nextCeremonyId([of('practice-1', true, 'destroyed'), of('practice-2', false, 'lobby')], true)).toBe(
    'practice-3',
  );
  expect(nextCeremonyId([of('initial-dkg', false, 'abandoned')], false)).toBe('initial-dkg-2');
});

describe('the history of a ceremony', () => {
  test('has for each step when each answer came; after an abort, whoever was awaited never answered', () => {
    const history = new CeremonyHistory();
    history.note({ step: 'gathering_round1', waitingFor: [1, 2] }, 1_000);
    history.note({ step: 'gathering_round1', waitingFor: [2] }, 2_000);
    history.note({ step: 'gathering_round2', waitingFor: [1, 2] }, 3_000);
    history.note({ step: 'gathering_round2', waitingFor: [2] }, 4_000);
    const abort = { attempt: 'a', by: 0, reason: 'timeout' as const, culprit: 2, suspects: [], detail: '' };
    history.note({ step: 'timeout', waitingFor: [], abort }, 5_000);
    const waits = history.waits().map((step) => Object.fromEntries(step.waits));
    expect(waits).toEqual([
      { 1: { since: 1_000, until: 2_000 }, 2: { since: 1_000, until: 3_000 } },
      { 1: { since: 3_000, until: 4_000 }, 2: { since: 3_000, until: null } },
      {},
    ]);
  });
});

describe('the preflight of everybody', () => {
  const [beta, gamma] = status.peers;
  if (beta === undefined || gamma === undefined) throw new Error('the report has two peers');
  const well = { ...beta, key_id: status.key_id, version: status.version };
  const card = { address: 'a:1', fingerprint: '', self: false, certificate_expires_at: '2027-03-01T00:00:00.000Z' };
  const facts: BoardFacts = {
    status: { ...status, peers: [well, { ...well, index: 2, name: 'Gamma' }] },
    seen: { value: [{ name: 'disk space', ok: true, detail: '' }], at: NOW, fault: null },
    peers: [
      { ...card, index: 1, name: 'Beta' },
      { ...card, index: 2, name: 'Gamma' },
    ],
    ...{ missing: [], conflicts: [], words: null, now: NOW },
  };
  const flawOf = (more: Partial<BoardFacts>): readonly string[] =>
    boardOf({ ...facts, ...more }).rows.flatMap(({ index, checks }) =>
      checks.filter(({ ok }) => ok !== true).map(({ name, ok }) => `${index} ${name} ${ok}`),
    );

  test('is green only where every check of every operator is known to pass', () => {
    expect(boardOf(facts).isGreen).toBe(true);
    expect(flawOf({})).toEqual([]);
    const silent = { ...well, index: 2, reachable: null, heard_at: null };
    expect(flawOf({ status: { ...facts.status, peers: [well, silent] } })).toEqual(['2 reachable null']);
    expect(boardOf({ ...facts, status: { ...facts.status, peers: [well, silent] } }).isGreen).toBe(false);
    expect(flawOf({ seen: { value: null, at: null, fault: null } })).toEqual(['0 own files and Bitcoin node null']);
  });

  test('names a clock, a version, a certificate and a key that do not fit, and a card that is missing', () => {
    const off = { ...well, clock_offset_ms: 6_000, version: '0.0.9', key_id: 'ffffffffffffffff' };
    expect(flawOf({ status: { ...facts.status, peers: [off, { ...well, index: 2 }] } })).toEqual([
      '1 version false',
      '1 clock false',
      '1 key false',
    ]);
    const old = { ...card, index: 1, name: 'Beta', certificate_expires_at: '2026-03-03T00:00:00.000Z' };
    expect(flawOf({ peers: [old], missing: [2] })).toEqual([
      '0 cards false',
      '1 tls certificate false',
      '2 card false',
    ]);
  });
});

describe('the set-up', () => {
  const board = { rows: [], isGreen: true, words: null };
  const facts: SetUpFacts = {
    status: { ...status, key_id: null, treasury: null },
    findings: { value: [], at: NOW, fault: null },
    peers: { peers: [], missing: [1, 2] },
    ...{ board, ceremonies: [], date: null, users: { users: [], single_operator: false } },
    backups: { backups: [], total: 0, newest: { key_share: null, database: null, drill: null } },
  };
  const step = (id: string, more: Partial<SetUpFacts> = {}) =>
    setUpSteps({ ...facts, ...more }).find((one) => one.id === id);
  const backup = { kind: 'key_share', at: AT, made_at: AT, path: 'x', bytes: 1, sha256: '00'.repeat(32) } as const;

  test('offers the key ceremony only once the preflight is green at everybody', () => {
    expect(step('key')?.acts.map(({ act }) => act)).toEqual(['dkg']);
    expect(step('key', { board: { ...board, isGreen: false } })?.acts).toEqual([]);
  });

  test('takes a backup for done only where it holds the key in use and was tried', () => {
    const of = (key_id: string, event: 'made' | 'drilled') => ({ ...backup, event, key_id });
    const with_ = (...backups: SetUpFacts['backups']['backups']) =>
      step('backup', { status, backups: { ...facts.backups, backups } })?.state;
    const key = status.key_id ?? '';
    expect(with_()).toBe('open');
    expect(with_(of(key, 'made'))).toBe('open');
    expect(with_(of('ffffffffffffffff', 'made'), of('ffffffffffffffff', 'drilled'))).toBe('open');
    expect(with_(of(key, 'made'), of(key, 'drilled'))).toBe('done');
  });

  test('says that files were not looked at yet, rather than that all is well', () => {
    expect(step('config')?.state).toBe('done');
    expect(step('config', { findings: { value: null, at: null, fault: null } })?.state).toBe('unknown');
    const finding = { subject: 'database', verdict: 'fault', detail: 'there is none', action: 'run `init`' } as const;
    expect(step('config', { findings: { value: [finding], at: NOW, fault: null } })).toMatchObject({
      state: 'open',
      remedies: ['run `init`'],
    });
  });
});

test('a page does not wait for a look that takes long, and shows what it saw once it has ended', async () => {
  const look = Promise.withResolvers<string>();
  let looks = 0;
  const begin = (): Promise<string> => {
    looks += 1;
    return look.promise;
  };
  const lookout = new Lookout(begin, { ...systemEffects, sleep: () => Promise.resolve() }, 1_000_000);
  expect((await lookout.seen()).value).toBeNull();
  look.resolve('well');
  await look.promise;
  await Promise.resolve();
  expect((await lookout.seen()).value).toBe('well');
  expect(looks).toBe(1);
});

describe('what became of an act', () => {
  const act: ActReport = {
    ...{ id: '00'.repeat(16), command: 'dkg', action: 'key-ceremony', title: '', says: [], terminal: '', digest: '' },
    text: JSON.stringify({ params: { ceremony_id: 'initial-dkg' } }),
    ...{ by: 'ada', second: null, needs_second: false, asked_at: AT, expires_at: AT, progress: [] },
    state: { kind: 'running' },
  };

  test('leads to the matrix while a ceremony is under way, and tells the key and who has signed once it is over', () => {
    expect(String(KeyActResult({ act, isOwn: true }))).toContain('href="/ceremonies/initial-dkg"');
    const result = {
      ...{ ceremony_id: 'initial-dkg', rehearsal: false, key_id: '0011223344556677', transcript_hash: 'aa' },
      ...{ bitcoin_public_key: 'bb', attestation_public_key: 'cc' },
      proven: [
        [0, 1],
        [1, 2],
      ],
    };
    const html = String(KeyActResult({ act: { ...act, state: { kind: 'done', result } }, isOwn: true }));
    expect(html).toContain('0011223344556677');
    expect(html).toContain('operators 0, 1');
    expect(html).toContain('operators 1, 2');
    expect(html).toContain('href="/acts/new/backup-key-share"');
  });

  test('warns where an abandoned ceremony may have made keys at others', () => {
    const done = (elsewhere: boolean): ActReport => ({
      ...{ ...act, command: 'ceremony-abandon' },
      state: { kind: 'done', result: { ceremony_id: 'x', may_be_live_elsewhere: elsewhere } },
    });
    expect(String(KeyActResult({ act: done(true), isOwn: true }))).toContain('This node had confirmed it.');
    expect(String(KeyActResult({ act: done(false), isOwn: true }))).not.toContain('This node had confirmed it.');
  });
});
