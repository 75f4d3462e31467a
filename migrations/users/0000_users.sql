-- The schema of the accounts database (`user_db_path`). The tables follow store/schema-users.ts; the triggers hold what must be
-- true whichever way a row is changed: there is always an active admin, a code works once, and a name stays its account's.
CREATE TABLE `users` (
	`name` text PRIMARY KEY NOT NULL,
	`role` text NOT NULL,
	`state` text NOT NULL,
	`password_hash` text NOT NULL,
	`totp_box` blob NOT NULL,
	`totp_step` integer NOT NULL,
	`failures` integer NOT NULL,
	`locked_until` integer,
	`created_at` integer NOT NULL,
	`signed_in_at` integer,
	CONSTRAINT "users_name" CHECK(length("users"."name") between 1 and 32 and "users"."name" not glob '*[^a-z0-9._-]*'),
	CONSTRAINT "users_role" CHECK("users"."role" in ('admin', 'operator', 'security-officer', 'observer')),
	CONSTRAINT "users_state" CHECK("users"."state" in ('active', 'disabled')),
	CONSTRAINT "users_password_hash" CHECK("users"."password_hash" glob '$argon2id$*'),
	CONSTRAINT "users_counts" CHECK("users"."totp_step" >= 0 and "users"."failures" >= 0)
) STRICT;
--> statement-breakpoint
CREATE TABLE `backup_codes` (
	`user` text NOT NULL,
	`hash` text NOT NULL,
	`used_at` integer,
	PRIMARY KEY(`user`, `hash`),
	FOREIGN KEY (`user`) REFERENCES `users`(`name`) ON UPDATE no action ON DELETE cascade,
	CONSTRAINT "backup_codes_hash" CHECK(length("backup_codes"."hash") = 64 and "backup_codes"."hash" not glob '*[^0-9a-f]*')
) STRICT;
--> statement-breakpoint
CREATE TABLE `reset_codes` (
	`user` text NOT NULL,
	`kind` text NOT NULL,
	`hash` text NOT NULL,
	`made_by` text NOT NULL,
	`expires_at` integer NOT NULL,
	PRIMARY KEY(`user`, `kind`),
	FOREIGN KEY (`user`) REFERENCES `users`(`name`) ON UPDATE no action ON DELETE cascade,
	CONSTRAINT "reset_codes_kind" CHECK("reset_codes"."kind" in ('password', 'totp')),
	CONSTRAINT "reset_codes_hash" CHECK(length("reset_codes"."hash") = 64 and "reset_codes"."hash" not glob '*[^0-9a-f]*')
) STRICT;
--> statement-breakpoint
CREATE TABLE `refused_attempts` (
	`id` integer PRIMARY KEY NOT NULL,
	`count` integer NOT NULL,
	`last_at` integer NOT NULL,
	CONSTRAINT "refused_attempts_one" CHECK("refused_attempts"."id" = 1)
) STRICT;
--> statement-breakpoint
INSERT INTO `refused_attempts` (`id`, `count`, `last_at`) VALUES (1, 0, 0);
--> statement-breakpoint
-- Nobody could make another user otherwise.
CREATE TRIGGER users_first_is_admin BEFORE INSERT ON users
WHEN NOT (NEW.role = 'admin' AND NEW.state = 'active')
	AND NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND state = 'active')
BEGIN SELECT RAISE(ABORT, 'first_admin'); END;
--> statement-breakpoint
CREATE TRIGGER users_last_admin_stays BEFORE UPDATE OF role, state ON users
WHEN OLD.role = 'admin' AND OLD.state = 'active' AND NOT (NEW.role = 'admin' AND NEW.state = 'active')
	AND NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND state = 'active' AND name <> OLD.name)
BEGIN SELECT RAISE(ABORT, 'last_admin'); END;
--> statement-breakpoint
CREATE TRIGGER users_last_admin_not_deleted BEFORE DELETE ON users
WHEN OLD.role = 'admin' AND OLD.state = 'active'
	AND NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND state = 'active' AND name <> OLD.name)
