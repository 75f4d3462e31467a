// Signing in and out, accounts made from a link, and what a reset code lets a person set anew.
import { Hono } from 'hono';
import { renderSVG } from 'uqr';
import { SIGN_IN_REFUSED } from '../../operator/accounts/accounts.ts';
import type { AdminDesk, Enrolled } from '../../operator/admin/desk.ts';
import { sentence } from '../../views/overview.tsx';
import { BackupCodes, Join, NoUsers, Reset, ResetTotp, SignIn, SignInLink } from '../../views/sign-in.tsx';
import { clientOf, RateLimit } from '../rate-limit.ts';
import { passkeyAnswer, readForm, siteOf, textField } from './form.ts';
import type { AdminEnv } from './guard.ts';
import { type AdminContext, outside } from './render.ts';
import { beginCookie, endCookie, originOf, safeNext, visitorOf } from './session.ts';

/** Attempts of one address: some at once, then one every 6 s; each account has its own growing delay besides. */
const ATTEMPTS = { burst: 10, perSecond: 1 / 6, addressesMax: 1_000 };
const TOO_MANY = 'There were too many attempts from this address: wait a minute and try again.';
const NOT_SIGNED_IN = `${sentence(SIGN_IN_REFUSED)}`;

/** The routes of people who are not signed in. */
export function signInRoutes(desk: AdminDesk): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  const attempts = new RateLimit(ATTEMPTS, () => desk.node.input.effects.monotonic());
  const tooMany = (c: AdminContext): boolean => attempts.take(clientOf(c.env.address, null)) > 0;

  app.get('/sign-in', async (c) => {
    if (!(await desk.hasUsers())) return outside(desk, { title: 'No users yet', content: NoUsers() });
    if ((await visitorOf(c, desk, false)) !== null) return c.redirect('/', 303);
    return signInPage(desk, { fault: null, user: '', next: c.req.query('next') ?? '/' });
  });
  app.post('/sign-in', async (c) => {
    const form = await readForm(c);
    const given = {
      user: textField(form, 'user'),
      password: textField(form, 'password'),
      code: textField(form, 'code'),
    };
    const next = textField(form, 'next');
    if (tooMany(c)) return signInPage(desk, { fault: TOO_MANY, user: given.user, next }, 429);
    const token = await desk.signIn(given, originOf(c));
    if (token === null) return signInPage(desk, { fault: NOT_SIGNED_IN, user: given.user, next }, 401);
    return begun(c, desk, token, next);
  });
  app.post('/sign-in/passkey/options', async (c) => {
    if (tooMany(c)) return c.json({ error: TOO_MANY }, 429);
    if (!(await desk.hasUsers())) return c.json({ error: 'There are no users yet.' }, 401);
    return c.json(await desk.withPasskeys((passkeys) => passkeys.signInOptions(siteOf(c))));
  });
  app.post('/sign-in/passkey', async (c) => {
    const form = await readForm(c);
    const answer = passkeyAnswer(textField(form, 'passkey'));
    const next = textField(form, 'next');
    if (tooMany(c)) return signInPage(desk, { fault: TOO_MANY, user: '', next }, 429);
    const token = answer === null ? null : await desk.signInByPasskey(answer, siteOf(c), originOf(c));
    if (token === null) {
      const fault = 'This passkey is not known here, or its account is disabled: sign in with password and code.';
      return signInPage(desk, { fault, user: '', next }, 401);
    }
    return begun(c, desk, token, next);
  });
  app.post('/sign-out', async (c) => {
    const visitor = await visitorOf(c, desk, false);
    if (visitor !== null) await desk.signOut(visitor);
    endCookie(c, desk);
    return c.redirect('/sign-in', 303);
  });
  joinRoutes(app, desk, tooMany);
  resetRoutes(app, desk, tooMany);
  return app;
}

function signInPage(
  desk: AdminDesk,
  told: { readonly fault: string | null; readonly user: string; readonly next: string },
  code = 200,
): Response {
  const content = SignIn({ ...told, next: safeNext(told.next) });
  return outside(desk, { title: 'Sign in', content, passkeys: true }, code);
}

// The session of before ends with its cookie: a new one has a new token.
function begun(c: AdminContext, desk: AdminDesk, token: string, next: string): Response {
  beginCookie(c, desk, token);
  return c.redirect(safeNext(next), 303);
}

