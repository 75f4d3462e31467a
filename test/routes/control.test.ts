import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { asFailure } from '../../cli/call.ts';
import { ControlClient, isServerRunning } from '../../cli/control-client.ts';
import { CliError } from '../../cli/errors.ts';
import type { ProgressStep } from '../../operator/runtime/progress.ts';
import {
  CONTROL_BODY_BYTES_MAX,
  ControlError,
  type ControlListener,
  controlCommand,
  createControlApp,
  listenControl,
} from '../../routes/control.ts';

const folder = mkdtempSync(join(tmpdir(), 'control-test-'));
const listeners: ControlListener[] = [];
const faults: unknown[] = [];
let seenSignal: Promise<void> = Promise.resolve();

const commands = {
  add: controlCommand({
    params: z.strictObject({ a: z.int(), b: z.int().default(1) }),
    run: async ({ a, b }, progress) => {
      progress({ step: 'one', text: 'first\nline' });
      progress({ step: 'two', text: 'second' });
      return { sum: a + b };
    },
  }),
  refuse: controlCommand({
    params: z.strictObject({}),
    run: () => Promise.reject(new ControlError('no_key', 'There is no key yet.')),
  }),
  fail: controlCommand({
    params: z.strictObject({}),
    run: () => Promise.reject(new Error('secret detail')),
  }),
  wait: controlCommand({
    params: z.strictObject({}),
    run: async (_, progress, signal) => {
      seenSignal = new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      progress({ step: 'waiting', text: 'waiting' });
      await seenSignal;
      return null;
    },
  }),
  echo: controlCommand({ params: z.json(), run: async (value) => value }),
  who: controlCommand({
    params: z.strictObject({ a: z.int() }),
    run: async ({ a }, _progress, _signal, credentials) => ({ a, credentials: [...credentials] }),
  }),
};
const app = createControlApp(commands, {
  version: '9.9.9',
  onFault: (command, error) => faults.push([command, error]),
});

let count = 0;
async function listening(): Promise<ControlClient> {
  const path = join(folder, `run${count++}`, 'control.sock');
  const verdict = await listenControl(path, app);
  if (!verdict.ok) throw new Error(verdict.detail);
  listeners.push(verdict.listener);
  return new ControlClient(path);
}

afterEach(async () => {
  faults.length = 0;
  await Promise.all(listeners.splice(0).map((listener) => listener.stop()));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a command over the control socket', () => {
  test('that its caller breaks off in the middle of the request is no fault of the server', async () => {
    const client = await listening();
    const head =
      'POST /v1/add HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{';
    const socket = connect(client.socketPath);
    await new Promise<void>((resolve) => socket.write(head, () => resolve()));
    // Its answer says that the server has read what came before it.
    expect(await client.run('add', { a: 1 })).toEqual({ sum: 2 });
    socket.destroy();
    for (let turn = 0; turn < 20; turn++) expect(await client.run('add', { a: turn })).toEqual({ sum: turn + 1 });
    expect(faults).toEqual([]);
  });

  test('streams its progress, then its result', async () => {
    const client = await listening();
    const steps: ProgressStep[] = [];
    const outcome = await client.call('add', { a: 2, b: 3 }, { onProgress: (step) => steps.push(step) });
    expect(outcome).toEqual({ ok: true, result: { sum: 5 } });
    expect(steps).toEqual([
      { step: 'one', text: 'first\nline' },
      { step: 'two', text: 'second' },
    ]);
  });

  test('is told who signs in beside its parameters, and refuses what is no sign-in without repeating it', async () => {
    const client = await listening();
    const credentials = [{ user: 'ada', password: 'hunter2secret', code: '123456' }];
    expect(await client.call('who', { a: 1 })).toEqual({ ok: true, result: { a: 1, credentials: [] } });
    expect(await client.call('who', { a: 1 }, { credentials })).toEqual({ ok: true, result: { a: 1, credentials } });
    for (const wrong of ['hunter2secret', [{ user: 'ada', password: 'hunter2secret' }], [...credentials, 1]]) {
      const outcome = await client.call('who', { a: 1, credentials: wrong });
      expect(outcome).toEqual({ ok: false, code: 'bad_params', message: 'The credentials are wrong.' });
    }
  });

  test('takes the defaults of its schema', async () => {
    expect(await (await listening()).call('add', { a: 2 })).toEqual({ ok: true, result: { sum: 3 } });
  });

  test('with wrong parameters is refused by the name of the parameter, never its value', async () => {
    const client = await listening();
    const outcome = await client.call('add', { a: 'hunter2secret' });
    expect(outcome).toMatchObject({
      ok: false,
      code: 'bad_params',
      message: expect.stringContaining('The parameter a is wrong'),
    });
    expect(JSON.stringify(outcome)).not.toContain('hunter2secret');
    expect(await client.call('add', { a: 1, c: 2 })).toMatchObject({ ok: false, code: 'bad_params' });
  });

  test('that the server does not have is refused, also by the names that every object has', async () => {
    const client = await listening();
    for (const name of ['nothing', 'constructor', '__proto__', 'toString', '../ping']) {
      expect(await client.call(name, {})).toMatchObject({ ok: false, code: 'unknown_command' });
    }
  });

  test('that says no passes its code and sentence on', async () => {
    const client = await listening();
    expect(await client.call('refuse', {})).toEqual({ ok: false, code: 'no_key', message: 'There is no key yet.' });
    expect(faults).toEqual([]);
    expect(client.run('refuse', {})).rejects.toThrow('There is no key yet.');
  });

  test('that meets a fault writes it into the log, and tells the caller only that there was one', async () => {
    const outcome = await (await listening()).call('fail', {});
    expect(outcome).toMatchObject({ ok: false, code: 'internal' });
    expect(JSON.stringify(outcome)).not.toContain('secret detail');
    expect(faults).toEqual([['fail', new Error('secret detail')]]);
  });

  test('is aborted when the caller hangs up', async () => {
    const client = await listening();
    const stop = new AbortController();
    const call = client.call('wait', {}, { signal: stop.signal, onProgress: () => stop.abort() });
    expect(call).rejects.toThrow('Stopped.');
    await call.catch(() => {});
    await seenSignal;
    expect(faults).toEqual([]);
  });

  test('carries large results and non-ASCII text whole', async () => {
    const value = { text: 'Überweisung €'.repeat(20_000), list: [1, null, true] };
    expect(await (await listening()).call('echo', value)).toEqual({ ok: true, result: value });
  });

  test('that is too large, no JSON, or nested without end is refused', async () => {
    const client = await listening();
    expect(await client.call('echo', 'x'.repeat(CONTROL_BODY_BYTES_MAX))).toMatchObject({
      ok: false,
      code: 'too_large',
    });
    const post = async (body: string) => {
      const url = 'http://localhost/v1/echo';
      const response = await fetch(url, { unix: client.socketPath, method: 'POST', body });
      return response.text();
    };
    expect(await post('{')).toContain('"bad_json"');
    expect(await post('['.repeat(100_000))).toContain('"bad_json"');
  });

  test('to a server that is gone fails by one sentence', async () => {
    const client = await listening();
    await listeners[0]?.stop();
    expect(client.call('add', { a: 1 })).rejects.toThrow(/does not answer/);
  });
});

