// A web admin without a listener: a node in a folder of its own, people with phones, and browsers that keep cookies.
import { base32nopad } from '@scure/base';
import { generateSync } from 'otplib';
import { AdminDesk } from '../../../operator/admin/desk.ts';
import type { ConfigFile } from '../../../operator/config/config-keys.ts';
import type { Node } from '../../../operator/node.ts';
import { CommandError } from '../../../operator/runtime/command-error.ts';
import { systemEffects } from '../../../operator/runtime/effects.ts';
import { type AdminApp, createAdminApp } from '../../../routes/admin/app.ts';
import { filterAudit, type StoredAuditRow } from '../../../store/audit-log.ts';
import type { UserRole } from '../../../store/schema-users.ts';
import { SetUpNodes } from '../../operator/set-up-nodes.ts';

export const HOST = 'localhost:8443';
export const ORIGIN = `https://${HOST}`;

/** The password of somebody: strong, and another for each. */
export function passwordOf(user: string): string {
  return `gravel tulip canoe of ${user}`;
}

/** The node with its pages, and a clock that is set by hand. */
export class AdminWorld {
  now = Date.now();
  readonly faults: unknown[] = [];
  readonly #nodes: SetUpNodes;
  readonly node: Node;
  readonly desk: AdminDesk;
  readonly admin: AdminApp;
  readonly #secrets = new Map<string, string>();
  readonly backupCodes = new Map<string, readonly string[]>();

  private constructor(nodes: SetUpNodes, node: Node) {
    this.#nodes = nodes;
    this.node = node;
    const told = (error: unknown) =>
      error instanceof CommandError || (error instanceof Error && error.name === 'KeyFileError')
        ? { code: error instanceof CommandError ? error.code : error.name, message: error.message }
        : null;
    this.desk = new AdminDesk(node, { told, onFault: (_command, error) => this.faults.push(error) });
    this.admin = createAdminApp({ desk: this.desk, hosts: new Set(), onFault: (error) => this.faults.push(error) });
  }

  static async make(more: Partial<ConfigFile> = {}): Promise<AdminWorld> {
    const nodes = await SetUpNodes.make();
    let world: AdminWorld | null = null;
    const now = (): number => world?.now ?? Date.now();
    nodes.effects = { ...systemEffects, now, monotonic: now };
    const config = await nodes.init(0, more);
    const node = nodes.open(config, { ...nodes.inputOf(config).env, MPC_OPERATOR_ARGON2_KIB: '8' });
    world = new AdminWorld(nodes, node);
    return world;
  }

  /** Makes an account as its person does, from a link. */
  async join(user: string, role: UserRole): Promise<void> {
    const isFirst = !(await this.desk.hasUsers());
    const token = this.desk.invitations.add({ user: isFirst ? null : user, role, by: isFirst ? null : 'ada' });
    const secret = this.desk.invited(token)?.enrolment.secret ?? '';
    this.#secrets.set(user, secret.replaceAll(' ', ''));
    const codes = await this.desk.join(token, { user, password: passwordOf(user), code: this.code(user) });
    this.backupCodes.set(user, codes);
  }

  /** A code that somebody's phone shows, and that was not used before. */
  code(user: string): string {
    this.now += 30_000;
    const secret = base32nopad.decode(this.#secrets.get(user) ?? '');
    return generateSync({ secret, epoch: Math.floor(this.now / 1000) });
  }

  /** A browser of somebody who has signed in. */
  async signedIn(user: string): Promise<Browser> {
    const browser = new Browser(this);
    const answer = await browser.post('/sign-in', { user, password: passwordOf(user), code: this.code(user) });
    if (answer.status !== 303) throw new Error(`${user} cannot sign in: ${answer.status}`);
    return browser;
  }

  /** The newest entries of the audit log of a kind, newest first. */
  audited(kind: string): readonly StoredAuditRow[] {
    return filterAudit(this.node.store.db, { kinds: [kind] }, { limit: 20 }).rows;
  }

  close(): Promise<void> {
    this.admin.close();
    this.desk.close();
    return this.#nodes.close();
  }
}

/** A browser: it keeps cookies, and says where its requests come from. */
export class Browser {
  readonly #world: AdminWorld;
  readonly cookies = new Map<string, string>();

  constructor(world: AdminWorld) {
    this.#world = world;
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.#ask(path, { method: 'GET', headers });
  }

  /** Posts a form, from a page of this very site unless the headers say otherwise. */
  post(
    path: string,
    fields: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = { origin: ORIGIN, 'sec-fetch-site': 'same-origin' },
  ): Promise<Response> {
    const body = new URLSearchParams(fields).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#ask(path, { method: 'POST', headers: { ...type, ...headers }, body });
  }

  async #ask(path: string, init: RequestInit & { headers: Readonly<Record<string, string>> }): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { host: HOST, ...(cookie !== '' && { cookie }), ...init.headers };
    const request = new Request(`${ORIGIN}${path}`, { ...init, headers });
    const answer = await this.#world.admin.app.fetch(request, { address: '127.0.0.1' });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return answer;
  }
}
