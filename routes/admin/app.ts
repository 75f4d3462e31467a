// The web admin: server-rendered pages for people who are signed in, each with a stream that keeps it current. Everything here asks
// the desk; nothing is decided in a route.
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { AdminDesk } from '../../operator/admin/desk.ts';
import { sessionEnd, type Visitor } from '../../operator/admin/web-sessions.ts';
import { WaitsFor } from '../../views/acts.tsx';
import { Navigation, NodeStateChip } from '../../views/layout.tsx';
import { accountPage, accountRoutes } from './account.ts';
import { actPage, actRoutes } from './acts.ts';
import { approvalPage, approvalsPage } from './approvals-page.ts';
import { assetResponse } from './assets.ts';
import { ceremoniesPage, ceremonyPage, ceremonyRoutes } from './ceremonies-page.ts';
import { depositAddressPage, depositPage, depositsPage } from './deposits-page.ts';
import { federationPage, incidentPage, incidentsPage } from './federation-page.ts';
import { type AdminEnv, guard } from './guard.ts';
import { houseRoutes } from './house-routes.ts';
import { keyRoutes, keysPage, unsealPage } from './keys-page.ts';
import { overviewPage } from './overview-page.ts';
import { type AdminPage, findPage, type PageRequest, pageRequest, type Status } from './page.ts';
import { payoutFileRoutes } from './payout-files.ts';
import { burnPage, feesPage, payoutsPage, stepPage } from './payouts-page.ts';
import { type AdminContext, framed, nodeState, outside } from './render.ts';
import { searchPage } from './search-page.ts';
import { auditPage, checklistPage, policyPage, securityPage, usersPage } from './security-page.ts';
import { visitorOf } from './session.ts';
import { setUpPage } from './set-up-page.ts';
import { signInRoutes } from './sign-in.ts';
import { StatusCache } from './status-cache.ts';
import { type StreamedPage, Streams } from './stream.ts';
import { systemPage } from './system-page.ts';

/** A report of the status is made so often while nobody looks, in ms. */
const WARM_MS = 10_000;
/** Largest form: an exported ceremony of many operators. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;

const PAGES: readonly AdminPage[] = [
  ...[overviewPage, accountPage, actPage],
  ...[federationPage, incidentsPage, incidentPage],
  ...[securityPage, checklistPage, usersPage, policyPage, auditPage, systemPage],
  ...[approvalsPage, approvalPage, depositsPage, depositAddressPage, depositPage],
  ...[payoutsPage, feesPage, stepPage, burnPage, searchPage],
  ...[ceremoniesPage, ceremonyPage, keysPage, unsealPage, setUpPage],
];

/** What the web admin is made of. */
export interface AdminAppInput {
  readonly desk: AdminDesk;
  /** Host names by which it may be reached, besides those of this machine itself. */
  readonly hosts: ReadonlySet<string>;
  /** Told of every fault of the program; the page says only that there was one. */
  readonly onFault: (error: unknown) => void;
  /** How this program is started, for work in a process of its own. */
  readonly program?: readonly string[];
}

/** A running web admin. */
export interface AdminApp {
  readonly app: Hono<AdminEnv>;
  /** Ends all streams, and what is done while nobody looks. */
  close(): void;
}

/** Makes the app. */
export function createAdminApp({ desk, hosts, onFault, program = [] }: AdminAppInput): AdminApp {
  const { effects } = desk.node.input;
  const cache = new StatusCache(
    () => desk.read('status', {}),
    () => effects.monotonic(),
  );
  const streams = new Streams();
  const wakers = new Set<() => void>();
  const site: Site = { desk, cache, streams, onFault, wakers };
  const app = new Hono<AdminEnv>();
  app.use(guard(hosts));
  app.use(
    bodyLimit({
      maxSize: BODY_BYTES_MAX,
      onError: () => outside(desk, { title: 'Too large', content: TOO_LARGE }, 413),
    }),
  );
  app.get(
    '/assets/*',
    (c) => assetResponse(new URL(c.req.url).pathname, c.req.header('accept-encoding') ?? '') ?? c.notFound(),
  );
  app.route('/', signInRoutes(desk));
  // Everything from here on is for people who are signed in.
  app.use(async (c, next) => {
    const visitor = await visitorOf(c, desk, new URL(c.req.url).pathname !== '/events');
    if (visitor === null) return notSignedIn(c);
    c.set('visitor', visitor);
    return next();
  });
  app.get('/events', (c) => events(site, c));
  const onAct = (): void => {
    cache.drop();
    for (const wake of wakers) wake();
  };
  app.route('/', actRoutes({ desk, status: () => cache.get(), onAct }));
  app.route(
    '/',
    accountRoutes(desk, () => cache.get()),
  );
  app.route('/', houseRoutes({ desk, status: () => cache.get(), program }));
  app.route('/', payoutFileRoutes(desk));
  app.route('/', ceremonyRoutes(desk));
  app.route('/', keyRoutes({ desk, status: () => cache.get(), onAct }));
  app.get('*', (c) => page(site, c));
  app.notFound(async (c) => notFound(site, c));
  app.onError((error) => {
    onFault(error);
    return outside(desk, { title: 'A fault of the program', content: FAULT }, 500);
  });
  cache.keepWarm();
  const stopWarming = effects.every(WARM_MS, () => cache.keepWarm());
  const close = (): void => {
    stopWarming();
    streams.close();
  };
  return { app, close };
}