describe('the control socket', () => {
  test('is open to its user alone, in a folder that is too', async () => {
    const { socketPath } = await listening();
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(join(socketPath, '..')).mode & 0o777).toBe(0o700);
  });

  test('leaves the process its umask', async () => {
    const before = process.umask();
    await listening();
    expect(process.umask()).toBe(before);
  });

  test('says that a server runs while one does', async () => {
    const { socketPath: controlSocket } = await listening();
    expect(await isServerRunning({ controlSocket })).toBe(true);
    await listeners[0]?.stop();
    expect(await isServerRunning({ controlSocket })).toBe(false);
    expect(await isServerRunning({ controlSocket: join(folder, 'never', 'x.sock') })).toBe(false);
  });

  test('of a living server is not taken by another', async () => {
    const client = await listening();
    expect(await listenControl(client.socketPath, app)).toMatchObject({ ok: false, reason: 'already_running' });
    expect(await client.call('add', { a: 1 })).toMatchObject({ ok: true });
  });

  test('left by a server that was killed is replaced', async () => {
    const path = join(folder, 'killed', 'control.sock');
    mkdirSync(join(folder, 'killed'), { mode: 0o700 });
    const script = `Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => new Response() }); process.kill(process.pid, 'SIGKILL')`;
    await Bun.spawn([process.execPath, '-e', script], { stderr: 'ignore' }).exited;
    expect(lstatSync(path).isSocket()).toBe(true);
    const verdict = await listenControl(path, app);
    if (!verdict.ok) throw new Error(verdict.detail);
    listeners.push(verdict.listener);
    expect(await new ControlClient(path).call('add', { a: 1 })).toMatchObject({ ok: true });
  });

  test('never replaces a file that is no socket', async () => {
    const path = join(folder, 'plain', 'control.sock');
    mkdirSync(join(folder, 'plain'), { mode: 0o700 });
    writeFileSync(path, 'mine');
    expect(await listenControl(path, app)).toMatchObject({ ok: false, reason: 'not_a_socket' });
    expect(existsSync(path)).toBe(true);
  });

  test('is refused in a folder that others may enter, which is left as it is', async () => {
    const shared = join(folder, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o755);
    const verdict = await listenControl(join(shared, 'control.sock'), app);
    expect(verdict).toMatchObject({ ok: false, reason: 'folder_open_to_others' });
    expect(statSync(shared).mode & 0o777).toBe(0o755);
  });
});

test('a control socket whose folder cannot be made is reported in one sentence, with its path', async () => {
  writeFileSync(join(folder, 'a-file'), '');
  const path = join(folder, 'a-file', 'run', 'control.sock');
  const app = createControlApp(commands, { version: 'test', onFault: () => {} });
  const fault = asFailure(await listenControl(path, app).catch((error: unknown) => error));
  expect(fault).toBeInstanceOf(CliError);
  expect(fault instanceof Error ? fault.message : '').toMatch(/a-file.* cannot be used \((ENOTDIR|EEXIST)\): .+\.$/);
});
