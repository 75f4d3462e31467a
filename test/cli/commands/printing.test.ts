import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { localTime } from '../../../cli/format.ts';
import type { CommandName, CommandResults } from '../../../operator/runtime/command-types.ts';
import { type Answers, Desk } from './desk.ts';
import * as results from './results.ts';

const { TXID, BURN, RECIPIENT, REQUEST } = results;
const DEPOSIT_FLAGS = ['--txid', TXID.toUpperCase(), '--vout', '1', '--recipient', RECIPIENT.toUpperCase()];
const BURN_FLAGS = ['--txid', BURN, '--address', 'bcrt1qpayee', '--amount', '50000000', '--fee', '1000'];

interface Case<C extends CommandName> {
  readonly args: readonly string[];
  readonly command: C;
  readonly params: unknown;
  readonly result: CommandResults[C];
  /** Pieces of the text output. */
  readonly shows: readonly string[];
}

function expected<C extends CommandName>(
  args: readonly string[],
  command: C,
  params: unknown,
  result: CommandResults[C],
  shows: readonly string[],
): Case<C> {
  return { args, command, params, result, shows };
}

const SIGNERS = ['signed by', 'operators 0, 2', 'left out', '1 (unreachable)', '1.2 s'];
const cases = [
  expected(['status'], 'status', {}, results.status, [
    'All is well.\n\noperator     Alpha (index 0), regtest, 2 of 3 sign, version 0.1.0',
    'key          0011223344556677, key file open',
    '1 of 2 answer; Gamma DOES NOT ANSWER for 3 h; Beta live',
    'block 812, 3 blocks to read; Bitcoin 1 of 1 ok, Wire 0 of 1 ok',
    'treasury funded, 3 of 12 confirmations',
    'off, never enabled; federation NOT OPEN: 1 of 3 enabled, 2 needed',
    'deposits: pending 2; burns to pay: 1; steps: none',
    'initial-dkg: lobby for 3 h, joined; waiting for Gamma',
    'keys 3 h ago, database never, drill never',
    'certificate  365 days left; audit log entry 17, eeeeeeee…eeeeeeee',
    'none: commands act without signing in',
  ]),
  expected(['status'], 'status', {}, { ...results.status, custody: results.custody }, [
    'custody      1.50000000 BTC; owed 1.49000000 BTC: 0.01000000 BTC above',
  ]),
  expected(
    ['status'],
    'status',
    {},
    { ...results.status, custody: { ...results.custody, excess: '-5', is_complete: false } },
    ['1.50000000 BTC; owed at most 1.49000000 BTC: SHORT of 0.00000005 BTC'],
  ),
  expected(['status', '--full'], 'status', {}, { ...results.status, custody: results.custody }, [
    'Alpha (index 0), regtest',
    '2 of 3, 3 cards known',
    'http://localhost:8332, ok, height 812',
    'http://localhost:7000, NOT OK, connection refused, answered 3 min 20 s ago',
    'Beta: answers, live, block 812, head 1/523, version 0.1.0, heard 4.0 s ago',
    'Gamma: DOES NOT ANSWER since',
    'initial-dkg: lobby, joined; waiting for Gamma, begun',
    'Gamma: awaited since',
    '3 blocks to read (809 of 812)',
    'funded, 3 of 12 confirmations',
    'off: never enabled here',
    'It signs nothing real.',
    'NOT OPEN: 1 of 3',
    'pending 2, minted 5',
    'replay 3',
    '1 of 2 always answered in time',
    'Gamma: 31 in time, slow 4, lying 2; last lying at',
    'bad_share, gave a wrong partial signature',
    'within 180 ms of 1 peer',
    '150000000 sats (1.50000000 BTC): treasury 100000000, deposits not swept 49000000, top-ups 1000000',
    '149000000 sats (1.49000000 BTC): attested 200000000, paid out 51000000',
    'All is well.',
  ]),
  expected(['status'], 'status', {}, { ...results.status, notices: [results.openPort] }, [
    'All is well.\n\nTo know:\n  NOTICE   this node: its peer port is open on all interfaces (since',
    '           Set "listen_address".',
  ]),
  expected(['status'], 'status', {}, { ...results.status, notices: [results.unopened] }, [
    'Nothing is wrong, but the set-up is not finished.\n\nTo know:\n  NOTICE   treasury: it is not open yet (since',
    'Run `mpc_operator treasury open`.',
  ]),
  expected(
    ['security-check'],
    'security-check',
    {},
    {
      server: false,
      checks: results.securityCheck.checks.slice(1),
      counts: { fail: 0, warn: 1, pass: 1 },
    },
    [
      'WARN  Swap           /dev/sda2 is not encrypted\n                     → run `swapoff -a`\nPASS  Restore drill  held today',
      '2 checks: 0 fail, 1 warn, 1 pass. No server runs: what only it can see is a warning.',
    ],
  ),
  expected(['checklist'], 'checklist', {}, results.checklist, [
    '[x] Secure communication channel is established (channel)\n      confirmed by sam at',
    ': twelve words by phone\n[x] Bitcoin nodes are fully synced (bitcoin)\n\n2 of 2 boxes are ticked.',
  ]),
  expected(
    ['checklist', 'confirm', 'emergency', '--note', 'a call with all'],
    'checklist-confirm',
    { box: 'emergency', note: 'a call with all' },
    { box: 'emergency', note: 'a call with all', by: null, at: '2026-03-01T08:30:00.000Z' },
    ['The box emergency is confirmed at', ': a call with all'],
  ),
  expected(['key-info'], 'key-info', {}, results.keyInfo, ['0011223344556677 (live)', 'fit the public keys']),
  expected(
    ['key-info'],
    'key-info',
    {},
    { keys: results.keyInfo.keys.map((key) => ({ ...key, shares_held: null, shares_valid: null })) },
    ['not checked, the node is sealed'],
  ),
  expected(['key-info'], 'key-info', {}, { keys: [] }, ['No keys yet', 'mpc_operator dkg --ceremony-id']),
  expected(['peer', 'list'], 'peer-list', {}, results.peerList, [
    'Alpha (this node)',
    'missing of index 1, 2. Add them with: mpc_operator peer add',
  ]),
  expected(
    ['escalate', '--level', '3', '--summary', 'the vault burns'],
    'escalate',
    { level: 3, summary: 'the vault burns' },
    results.escalated,
    [
      '0-1f2e3d4c, level 3, overdue',
      'OVERDUE by operator 2, due',
      'operator 1 (Beta) responded: we stop',
      'Told already: operator 1.',
      'Operator 2 (Gamma) does not have it yet: no answer within 5000 ms. It is told again; call it.',
      'Call now:',
      '+49 30 1',
    ],
  ),
  expected(['incident', 'list'], 'incident-list', { limit: 50, offset: 0 }, results.incidents, [
    'overdue',
    'the vault burns',
  ]),
  expected(['incident', 'show', '0-1F2E3D4C'], 'incident-show', { id: '0-1f2e3d4c' }, results.incident, [
    'first response',
    'done',
  ]),
  expected(
    ['incident', 'acknowledge', '0-1f2e3d4c'],
    'incident-acknowledge',
    { id: '0-1f2e3d4c', text: 'acknowledged' },
    results.incidentStep,
    ['Told already: operator 1.'],
  ),
  expected(
    ['incident', 'close', '0-1f2e3d4c', '--review', 'a drill'],
    'incident-close',
    { id: '0-1f2e3d4c', text: 'a drill' },
    results.incidentStep,
    ['the vault burns'],
  ),
  expected(['incident', 'test-notify'], 'incident-test-notify', {}, { ok: true, detail: '', output: 'sent' }, [
    'see whether the test message reaches you',
    'sent',
  ]),
  expected(
    [
      ...['ceremony', 'schedule', '--at', '2026-12-01T14:00Z', '--backup', '2026-12-03T14:00Z'],
      ...['--ceremony-id', 'initial-dkg'],
    ],
    'ceremony-schedule',
    { at: '2026-12-01T14:00:00.000Z', backup: '2026-12-03T14:00:00.000Z', ceremony_id: 'initial-dkg' },
    results.scheduled,
    ['not agreed yet: accepted by 1 of 3', 'Beta: refused: away', 'Gamma: no answer yet'],
  ),
  expected(['ceremony', 'schedule', 'show'], 'ceremony-schedule-show', {}, results.schedule, [
    '0-2f2e3d4c, ceremony initial-dkg',
  ]),
  expected(
    ['ceremony', 'schedule', 'refuse', '--reason', 'away'],
    'ceremony-schedule-answer',
    { id: null, answer: 'refused', reason: 'away' },
    results.scheduled,
    ['Told already: operator 1.'],
  ),
  expected(['contacts'], 'contacts', {}, results.contacts, [
    'Level 1, technical issue: contact the technical coordinator',
    '1 Beta',
    'Signal ann.42',
    'ann@example.org',
    '+49 30 1',
    '0 Alpha (this node)',
    'nobody is named on its card',
    'Level 3, critical emergency: contact all operators',
    'Operator 2: no card here. Run: mpc_operator peer add CARD',
  ]),
  expected(
    ['dkg', '--ceremony-id', 'initial-dkg', '--wait', '60'],
    'dkg',
    { ceremony_id: 'initial-dkg', rehearsal: false, wait_s: 60 },
    results.dkg,
    ['{0, 1} {1, 2}', 'operator 1', '1 min 4 s', 'The keys are live', 'Next: mpc_operator server'],
  ),
  expected(
    ['dkg', '--ceremony-id', 'try', '--rehearsal'],
    'dkg',
    { ceremony_id: 'try', rehearsal: true, wait_s: 3600 },
    { ...results.dkg, rehearsal: true, key_id: null },
    ['destroyed after the rehearsal', 'its keys are destroyed', 'mpc_operator dkg --ceremony-id initial-dkg'],
  ),
  expected(['treasury'], 'treasury', {}, results.treasury, [
    'not funded',
    'bcrt1ptreasury',
    '20000 sats (0.00020000 BTC)',
    'Pay at least 20000 sats to this address in one output.',
  ]),
  expected(['treasury'], 'treasury', {}, { ...results.treasury, too_small: '19999' }, ['has 19999 sats, which is too']),
  expected(['treasury'], 'treasury', {}, { ...results.treasury, state: 'funded', confirmations: 3 }, [
    '3 of 12',
    'Once the payment has 12 confirmations, run: mpc_operator treasury open',
  ]),
  expected(['treasury'], 'treasury', {}, { ...results.treasury, state: 'funded', confirmations: 12 }, [
    'Run: mpc_operator treasury open',
  ]),
  expected(['treasury'], 'treasury', {}, results.treasuryOpening, [
    `${TXID}:1, 25000 sats`,
    'Gamma: does not answer',
    'go on by themselves',
  ]),
  expected(['treasury', 'open', '--wait', '5'], 'treasury-open', { wait_s: 5 }, results.treasuryOpen, [
    '0 steps from the root',
    '25000 sats (0.00025000 BTC)',
    '15000 sats (0.00015000 BTC)',
  ]),
  expected(['ceremony', 'list'], 'ceremony-list', {}, results.ceremonyList, ['initial-dkg', 'live']),
  expected(['ceremony', 'show', 'initial-dkg'], 'ceremony-show', { ceremony_id: 'initial-dkg' }, results.ceremonyShow, [
    'coordinator',
    '--output',
  ]),
  expected(
    ['ceremony', 'abandon', 'initial-dkg'],
    'ceremony-abandon',
    { ceremony_id: 'initial-dkg' },
    { ceremony_id: 'initial-dkg', may_be_live_elsewhere: true },
    ['is abandoned here', 'ask the others', 'ceremony recover FILE'],
  ),
  expected(['test-communication'], 'test-communication', { rounds: 5 }, results.communication, [
    '1.2/2.0/10.1 ms',
    '-12 ms',
    '300 days',
    'slow 4, lying 2',
  ]),
  expected(
    ['test-signing', '--message', 'test message'],
    'test-signing',
    { message: 'test message' },
    results.testSigning,
    ['Bitcoin key', 'Attestation key', '88'.repeat(64), ...SIGNERS],
  ),
  expected(
    ['deposit-address', '--recipient', RECIPIENT.toUpperCase()],
    'deposit-address',
    { recipient: RECIPIENT },
    results.depositAddress,
    ['bcrt1pdeposit'],
  ),
  expected(
    ['attest', ...DEPOSIT_FLAGS, '--amount', '100000000'],
    'attest',
    { txid: TXID, vout: 1, recipient: RECIPIENT, amount: '100000000', test: false },
    results.attest,
    [
      '100000000 sats (1.00000000 BTC)',
      `1795466938 (${localTime('2026-11-23T20:48:58Z')})`,
      'handed to Wire: minted at height 9',
      ...SIGNERS,
    ],
  ),
  expected(
    ['test-attestation', ...DEPOSIT_FLAGS, '--amount', '100000000'],
    'attest',
    { txid: TXID, vout: 1, recipient: RECIPIENT, amount: '100000000', test: true },
    { ...results.attest, test: true, submitted: false, detail: '' },
    ['test only'],
  ),
  expected(['withdraw'], 'withdraw', { burn_txids: [] }, results.withdraw, [
    '310 sats (0.00000310 BTC), 2.00 sat/vB for 155 vB',
    '50000000 sats (0.50000000 BTC)',
    'not known to our Wire nodes yet',
    '3 outputs',
    'fee_too_small',
    '120 sats (0.00000120 BTC)',
    ...SIGNERS,
  ]),
  expected(
    ['withdraw', '--burn', BURN, 'EF'.repeat(32)],
    'withdraw',
    { burn_txids: [BURN, 'ef'.repeat(32)] },
    { ...results.withdraw, status: 'under_way' },
    [BURN, 'Under way already.'],
  ),
  expected(['bump'], 'bump', {}, results.bump, [TXID, ...SIGNERS]),
  expected(['bump', '--fee-rate', '2.5'], 'bump', { fee_rate: 2.5 }, results.bump, ['2.00 sat/vB']),
  expected(['hold', BURN, '--reason', 'a list'], 'hold', { burn_txid: BURN, reason: 'a list' }, results.hold, [
    'is held',
  ]),
  expected(
    ['emergency', 'pause', '--federation', '--reason', 'a copied key file'],
    'emergency-pause',
    { reason: 'a copied key file', federation: true },
    results.emergency,
    ['PAUSED since', 'the federation, by operator 2: a copied key file', 'mpc_operator emergency resume'],
  ),
  expected(
    ['veto', BURN, '--reason', 'a list'],
    'veto',
    { burn_txid: BURN, reason: 'a list' },
    { request: { ...results.requestOpen.request, kind: 'veto', treasury: null, burn_txid: BURN }, told: [1] },
    ['is vetoed until', 'Taken by operators 1', 'mpc_operator requests approve'],
  ),
  expected(['policy', 'show'], 'policy-show', {}, results.policy, ['hold_above_sats', 'off', 'none', '300 sats']),
  expected(
    ['policy', 'set', 'day_max_sats', '500'],
    'policy-set',
    { name: 'day_max_sats', values: ['500'] },
    results.policy,
    ['day_max_sats', '500'],
  ),
  expected(['emergency', 'status'], 'emergency-status', {}, results.emergency, [
    'a pause by operator 1 (again)',
    'Beta: PAUSED since',
    'Gamma: not heard yet',
  ]),
  expected(['emergency', 'resume'], 'emergency-resume', {}, { ...results.emergency, pauses: [] }, [
    'signs: it is not paused',
  ]),
  expected(['unhold', BURN], 'unhold', { burn_txid: BURN }, results.unhold, ['is released']),
  expected(['void', '--reason', 'a wrong estimate'], 'void', { reason: 'a wrong estimate' }, results.voidAsked, [
    `${TXID}:0`,
    'Not signed yet: the federation did not sign, because 1 of 2 answered',
    `mpc_operator requests approve ${REQUEST}`,
  ]),
  expected(['void', '--reason', 'a wrong estimate'], 'void', { reason: 'a wrong estimate' }, results.voidMade, [
    REQUEST,
    '310 sats (0.00000310 BTC)',
    ...SIGNERS,
  ]),
  expected(['requests', 'list'], 'requests-list', { limit: 50, offset: 0 }, results.requestList, [
    REQUEST,
    'operator 2',
    'a wrong estimate',
    '1 to 1 of 1',
  ]),
  expected(['requests', 'list'], 'requests-list', { limit: 50, offset: 0 }, { requests: [], total: 0 }, [
    'No requests.',
  ]),
  expected(['requests', 'show', REQUEST], 'requests-show', { id: REQUEST }, results.requestOpen, [
    `everything signed from ${TXID}:0 and not mined becomes worthless`,
    'open',
  ]),
  expected(['requests', 'show', REQUEST], 'requests-show', { id: REQUEST }, results.requestOvertaken, [
    `overtaken: step ${TXID} was mined, so there is nothing left to make worthless`,
  ]),
  expected(['requests', 'approve', REQUEST], 'requests-approve', { id: REQUEST }, results.requestApproved, [
    'approved',
  ]),
  expected(
    ['requests', 'refuse', REQUEST, '--reason', 'the payout is right'],
    'requests-refuse',
    { id: REQUEST, reason: 'the payout is right' },
    results.requestRefused,
    ['refused: the payout is right'],
  ),
  expected(
    ['test-burn', ...BURN_FLAGS],
    'test-burn',
    { txid: BURN, address: 'bcrt1qpayee', amount: '50000000', fee: '1000', broadcast: false },
    results.testBurn,
    ['signed, not broadcast: spends an outpoint that cannot exist', 'cHNidP8='],
  ),
  expected(
    ['test-burn', ...BURN_FLAGS, '--broadcast'],
    'test-burn',
    { txid: BURN, address: 'bcrt1qpayee', amount: '50000000', fee: '1000', broadcast: true },
    { ...results.testBurn, broadcast: true, detail: '' },
    ['broadcast'],
  ),
  expected(['fees', '--days', '7'], 'fees', { days: 7 }, results.fees, [
    '2026-03-01',
    '170000',
    'above the reserve',
    '7380 sats',
    '1 step not fully known yet',
  ]),
  expected(
    ['consolidate-fees', '--address', 'bcrt1qagreed', '--fee-rate', '2.5'],
    'consolidate-fees',
    { address: 'bcrt1qagreed', fee_rate: 2.5 },
    results.consolidated,
    ['70000 sats (0.00070000 BTC)', 'surplus that is left', 'consolidate', ...SIGNERS],
  ),
  expected(
    ['test-consolidate-fees', '--address', 'bcrt1qagreed'],
    'test-consolidate-fees',
    { address: 'bcrt1qagreed', broadcast: false },
    results.testConsolidation,
    ['70000 sats (0.00070000 BTC)', 'signed, not broadcast: spends an outpoint that cannot exist', 'cHNidP8='],
  ),
  expected(['deposits', '--limit', '1', '--offset', '1'], 'deposits', { limit: 1, offset: 1 }, results.deposits, [
    `${TXID}:1`,
    '150000000 sats (1.50000000 BTC)',
    '2 to 2 of 3; go on with --offset 2',
  ]),
  expected(['deposits'], 'deposits', { limit: 50, offset: 0 }, { deposits: [], total: 0 }, ['No deposits yet.']),
  expected(['withdrawals'], 'withdrawals', { limit: 50, offset: 0 }, results.withdrawals, [
    '49999000 sats (0.49999000 BTC)',
    '6500 sats (0.00006500 BTC)',
    'mined',
    'replaced by ',
    'list unknown',
    '1 to 2 of 2',
  ]),
  expected(['withdrawals', '--waiting'], 'withdrawals-waiting', {}, results.waiting, [
    'it is paid once the fee rate is 1.5 sat/vB or less',
    '(the line)',
    '4000 sats (0.00004000 BTC)',
    'top up the treasury with 4000 sats or more; top-ups go to bcrt1ptreasury',
  ]),
  expected(['withdrawals', '--waiting'], 'withdrawals-waiting', {}, { waiting: [] }, ['Nothing waits.']),
] as const;

