// The commands about accounts, and the one gate through which every command runs: whoever asks signs in first where the
// command acts and there are users. What was changed, and by whom, is in the node's audit log.
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from '../store/audit-log.ts';
import type { ListedUser } from '../store/users.ts';
import { type Accounts, type AccountsInput, type Person, SIGN_IN_REFUSED, withAccounts } from './accounts/accounts.ts';
import { authorise } from './accounts/authorise.ts';
import { withSecretBytes } from './accounts/password-hash.ts';
import { actionOf } from './accounts/permissions.ts';
import type { Node } from './node.ts';
import type {
  AccountCommandResults,
  AccountsReport,
  Credentials,
  UserReport,
} from './runtime/account-command-types.ts';
import { CommandError } from './runtime/command-error.ts';
import type { CommandName, CommandParams, CommandResults } from './runtime/command-types.ts';

type AccountCommand = keyof AccountCommandResults;
type AccountHandler<C extends AccountCommand> = (
  node: Node,
  params: CommandParams<C>,
  io: { readonly actor?: Person | null },
) => Promise<CommandResults[C]>;

/** Signs in whoever asks for a command, where it acts and there are users; null where nobody has to. */
export async function authorised<C extends CommandName>(
  node: Node,
  command: C,
  params: CommandParams<C>,
  shown: readonly Credentials[],
): Promise<Person | null> {
  const action = actionOf(command, params);
  if (action === null) return null;
  const { singleOperator } = node.config;
  const audit = (kind: string, body: Json) => void appendAudit(node.store.db, node.input.effects.now(), kind, body);
  return withAccounts(inputOf(node), { create: false }, (accounts) =>
    authorise({ accounts, singleOperator, audit }, { action, command, shown }),
  );
}

/** The commands about accounts, by name. */
export const accountCommands: { readonly [C in AccountCommand]: AccountHandler<C> } = {
  'user-list': listed,
  'user-create': async (node, { user, role, password: text, totp_secret: totpSecret, code }, io) => {
    const backup_codes = await withSecretBytes(text, (password) =>
      withAccounts(inputOf(node), { create: true }, (accounts) =>
        present(accounts).create({ user, role, password, totpSecret, code }),
      ),
    );
    note(node, 'user_created', { user, role }, io.actor);
    return { user, role, backup_codes };
  },
  'user-set-role': async (node, { user, role }, io) => {
    await changed(node, (accounts) => accounts.change(user, { role }));
    note(node, 'user_role_set', { user, role }, io.actor);
    return { user, role };
  },
  'user-reset': async (node, { user, kind }, io) => {
    const { code, expiresAt } = await changed(node, (accounts) => accounts.reset(user, kind, io.actor?.user ?? ''));
    note(node, 'user_reset', { user, kind }, io.actor);
    return { user, kind, code, expires_at: iso(expiresAt) };
  },
  'user-unlock': async (node, { user }, io) => {
    await changed(node, (accounts) => accounts.unlock(user));
    note(node, 'user_unlocked', { user }, io.actor);
    return { user };
  },
  'user-disable': async (node, { user }, io) => {
    await changed(node, (accounts) => accounts.change(user, { state: 'disabled' }));
    note(node, 'user_disabled', { user }, io.actor);
    return { user };
  },
  'user-enable': async (node, { user }, io) => {
    await changed(node, (accounts) => accounts.change(user, { state: 'active' }));
    note(node, 'user_enabled', { user }, io.actor);
    return { user };
  },
  'user-delete': async (node, { user }, io) => {
    await changed(node, (accounts) => accounts.delete(user));
    note(node, 'user_deleted', { user }, io.actor);
    return { user };
  },
  'user-set-password': async (node, { user, reset_code: resetCode, code, password: text }) => {
    const isSet = await withSecretBytes(text, (password) =>
      changed(node, (accounts) => accounts.setPassword({ user, password, code, resetCode })),
    );
    if (!isSet) throw new CommandError('reset_refused', RESET_REFUSED);
    note(node, 'user_password_set', { user }, null);
    return { user };
  },
  'user-set-totp': async (node, { user, reset_code: resetCode, password: text, totp_secret: totpSecret, code }) => {
    const backup_codes = await withSecretBytes(text, (password) =>
      changed(node, (accounts) => accounts.setTotp({ user, password, resetCode, totpSecret, code })),
    );
    if (backup_codes === null) throw new CommandError('reset_refused', RESET_REFUSED);
    note(node, 'user_totp_set', { user }, null);
    return { user, backup_codes };
  },
  // The gate has signed in whoever asks.
  authorise: async (_node, _params, io) => ({ user: io.actor?.user ?? null }),
};

const RESET_REFUSED = `the reset code is wrong, was used or has expired, or ${SIGN_IN_REFUSED}`;

/** What `status` says of accounts; a database that cannot be read is a fault there, and not of `status`. */
export async function accountsReport(node: Node): Promise<AccountsReport> {
  const { singleOperator: single_operator } = node.config;
  try {
    const { users } = await listed(node);
    const admins = users.filter(({ role, state }) => role === 'admin' && state !== 'disabled').length;
    const locked = users.filter(({ state }) => state === 'locked').map(({ user }) => user);
    return { users: users.length, admins, locked, single_operator, fault: null };
  } catch (error) {
    const fault = error instanceof Error ? error.message : 'unknown fault';
    return { users: 0, admins: 0, locked: [], single_operator, fault };
  }
}

async function listed(node: Node): Promise<CommandResults['user-list']> {
  const users = await withAccounts(inputOf(node), { create: false }, (accounts) => accounts?.list() ?? []);
  const now = node.input.effects.now();
  return { users: users.map((user) => userReport(user, now)), single_operator: node.config.singleOperator };
}

function userReport(user: ListedUser, now: number): UserReport {
  const isLocked = user.lockedUntil !== null && user.lockedUntil > now;
  return {
    user: user.name,
    role: user.role,
    state: user.state === 'disabled' ? 'disabled' : isLocked ? 'locked' : 'active',
    locked_until: isLocked && user.lockedUntil !== null ? iso(user.lockedUntil) : null,
    failures: user.failures,
    backup_codes_left: user.backupCodes,
    created_at: iso(user.createdAt),
    signed_in_at: user.signedInAt === null ? null : iso(user.signedInAt),
  };
}

function changed<T>(node: Node, change: (accounts: Accounts) => T | Promise<T>): Promise<T> {
  return withAccounts(inputOf(node), { create: false }, (accounts) => change(present(accounts)));
}

function present(accounts: Accounts | null): Accounts {
  if (accounts !== null) return accounts;
  const first = 'create the first: `mpc_operator user create --username admin --role admin`';
  throw new CommandError('no_users', `there are no users yet: ${first}`);
}

function note(
  node: Node,
  kind: string,
  body: Readonly<Record<string, string>>,
  actor: Person | null | undefined,
): void {
  appendAudit(node.store.db, node.input.effects.now(), kind, { ...body, by: actor?.user ?? null });
}

function inputOf({ config, input }: Node): AccountsInput {
  return { config, env: input.env, effects: input.effects };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
