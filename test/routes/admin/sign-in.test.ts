import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { AdminWorld, Browser, HOST, ORIGIN, passwordOf } from './admin-world.ts';

let world: AdminWorld;
beforeAll(async () => {
  world = await AdminWorld.make();
});
afterAll(() => world.close());

const MINUTE_MS = 60_000;

describe('before there are users', () => {
  test('a page sends to signing in, which says how the first admin is made', async () => {
    const browser = new Browser(world);
    const answer = await browser.get('/payouts');
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/sign-in?next=%2Fpayouts']);
    expect(await (await browser.get('/sign-in')).text()).toContain('mpc_operator user create --username admin');
  });

  test('the printed link makes the first admin once, and never beside users that are there already', async () => {
    const [first, second] = [0, 1].map(() => world.desk.invitations.add({ user: null, role: 'admin', by: null }));
    // One for the same name ends the earlier one.
    expect((await new Browser(world).get(`/join/${first}`)).status).toBe(410);
    await world.join('ada', 'admin');
    expect((await new Browser(world).get(`/join/${second}`)).status).toBe(410);
    const late = world.desk.invitations.add({ user: null, role: 'admin', by: null });
    const fields = { user: 'eve', password: passwordOf('eve'), again: passwordOf('eve'), code: '000000' };
    const answer = await new Browser(world).post(`/join/${late}`, fields);
    expect([answer.status, (await world.desk.read('user-list', {})).users.length]).toEqual([422, 1]);
    world.desk.invitations.end(late);
  });
});