describe('a command with a running server', () => {
  for (const { args, command, params, result, shows } of cases) {
    const title = `${args.map((arg) => (arg.length > 20 ? '…' : arg)).join(' ')}`;
    describe(title, () => {
      let desk: Desk;
      beforeAll(async () => {
        desk = new Desk();
        // The pairing of command and result is checked where the case is made.
        const answers: Answers = Object.fromEntries([[command, result]]);
        await desk.serve(answers);
      });
      afterAll(() => desk.close());

      test('asks the server once, with these parameters, and prints text', async () => {
        const ran = await desk.run(args);
        expect(ran.stderr).toBe('');
        expect(ran.code).toBe(0);
        expect(desk.calls).toEqual([{ command, params }]);
        for (const piece of shows) expect(ran.stdout).toContain(piece);
        expect(ran.stdout.split('\n').filter((line) => line !== line.trimEnd())).toEqual([]);
      });

      test('prints exactly the result with --json', async () => {
        const ran = await desk.run([...args, '--json']);
        expect(ran.code).toBe(0);
        expect(JSON.parse(ran.stdout)).toEqual(JSON.parse(JSON.stringify(result)));
        expect(ran.stderr).toBe('');
      });
    });
  }
});

describe('a result that tells of trouble', () => {
  const troubled: readonly [readonly string[], Answers, string][] = [
    [
      ['status'],
      { status: { ...results.status, problems: [results.sealedPeer, results.sealedPeer] } },
      '2 problems to look at.',
    ],
    [['security-check'], { 'security-check': results.securityCheck }, '1 check failed.'],
    [['checklist'], { checklist: results.checklistOpen }, '2 of 2 boxes are open.'],
    [['treasury', 'open'], { 'treasury-open': results.treasuryOpening }, 'not open yet: Gamma has not signed.'],
    [
      ['test-communication'],
      { 'test-communication': results.communicationBroken },
      'No answer from operator 2 (Gamma)',
    ],
    [
      ['test-communication'],
      { 'test-communication': results.communicationUnfit },
      "Operator 1 (Beta) does not fit: its clock is 10.0 s ahead of this node's.",
    ],
    [
      ['key-info'],
      { 'key-info': { keys: results.keyInfo.keys.map((key) => ({ ...key, shares_valid: false })) } },
      'do not fit key 0011223344556677',
    ],
    [
      ['key-info'],
      { 'key-info': { keys: results.keyInfo.keys.map((key) => ({ ...key, shares_held: false, shares_valid: null })) } },
      'no shares of the live key 0011223344556677: this node cannot sign',
    ],
  ];
  for (const [args, answers, sentence] of troubled) {
    for (const json of [[], ['--json']]) {
      test(`of ${[...args, ...json].join(' ')} is printed, and the exit code is 1`, async () => {
        const desk = new Desk();
        try {
          await desk.serve(answers);
          const ran = await desk.run([...args, ...json]);
          expect(ran.code).toBe(1);
          expect(ran.stderr).toStartWith('mpc_operator: ');
          expect(ran.stderr).toContain(sentence);
          expect(ran.stdout.length).toBeGreaterThan(20);
        } finally {
          await desk.close();
        }
      });
    }
  }
});

