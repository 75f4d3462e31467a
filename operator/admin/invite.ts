// Inviting somebody: an administrator makes a link, and the person who opens it sets a password that nobody else knows.
import { USER_ROLES, type UserRole } from '../../store/schema-users.ts';
import { USER_NAME } from '../accounts/accounts.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { AdminDesk } from './desk.ts';
import type { Visitor, WebOrigin } from './web-sessions.ts';

/** What is wrong with an invitation, a sentence by field; empty where nothing. */
export function inviteFaults({ user, role }: { readonly user: string; readonly role: string }): Record<string, string> {
  const faults: Record<string, string> = {};
  if (!USER_NAME.test(user)) {
    faults['user'] =
      'A name has 1 to 32 small letters, digits, dots, dashes or underscores, and begins with a letter or digit.';
  }
  if (!isRole(role)) faults['role'] = `Take one of ${USER_ROLES.join(', ')}.`;
  return faults;
}

/** Makes the invitation and returns the token of its link. Throws `CommandError` where the role may not, or the code is wrong. */
export async function invite(
  desk: AdminDesk,
  visitor: Visitor,
  { user, role, code }: { readonly user: string; readonly role: string; readonly code: string },
  from: WebOrigin,
): Promise<string> {
  if (!isRole(role)) throw new CommandError('role', `there is no role ${role}`);
  const { users } = await desk.read('user-list', {});
  if (users.some((one) => one.user === user)) {
    throw new CommandError('user_exists', `there is a user ${user} already: take another name`);
  }
  const what = { action: 'accounts', command: 'user-invite', code } as const;
  return desk.atOnce(visitor, what, from, (by) => desk.invitations.add({ user, role, by: by.user }));
}

function isRole(text: string): text is UserRole {
  const roles: readonly string[] = USER_ROLES;
  return roles.includes(text);
}
