import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Accounts, RESET_MS, SIGN_IN_REFUSED, type SignIn, withAccounts } from '../../../operator/accounts/accounts.ts';
import { PASSWORD_COST, PasswordHasher } from '../../../operator/accounts/password-hash.ts';
import { secretFromText } from '../../../operator/accounts/totp.ts';
import { CHEAP, People, passwordOf, STEP_MS } from './people.ts';

let people: People;
beforeEach(() => {
  people = new People();
});
afterEach(() => people.close());

const refused: SignIn = { ok: false, locked: null };

async function refusal(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'none';
  } catch (error) {
    return error instanceof Error && 'code' in error ? `${error.code}: ${error.message}` : String(error);
  }
}

describe('signing in', () => {
  test('takes the password and a code of now, one step ago or one step ahead', async () => {
    await people.create('ada');
    people.now += 10 * STEP_MS;
    for (const steps of [-1, 0, 1]) {
      const person = { user: 'ada', role: 'admin' as const };
      expect(await people.signIn('ada', { code: people.code('ada', steps) })).toEqual({
        ok: true,
        person,
        factor: 'totp',
      });
    }
    people.now += 10 * STEP_MS;
    for (const steps of [-2, 2])
      expect(await people.signIn('ada', { code: people.code('ada', steps) })).toEqual(refused);
  });

  test('takes no code twice, nor an earlier one, nor the one that confirmed the secret', async () => {
    const { now } = people;
    await people.create('ada');
    people.now = now;
    expect(await people.signIn('ada')).toEqual(refused);
    people.now += 10 * STEP_MS;
    const [earlier, code] = [people.code('ada', -1), people.code('ada')];
    expect((await people.signIn('ada', { code })).ok).toBe(true);
    expect(await people.signIn('ada', { code })).toEqual(refused);
    expect(await people.signIn('ada', { code: earlier })).toEqual(refused);
  });

  test('takes one code once where two ask with it at the same time', async () => {
    await people.create('ada');
    const code = people.code('ada');
    const verdicts = await Promise.all([1, 2, 3].map(() => people.signIn('ada', { code })));
    expect(verdicts.filter(({ ok }) => ok)).toHaveLength(1);
  });

  test('takes a backup code once, as it was copied or typed', async () => {
    await people.create('ada');
    const codes = people.backupCodes.get('ada') ?? [];
    expect(codes).toHaveLength(10);
    expect(new Set(codes).size).toBe(10);
    const [first = '', second = ''] = codes;
    expect((await people.signIn('ada', { code: first })).ok).toBe(true);
    expect(await people.signIn('ada', { code: first })).toEqual(refused);
    expect((await people.signIn('ada', { code: ` ${second.toUpperCase().replaceAll('-', ' ')}` })).ok).toBe(true);
    expect(people.accounts.list()[0]?.backupCodes).toBe(8);
  });

  test('takes nothing of another account: neither its password nor its codes', async () => {
    await people.create('ada');
    await people.create('bob');
    expect(await people.signIn('bob', { password: passwordOf('ada') })).toEqual(refused);
    expect(await people.signIn('bob', { code: people.code('ada') })).toEqual(refused);
    expect(await people.signIn('bob', { code: people.backupCodes.get('ada')?.[0] ?? '' })).toEqual(refused);
  });

  test('takes no code that is malformed, and no empty password', async () => {
    await people.create('ada');
    for (const code of ['', '1', '12345678', 'abcdef', '１２３４５６']) {
      people.accounts.unlock('ada');
      expect(await people.signIn('ada', { code })).toEqual(refused);
    }
    people.accounts.unlock('ada');
    expect(await people.signIn('ada', { password: new Uint8Array() })).toEqual(refused);
  });

  test('of an account that is disabled is refused, also with everything right', async () => {
    await people.create('ada');
    await people.create('bob', 'operator');
    people.accounts.change('bob', { state: 'disabled' });
    expect(await people.signIn('bob')).toEqual(refused);
    people.accounts.change('bob', { state: 'active' });
    expect((await people.signIn('bob')).ok).toBe(true);
  });
});

