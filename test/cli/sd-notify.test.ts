// What systemd hears, received on a real Unix datagram socket.
import { dlopen, FFIType } from 'bun:ffi';
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sendDatagram, serviceManager, unixAddress } from '../../cli/sd-notify.ts';
import { LoneNode } from './lone-node.ts';

const { symbols: libc } = dlopen('libc.so.6', {
  socket: { args: [FFIType.int, FFIType.int, FFIType.int], returns: FFIType.int },
  bind: { args: [FFIType.int, FFIType.ptr, FFIType.u32], returns: FFIType.int },
  recv: { args: [FFIType.int, FFIType.ptr, FFIType.u64, FFIType.int], returns: FFIType.i64 },
  close: { args: [FFIType.int], returns: FFIType.int },
});
const [AF_UNIX, SOCK_DGRAM, MSG_DONTWAIT] = [1, 2, 0x40];

let folder: string;
const descriptors: number[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'notify-'));
});
afterEach(() => {
  for (const descriptor of descriptors.splice(0)) libc.close(descriptor);
  rmSync(folder, { recursive: true });
});

/** Binds a datagram socket as systemd does; what was received since, null where nothing was. */
function receiver(name: string): () => string | null {
  const address = unixAddress(name);
  if (address === null) throw new Error('no address');
  const descriptor = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
  descriptors.push(descriptor);
  if (libc.bind(descriptor, address, address.length) !== 0) throw new Error('not bound');
  return () => {
    const bytes = new Uint8Array(4096);
    const length = Number(libc.recv(descriptor, bytes, bytes.length, MSG_DONTWAIT));
    return length < 0 ? null : new TextDecoder().decode(bytes.subarray(0, length));
  };
}

describe('systemd is told', () => {
  for (const [kind, name] of [
    ['a path', () => join(folder, 'notify')],
    ['an abstract name', () => `@mpc-operator-test-${process.pid}`],
  ] as const) {
    test(`on a socket with ${kind} that the server is ready, and that it stops`, () => {
      const socket = name();
      const received = receiver(socket);
      const manager = serviceManager({ NOTIFY_SOCKET: socket });
      manager.ready('listening on\n0.0.0.0:50051');
      expect(received()).toBe('READY=1\nSTATUS=listening on 0.0.0.0:50051');
      manager.status('sealed');
      expect(received()).toBe('STATUS=sealed');
      manager.stopping();
      expect(received()).toBe('STOPPING=1\nSTATUS=stopping');
      expect(received()).toBeNull();
    });
  }

  test('that the server is alive twice in the time it waits for that, until the end', () => {
    const socket = join(folder, 'notify');
    const received = receiver(socket);
    const beats: [number, () => void][] = [];
    let ended = 0;
    const every = (ms: number, run: () => void) => {
      beats.push([ms, run]);
      return () => void ended++;
    };
    const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '120000000', WATCHDOG_PID: `${process.pid}` };
    const stop = serviceManager(env).keepAlive(every);
    expect(beats.map(([ms]) => ms)).toEqual([60_000]);
    beats[0]?.[1]();
    expect(received()).toBe('WATCHDOG=1');
    stop();
    expect(ended).toBe(1);
  });
});

test('a server tells systemd when it is unsealed, and when it is sealed again', async () => {
  const node = await LoneNode.make();
  try {
    const received = receiver(join(folder, 'notify'));
    const statusIs = async (what: string) => {
      for (let text = ''; !text.includes(`STATUS=${what}`); text = received() ?? '') await Bun.sleep(10);
    };
    const server = node.serve(`NOTIFY_SOCKET='${join(folder, 'notify')}' exec "$@"`);
    await statusIs('sealed: run mpc_operator unseal');
    expect((await node.run('unseal', ...node.unlocking)).code).toBe(0);
    await statusIs('listening on ');
    expect((await node.run('seal')).code).toBe(0);
    await statusIs('sealed: run mpc_operator unseal');
    server.kill('SIGTERM');
    await statusIs('stopping');
    expect(await server.exited).toBe(0);
    expect(received()).toBeNull();
  } finally {
    node.close();
  }
}, 60_000);

describe('nothing is sent', () => {
  const never = () => {
    throw new Error('a beat was asked for');
  };

  test('where no manager listens, or none started this process', () => {
    expect(sendDatagram(join(folder, 'nobody'), 'READY=1')).toBe(false);
    serviceManager({}).ready('x');
    serviceManager({ WATCHDOG_USEC: '1000000' }).keepAlive(never);
  });

  test('by the watchdog of another process, or one whose time is no number', () => {
    const socket = join(folder, 'notify');
    receiver(socket);
    serviceManager({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: '1000000', WATCHDOG_PID: '1' }).keepAlive(never);
    serviceManager({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: '1e9' }).keepAlive(never);
  });

  test('to what is no name of a Unix socket, or where the C library is missing', () => {
    for (const name of ['relative', '', `/${'x'.repeat(120)}`]) expect(sendDatagram(name, 'READY=1')).toBe(false);
    receiver(join(folder, 'notify'));
    expect(sendDatagram(join(folder, 'notify'), 'READY=1', 'no-such-library.so')).toBe(false);
  });
});
