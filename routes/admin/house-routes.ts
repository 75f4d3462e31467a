// What the pages of Federation, Security and System offer besides acts: downloads, an invitation that is shown once, the log verified.
import { Hono } from 'hono';
import { mayDo } from '../../operator/accounts/permissions.ts';
import type { AdminDesk } from '../../operator/admin/desk.ts';
import { invite, inviteFaults } from '../../operator/admin/invite.ts';
import { makeReportFile, readReportQuestion } from '../../operator/admin/report-file.ts';
import { auditLines, auditVerifyInTurns } from '../../operator/audit-reports.ts';
import { dateOf } from '../../operator/reporting/period.ts';
import { ResetCode } from '../../views/act-results-house.tsx';
import { WaitsFor } from '../../views/acts.tsx';
import { AuditVerdict } from '../../views/audit.tsx';
import { sentence } from '../../views/overview.tsx';
import { InviteLink } from '../../views/users.tsx';
import { ownCardText } from './federation-page.ts';
import { readForm, siteOf, textField } from './form.ts';
import type { AdminEnv } from './guard.ts';
import type { Part, Status } from './page.ts';
import { type AdminContext, framed } from './render.ts';
import { userParts } from './security-page.ts';
import { originOf } from './session.ts';
import { toldOr } from './sign-in.ts';
import { systemParts } from './system-page.ts';

/** What these routes need besides the desk. */
export interface HouseRoutesInput {
  readonly desk: AdminDesk;
  readonly status: () => Promise<Status>;
  /** How this program is started, for reports. */
  readonly program: readonly string[];
}

/** The routes, for people who are signed in. */
export function houseRoutes(input: HouseRoutesInput): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  const { desk, status } = input;
  app.get('/federation/card', async (c) => {
    const { card, fault } = await ownCardText({ desk });
    if (card === null) {
      const parts = [{ id: 'card', view: WaitsFor({ text: sentence(fault ?? 'there is no card yet') }) }];
      const page = { title: 'Your card', nav: 'federation', parts, live: null } as const;
      return framed(desk, c.get('visitor'), await status(), page, 409);
    }
    const { network, myIndex } = desk.node.config;
    return download(`${card.text}\n`, `card-${network}-${myIndex}.json`, 'application/json');
  });
  app.post('/security/users/invite', (c) => invited(c, input));
  app.post('/security/audit/verify', async (c) => {
    const report = await auditVerifyInTurns(desk.node.store.db, () => Bun.sleep(0));
    const parts = [{ id: 'verdict', view: AuditVerdict({ report }) }];
    const page = { title: 'Audit log', nav: 'security', parts, live: null } as const;
    return framed(desk, c.get('visitor'), await status(), page);
  });
  app.get('/security/audit/export', (c) => {
    const { network, myIndex } = desk.node.config;
    c.env.keepOpen?.();
    const lines = streamed(auditLines(desk.node.store.db));
    return download(lines, `audit-${network}-${myIndex}.jsonl`, 'application/jsonl');
  });
  app.post('/acts/:id/reveal', async (c) => {
    const result = desk.acts.takeUnseen(c.req.param('id'), c.get('visitor'));
    // It was shown before, belongs to somebody else, or its time is over.
    if (result === null) return c.redirect(`/acts/${encodeURIComponent(c.req.param('id'))}`, 303);
    const parts = [{ id: 'code', view: ResetCode({ result: JSON.parse(JSON.stringify(result)) }) }];
    const page = { title: 'Reset code', nav: 'security', parts, live: null } as const;
    return framed(desk, c.get('visitor'), await status(), page);
  });
  app.get('/system/report', (c) => report(c, input));
  return app;
}

const REPORT_TYPES = { html: 'text/html; charset=utf-8', md: 'text/markdown; charset=utf-8', json: 'application/json' };

async function report(c: AdminContext, { desk, status, program }: HouseRoutesInput): Promise<Response> {
  const visitor = c.get('visitor');
  const { config, input } = desk.node;
  const now = input.effects.now();
  const refused = async (fault: string, code: number): Promise<Response> => {
    const may = (action: Parameters<typeof mayDo>[1]): boolean => mayDo(visitor.role, action);
    const parts = await systemParts({ desk, status: await status(), now, may }, fault);
    return framed(desk, visitor, await status(), { title: 'System', nav: 'system', parts, live: null }, code);
  };
  const question = readReportQuestion(new URL(c.req.url).searchParams, now);
  if (!question.ok) return refused(question.fault, 422);
  c.env.keepOpen?.();
  try {
    const making = { program, config, home: input.home, signal: c.req.raw.signal };
    const { format, span } = question;
    const text = await makeReportFile(making, question);
    const days = `${dateOf(span.firstDay)}_${dateOf(span.lastDay)}`;
    return download(text, `report-${config.network}-${config.myIndex}-${days}.${format}`, REPORT_TYPES[format]);
  } catch (error) {
    return refused(toldOr(desk, error), 503);
  }
}

async function invited(c: AdminContext, { desk, status }: HouseRoutesInput): Promise<Response> {
  const visitor = c.get('visitor');
  const form = await readForm(c);
  const [user, role, code] = [textField(form, 'user').trim(), textField(form, 'role'), textField(form, 'code')];
  const page = async (parts: readonly Part[], code: number): Promise<Response> =>
    framed(desk, visitor, await status(), { title: 'Users', nav: 'security', parts, live: null }, code);
  const again = async (faults: Readonly<Record<string, string>>, refused: string | null, code: number) => {
    const may = (action: Parameters<typeof mayDo>[1]): boolean => mayDo(visitor.role, action);
    return page(await userParts({ desk, visitor, may }, { user, role, faults, refused }), code);
  };
  const faults = inviteFaults({ user, role });
  if (Object.keys(faults).length > 0) return again(faults, null, 422);
  try {
    const token = await invite(desk, visitor, { user, role, code }, originOf(c));
    const link = `${siteOf(c).origin}/join/${token}`;
    return await page([{ id: 'link', view: InviteLink({ user, role, link }) }], 200);
  } catch (error) {
    return again({}, toldOr(desk, error), 403);
  }
}

/** A file to save under this name, which is of letters, digits, dots and dashes alone. */
export function download(body: string | ReadableStream<Uint8Array>, name: string, type: string): Response {
  return new Response(body, {
    headers: { 'content-type': type, 'content-disposition': `attachment; filename="${name}"` },
  });
}

// Each text is made when the one before is on its way, so that a long log is never in memory as a whole.
function streamed(texts: Generator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull(controller) {
      const { value, done } = texts.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel() {
      texts.return(undefined);
    },
  });
}
