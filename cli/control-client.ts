// The commands' side of the control socket: HTTP over a Unix socket, JSON in, newline-delimited JSON out. The server's
// side is routes/control.ts.
import { z } from 'zod';
import type { Json } from '../crypto/canonical-json.ts';
import type { OperatorConfig } from '../operator/config/config.ts';
import { untrusted } from '../operator/config/path-trust.ts';
import type { Credentials } from '../operator/runtime/account-command-types.ts';
import type { Progress } from '../operator/runtime/progress.ts';
import { CliError } from './errors.ts';

/** Largest line of an answer in characters; a result is one line. */
export const CONTROL_LINE_CHARACTERS_MAX = 64 * 1024 * 1024;
// A server that opens or rewrites its key file is deaf for as long as scrypt takes: seconds on a busy machine.
const PING_TIMEOUT_MS = 15_000;

export type ControlOutcome =
  | { readonly ok: true; readonly result: Json }
  | { readonly ok: false; readonly code: string; readonly message: string };

const answerLine = z.union([
  z.strictObject({ progress: z.object({ step: z.string(), text: z.string(), remaining_ms: z.number().optional() }) }),
  z.strictObject({ result: z.json() }),
  z.strictObject({ error: z.object({ code: z.string(), message: z.string() }) }),
]);

export interface CallOptions {
  readonly onProgress?: Progress;
  readonly signal?: AbortSignal;
  /** The credentials of the person who acts. */
  readonly credentials?: readonly Credentials[];
}

/** A connection to a running server. Each call is one request. */
export class ControlClient {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** Runs a command in the server. A refusal is returned; a server that is gone or speaks wrongly is a CliError. */
  async call(command: string, params: Json, options: CallOptions = {}): Promise<ControlOutcome> {
    const { credentials = [], signal } = options;
    const isSignedIn = credentials.length > 0 && typeof params === 'object';
    const body = isSignedIn ? { ...params, credentials: [...credentials] } : params;
    const response = await this.#request(command, body, signal);
    try {
      for await (const line of lines(response)) {
        const answer = answerLine.safeParse(parsed(line));
        if (!answer.success) throw new CliError('The server answered in a form this version does not know.');
        if ('progress' in answer.data) options.onProgress?.(answer.data.progress);
        else if ('result' in answer.data) return { ok: true, result: answer.data.result };
        else return { ok: false, ...answer.data.error };
      }
    } catch (error) {
      if (error instanceof CliError) throw error;
      if (options.signal?.aborted === true) throw new CliError('Stopped.');
      throw new CliError('The server closed the connection before it answered.');
    }
    throw new CliError('The server closed the connection before it answered.');
  }

  /** As `call`, with a refusal as CliError: for commands that have nothing to add to it. */
  async run(command: string, params: Json, options: CallOptions = {}): Promise<Json> {
    const outcome = await this.call(command, params, options);
    if (outcome.ok) return outcome.result;
    throw new CliError(outcome.message);
  }

  async #request(command: string, params: Json, signal: AbortSignal | undefined): Promise<Response> {
    assertOwnSocket(this.socketPath);
    try {
      return await fetch(`http://localhost/v1/${encodeURIComponent(command)}`, {
        method: 'POST',
        unix: this.socketPath,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(params),
        // A ceremony waits for people; only the caller's signal ends it.
        timeout: false,
        signal: signal ?? null,
      });
    } catch {
      if (signal?.aborted === true) throw new CliError('Stopped.');
      throw new CliError(`The server does not answer at ${this.socketPath}.`);
    }
  }
}

export function connectControl(config: Pick<OperatorConfig, 'controlSocket'>): ControlClient {
  return new ControlClient(config.controlSocket);
}

/**
 * Whether a server runs with this configuration. A socket that others own or can replace, or that may not be opened, is a
 * CliError: nothing is sent to it, and working past a server of another user on the same files would be wrong.
 */
export async function isServerRunning(config: Pick<OperatorConfig, 'controlSocket'>): Promise<boolean> {
  assertOwnSocket(config.controlSocket);
  try {
    const response = await fetch('http://localhost/v1/ping', {
      unix: config.controlSocket,
      signal: AbortSignal.timeout(PING_TIMEOUT_MS),
    });
    await response.body?.cancel();
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') return false;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new CliError(`The control socket ${config.controlSocket} belongs to another user. Run as that user.`);
    }
    const why =
      'it may have no file descriptors left, as in a flood of connections (LimitNOFILE; docs/OPERATING.md, "Service")';
    throw new CliError(
      `The server at ${config.controlSocket} does not answer. Look at its log: ${why}. Or end it first.`,
    );
  }
}

// Whoever owns the socket, or a folder on the way to it, gets what is sent there, and `unseal` sends the passphrase.
function assertOwnSocket(path: string): void {
  const flaw = untrusted([path]);
  if (flaw !== null) throw new CliError(`The control socket ${flaw}`);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function* lines(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body) {
    rest += decoder.decode(chunk, { stream: true });
    const complete = rest.split('\n');
    rest = complete.pop() ?? '';
    if (rest.length > CONTROL_LINE_CHARACTERS_MAX) throw new CliError('The server sent a line beyond the limit.');
    yield* complete.filter((line) => line !== '');
  }
}
