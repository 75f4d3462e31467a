// `restore`: brings a node back from a backup of its key material, or puts its database back.
import type { Command } from 'commander';
import { zeroize } from '../crypto/bytes.ts';
import type { DecisionChange } from '../operator/backups/standing-decisions.ts';
import { asFailure, type Cli, withSignIn } from './call.ts';
import type { CliContext, PassphraseOptions } from './context.ts';
import { CliError, UsageError } from './errors.ts';
import { localTime } from './format.ts';
import { renderTable } from './output.ts';
import { addExamples, addPassphraseOptions } from './program.ts';
import { confirmPrompt } from './prompt.ts';

export interface RestoreFlags extends PassphraseOptions {
  readonly input: string;
  readonly identity?: string;
  readonly backupPassphraseFile?: string;
  readonly force?: boolean;
  readonly yes?: boolean;
}

export function registerRestore(program: Command, cli: Cli): void {
  const restore = program
    .command('restore')
    .description('Bring a node back from its backups. Nothing that is there is lost: it is kept under another name.');
  addExamples(restore, 'mpc_operator restore key-share --input ~/key-share-backup.enc');
  const keyShare = addRestoreOptions(restore.command('key-share'))
    .description(
      'Restore the key material on an empty machine or over this node. Proves every share first, shows what it will do, and asks. Where the node has users, one signs in, and a second person where there are more.',
    )
    .option('--force', 'move key material and a configuration of another node out of the way')
    .action((flags: RestoreFlags) => restoreKeyShare(cli, flags));
  registerDatabase(restore, cli);
  addPassphraseOptions(keyShare);
  addExamples(keyShare, 'mpc_operator restore key-share --input ~/key-share-backup.enc');
}

function registerDatabase(restore: Command, cli: Cli): void {
  const command = addRestoreOptions(restore.command('database'))
    .description(
      'Put the database back from its backup. The peers notice, and the node goes on once they have answered.',
    )
    .option('--force', 'move the database of another node out of the way')
    .action((flags: RestoreFlags) => database(cli, flags));
  addExamples(command, 'mpc_operator restore database --input ~/security-db.age --identity ~/backup-identity');
}

async function database({ context }: Cli, flags: RestoreFlags): Promise<void> {
  const config = context.config();
  await refuseServer(context);
  const { inputPlace, notOpened, openingOf } = await import('./backup-files.ts');
  const { openingFault } = await import('../crypto/seal.ts');
  const { restoreDatabase } = await import('../operator/backups/restore-database.ts');
  const input = inputPlace(context, flags.input);
  const opening = await openingOf(context, flags.input, await Bun.file(input).slice(0, 4096).bytes(), flags);
  const confirmed = async (
    { head, writtenAt }: { head: { seq: number }; writtenAt: number | null },
    decisions: DecisionChange,
  ) => {
    const written = writtenAt === null ? 'never' : localTime(new Date(writtenAt).toISOString());
    context.output.note(`The backup is whole. Its last decision is entry ${head.seq} of the audit log, of ${written}.`);
    for (const line of decisionLines(decisions)) context.output.note(line);
    await confirm(context, flags, `This replaces ${config.securityDbPath}, and keeps the old one. Restore?`);
  };
  const opened = { config, input, opening, force: flags.force === true, now: Date.now(), confirm: confirmed };
  const { facts, decisions, path, aside } = await restoreDatabase(opened).catch((error: unknown) => {
    if (!(error instanceof Error) || (error.name !== 'Error' && error.name !== 'TypeError')) throw asFailure(error);
    throw new CliError(notOpened(flags.input, openingFault(error), opening));
  });
  context.output.result(
    { path, aside, head: { ...facts.head }, lost: listed(decisions.lost), kept: listed(decisions.kept) },
    () => `Restored ${path}.\nThe old one: ${aside ?? 'there was none'}`,
  );
  context.output.note(
    'Next: mpc_operator server. The peers show an alarm that this node was put back, which is expected.',
  );
}

/** Lists the decisions of operators that a restore loses, those that it brings back, and the remedy for each. */
function decisionLines({ lost, kept }: DecisionChange): readonly string[] {
  const lines = kept.length === 0 ? [] : ['This stands in the backup, and so again after the restore:'];
  lines.push(...kept.map((text) => `  ${text}`));
  if (lost === null) {
    lines.push(
      'The database here cannot be read: pauses, holds and vetoes since the backup, and a service disabled since, are lost.',
    );
  } else if (lost.length > 0) {
    lines.push(
      'This stands here and not in the backup, and is LOST by the restore:',
      ...lost.map((text) => `  ${text}`),
    );
  }
  if (lost === null || lost.length > 0) {
    lines.push(
      'Say it again: run `mpc_operator emergency pause` before `mpc_operator server`, then the rest, then `emergency resume`.',
    );
  }
  return lines;
}

function listed(texts: readonly string[] | null): string[] | null {
  return texts === null ? null : [...texts];
}

function addRestoreOptions(command: Command): Command {
  return command
    .requiredOption('--input <file>', 'the backup')
    .option('--identity <path>', 'age identity file (mode 0600), for a backup that was sealed to a recipient')
    .option('--backup-passphrase-file <path>', 'file (mode 0600) with the passphrase of the backup')
    .option('--yes', 'do not ask');
}

