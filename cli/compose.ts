// Puts the node together: operator services, the peer listener and the control socket, for as long as a command or the
// server runs. The one place of cli/ that knows of listeners.

import type { z } from 'zod';
import { verifyCeremonyFile } from '../ceremony/ceremony-file.ts';
import { ceremonyFileSchema } from '../ceremony/transcript.ts';
import { zeroize } from '../crypto/bytes.ts';
import { CommandError } from '../operator/command-error.ts';
import { type CommandName, type CommandParams, type CommandResults, commandParams } from '../operator/command-types.ts';
import { commands } from '../operator/commands.ts';
import type { OperatorConfig } from '../operator/config/config.ts';
import { initialise } from '../operator/config/initialise.ts';
import { processPaths } from '../operator/config/paths.ts';
import { systemEffects } from '../operator/effects.ts';
import { runLocally } from '../operator/local.ts';
import { createLog, errorText, type Log, silentLog } from '../operator/log.ts';
import { closeNode, type Node, type NodeInput, openNode, unsealNode } from '../operator/node.ts';
import type { OpenGate } from '../operator/online.ts';
import {
  type ControlCommand,
  ControlError,
  controlCommand,
  createControlApp,
  listenControl,
} from '../routes/control.ts';
import { listenForPeers } from '../routes/listen.ts';
import { peerRoutes } from '../routes/peer.ts';
import { isBug, plainJson } from './call.ts';
import type { CeremonyVerdict, InitialiseInput, InitialiseResult, LocalRunOptions, ServeOptions } from './services.ts';
import { VERSION } from './version.ts';

/** Runs the node until the signal aborts and everything is closed. Throws named errors where it cannot start. */
export async function serve(config: OperatorConfig, options: ServeOptions): Promise<void> {
  const log = createLog((line) => process.stderr.write(line), systemEffects.now);
  const node = openNode(nodeInput(config, log));
  try {
    const onFault = (command: string, error: unknown): void =>
      log('error', 'command_failed', { command, detail: errorText(error) });
    const app = createControlApp(controlCommands(node), { version: VERSION, onFault });
    const control = await listenControl(config.controlSocket, app);
    if (!control.ok) throw new CommandError(control.reason, control.detail);
    try {
      const { passphrase } = options;
      if (passphrase !== null) await unsealNode(node, textOf(passphrase));
      log('info', 'started', {
        version: VERSION,
        index: config.myIndex,
        network: config.network,
        sealed: passphrase === null,
      });
      await aborted(options.signal);
      log('info', 'stopping');
    } finally {
      await control.listener.stop();
    }
  } finally {
    await closeNode(node);
  }
}

/** Runs a command in this process. */
export async function runHere<C extends CommandName>(
  config: OperatorConfig,
  command: C,
  params: CommandParams<C>,
  options: LocalRunOptions,
): Promise<CommandResults[C]> {
  const { progress, signal } = options;
  const passphrase = async (): Promise<string> => textAndZero(await options.passphrase());
  const passphraseIfAny = async (): Promise<string | null> => {
    const bytes = await options.passphraseIfAny();
    return bytes === null ? null : textAndZero(bytes);
  };
  return runLocally(nodeInput(config, silentLog), command, params, { progress, signal, passphrase, passphraseIfAny });
}

/** Sets a node up. */
export function initialiseHere(input: InitialiseInput): Promise<InitialiseResult> {
  const { env } = processPaths();
  return initialise({ ...input, env, passphrase: textOf(input.passphrase), effects: systemEffects });
}

/** Checks an exported ceremony offline. */
export function verifyCeremony(file: unknown): Promise<CeremonyVerdict> {
  const verdict = verifyCeremonyFile(file);
  const transcript = ceremonyFileSchema.safeParse(file).data?.transcript ?? null;
  return Promise.resolve({ transcript, problems: verdict.ok ? [] : verdict.problems });
}

function nodeInput(config: OperatorConfig, log: Log): NodeInput {
  const { home, env } = processPaths();
  return { config, version: VERSION, home, env, effects: systemEffects, log, openGate };
}

const openGate: OpenGate = ({ acceptor, ...input }) => {
  const listener = listenForPeers({ ...input, fetch: (request) => peerRoutes(acceptor).fetch(request) });
  return {
    address: `${listener.hostname}:${listener.port}`,
    replacePeers: (certificates) => listener.replacePeers(certificates),
    stop: () => listener.stop(),
  };
};

type Schemas = { readonly [C in CommandName]: z.ZodType<CommandParams<C>> };
const schemas: Schemas = commandParams;

function controlCommands(node: Node): Readonly<Record<string, ControlCommand>> {
  const names = Object.keys(commandParams).filter((name): name is CommandName => Object.hasOwn(commands, name));
  return Object.fromEntries(names.map((name) => [name, commandOf(node, name)]));
}

function commandOf<C extends CommandName>(node: Node, name: C): ControlCommand {
  return controlCommand({
    params: schemas[name],
    run: async (params, progress, signal) => {
      try {
        return plainJson(await commands[name](node, params, { progress, signal }));
      } catch (error) {
        throw asControlError(error);
      }
    },
  });
}

// An expected "no" reaches the caller as it is; a bug stays in the log.
function asControlError(error: unknown): unknown {
  if (!(error instanceof Error) || isBug(error)) return error;
  return new ControlError(error instanceof CommandError ? error.code : error.name, error.message);
}

function textAndZero(passphrase: Uint8Array): string {
  try {
    return textOf(passphrase);
  } finally {
    zeroize(passphrase);
  }
}

function textOf(passphrase: Uint8Array): string {
  return new TextDecoder().decode(passphrase);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
