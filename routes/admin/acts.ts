// Acts in the browser: the form, the page that shows what will happen and takes the second factor, and what became of it.
import { Hono } from 'hono';
import type { Json } from '../../crypto/canonical-json.ts';
import { type ActCommand, actDefinition, isActCommand } from '../../operator/admin/act-definitions.ts';
import { type FieldFaults, type FormFields, readActForm } from '../../operator/admin/act-form.ts';
import type { ActReport, ConfirmVerdict } from '../../operator/admin/acts.ts';
import { backupFile, withoutFile } from '../../operator/admin/backup-download.ts';
import type { AdminDesk } from '../../operator/admin/desk.ts';
import type { Visitor } from '../../operator/admin/web-sessions.ts';
import { actFields } from '../../views/act-fields.tsx';
import { RevealOnce } from '../../views/act-results-house.tsx';
import { ActForm, ActSummary, Changed, Confirm, Outcome, WaitsFor } from '../../views/acts.tsx';
import { readForm, shownBy, siteOf, textField } from './form.ts';
import type { AdminEnv } from './guard.ts';
import type { AdminPage, Part, Status } from './page.ts';
import { type AdminContext, framed } from './render.ts';
import { originOf } from './session.ts';
import { toldOr } from './sign-in.ts';

/** What these routes need besides the desk. */
export interface ActRoutesInput {
  readonly desk: AdminDesk;
  readonly status: () => Promise<Status>;
  /** Told that something was done, so that pages show it at once. */
  readonly onAct: () => void;
}

/** The page of one act, live while it is under way. */
export const actPage: AdminPage = {
  pattern: '/acts/:id',
  nav: null,
  title: ({ desk, path }) => desk.acts.report(path['id'] ?? '')?.title ?? 'Act',
  passkeys: true,
  parts: async ({ desk, visitor, path }) => {
    const act = desk.acts.report(path['id'] ?? '');
    return act === null ? null : actParts(desk, visitor, act, null);
  },
};

async function actParts(
  desk: AdminDesk,
  visitor: Visitor,
  act: ActReport,
  fault: string | null,
): Promise<readonly Part[]> {
  const parts: Part[] = [{ id: 'act', view: ActSummary({ act }) }];
  const { kind } = act.state;
  if (kind !== 'asked' && kind !== 'awaits_second') {
    const outcome = { id: 'outcome', view: Outcome({ act, result: resultOf(act, visitor) }) };
    const secret = desk.acts.hasUnseen(act.id, visitor) ? [{ id: 'secret', view: RevealOnce({ id: act.id }) }] : [];
    return [...parts, outcome, ...secret];
  }
  const isSecond = kind === 'awaits_second';
  if (isSecond === (act.by === visitor.user)) {
    const text = isSecond
      ? `A second person of another role has to confirm this until ${act.expires_at.slice(11, 16)}Z. They find it under Approvals.`
      : `${act.by} has asked for this, and has to confirm it first.`;
    return [...parts, { id: 'confirm', view: WaitsFor({ text: fault ?? text }) }];
  }
  const hasPasskeys = (await desk.withPasskeys((passkeys) => passkeys.list(visitor.user))).length > 0;
  return [...parts, { id: 'confirm', view: Confirm({ act, isSecond, hasPasskeys, fault }), isStill: true }];
}

// What came of it is for whoever asked; what is secret of it is shown once, at their request.
function resultOf(act: ActReport, visitor: Visitor): Json | null {
  return act.state.kind === 'done' && act.by === visitor.user ? withoutFile(act.state.result) : null;
}