describe('signing in', () => {
  test('takes password and code, and gives a cookie that no script and no other site gets', async () => {
    const browser = new Browser(world);
    const fields = { user: 'ada', password: passwordOf('ada'), code: world.code('ada'), next: '/payouts' };
    const answer = await browser.post('/sign-in', fields);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/payouts']);
    const cookie = answer.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^__Host-mpc-regtest-0=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    expect((await browser.get('/')).status).toBe(200);
  });

  test('goes to no other site afterwards, whatever the form says', async () => {
    for (const next of ['https://evil.example/', '//evil.example/', '/\\evil.example', 'javascript:alert(1)']) {
      const fields = { user: 'ada', password: passwordOf('ada'), code: world.code('ada'), next };
      expect((await new Browser(world).post('/sign-in', fields)).headers.get('location')).toBe('/');
    }
  });

  test('answers an unknown user, a wrong password and a wrong code with the same page', async () => {
    world.now += MINUTE_MS;
    const attempts = [
      { user: 'nobody', password: passwordOf('nobody'), code: '123456' },
      { user: 'ada', password: 'not the password of ada', code: world.code('ada') },
      { user: 'ada', password: passwordOf('ada'), code: '000000' },
    ];
    const pages = new Set<string>();
    for (const fields of attempts) {
      const answer = await new Browser(world).post('/sign-in', fields);
      expect(answer.status).toBe(401);
      pages.add((await answer.text()).replaceAll(/value="(ada|nobody)"/g, 'value="…"'));
    }
    expect(pages.size).toBe(1);
  });

  test('takes a code once, and a backup code once', async () => {
    world.now += MINUTE_MS;
    const code = world.code('ada');
    const [backup = ''] = world.backupCodes.get('ada') ?? [];
    for (const shown of [code, backup]) {
      const fields = { user: 'ada', password: passwordOf('ada'), code: shown };
      expect((await new Browser(world).post('/sign-in', fields)).status).toBe(303);
      expect((await new Browser(world).post('/sign-in', fields)).status).toBe(401);
    }
  });

  test('slows down an address that tries again and again', async () => {
    world.now += 10 * MINUTE_MS;
    const fields = { user: 'nobody', password: 'x', code: '1' };
    const statuses = [];
    for (let attempt = 0; attempt < 12; attempt++) {
      statuses.push((await new Browser(world).post('/sign-in', fields)).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
    world.now += 10 * MINUTE_MS;
  });
});

describe('a session', () => {
  test('ends after 15 minutes without a request, and after 8 hours with requests', async () => {
    const idle = await world.signedIn('ada');
    world.now += 15 * MINUTE_MS - 1;
    expect((await idle.get('/account')).status).toBe(200);
    world.now += 15 * MINUTE_MS;
    expect((await idle.get('/account')).status).toBe(303);
    const busy = await world.signedIn('ada');
    const begun = world.now;
    const [token = ''] = busy.cookies.values();
    while (world.now + 10 * MINUTE_MS < begun + 8 * 60 * MINUTE_MS) {
      world.now += 10 * MINUTE_MS;
      expect((await world.desk.visitor(token, true))?.user).toBe('ada');
    }
    expect((await busy.get('/account')).status).toBe(200);
    world.now = begun + 8 * 60 * MINUTE_MS;
    expect((await busy.get('/account')).status).toBe(303);
  });

  test('is not made longer by its stream', async () => {
    const browser = await world.signedIn('ada');
    for (let minute = 0; minute < 14; minute += 7) {
      world.now += 7 * MINUTE_MS;
      const stream = await browser.get('/events?page=%2F');
      expect(stream.headers.get('content-type')).toContain('text/event-stream');
      await stream.body?.cancel();
    }
    world.now += MINUTE_MS;
    expect((await browser.get('/events?page=%2F')).status).toBe(401);
    expect((await browser.get('/')).status).toBe(303);
  });

  test('is over on the server once its person signs out, also for a copy of the cookie', async () => {
    const browser = await world.signedIn('ada');
    const copy = new Browser(world);
    for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
    expect((await copy.get('/')).headers.get('cache-control')).toBe('no-store');
    expect((await browser.post('/sign-out')).headers.get('location')).toBe('/sign-in');
    expect((await copy.get('/')).status).toBe(303);
    expect(world.audited('web_signed_out').length).toBeGreaterThan(0);
  });

  test('that is extended leads back to the page it was on, with its filter, and to no other host', async () => {
    const browser = await world.signedIn('ada');
    const from = (referer: string) =>
      browser.post('/session/extend', {}, { origin: ORIGIN, 'sec-fetch-site': 'same-origin', referer });
    const places = [`${ORIGIN}/deposits?offset=50`, `${ORIGIN}//evil.example/x`, 'nonsense'];
    const led = await Promise.all(places.map(async (one) => (await from(one)).headers.get('location')));
    expect(led).toEqual(['/deposits?offset=50', '/', '/']);
  });

  test('ends for others when its person ends them, and at once when a role changes', async () => {
    await world.join('olga', 'operator');
    const [one, two] = [await world.signedIn('olga'), await world.signedIn('olga')];
    await two.post('/account/sessions/end-others');
    expect([(await one.get('/')).status, (await two.get('/')).status]).toEqual([303, 200]);
    await world.desk.withAccounts((accounts) => accounts?.change('olga', { role: 'observer' }));
    expect((await two.get('/')).status).toBe(303);
    await world.desk.withAccounts((accounts) => accounts?.change('olga', { role: 'operator' }));
  });

  test('stands in the database by a hash alone', async () => {
    const browser = await world.signedIn('ada');
    const [token = ''] = browser.cookies.values();
    const { userDbPath } = world.node.config;
    const bytes = Buffer.concat(
      await Promise.all(
        [userDbPath, `${userDbPath}-wal`].map(async (path) => {
          const file = Bun.file(path);
          return (await file.exists()) ? Buffer.from(await file.arrayBuffer()) : Buffer.alloc(0);
        }),
      ),
    );
    expect(bytes.length).toBeGreaterThan(0);
    expect(bytes.includes(Buffer.from(token))).toBe(false);
  });
});

test('an invitation is over once whoever made it may invite nobody any more', async () => {
  await world.join('eve', 'admin');
  const token = world.desk.invitations.add({ user: 'mallory', role: 'admin', by: 'eve' });
  await world.desk.withAccounts((accounts) => accounts?.change('eve', { state: 'disabled' }));
  const fields = { password: passwordOf('mallory'), again: passwordOf('mallory'), code: '000000' };
  const answer = await new Browser(world).post(`/join/${token}`, fields);
  expect(await answer.text()).toContain('This link is no longer good');
  expect((await world.desk.read('user-list', {})).users.map(({ user }) => user)).not.toContain('mallory');
});

describe('requests from elsewhere', () => {
  test('that change something are refused from another origin, the same site, no origin and null, JSON too', async () => {
    const browser = await world.signedIn('ada');
    const strange: Readonly<Record<string, string>>[] = [
      { origin: 'https://evil.example' },
      { origin: 'https://localhost:9999', 'sec-fetch-site': 'same-site' },
      { origin: 'null' },
      {},
      { origin: ORIGIN, 'sec-fetch-site': 'cross-site' },
      { origin: 'https://evil.example', 'content-type': 'application/json' },
    ];
    for (const headers of strange) {
      expect((await browser.post('/acts/new/emergency-pause', { reason: 'x' }, headers)).status).toBe(403);
    }
    expect(world.audited('act_authorised').filter(({ bodyText }) => bodyText.includes('emergency-pause'))).toEqual([]);
  });

  test('by another name are refused, and by an address are led to localhost, where passkeys work', async () => {
    const app = world.admin.app;
    const ask = (host: string) =>
      app.fetch(new Request(`https://${host}/sign-in`, { headers: { host } }), { address: '127.0.0.1' });
    expect((await ask('evil.example:8443')).status).toBe(421);
    const led = await ask('127.0.0.1:8443');
    expect([led.status, led.headers.get('location')]).toEqual([307, 'https://localhost:8443/sign-in']);
    expect((await ask(HOST)).headers.get('strict-transport-security')).toBeNull();
  });

  test('get headers under which a page loads nothing but the node itself, and no frame shows it', async () => {
    for (const path of ['/sign-in', '/no/such/page', '/assets/0000/admin.css']) {
      const { headers } = await new Browser(world).get(path);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });
});

test('every page that is not for everybody leads to signing in, and no script to a loop', async () => {
  const browser = new Browser(world);
  for (const path of ['/', '/account', '/acts/new/dkg', '/approvals', '/security/audit']) {
    expect([path, (await browser.get(path)).status]).toEqual([path, 303]);
  }
  expect((await browser.get('/events?page=%2F')).status).toBe(401);
  expect((await browser.post('/acts/new/seal')).status).toBe(401);
  expect(world.faults).toEqual([]);
});
