import { afterAll, describe, expect, test } from 'bun:test';
import { Desk } from './desk.ts';
import { BURN, RECIPIENT, TXID } from './results.ts';

const desk = new Desk();
afterAll(() => desk.close());

const init = [
  'init',
  '--parties',
  '3',
  '--threshold',
  '2',
  '--index',
  '0',
  '--addresses',
  'a.example:1,b.example:1,c.example:1',
];
const attest = ['attest', '--txid', TXID, '--vout', '0', '--recipient', RECIPIENT, '--amount', '1'];
const burn = ['test-burn', '--txid', BURN, '--address', 'bcrt1q', '--amount', '1', '--fee', '0'];

/** The arguments with one flag's value replaced, or the flag removed. */
function changed(args: readonly string[], flag: string, value: string | null): string[] {
  const at = args.indexOf(flag);
  if (at < 0) throw new Error(`no ${flag}`);
  return value === null ? args.toSpliced(at, 2) : args.toSpliced(at + 1, 1, value);
}

const badValues: readonly (readonly [flag: string, value: string, args: readonly string[], expectation: string])[] = [
  ['--amount', '0.5', attest, 'whole sats without a decimal point (100000000 = 1 BTC)'],
  ['--amount', '1,5', attest, 'whole sats without a comma (100000000 = 1 BTC)'],
  ['--amount', '1,000,000', burn, 'whole sats without a comma'],
  ['--amount', '1e8', attest, 'whole sats'],
  ['--amount', '-1', attest, 'whole sats'],
  ['--amount', '', attest, 'whole sats'],
  ['--amount', '2100000000000001', attest, '21 million BTC'],
  ['--amount', '99999999999999999999', attest, '21 million BTC'],
  ['--amount', '0', attest, 'at least 1 sat'],
  ['--amount', '000', burn, 'at least 1 sat'],
  ['--fee', '1.0', burn, 'whole sats'],
  ['--txid', `${TXID}00`, attest, '64 hexadecimal characters'],
  ['--txid', 'xy'.repeat(32), burn, '64 hexadecimal characters'],
  ['--recipient', 'wire1abc', attest, '64 hexadecimal characters'],
  ['--recipient', `0x${RECIPIENT.slice(2)}`, ['deposit-address', '--recipient', ''], '64 hexadecimal characters'],
  ['--vout', '4294967296', attest, 'from 0 to 4294967295'],
  ['--vout', '-1', attest, 'an output index'],
  ['--vout', '1.5', attest, 'an output index'],
  ['--address', '', burn, 'a Bitcoin address'],
  ['--address', 'b'.repeat(129), burn, 'a Bitcoin address'],
  ['--message', '', ['test-signing', '--message', ''], 'a message'],
  ['--message', 'm'.repeat(1001), ['test-signing', '--message', ''], 'of 1 to 1000 characters'],
  ['--ceremony-id', '../up', ['dkg', '--ceremony-id', ''], 'a ceremony id'],
  ['--level', '4', ['escalate', '--summary', 'x', '--level', ''], 'one of 1, 2, 3'],
  ['--at', 'soon', ['ceremony', 'schedule', '--backup', '2026-12-03', '--at', ''], 'a time such as'],
  ['--wait', '0', ['dkg', '--ceremony-id', 'a', '--wait', ''], 'from 1 to 86400'],
  ['--burn', 'all', ['withdraw', '--burn', ''], '64 hexadecimal characters'],
  ['day_max_sats', '5BTC', ['policy', 'set', 'day_max_sats', ''], 'a whole number in sats without a decimal point'],
  ['fee_rate_max_sat_vb', '2.5', ['policy', 'set', 'fee_rate_max_sat_vb', ''], 'a whole number in digits'],
  ['--fee-rate', '0.5', ['bump', '--fee-rate', ''], 'from 1 to 10000'],
  ['--fee-rate', '2,5', ['bump', '--fee-rate', ''], 'without a comma: 2.5 is two and a half'],
  ['--fee-rate', 'fast', ['bump', '--fee-rate', ''], 'sat/vB'],
  ['--days', '0', ['fees', '--days', ''], 'from 1 to 3660'],
  ['--fee-rate', '0', ['consolidate-fees', '--address', 'a', '--fee-rate', ''], 'from 1 to 10000'],
  ['--address', '', ['test-consolidate-fees', '--address', ''], 'a Bitcoin address'],
  ['--limit', '0', ['deposits', '--limit', ''], 'from 1 to 500'],
  ['--limit', '501', ['withdrawals', '--limit', ''], 'from 1 to 500'],
  ['--offset', '-5', ['deposits', '--offset', ''], 'from 0'],
  ['--rounds', '101', ['test-communication', '--rounds', ''], 'from 1 to 100'],
  ['--parties', '65', init, "from 2 to 64. A key ceremony's messages grow"],
  ['--threshold', '1', init, 'from 2 to 64. No operator alone may be able to sign'],
  ['--index', '-1', init, 'from 0 to 63'],
  ['--network', 'main', init.concat('--network', ''), 'mainnet, testnet'],
  ['--name', '', init.concat('--name', ''), 'a name'],
];

test('what all operators read is one line that shows as it is, else exit code 2', async () => {
  for (const text of ['a\nb', 'a\u202eb', 'a\u200bb', 'a\u0007b']) {
    for (const args of [
      ['escalate', '--level', '1', '--summary', text],
      ['incident', 'close', '0-1f2e3d4c', '--review', text],
      ['ceremony', 'schedule', 'refuse', '--reason', text],
    ]) {
      const { code, stderr } = await desk.run(args);
      expect(code).toBe(2);
      expect(stderr).toContain('in one line of characters that all show');
      expect(stderr).not.toContain(text);
    }
  }
});

