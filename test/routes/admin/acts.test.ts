import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../../../crypto/bytes.ts';
import { AdminWorld, type Browser } from './admin-world.ts';

let world: AdminWorld;
let ada: Browser;
let sam: Browser;

beforeAll(async () => {
  world = await AdminWorld.make();
  await world.join('ada', 'admin');
  await world.join('olga', 'operator');
  await world.join('sam', 'security-officer');
  await world.join('wes', 'observer');
  ada = await world.signedIn('ada');
  sam = await world.signedIn('sam');
});
afterAll(() => world.close());
afterEach(() => expect(world.faults).toEqual([]));

const MINUTE_MS = 60_000;

/** Asks for an act; where its page is. */
async function ask(browser: Browser, command: string, fields: Readonly<Record<string, string>>): Promise<string> {
  const answer = await browser.post(`/acts/new/${command}`, fields);
  expect([command, answer.status]).toEqual([command, 303]);
  return answer.headers.get('location') ?? '';
}

/** The digest that a page of an act shows. */
async function digestOn(browser: Browser, path: string): Promise<string> {
  return /name="digest" value="([0-9a-f]{64})"/.exec(await (await browser.get(path)).text())?.[1] ?? '';
}

async function confirm(browser: Browser, user: string, path: string, digest?: string): Promise<Response> {
  return browser.post(`${path}/confirm`, { digest: digest ?? (await digestOn(browser, path)), code: world.code(user) });
}

const paused = async (): Promise<boolean> => (await world.desk.read('emergency-status', {})).pauses.length > 0;

/** Waits until an act is over; the text of its page. */
async function outcome(browser: Browser, path: string): Promise<string> {
  for (;;) {
    const text = await (await browser.get(path)).text();
    if (!text.includes('Under way')) return text;
    await Bun.sleep(1);
  }
}

describe('an act', () => {
  test('is done only after what it does was shown and a fresh code was given, and the audit log says by whom and from where', async () => {
    const path = await ask(ada, 'emergency-pause', { reason: 'a drill' });
    expect(await paused()).toBe(false);
    const page = await (await ada.get(path)).text();
    expect(page).toContain('This node signs nothing from now on.');
    expect(page).toContain('mpc_operator emergency pause --reason');
    expect((await confirm(ada, 'ada', path)).status).toBe(303);
    expect(await outcome(ada, path)).toContain('Done');
    expect(await paused()).toBe(true);
    const [entry] = world.audited('act_authorised');
    expect(JSON.parse(entry?.bodyText ?? '{}')).toMatchObject({
      ...{ command: 'emergency-pause', action: 'pause', by: 'ada', role: 'admin', from: '127.0.0.1' },
      confirmed_by: 'totp',
    });
  });

  test('has the digest of exactly the text that its page shows, recomputed apart', async () => {
    const path = await ask(ada, 'emergency-pause', { reason: 'a drill' });
    const report = world.desk.acts.report(path.split('/').at(-1) ?? '');
    const page = await (await ada.get(path)).text();
    const digest = toHex(sha256(new TextEncoder().encode(report?.text ?? '')));
    expect(page).toContain(digest);
    expect(JSON.parse(report?.text ?? '{}')).toMatchObject({
      command: 'emergency-pause',
      params: { reason: 'a drill' },
    });
  });

  test('is not done with a wrong code, with one that was used, nor with the digest of another act', async () => {
    const path = await ask(ada, 'emergency-pause', { reason: 'one' });
    const other = await ask(ada, 'emergency-pause', { reason: 'two' });
    const digest = await digestOn(ada, path);
    expect((await ada.post(`${path}/confirm`, { digest, code: '000000' })).status).toBe(401);
    const code = world.code('ada');
    // The page of the one does not confirm the other: it shows what the other is.
    expect((await ada.post(`${other}/confirm`, { digest, code })).status).toBe(409);
    expect((await ada.post(`${path}/confirm`, { digest, code })).status).toBe(303);
    expect((await ada.post(`${other}/confirm`, { digest: await digestOn(ada, other), code })).status).toBe(401);
    expect(await outcome(ada, path)).toContain('Done');
  });

  test('is done once, however often its button is pressed', async () => {
    const before = world.audited('act_authorised').length;
    const path = await ask(ada, 'emergency-pause', { reason: 'twice' });
    const [digest, code] = [await digestOn(ada, path), world.code('ada')];
    const answers = await Promise.all([1, 2, 3].map(() => ada.post(`${path}/confirm`, { digest, code })));
    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303]);
    await outcome(ada, path);
    expect(world.audited('act_authorised').length).toBe(before + 1);
  });

  test('is gone after ten minutes without a confirmation', async () => {
    const path = await ask(ada, 'emergency-pause', { reason: 'late' });
    const digest = await digestOn(ada, path);
    world.now += 10 * MINUTE_MS;
    expect((await ada.post(`${path}/confirm`, { digest, code: world.code('ada') })).status).toBe(401);
    expect((await ada.get(path)).status).toBe(404);
  });

  test('that nobody wants any more is withdrawn, and nothing is done', async () => {
    const path = await ask(ada, 'seal', {});
    await ada.post(`${path}/withdraw`);
    expect(await (await ada.get(path)).text()).toContain('Nothing was done.');
    expect((await confirm(ada, 'ada', path, '0'.repeat(64))).status).toBe(303);
    expect(world.audited('act_withdrawn').length).toBe(1);
  });
});

