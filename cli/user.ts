// `user …`: the people who operate this node. What changes a user is one call to the node; what a person sets for themselves
// (user-secrets.ts) is asked at the terminal.
import type { Command } from 'commander';
import { permissionRows } from '../operator/accounts/permissions.ts';
import type { CommandResults, UserReport } from '../operator/runtime/command-types.ts';
import { USER_ROLES, type UserRole } from '../store/schema-users.ts';
import { type Cli, runCommand } from './call.ts';
import { localTime } from './format.ts';
import { renderTable } from './output.ts';
import { addExamples } from './program.ts';
import { registerUserCreate, registerUserSecrets } from './user-secrets.ts';
import { choiceValue, userValue } from './values.ts';

export function registerUser(program: Command, cli: Cli): void {
  const user = program.command('user').description('Create, see and change the users who operate this node.');
  addExamples(user, 'mpc_operator user create --username admin --role admin', 'mpc_operator user list');
  registerUserCreate(user, cli);
  registerList(user, cli);
  registerRoles(user, cli);
  registerSetRole(user, cli);
  registerResets(user, cli);
  registerUserSecrets(user, cli);
  registerChanges(user, cli);
}

function registerList(user: Command, cli: Cli): void {
  const command = user
    .command('list')
    .description('List users, with their roles and who is locked.')
    .action(() => runCommand(cli, 'user-list', {}, { text: listText }));
  addExamples(command, 'mpc_operator user list', 'mpc_operator user list --json');
}

function listText({ users, single_operator }: CommandResults['user-list']): string {
  if (users.length === 0)
    return 'No users yet. Create the first: mpc_operator user create --username admin --role admin';
  const titles = ['USER', 'ROLE', 'STATE', 'BACKUP CODES LEFT', 'LAST SIGN-IN'].map((title) => ({ title }));
  const rows = users.map((one) => [
    ...[one.user, one.role, stateText(one), `${one.backup_codes_left}`],
    one.signed_in_at === null ? 'never' : localTime(one.signed_in_at),
  ]);
  const waived = single_operator ? '\nSingle operator: no act asks for a second person.' : '';
  return `${renderTable(titles, rows)}${waived}`;
}

function stateText({ state, locked_until }: UserReport): string {
  return locked_until === null ? state : `locked until ${localTime(locked_until)}`;
}

function registerRoles(user: Command, { context }: Cli): void {
  const command = user
    .command('roles')
    .description('Show what each role may do, and what takes a second person.')
    .action(() => {
      const rows = permissionRows();
      context.output.result({ roles: USER_ROLES, actions: rows.map((row) => ({ ...row })) }, () =>
        renderTable(
          [{ title: 'MAY' }, ...USER_ROLES.map((role) => ({ title: role.toUpperCase() })), { title: 'SECOND PERSON' }],
          rows.map(({ what, roles, second_person }) => [
            what,
            ...USER_ROLES.map((role) => (roles.includes(role) ? 'yes' : '-')),
            second_person ? 'of another role' : '-',
          ]),
        ),
      );
    });
  addExamples(command, 'mpc_operator user roles', 'mpc_operator user roles --json');
}

function registerSetRole(user: Command, cli: Cli): void {
  const command = user
    .command('set-role')
    .description('Give a user another role; the last admin keeps theirs.')
    .argument('<user>', 'the user', userValue('<user>'))
    .requiredOption('--role <role>', USER_ROLES.join(', '), choiceValue('--role', USER_ROLES))
    .action((name: string, { role }: { readonly role: UserRole }) =>
      runCommand(cli, 'user-set-role', { user: name, role }, { text: (set) => `${set.user} is ${set.role} now.` }),
    );
  addExamples(command, 'mpc_operator user set-role olga --role observer --as admin');
}

function registerResets(user: Command, cli: Cli): void {
  const resets = [
    ['reset-password', 'password', 'set-password', 'a new password'],
    ['reset-totp', 'totp', 'set-totp', 'a new authenticator app'],
  ] as const;
  for (const [name, kind, then, what] of resets) {
    const command = user
      .command(name)
      .description(`Make the one-time code with which a user sets ${what}.`)
      .argument('<user>', 'the user', userValue('<user>'))
      .action((of: string) =>
        runCommand(
          cli,
          'user-reset',
          { user: of, kind },
          {
            text: (made) =>
              `Give this code to ${made.user}, over a channel that nobody else reads: ${made.code}\nIt works once, until ${localTime(made.expires_at)}. ${made.user} runs: mpc_operator user ${then} ${made.user}`,
          },
        ),
      );
    addExamples(command, `mpc_operator user ${name} olga --as admin`);
  }
}

function registerChanges(user: Command, cli: Cli): void {
  const changes = [
    ['unlock', 'Let a user sign in again who was locked after failures.', 'may sign in again'],
    ['disable', 'Let a user sign in no longer; at once, until enabled.', 'is disabled'],
    ['enable', 'Let a disabled user sign in again.', 'is enabled'],
    ['delete', 'Delete a user with all codes.', 'is deleted'],
  ] as const;
  for (const [name, description, done] of changes) {
    const command = user
      .command(name)
      .description(description)
      .argument('<user>', 'the user', userValue('<user>'))
      .action((of: string) =>
        runCommand(cli, `user-${name}`, { user: of }, { text: (changed) => `${changed.user} ${done}.` }),
      );
    addExamples(command, `mpc_operator user ${name} olga --as admin`);
  }
}