describe('nobody learns which accounts there are:', () => {
  test('for an unknown user, a wrong password, a wrong code, a locked and a disabled account one password is hashed', async () => {
    for (const name of ['ada', 'bob', 'eve']) await people.create(name);
    people.accounts.change('bob', { state: 'disabled' });
    for (let at = 0; at < 5; at++) await people.signIn('eve', { code: '000000' });
    const { checks } = people.hasher;
    const cases: readonly (readonly [string, Partial<{ password: Uint8Array; code: string }>])[] = [
      ['nobody', {}],
      ['ada', { password: passwordOf('x') }],
      ['ada', { code: '000000' }],
      ['bob', {}],
      ['eve', {}],
    ];
    for (const [user, shown] of cases) {
      const before = checks.length;
      const verdict = await people.accounts.signIn({
        ...{ user, password: passwordOf(user), code: people.code(user) },
        ...shown,
      });
      expect(verdict).toEqual(refused);
      expect(checks.length - before).toBe(1);
    }
    expect(SIGN_IN_REFUSED).not.toContain('ada');
  });

  test('what is hashed for an unknown user costs what the hash of an account costs', async () => {
    const decoyed: string[] = [];
    const verify = Bun.password.verify;
    Bun.password.verify = async (_password, hash) => {
      decoyed.push(String(hash));
      return true;
    };
    try {
      // A decoy that the password happens to fit opens nothing.
      expect(await new PasswordHasher().matches(passwordOf('nobody'), null)).toBe(false);
    } finally {
      Bun.password.verify = verify;
    }
    const { memoryKib, passes } = PASSWORD_COST;
    expect(decoyed[0]).toStartWith(`$argon2id$v=19$m=${memoryKib},t=${passes},p=1$`);
    expect({ memoryKib, passes }).toEqual({ memoryKib: 65_536, passes: 3 });
  });

  test('at most two passwords are hashed at once, and all are answered', async () => {
    const verify = Bun.password.verify;
    let [running, most] = [0, 0];
    Bun.password.verify = async () => {
      running += 1;
      most = Math.max(most, running);
      await Bun.sleep(0);
      running -= 1;
      return true;
    };
    try {
      const hasher = new PasswordHasher(CHEAP);
      const right = await Promise.all(Array.from({ length: 9 }, () => hasher.matches(passwordOf('a'), '$argon2id$')));
      expect(right).toEqual(Array.from({ length: 9 }, () => true));
    } finally {
      Bun.password.verify = verify;
    }
    expect(most).toBe(2);
  });
});

describe('guessing', () => {
  test('locks an account at the fifth failure, then for twice as long each time, up to an hour', async () => {
    await people.create('ada');
    const locks: number[] = [];
    for (let at = 0; at < 14; at++) {
      const verdict = await people.signIn('ada', { code: '000000' });
      if (!verdict.ok && verdict.locked !== null) {
        locks.push((verdict.locked.until - people.now) / 1000);
        people.now = verdict.locked.until;
      }
    }
    expect(locks).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
  });

  test('is not faster where many guess at once: each attempt counts before it is checked', async () => {
    await people.create('ada');
    await Promise.all(Array.from({ length: 50 }, () => people.signIn('ada', { password: passwordOf('x') })));
    expect(people.accounts.list()[0]).toMatchObject({ failures: 5, lockedUntil: people.now + 30_000 });
    expect(people.hasher.checks.filter((one) => one === 'account')).toHaveLength(5);
  });

  test('of a locked account does not prolong the lock; after it the right person gets in and starts anew', async () => {
    await people.create('ada');
    for (let at = 0; at < 20; at++) await people.signIn('ada', { code: '000000' });
    expect(await people.signIn('ada')).toEqual(refused);
    people.now += 30_000;
    expect((await people.signIn('ada')).ok).toBe(true);
    expect(people.accounts.list()[0]).toMatchObject({ failures: 0, lockedUntil: null });
  });

  test('does not lock other accounts, and `unlock` ends a lock', async () => {
    await people.create('ada');
    await people.create('bob');
    for (let at = 0; at < 6; at++) await people.signIn('bob', { code: '000000' });
    expect((await people.signIn('ada')).ok).toBe(true);
    people.accounts.unlock('bob');
    expect((await people.signIn('bob')).ok).toBe(true);
  });

  test('of a reset code counts as well', async () => {
    await people.create('ada');
    people.accounts.reset('ada', 'password', 'ada');
    const resetCode = '0000-0000-0000-0000';
    for (let at = 0; at < 5; at++) {
      const given = { user: 'ada', password: passwordOf('ada', 2), resetCode };
      expect(await people.accounts.setPassword({ ...given, code: people.code('ada') })).toBe(false);
    }
    expect(people.accounts.list()[0]?.lockedUntil).toBe(people.now + 30_000);
  });
});