describe('a second person', () => {
  test('of another role confirms in a session of their own before anything is done', async () => {
    if (!(await paused())) await confirm(ada, 'ada', await ask(ada, 'emergency-pause', { reason: 'x' }));
    const path = await ask(ada, 'emergency-resume', {});
    expect((await confirm(ada, 'ada', path)).status).toBe(303);
    expect(await (await ada.get(path)).text()).toContain('A second person of another role has to confirm this');
    expect(await paused()).toBe(true);
    expect((await confirm(sam, 'sam', path)).status).toBe(303);
    expect(await outcome(sam, path)).toContain('Done');
    expect(await paused()).toBe(false);
    const [entry] = world.audited('act_authorised');
    expect(JSON.parse(entry?.bodyText ?? '{}')).toMatchObject({ by: 'ada', second: { user: 'sam' } });
  });

  test('is not the first one again, in another session either, nor somebody of the same role', async () => {
    await world.join('eve', 'admin');
    const eve = await world.signedIn('eve');
    const path = await ask(ada, 'policy-set', { name: 'withdrawal_max_sats', values: '5000' });
    const digest = await digestOn(ada, path);
    await confirm(ada, 'ada', path, digest);
    const again = await world.signedIn('ada');
    expect((await confirm(again, 'ada', path, digest)).status).toBe(403);
    expect((await confirm(eve, 'eve', path, digest)).status).toBe(403);
    expect((await confirm(await world.signedIn('wes'), 'wes', path, digest)).status).toBe(403);
    const { values } = await world.desk.read('policy-show', {});
    expect(values.find(({ name }) => name === 'withdrawal_max_sats')?.value).toBeNull();
  });

  test('confirms what is so now: where the value has changed meanwhile, the difference is shown and nothing is done', async () => {
    const path = await ask(ada, 'policy-set', { name: 'day_max_sats', values: '7000' });
    await confirm(ada, 'ada', path);
    const seen = await digestOn(sam, path);
    const other = await ask(ada, 'policy-set', { name: 'day_max_sats', values: '6000' });
    await confirm(ada, 'ada', other);
    await confirm(sam, 'sam', other);
    expect(await outcome(sam, other)).toContain('Done');
    const answer = await confirm(sam, 'sam', path, seen);
    expect(answer.status).toBe(409);
    const page = await answer.text();
    expect(page).toContain('This has changed since you saw it');
    expect(page).toContain('6000');
    // Who confirmed before confirmed something else.
    expect(await (await sam.get(path)).text()).toContain('ada has asked for this, and has to confirm it first');
  });
});

