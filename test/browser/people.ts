// People at real browsers: each with a browser of their own, the system's Chromium, and codes of their own.
import { base32nopad } from '@scure/base';
import { generateSync } from 'otplib';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { DevnetOperator } from '../../devnet/operator.ts';
import { until } from '../../devnet/until.ts';

const PATIENCE_MS = 60_000;

/** Where the system's Chromium is; null where there is none, and then these tests are skipped. */
export const CHROMIUM =
  process.env['CHROMIUM'] ?? Bun.which('chromium') ?? Bun.which('chromium-browser') ?? Bun.which('google-chrome');

/** Starts the browser. */
export function startBrowser(): Promise<Browser> {
  if (CHROMIUM === null) throw new Error('there is no Chromium');
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
}

/** The link that a server without users prints when it starts. */
export async function printedLink(operator: DevnetOperator): Promise<string> {
  let link = '';
  const isThere = async (): Promise<boolean> => {
    const log = await Bun.file(operator.logPath).text();
    link = [...log.matchAll(/"open":"(https:[^"]+)"/g)].at(-1)?.[1] ?? '';
    return link !== '';
  };
  await until(() => `operator ${operator.index} prints its link`, isThere, {
    timeoutMs: PATIENCE_MS,
    signal: new AbortController().signal,
  });
  return link;
}

/** Somebody at a browser. */
export class Person {
  readonly user: string;
  readonly context: BrowserContext;
  readonly page: Page;
  readonly base: string;
  /** What the browser's console complained of, violations of the page's policy among it. */
  readonly complaints: string[] = [];
  #codes: string[] = [];
  #secret = '';

  private constructor(user: string, context: BrowserContext, page: Page, base: string) {
    this.user = user;
    this.context = context;
    this.page = page;
    this.base = base;
    page.on('console', (message) => {
      // A refused form answers with its own status, and a node that is down with nothing: browsers log both as errors.
      const isExpected = /Failed to load resource|htmx:sse:error/.test(message.text());
      if (message.type() === 'error' && !isExpected) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(error.message));
  }

  /** Makes an account from a link, as its person does, and signs in with the first backup code. */
  static async join(
    browser: Browser,
    link: string,
    user: string,
    options: BrowserContextOptions = {},
  ): Promise<Person> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const person = new Person(user, context, page, new URL(link).origin);
    await page.goto(link);
    person.#secret = ((await page.locator('fieldset code').textContent()) ?? '').replaceAll(' ', '');
    if (await page.locator('input[name="user"]:not([type="hidden"])').isVisible()) await page.fill('#f-user', user);
    await page.fill('#f-password', person.password);
    await page.fill('#f-again', person.password);
    await page.fill('#f-code', person.totp());
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByText('These codes are shown once.').waitFor();
    person.#codes = await page.locator('.words code').allTextContents();
    await page.getByRole('link', { name: 'I have saved them: sign in' }).click();
    await person.signIn();
    return person;
  }

  get password(): string {
    return `gravel tulip canoe of ${this.user}`;
  }

  /** What the phone shows now. */
  totp(): string {
    return generateSync({
      secret: base32nopad.encode(base32nopad.decode(this.#secret)),
      epoch: Math.floor(Date.now() / 1000),
    });
  }

  /** A backup code that was not used: the phone's next code would have to be waited for. */
  code(): string {
    const code = this.#codes.shift();
    if (code === undefined) throw new Error(`${this.user} has no codes left`);
    return code;
  }

  /** Signs in on the page for it. */
  async signIn(): Promise<void> {
    const { page } = this;
    await page.fill('#f-user', this.user);
    await page.fill('#f-password', this.password);
    await page.fill('#f-code', this.code());
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.locator('.nav').waitFor();
  }

  async goto(path: string): Promise<void> {
    await this.page.goto(`${this.base}${path}`);
  }

  /** Asks for an act by its form, and confirms it where it has to be; the page of the act is open then. */
  async act(command: string, fields: Readonly<Record<string, string | boolean>> = {}): Promise<void> {
    const { page } = this;
    await this.goto(`/acts/new/${command}`);
    for (const [name, value] of Object.entries(fields)) {
      const field = page.locator(`main [name="${name}"]`).first();
      if (typeof value === 'boolean') await field.setChecked(value);
      else if ((await field.evaluate((one) => one.tagName)) === 'SELECT') await field.selectOption(value);
      else await field.fill(value);
    }
    await page.locator('main form button.main').click();
    await page.waitForURL(/\/acts\/[0-9a-f]{32}$/);
    if ((await page.locator('#f-code').count()) > 0) await this.confirm();
  }

  /** Confirms the act whose page is open. */
  async confirm(): Promise<void> {
    await this.page.fill('#f-code', this.code());
    await this.page.locator('form[action$="/confirm"] button.main').click();
    await this.page.locator('#f-code').waitFor({ state: 'detached' });
  }

  /** Waits until the act whose page is open is done; throws with what the page says where it fails. */
  async done(timeout = PATIENCE_MS): Promise<void> {
    const { page } = this;
    const over = page.locator('#part-outcome .notice');
    await over.first().waitFor({ timeout });
    const said = (await over.allTextContents()).join(' ');
    if (!said.includes('Done.')) throw new Error(`${this.user}: ${said}`);
  }
}
