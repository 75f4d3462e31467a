// Runs one command in this process, for when no server runs: the node's files are opened for its duration, and only a
// key ceremony opens the key file and the listener as well.

import { CommandError } from './command-error.ts';
import type { CommandName, CommandParams, CommandResults } from './command-types.ts';
import { commands } from './commands.ts';
import { closeNode, type NodeInput, openNode, unsealNode } from './node.ts';
import type { Progress } from './progress.ts';

/** How a local command tells of itself, is stopped, and gets at the key file. */
export interface LocalRun {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** The key file's passphrase; asked for only by commands that need secrets. */
  readonly passphrase: () => Promise<string>;
}

/** How long a node that ran a ceremony by itself stays, so that the slower ones can end it with its help, in ms. */
const LINGER_MS = 3_000;
const NEEDS_SERVER: ReadonlySet<CommandName> = new Set<CommandName>([
  'unseal',
  'ceremony-abandon',
  'ceremony-recover',
  'test-communication',
  'test-signing',
  'attest',
  'withdraw',
  'release-burn',
  'test-burn',
]);

/** Runs a command. Throws named errors with one sentence each. */
export async function runLocally<C extends CommandName>(
  input: NodeInput,
  command: C,
  params: CommandParams<C>,
  run: LocalRun,
): Promise<CommandResults[C]> {
  if (NEEDS_SERVER.has(command)) {
    throw new CommandError('no_server', `${command} needs the running server: start it with \`mpc_operator server\``);
  }
  const node = openNode(input);
  try {
    const isCeremony = command === 'dkg';
    if (isCeremony) await unsealNode(node, await run.passphrase());
    const result = await commands[command](node, params, run);
    if (isCeremony) await input.effects.sleep(LINGER_MS, run.signal);
    return result;
  } finally {
    await closeNode(node);
  }
}