/** The routes of acts, for people who are signed in. */
export function actRoutes({ desk, status, onAct }: ActRoutesInput): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get('/acts/new/:command', async (c) => {
    const command = c.req.param('command');
    if (!isActCommand(command)) return c.notFound();
    const given = new Map(Object.entries(c.req.queries()));
    return formPage(desk, c.get('visitor'), await status(), command, given, {}, null);
  });
  app.post('/acts/new/:command', async (c) => {
    const command = c.req.param('command');
    if (!isActCommand(command)) return c.notFound();
    const visitor = c.get('visitor');
    const form = await readForm(c);
    return asked(c, { desk, status, onAct }, visitor, command, form);
  });
  app.get('/acts/:id/file', async (c) => {
    const file = await backupFile(desk, desk.acts.report(c.req.param('id')), c.get('visitor'));
    if (file === null) return c.notFound();
    return new Response(file.bytes, {
      headers: {
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename="${file.name}"`,
      },
    });
  });
  app.post('/acts/:id/passkey', async (c) => {
    const visitor = c.get('visitor');
    const digest = desk.acts.digest(c.req.param('id'));
    if (digest === null) return c.json({ error: 'This act is not known any more: ask for it again.' }, 404);
    const site = siteOf(c);
    return c.json(await desk.withPasskeys((passkeys) => passkeys.actOptions(visitor.user, site, digest)));
  });
  app.post('/acts/:id/withdraw', async (c) => {
    const id = c.req.param('id');
    const visitor = c.get('visitor');
    const isDone = tryTo(desk, () => desk.acts.withdraw(id, visitor));
    if (isDone.fault === null) return c.redirect(`/acts/${id}`, 303);
    return refused(desk, visitor, await status(), id, isDone.fault, 403);
  });
  app.post('/acts/:id/confirm', async (c) => {
    const id = c.req.param('id');
    const visitor = c.get('visitor');
    const form = await readForm(c);
    const shown = shownBy(c, form);
    let verdict: ConfirmVerdict;
    try {
      verdict = await desk.confirm(id, visitor, textField(form, 'digest'), originOf(c), shown);
    } catch (error) {
      return refused(desk, visitor, await status(), id, toldOr(desk, error), 403);
    }
    if (verdict.kind === 'refused') return refused(desk, visitor, await status(), id, verdict.message, 401);
    if (verdict.kind === 'changed') return changed(desk, visitor, await status(), id, verdict);
    onAct();
    return c.redirect(`/acts/${id}`, 303);
  });
  return app;
}

function tryTo<T>(desk: AdminDesk, run: () => T): { readonly value: T | null; readonly fault: string | null } {
  try {
    return { value: run(), fault: null };
  } catch (error) {
    return { value: null, fault: toldOr(desk, error) };
  }
}

async function asked<C extends ActCommand>(
  c: AdminContext,
  { desk, status, onAct }: ActRoutesInput,
  visitor: Visitor,
  command: C,
  form: FormFields,
): Promise<Response> {
  const verdict = readActForm(command, form);
  if (!verdict.ok) return formPage(desk, visitor, await status(), command, form, verdict.faults, null, 422);
  try {
    const id = await desk.ask(visitor, command, verdict.params, originOf(c));
    onAct();
    return c.redirect(`/acts/${id}`, 303);
  } catch (error) {
    return formPage(desk, visitor, await status(), command, form, {}, toldOr(desk, error), 403);
  }
}

function formPage(
  desk: AdminDesk,
  visitor: Visitor,
  status: Status,
  command: ActCommand,
  form: FormFields,
  faults: FieldFaults,
  refusedBy: string | null,
  code = 200,
): Response {
  const { title, fields } = actDefinition(command);
  const names = Object.keys(fields);
  const values = Object.fromEntries([...form].map(([name, given]) => [name, given.join('\n')]));
  const view = ActForm({ command, title, fields: actFields(command, names, values, faults), refused: refusedBy });
  return framed(
    desk,
    visitor,
    status,
    { title, nav: null, parts: [{ id: 'form', view, isStill: true }], live: null },
    code,
  );
}

async function refused(
  desk: AdminDesk,
  visitor: Visitor,
  status: Status,
  id: string,
  fault: string,
  code: number,
): Promise<Response> {
  const act = desk.acts.report(id);
  const parts =
    act === null ? [{ id: 'confirm', view: WaitsFor({ text: fault }) }] : await actParts(desk, visitor, act, fault);
  const title = act?.title ?? 'Act';
  return framed(desk, visitor, status, { title, nav: null, parts, live: null, passkeys: true }, code);
}

async function changed(
  desk: AdminDesk,
  visitor: Visitor,
  status: Status,
  id: string,
  { before, after }: Extract<ConfirmVerdict, { kind: 'changed' }>,
): Promise<Response> {
  const act = desk.acts.report(id);
  const difference = Changed({ before: JSON.stringify(before, null, 2), after: JSON.stringify(after, null, 2) });
  const parts = act === null ? [] : await actParts(desk, visitor, act, null);
  const page = { title: act?.title ?? 'Act', nav: null, live: null, passkeys: true };
  return framed(desk, visitor, status, { ...page, parts: [{ id: 'changed', view: difference }, ...parts] }, 409);
}
