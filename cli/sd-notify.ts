// What systemd is told (sd_notify(3)): that the server is ready, that it is stopping, and that it is alive. Each is one datagram
// to the Unix socket that $NOTIFY_SOCKET names. The runtime sends none on Unix sockets, so the C library is asked directly.
import { dlopen, FFIType } from 'bun:ffi';

// Of <sys/socket.h>, the same on x86-64 and arm64.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** Of sockaddr_un.sun_path, with its closing zero. */
const PATH_BYTES_MAX = 108;
const C_LIBRARY = 'libc.so.6';

/** The service manager that started this process; without one every call does nothing. */
export interface ServiceManager {
  /** The server answers; `status` is what `systemctl status` shows. */
  ready(status: string): void;
  /** The text that `systemctl status` shows from now on. */
  status(text: string): void;
  /** The server ends; from here on it may take its time. */
  stopping(): void;
  /** Tells that the event loop runs, as often as the manager wants it, until the function returned is called. */
  keepAlive(every: (ms: number, run: () => void) => () => void): () => void;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The manager that the environment names. `pid`: of this process, which alone the watchdog may be meant for. */
export function serviceManager(env: Environment, pid: number = process.pid): ServiceManager {
  const socket = env['NOTIFY_SOCKET'] ?? '';
  const tell = (...lines: readonly string[]): void => {
    if (socket !== '') sendDatagram(socket, lines.join('\n'));
  };
  return {
    ready: (status) => tell('READY=1', `STATUS=${oneLine(status)}`),
    status: (text) => tell(`STATUS=${oneLine(text)}`),
    stopping: () => tell('STOPPING=1', 'STATUS=stopping'),
    keepAlive: (every) => {
      const interval = socket === '' ? null : watchdogMs(env, pid);
      return interval === null ? () => {} : every(interval, () => tell('WATCHDOG=1'));
    },
  };
}

// Half of what the manager waits for (sd_watchdog_enabled(3)).
function watchdogMs(env: Environment, pid: number): number | null {
  const text = env['WATCHDOG_USEC'] ?? '';
  const isMeant = (env['WATCHDOG_PID'] ?? `${pid}`) === `${pid}`;
  return isMeant && /^[1-9][0-9]{0,15}$/.test(text) ? Math.max(1, Math.floor(Number(text) / 2_000)) : null;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

/**
 * Sends one datagram to a Unix socket: an absolute path, or `@name` in the abstract namespace (unix(7)). False where that
 * fails: the manager is then none the wiser, and the server goes on.
 */
export function sendDatagram(socket: string, text: string, library: string = C_LIBRARY): boolean {
  const address = unixAddress(socket);
  if (address === null) return false;
  try {
    const { symbols, close } = dlopen(library, {
      socket: { args: [FFIType.int, FFIType.int, FFIType.int], returns: FFIType.int },
      sendto: {
        args: [FFIType.int, FFIType.ptr, FFIType.u64, FFIType.int, FFIType.ptr, FFIType.u32],
        returns: FFIType.i64,
      },
      close: { args: [FFIType.int], returns: FFIType.int },
    });
    const descriptor = symbols.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return false;
    const bytes = new TextEncoder().encode(text);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const sent = symbols.sendto(descriptor, bytes, bytes.length, flags, address, address.length);
    symbols.close(descriptor);
    close();
    return Number(sent) === bytes.length;
  } catch {
    return false;
  }
}

/** A sockaddr_un: the family in the machine's byte order, then the name; null where the name is none. */
export function unixAddress(socket: string): Uint8Array | null {
  const name = new TextEncoder().encode(socket);
  const isAbstract = socket.startsWith('@');
  if (!(isAbstract || socket.startsWith('/')) || name.length >= PATH_BYTES_MAX) return null;
  // An abstract name begins with a zero byte and ends with its length; a path ends with a zero byte.
  const address = new Uint8Array(2 + name.length + (isAbstract ? 0 : 1));
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(name, 2);
  if (isAbstract) address[2] = 0;
  return address;
}
