// The tables of the accounts database (`user_db_path`): a file of its own, apart from everything that the node signs by.
// migrations/users/0000_users.sql makes them, with the triggers that hold what a table alone cannot say.
import { sql } from 'drizzle-orm';
import { check, foreignKey, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { bytes, integer53, isHex, isOneOf } from './columns.ts';

/** What a person may do here goes by one of these; operator/accounts/permissions.ts says what. */
export const USER_ROLES = ['admin', 'operator', 'security-officer', 'observer'] as const;
export type UserRole = (typeof USER_ROLES)[number];

export const USER_STATES = ['active', 'disabled'] as const;
export type UserState = (typeof USER_STATES)[number];

/** What a reset code lets its holder set anew. */
export const RESET_KINDS = ['password', 'totp'] as const;
export type ResetKind = (typeof RESET_KINDS)[number];

/** What somebody showed to sign in at the web admin, besides the password where it is not a passkey. */
export const SESSION_FACTORS = ['totp', 'backup-code', 'passkey'] as const;
export type SessionFactor = (typeof SESSION_FACTORS)[number];

/** A person. Times in ms since 1970. */
export const users = sqliteTable(
  'users',
  {
    name: text('name').primaryKey(),
    role: text('role', { enum: USER_ROLES }).notNull(),
    state: text('state', { enum: USER_STATES }).notNull(),
    /** Argon2id in the form of PHC strings. */
    passwordHash: text('password_hash').notNull(),
    /** The TOTP secret, sealed with the key beside the database (crypto/account-secrets.ts). */
    totpBox: bytes('totp_box').notNull(),
    /** The last step of 30 s whose code was used. */
    totpStep: integer53('totp_step').notNull(),
    /** Attempts since the last that was right. */
    failures: integer53('failures').notNull(),
    lockedUntil: integer53('locked_until'),
    createdAt: integer53('created_at').notNull(),
    signedInAt: integer53('signed_in_at'),
  },
  (table) => [
    check('users_name', sql`length(${table.name}) between 1 and 32 and ${table.name} not glob '*[^a-z0-9._-]*'`),
    check('users_role', isOneOf(table.role, USER_ROLES)),
    check('users_state', isOneOf(table.state, USER_STATES)),
    check('users_password_hash', sql`${table.passwordHash} glob '$argon2id$*'`),
    check('users_counts', sql`${table.totpStep} >= 0 and ${table.failures} >= 0`),
  ],
);

/** A backup code of a person, hashed; it stands in for one TOTP code, once. */
export const backupCodes = sqliteTable(
  'backup_codes',
  {
    user: text('user').notNull(),
    hash: text('hash').notNull(),
    usedAt: integer53('used_at'),
  },
  (table) => [
    primaryKey({ columns: [table.user, table.hash] }),
    foreignKey({ columns: [table.user], foreignColumns: [users.name] }).onDelete('cascade'),
    check('backup_codes_hash', isHex(table.hash, 32)),
  ],
);

/** The one reset code of each kind that a person may use, hashed. It is deleted as it is used. */
export const resetCodes = sqliteTable(
  'reset_codes',
  {
    user: text('user').notNull(),
    kind: text('kind', { enum: RESET_KINDS }).notNull(),
    hash: text('hash').notNull(),
    madeBy: text('made_by').notNull(),
    expiresAt: integer53('expires_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.user, table.kind] }),
    foreignKey({ columns: [table.user], foreignColumns: [users.name] }).onDelete('cascade'),
    check('reset_codes_kind', isOneOf(table.kind, RESET_KINDS)),
    check('reset_codes_hash', isHex(table.hash, 32)),
  ],
);

/**
 * One row: attempts on accounts that are not there, or are locked or disabled. It is written as often as the counter of an
 * account is, so that both take the same time.
 */
export const refusedAttempts = sqliteTable(
  'refused_attempts',
  {
    id: integer53('id').primaryKey(),
    count: integer53('count').notNull(),
    lastAt: integer53('last_at').notNull(),
  },
  (table) => [check('refused_attempts_one', sql`${table.id} = 1`)],
);

/** Somebody who is signed in at the web admin. The cookie's token stands here as its SHA-256 alone. */
export const sessions = sqliteTable(
  'sessions',
  {
    hash: text('hash').primaryKey(),
    user: text('user').notNull(),
    /** What was shown to sign in. */
    factor: text('factor', { enum: SESSION_FACTORS }).notNull(),
    createdAt: integer53('created_at').notNull(),
    /** When its person last asked for something; streams do not count. */
    seenAt: integer53('seen_at').notNull(),
    /** Where it was begun: an IP address, and what the browser calls itself. */
    address: text('address').notNull(),
    browser: text('browser').notNull(),
  },
  (table) => [
    foreignKey({ columns: [table.user], foreignColumns: [users.name] }).onDelete('cascade'),
    check('sessions_hash', isHex(table.hash, 32)),
    check('sessions_factor', isOneOf(table.factor, SESSION_FACTORS)),
    check('sessions_texts', sql`length(${table.address}) <= 64 and length(${table.browser}) <= 200`),
  ],
);

/** A passkey of a person (WebAuthn Level 3). `id` and `publicKey` as the authenticator made them. */
export const passkeys = sqliteTable(
  'passkeys',
  {
    /** The credential id in base64url. */
    id: text('id').primaryKey(),
    user: text('user').notNull(),
    name: text('name').notNull(),
    /** In COSE form. */
    publicKey: bytes('public_key').notNull(),
    /** The authenticator's count of signatures; one that does not count says 0. */
    counter: integer53('counter').notNull(),
    createdAt: integer53('created_at').notNull(),
    usedAt: integer53('used_at'),
  },
  (table) => [
    foreignKey({ columns: [table.user], foreignColumns: [users.name] }).onDelete('cascade'),
    check('passkeys_texts', sql`length(${table.id}) between 1 and 1400 and length(${table.name}) between 1 and 64`),
    check('passkeys_counter', sql`${table.counter} >= 0`),
  ],
);
