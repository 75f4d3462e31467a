// The web admin in real browsers, on a federation of compiled executables and a real Bitcoin node: three organisations set their
// nodes up, make keys, take a deposit and pay a burn, each by its own pages alone.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser } from 'playwright-core';
import { z } from 'zod';
import { fromHex } from '../../crypto/bytes.ts';
import type { Federation } from '../../devnet/federation.ts';
import { newRecipient } from '../../devnet/steps.ts';
import { START_TIMEOUT_MS, startOperators, TEST_TIMEOUT_MS } from '../integration/federation.ts';
import { CHROMIUM, Person, printedLink, startBrowser } from './people.ts';

const recipient = newRecipient();
const PAGES = [
  '/',
  '/approvals',
  '/deposits',
  '/payouts',
  '/ceremonies',
  '/keys',
  '/federation',
  '/security',
  '/system',
];

let federation: Federation;
let browser: Browser;
const people: Person[] = [];
let sam: Person;

function at(index: number): Person {
  const person = people[index];
  if (person === undefined) throw new Error(`nobody sits at node ${index}`);
  return person;
}

const everybody = <T>(run: (person: Person, index: number) => Promise<T>): Promise<T[]> => Promise.all(people.map(run));

describe.skipIf(CHROMIUM === null)('three organisations at their browsers', () => {
  beforeAll(async () => {
    process.env['MPC_OPERATOR_ARGON2_KIB'] = '8';
    browser = await startBrowser();
    // Two of them are run by one person each; at the first, some acts take two people.
    federation = await startOperators({ more: { automatic: true, single_operator: true } });
    const first = federation.operator(0);
    await first.configure({ single_operator: false });
    await first.stop();
    await first.start();
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    await federation?.stop();
  }, START_TIMEOUT_MS);

  const story = (claim: string, run: () => Promise<void>): void => test(claim, run, TEST_TIMEOUT_MS);

  story('make their first accounts from the links that the servers print, each of which works once', async () => {
    for (const operator of federation.operators) {
      const link = await printedLink(operator);
      people.push(await Person.join(browser, link, 'ada'));
      const again = await at(operator.index).context.newPage();
      expect((await again.goto(link))?.status()).toBe(410);
      await again.close();
    }
  });

  story('give each other their cards, whose words they read aloud before they confirm', async () => {
    const cards = await Promise.all(federation.operators.map((one) => one.control('peer-export', {})));
    await everybody(async (person, index) => {
      for (const [of, { card, fingerprint }] of cards.entries()) {
        if (of === index) continue;
        await person.goto('/acts/new/peer-add');
        await person.page.locator('main textarea[name="card"]').fill(JSON.stringify(card));
        await person.page.locator('main form button.main').click();
        await person.page.locator('#f-code').waitFor();
        expect(await person.page.locator('main').textContent()).toContain(fingerprint);
        await person.confirm();
        await person.done();
      }
    });
  });

  story('rehearse, then make the keys, and see the ceremony end without loading a page again', async () => {
    for (const [ceremony_id, rehearsal] of [
      ['by-browser-rehearsal', true],
      ['by-browser', false],
    ] as const) {
      await everybody((person) => person.act('dkg', { ceremony_id, rehearsal, wait_s: '60' }));
      await everybody((person) => person.done());
    }
    const { keys } = await federation.operator(0).control('key-info', {});
    const [key] = keys;
    expect([keys.length, key?.ceremony_id]).toEqual([1, 'by-browser']);
    federation.ledger.setAttestationKey(fromHex(key?.attestation_public_key ?? ''));
    await at(0).goto('/keys');
    expect(await at(0).page.locator('main').textContent()).toContain(key?.key_id ?? 'no key');
  });

  story(
    'open the treasury and enable the service, where two people are needed with the second in a session of their own',
    async () => {
      const { address, confirmations_needed: needed } = await federation.operator(0).control('treasury', {});
      await federation.wallet.send(address, 200_000n);
      await federation.bitcoin.mine(needed);
      await at(0).act('treasury-open', { wait_s: '60' });
      await at(0).done();
      const invite = at(0);
      await invite.goto('/security/users');
      await invite.page.locator('form[action="/security/users/invite"] [name="user"]').fill('sam');
      await invite.page.locator('form[action="/security/users/invite"] [name="role"]').selectOption('security-officer');
      await invite.page.locator('form[action="/security/users/invite"] [name="code"]').fill(invite.code());
      await invite.page.locator('form[action="/security/users/invite"] button').click();
      const link = /https:\/\/localhost:\d+\/join\/[A-Za-z0-9_-]{43}/.exec(
        (await invite.page.locator('main').textContent()) ?? '',
      );
      sam = await Person.join(browser, link?.[0] ?? '', 'sam');
      await everybody((person) => person.act('enable-service'));
      await at(1).done();
      await at(2).done();
      expect(await at(0).page.locator('main').textContent()).toContain('A second person of another role');
      await sam.goto('/approvals');
      await sam.page.locator('main a[href^="/acts/"]').first().click();
      await sam.confirm();
      await sam.done();
    },
  );

  story(
    'watch a deposit of a stranger being attested and minted, and a burn being paid, without loading a page again',
    async () => {
      await everybody((person) => person.act('deposit-address', { recipient }));
      await everybody((person) => person.done());
      const { address } = await depositAddressShown();
      await at(1).goto('/deposits');
      const { txid } = await federation.wallet.send(address, 5_000_000n);
      await federation.bitcoin.mine(6);
      const row = at(1).page.locator('main tr', { hasText: txid });
      await row.filter({ hasText: /minted/i }).waitFor();
      await at(2).goto('/payouts');
      const burn = federation.ledger.burn({
        ...{ recipient, btcAddress: await federation.wallet.newAddress(), amount: 1_000_000n, fee: 5_000n },
      });
      federation.ledger.addBlocks(6);
      await at(2).page.locator('main', { hasText: burn.burn_txid }).waitFor();
      const paid = async (): Promise<boolean> => {
        const { withdrawals } = await federation.operator(2).control('withdrawals', { limit: 10, offset: 0 });
        return withdrawals.some(({ burns }) => burns.some(({ burn_txid }) => burn_txid === burn.burn_txid));
      };
      while (!(await paid())) await Bun.sleep(100);
    },
  );

  story('see within 20 s that a node is gone, and that it is back', async () => {
    const { page } = at(0);
    await at(0).goto('/');
    await page.locator('#live', { hasText: 'Current' }).waitFor();
    await federation.operator(2).stop();
    await page.locator('#part-federation tr', { hasText: 'operator-2' }).filter({ hasText: 'Unreachable' }).waitFor();
    await federation.operator(2).start();
    await page.locator('#part-federation tr', { hasText: 'operator-2' }).filter({ hasText: 'Live' }).waitFor();
  });

  story('see that their own page is stale while their node is down, and current again once it is back', async () => {
    const { page } = at(1);
    await at(1).goto('/');
    await page.locator('#live', { hasText: 'Current' }).waitFor();
    await federation.operator(1).kill();
    await page.locator('#live', { hasText: 'Stale since' }).waitFor({ timeout: 20_000 });
    await federation.operator(1).start();
    await page.locator('#live', { hasText: 'Current' }).waitFor();
  });

  story('register a passkey, sign in with it, and confirm an act with it', async () => {
    const { page, context } = at(2);
    const session = await context.newCDPSession(page);
    await session.send('WebAuthn.enable');
    await session.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true },
        ...{ isUserVerified: true, automaticPresenceSimulation: true },
      },
    });
    await at(2).goto('/account');
    await page.fill('#f-name', 'laptop');
    await page.fill('#f-code', at(2).code());
    await page.getByRole('button', { name: 'Register a passkey' }).click();
    await page.getByRole('row', { name: /laptop/ }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.locator('.nav').waitFor();
    await at(2).goto('/acts/new/emergency-pause');
    await page.fill('#f-reason', 'a drill');
    await page.locator('main form button.main').click();
    await page.getByRole('button', { name: 'Use a passkey instead' }).click();
    await at(2).done();
    await page.locator('#node-state', { hasText: 'Paused' }).waitFor();
    await at(2).act('emergency-resume');
    await at(2).done();
  });

  story('sign out, and neither the back button nor the old page shows anything', async () => {
    const { page } = at(1);
    await at(1).goto('/payouts');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    await page.goBack();
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    await at(1).signIn();
  });

  story('find no page that breaks the rules of accessibility (WCAG 2.2 AA), in light and in dark', async () => {
    const found: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await at(0).page.emulateMedia({ colorScheme });
      for (const path of PAGES) {
        await at(0).goto(path);
        const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
        const { violations } = await new AxeBuilder({ page: at(0).page }).withTags(tags).analyze();
        for (const { id, nodes } of violations)
          found.push(`${colorScheme} ${path} ${id}: ${nodes[0]?.html.slice(0, 160)}`);
      }
    }
    expect(found).toEqual([]);
  });

  story('find every link answered, whoever follows it, and no page wider than a small phone', async () => {
    for (const person of [at(0), sam]) {
      const seen = new Set<string>();
      const waiting = [...PAGES];
      while (waiting.length > 0 && seen.size < 80) {
        const path = waiting.shift() ?? '/';
        if (seen.has(path)) continue;
        seen.add(path);
        const answer = await person.context.request.get(`${person.base}${path}`);
        expect([path, answer.status()]).toEqual([path, 200]);
        const links = [...(await answer.text()).matchAll(/href="(\/[^"#?]*)/g)].map(([, to = '/']) => to);
        waiting.push(...links.filter((to) => !/^\/(assets|sign-in)/.test(to)));
      }
    }
    await at(0).page.setViewportSize({ width: 320, height: 640 });
    for (const path of PAGES) {
      await at(0).goto(path);
      const wide = await at(0).page.evaluate<number>('document.documentElement.scrollWidth');
      expect([path, wide]).toEqual([path, 320]);
    }
    await at(0).page.setViewportSize({ width: 1280, height: 900 });
  });

  story('work without JavaScript too: sign in, look, ask, confirm', async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${at(1).base}/payouts`);
    await page.fill('#f-user', 'ada');
    await page.fill('#f-password', at(1).password);
    await page.fill('#f-code', at(1).code());
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    expect(new URL(page.url()).pathname).toBe('/payouts');
    await page.goto(`${at(1).base}/acts/new/test-signing`);
    await page.fill('#f-message', 'without JavaScript');
    await page.locator('main form button.main').click();
    await page.waitForURL(/\/acts\/[0-9a-f]{32}$/);
    while (!((await page.locator('main').textContent()) ?? '').includes('Done.')) {
      await page.reload();
      await Bun.sleep(100);
    }
    await context.close();
  });

  story('hear no complaint of their browsers, of the pages’ policy least of all', async () => {
    for (const person of [...people, sam]) expect([person.user, person.complaints]).toEqual([person.user, []]);
  });
});

/** What the act's page tells of the deposit address. */
async function depositAddressShown(): Promise<{ readonly address: string }> {
  const text = (await at(0).page.locator('main').textContent()) ?? '';
  const address = /bcrt1p[a-z0-9]{58}/.exec(text.replaceAll(' ', ''))?.[0] ?? '';
  return z.object({ address: z.string().min(1) }).parse({ address });
}