async function restoreKeyShare(cli: Cli, flags: RestoreFlags): Promise<void> {
  const { context } = cli;
  const { openWhole } = await import('./backup-files.ts');
  const { decodeBackup, eraseBackup, KEY_SHARE_BACKUP_BYTES_MAX } = await import(
    '../operator/backups/key-share-backup.ts'
  );
  const { planRestore, carryOut, unapproved } = await import('../operator/backups/restore-key-share.ts');
  const { authoriseRestore, recordActs } = await import('../operator/backups/restore-gate.ts');
  const { systemEffects } = await import('../operator/runtime/effects.ts');
  const { silentLog } = await import('../operator/runtime/log.ts');
  await refuseServer(context);
  const { plaintext, sha256, bytes, place } = await openWhole(context, flags.input, KEY_SHARE_BACKUP_BYTES_MAX, flags);
  const decoded = decodeBackup(plaintext);
  zeroize(plaintext);
  if (!decoded.ok) throw new CliError(`${flags.input} is no backup of key material: ${decoded.detail}.`);
  const { backup } = decoded;
  try {
    const { home } = context.surroundings.paths;
    const sealed = { path: place, sha256, bytes };
    const where = { file: context.configFile, home, force: flags.force === true };
    const plan = await planRestore({ backup, sealed, ...where, effects: systemEffects, log: silentLog });
    const { network, index, created_at, live_key } = backup.manifest;
    const whose = `operator ${index} on ${network}, backed up ${localTime(created_at)}`;
    context.output.note(`All shares are proven. This restores ${whose}:`);
    for (const { what, path, action } of plan.files) context.output.note(`  ${ACTIONS[action]} ${what} ${path}`);
    await confirm(context, flags, 'Never start it beside a living copy of this node. Restore?');
    const gate = { config: plan.config, env: context.surroundings.paths.env, effects: systemEffects };
    const isOwn = plan.files.some(({ what, action }) => what === 'database' && action === 'keep');
    const acts = await withSignIn(context, (shown) => authoriseRestore(gate, isOwn, shown));
    const files = await carryOut(plan, await newKeyPassphrase(context, flags), await factorOf(context, network));
    recordActs(gate, acts);
    const restored = { network, index, live_key, files: files.map((file) => ({ ...file })) };
    context.output.result(restored, () => filesText(files));
    if (plan.files.some(({ what, action }) => what === 'configuration' && action !== 'keep')) {
      const { addresses } = unapproved(backup.config);
      if (addresses > 0) context.output.note(addressesText(addresses));
    }
    for (const line of nextSteps(plan.files.some(({ what, action }) => what === 'database' && action !== 'keep'))) {
      context.output.note(line);
    }
  } catch (error) {
    throw asFailure(error);
  } finally {
    eraseBackup(backup);
  }
}

function addressesText(addresses: number): string {
  return (
    `The backup lists addresses under policy.consolidate_addresses (${addresses}). None was restored: add those to the ` +
    'configuration that you approve today.'
  );
}

const ACTIONS = { write: 'writes', replace: 'replaces, and keeps the old', keep: 'leaves' } as const;

/** What an operator does after a restore. A new database knows no decision: nothing was switched on in it. */
function nextSteps(isNew: boolean): readonly string[] {
  return [
    'The node is sealed, and signs nothing yet. RPC credentials and the passphrase file of a service are not in the backup.',
    'Next: mpc_operator server, then mpc_operator unseal. It signs once its peers have answered and it has read the chain.',
    ...(isNew
      ? [
          'The database is new: the peers will show an alarm that this node was put back, which is expected.',
          'Pauses, holds and vetoes are not in it: say them again (`mpc_operator emergency pause` works before the server does).',
        ]
      : []),
    'Wait until `mpc_operator status` says that all is well.',
  ];
}

/** Throws where a server runs with the configuration that is here: it has the files open. */
async function refuseServer(context: CliContext): Promise<void> {
  const { existsSync } = await import('node:fs');
  const { loadConfig } = await import('../operator/config/config.ts');
  if (!existsSync(context.configFile)) return;
  const here = loadConfig(context.configFile, context.surroundings.paths.home);
  if (!here.ok || (await context.server(here.config)) === null) return;
  throw new CliError(`A server runs with ${context.configFile}. Stop it first: it has these files open.`);
}

/** Asks before anything is changed; `--yes` stands for the answer. */
async function confirm({ surroundings, signal }: CliContext, { yes }: RestoreFlags, question: string): Promise<void> {
  if (yes === true) return;
  const ask = confirmPrompt(surroundings.stdin, surroundings.stderr, signal);
  if (ask === null) throw new UsageError('This changes the node, and nobody can be asked here: give --yes.');
  if (!(await ask(question))) throw new CliError('Nothing was changed.');
}

async function newKeyPassphrase(context: CliContext, flags: RestoreFlags): Promise<string> {
  const bytes = await context.passphrase(flags, 'create');
  if (bytes === null) {
    throw new CliError('The restored key file needs a passphrase: give --passphrase-file or --passphrase-fd.');
  }
  try {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  } finally {
    zeroize(bytes);
  }
}

async function factorOf({ surroundings }: CliContext, network: string): Promise<{ readonly workFactor?: number }> {
  const { scryptWorkFactor } = await import('../operator/config/work-factor.ts');
  return network === 'regtest' ? scryptWorkFactor(network, surroundings.paths.env) : {};
}

function filesText(
  files: readonly {
    readonly what: string;
    readonly path: string;
    readonly action: string;
    readonly aside: string | null;
  }[],
): string {
  const rows = files.map(({ what, path, action, aside }) => {
    const done = action === 'keep' ? 'left' : action === 'write' ? 'written' : 'replaced';
    return [what, done, path, aside ?? '-'];
  });
  return renderTable([{ title: 'FILE' }, { title: 'DONE' }, { title: 'PATH' }, { title: 'OLD FILE' }], rows);
}
