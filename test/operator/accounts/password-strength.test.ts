import { describe, expect, test } from 'bun:test';
import { passwordWeakness } from '../../../operator/accounts/password-strength.ts';

const weakness = (password: string, user = 'alice') => passwordWeakness(new TextEncoder().encode(password), user);

describe('a password is refused that', () => {
  test('has fewer than 12 characters, however many bytes', () => {
    expect(weakness('vK3x9PqLm2Z')).toContain('fewer than 12 characters');
    expect(weakness('éüøåñçßæœłþ')).toContain('fewer than 12 characters');
    expect(weakness('vK3x9PqLm2Zt')).toBeNull();
  });

  test('is longer than what is read, or could not be typed', () => {
    expect(weakness('xK9q'.repeat(300))).toContain('exceeds 1024 bytes');
    expect(weakness('vK3x9P\nqLm2Zt')).toContain('not plain text');
  });

  const common = [
    ...['Password1234', 'passwordpassword', 'P@ssw0rd2026!', 'letmeinletmein', 'iloveyou1234', 'trustno1trustno1'],
    ...['qwertyuiop12', '123456789012', '1qaz2wsx3edc', 'zaq12wsxcde3', 'asdfghjkl;12', 'abcdefghijkl'],
    ...['aaaaaaaaaaaa', 'abcabcabcabc', 'xk7xk7xk7xk7', 'Summer2026!!!', 'admin-19991231', 'bitcoin12345!'],
    ...['0btcwire2026', 'alice-alice-1', 'CorrectHorseBatteryStaple', 'dragon monkey sunshine'],
  ];
  for (const password of common) {
    test(`is ${password}`, () => expect(weakness(password)).toContain('too easy to guess'));
  }
});

describe('a password is taken that', () => {
  for (const password of [
    'tulip gravel canoe prism',
    'sieben blaue Hüte im Regen',
    'vK3x9PqLm2Zt',
    '83910275648301927465',
  ]) {
    test(`is like ${password}`, () => expect(weakness(password)).toBeNull());
  }

  test('holds the name of another user', () => {
    expect(weakness('zebulon-zebulon', 'zebulon')).toContain('too easy');
    expect(weakness('zebulon-xvlotk', 'alice')).toBeNull();
  });
});
