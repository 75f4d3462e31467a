// What the web admin may ask of the node: reports, acts of people who are signed in, and their accounts. Pages are made from this
// alone, and the command line reads the same reports.
import type { z } from 'zod';
import { TOTP_SECRET_BYTES } from '../../crypto/account-secrets.ts';
import { zeroize } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Queries } from '../../store/database.ts';
import type { UserRole } from '../../store/schema-users.ts';
import { Accounts, type AccountsInput, type Person, SIGN_IN_REFUSED } from '../accounts/accounts.ts';
import { authoriseProven } from '../accounts/authorise.ts';
import { withSecretBytes } from '../accounts/password-hash.ts';
import { type Action, actionOf, mayDo } from '../accounts/permissions.ts';
import { enrolmentUri, secretFromText, secretText } from '../accounts/totp.ts';
import { commands } from '../commands.ts';
import type { Node } from '../node.ts';
import type { Credentials } from '../runtime/account-command-types.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandName, CommandParams, CommandResults } from '../runtime/command-types.ts';
import { noProgress } from '../runtime/progress.ts';
import { type ActCommand, actDefinition } from './act-definitions.ts';
import { actSubject } from './act-subjects.ts';
import { Acts, type ActsInput, type AskedAct, CODE_REFUSED, type ConfirmVerdict, type Proof } from './acts.ts';
import { Challenges } from './challenges.ts';
import { Invitations } from './invitations.ts';
import { Lookout } from './lookout.ts';
import { OpenUsers } from './open-users.ts';
import { type authenticationSchema, Passkeys, type Site } from './passkeys.ts';
import { type Visitor, type WebOrigin, WebSessions } from './web-sessions.ts';

/** How old findings and boxes of the checklist may be, in ms. */
const CHECKS_FRESH_MS = 60_000;

/** What a browser answers where a passkey is asked for. */
export type PasskeyAnswer = z.infer<typeof authenticationSchema>;

/** What somebody shows to confirm an act. */
export type Shown = { readonly code: string } | { readonly passkey: PasskeyAnswer; readonly site: Site };

/** What the desk is given besides the node. */
export interface AdminDeskInput {
  /** What an error says to an operator; null where it is a fault of the program. */
  readonly told: ActsInput['told'];
  readonly onFault: ActsInput['onFault'];
}

/** What an authenticator app is set up with: the secret in base32, and the text of the QR code. */
export interface Enrolled {
  readonly secret: string;
  readonly uri: string;
}

/** The node as the web admin sees it. */
export class AdminDesk {
  readonly node: Node;
  readonly acts: Acts;
  readonly invitations: Invitations;
  /** These ask peers, own nodes and the machine: pages show the last that is known. */
  readonly findings: Lookout<CommandResults['security-check']>;
  readonly boxes: Lookout<CommandResults['checklist']>;
  readonly #challenges: Challenges;
  readonly #told: ActsInput['told'];
  readonly #users: OpenUsers;

  constructor(node: Node, { told, onFault }: AdminDeskInput) {
    const { effects } = node.input;
    this.node = node;
    this.#users = new OpenUsers(node.config.userDbPath);
    this.#told = told;
    this.invitations = new Invitations(effects);
    this.#challenges = new Challenges(() => effects.monotonic());
    this.acts = new Acts({
      ...{ singleOperator: node.config.singleOperator, effects, told, onFault },
      audit: (kind, body) => this.#audit(kind, body),
      isStill: ({ user, role }) =>
        this.withAccounts((accounts) =>
          (accounts?.list() ?? []).some((one) => one.name === user && one.role === role && one.state === 'active'),
        ),
    });
    this.findings = new Lookout(() => this.read('security-check', {}), effects, CHECKS_FRESH_MS);
    this.boxes = new Lookout(() => this.read('checklist', {}), effects, CHECKS_FRESH_MS);
    this.acts.onChange(() => {
      this.findings.changed();
      this.boxes.changed();
    });
  }

  /** A report. Throws where the command acts. */
  async read<C extends CommandName>(command: C, params: CommandParams<C>): Promise<CommandResults[C]> {
    if (actionOf(command, params) !== null) throw new Error(`${command} acts: it is asked for as an act`);
    return commands[command](this.node, params, quiet());
  }

  /**
   * Asks for an act and returns its id; see `Acts`. Throws `CommandError` where the role may not, and where what the act is about
   * is not there.
   */
  ask<C extends ActCommand>(visitor: Visitor, command: C, params: CommandParams<C>, from: WebOrigin): Promise<string> {
    const { title, says, terminal, isLight, isSecret, action: here = null } = actDefinition(command);
    const action = actionOf(command, params) ?? here;
    if (action === null) throw new Error(`${command} only reads`);
    const asked = {
      ...{ action, command, params: plain(params), title, says: says(params), terminal: terminal(params) },
      isLight: isLight === true,
      isSecret: isSecret === true,
      subject: () => actSubject(this.node, command, params),
      run: async (io: Parameters<AskedAct['run']>[0]) =>
        plain(await commands[command](this.node, params, { ...quiet(), ...io })),
    };
    return this.acts.ask(visitor, asked, from);
  }