test('withdraw where no burn waits says so and exits with 0', async () => {
  const desk = new Desk();
  try {
    await desk.serve({ withdraw: { refusal: ['no_burn_waits', 'no burn waits to be paid'] } });
    const text = { code: 0, stdout: 'Nothing to do: no burn waits to be paid.\n', stderr: '' };
    expect(await desk.run(['withdraw'])).toEqual(text);
    const json = await desk.run(['withdraw', '--json']);
    expect(json.code).toBe(0);
    expect(JSON.parse(json.stdout)).toEqual({ status: 'nothing', step: null, left: [] });
  } finally {
    await desk.close();
  }
});

test('a refusal of the server is one sentence on stderr, nothing on stdout, exit code 1', async () => {
  const desk = new Desk();
  try {
    await desk.serve({ withdraw: { refusal: ['burn_unknown', 'no Wire node knows this burn'] } });
    expect(await desk.run(['withdraw'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'mpc_operator: No Wire node knows this burn (burn_unknown).\n',
    });
  } finally {
    await desk.close();
  }
});

test('control characters that came from elsewhere do not reach the terminal', async () => {
  const desk = new Desk();
  try {
    const problems = [{ ...results.sealedPeer, cause: 'peer says \u001b[2Jhello' }];
    await desk.serve({ status: { ...results.status, name: 'A\u202elpha', problems } });
    const { stdout } = await desk.run(['status']);
    expect(stdout).toContain('peer says ?[2Jhello');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toContain('\u202e');
  } finally {
    await desk.close();
  }
});

test('progress goes to stderr while the result alone is on stdout', async () => {
  const desk = new Desk();
  try {
    await desk.serve({ dkg: { steps: ['waiting for Beta', 'round 1'], result: results.dkg } });
    const ran = await desk.run(['dkg', '--ceremony-id', 'initial-dkg', '--json']);
    expect(ran.stderr).toBe('waiting for Beta\nround 1\n');
    expect(JSON.parse(ran.stdout)).toEqual(results.dkg);
  } finally {
    await desk.close();
  }
});

test('a step that was signed and not broadcast is printed, and exit code 1 says so', async () => {
  const detail = 'our Bitcoin nodes refuse it (min relay fee not met); it is kept and sent again';
  const broken = { broadcast: false, detail };
  const desk = new Desk();
  try {
    await desk.serve({
      withdraw: { ...results.withdraw, step: { ...results.withdraw.step, ...broken } },
      bump: { ...results.bump, step: { ...results.bump.step, ...broken } },
      'test-burn': { ...results.testBurn, ...broken },
      'test-consolidate-fees': { ...results.testConsolidation, ...broken },
      'consolidate-fees': { ...results.consolidated, step: { ...results.consolidated.step, ...broken } },
    });
    const to = ['--address', 'bcrt1qagreed'];
    const tests = [
      ['test-burn', ...BURN_FLAGS, '--broadcast'],
      ['test-consolidate-fees', ...to, '--broadcast'],
    ];
    for (const args of [['withdraw'], ['bump'], ['consolidate-fees', ...to], ...tests]) {
      const { code, stdout, stderr } = await desk.run(args);
      expect(code).toBe(1);
      expect(stderr).toEndWith(`is signed, but it is not broadcast: ${detail}.\n`);
      expect(stdout).toContain(TXID);
    }
    expect((await desk.run(['test-burn', ...BURN_FLAGS])).code).toBe(0);
  } finally {
    await desk.close();
  }
});

test('the address of the treasury is shown as a QR code on a terminal alone, and not with --json', async () => {
  const desk = new Desk();
  try {
    await desk.serve({ treasury: results.treasury });
    const shows = async (args: readonly string[], terminal: boolean): Promise<boolean> =>
      (await desk.run(['treasury', ...args], { terminal })).stdout.includes('▀▀▀');
    expect(await shows([], true)).toBe(true);
    expect(await shows([], false)).toBe(false);
    expect(await shows(['--json'], true)).toBe(false);
  } finally {
    await desk.close();
  }
});
