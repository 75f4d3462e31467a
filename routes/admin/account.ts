// A person's own account: passkeys are registered and removed, sessions are seen and ended.
import { Hono } from 'hono';
import type { AdminDesk } from '../../operator/admin/desk.ts';
import { sessionEnd, type Visitor } from '../../operator/admin/web-sessions.ts';
import { CommandError } from '../../operator/runtime/command-error.ts';
import { AccountFacts, PasskeyList, SessionList } from '../../views/account.tsx';
import { readForm, registrationAnswer, siteOf, textField } from './form.ts';
import type { AdminEnv } from './guard.ts';
import type { AdminPage, Part, Status } from './page.ts';
import { type AdminContext, framed } from './render.ts';
import { originOf, safeNext } from './session.ts';
import { toldOr } from './sign-in.ts';

async function accountParts(desk: AdminDesk, visitor: Visitor, fault: string | null): Promise<readonly Part[] | null> {
  const { users } = await desk.read('user-list', {});
  const user = users.find((one) => one.user === visitor.user);
  if (user === undefined) return null;
  const passkeys = await desk.withPasskeys((all) => all.list(visitor.user));
  const sessions = await desk.withSessions((all) => all.list(visitor));
  const sessionEnds = new Date(sessionEnd(visitor)).toISOString();
  return [
    { id: 'account', view: AccountFacts({ user, sessionEnds }), isStill: true },
    { id: 'passkeys', view: PasskeyList({ passkeys, fault }), isStill: true },
    { id: 'sessions', view: SessionList({ sessions }), isStill: true },
  ];
}

/** The page of the own account. */
export const accountPage: AdminPage = {
  pattern: '/account',
  nav: null,
  title: () => 'Your account',
  passkeys: true,
  parts: ({ desk, visitor }) => accountParts(desk, visitor, null),
};

/** The routes of the own account, for people who are signed in. */
export function accountRoutes(desk: AdminDesk, status: () => Promise<Status>): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.post('/session/extend', async (c) => {
    // The visit itself has extended it; back to where the person was.
    const from = c.req.header('referer') ?? '';
    const { pathname, search } = new URL(URL.canParse(from) ? from : 'https://localhost/');
    return c.redirect(safeNext(pathname + search), 303);
  });
  app.post('/account/passkeys/options', async (c) => {
    const { user } = c.get('visitor');
    const { name } = desk.node.config;
    return c.json(await desk.withPasskeys((all) => all.registrationOptions(user, siteOf(c), name)));
  });
  app.post('/account/passkeys', async (c) => {
    const visitor = c.get('visitor');
    const form = await readForm(c);
    try {
      await addPasskey(desk, visitor, c, textField(form, 'name'), textField(form, 'code'), textField(form, 'passkey'));
      return c.redirect('/account', 303);
    } catch (error) {
      const parts = (await accountParts(desk, visitor, toldOr(desk, error))) ?? [];
      const page = { title: 'Your account', nav: null, parts, live: null, passkeys: true };
      return framed(desk, visitor, await status(), page, 422);
    }
  });
  app.post('/account/passkeys/remove', async (c) => {
    const visitor = c.get('visitor');
    const id = textField(await readForm(c), 'id');
    const isGone = await desk.withPasskeys((all) => all.remove(visitor.user, id));
    if (isGone) desk.note('passkey_removed', { user: visitor.user, from: originOf(c).address });
    return c.redirect('/account', 303);
  });
  app.post('/account/sessions/end', async (c) => {
    const visitor = c.get('visitor');
    const id = textField(await readForm(c), 'id');
    await desk.withSessions((all) => all.end(visitor, id));
    return c.redirect('/account', 303);
  });
  app.post('/account/sessions/end-others', async (c) => {
    const visitor = c.get('visitor');
    await desk.withSessions((all) => all.endOthers(visitor));
    return c.redirect('/account', 303);
  });
  return app;
}

async function addPasskey(
  desk: AdminDesk,
  visitor: Visitor,
  c: AdminContext,
  name: string,
  code: string,
  text: string,
): Promise<void> {
  const answer = registrationAnswer(text);
  if (answer === null) throw new CommandError('passkey_refused', 'the browser sent no passkey: press the button again');
  await desk.prove(visitor, code);
  await desk.withPasskeys((all) => all.register(visitor.user, name, answer, siteOf(c)));
  desk.note('passkey_added', { user: visitor.user, name, from: originOf(c).address });
}