  /** What an error says to an operator; null where it is a fault of the program. */
  told(error: unknown): { readonly code: string; readonly message: string } | null {
    return this.#told(error);
  }

  /** Whether anybody can sign in yet. */
  async hasUsers(): Promise<boolean> {
    return this.withAccounts((accounts) => (accounts?.count() ?? 0) > 0);
  }

  /** Signs somebody in by password and code, and returns the token of the session; null where something is wrong. */
  async signIn({ user, password: text, code }: Credentials, from: WebOrigin): Promise<string | null> {
    const verdict = await withSecretBytes(text, (password) =>
      this.withAccounts(async (accounts) => (await accounts?.signIn({ user, password, code })) ?? null),
    );
    if (verdict === null) return null;
    if (verdict.ok) return this.#begin(verdict.person, verdict.factor, from);
    if (verdict.locked !== null) {
      const until = new Date(verdict.locked.until).toISOString();
      this.#audit('account_locked', { user: verdict.locked.user, until, from: from.address });
    }
    return null;
  }

  /** As `signIn`, by a passkey. */
  async signInByPasskey(answer: PasskeyAnswer, site: Site, from: WebOrigin): Promise<string | null> {
    const person = await this.withPasskeys((passkeys) => passkeys.signIn(answer, site));
    return person === null ? null : this.#begin(person, 'passkey', from);
  }

