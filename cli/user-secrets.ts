// What a person sets for themselves: password, authenticator app, backup codes. Asked at the terminal, where the QR code is
// drawn; scripts give the same by a file descriptor. Questions and QR code go to stderr, so that stdout stays data.
import type { Command } from 'commander';
import { renderUnicodeCompact } from 'uqr';
import { TOTP_SECRET_BYTES } from '../crypto/account-secrets.ts';
import { equal, zeroize } from '../crypto/bytes.ts';
import { passwordWeakness } from '../operator/accounts/password-strength.ts';
import { codeStep, enrolmentUri, secretText } from '../operator/accounts/totp.ts';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { systemEffects } from '../operator/runtime/effects.ts';
import { USER_ROLES, type UserRole } from '../store/schema-users.ts';
import { type Cli, callNode, runCommand } from './call.ts';
import type { CliContext } from './context.ts';
import { CliError } from './errors.ts';
import { addExamples, descriptorOf } from './program.ts';
import { askPassword, askText, linesOf, textOf } from './sign-in.ts';
import { choiceValue, userValue } from './values.ts';

const TRIES = 3;

interface Enrolment {
  readonly totp_secret: string;
  readonly code: string;
}

interface NewFlags {
  readonly newFd?: number;
}

export function registerUserCreate(user: Command, cli: Cli): void {
  const command = user
    .command('create')
    .description(
      'Create a user, who sets a password and an authenticator app at this terminal. The first one is an admin.',
    )
    .requiredOption('--username <name>', 'the name to sign in with', userValue('--username'))
    .requiredOption('--role <role>', USER_ROLES.join(', '), choiceValue('--role', USER_ROLES))
    .option(
      '--new-fd <number>',
      'file descriptor with password, TOTP secret (base32) and code, each on a line',
      descriptorOf('--new-fd'),
    )
    .action(({ username, role, newFd }: NewFlags & { readonly username: string; readonly role: UserRole }) =>
      create(cli, username, role, newFd),
    );
  addExamples(
    command,
    'mpc_operator user create --username admin --role admin',
    'mpc_operator user create --username olga --role operator --as admin',
  );
}

/** `set-password` and `set-totp`: how a person ends a reset. */
export function registerUserSecrets(user: Command, cli: Cli): void {
  const password = user
    .command('set-password')
    .description('Set your own new password, with the code of `user reset-password` and your authenticator app.')
    .argument('<user>', 'your user name', userValue('<user>'))
    .option(
      '--new-fd <number>',
      'file descriptor with reset code, code and password, each on a line',
      descriptorOf('--new-fd'),
    )
    .action((name: string, { newFd }: NewFlags) => setPassword(cli, name, newFd));
  addExamples(password, 'mpc_operator user set-password olga');
  const totp = user
    .command('set-totp')
    .description('Set up your own new authenticator app, with the code of `user reset-totp` and your password.')
    .argument('<user>', 'your user name', userValue('<user>'))
    .option(
      '--new-fd <number>',
      'file descriptor with reset code, password, TOTP secret and code, each on a line',
      descriptorOf('--new-fd'),
    )
    .action((name: string, { newFd }: NewFlags) => setTotp(cli, name, newFd));
  addExamples(totp, 'mpc_operator user set-totp olga');
}

async function create(cli: Cli, user: string, role: UserRole, newFd: number | undefined): Promise<void> {
  const { context } = cli;
  // Nobody should set up an app to be told that the name is taken.
  const { users } = await callNode(cli, 'user-list', {});
  if (users.some((one) => one.user === user)) throw new CliError(`There is a user ${user} already: take another name.`);
  if (users.length === 0 && role !== 'admin') {
    throw new CliError('The first user has to be an admin, who can then create the others: give --role admin.');
  }
  const given =
    newFd === undefined ? null : linesOf(newFd, '--new-fd', ['the password', 'the TOTP secret', 'its code']);
  const secret = given === null ? await newPassword(context, user) : null;
  try {
    const [first = '', totp_secret = '', code = ''] = given ?? [];
    const password = secret === null ? first : textOf(secret);
    const enrolment = given === null ? await enrol(context, user) : { totp_secret, code };
    await runCommand(cli, 'user-create', { user, role, password, ...enrolment }, { text: createdText });
  } finally {
    if (secret !== null) zeroize(secret);
  }
  if (users.length === 0)
    context.output.note('From now on every command that acts needs a user who signs in (--as USER).');
}

