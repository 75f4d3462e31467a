// The commands' side of the control socket: nothing is sent to a socket that somebody else owns or can replace.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlClient, isServerRunning } from '../../cli/control-client.ts';

const OTHER = 1001;

let scratch: string;
let folder: string;
let socket: string;
let heard: string[];
let fake: Bun.Server<undefined>;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'control-client-'));
  folder = join(scratch, 'run');
  mkdirSync(folder, { mode: 0o700 });
  socket = join(folder, 'control.sock');
  heard = [];
  fake = Bun.serve({
    unix: socket,
    fetch: async (request) => {
      heard.push(`${request.url} ${await request.text()}`);
      return new Response('{"result":{"sealed":false}}\n');
    },
  });
  chmodSync(socket, 0o600);
});
afterEach(async () => {
  await fake.stop(true);
  rmSync(scratch, { recursive: true });
});

const unseal = (path = socket) => new ControlClient(path).call('unseal', { passphrase: 'a secret' });

async function expectNothingSent(told: RegExp, path = socket): Promise<void> {
  await expect(isServerRunning({ controlSocket: path })).rejects.toThrow(told);
  await expect(unseal(path)).rejects.toThrow(told);
  expect(heard).toEqual([]);
}

describe('a control socket', () => {
  test('of the own user in a folder of its own is spoken to', async () => {
    expect(await isServerRunning({ controlSocket: socket })).toBe(true);
    expect(await unseal()).toEqual({ ok: true, result: { sealed: false } });
    expect(heard).toHaveLength(2);
  });

  test('in a folder that others may write is sent nothing, and the message says how to correct that', async () => {
    chmodSync(folder, 0o777);
    await expectNothingSent(
      new RegExp(`^The control socket ${socket} cannot be trusted: .* Run: chmod go-w ${folder}$`),
    );
  });

  test('that others may write is sent nothing', async () => {
    chmodSync(socket, 0o666);
    await expectNothingSent(new RegExp(`Run: chmod go-w ${socket}$`));
  });

  test.skipIf(process.geteuid?.() !== 0)('of another user, or in a folder of one, is sent nothing', async () => {
    chownSync(socket, OTHER, OTHER);
    await expectNothingSent(/control\.sock belongs to user 1001 \(mode 0600\)/);
    chownSync(socket, 0, 0);
    chownSync(folder, OTHER, OTHER);
    await expectNothingSent(/run belongs to user 1001 \(mode 0700\)/);
  });

  test('reached by a link in a folder that others may write is sent nothing', async () => {
    const open = join(scratch, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    symlinkSync(socket, join(open, 'control.sock'));
    await expectNothingSent(new RegExp(`Run: chmod go-w ${open}$`), join(open, 'control.sock'));
  });

  test('that is not there in a folder that can be trusted means that no server runs', async () => {
    expect(await isServerRunning({ controlSocket: join(folder, 'none.sock') })).toBe(false);
  });
});
