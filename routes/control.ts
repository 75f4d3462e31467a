// The control socket: how commands on the same machine reach the running server. HTTP over a Unix socket, a JSON body
// in (with the member `credentials` where somebody signs in), newline-delimited JSON out: any number of {"progress": …} and empty lines, then one {"result": …} or
// {"error": {code, message}}.
//
// The permissions of the socket (0600) and of its folder (0700) are the gate: whoever may open it is the operator. The
// runtime offers no way to ask the kernel who the peer is (SO_PEERCRED), so nothing else is checked.
import { chmodSync, lstatSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import { type Json, nestsWithin } from '../crypto/canonical-json.ts';
import { untrusted } from '../operator/config/path-trust.ts';
import { type Credentials, credentialsListSchema } from '../operator/runtime/account-command-types.ts';
import type { Progress } from '../operator/runtime/progress.ts';

export const CONTROL_BODY_BYTES_MAX = 1024 * 1024;
const CONTROL_DEPTH_MAX = 32;
const PROBE_TIMEOUT_MS = 2_000;
// The runtime ends a connection on which nothing was written for 10 s, and on a Unix socket that cannot be set; a command
// may wait for people for hours. Readers skip the empty line.
const HEARTBEAT_INTERVAL_MS = 3_000;

/** What a running command is given. */
export interface CommandIo {
  readonly progress: Progress;
  /** Aborts when the caller hangs up. */
  readonly signal: AbortSignal;
  /** The credentials of the person who acts. */
  readonly credentials: readonly Credentials[];
}

/** Thrown by a command for an expected "no"; code and message reach the caller as they are. */
export class ControlError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'ControlError';
    this.code = code;
  }
}

type Prepared =
  | { readonly ok: true; readonly run: (io: CommandIo) => Promise<Json> }
  | { readonly ok: false; readonly message: string };

/** A command whose parameters are checked; made by `controlCommand`. */
export interface ControlCommand {
  prepare(params: unknown): Prepared;
}

/** A command of the control socket: the schema of its parameters, and what it does. */
export function controlCommand<Schema extends z.ZodType>(definition: {
  readonly params: Schema;
  readonly run: (
    params: z.output<Schema>,
    progress: Progress,
    signal: AbortSignal,
    credentials: readonly Credentials[],
  ) => Promise<Json>;
}): ControlCommand {
  return {
    prepare: (params) => {
      const checked = definition.params.safeParse(params);
      if (!checked.success) return { ok: false, message: issueSentence(checked.error) };
      return {
        ok: true,
        run: ({ progress, signal, credentials }) => definition.run(checked.data, progress, signal, credentials),
      };
    },
  };
}

export interface ControlAppOptions {
  readonly version: string;
  /** Told of every fault that is no ControlError; the caller learns only that there was one. */
  readonly onFault: (command: string, error: unknown) => void;
}

/** The app behind the socket: `GET /v1/ping`, `POST /v1/COMMAND`. */
export function createControlApp(commands: Readonly<Record<string, ControlCommand>>, options: ControlAppOptions): Hono {
  const app = new Hono();
  app.get('/v1/ping', (c) => c.json({ service: 'mpc_operator', version: options.version, pid: process.pid }));
  const tooLarge = () => errorResponse(413, 'too_large', `The request exceeds ${CONTROL_BODY_BYTES_MAX} bytes.`);
  app.post('/v1/:command', bodyLimit({ maxSize: CONTROL_BODY_BYTES_MAX, onError: tooLarge }), async (c) => {
    const name = c.req.param('command');
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) {
      return errorResponse(404, 'unknown_command', `The server (version ${options.version}) has no command ${name}.`);
    }
    const body = parsedBody(await c.req.text());
    if (body === undefined) return errorResponse(400, 'bad_json', 'The request is not JSON.');
    const told = withoutCredentials(body);
    if (told === null) return errorResponse(400, 'bad_params', 'The credentials are wrong.');
    const prepared = command.prepare(told.params);
    if (!prepared.ok) return errorResponse(400, 'bad_params', prepared.message);
    const onFault = (error: unknown) => options.onFault(name, error);
    return new Response(
      answerStream((io) => prepared.run({ ...io, credentials: told.credentials }), c.req.raw.signal, onFault),
      { headers: NDJSON },
    );
  });
  app.notFound(() => errorResponse(404, 'unknown_command', 'There is nothing here.'));
  app.onError((error, c) => {
    // A caller that broke off in the middle of its request is no fault of this node, and nobody reads the answer.
    if (!c.req.raw.signal.aborted) options.onFault('request', error);
    return errorResponse(500, 'internal', INTERNAL_FAULT);
  });
  return app;
}

export interface ControlListener {
  readonly path: string;
  /** Ends all connections and removes the socket. */
  stop(): Promise<void>;
}

export type ListenVerdict =
  | { readonly ok: true; readonly listener: ControlListener }
  | {
      readonly ok: false;
      readonly reason: 'already_running' | 'folder_open_to_others' | 'not_a_socket';
      readonly detail: string;
    };

