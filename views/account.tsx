/** @jsxImportSource hono/jsx */
// A person's own account: passkeys, sessions, codes.
import type { PasskeyReport } from '../operator/admin/passkeys.ts';
import type { SessionReport } from '../operator/admin/web-sessions.ts';
import type { UserReport } from '../operator/runtime/account-command-types.ts';
import { Card, Chip, Empty, Facts, Field, Table, Time } from './kit.tsx';
import { Notice } from './layout.tsx';

/** What the account is. */
export function AccountFacts({ user, sessionEnds }: { user: UserReport; sessionEnds: string }) {
  return (
    <Card title="Account">
      <Facts
        of={[
          ['User name', user.user],
          ['Role', user.role],
          ['Signed in last', <Time at={user.signed_in_at} />],
          ['This session ends', <Time at={sessionEnds} />],
          [
            'Backup codes left',
            user.backup_codes_left < 3 ? (
              <>
                {user.backup_codes_left} <Chip tone="warn">few</Chip> A reset of your authenticator app makes new ones.
              </>
            ) : (
              String(user.backup_codes_left)
            ),
          ],
        ]}
      />
    </Card>
  );
}

/** Passkeys: list, add, remove. */
export function PasskeyList({ passkeys, fault }: { passkeys: readonly PasskeyReport[]; fault: string | null }) {
  return (
    <Card title="Passkeys">
      <p>
        A passkey signs you in without a password, and is the only way to prove that you saw the very act you confirm.
        Register two, and keep one of them in a safe place.
      </p>
      {fault !== null && <Notice tone="bad">{fault}</Notice>}
      {passkeys.length === 0 ? (
        <Empty>
          <p>There is no passkey yet.</p>
        </Empty>
      ) : (
        <Table caption="Your passkeys" hideCaption head={['Name', 'Registered', 'Used last', '']}>
          {passkeys.map(({ id, name, created_at, used_at }) => (
            <tr>
              <th scope="row">{name}</th>
              <td>
                <Time at={created_at} />
              </td>
              <td>
                <Time at={used_at} />
              </td>
              <td>
                <form action="/account/passkeys/remove" method="post" class="inline">
                  <input type="hidden" name="id" value={id} />
                  <button type="submit">
                    Remove<span class="visually-hidden"> {name}</span>
                  </button>
                </form>
              </td>
            </tr>
          ))}
        </Table>
      )}
      <form action="/account/passkeys" method="post">
        <input type="hidden" name="passkey" value="" />
        <Field name="name" label="Name of the new passkey" hint="Such as: laptop, or blue key." required />
        <Field
          name="code"
          label="Code of your authenticator app"
          hint="Only you may add a passkey to your account."
          type="code"
          required
        />
        <div class="buttons">
          <button type="button" data-passkey="register" data-options="/account/passkeys/options" hidden>
            Register a passkey
          </button>
          <span data-passkey-said="" role="status" />
        </div>
        <noscript>
          <p>Passkeys need JavaScript.</p>
        </noscript>
      </form>
    </Card>
  );
}

/** Sessions: list, end. */
export function SessionList({ sessions }: { sessions: readonly SessionReport[] }) {
  return (
    <Card title="Sessions">
      <Table caption="Your sessions" hideCaption head={['From', 'Browser', 'Begun', 'Used last', '']}>
        {sessions.map(({ id, address, browser, created_at, seen_at, is_own }) => (
          <tr>
            <th scope="row">{address}</th>
            <td>{browser}</td>
            <td>
              <Time at={created_at} />
            </td>
            <td>
              <Time at={seen_at} />
            </td>
            <td>
              {is_own ? (
                <Chip tone="info">this one</Chip>
              ) : (
                <form action="/account/sessions/end" method="post" class="inline">
                  <input type="hidden" name="id" value={id} />
                  <button type="submit">
                    End<span class="visually-hidden"> the session from {address}</span>
                  </button>
                </form>
              )}
            </td>
          </tr>
        ))}
      </Table>
      {sessions.length > 1 && (
        <form action="/account/sessions/end-others" method="post" class="buttons">
          <button type="submit">End all others</button>
        </form>
      )}
    </Card>
  );
}
