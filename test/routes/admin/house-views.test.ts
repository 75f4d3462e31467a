// What the pages of Federation, Security and System say, of made reports.
import { describe, expect, test } from 'bun:test';
import type { ActReport } from '../../../operator/admin/acts.ts';
import { Lookout } from '../../../operator/admin/lookout.ts';
import type { CheckReport, CommandResults, CommunicationReport } from '../../../operator/runtime/command-types.ts';
import { EventWatch } from '../../../operator/runtime/event-watch.ts';
import type { IncidentReport } from '../../../operator/runtime/incident-command-types.ts';
import { CardToCompare, HouseActResult } from '../../../views/act-results-house.tsx';
import { DaysLeft, Operators, operatorRows } from '../../../views/federation.tsx';
import { Deadlines, IncidentList } from '../../../views/incidents.tsx';
import { Latency } from '../../../views/links.tsx';
import { PolicyValues, SignedToday } from '../../../views/policy.tsx';
import { Findings } from '../../../views/security.tsx';
import { Emergency } from '../../../views/service.tsx';
import { Backends } from '../../../views/system.tsx';

const NOW = Date.parse('2027-01-01T12:00:00Z');
const HOSTILE = '<img src=x onerror=alert(1)>';
const ago = (ms: number): string => new Date(NOW - ms).toISOString();
const MINUTE = 60_000;

const link = (changes: Partial<CommunicationReport>): CommunicationReport => ({
  ...{ index: 1, name: 'beta', address: 'b:1', reachable: true, fits: true, detail: 'reachable', version: '1' },
  ...{ certificate_days_left: 300, clock_offset_ms: 4, signing: null, round_trip_ms: { min: 1, median: 2.5, max: 3 } },
  ...changes,
});

const incident = (changes: Partial<IncidentReport>): IncidentReport => ({
  ...{ id: '1-0000000a', level: 3, summary: 'smoke', opened_by: 1, opened_by_name: 'beta' },
  ...{ opened_at: ago(20 * MINUTE), state: 'overdue', closed_at: null, review: null, timeline: [] },
  deadlines: [
    { step: 'acknowledge', due: ago(5 * MINUTE), done_at: null, overdue: true, missing: [0, 2] },
    { step: 'respond', due: ago(-40 * MINUTE), done_at: null, overdue: false, missing: [] },
  ],
  ...changes,
});

describe('the operators', () => {
  const peers = {
    peers: [
      {
        ...{ index: 1, name: HOSTILE, address: 'b:1', fingerprint: 'a b' },
        self: false,
        certificate_expires_at: ago(-5 * 24 * 60 * MINUTE),
      },
    ],
    missing: [0, 2],
  };
  const heard = {
    ...{
      index: 1,
      name: HOSTILE,
      address: 'b:1',
      reachable: false,
      since: ago(4 * MINUTE),
      detail: 'connection refused',
    },
    ...{
      answered_at: null,
      heard_at: ago(4 * MINUTE),
      phase: 'live' as const,
      paused_since: null,
      version: '0.9',
      key_id: null,
    },
    ...{ bitcoin_height: 7, recipients: null, head: null, clock_offset_ms: -12 },
  };
  const rows = operatorRows(peers, { participants: 3, peers: [heard], signers: [] }, { at: NOW, peers: [link({})] });
  const html = String(
    Operators({ rows, own: { my_index: 0, threshold: 2, version: '1' }, now: NOW, measuredAt: null }),
  );

  test('have a row each, also those without a card, and names of peers are text', () => {
    expect(rows.map(({ index, card }) => [index, card !== null])).toEqual([
      [0, false],
      [1, true],
      [2, false],
    ]);
    expect(html).toContain('&lt;img src=x');
    expect(html).not.toContain(HOSTILE);
  });

  test('say who is unreachable and why, who runs another version, and how fast the last answer was', () => {
    expect(html).toContain('Unreachable');
    expect(html).toContain('Connection refused.');
    expect(html).toContain('differs');
    expect(html).toContain('2.5 ms');
    expect(html).toContain('1 of 3 nodes answer; 2 must sign.');
  });

  test('show a certificate that ends within a week as bad, within 30 days as a warning, and one that is over as expired', () => {
    const tone = (days: number) => String(DaysLeft({ until: ago(-days * 24 * 60 * MINUTE), now: NOW }));
    expect(tone(6)).toContain('chip bad');
    expect(tone(29)).toContain('chip warn');
    expect(tone(59)).toContain('chip info');
    expect(tone(61)).not.toContain('chip');
    expect(tone(-1)).toContain('expired');
  });
});