async function setPassword(cli: Cli, user: string, newFd: number | undefined): Promise<void> {
  const { context } = cli;
  const done = { text: ({ user: of }: { readonly user: string }) => `The new password of ${of} is set.` };
  if (newFd !== undefined) {
    const [reset_code = '', code = '', password = ''] = linesOf(newFd, '--new-fd', [
      'the reset code',
      'a code',
      'the password',
    ]);
    return runCommand(cli, 'user-set-password', { user, reset_code, code, password }, done);
  }
  const secret = await newPassword(context, user);
  try {
    const reset_code = await askText(context, 'Reset code');
    const code = await askText(context, `Code of ${user} (or a backup code)`);
    await runCommand(cli, 'user-set-password', { user, reset_code, code, password: textOf(secret) }, done);
  } finally {
    zeroize(secret);
  }
}

async function setTotp(cli: Cli, user: string, newFd: number | undefined): Promise<void> {
  const { context } = cli;
  const done = {
    text: (set: CommandResults['user-set-totp']) =>
      `The authenticator app of ${set.user} is set; the codes and backup codes of before are void.\n${backupText(set.backup_codes)}`,
  };
  if (newFd !== undefined) {
    const expected = ['the reset code', 'the password', 'the TOTP secret', 'its code'];
    const [reset_code = '', password = '', totp_secret = '', code = ''] = linesOf(newFd, '--new-fd', expected);
    return runCommand(cli, 'user-set-totp', { user, reset_code, password, totp_secret, code }, done);
  }
  const secret = await askPassword(context, `Password of ${user}`, '--new-fd');
  try {
    const reset_code = await askText(context, 'Reset code');
    const enrolment = await enrol(context, user);
    await runCommand(cli, 'user-set-totp', { user, reset_code, password: textOf(secret), ...enrolment }, done);
  } finally {
    zeroize(secret);
  }
}

// Asks twice, and again where the password is weak or the two differ. The caller zeroes it.
async function newPassword(context: CliContext, user: string): Promise<Uint8Array> {
  for (let tries = 1; ; tries++) {
    const password = await askPassword(context, `New password of ${user} (at least 12 characters)`, '--new-fd');
    const flaw = passwordWeakness(password, user) ?? (await typedAgain(context, password));
    if (flaw === null) return password;
    zeroize(password);
    if (tries === TRIES) throw new CliError(`${flaw} Nothing was stored.`);
    context.output.note(`${flaw} Try again.`);
  }
}

async function typedAgain(context: CliContext, password: Uint8Array): Promise<string | null> {
  const again = await askPassword(context, 'The same password again', '--new-fd');
  const isSame = equal(password, again);
  zeroize(again);
  return isSame ? null : 'The two passwords differ.';
}

// Draws the QR code of a new secret, and asks for its first code until that is right.
async function enrol(context: CliContext, user: string): Promise<Enrolment> {
  const { output } = context;
  const secret = systemEffects.random(TOTP_SECRET_BYTES);
  try {
    const uri = enrolmentUri(secret, user, context.config().name);
    output.note(`Scan this with an authenticator app on the phone of ${user}:`);
    for (const line of renderUnicodeCompact(uri).split('\n')) output.note(line);
    output.note(`Or type this secret into the app (time-based, 6 digits): ${secretText(secret)}`);
    for (let tries = 1; ; tries++) {
      const code = await askText(context, 'The code that the app shows now');
      if (codeStep(secret, code, systemEffects.now()) !== null) return { totp_secret: secretText(secret), code };
      const flaw =
        'That is not the code of this secret at this time: check the clocks of this machine and of the phone.';
      if (tries === TRIES) throw new CliError(`${flaw} Nothing was stored.`);
      output.note(`${flaw} Try again.`);
    }
  } finally {
    zeroize(secret);
  }
}

function createdText({ user, role, backup_codes }: CommandResults['user-create']): string {
  return `User ${user} is created, with the role ${role}.\n${backupText(backup_codes)}\nNext: mpc_operator user list`;
}

function backupText(codes: readonly string[]): string {
  return `Backup codes, shown this once. Each signs in one time in place of a code; keep them apart from the phone:\n${codes.map((code) => `  ${code}`).join('\n')}`;
}