BEGIN SELECT RAISE(ABORT, 'last_admin'); END;
--> statement-breakpoint
CREATE TRIGGER users_name_fixed BEFORE UPDATE OF name ON users
WHEN NEW.name <> OLD.name
BEGIN SELECT RAISE(ABORT, 'the name of an account never changes'); END;
--> statement-breakpoint
-- A code belongs to a step of 30 s: a step that was used, and all before it, are spent. A new secret begins anew.
CREATE TRIGGER users_totp_step_grows BEFORE UPDATE OF totp_step ON users
WHEN NEW.totp_step <= OLD.totp_step AND NEW.totp_box = OLD.totp_box
BEGIN SELECT RAISE(ABORT, 'a one-time code works once'); END;
--> statement-breakpoint
CREATE TRIGGER backup_codes_once BEFORE UPDATE ON backup_codes
WHEN OLD.used_at IS NOT NULL OR NEW.hash <> OLD.hash OR NEW.user <> OLD.user
BEGIN SELECT RAISE(ABORT, 'a backup code works once'); END;
--> statement-breakpoint
-- Who is signed in at the web admin, by the SHA-256 of the cookie's token.
CREATE TABLE `sessions` (
	`hash` text PRIMARY KEY NOT NULL,
	`user` text NOT NULL,
	`factor` text NOT NULL,
	`created_at` integer NOT NULL,
	`seen_at` integer NOT NULL,
	`address` text NOT NULL,
	`browser` text NOT NULL,
	FOREIGN KEY (`user`) REFERENCES `users`(`name`) ON UPDATE no action ON DELETE cascade,
	CONSTRAINT "sessions_hash" CHECK(length("sessions"."hash") = 64 and "sessions"."hash" not glob '*[^0-9a-f]*'),
	CONSTRAINT "sessions_factor" CHECK("sessions"."factor" in ('totp', 'backup-code', 'passkey')),
	CONSTRAINT "sessions_texts" CHECK(length("sessions"."address") <= 64 and length("sessions"."browser") <= 200)
) STRICT;
--> statement-breakpoint
CREATE TABLE `passkeys` (
	`id` text PRIMARY KEY NOT NULL,
	`user` text NOT NULL,
	`name` text NOT NULL,
	`public_key` blob NOT NULL,
	`counter` integer NOT NULL,
	`created_at` integer NOT NULL,
	`used_at` integer,
	FOREIGN KEY (`user`) REFERENCES `users`(`name`) ON UPDATE no action ON DELETE cascade,
	CONSTRAINT "passkeys_texts" CHECK(length("passkeys"."id") between 1 and 1400 and length("passkeys"."name") between 1 and 64),
	CONSTRAINT "passkeys_counter" CHECK("passkeys"."counter" >= 0)
) STRICT;
--> statement-breakpoint
-- A count that does not grow tells of a copied authenticator; one that is always 0 does not count.
CREATE TRIGGER passkeys_counter_grows BEFORE UPDATE OF counter ON passkeys
WHEN NEW.counter <= OLD.counter AND OLD.counter > 0
BEGIN SELECT RAISE(ABORT, 'the count of a passkey grows'); END;
--> statement-breakpoint
CREATE TRIGGER passkeys_fixed BEFORE UPDATE OF id, user, public_key ON passkeys
WHEN NEW.id <> OLD.id OR NEW.user <> OLD.user OR NEW.public_key <> OLD.public_key
BEGIN SELECT RAISE(ABORT, 'a passkey never changes'); END;
--> statement-breakpoint
-- Rights that a person no longer has end at once, whoever takes them away.
CREATE TRIGGER sessions_end_with_rights AFTER UPDATE OF role, state, password_hash, totp_box ON users
WHEN NEW.role <> OLD.role OR NEW.state <> OLD.state OR NEW.password_hash <> OLD.password_hash
	OR NEW.totp_box <> OLD.totp_box
BEGIN DELETE FROM sessions WHERE user = NEW.name; END;
