/** @jsxImportSource hono/jsx */
// Pages of people who are not signed in: signing in, making an account from a link, setting something anew by a reset code.
import type { Child } from 'hono/jsx';
import { Field } from './kit.tsx';
import { Drawn, Notice } from './layout.tsx';

/** Signing in: password and code, or a passkey. `next`: where to go then. */
export function SignIn({ fault, user, next }: { fault: string | null; user: string; next: string }) {
  return (
    <>
      {fault !== null && <Notice tone="bad">{fault}</Notice>}
      <form action="/sign-in" method="post">
        <input type="hidden" name="next" value={next} />
        <Field name="user" label="User name" value={user} required autocomplete="username webauthn" />
        <Field name="password" label="Password" type="password" required autocomplete="current-password" />
        <Field
          name="code"
          label="Code of your authenticator app"
          hint="Or one of your backup codes. Each code works once."
          type="code"
          required
        />
        <div class="buttons">
          <button class="main" type="submit">
            Sign in
          </button>
          <a href="/reset">I have a reset code</a>
        </div>
      </form>
      <form action="/sign-in/passkey" method="post" aria-label="Sign in with a passkey">
        <input type="hidden" name="next" value={next} />
        <input type="hidden" name="passkey" value="" />
        <div class="buttons">
          <button type="button" data-passkey="sign-in" data-options="/sign-in/passkey/options" hidden>
            Sign in with a passkey
          </button>
          <span data-passkey-said="" role="status" />
        </div>
      </form>
    </>
  );
}

/** What nobody can do yet, because there are no users. */
export function NoUsers() {
  return (
    <>
      <p>There are no users yet, so nobody can sign in.</p>
      <p>
        The server printed a link when it started: open it on this machine. It makes the first admin, and works once. Or
        run this at a terminal:
      </p>
      <pre>mpc_operator user create --username admin --role admin</pre>
    </>
  );
}

/** How an authenticator app gets its secret: a QR code and the same as text. */
// `isCarried`: the form brings the secret back, as nothing here keeps it.
function Enrolment({ qr, secret, isCarried }: { qr: string; secret: string; isCarried: boolean }) {
  return (
    <fieldset>
      <legend>Your authenticator app</legend>
      <p>Scan this with the app, or type the text below it.</p>
      <Drawn svg={qr} label="QR code with the secret of the authenticator app" />
      <p>
        <code>{secret}</code>
      </p>
      {isCarried && <input type="hidden" name="totp_secret" value={secret} data-secret="" />}
      <Field name="code" label="The code that the app shows now" type="code" required />
    </fieldset>
  );
}

/** Making an account from a link. `user` null: the person chooses the name. */
export function Join({
  user,
  role,
  qr,
  secret,
  fault,
  given,
  action,
}: {
  user: string | null;
  role: string;
  qr: string;
  secret: string;
  fault: string | null;
  given: string;
  action: string;
}) {
  return (
    <>
      <p>
        You will be <strong>{role}</strong> on this node. Nobody else knows your password, and nobody can set it for
        you.
      </p>
      {fault !== null && <Notice tone="bad">{fault}</Notice>}
      <form action={action} method="post">
        {user === null ? (
          <Field
            name="user"
            label="User name"
            hint="1 to 32 of a-z, 0-9, dots, dashes and underscores."
            value={given}
            required
            autocomplete="username"
          />
        ) : (
          <Field name="user" label="User name" type="hidden" value={user} />
        )}
        {user !== null && (
          <p>
            Your user name is <strong>{user}</strong>.
          </p>
        )}
        <Field
          name="password"
          label="Password"
          hint="At least 12 characters. Four words that have nothing to do with each other are good."
          type="password"
          required
          autocomplete="new-password"
        />
        <Field name="again" label="The password again" type="password" required autocomplete="new-password" />
        <Enrolment qr={qr} secret={secret} isCarried={false} />
        <button class="main" type="submit">
          Make the account
        </button>
      </form>
    </>
  );
}

/** Backup codes, shown once, with the explicit next step. */
export function BackupCodes({ codes, next }: { codes: readonly string[]; next: Child }) {
  return (
    <>
      <Notice tone="warn">
        These codes are shown once. Print or write them down, and keep them away from your phone.
      </Notice>
      <p>Each of them stands in for one code of the app, once, where the phone is lost.</p>
      <ul class="words">
        {codes.map((code) => (
          <li>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div class="buttons">
        <button type="button" data-print="" hidden>
          Print
        </button>
        {next}
      </div>
    </>
  );
}

/** Setting something anew by a reset code. */
export function Reset({ fault, done }: { fault: string | null; done: string | null }) {
  return (
    <>
      {fault !== null && <Notice tone="bad">{fault}</Notice>}
      {done !== null && <Notice tone="ok">{done}</Notice>}
      <p>An admin or security officer makes a reset code for you. It works once, for 24 h.</p>
      <form action="/reset/password" method="post">
        <fieldset>
          <legend>A new password</legend>
          <Field name="user" label="User name" required autocomplete="username" idPrefix="p" />
          <Field name="reset_code" label="Reset code" type="code" required idPrefix="p" />
          <Field name="code" label="Code of your authenticator app" type="code" required idPrefix="p" />
          <Field
            name="password"
            label="New password"
            type="password"
            required
            autocomplete="new-password"
            idPrefix="p"
          />
          <button type="submit">Set the password</button>
        </fieldset>
      </form>
      <form action="/reset/totp" method="post">
        <fieldset>
          <legend>A new authenticator app</legend>
          <Field name="user" label="User name" required autocomplete="username" idPrefix="t" />
          <Field name="reset_code" label="Reset code" type="code" required idPrefix="t" />
          <Field
            name="password"
            label="Password"
            type="password"
            required
            autocomplete="current-password"
            idPrefix="t"
          />
          <button type="submit">Go on to the app</button>
        </fieldset>
      </form>
      <p>
        <a href="/sign-in">Back to signing in</a>
      </p>
    </>
  );
}

/** The second step of a new authenticator app: its secret, and its first code. */
export function ResetTotp({
  user,
  resetCode,
  qr,
  secret,
  fault,
}: {
  user: string;
  resetCode: string;
  qr: string;
  secret: string;
  fault: string | null;
}) {
  return (
    <>
      {fault !== null && <Notice tone="bad">{fault}</Notice>}
      <form action="/reset/totp/confirm" method="post">
        <input type="hidden" name="user" value={user} />
        <input type="hidden" name="reset_code" value={resetCode} data-secret="" />
        <Field name="password" label="Password" type="password" required autocomplete="current-password" />
        <Enrolment qr={qr} secret={secret} isCarried />
        <button class="main" type="submit">
          Set the new app
        </button>
      </form>
    </>
  );
}

/** The way on from backup codes. */
export function SignInLink({ text }: { text: string }) {
  return (
    <a class="button main" href="/sign-in">
      {text}
    </a>
  );
}
