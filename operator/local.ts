// Runs one command in this process, for when no server runs: the node's files are opened for its duration. Only a key
// ceremony opens the listener, and only it and `key-info` the key file.

import { existsSync } from 'node:fs';
import { authorised } from './account-commands.ts';
import { commands } from './commands.ts';
import { closeNode, type Node, openNode, unsealNode } from './node.ts';
import type { NodeInput } from './opened-node.ts';
import { renewCard } from './own-card.ts';
import type { Credentials } from './runtime/account-command-types.ts';
import { CommandError } from './runtime/command-error.ts';
import type { CommandName, CommandParams, CommandResults } from './runtime/command-types.ts';
import type { Progress } from './runtime/progress.ts';

/** How a local command tells of itself, is stopped, and gets at the key file. */
export interface LocalRun {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** The key file's passphrase; asked for only by commands that need secrets. */
  readonly passphrase: () => Promise<string>;
  /** The same for what can be done without: null where none was given and nobody can be asked. */
  readonly passphraseIfAny: () => Promise<string | null>;
  /** Who acts, where somebody signed in. */
  readonly credentials?: readonly Credentials[];
}

/** How long a node that ran a ceremony by itself stays, so that the slower ones can end it with its help, in ms. */
const LINGER_MS = 3_000;
const NEEDS_SERVER: ReadonlySet<CommandName> = new Set<CommandName>([
  'unseal',
  'seal',
  'tls-rotate',
  'ceremony-abandon',
  'ceremony-recover',
  'treasury-open',
  'test-communication',
  'test-signing',
  'attest',
  'withdraw',
  'bump',
  'hold',
  'unhold',
  'void',
  'veto',
  'requests-approve',
  'requests-refuse',
  'withdrawals-waiting',
  'test-burn',
  'escalate',
  'incident-acknowledge',
  'incident-respond',
  'incident-plan',
  'incident-close',
  'incident-test-notify',
  'ceremony-schedule',
  'ceremony-schedule-answer',
  'consolidate-fees',
  'test-consolidate-fees',
]);

// These change nothing: a server that starts meanwhile must find the database free.
const READ_ONLY: ReadonlySet<CommandName> = new Set<CommandName>([
  'status',
  'key-info',
  'peer-list',
  'ceremony-list',
  'ceremony-show',
  'treasury',
  'service-status',
  'emergency-status',
  'policy-show',
  'requests-list',
  'requests-show',
  'deposits',
  'withdrawals',
  'fees',
  'backup-list',
  'user-list',
  'security-check',
  'checklist',
  'contacts',
  'incident-list',
  'incident-show',
  'ceremony-schedule-show',
]);

/** How long a process waits for another that writes the database, such as a command that is just ending, in ms. */
export const LOCK_WAIT_MS = 10_000;

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
  const isReader = READ_ONLY.has(command) && existsSync(input.config.securityDbPath);
  const node = openNode(
    { ...input, serves: false },
    isReader ? { access: 'read' } : { access: 'write', lockWaitMs: LOCK_WAIT_MS },
  );
  try {
    const actor = await authorised(node, command, params, run.credentials ?? []);
    const isCeremony = command === 'dkg';
    if (isCeremony) await unsealNode(node, await run.passphrase());
    if (command === 'key-info') await openKeyFile(node, run);
    if (command === 'peer-export') await renewCard(node, run.passphrase);
    const result = await commands[command](node, params, { ...run, actor });
    if (isCeremony) await input.effects.sleep(LINGER_MS, run.signal);
    return result;
  } finally {
    await closeNode(node);
  }
}

// Whether the shares fit the keys can be told with the key file open alone; a node without keys has nothing to compare.
async function openKeyFile(node: Node, run: LocalRun): Promise<void> {
  if (node.keys.list().length === 0) return;
  const passphrase = await run.passphraseIfAny();
  if (passphrase !== null) await node.keyRing.unseal(passphrase);
}