  async #begin({ user }: Person, factor: 'totp' | 'backup-code' | 'passkey', from: WebOrigin): Promise<string> {
    const token = await this.withSessions((sessions) => sessions.begin(user, factor, from));
    this.#audit('web_signed_in', { user, factor, from: from.address });
    return token;
  }

  /** Who holds a session's token; null where nobody does any more. `touches`: whether the person has asked for something. */
  async visitor(token: string, touches: boolean): Promise<Visitor | null> {
    if (!(await this.hasUsers())) return null;
    return this.withSessions((sessions) => sessions.visitor(token, touches));
  }

  /** Ends the session of somebody who signs out. */
  async signOut(visitor: Visitor): Promise<void> {
    await this.withSessions((sessions) => sessions.end(visitor, visitor.session));
    this.#audit('web_signed_out', { user: visitor.user });
  }

  /** Confirms an act by what somebody shows. Throws `CommandError` where the role may not. */
  confirm(id: string, visitor: Visitor, seen: string, from: WebOrigin, shown: Shown): Promise<ConfirmVerdict> {
    return this.acts.confirm(id, visitor, seen, from, () => this.#prove(id, visitor, shown));
  }

  async #prove(id: string, { user }: Visitor, shown: Shown): Promise<Proof> {
    if ('code' in shown) {
      const how = await this.withAccounts(async (accounts) => (await accounts?.confirm(user, shown.code)) ?? null);
      return how === null ? { ok: false } : { ok: true, how };
    }
    const digest = this.acts.digest(id);
    if (digest === null) return { ok: false };
    const isGood = await this.withPasskeys((passkeys) => passkeys.confirms(user, shown.passkey, shown.site, digest));
    return isGood ? { ok: true, how: 'passkey' } : { ok: false };
  }

  /**
   * Does something whose parameters hold a secret, and which therefore is no act that waits: the person shows a code with it.
   * Throws `CommandError` where the code is wrong or the role may not.
   */
  async atOnce<T>(
    visitor: Visitor,
    what: { readonly action: Action; readonly command: string; readonly code: string },
    from: WebOrigin,
    run: (actor: Person) => T | Promise<T>,
  ): Promise<T> {
    const { action, command, code } = what;
    const { user, role } = visitor;
    const how = await this.prove(visitor, code);
    const audit = (kind: string, body: Json): void => this.#audit(kind, body);
    const { singleOperator } = this.node.config;
    const noted = { from: from.address, confirmed_by: how };
    authoriseProven({ singleOperator, audit }, { action, command, by: { user, role }, second: null, noted });
    return run({ user, role });
  }

  /** Opens the key file of this node. Throws as `atOnce`, and `KeyFileError`. */
  async unseal(visitor: Visitor, passphrase: string, code: string, from: WebOrigin): Promise<void> {
    const what = { action: 'unseal', command: 'unseal', code } as const;
    await this.atOnce(visitor, what, from, (actor) =>
      commands.unseal(this.node, { passphrase }, { ...quiet(), actor }),
    );
  }

  /** Makes the account of somebody who was invited, and returns its backup codes. Throws `CommandError`. */
  async join(token: string, given: Credentials): Promise<readonly string[]> {
    const invitation = this.invitations.find(token);
    if (invitation === null) throw new CommandError('invitation_over', INVITATION_OVER);
    const { user: invited, role, by } = invitation;
    const totpSecret = secretText(invitation.totpSecret);
    const isGood = by === null ? !(await this.hasUsers()) : await this.#mayInvite(by);
    if (!isGood) throw new CommandError('invitation_over', INVITATION_OVER);
    const user = invited ?? given.user;
    const codes = await withSecretBytes(given.password, (password) =>
      this.withAccounts(
        (accounts) => accounts?.create({ user, role, password, totpSecret, code: given.code }) ?? [],
        true,
      ),
    );
    this.invitations.end(token);
    this.#audit('user_created', { user, role, by, invited: true });
    return codes;
  }

  #mayInvite(user: string): Promise<boolean> {
    return this.withAccounts((accounts) =>
      (accounts?.list() ?? []).some(
        ({ name, role, state }) => name === user && state === 'active' && mayDo(role, 'accounts'),
      ),
    );
  }

  /** What a page shows of an invitation; null where it is over. */
  invited(
    token: string,
  ): { readonly user: string | null; readonly role: UserRole; readonly enrolment: Enrolled } | null {
    const found = this.invitations.find(token);
    if (found === null) return null;
    const { user, role, totpSecret } = found;
    return { user, role, enrolment: this.#enrolled(totpSecret, user ?? 'new user') };
  }

  /** A new TOTP secret, for somebody who sets one anew. */
  newEnrolment(user: string): Enrolled {
    const secret = this.node.input.effects.random(TOTP_SECRET_BYTES);
    try {
      return this.#enrolled(secret, user);
    } finally {
      zeroize(secret);
    }
  }

  /** The same for a secret that a form brings back; null where it is none. */
  sameEnrolment(user: string, text: string): Enrolled | null {
    const secret = secretFromText(text);
    return secret === null ? null : this.#enrolled(secret, user);
  }

  #enrolled(secret: Uint8Array, user: string): Enrolled {
    return { secret: secretText(secret), uri: enrolmentUri(secret, user, this.node.config.name) };
  }

  /** A new password, or a new authenticator (with new backup codes), by a reset code. Throws `CommandError`. */
  reset<C extends 'user-set-password' | 'user-set-totp'>(
    command: C,
    params: CommandParams<C>,
  ): Promise<CommandResults[C]> {
    return this.read(command, params);
  }

  /** Throws `CommandError` where a code is not good for somebody who is signed in; it is used up. */
  async prove({ user }: Visitor, code: string): Promise<'totp' | 'backup-code'> {
    const how = await this.withAccounts(async (accounts) => (await accounts?.confirm(user, code)) ?? null);
    if (how === null) throw new CommandError('sign_in_refused', CODE_REFUSED);
    return how;
  }

  /** Notes something that a person did with their own account. */
  note(kind: 'passkey_added' | 'passkey_removed', body: Readonly<Record<string, string>>): void {
    this.#audit(kind, body);
  }

  #audit(kind: string, body: Json): void {
    appendAudit(this.node.store.db, this.node.input.effects.now(), kind, body);
  }

  /** The accounts; null where there are none and none are to be made. */
  async withAccounts<T>(use: (accounts: Accounts | null) => T | Promise<T>, create = false): Promise<T> {
    const { config, input } = this.node;
    const about: AccountsInput = { config, env: input.env, effects: input.effects };
    const db = this.#users.open(create);
    return use(db === null ? null : new Accounts(db, about));
  }

  async withSessions<T>(use: (sessions: WebSessions) => T | Promise<T>): Promise<T> {
    return use(new WebSessions(this.#requireUsers(), this.node.input.effects));
  }

  async withPasskeys<T>(use: (passkeys: Passkeys) => T | Promise<T>): Promise<T> {
    return use(new Passkeys(this.#requireUsers(), this.node.input.effects, this.#challenges));
  }

  #requireUsers(): Queries {
    const db = this.#users.open(false);
    if (db === null) throw new CommandError('no_users', SIGN_IN_REFUSED);
    return db;
  }

  /** Closes the accounts database. */
  close(): void {
    this.#users.close();
  }
}

const INVITATION_OVER =
  'this link is no longer good: it was used, has expired, or the node was started again; ask for a new one';

function quiet(): { progress: typeof noProgress; signal: AbortSignal } {
  return { progress: noProgress, signal: new AbortController().signal };
}

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}