describe('incidents', () => {
  test('say for how long a step is overdue, and when the next is due', () => {
    const html = String(Deadlines({ incident: incident({}), now: NOW }));
    expect(html).toContain('overdue for 5 min');
    expect(html).toContain('operator 0, 2');
    expect(html).toContain('due in 40 min');
  });

  test('that are closed ask for nothing more', () => {
    const closed = incident({ state: 'closed', closed_at: ago(0), review: 'a candle' });
    expect(String(Deadlines({ incident: closed, now: NOW }))).not.toMatch(/overdue for|due in/);
  });

  test('have pages by the address', () => {
    const report = { incidents: [incident({})], total: 30 };
    const html = String(IncidentList({ report, now: NOW, offset: 25, limit: 25, mayOpen: false }));
    expect(html).toContain('/federation/incidents?offset=0');
    expect(html).toContain('Acknowledge: overdue for 5 min');
    expect(html).not.toContain('/acts/new/escalate');
  });
});

describe('a pause', () => {
  const report: CommandResults['emergency-status'] = {
    pauses: [{ scope: 'federation', asked_by: 2, reason: HOSTILE, since: ago(3 * MINUTE) }],
    ignored: [{ asked_by: 1, reason: 'again', since: ago(MINUTE), until: ago(-60 * MINUTE) }],
    peers: [{ index: 1, name: 'beta', paused_since: ago(MINUTE), heard_at: ago(0) }],
  };

  test('says who asked for it and why, who else is paused, and which pause is ignored', () => {
    const html = String(Emergency({ report, now: NOW, mayPause: true, mayResume: true }));
    expect(html).toMatch(/operator 2 paused\s+the whole federation/);
    expect(html).toContain('&lt;img');
    expect(html).toContain('A federation pause of operator 1 is ignored');
    expect(html).toContain('Paused as well: 1 beta.');
    expect(html).toContain('/acts/new/emergency-resume');
  });

  test('is ended only by those who may', () => {
    const html = String(Emergency({ report, now: NOW, mayPause: true, mayResume: false }));
    expect(html).not.toContain('/acts/new/');
  });
});

describe('findings', () => {
  const check = (id: string, verdict: CheckReport['verdict']): CheckReport => ({
    ...{ id, title: id, verdict, seen: 'so it is', action: verdict === 'pass' ? null : 'run `mpc_operator x`' },
  });

  test('come worst first with what to do, and those that pass apart', () => {
    const report = {
      server: true,
      checks: [check('one', 'fail'), check('two', 'warn'), check('three', 'pass')],
      counts: { fail: 1, warn: 1, pass: 1 },
    };
    const html = String(Findings({ seen: { value: report, at: NOW - 5_000, fault: null }, now: NOW }));
    const places = ['check-one', 'check-two', '<details>', 'check-three'].map((text) => html.indexOf(text));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places.every((at) => at >= 0)).toBeTrue();
    expect(html).toContain('<code>mpc_operator x</code>');
  });

  test('are being looked for as long as there are none', () => {
    const nothing = { value: null, at: null, fault: null };
    expect(String(Findings({ seen: nothing, now: NOW }))).toContain('The checks are under way');
    const failed = { ...nothing, fault: 'no answer' };
    expect(String(Findings({ seen: failed, now: NOW }))).toContain('The checks cannot be made: no answer.');
  });
});

describe('the policy', () => {
  const report = (cap: number | null): CommandResults['policy-show'] => ({
    ...{ file: '/etc/c.json', deposit_min_sats: '1000', signed_today_sats: '250000' },
    values: [
      { name: 'day_max_sats', value: cap, what: 'a whole number' },
      { name: 'consolidate_addresses', value: ['bcrt1qabcdefgh'], what: 'a list' },
    ],
  });

  test('says which part of the day is used, and what is left', () => {
    const html = String(SignedToday({ report: report(1_000_000) }));
    expect(html).toContain('25.0 %');
    expect(html).toContain('750\u202f000 sats left');
    expect(String(SignedToday({ report: report(250_000) }))).toContain('Limit reached');
    expect(String(SignedToday({ report: report(null) }))).toContain('There is no limit for a day');
  });

  test('shows addresses in full in groups of four, and offers a change to those who may', () => {
    const html = String(PolicyValues({ report: report(1_000_000), mayChange: true }));
    expect(html).toContain('bcrt 1qab cdef gh');
    expect(html).toContain('/acts/new/policy-set?name=day_max_sats&amp;values=1000000');
    expect(String(PolicyValues({ report: report(1), mayChange: false }))).not.toContain('/acts/new/');
  });
});

