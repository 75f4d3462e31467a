// Child processes of the devnet, with real processes.
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild, startChild } from '../../devnet/child.ts';

const folder = mkdtempSync(join(tmpdir(), 'mpc-child-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bun = (script: string) => ({ command: [process.execPath, '-e', script], cwd: folder, env: { NAME: 'child' } });
const signal = new AbortController().signal;
const runs = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('runChild', () => {
  test('gives exit code, stdout and stderr, and no more environment than it was given', async () => {
    const script = 'console.log(process.env.NAME, process.env.PATH); console.error("no"); process.exit(3)';
    expect(await runChild(bun(script), signal)).toEqual({ code: 3, stdout: 'child undefined\n', stderr: 'no\n' });
  });

  test('ends the process where it is aborted, and rejects', async () => {
    const stop = new AbortController();
    const pidFile = join(folder, 'pid');
    const script = `require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1000)`;
    const run = runChild(bun(script), stop.signal);
    const read = () => readFile(pidFile, 'utf8').catch(() => '');
    let pid = '';
    while (pid === '') {
      pid = await read();
      await Bun.sleep(10);
    }
    stop.abort(new Error('enough'));
    await expect(run).rejects.toThrow('enough');
    expect(runs(Number(pid))).toBe(false);
  });

  test('starts nothing after an abort', async () => {
    await expect(runChild(bun('throw 1'), AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

describe('startChild', () => {
  test('adds what the process prints to a log that only its user can read', async () => {
    const log = join(folder, 'log');
    for (const word of ['first', 'second']) await startChild(bun(`console.log('${word}')`), log).exited;
    expect(await readFile(log, 'utf8')).toBe('first\nsecond\n');
    expect((await stat(log)).mode & 0o777).toBe(0o600);
  });

  test('stop lets the process end in order, kill does not, and both wait until it is gone', async () => {
    const script = `process.on('SIGTERM', () => { console.log('in order'); process.exit(0) });
      console.log('ready'); setInterval(() => {}, 1000)`;
    for (const how of ['stop', 'kill'] as const) {
      const log = join(folder, how);
      const child = startChild(bun(script), log);
      while (!(await readFile(log, 'utf8')).includes('ready')) await Bun.sleep(10);
      expect(child.isRunning()).toBe(true);
      await child[how]();
      expect([child.isRunning(), runs(child.pid)]).toEqual([false, false]);
      expect((await readFile(log, 'utf8')).includes('in order')).toBe(how === 'stop');
      await child[how]();
    }
  });
});
