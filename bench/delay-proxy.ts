// A TCP proxy on loopback that hands bytes on later than it got them, in both directions, as a network would. It never
// looks at them, so TLS passes through untouched. Setting up a connection takes its round trip too: the first byte of the
// client can reach the server only after the way there.

/** A proxy that listens. */
export interface DelayProxy {
  readonly port: number;
  stop(): void;
}

type Socket = Bun.Socket<Side>;

// One end of a pair. What arrived before the other end was open waits in `early`; what the other end does not take at
// once, in `unsent`.
interface Side {
  other: Socket | null;
  readonly early: Uint8Array[];
  readonly unsent: Uint8Array[];
  isEnding: boolean;
}

/** Begins to hand on connections to a port of 127.0.0.1, each chunk `oneWayMs` after it came. */
export function startDelayProxy(target: number, oneWayMs: number): DelayProxy {
  const later = (run: () => void): void => {
    setTimeout(run, oneWayMs);
  };
  const handlers = {
    data(socket: Socket, chunk: Uint8Array): void {
      const copy = Uint8Array.from(chunk);
      later(() => {
        const { other } = socket.data;
        if (other === null) socket.data.early.push(copy);
        else send(other, copy);
      });
    },
    drain: flush,
    close(socket: Socket): void {
      later(() => {
        socket.data.isEnding = true;
        if (socket.data.other !== null) end(socket.data.other);
      });
    },
    error(): void {},
  };
  const listener = Bun.listen<Side>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      ...handlers,
      open(client) {
        client.data = newSide();
        later(() => void connect(client, target, handlers, later));
      },
    },
  });
  return { port: listener.port, stop: () => listener.stop(true) };
}

async function connect(
  client: Socket,
  port: number,
  handlers: Bun.SocketHandler<Side>,
  later: (run: () => void) => void,
): Promise<void> {
  try {
    const server = await Bun.connect<Side>({
      hostname: '127.0.0.1',
      port,
      data: { ...newSide(), other: client },
      socket: handlers,
    });
    client.data.other = server;
    for (const chunk of client.data.early.splice(0)) send(server, chunk);
    if (client.data.isEnding) end(server);
  } catch {
    // Nobody listens: the client learns it after the way back.
    later(() => client.end());
  }
}

function send(to: Socket, chunk: Uint8Array): void {
  to.data.unsent.push(chunk);
  flush(to);
}

function flush(to: Socket): void {
  for (let chunk = to.data.unsent.shift(); chunk !== undefined; chunk = to.data.unsent.shift()) {
    const written = to.write(chunk);
    if (written === chunk.length) continue;
    if (written >= 0) to.data.unsent.unshift(chunk.subarray(written));
    return;
  }
  if (to.data.isEnding) to.end();
}

function end(to: Socket): void {
  to.data.isEnding = true;
  flush(to);
}

function newSide(): Side {
  return { other: null, early: [], unsent: [], isEnding: false };
}