describe('a role', () => {
  test('that may not do something is refused by the server too, with a sentence that names who may', async () => {
    for (const [user, command, fields] of [
      ['wes', 'emergency-pause', { reason: 'x' }],
      ['olga', 'policy-set', { name: 'day_max_sats', values: '1' }],
      ['sam', 'user-delete', { user: 'olga' }],
    ] as const) {
      const answer = await (await world.signedIn(user)).post(`/acts/new/${command}`, fields);
      expect([command, answer.status]).toEqual([command, 403]);
      expect(await answer.text()).toMatch(/The role of \w+ \([a-z-]+\) may not .*: .* may\./);
    }
  });

  test('that changes between asking and confirming counts as it is at the end', async () => {
    const olga = await world.signedIn('olga');
    const path = await ask(olga, 'emergency-pause', { reason: 'x' });
    const digest = await digestOn(olga, path);
    await world.desk.withAccounts((accounts) => accounts?.change('olga', { role: 'observer' }));
    // The session has ended with the role; a new one has the new role.
    expect((await confirm(olga, 'olga', path, digest)).status).toBe(401);
    const later = await world.signedIn('olga');
    expect((await confirm(later, 'olga', path, digest)).status).toBe(403);
    await world.desk.withAccounts((accounts) => accounts?.change('olga', { role: 'operator' }));
  });
});

test('an act is not done once the person who asked for it has lost the right, also if a second person confirms it', async () => {
  await world.join('kim', 'security-officer');
  const kim = await world.signedIn('kim');
  const path = await ask(kim, 'policy-set', { name: 'hold_minutes', values: '7' });
  await confirm(kim, 'kim', path);
  await world.desk.withAccounts((accounts) => accounts?.change('kim', { state: 'disabled' }));
  const answer = await confirm(await world.signedIn('ada'), 'ada', path);
  expect(answer.status).toBe(403);
  expect(await answer.text()).toContain('The rights of kim have changed since they asked');
  const { values } = await world.desk.read('policy-show', {});
  expect(values.find(({ name }) => name === 'hold_minutes')?.value).toBe(60);
});

describe('a form', () => {
  test('with faults keeps what was typed, and says beside each field how to mend it', async () => {
    const answer = await ada.post('/acts/new/hold', { burn_txid: 'not a txid', reason: '' });
    expect(answer.status).toBe(422);
    const page = await answer.text();
    expect(page).toContain('value="not a txid"');
    expect(page).toContain('Expected 64 lowercase hexadecimal characters.');
    expect(page).toContain('This is needed.');
    expect(page).toMatch(/<input[^>]*aria-invalid="true"[^>]*>/);
  });

  test('shows hostile text as text, in the form, on the act and in its record', async () => {
    const hostile = `"><script>alert(1)</script><hx-partial hx-target="#main">x</hx-partial><img src=x onerror=alert(1)>`;
    const path = await ask(ada, 'emergency-pause', { reason: hostile });
    for (const page of [
      await (await ada.get(`/acts/new/emergency-pause?${new URLSearchParams({ reason: hostile })}`)).text(),
      await (await ada.get(path)).text(),
    ]) {
      expect(page).not.toContain('<script>alert');
      expect(page).not.toContain('<hx-partial');
      expect(page).not.toContain('<img src=x');
      expect(page).toContain('&lt;script&gt;alert(1)');
    }
  });

  test('of every act is there, names its fields in words, and says what happens next', async () => {
    const { ACT_DEFINITIONS } = await import('../../../operator/admin/act-definitions.ts');
    for (const [command, { title, fields }] of Object.entries(ACT_DEFINITIONS)) {
      const answer = await ada.get(`/acts/new/${command}`);
      expect([command, answer.status]).toEqual([command, 200]);
      const page = await answer.text();
      expect(page).toContain(title);
      for (const name of Object.keys(fields))
        expect([command, page.includes(`>${name}</label>`)]).toEqual([command, false]);
    }
  });
});
