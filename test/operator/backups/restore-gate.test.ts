// Who may restore key material, by the accounts that are still there.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { join } from 'node:path';
import { authoriseRestore, recordActs } from '../../../operator/backups/restore-gate.ts';
import { checkConfig } from '../../../operator/config/config.ts';
import { draftConfig } from '../../../operator/config/config-write.ts';
import { systemEffects } from '../../../operator/runtime/effects.ts';
import { listAudit } from '../../../store/audit-log.ts';
import { openStore } from '../../../store/open.ts';
import { People, passwordOf } from '../accounts/people.ts';
import { codeOf } from '../custody.ts';

let people: People;
beforeEach(() => {
  people = new People();
});
afterEach(() => people.close());

function gate(single = false) {
  const addresses = ['a:1', 'b:1', 'c:1'];
  const more = {
    network: 'regtest',
    single_operator: single,
    user_db_path: 'users.db',
    security_db_path: 'security.db',
  } as const;
  const content = draftConfig({ parties: 3, threshold: 2, index: 1, addresses, more });
  const verdict = checkConfig(content, join(people.folder, 'config.json'), people.folder);
  if (!verdict.ok) throw new Error(verdict.problems[0]?.problem);
  const env = { MPC_OPERATOR_ARGON2_KIB: '8' };
  return { config: verdict.config, env, effects: { ...systemEffects, now: () => people.now } };
}

const shown = (...users: readonly string[]) =>
  users.map((user) => ({ user, password: new TextDecoder().decode(passwordOf(user)), code: people.code(user) }));

function audited(): readonly string[] {
  const store = openStore(gate().config.securityDbPath);
  const { rows } = listAudit(store.db, { limit: 10 });
  store.close();
  return rows.map(({ kind }) => kind).reverse();
}

test('where there are no users, nobody is asked', async () => {
  expect(await authoriseRestore(gate(), false, [])).toEqual([]);
});

test('the only user of a node restores it alone, and is named in the audit log of what was restored', async () => {
  await people.create('ada');
  expect(await codeOf(authoriseRestore(gate(), false, []))).toBe('sign_in_needed');
  const acts = await authoriseRestore(gate(), false, shown('ada'));
  expect(acts).toMatchObject([{ kind: 'act_authorised', body: { action: 'recover-key', by: 'ada' } }]);
  recordActs(gate(), acts);
  expect(audited()).toEqual(['act_authorised']);
});

test('where there are more users, it takes two of different roles, unless the configuration waives that', async () => {
  for (const [user, role] of [
    ['ada', 'admin'],
    ['eve', 'admin'],
    ['sam', 'security-officer'],
    ['olga', 'operator'],
  ] as const) {
    await people.create(user, role);
  }
  expect(await codeOf(authoriseRestore(gate(), false, shown('ada')))).toBe('second_person_needed');
  expect(await codeOf(authoriseRestore(gate(), false, shown('ada', 'eve')))).toBe('same_role');
  people.now += 60_000;
  expect(await authoriseRestore(gate(), false, shown('ada', 'sam'))).toMatchObject([
    { body: { by: 'ada', second: { user: 'sam' } } },
  ]);
  people.now += 60_000;
  const waived = await authoriseRestore(gate(true), false, shown('ada'));
  expect(waived).toMatchObject([{ body: { by: 'ada', exception: 'single_operator' } }]);
});

test('who is refused is in the audit log of a node whose database stays', async () => {
  await people.create('ada');
  await people.create('sam', 'security-officer');
  await people.create('olga', 'operator');
  expect(await codeOf(authoriseRestore(gate(), true, shown('olga', 'ada')))).toBe('not_permitted');
  expect(audited()).toEqual(['act_refused']);
});