describe('own nodes and ways', () => {
  test('a node that does not answer says so beside those that do, with the age of what is known', () => {
    const nodes = [
      { url: 'http://a', ok: true, height: 812_000, detail: '', answered_at: ago(2_000), since: null },
      {
        url: 'http://b',
        ok: false,
        height: 811_000,
        detail: 'timed out',
        answered_at: ago(10 * MINUTE),
        since: ago(9 * MINUTE),
      },
    ];
    const html = String(Backends({ title: 'Bitcoin nodes', nodes, now: NOW, empty: 'none' }));
    expect(html).toContain('1 of 2 are well.');
    expect(html).toContain('Timed out.');
    expect(html).toContain('10 min');
    expect(html).toContain('812\u202f000');
  });

  test('the latency is drawn with a sentence and the same numbers in a table', () => {
    const peers = [link({}), link({ index: 2, name: 'gamma', round_trip_ms: { min: 9, median: 90, max: 99 } })];
    const html = String(Latency({ links: { at: NOW, peers }, now: NOW, mayTest: true }));
    expect(html).toContain('The slowest answer came from gamma, in 90.0 ms.');
    expect(html.match(/90\.0 ms/g)?.length).toBeGreaterThanOrEqual(3);
    expect(html).not.toContain('style=');
  });
});

describe('what became of an act', () => {
  const act = (command: string, text = '{}'): ActReport => ({
    ...{
      id: 'ab',
      command,
      action: 'test',
      title: 'x',
      says: [],
      terminal: '',
      text,
      digest: '',
      by: 'ada',
      second: null,
    },
    ...{ needs_second: false, asked_at: ago(0), expires_at: '', state: { kind: 'done', result: null }, progress: [] },
  });

  test('is for whoever asked alone', () => {
    expect(HouseActResult({ act: act('test-communication'), result: null })).toBeNull();
  });

  test('of a test of the ways is a table that counts who does not fit', () => {
    const result = { ok: false, peers: [link({}), link({ index: 2, fits: false, reachable: false, detail: HOSTILE })] };
    const html = String(HouseActResult({ act: act('test-communication'), result: JSON.stringify(result) }));
    expect(html).toContain('1 of 2 operators does not fit.');
    expect(html).toContain('<table>');
    expect(html).not.toContain(HOSTILE);
  });

  test('of an incident says whom to call, this operator not among them', () => {
    const contact = { name: 'Bea', phone: '+1 555 0100' };
    const person = { index: 1, name: 'beta', own: false, role: 'technical_coordinator' as const, contact };
    const result: CommandResults['escalate'] = {
      ...{ incident: incident({}), contacts: [person, { ...person, index: 0, name: 'alpha', own: true }] },
      delivery: { told: [], untold: [{ index: 1, name: 'beta', detail: 'unreachable' }] },
    };
    const html = String(HouseActResult({ act: act('escalate'), result: JSON.stringify(result) }));
    expect(html).toContain('+1 555 0100');
    expect(html).not.toContain('alpha');
    expect(html).toContain('does not have it yet: Unreachable. It is told again; call it.');
  });

  test('that replaces a card shows the words of both', () => {
    const card = { index: 1, name: 'beta', address: 'b:1', fingerprint: 'new words' };
    const subject = { card, replaces: { name: 'beta', fingerprint: 'old ones' } };
    const html = String(CardToCompare({ act: act('peer-add', JSON.stringify({ subject })) }));
    expect(html).toMatch(/<li>new<\/li><li>words<\/li>.*It is replaced.*<li>old<\/li><li>ones<\/li>/s);
  });
});

describe('a report that takes long', () => {
  test('is never waited for, is made once at a time, and again soon after a change', async () => {
    let [at, made] = [0, 0];
    let answer = Promise.withResolvers<number>();
    const effects = { now: () => at, monotonic: () => at, sleep: async () => {} };
    const lookout = new Lookout(
      () => {
        made += 1;
        return answer.promise;
      },
      effects,
      60_000,
    );
    const settled = async (value: number): Promise<void> => {
      answer.resolve(value);
      await answer.promise;
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      answer = Promise.withResolvers<number>();
    };
    const seen = async () => (await lookout.seen()).value;
    expect([await seen(), await seen(), made]).toEqual([null, null, 1]);
    await settled(7);
    at = 10_000;
    expect([await seen(), made]).toEqual([7, 1]);
    lookout.changed();
    expect([await seen(), made]).toEqual([7, 2]);
    await settled(8);
    at = 69_000;
    expect([await seen(), made]).toEqual([8, 2]);
    at = 71_000;
    expect([await seen(), made]).toEqual([8, 3]);
  });
});

describe('the watch over the log', () => {
  test('remembers faults with when they came last, the newest first, also before they are told', () => {
    let mono = 0;
    const watch = new EventWatch({ now: () => NOW + mono, monotonic: () => mono });
    const log = watch.over(() => {});
    log('warn', 'nonces_not_fetched', { peer: 1, detail: 'no answer' });
    mono = 5_000;
    log('error', 'seal_failed', { detail: 'busy' });
    expect(watch.problems().map(({ cause }) => cause)).toEqual(['it cannot be sealed: busy']);
    expect(watch.remembered().map(({ subject, detail, last_at }) => [subject, detail, last_at])).toEqual([
      ['this node', 'busy', new Date(NOW + 5_000).toISOString()],
      ['operator 1', 'no answer', new Date(NOW).toISOString()],
    ]);
  });
});
