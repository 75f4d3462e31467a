// Who is called, when and how often, and the command that does it: with hardly any environment, a time limit, a bounded output,
// and never from a file that others can change.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { checkConfig } from '../../operator/config/config.ts';
import { draftConfig } from '../../operator/config/config-write.ts';
import { untrustedFile } from '../../operator/config/trusted-files.ts';
import { Notifier } from '../../operator/incidents/notifier.ts';
import { runNotify } from '../../operator/incidents/notify-command.ts';
import { type Problem, problem } from '../../operator/runtime/problems.ts';
import { openStore, type Store } from '../../store/open.ts';
import { recordEntry } from '../../store/timeline.ts';

const NOW = 1_800_000_000_000;
const MINUTE_MS = 60_000;
const nothing = { level: null, ceremonyId: null, firstAt: null, backupAt: null };

let folder: string;
beforeEach(() => {
  // Not /tmp itself, but a folder that only this user may write.
  folder = mkdtempSync(join(process.env['XDG_RUNTIME_DIR'] ?? '/dev/shm', 'notify-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function script(text: string, mode = 0o700): string {
  const path = join(folder, 'notify.sh');
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode });
  chmodSync(path, mode);
  return path;
}

describe('the command', () => {
  test('gets one JSON object on stdin, its arguments, and nothing of the environment but PATH and HOME', async () => {
    const path = script(`cat > ${folder}/got; echo "$1" > ${folder}/arg; env > ${folder}/env`);
    process.env['MPC_PLANTED_SECRET'] = 'S3CRET';
    const outcome = await runNotify({ command: [path, '--to me'], home: '/home/ops' }, { text: 'a "quoted" text' });
    delete process.env['MPC_PLANTED_SECRET'];
    expect(outcome).toMatchObject({ ok: true, output: '' });
    expect(JSON.parse(readFileSync(join(folder, 'got'), 'utf8'))).toEqual({ text: 'a "quoted" text' });
    expect(readFileSync(join(folder, 'arg'), 'utf8')).toBe('--to me\n');
    const names = readFileSync(join(folder, 'env'), 'utf8').match(/^\w+(?==)/gm) ?? [];
    expect(names.filter((name) => !['PATH', 'HOME', 'PWD', 'SHLVL', '_', 'OLDPWD'].includes(name))).toEqual([]);
  });

  test('that fails says with what, and shows the beginning of its output alone', async () => {
    const noisy = script('yes "no route to host" | head -c 5000000 >&2; exit 3');
    const outcome = await runNotify({ command: [noisy], home: folder }, {});
    expect(outcome).toMatchObject({ ok: false, detail: expect.stringContaining('exit code 3') });
    expect(outcome.output).toStartWith('no route to host');
    expect(outcome.output.length).toBeLessThanOrEqual(2_000);
    expect(await runNotify({ command: [join(folder, 'none')], home: folder }, {})).toMatchObject({ ok: false });
  });

  test('that takes too long is ended with all that it started', async () => {
    const slow = script(`sleep 60 & echo $! > ${folder}/child; wait`);
    const outcome = await runNotify({ command: [slow], home: folder, timeoutMs: 300 }, {});
    expect(outcome).toMatchObject({ ok: false, detail: expect.stringContaining('took longer than 0.3 s') });
    const child = readFileSync(join(folder, 'child'), 'utf8').trim();
    // A process that nobody has waited for yet is a zombie: it runs no more.
    const runs = () => existsSync(`/proc/${child}/stat`) && !/\) Z /.test(readFileSync(`/proc/${child}/stat`, 'utf8'));
    while (runs()) await Bun.sleep(5);
    expect(runs()).toBe(false);
  });

  test('is not run where others can change its file, and the node does not start with it', async () => {
    const open = script(`touch ${folder}/ran`, 0o777);
    const outcome = await runNotify({ command: [open], home: folder }, {});
    expect(outcome).toMatchObject({ ok: false, detail: expect.stringContaining('cannot be trusted') });
    expect(existsSync(join(folder, 'ran'))).toBe(false);
    const addresses = ['a.example:1', 'b.example:1', 'c.example:1'];
    const content = draftConfig({ parties: 3, threshold: 2, index: 0, addresses, more: { notify_command: [open] } });
    const checked = checkConfig(content, join(folder, 'config.json'), homedir());
    expect(checked.ok && untrustedFile(checked.config)).toContain('notify.sh cannot be trusted');
  });
});