interface Site {
  readonly desk: AdminDesk;
  readonly cache: StatusCache;
  readonly streams: Streams;
  readonly onFault: (error: unknown) => void;
  readonly wakers: Set<() => void>;
}

const TOO_LARGE = 'What you sent exceeds 4 MiB, so nothing was read: send less.';
const FAULT =
  'Nothing is known to be wrong with the node itself. Its log says more; going back and trying again is safe.';

// A page is asked for again after signing in; what a script asks for is not redirected, as it would follow for ever.
function notSignedIn(c: AdminContext): Response {
  const url = new URL(c.req.url);
  const isPage = c.req.method === 'GET' && url.pathname !== '/events' && c.req.header('hx-request') === undefined;
  if (!isPage)
    return new Response('<p>You are signed out.</p>', { status: 401, headers: { 'content-type': 'text/html' } });
  const next = url.pathname + url.search;
  return c.redirect(next === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(next)}`, 303);
}

async function page(site: Site, c: AdminContext): Promise<Response> {
  const { desk, cache } = site;
  const url = new URL(c.req.url);
  const found = findPage(PAGES, url.pathname);
  const visitor = c.get('visitor');
  if (found === null) return notFound(site, c);
  const request = requestOf(site, visitor, await cache.get(), url, found.named);
  const parts = await found.page.parts(request);
  if (parts === null) return notFound(site, c);
  const { nav, title, passkeys = false } = found.page;
  const search = url.searchParams.get('q');
  return framed(desk, visitor, request.status, {
    ...{ title: title(request), nav, parts, passkeys, live: url.pathname + url.search },
    ...(search !== null && { search }),
  });
}

async function notFound({ desk, cache }: Site, c: AdminContext): Promise<Response> {
  const visitor = await visitorOf(c, desk, false);
  if (visitor === null) return outside(desk, { title: 'Not found', content: 'There is no such page.' }, 404);
  const text = 'There is no such page, or what it was about is no longer known. Take an entry of the navigation.';
  const parts = [{ id: 'missing', view: WaitsFor({ text }) }];
  return framed(desk, visitor, await cache.get(), { title: 'Not found', nav: null, parts, live: null }, 404);
}

function requestOf(
  { desk }: Site,
  visitor: Visitor,
  status: Status,
  url: URL,
  path: Readonly<Record<string, string>>,
): PageRequest {
  return pageRequest({ desk, visitor, status, now: desk.node.input.effects.now(), query: url.searchParams, path });
}

async function events(site: Site, c: AdminContext): Promise<Response> {
  const { desk, cache, streams, onFault, wakers } = site;
  const url = new URL(c.req.query('page') ?? '/', 'https://localhost');
  const found = findPage(PAGES, url.pathname);
  const visitor = c.get('visitor');
  if (found === null) return new Response('', { status: 404 });
  const streamed = async (): Promise<StreamedPage | null> => {
    const status = await cache.get();
    const parts = await found.page.parts(requestOf(site, visitor, status, url, found.named));
    if (parts === null) return null;
    const node = nodeState(desk, status);
    const frame = { 'node-state': NodeStateChip({ node }), nav: Navigation({ nav: found.page.nav, node }) };
    return { parts, frame };
  };
  const opened = streams.open(
    {
      session: visitor.session,
      page: streamed,
      sessionEnds: async () => {
        const now = await visitorOf(c, desk, false);
        return now === null || now.role !== visitor.role ? null : sessionEnd(now);
      },
      now: () => desk.node.input.effects.now(),
      onChange: (listener) => {
        const forget = desk.acts.onChange(listener);
        wakers.add(listener);
        return () => {
          forget();
          wakers.delete(listener);
        };
      },
      onFault,
    },
    c.req.raw.signal,
  );
  if (opened === null) return new Response('', { status: 503, headers: { 'retry-after': '20' } });
  c.env.keepOpen?.();
  return opened;
}
