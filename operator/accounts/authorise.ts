// Whether somebody may act: who signs in, what their role may do, and whether a second person of another role agrees. What comes
// out of it is in the audit log before anything is done.
import type { Json } from '../../crypto/canonical-json.ts';
import type { Credentials } from '../runtime/account-command-types.ts';
import { CommandError } from '../runtime/command-error.ts';
import { type Accounts, type Person, SIGN_IN_REFUSED } from './accounts.ts';
import { withSecretBytes } from './password-hash.ts';
import { type Action, mayDo, PERMISSIONS, type Permission } from './permissions.ts';

/** An act that somebody asks for. `shown`: what one person, or two, showed. */
export interface Act {
  readonly action: Action;
  /** The command, for the audit log. */
  readonly command: string;
  readonly shown: readonly Credentials[];
}

/** What authorisation needs. `accounts` null: there are none. */
export interface AuthoriseInput {
  readonly accounts: Accounts | null;
  /** The configuration waives the second person. */
  readonly singleOperator: boolean;
  readonly audit: (kind: string, body: Json) => void;
}

const EXCEPTION = 'where one person runs this node, `mpc_operator init --single-operator --force` waives that';

/**
 * Returns who acts, or null where there are no users: then whoever may run a command may act. Throws `CommandError`
 * (`sign_in_needed`, `second_person_needed`, `no_second_person`, `sign_in_refused`, `not_permitted`, `same_person`, `same_role`,
 * `no_users`); what
 * can be told without looking at a code is told before one is used up.
 */
export async function authorise(input: AuthoriseInput, { action, command, shown }: Act): Promise<Person | null> {
  const { accounts, singleOperator } = input;
  if (accounts === null || accounts.count() === 0) {
    if (shown.length === 0) return null;
    const first = 'create the first: `mpc_operator user create --username admin --role admin`';
    throw new CommandError('no_users', `nobody can sign in, as there are no users yet: ${first}`);
  }
  const { what, roles, second }: Permission = PERMISSIONS[action];
  const [first, other] = shown;
  if (first === undefined) {
    const remedy = 'give --as USER, who is asked for password and code; `mpc_operator user list` shows who there is';
    throw new CommandError('sign_in_needed', `only a user who signs in may ${what} (${roles.join(', ')}): ${remedy}`);
  }
  if (second && !singleOperator) assertPairPossible(accounts, PERMISSIONS[action]);
  if (other === undefined && second && !singleOperator) {
    const needed = `to ${what} takes a second person of another role (${roles.join(', ')}): give --second USER as well`;
    throw new CommandError('second_person_needed', `${needed}; ${EXCEPTION}`);
  }
  if (other?.user === first.user) {
    throw new CommandError('same_person', `the second person has to be another one than ${first.user}`);
  }
  const people: Person[] = [];
  for (const one of shown) people.push(await signedIn(input, one, action, command));
  const [by, agreed] = people;
  if (by === undefined) throw new Error('somebody was shown');
  record(input, { action, command }, by, agreed, {});
  return by;
}

/** An act for which people have proved who they are by other means than `Credentials`. */
export interface ProvenAct {
  readonly action: Action;
  readonly command: string;
  readonly by: Person;
  /** The second person; null while nobody has agreed, or where nobody has to. */
  readonly second: Person | null;
  /** More for the audit log: the address that the request came from, and the kind of proof. */
  readonly noted: Readonly<Record<string, Json>>;
}

/** Whether an act takes a second person here. */
export function needsSecond({ singleOperator }: Pick<AuthoriseInput, 'singleOperator'>, action: Action): boolean {
  return PERMISSIONS[action].second && !singleOperator;
}

/**
 * As `authorise`, for people who have proved who they are already. Throws `CommandError` (`not_permitted`, `second_person_needed`,
 * `same_person`, `same_role`).
 */
export function authoriseProven(
  input: Pick<AuthoriseInput, 'singleOperator' | 'audit'>,
  { action, command, by, second, noted }: ProvenAct,
): void {
  for (const person of second === null ? [by] : [by, second]) assertPermitted(input, person, { action, command });
  if (second?.user === by.user) {
    throw new CommandError('same_person', `the second person has to be another one than ${by.user}`);
  }
  if (second === null && needsSecond(input, action)) {
    const { what, roles }: Permission = PERMISSIONS[action];
    const needed = `to ${what} takes a second person of another role (${roles.join(', ')})`;
    throw new CommandError('second_person_needed', `${needed}, who confirms it in a session of their own`);
  }
  record(input, { action, command }, by, second ?? undefined, noted);
}

// Throws where both are of one role; else the audit log has the act before anything is done.
function record(
  { audit }: Pick<AuthoriseInput, 'audit'>,
  { action, command }: Pick<Act, 'action' | 'command'>,
  by: Person,
  agreed: Person | undefined,
  noted: Readonly<Record<string, Json>>,
): void {
  if (agreed !== undefined && agreed.role === by.role) {
    audit('act_refused', { command, action, by: by.user, reason: 'same_role' });
    const both = `${by.user} and ${agreed.user} are both ${by.role}`;
    throw new CommandError('same_role', `the second person has to be of another role: ${both}`);
  }
  const waived = PERMISSIONS[action].second && agreed === undefined ? { exception: 'single_operator' } : {};
  const and = agreed === undefined ? {} : { second: { ...agreed } };
  audit('act_authorised', { command, action, by: by.user, role: by.role, ...and, ...waived, ...noted });
}

/** Throws `CommandError` where the role of a person may not do something; the audit log has that too. */
export function assertPermitted(
  { audit }: Pick<AuthoriseInput, 'audit'>,
  person: Person,
  { action, command }: Pick<Act, 'action' | 'command'>,
): void {
  if (mayDo(person.role, action)) return;
  audit('act_refused', { command, action, by: person.user, reason: 'not_permitted' });
  const { what, roles }: Permission = PERMISSIONS[action];
  throw new CommandError(
    'not_permitted',
    `the role of ${person.user} (${person.role}) may not ${what}: ${roles.join(', ')} may`,
  );
}

// Said before anybody is asked for a code: two admins alone would try each other in vain.
function assertPairPossible(accounts: Accounts, { what, roles }: Permission): void {
  const active = accounts.list().filter(({ state, role }) => state === 'active' && roles.includes(role));
  const [only, another] = new Set(active.map(({ role }) => role));
  const lacking = roles.find((role) => role !== only);
  if (only === undefined || another !== undefined || lacking === undefined) return;
  const needed = `to ${what} takes two people of different roles (${roles.join(', ')}), and all users here who may are ${only}`;
  const remedy = `let an admin create another first: \`mpc_operator user create --username NAME --role ${lacking}\``;
  throw new CommandError('no_second_person', `${needed}: ${remedy}; ${EXCEPTION}`);
}

async function signedIn(
  { accounts, audit }: AuthoriseInput,
  shown: Credentials,
  action: Action,
  command: string,
): Promise<Person> {
  const { user, code } = shown;
  const verdict = await withSecretBytes(shown.password, async (password) => accounts?.signIn({ user, password, code }));
  if (verdict === undefined || !verdict.ok) {
    // Names of accounts alone: people type passwords into the wrong place.
    const locked = verdict?.locked ?? null;
    if (locked !== null) audit('account_locked', { user: locked.user, until: new Date(locked.until).toISOString() });
    throw new CommandError('sign_in_refused', SIGN_IN_REFUSED);
  }
  const { person } = verdict;
  assertPermitted({ audit }, person, { action, command });
  return person;
}