describe('an account', () => {
  test('is not stored before its first code was right', async () => {
    const enrolment = { ...people.enrolment('ada'), code: '000000' };
    const made = { user: 'ada', role: 'admin' as const, password: passwordOf('ada'), ...enrolment };
    expect(await refusal(() => people.accounts.create(made))).toContain('totp_code: the code is not of the new secret');
    expect(people.accounts.count()).toBe(0);
  });

  test('has a strong password, a name of its own, and an admin before it', async () => {
    const made = (user: string, password: Uint8Array, role: 'admin' | 'operator' = 'admin') =>
      refusal(() => people.accounts.create({ user, role, password, ...people.enrolment(user) }));
    expect(await made('bob', passwordOf('bob'), 'operator')).toContain('first_admin');
    expect(await made('ada', new TextEncoder().encode('Password1234'))).toContain('weak_password');
    for (const name of ['', 'Ada', '-a', 'a/b', 'x'.repeat(33)]) {
      expect(await made(name, passwordOf('ada'))).toContain('user_name');
    }
    expect(await made('ada', passwordOf('ada'))).toBe('none');
    expect(await made('ada', passwordOf('ada'))).toContain('user_exists');
  });

  test('keeps password, secret and codes in no file as they are', async () => {
    const enrolment = people.enrolment('ada');
    const password = passwordOf('ada');
    const codes = await people.accounts.create({ user: 'ada', role: 'admin', password, ...enrolment });
    people.store.close();
    const path = people.input.config.userDbPath;
    const kept = Buffer.concat(['', '-wal'].map((suffix) => readOrEmpty(`${path}${suffix}`)));
    expect(kept.includes('ada')).toBe(true);
    const secret = secretFromText(enrolment.totpSecret) ?? new Uint8Array(1);
    for (const planted of [
      password,
      secret,
      enrolment.totpSecret,
      enrolment.totpSecret.replaceAll(' ', ''),
      ...codes,
    ]) {
      expect(kept.includes(typeof planted === 'string' ? planted : Buffer.from(planted))).toBe(false);
    }
    expect(statSync(join(people.folder, 'users.key')).mode & 0o777).toBe(0o600);
  });

  test('signs in by backup codes alone while the key beside the database is missing, and says what is', async () => {
    await people.create('ada');
    rmSync(join(people.folder, 'users.key'));
    expect(await refusal(() => people.signIn('ada'))).toContain('users.key is missing, so no TOTP code can be checked');
    expect((await people.signIn('ada', { code: people.backupCodes.get('ada')?.[0] ?? '' })).ok).toBe(true);
    // A new key would lock out everybody who is there already.
    expect(await refusal(() => people.create('bob'))).toContain('users.key is missing');
  });

  test('cannot take the TOTP secret of another by moving its row', async () => {
    await people.create('ada');
    await people.create('bob');
    const box = people.accounts.list()[0]?.totpBox ?? new Uint8Array();
    const { Database } = await import('bun:sqlite');
    const database = new Database(people.input.config.userDbPath);
    database.run("UPDATE users SET totp_box = ? WHERE name = 'bob'", [box]);
    database.close();
    expect(await people.signIn('bob', { code: people.code('ada') })).toEqual(refused);
  });

  test('that is the last active admin is not demoted, disabled or deleted', async () => {
    await people.create('ada');
    await people.create('bob', 'operator');
    const { accounts } = people;
    const paths = [
      () => accounts.change('ada', { role: 'observer' }),
      () => accounts.change('ada', { state: 'disabled' }),
      () => accounts.delete('ada'),
    ];
    for (const path of paths)
      expect(await refusal(path)).toContain('last_admin: the last active admin, ada, has to stay');
    expect(await refusal(() => accounts.delete('nobody'))).toContain('user_unknown');
    expect((await people.signIn('ada')).ok).toBe(true);
  });
});

