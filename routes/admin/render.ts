// Answers with whole pages: the frame around parts for people who are signed in, a plain page for others.
import type { Context } from 'hono';
import type { Child } from 'hono/jsx';
import type { AdminDesk } from '../../operator/admin/desk.ts';
import { sessionEnd, type Visitor } from '../../operator/admin/web-sessions.ts';
import type { Tone } from '../../views/kit.tsx';
import { Frame, type NavKey, type NodeState, Outside, PartBox } from '../../views/layout.tsx';
import { ASSETS } from './assets.ts';
import type { AdminEnv } from './guard.ts';
import type { Part, Status } from './page.ts';

/** A request to the web admin. */
export type AdminContext = Context<AdminEnv>;

/** A page for somebody who is signed in. */
export interface FramedPage {
  readonly title: string;
  readonly nav: NavKey | null;
  readonly parts: readonly Part[];
  /** The path and query whose parts the stream sends; null: none. */
  readonly live: string | null;
  readonly passkeys?: boolean;
  readonly search?: string;
}

/** Answers with a page. `code`: the HTTP status. */
export function framed(desk: AdminDesk, visitor: Visitor, status: Status, page: FramedPage, code = 200): Response {
  const { title, nav, parts, live, passkeys = false, search } = page;
  const view = Frame({
    ...{ title, nav, passkeys, user: visitor.user, role: visitor.role, assets: ASSETS },
    node: nodeState(desk, status),
    stream: live === null ? null : `/events?page=${encodeURIComponent(live)}`,
    sessionEnds: sessionEnd(visitor),
    now: desk.node.input.effects.now(),
    ...(search !== undefined && { search }),
    children: parts.map(({ id, view: content, isHalf = false }) => PartBox({ id, isHalf, children: content })),
  });
  return html(view, code);
}

/** Answers with a page for somebody who is not signed in. */
export function outside(
  desk: AdminDesk,
  page: { readonly title: string; readonly content: Child; readonly passkeys?: boolean },
  code = 200,
): Response {
  const { network, name } = desk.node.config;
  const { title, content, passkeys = false } = page;
  return html(Outside({ title, assets: ASSETS, network, name, passkeys, children: content }), code);
}

function html(view: Child, status: number): Response {
  return new Response(`<!DOCTYPE html>${String(view)}`, {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
  });
}

/** What the header and the navigation show of the node. */
export function nodeState(desk: AdminDesk, status: Status): NodeState {
  const { name, my_index: index, network, version } = status;
  const [word, tone, shape] = stateWord(status);
  const { withdrawals, ceremonies, problems, burns_waiting, deposits } = status;
  return {
    ...{ name, index, network, version, word, tone, shape },
    counts: {
      overview: problems.length,
      approvals: desk.acts.awaitingSecond().length,
      deposits: deposits['seen'] ?? 0,
      payouts: burns_waiting + (withdrawals['signed'] ?? 0),
      ceremonies: ceremonies.length,
    },
  };
}

// A state is a word, a shape and a colour.
function stateWord({ sealed, problems, service, scan, key_id }: Status): readonly [string, Tone, string] {
  const codes = new Set(problems.map(({ code }) => code));
  if (codes.has('database_damaged')) return ['Halted', 'bad', '⬣'];
  if (sealed) return ['Sealed', 'idle', '⚿'];
  if (service.paused_since !== null) return ['Paused', 'warn', '‖'];
  if (codes.has('state_regressed')) return ['Halted', 'bad', '⬣'];
  if (key_id === null) return ['No key yet', 'info', '◌'];
  if (scan === null) return ['Starting', 'info', '◐'];
  if (scan.height < scan.tip) return ['Scanning', 'warn', '↻'];
  return ['Live', 'ok', '●'];
}
