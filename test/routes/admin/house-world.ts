// The web admin of a node that was just set up, without a listener: people join and sign in, and pages are asked for.
import { base32nopad } from '@scure/base';
import { generateSync } from 'otplib';
import type { ActState } from '../../../operator/admin/acts.ts';
import { AdminDesk } from '../../../operator/admin/desk.ts';
import type { OperatorConfig } from '../../../operator/config/config.ts';
import { closeNode, type Node, openNode } from '../../../operator/node.ts';
import { CommandError } from '../../../operator/runtime/command-error.ts';
import { systemEffects } from '../../../operator/runtime/effects.ts';
import { createAdminApp } from '../../../routes/admin/app.ts';
import { cookieName } from '../../../routes/admin/session.ts';
import type { UserRole } from '../../../store/schema-users.ts';
import { SetUpNodes } from '../../operator/set-up-nodes.ts';

const BASE = 'https://localhost:1';
const ADDRESS = { address: '127.0.0.1' };

/** Somebody who is signed in. */
interface Person {
  readonly user: string;
  readonly cookie: string;
  readonly secret: Uint8Array;
}

/** One node with its pages. */
export class HouseWorld {
  readonly nodes: SetUpNodes;
  readonly config: OperatorConfig;
  readonly node: Node;
  readonly desk: AdminDesk;
  readonly faults: unknown[] = [];
  readonly #app: ReturnType<typeof createAdminApp>;
  readonly #people = new Map<string, Person>();
  readonly #clock: { now: number };

  private constructor(nodes: SetUpNodes, config: OperatorConfig, clock: { now: number }) {
    this.nodes = nodes;
    this.config = config;
    this.#clock = clock;
    const input = nodes.inputOf(config);
    this.node = openNode({ ...input, env: { ...input.env, MPC_OPERATOR_ARGON2_KIB: '8' } });
    const onFault = (error: unknown): void => void this.faults.push(error);
    this.desk = new AdminDesk(this.node, {
      told: (error) => (error instanceof CommandError ? { code: error.code, message: error.message } : null),
      onFault: (_command, error) => onFault(error),
    });
    this.#app = createAdminApp({ desk: this.desk, hosts: new Set(), onFault });
  }

  static async make(): Promise<HouseWorld> {
    const nodes = await SetUpNodes.make();
    const clock = { now: Date.now() };
    nodes.effects = { ...systemEffects, now: () => clock.now };
    return new HouseWorld(nodes, await nodes.init(0), clock);
  }

  async close(): Promise<void> {
    this.#app.close();
    await closeNode(this.node);
    await this.nodes.close();
  }

  /** Somebody of a role joins by an invitation and signs in. */
  async join(user: string, role: UserRole): Promise<void> {
    const token = this.desk.invitations.add({ user, role, by: this.#people.size === 0 ? null : 'ada' });
    const secret = base32nopad.decode(this.desk.invited(token)?.enrolment.secret.replaceAll(' ', '') ?? '');
    const password = `violin harbour teapot of ${user}`;
    await this.desk.join(token, { user, password, code: this.#code(secret) });
    const origin = { ...ADDRESS, browser: 'test' };
    const session = await this.desk.signIn({ user, password, code: this.#code(secret) }, origin);
    if (session === null) throw new Error(`${user} cannot sign in`);
    this.#people.set(user, { user, secret, cookie: `${cookieName(this.node)}=${session}` });
  }

  /** A code that was not used yet: each step of time has one. */
  code(user: string): string {
    return this.#code(this.#person(user).secret);
  }

  #code(secret: Uint8Array): string {
    this.#clock.now += 30_000;
    return generateSync({ secret, epoch: Math.floor(this.#clock.now / 1000) });
  }

  #person(user: string): Person {
    const person = this.#people.get(user);
    if (person === undefined) throw new Error(`${user} has not joined`);
    return person;
  }

  async get(user: string, path: string): Promise<Response> {
    return this.#app.app.fetch(new Request(`${BASE}${path}`, { headers: this.#headers(user) }), ADDRESS);
  }

  /** A page's HTML; it has to be there. */
  async page(user: string, path: string): Promise<string> {
    const response = await this.get(user, path);
    if (response.status !== 200) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
    return response.text();
  }

  async post(user: string, path: string, fields: Readonly<Record<string, string | File>>): Promise<Response> {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    const headers = { ...this.#headers(user), origin: BASE };
    return this.#app.app.fetch(new Request(`${BASE}${path}`, { method: 'POST', headers, body }), ADDRESS);
  }

  /** Asks for an act and returns the path of its page. */
  async ask(user: string, command: string, fields: Readonly<Record<string, string | File>>): Promise<string> {
    const response = await this.post(user, `/acts/new/${command}`, fields);
    const path = response.headers.get('location');
    if (path === null) throw new Error(`${command} answers ${response.status}: ${await response.text()}`);
    return path;
  }

  /** Confirms an act of one's own, and waits until it has ended. */
  async confirm(user: string, path: string): Promise<void> {
    const id = path.split('/').at(-1) ?? '';
    const digest = this.desk.acts.report(id)?.digest ?? '';
    const response = await this.post(user, `${path}/confirm`, { digest, code: this.code(user) });
    if (response.status !== 303) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
    await this.ended(path);
  }

  /** How an act ended; waits until it has. */
  async ended(path: string): Promise<ActState | undefined> {
    const id = path.split('/').at(-1) ?? '';
    const state = (): ActState | undefined => this.desk.acts.report(id)?.state;
    const isOver = (): boolean => state()?.kind !== 'running';
    const ended = Promise.withResolvers<void>();
    const forget = this.desk.acts.onChange(() => isOver() && ended.resolve());
    if (!isOver()) await ended.promise;
    forget();
    return state();
  }

  #headers(user: string): Record<string, string> {
    return { host: 'localhost:1', cookie: this.#person(user).cookie };
  }
}
