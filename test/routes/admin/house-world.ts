// People at the pages of a node, each in a browser of their own, who ask for acts and see how they end.
import type { ActState } from '../../../operator/admin/acts.ts';
import type { UserRole } from '../../../store/schema-users.ts';
import type { AdminWorld, Browser } from './admin-world.ts';

/** Somebody who is signed in. */
export class Person {
  readonly user: string;
  readonly browser: Browser;
  readonly #world: AdminWorld;

  private constructor(world: AdminWorld, user: string, browser: Browser) {
    this.#world = world;
    this.user = user;
    this.browser = browser;
  }

  static async join(world: AdminWorld, user: string, role: UserRole): Promise<Person> {
    await world.join(user, role);
    return new Person(world, user, await world.signedIn(user));
  }

  /** A page's HTML; it has to be there. */
  async page(path: string): Promise<string> {
    const response = await this.browser.get(path);
    if (response.status !== 200) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
    return response.text();
  }

  /** Asks for an act and returns the path of its page. */
  async ask(command: string, fields: Readonly<Record<string, string>>): Promise<string> {
    return pathOf(await this.browser.post(`/acts/new/${command}`, fields));
  }

  /** The same with a file. */
  async askWithFile(command: string, files: Readonly<Record<string, File>>): Promise<string> {
    return pathOf(await this.browser.postFiles(`/acts/new/${command}`, files));
  }

  /** Confirms an act of one's own, and waits until it has ended. */
  async confirm(path: string): Promise<void> {
    const digest = this.#world.desk.acts.report(idOf(path))?.digest ?? '';
    const response = await this.browser.post(`${path}/confirm`, { digest, code: this.#world.code(this.user) });
    if (response.status !== 303) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
    await ended(this.#world, path);
  }
}

/** How an act ended; waits until it has. */
export async function ended({ desk }: AdminWorld, path: string): Promise<ActState | undefined> {
  const state = (): ActState | undefined => desk.acts.report(idOf(path))?.state;
  const isOver = (): boolean => state()?.kind !== 'running';
  const over = Promise.withResolvers<void>();
  const forget = desk.acts.onChange(() => isOver() && over.resolve());
  if (!isOver()) await over.promise;
  forget();
  return state();
}

async function pathOf(response: Response): Promise<string> {
  const path = response.headers.get('location');
  if (path === null) throw new Error(`the act answers ${response.status}: ${await response.text()}`);
  return path;
}

function idOf(path: string): string {
  return path.split('/').at(-1) ?? '';
}
