// `backup`: writes backups of the key material and of the database, tries one in memory, and lists what is known of them.
import type { Command } from 'commander';
import { sha256, toHex, utf8, zeroize } from '../crypto/bytes.ts';
import type { CommandParams, CommandResults } from '../operator/runtime/command-types.ts';
import { writeDurably, writeNewDurably } from '../operator/runtime/durable-file.ts';
import { asFailure, type Cli, callNode, requiredPassphrase, runCommand } from './call.ts';
import type { CliContext, PassphraseOptions } from './context.ts';
import { CliError, UsageError } from './errors.ts';
import { localTime, optionalTime } from './format.ts';
import { renderFields, renderTable } from './output.ts';
import { addPageOptions, type PageOptions } from './page.ts';
import { addExamples, addPassphraseOptions } from './program.ts';
import { bad } from './values.ts';

interface KeyShareFlags extends PassphraseOptions {
  readonly output: string;
  readonly recipient?: string;
  readonly backupPassphraseFile?: string;
  readonly force?: boolean;
}

interface VerifyFlags {
  readonly input: string;
  readonly identity?: string;
  readonly backupPassphraseFile?: string;
}

export function registerBackup(program: Command, cli: Cli): void {
  const backup = program.command('backup').description('Back up the key material and the database, and try backups.');
  addExamples(backup, 'mpc_operator backup key-share --output ~/key-share-backup.enc');
  registerKeyShare(backup, cli);
  registerDatabase(backup, cli);
  registerVerify(backup, cli);
  registerList(backup, cli);
}

function registerKeyShare(backup: Command, cli: Cli): void {
  const command = backup
    .command('key-share')
    .description(
      'Write an encrypted backup of everything secret: shares, host key, identity key, TLS key; with ceremonies, cards and configuration. Asks for a passphrase of the backup twice.',
    )
    .requiredOption('--output <file>', 'where to write it, mode 0600')
    .option('--recipient <age1…>', 'encrypt it for this age recipient instead of a passphrase')
    .option('--backup-passphrase-file <path>', 'file (mode 0600) with the passphrase of the backup')
    .option('--force', 'replace the file if it exists')
    .action((flags: KeyShareFlags) => keyShare(cli, flags));
  addPassphraseOptions(command);
  addExamples(
    command,
    'mpc_operator backup key-share --output ~/key-share-backup.enc',
    'mpc_operator backup key-share --output ~/key-share-backup.enc --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
  );
}

async function keyShare(cli: Cli, flags: KeyShareFlags): Promise<void> {
  const { context } = cli;
  const files = await import('./backup-files.ts');
  const seal = await import('../crypto/seal.ts');
  const { recipient } = flags;
  if (recipient !== undefined && !seal.isRecipient(recipient)) {
    throw bad('--recipient', recipient, 'a recipient of age (age1…), as age-keygen prints it');
  }
  if (recipient !== undefined && flags.backupPassphraseFile !== undefined) {
    throw new UsageError('Give one of --recipient and --backup-passphrase-file, not both.');
  }
  const place = files.outputPlace(context, flags.output, flags.force === true);
  const passphrase = recipient === undefined ? await files.newBackupPassphrase(context, flags) : null;
  try {
    const passing = await seal.passingIdentity();
    const made = await exported(cli, flags, recipient ?? passing.recipient);
    const sealed =
      passphrase === null ? utf8(made.file) : await resealed(context, utf8(made.file), passing.identity, passphrase);
    await write(flags.output, place, sealed, flags.force === true);
    const keyId = made.key_ids.at(-1) ?? null;
    await callNode(cli, 'backup-record', {
      ...{ event: 'made', kind: 'key_share', path: place, made_at: made.created_at, key_id: keyId },
      ...{ sha256: toHex(sha256(sealed)), bytes: sealed.length, identity_key: made.identity_key },
    });
    const { file: _, ...rest } = made;
    context.output.result({ path: place, bytes: sealed.length, ...rest }, () => madeText(place, made));
    context.output.note(`Next: mpc_operator backup verify --input ${flags.output}, then store it off this machine.`);
  } finally {
    if (passphrase !== null) zeroize(passphrase);
  }
}

