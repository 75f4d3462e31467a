// Takes the pictures of docs/screenshots: every page of the web admin in light and dark, on a devnet that has just run its story.
// Run it by `npm run screenshots`, and look at each.
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runStory } from '../../devnet/story.ts';
import { BINARY } from '../integration/federation.ts';
import { Person, printedLink, startBrowser } from './people.ts';

const FOLDER = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
const PAGES = [
  ['overview', '/'],
  ['approvals', '/approvals'],
  ['deposits', '/deposits'],
  ['payouts', '/payouts'],
  ['ceremonies', '/ceremonies'],
  ['keys', '/keys'],
  ['federation', '/federation'],
  ['incidents', '/federation/incidents'],
  ['security', '/security'],
  ['checklist', '/security/checklist'],
  ['users', '/security/users'],
  ['policy', '/security/policy'],
  ['audit', '/security/audit'],
  ['system', '/system'],
  ['account', '/account'],
  ['set-up', '/set-up'],
] as const;

process.env['MPC_OPERATOR_SCRYPT_WORK_FACTOR'] = '4';
process.env['MPC_OPERATOR_ARGON2_KIB'] = '8';
const { federation, story } = await runStory({ parties: 3, threshold: 2, binary: BINARY }, console.error);
if (federation === null || story.error !== null) throw new Error(story.error ?? 'the federation did not start');
const browser = await startBrowser();
try {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  const viewport = { width: 1200, height: 800 };
  const person = await Person.join(browser, await printedLink(federation.operator(0)), 'ada', { viewport });
  const { page } = person;
  const take = async (name: string): Promise<void> => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${FOLDER}${name}-${colorScheme}.png`, fullPage: true });
    }
  };
  for (const [name, path] of PAGES) {
    await person.goto(path);
    await page.locator('#live', { hasText: 'Current' }).waitFor();
    // Checks that take seconds come by the page's stream.
    await page.getByText('The checks are under way').waitFor({ state: 'detached' });
    await take(name);
  }
  await person.goto('/acts/new/emergency-pause');
  await page.fill('#f-reason', 'a drill');
  await page.locator('main form button.main').click();
  await page.locator('#f-code').waitFor();
  await take('act');
} finally {
  await browser.close();
  await federation.stop();
}