/**
 * Listens on a Unix socket, mode 0600, in a folder made 0700 where missing. An existing folder that others may enter is
 * refused rather than changed. A socket left by a server that died is removed only after nobody answers on it. Two
 * servers starting in the same instant are kept apart by the database's lock, not by this.
 */
export async function listenControl(path: string, app: Pick<Hono, 'fetch'>): Promise<ListenVerdict> {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const flaw = untrusted([folder]);
  if (flaw !== null)
    return { ok: false, reason: 'folder_open_to_others', detail: `The control socket's folder ${flaw}` };
  const status = statSync(folder);
  if ((status.mode & 0o077) !== 0 || status.uid !== process.getuid?.()) {
    const detail = `The folder ${folder} of the control socket must belong to this user alone. Run: chmod 700 ${folder}, or set "control_socket" to a path in a folder of its own.`;
    return { ok: false, reason: 'folder_open_to_others', detail };
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined) {
    if (!found.isSocket()) {
      return {
        ok: false,
        reason: 'not_a_socket',
        detail: `${path} exists and is not a socket. Set "control_socket" to another path.`,
      };
    }
    if (await answers(path)) {
      const detail = `Another server answers on ${path}. End it first, or give this one another "control_socket".`;
      return { ok: false, reason: 'already_running', detail };
    }
    unlinkSync(path);
  }
  return bind(path, app);
}

function bind(path: string, app: Pick<Hono, 'fetch'>): ListenVerdict {
  // The socket must never be open to others, not even between bind and chmod.
  const umask = process.umask(0o177);
  try {
    const server = Bun.serve({ unix: path, fetch: (request) => app.fetch(request) });
    chmodSync(path, 0o600);
    return { ok: true, listener: { path, stop: () => server.stop(true) } };
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') throw error;
    return { ok: false, reason: 'already_running', detail: `Another server has just taken ${path}.` };
  } finally {
    process.umask(umask);
  }
}

/** Whether somebody accepts connections on a socket. One that hangs counts as somebody. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (outcome: boolean) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(true));
    socket.once('connect', () => finish(true));
    socket.once('error', (error: Error & { code?: string }) => {
      finish(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}

const NDJSON = { 'content-type': 'application/x-ndjson' };
const INTERNAL_FAULT = 'The server met an unexpected fault; its log says more.';

type Run = (io: Omit<CommandIo, 'credentials'>) => Promise<Json>;

function answerStream(run: Run, hangUp: AbortSignal, onFault: (error: unknown) => void): ReadableStream<Uint8Array> {
  const stop = new AbortController();
  const encoder = new TextEncoder();
  if (hangUp.aborted) stop.abort();
  hangUp.addEventListener('abort', () => stop.abort(), { once: true });
  return new ReadableStream({
    async start(controller) {
      // After a hang-up the stream is closed and takes nothing more.
      const write = (text: string) => {
        if (!stop.signal.aborted) controller.enqueue(encoder.encode(text));
      };
      const send = (line: Json) => write(`${JSON.stringify(line)}\n`);
      const heartbeat = setInterval(() => write('\n'), HEARTBEAT_INTERVAL_MS);
      try {
        const progress: Progress = ({ step, text, remaining_ms }) =>
          send({ progress: { step, text, ...(remaining_ms !== undefined && { remaining_ms }) } });
        send({ result: await run({ progress, signal: stop.signal }) });
      } catch (error) {
        if (!(error instanceof ControlError) && !stop.signal.aborted) onFault(error);
        send({ error: errorBody(error) });
      } finally {
        clearInterval(heartbeat);
      }
      if (!stop.signal.aborted) controller.close();
    },
    cancel() {
      stop.abort();
    },
  });
}

function errorBody(error: unknown): { code: string; message: string } {
  return error instanceof ControlError
    ? { code: error.code, message: error.message }
    : { code: 'internal', message: INTERNAL_FAULT };
}

function errorResponse(status: number, code: string, message: string): Response {
  return new Response(`${JSON.stringify({ error: { code, message } })}\n`, { status, headers: NDJSON });
}

// Credentials stand beside the parameters, whatever the command; null where they are malformed.
function withoutCredentials(body: unknown): { params: unknown; credentials: readonly Credentials[] } | null {
  if (typeof body !== 'object' || body === null || !('credentials' in body)) return { params: body, credentials: [] };
  const { credentials, ...params } = body;
  const checked = credentialsListSchema.safeParse(credentials);
  return checked.success ? { params, credentials: checked.data } : null;
}

function parsedBody(text: string): unknown {
  if (!nestsWithin(text, CONTROL_DEPTH_MAX)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// Names places and expectations, never values: a parameter may be a passphrase.
function issueSentence(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'The parameters are wrong.';
  const place = issue.path.join('.');
  return place === ''
    ? `The parameters are wrong: ${issue.message}.`
    : `The parameter ${place} is wrong: ${issue.message}.`;
}
