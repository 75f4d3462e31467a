/** @jsxImportSource hono/jsx */
// Users: who may sign in here, what each role may do, and the invitation of somebody new.
import type { Permission } from '../operator/accounts/permissions.ts';
import type { CommandResults, UserReport } from '../operator/runtime/command-types.ts';
import { ActLink, Card, Chip, Field, Table, Time, type Tone } from './kit.tsx';
import { Notice } from './layout.tsx';

type Role = Permission['roles'][number];

/** Roles in the order of the matrix. */
const ROLES: readonly (readonly [Role, string])[] = [
  ['admin', 'admin'],
  ['operator', 'operator'],
  ['security-officer', 'security officer'],
  ['observer', 'observer'],
];

const STATES: Readonly<Record<UserReport['state'], readonly [string, Tone]>> = {
  active: ['Active', 'ok'],
  locked: ['Locked', 'bad'],
  disabled: ['Disabled', 'idle'],
};

/** What the person who looks may do with accounts: change who there is, and help them in. */
export interface MayOfUsers {
  readonly accounts: boolean;
  readonly access: boolean;
}

/** Everybody who may sign in. */
export function UserList({ report, me, may }: { report: CommandResults['user-list']; me: string; may: MayOfUsers }) {
  const { users, single_operator } = report;
  return (
    <Card title="Users">
      {single_operator && (
        <Notice tone="warn">
          One person runs this node: by its configuration, no act asks for a second person. Take "single_operator" out
          of the configuration as soon as there are two.
        </Notice>
      )}
      <Table
        caption="Users"
        hideCaption
        head={[
          'User',
          'Role',
          'State',
          'Signed in last',
          'Backup codes',
          ...(may.accounts || may.access ? ['Acts'] : []),
        ]}
      >
        {users.map((user) => (
          <tr id={`user-${user.user}`}>
            <th scope="row">
              {user.user}
              {user.user === me && ' (you)'}
            </th>
            <td>{user.role.replace('-', ' ')}</td>
            <td>
              <UserState user={user} />
            </td>
            <td>
              <Time at={user.signed_in_at} />
            </td>
            <td>
              {user.backup_codes_left < 3 ? (
                <Chip tone="warn">{user.backup_codes_left} left</Chip>
              ) : (
                `${user.backup_codes_left} left`
              )}
            </td>
            {(may.accounts || may.access) && (
              <td>
                <UserActs user={user} may={may} isSelf={user.user === me} />
              </td>
            )}
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function UserState({ user: { state, locked_until, failures } }: { user: UserReport }) {
  const [word, tone] = STATES[state];
  return (
    <>
      <Chip tone={tone}>{word}</Chip>
      {locked_until !== null && (
        <div class="muted">
          until <Time at={locked_until} />
        </div>
      )}
      {failures > 0 && <div class="muted">{failures === 1 ? '1 attempt failed' : `${failures} attempts failed`}</div>}
    </>
  );
}

function UserActs({
  user: { user, role, state },
  may,
  isSelf,
}: {
  user: UserReport;
  may: MayOfUsers;
  isSelf: boolean;
}) {
  const fields = { user };
  return (
    <details>
      <summary>
        Change<span class="visually-hidden"> {user}</span>
      </summary>
      <div class="buttons">
        {may.access && state === 'locked' && <ActLink act="user-unlock" title="Unlock" fields={fields} main />}
        {may.access && <ActLink act="user-reset" title="New password" fields={{ user, kind: 'password' }} />}
        {may.access && <ActLink act="user-reset" title="New authenticator" fields={{ user, kind: 'totp' }} />}
        {may.accounts && <ActLink act="user-set-role" title="Another role" fields={{ user, role }} />}
        {may.access && state !== 'disabled' && !isSelf && (
          <ActLink act="user-disable" title="Disable" fields={fields} />
        )}
        {may.accounts && state === 'disabled' && <ActLink act="user-enable" title="Enable" fields={fields} main />}
        {may.accounts && !isSelf && <ActLink act="user-delete" title="Delete" fields={fields} />}
      </div>
    </details>
  );
}

/** What the form of an invitation holds, and what is wrong with it. */
export interface InviteForm {
  readonly user: string;
  readonly role: string;
  readonly faults: Readonly<Record<string, string>>;
  readonly refused: string | null;
}

export const EMPTY_INVITE: InviteForm = { user: '', role: 'operator', faults: {}, refused: null };

/** Invites somebody, who sets a password that nobody else knows. */
export function Invite({ form: { user, role, faults, refused } }: { form: InviteForm }) {
  return (
    <Card title="Invite somebody" id="invite">
      <p>
        You get a link that works once, for 24 h. Whoever opens it sets a password and an authenticator of their own.
        Nobody ever sets another person's password.
      </p>
      {refused !== null && <Notice tone="bad">{refused}</Notice>}
      <form action="/security/users/invite" method="post" data-draft="">
        <Field
          name="user"
          label="User name"
          hint="1 to 32 small letters, digits, dots, dashes or underscores."
          value={user}
          fault={faults['user']}
          autocomplete="off"
          required
        />
        <Field name="role" label="Role" type="select" value={role} options={ROLES} fault={faults['role']} required />
        <Field
          name="code"
          label="Code of your authenticator app"
          hint="Or one of your backup codes. Each code works once."
          type="code"
          fault={faults['code']}
          required
        />
        <div class="buttons">
          <button class="main" type="submit">
            Make the link
          </button>
        </div>
      </form>
    </Card>
  );
}

/** The link of an invitation, which is shown this once. */
export function InviteLink({ user, role, link }: { user: string; role: string; link: string }) {
  return (
    <Card title="The link for this person">
      <Notice tone="warn">It is shown only now. Copy it before you leave this page.</Notice>
      <p>
        Give it to <strong>{user}</strong> ({role.replace('-', ' ')}) alone, by a way that only they read. It works
        once, for 24 h, and ends when the server is started again.
      </p>
      <pre id="invite-link">{link}</pre>
      <div class="buttons">
        <button type="button" data-copy="invite-link" hidden>
          Copy
        </button>
        <a class="button" href="/security/users">
          I have it: go on
        </a>
      </div>
    </Card>
  );
}

/** What each role may do, and what takes a second person. */
export function RolesMatrix({
  rows,
}: {
  rows: readonly { readonly what: string; readonly roles: readonly Role[]; readonly second_person: boolean }[];
}) {
  return (
    <Card title="What each role may do">
      <Table caption="Roles" hideCaption head={['May', ...ROLES.map(([, title]) => title), 'Second person']}>
        {rows.map(({ what, roles, second_person }) => (
          <tr>
            <th scope="row">{what}</th>
            {ROLES.map(([role]) => (
              <td>{roles.includes(role) ? 'yes' : <span class="muted">no</span>}</td>
            ))}
            <td>{second_person ? <Chip tone="info">needed</Chip> : <span class="muted">no</span>}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