function joinRoutes(app: Hono<AdminEnv>, desk: AdminDesk, tooMany: (c: AdminContext) => boolean): void {
  const gone = (): Response =>
    outside(
      desk,
      { title: 'This link is over', content: 'It was used, has expired, or the node was started again.' },
      410,
    );
  const page = (token: string, fault: string | null, given: string, code = 200): Response => {
    const invited = desk.invited(token);
    if (invited === null) return gone();
    const { user, role, enrolment } = invited;
    const action = `/join/${encodeURIComponent(token)}`;
    const content = Join({ user, role, ...drawn(enrolment), fault, given, action });
    return outside(desk, { title: user === null ? 'Make the first account' : 'Make your account', content }, code);
  };
  app.get('/join/:token', (c) => (tooMany(c) ? gone() : page(c.req.param('token'), null, '')));
  app.post('/join/:token', async (c) => {
    const form = await readForm(c);
    const token = c.req.param('token');
    const [user, password, code] = [textField(form, 'user'), textField(form, 'password'), textField(form, 'code')];
    if (tooMany(c)) return page(token, TOO_MANY, user, 429);
    if (password !== textField(form, 'again')) return page(token, 'The two passwords differ.', user, 422);
    try {
      const codes = await desk.join(token, { user, password, code });
      const next = SignInLink({ text: 'I have saved them: sign in' });
      return outside(desk, { title: 'Your backup codes', content: BackupCodes({ codes, next }) });
    } catch (error) {
      return page(token, toldOr(desk, error), user, 422);
    }
  });
}

function resetRoutes(app: Hono<AdminEnv>, desk: AdminDesk, tooMany: (c: AdminContext) => boolean): void {
  const page = (told: { readonly fault: string | null; readonly done: string | null }, code = 200): Response =>
    outside(desk, { title: 'Set something anew', content: Reset(told) }, code);
  app.get('/reset', () => page({ fault: null, done: null }));
  app.post('/reset/password', async (c) => {
    const form = await readForm(c);
    if (tooMany(c)) return page({ fault: TOO_MANY, done: null }, 429);
    const [user, code] = [textField(form, 'user'), textField(form, 'code')];
    try {
      const given = { user, code, reset_code: textField(form, 'reset_code'), password: textField(form, 'password') };
      await desk.reset('user-set-password', given);
      return page({ fault: null, done: 'The password is set: sign in with it.' });
    } catch (error) {
      return page({ fault: toldOr(desk, error), done: null }, 422);
    }
  });
  const totpPage = (user: string, resetCode: string, enrolment: Enrolled, fault: string | null, code = 200): Response =>
    outside(
      desk,
      { title: 'A new authenticator app', content: ResetTotp({ user, resetCode, ...drawn(enrolment), fault }) },
      code,
    );
  app.post('/reset/totp', async (c) => {
    const form = await readForm(c);
    if (tooMany(c)) return page({ fault: TOO_MANY, done: null }, 429);
    const user = textField(form, 'user');
    return totpPage(user, textField(form, 'reset_code'), desk.newEnrolment(user), null);
  });
  app.post('/reset/totp/confirm', async (c) => {
    const form = await readForm(c);
    if (tooMany(c)) return page({ fault: TOO_MANY, done: null }, 429);
    const [user, secret] = [textField(form, 'user'), textField(form, 'totp_secret')];
    const resetCode = textField(form, 'reset_code');
    const given = { user, reset_code: resetCode, password: textField(form, 'password'), code: textField(form, 'code') };
    try {
      const { backup_codes: codes } = await desk.reset('user-set-totp', { ...given, totp_secret: secret });
      const next = SignInLink({ text: 'I have saved them: sign in' });
      return outside(desk, { title: 'Your new backup codes', content: BackupCodes({ codes, next }) });
    } catch (error) {
      const enrolment = desk.sameEnrolment(user, secret) ?? desk.newEnrolment(user);
      return totpPage(user, resetCode, enrolment, toldOr(desk, error), 422);
    }
  });
}

function drawn({ secret, uri }: Enrolled): { readonly qr: string; readonly secret: string } {
  return { qr: renderSVG(uri, { border: 2 }), secret };
}

/** What an error says to the person, as a sentence; throws what is a fault of the program. */
export function toldOr(desk: AdminDesk, error: unknown): string {
  const told = desk.told(error);
  if (told === null) throw error;
  return sentence(told.message);
}