test('ceremony schedule needs both dates in their order, and its subcommands need neither', async () => {
  const both = ['ceremony', 'schedule', '--at', '2026-12-03T14:00Z', '--backup', '2026-12-01T14:00Z'];
  expect(await desk.run(both)).toMatchObject({ code: 2, stderr: expect.stringContaining('not later than --at') });
  expect(await desk.run(both.slice(0, 4))).toMatchObject({ code: 2, stderr: expect.stringContaining('--backup TIME') });
  expect((await desk.run(['ceremony', 'schedule', 'accept'])).stderr).toContain('No server runs');
});

describe('a bad value', () => {
  for (const [flag, value, args, expectation] of badValues) {
    test(`${args[0]} ${flag} ${value.slice(0, 24)} is one sentence naming flag and value, exit code 2`, async () => {
      const ran = await desk.run(changed(args, flag, value));
      expect(ran.code).toBe(2);
      expect(ran.stdout).toBe('');
      expect(ran.stderr).toStartWith(`mpc_operator: ${flag} "${value.slice(0, 80)}`);
      expect(ran.stderr).toContain(expectation);
      expect(ran.stderr.split('\n')).toHaveLength(2);
    });
  }

  test('of a policy that there is not, or that nobody sets alone, is told before anybody signs in', async () => {
    for (const [name, says] of [
      ['withdrawl_max_sats', 'it is one of withdrawal_max_sats, day_max_sats'],
      ['parties', 'is the same at all operators'],
    ] as const) {
      const ran = await desk.run(['policy', 'set', name, '4']);
      expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
    }
  });

  test('given to init for several flags at once is reported for each, and nothing is written', async () => {
    const ran = await desk.run([
      'init',
      '--parties',
      '4',
      '--threshold',
      '2',
      '--index',
      '9',
      '--addresses',
      'a:1,b',
      '--output',
      'new.json',
    ]);
    expect(ran.code).toBe(2);
    for (const flag of ['--threshold 2', '--index 9', '--addresses lists 2', '--addresses[1] "b"']) {
      expect(ran.stderr).toContain(flag);
    }
    expect(await Bun.file(desk.path('new.json')).exists()).toBe(false);
  });

  test('that names one burn twice is refused', async () => {
    const ran = await desk.run(['withdraw', '--burn', BURN, '--burn', BURN.toUpperCase()]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain('--burn');
  });
});

const required: readonly (readonly [args: readonly string[], flags: readonly string[]])[] = [
  [init, ['--parties', '--threshold', '--index', '--addresses']],
  [attest, ['--txid', '--vout', '--recipient', '--amount']],
  [
    ['test-attestation', ...attest.slice(1)],
    ['--txid', '--vout', '--recipient', '--amount'],
  ],
  [burn, ['--txid', '--address', '--amount', '--fee']],
  [['deposit-address', '--recipient', RECIPIENT], ['--recipient']],
  [['test-signing', '--message', 'hello'], ['--message']],
  [['dkg', '--ceremony-id', 'a'], ['--ceremony-id']],
];

describe('a missing flag', () => {
  for (const [args, flags] of required) {
    for (const flag of flags) {
      test(`${args[0]} without ${flag} is named, exit code 2`, async () => {
        const ran = await desk.run(changed(args, flag, null));
        expect(ran.code).toBe(2);
        expect(ran.stderr).toContain(flag);
        expect(ran.stdout).toBe('');
      });
    }
  }
  for (const args of [
    ['peer', 'add'],
    ['ceremony', 'show'],
    ['ceremony', 'verify'],
  ]) {
    test(`${args.join(' ')} without its argument is exit code 2`, async () => {
      const ran = await desk.run(args);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain('missing required argument');
    });
  }
});

describe('an unknown', () => {
  const bare = ['key-info', 'server', 'unseal', 'status', 'test-communication', 'withdraw', 'deposits', 'withdrawals'];
  const words = [
    ...bare,
    'treasury',
    'treasury open',
    'peer list',
    'peer export',
    'peer add x',
    'ceremony list',
    'ceremony show x',
  ];
  const complete = [...words, 'ceremony verify x'].map((line) => line.split(' '));
  for (const args of [...complete, ...required.map(([all]) => all)]) {
    test(`flag of ${args.slice(0, 2).join(' ')} is named, exit code 2`, async () => {
      const ran = await desk.run([...args, '--no-such-flag']);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain("'--no-such-flag'");
      expect(ran.stdout).toBe('');
    });
  }
  test('command is named with the nearest one, exit code 2', async () => {
    const ran = await desk.run(['depositz']);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("'depositz'");
    expect(ran.stderr).toContain('deposits');
  });
  test('command or flag with control or direction characters is shown without them', async () => {
    for (const args of [
      ['\u001b[2Jx'],
      ['status', '--a\u202eb'],
      ['attest', '--vout', '\u009b1m'],
      ['hold', 'a\u2028b'],
    ]) {
      const ran = await desk.run(args);
      expect(ran.code).toBe(2);
      expect(ran.stderr.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
    }
  });
  test('further argument is refused, exit code 2', async () => {
    for (const args of [
      ['status', 'please'],
      ['treasury', 'opne'],
    ]) {
      expect((await desk.run(args)).code).toBe(2);
    }
  });
});
