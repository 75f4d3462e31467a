// What an operator can ask about accounts: parameters and results of these commands, and what somebody shows to sign in
// (command-types.ts joins them with all others). Times are ISO 8601 text.
import { z } from 'zod';
import { RESET_KINDS, USER_ROLES, type UserRole } from '../../store/schema-users.ts';

const SECRET_CHARACTERS_MAX = 1024;
const user = z.string().min(1).max(64);
const role = z.enum(USER_ROLES);
const password = z.string().max(SECRET_CHARACTERS_MAX);
const code = z.string().max(64);
/** A TOTP secret of 20 bytes in base32, which the person's authenticator app has as well, and its first code. */
const enrolment = { totp_secret: z.string().max(64), code };

/** What one person shows to sign in; `code`: of the authenticator app, or a backup code. */
export const credentialsSchema = z.strictObject({ user, password, code });
/** Who acts, and for some acts the second person. */
export const credentialsListSchema = z.array(credentialsSchema).max(2);
export type Credentials = z.infer<typeof credentialsSchema>;

/** Parameters by command. */
export const accountCommandParams = {
  'user-list': z.strictObject({}),
  'user-create': z.strictObject({ user, role, password, ...enrolment }),
  'user-set-role': z.strictObject({ user, role }),
  /** Makes a one-time code with which the person sets a new password or TOTP secret. */
  'user-reset': z.strictObject({ user, kind: z.enum(RESET_KINDS) }),
  'user-unlock': z.strictObject({ user }),
  'user-disable': z.strictObject({ user }),
  'user-enable': z.strictObject({ user }),
  'user-delete': z.strictObject({ user }),
  /** These two the person does, by the reset code and the other factor. */
  'user-set-password': z.strictObject({ user, reset_code: code, code, password }),
  'user-set-totp': z.strictObject({ user, reset_code: code, password, ...enrolment }),
  /** Signs in for an act that the command line does by itself; it is `configure`. */
  authorise: z.strictObject({ action: z.literal('configure') }),
} as const;

/** An account, without anything secret. */
export interface UserReport {
  readonly user: string;
  readonly role: UserRole;
  readonly state: 'active' | 'locked' | 'disabled';
  /** Of a locked account; null otherwise. */
  readonly locked_until: string | null;
  /** Attempts since the last that was right. */
  readonly failures: number;
  readonly backup_codes_left: number;
  readonly created_at: string;
  readonly signed_in_at: string | null;
}

/** What `status` says of accounts. */
export interface AccountsReport {
  readonly users: number;
  readonly admins: number;
  readonly locked: readonly string[];
  /** The configuration waives the second person. */
  readonly single_operator: boolean;
  /** Why they cannot be read, a sentence; null where they can. */
  readonly fault: string | null;
}

export interface AccountCommandResults {
  'user-list': { readonly users: readonly UserReport[]; readonly single_operator: boolean };
  'user-create': { readonly user: string; readonly role: UserRole; readonly backup_codes: readonly string[] };
  'user-set-role': { readonly user: string; readonly role: UserRole };
  'user-reset': {
    readonly user: string;
    readonly kind: 'password' | 'totp';
    readonly code: string;
    readonly expires_at: string;
  };
  'user-unlock': { readonly user: string };
  'user-disable': { readonly user: string };
  'user-enable': { readonly user: string };
  'user-delete': { readonly user: string };
  'user-set-password': { readonly user: string };
  'user-set-totp': { readonly user: string; readonly backup_codes: readonly string[] };
  /** Who signed in; null where there are no users. */
  authorise: { readonly user: string | null };
}