// The server never learns the passphrase of the backup, and its event loop is not held by scrypt: it seals for a key that
// only this process has, and this process seals again with the passphrase.
async function resealed(
  context: CliContext,
  file: Uint8Array,
  identity: CryptoKey,
  passphrase: Uint8Array,
): Promise<Uint8Array> {
  const { openSealed, sealArmored } = await import('../crypto/seal.ts');
  const { KEY_SHARE_BACKUP_BYTES_MAX } = await import('../operator/backups/key-share-backup.ts');
  const { scryptWorkFactor } = await import('../operator/config/work-factor.ts');
  const opened = await openSealed(file, { identity }, KEY_SHARE_BACKUP_BYTES_MAX);
  if (!opened.ok) throw new Error(`what the node sealed does not open: ${opened.reason}`);
  try {
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(passphrase);
    const factor = scryptWorkFactor(context.config().network, context.surroundings.paths.env);
    return await sealArmored(opened.plaintext, { passphrase: text, ...factor });
  } finally {
    zeroize(opened.plaintext);
  }
}

// A sealed node needs the passphrase of its key file, whether a server runs or not.
async function exported(
  cli: Cli,
  flags: PassphraseOptions,
  recipient: string,
): Promise<CommandResults['backup-key-share']> {
  const ask = async (): Promise<CommandParams<'backup-key-share'>> => {
    const bytes = await requiredPassphrase(cli.context, flags);
    try {
      return { recipient, passphrase: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) };
    } finally {
      zeroize(bytes);
    }
  };
  if ((await cli.context.server()) === null) return callNode(cli, 'backup-key-share', await ask());
  try {
    return await callNode(cli, 'backup-key-share', { recipient });
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'sealed') throw error;
    return callNode(cli, 'backup-key-share', await ask());
  }
}

async function write(path: string, place: string, sealed: Uint8Array, force: boolean): Promise<void> {
  if (force) return writeDurably(place, sealed);
  if (await writeNewDurably(place, sealed)) return;
  throw new CliError(`${path} exists already: name another file, or give --force to replace it.`);
}

function madeText(path: string, made: CommandResults['backup-key-share']): string {
  const { network, index, key_ids, created_at } = made;
  return renderFields([
    ['backup', path],
    ['of', `operator ${index} on ${network}`],
    ['keys', key_ids.length === 0 ? 'none yet: back up again after the key ceremony' : key_ids.join(', ')],
    ['made', localTime(created_at)],
  ]);
}

type DatabaseFlags = Omit<KeyShareFlags, keyof PassphraseOptions>;

function registerDatabase(backup: Command, cli: Cli): void {
  const command = backup
    .command('database')
    .description('Write an encrypted backup of the database, also while the server runs. Holds no key material.')
    .requiredOption('--output <file>', 'where to write it, mode 0600')
    .option('--recipient <age1…>', 'encrypt it for this age recipient instead of a passphrase')
    .option('--backup-passphrase-file <path>', 'file (mode 0600) with the passphrase of the backup')
    .option('--force', 'replace the file if it exists')
    .action((flags: DatabaseFlags) => database(cli, flags));
  addExamples(
    command,
    'mpc_operator backup database --output ~/security-db.age --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
  );
}

// In this process: a server that runs goes on, and its event loop is not held.
async function database(cli: Cli, flags: DatabaseFlags): Promise<void> {
  const { context } = cli;
  const files = await import('./backup-files.ts');
  const { isRecipient } = await import('../crypto/seal.ts');
  const { backUpDatabase } = await import('../operator/backups/database-backup.ts');
  const { ownerOf } = await import('../store/owner.ts');
  const { openReader } = await import('../store/open.ts');
  const { scryptWorkFactor } = await import('../operator/config/work-factor.ts');
  const { recipient, force = false } = flags;
  if (recipient !== undefined && !isRecipient(recipient)) {
    throw bad('--recipient', recipient, 'a recipient of age (age1…), as age-keygen prints it');
  }
  const config = context.config();
  const place = files.outputPlace(context, flags.output, force);
  const passphrase = recipient === undefined ? await files.newBackupPassphrase(context, flags) : null;
  try {
    const store = openReader(config.securityDbPath);
    const owner = ownerOf(store.db);
    store.close();
    const factor = scryptWorkFactor(config.network, context.surroundings.paths.env);
    const sealing =
      recipient === undefined
        ? {
            passphrase: new TextDecoder('utf-8', { ignoreBOM: true }).decode(passphrase ?? new Uint8Array(0)),
            ...factor,
          }
        : { recipient };
    const made_at = new Date().toISOString();
    const made = await backUpDatabase(config.securityDbPath, place, sealing, force);
    if (owner !== null) {
      const event = { event: 'made', kind: 'database', key_id: null, identity_key: owner.identityKey } as const;
      await callNode(cli, 'backup-record', { ...event, ...made, made_at });
    }
    context.output.result({ ...made, made_at }, () =>
      renderFields([
        ['backup', place],
        ['bytes', `${made.bytes}`],
        ['made', localTime(made_at)],
      ]),
    );
  } catch (error) {
    throw asFailure(error);
  } finally {
    if (passphrase !== null) zeroize(passphrase);
  }
}