function readOrEmpty(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

describe('a reset', () => {
  test('of the password changes nothing by itself, and needs its code and a second factor, once', async () => {
    await people.create('ada');
    const { code: resetCode } = people.accounts.reset('ada', 'password', 'ada');
    expect((await people.signIn('ada')).ok).toBe(true);
    people.now += STEP_MS;
    const given = { user: 'ada', password: passwordOf('ada', 2), resetCode };
    expect(await people.accounts.setPassword({ ...given, code: '000000' })).toBe(false);
    expect(await people.accounts.setPassword({ ...given, code: people.code('ada') })).toBe(true);
    people.now += STEP_MS;
    expect(await people.accounts.setPassword({ ...given, code: people.code('ada') })).toBe(false);
    expect(await people.signIn('ada')).toEqual(refused);
    expect((await people.signIn('ada', { password: passwordOf('ada', 2) })).ok).toBe(true);
  });

  test('of the second factor needs its code and the password, and replaces phone and backup codes', async () => {
    await people.create('ada');
    const [old = ''] = people.backupCodes.get('ada') ?? [];
    const { code: resetCode } = people.accounts.reset('ada', 'totp', 'ada');
    const given = { user: 'ada', resetCode, ...people.enrolment('ada') };
    expect(await people.accounts.setTotp({ ...given, password: passwordOf('x') })).toBeNull();
    const codes = await people.accounts.setTotp({ ...given, password: passwordOf('ada') });
    expect(codes).toHaveLength(10);
    people.now += STEP_MS;
    expect((await people.signIn('ada')).ok).toBe(true);
    expect(await people.signIn('ada', { code: old })).toEqual(refused);
    expect((await people.signIn('ada', { code: codes?.[0] ?? '' })).ok).toBe(true);
  });

  test('gives whoever made it no way in: the code of one kind is none of the other', async () => {
    await people.create('ada');
    const password = people.accounts.reset('ada', 'password', 'eve').code;
    const totp = people.accounts.reset('ada', 'totp', 'eve').code;
    const attacker = { user: 'ada', password: passwordOf('eve'), ...people.enrolment('eve') };
    expect(await people.accounts.setPassword({ ...attacker, resetCode: password, code: totp })).toBe(false);
    expect(await people.accounts.setTotp({ ...attacker, resetCode: totp })).toBeNull();
    expect(await people.accounts.setTotp({ ...attacker, resetCode: password })).toBeNull();
  });

  test('expires after a day', async () => {
    await people.create('ada');
    const { code: resetCode, expiresAt } = people.accounts.reset('ada', 'password', 'ada');
    expect(expiresAt).toBe(people.now + RESET_MS);
    people.now = expiresAt;
    const given = { user: 'ada', password: passwordOf('ada', 2), resetCode, code: people.code('ada') };
    expect(await people.accounts.setPassword(given)).toBe(false);
  });

  test('to a weak password is refused', async () => {
    await people.create('ada');
    const { code: resetCode } = people.accounts.reset('ada', 'password', 'ada');
    const password = new TextEncoder().encode('ada-ada-ada-ada');
    const given = { user: 'ada', password, resetCode, code: people.code('ada') };
    expect(await refusal(() => people.accounts.setPassword(given))).toContain('weak_password');
  });
});

test('without a database there are no accounts, and looking makes none', async () => {
  const input = {
    ...people.input,
    config: { userDbPath: join(people.folder, 'none.db'), network: 'regtest' as const },
  };
  expect(await withAccounts(input, { create: false }, (accounts) => accounts)).toBeNull();
  expect(await withAccounts(input, { create: false }, (accounts) => accounts)).toBeNull();
  expect(await withAccounts(input, { create: true }, (accounts) => accounts instanceof Accounts)).toBe(true);
});
