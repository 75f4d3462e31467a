// Free ports of this machine for servers that are started a little later, and again after a crash.

// Below what systems hand out to outgoing connections (32768 and up on Linux), so that none of those takes a port while
// its server is down.
const PORT_FIRST = 20_000;
const PORTS = 12_000;
const TRIES_MAX = 2_000;
// Tests of several files run side by side, each in a worker with a number from 1 up. Each looks in a part of its own: a
// port where nobody listens may be one that another worker has found for a server that is not up yet, or is down.
const PARTS = 8;
const PART_PORTS = PORTS / PARTS;
const PART = Number(process.env['BUN_TEST_WORKER_ID'] ?? 0) % PARTS;

/** Different TCP ports that nobody listens on at 127.0.0.1. */
export function freePorts(count: number): readonly number[] {
  const found = new Set<number>();
  for (let attempt = 0; found.size < count; attempt++) {
    if (attempt > TRIES_MAX) throw new Error('no free ports');
    const port = PORT_FIRST + PART * PART_PORTS + Math.floor(Math.random() * PART_PORTS);
    if (isFree(port)) found.add(port);
  }
  return [...found];
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