describe('people', () => {
  let store: Store;
  let passed = 0;
  let works = true;
  /** The beginning of a text for which the command fails. */
  let fails: string | null = null;
  let problems: readonly Problem[] = [];
  const told: Record<string, unknown>[] = [];
  const logged: string[] = [];

  beforeEach(() => {
    store = openStore(join(folder, 'security.db'));
    [passed, works, fails, problems] = [0, true, null, []];
    told.length = 0;
    logged.length = 0;
  });
  afterEach(() => store.close());

  function notifier(): Notifier {
    const addresses = ['a.example:1', 'b.example:1', 'c.example:1'];
    const checked = checkConfig(draftConfig({ parties: 3, threshold: 2, index: 0, addresses }), '/c/config.json', '/c');
    if (!checked.ok) throw new Error('the draft is a configuration');
    return new Notifier({
      ...{ config: checked.config, db: store.db },
      effects: { now: () => NOW + passed, monotonic: () => passed },
      log: (_, event) => void logged.push(event),
      problems: async () => problems,
      run: async (message) => {
        if (!works || (fails !== null && JSON.stringify(message).includes(fails)))
          return { ok: false, detail: 'it ended with exit code 7', output: '' };
        told.push({ ...message });
        return { ok: true, detail: '', output: '' };
      },
    });
  }

  function open(number = 1, author = 1): void {
    const thread = `${author}-0000000${number}`;
    const entry = { ...nothing, author, id: `${number}`.padStart(32, '0'), thread, kind: 'opened' as const };
    recordEntry(store.db, { ...entry, text: 'fire', level: 3, at: NOW + passed }, NOW + passed);
  }

  const events = () => told.map(({ event }) => event);
  const halted = problem('signs_nothing', { subject: 'this node', since: NOW, cause: 'it is halted', action: 'look' });

  test('are told once of an incident that opens, of each deadline that passes, and of its end, also after a restart', async () => {
    const first = notifier();
    open();
    await first.round();
    await first.round();
    expect(told).toMatchObject([
      {
        v: 1,
        event: 'incident_opened',
        operator: { index: 0 },
        incident: { id: '1-00000001', level: 3, summary: 'fire' },
      },
    ]);
    passed += 16 * MINUTE_MS;
    await first.round();
    const again = notifier();
    await again.round();
    expect(events()).toEqual(['incident_opened', 'incident_overdue']);
    const end = { ...nothing, author: 2, id: 'aa'.repeat(16), thread: '1-00000001', kind: 'closed' as const };
    recordEntry(store.db, { ...end, text: 'a drill', at: NOW + passed }, NOW + passed);
    await again.round();
    expect(told.at(-1)).toMatchObject({ event: 'incident_closed', text: expect.stringContaining('a drill') });
    passed += 300 * MINUTE_MS;
    await again.round();
    expect(events()).toHaveLength(3);
  });

  const close = (number: number, author: number): void => {
    const entry = { ...nothing, author, id: `${100 + number}`.padStart(32, '0'), kind: 'closed' as const };
    const thread = `1-0000000${number}`;
    recordEntry(store.db, { ...entry, thread, text: 'nothing to see', at: NOW + passed }, NOW + passed);
  };

  test('are told of an incident that somebody closed before they could be called', async () => {
    const one = notifier();
    open(1);
    close(1, 2);
    await one.round();
    await one.round();
    expect(told).toMatchObject([
      { event: 'incident_opened', text: expect.stringContaining('fire') },
      { event: 'incident_closed', text: expect.stringContaining('operator 2') },
    ]);
  });

  test('are told of the others where the command fails for one message again and again', async () => {
    const one = notifier();
    open(1);
    open(2);
    fails = 'Incident 1-00000001';
    for (let round = 0; round < 4; round++) {
      await one.round();
      passed += 2 * MINUTE_MS;
    }
    expect(told.map(({ text }) => text)).toEqual([expect.stringContaining('Incident 1-00000002')]);
    expect(one.problems()).toMatchObject([{ code: 'notify_failed' }]);
    fails = null;
    await one.round();
    expect([events(), one.problems()]).toEqual([['incident_opened', 'incident_opened'], []]);
  });

  test('are told of a problem that stops signing once it has lasted, and of its end, but not of warnings', async () => {
    const one = notifier();
    problems = [halted, problem('clock_set', { subject: 'this node', since: NOW, cause: 'x', action: 'y' })];
    await one.round();
    expect(events()).toEqual([]);
    passed += MINUTE_MS;
    await one.round();
    await one.round();
    expect(told).toMatchObject([{ event: 'problem_began', problem: { code: 'signs_nothing' } }]);
    problems = [];
    passed += MINUTE_MS;
    await one.round();
    await one.round();
    expect(events()).toEqual(['problem_began', 'problem_ended']);
  });

  test('are not called without end by a problem that comes and goes', async () => {
    const one = notifier();
    for (let n = 0; n < 30; n++) {
      problems = [halted];
      for (let look = 0; look < 2; look++) {
        await one.round();
        passed += MINUTE_MS / 2 + 1;
      }
      await one.round();
      problems = [];
      passed += MINUTE_MS;
      await one.round();
      if (passed > 50 * MINUTE_MS) break;
    }
    expect(told.length).toBeLessThanOrEqual(20);
    expect(told.length).toBeGreaterThan(5);
  });

  test('are told later what failed, and status shows since when nobody is', async () => {
    const one = notifier();
    works = false;
    open();
    await one.round();
    passed += 5_000;
    await one.round();
    expect(one.problems()).toMatchObject([{ code: 'notify_failed', since: new Date(NOW).toISOString() }]);
    expect(one.problems()[0]?.cause).toContain('exit code 7');
    expect(logged).toEqual(['notify_failed']);
    works = true;
    passed += MINUTE_MS;
    await one.round();
    expect(events()).toEqual(['incident_opened']);
    expect(one.problems()).toEqual([]);
  });

  test('can be called by a test, which tells nothing else', async () => {
    const one = notifier();
    expect(await one.test()).toMatchObject({ ok: true });
    expect(told).toMatchObject([{ event: 'test', text: 'This is a test: nothing has happened.' }]);
  });
});
