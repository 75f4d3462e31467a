// The session of a request: the cookie that names it, and who it belongs to.
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { AdminDesk } from '../../operator/admin/desk.ts';
import type { Visitor, WebOrigin } from '../../operator/admin/web-sessions.ts';
import type { AdminContext } from './render.ts';

/** Cookies ignore ports, and several nodes may run on one machine: the name carries the node's index and network. */
export function cookieName({ config }: AdminDesk['node']): string {
  return `__Host-mpc-${config.network}-${config.myIndex}`;
}

/** Who asks; null where nobody is signed in. `touches`: whether a person has asked for something. */
export async function visitorOf(c: AdminContext, desk: AdminDesk, touches: boolean): Promise<Visitor | null> {
  const token = getCookie(c, cookieName(desk.node));
  return token === undefined ? null : desk.visitor(token, touches);
}

/** Gives the browser the token of a session that has just begun. */
export function beginCookie(c: AdminContext, desk: AdminDesk, token: string): void {
  setCookie(c, cookieName(desk.node), token, { path: '/', secure: true, httpOnly: true, sameSite: 'Strict' });
}

export function endCookie(c: AdminContext, desk: AdminDesk): void {
  deleteCookie(c, cookieName(desk.node), { path: '/', secure: true });
}

/** Where a request comes from, for the session and the audit log. */
export function originOf(c: AdminContext): WebOrigin {
  return { address: c.env.address, browser: c.req.header('user-agent') ?? '' };
}

/** A path of this node to go to after signing in; anything else is the overview. */
export function safeNext(next: string): string {
  return /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(next) && next.length <= 2_000 ? next : '/';
}