function registerVerify(backup: Command, cli: Cli): void {
  const command = backup
    .command('verify')
    .description(
      'The restore drill: open a backup in memory only, prove everything in it, and record the date. Exit code 1 if anything does not hold.',
    )
    .requiredOption('--input <file>', 'the backup')
    .option('--identity <path>', 'age identity file (mode 0600), for a backup that was sealed to a recipient')
    .option('--backup-passphrase-file <path>', 'file (mode 0600) with the passphrase of the backup')
    .action((flags: VerifyFlags) => verify(cli, flags));
  addExamples(command, 'mpc_operator backup verify --input ~/key-share-backup.enc');
}

async function verify(cli: Cli, flags: VerifyFlags): Promise<void> {
  const { context } = cli;
  const { drilled } = await import('./backup-drill.ts');
  const { record, ...report } = await drilled(context, flags);
  const holds = report.problems.length === 0;
  const recorded = holds && record !== null && (await isRecorded(cli, record));
  context.output.result({ ok: holds, ...report, recorded }, () => {
    const fields = renderFields([
      [
        'backup',
        `${report.kind === 'key_share' ? 'key material' : 'database'} of operator ${report.index} on ${report.network}`,
      ],
      ['made', localTime(report.made_at)],
      ...report.found.map(({ name, value }) => [name, value] as const),
      ['drill', recorded ? 'recorded in the database of this node' : 'not recorded'],
    ]);
    const verdict = holds
      ? context.output.style('This backup holds.', 'green')
      : [
          context.output.style('This backup does NOT hold:', 'bold', 'red'),
          ...report.problems.map((one) => `  - ${one}`),
        ].join('\n');
    return `${fields}\n\n${verdict}`;
  });
  if (!holds) throw new CliError(`${flags.input} would not bring the node back.`);
  if (!recorded) context.output.note('The drill is recorded only on the node that the backup is of.');
}

// A drill may be held on a machine without a node, or of another node's backup: it proves as much, and leaves no record.
async function isRecorded(cli: Cli, record: CommandParams<'backup-record'>): Promise<boolean> {
  const { existsSync } = await import('node:fs');
  if (!existsSync(cli.context.configFile)) return false;
  const config = cli.context.config();
  if ((await cli.context.server(config)) === null && !existsSync(config.securityDbPath)) return false;
  try {
    return (await callNode(cli, 'backup-record', record)).recorded;
  } catch (error) {
    if (error instanceof CliError && error.code === 'other_node') return false;
    throw error;
  }
}

function registerList(backup: Command, cli: Cli): void {
  const command = backup
    .command('list')
    .description('List the backups and drills that this node knows of, newest first.')
    .action((page: PageOptions) => runCommand(cli, 'backup-list', page, { text: listText }));
  addPageOptions(command);
  addExamples(command, 'mpc_operator backup list', 'mpc_operator backup list --json');
}

function listText({ backups, newest }: CommandResults['backup-list']): string {
  const ages = renderFields([
    ['key material', optionalTime(newest.key_share)],
    ['database', optionalTime(newest.database)],
    ['last drill', optionalTime(newest.drill)],
  ]);
  if (backups.length === 0) return `${ages}\n\nNo backups yet.`;
  const rows = backups.map(({ event, kind, at, made_at, path, bytes }) => [
    ...[localTime(at), event, kind.replace('_', ' '), localTime(made_at), `${bytes}`, path],
  ]);
  const columns = [{ title: 'AT' }, { title: 'EVENT' }, { title: 'KIND' }, { title: 'MADE' }];
  return `${ages}\n\n${renderTable([...columns, { title: 'BYTES', align: 'right' }, { title: 'FILE' }], rows)}`;
}
