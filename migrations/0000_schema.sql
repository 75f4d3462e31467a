-- The schema of the security database. The tables follow store/schema.ts; the triggers after them hold what a table alone cannot
-- say: what never changes, and the Never list as far as it is about what a node keeps.
CREATE TABLE `attestations` (
	`txid` text NOT NULL,
	`vout` integer NOT NULL,
	`recipient` text NOT NULL,
	`amount` integer NOT NULL,
	`nonce` integer NOT NULL,
	`expiry` integer NOT NULL,
	`signature` text,
	`signature_expiry` integer,
	`decided_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`txid`, `vout`),
	CONSTRAINT "attestations_outpoint" CHECK(length("attestations"."txid") = 64 and "attestations"."txid" not glob '*[^0-9a-f]*' and "attestations"."vout" between 0 and 4294967295),
	CONSTRAINT "attestations_recipient" CHECK(length("attestations"."recipient") = 64 and "attestations"."recipient" not glob '*[^0-9a-f]*'),
	CONSTRAINT "attestations_amount" CHECK(typeof("attestations"."amount") = 'integer' and "attestations"."amount" between 0 and 2100000000000000),
	CONSTRAINT "attestations_nonce" CHECK(typeof("attestations"."nonce") = 'integer' and "attestations"."nonce" >= 0),
	CONSTRAINT "attestations_signature" CHECK(length("attestations"."signature") = 128 and "attestations"."signature" not glob '*[^0-9a-f]*'),
	CONSTRAINT "attestations_signed" CHECK(("attestations"."signature" is null) = ("attestations"."signature_expiry" is null))
);
--> statement-breakpoint
CREATE INDEX `attestations_by_time` ON `attestations` (`decided_at`);--> statement-breakpoint
CREATE TABLE `burns` (
	`burn_txid` text PRIMARY KEY NOT NULL,
	`nullifier` text NOT NULL,
	`address` text NOT NULL,
	`amount` integer NOT NULL,
	`fee` integer NOT NULL,
	`wire_seq` integer NOT NULL,
	`wire_height` integer NOT NULL,
	`seen_at` integer NOT NULL,
	CONSTRAINT "burns_burn_txid" CHECK(length("burns"."burn_txid") = 64 and "burns"."burn_txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "burns_amount" CHECK(typeof("burns"."amount") = 'integer' and "burns"."amount" between 0 and 2100000000000000),
	CONSTRAINT "burns_fee" CHECK(typeof("burns"."fee") = 'integer' and "burns"."fee" between 0 and 2100000000000000)
);
--> statement-breakpoint
CREATE INDEX `burns_by_time` ON `burns` (`seen_at`);--> statement-breakpoint
CREATE TABLE `ceremonies` (
	`ceremony_id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`rehearsal` integer NOT NULL,
	`status` text NOT NULL,
	`outcome` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "ceremonies_status" CHECK("ceremonies"."status" in ('running', 'done', 'failed', 'destroyed')),
	CONSTRAINT "ceremonies_rehearsal" CHECK("ceremonies"."rehearsal" in (0, 1))
);
--> statement-breakpoint
CREATE TABLE `ceremony_events` (
	`ceremony_id` text NOT NULL,
	`seq` integer NOT NULL,
	`at` integer NOT NULL,
	`body` blob NOT NULL,
	PRIMARY KEY(`ceremony_id`, `seq`),
	FOREIGN KEY (`ceremony_id`) REFERENCES `ceremonies`(`ceremony_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `deposits` (
	`txid` text NOT NULL,
	`vout` integer NOT NULL,
	`recipient` text NOT NULL,
	`amount` integer NOT NULL,
	`height` integer,
	`block_hash` text,
	`status` text NOT NULL,
	`seen_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`txid`, `vout`),
	CONSTRAINT "deposits_outpoint" CHECK(length("deposits"."txid") = 64 and "deposits"."txid" not glob '*[^0-9a-f]*' and "deposits"."vout" between 0 and 4294967295),
	CONSTRAINT "deposits_recipient" CHECK(length("deposits"."recipient") = 64 and "deposits"."recipient" not glob '*[^0-9a-f]*'),
	CONSTRAINT "deposits_amount" CHECK(typeof("deposits"."amount") = 'integer' and "deposits"."amount" between 0 and 2100000000000000),
	CONSTRAINT "deposits_status" CHECK("deposits"."status" in ('seen', 'confirmed', 'attested', 'minted', 'gone'))
);
--> statement-breakpoint
CREATE INDEX `deposits_by_status` ON `deposits` (`status`,`seen_at`);--> statement-breakpoint
CREATE TABLE `keys` (
	`key_id` text PRIMARY KEY NOT NULL,
	`ceremony_id` text NOT NULL,
	`status` text NOT NULL,
	`group_keys` text NOT NULL,
	`transcript` text NOT NULL,
	`certificate` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "keys_status" CHECK("keys"."status" in ('pending', 'live', 'retired', 'destroyed'))
);
--> statement-breakpoint
CREATE TABLE `recipients` (
	`script` text PRIMARY KEY NOT NULL,
	`recipient` text NOT NULL,
	`key_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`height` integer,
	`told_by` integer,
	CONSTRAINT "recipients_recipient" CHECK(length("recipients"."recipient") = 64 and "recipients"."recipient" not glob '*[^0-9a-f]*')
);
--> statement-breakpoint
CREATE UNIQUE INDEX `recipients_once` ON `recipients` (`recipient`,`key_id`);--> statement-breakpoint
CREATE TABLE `utxos` (
	`txid` text NOT NULL,
	`vout` integer NOT NULL,
	`amount` integer NOT NULL,
	`leaf` text NOT NULL,
	`height` integer,
	`status` text NOT NULL,
	`spent_by` text,
	`spent_height` integer,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`txid`, `vout`),
	CONSTRAINT "utxos_outpoint" CHECK(length("utxos"."txid") = 64 and "utxos"."txid" not glob '*[^0-9a-f]*' and "utxos"."vout" between 0 and 4294967295),
	CONSTRAINT "utxos_amount" CHECK(typeof("utxos"."amount") = 'integer' and "utxos"."amount" between 0 and 2100000000000000),
	CONSTRAINT "utxos_status" CHECK("utxos"."status" in ('unspent', 'spent', 'gone')),
	CONSTRAINT "utxos_spent" CHECK(("utxos"."status" = 'spent') = ("utxos"."spent_by" is not null))
);
--> statement-breakpoint
CREATE INDEX `utxos_by_status` ON `utxos` (`status`,`amount`);--> statement-breakpoint
CREATE TABLE `line_burns` (
	`txid` text NOT NULL,
	`burn_txid` text NOT NULL,
	`nullifier` text NOT NULL,
	PRIMARY KEY(`txid`, `burn_txid`),
	FOREIGN KEY (`txid`) REFERENCES `line_steps`(`txid`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "line_burns_burn_txid" CHECK(length("line_burns"."burn_txid") = 64 and "line_burns"."burn_txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "line_burns_nullifier" CHECK(length("line_burns"."nullifier") = 64 and "line_burns"."nullifier" not glob '*[^0-9a-f]*')
);
--> statement-breakpoint
CREATE INDEX `line_burns_by_burn` ON `line_burns` (`burn_txid`);--> statement-breakpoint
CREATE INDEX `line_burns_by_nullifier` ON `line_burns` (`nullifier`);--> statement-breakpoint
CREATE UNIQUE INDEX `line_burns_once` ON `line_burns` (`txid`,`nullifier`);--> statement-breakpoint
CREATE TABLE `line_inputs` (
	`txid` text NOT NULL,
	`input_index` integer NOT NULL,
	`prev_txid` text NOT NULL,
	`prev_vout` integer NOT NULL,
	PRIMARY KEY(`txid`, `input_index`),
	FOREIGN KEY (`txid`) REFERENCES `line_steps`(`txid`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "line_inputs_outpoint" CHECK(length("line_inputs"."prev_txid") = 64 and "line_inputs"."prev_txid" not glob '*[^0-9a-f]*' and "line_inputs"."prev_vout" between 0 and 4294967295)
);
--> statement-breakpoint
CREATE INDEX `line_inputs_by_outpoint` ON `line_inputs` (`prev_txid`,`prev_vout`);--> statement-breakpoint
CREATE UNIQUE INDEX `line_inputs_once` ON `line_inputs` (`txid`,`prev_txid`,`prev_vout`);--> statement-breakpoint
CREATE TABLE `line_steps` (
	`txid` text PRIMARY KEY NOT NULL,
	`root_txid` text NOT NULL,
	`root_vout` integer NOT NULL,
	`parent_txid` text,
	`depth` integer NOT NULL,
	`key_id` text NOT NULL,
	`unsigned_tx` text NOT NULL,
	`treasury_amount` integer NOT NULL,
	`surplus` integer NOT NULL,
	`vsize` integer NOT NULL,
	`kind` text,
	`fee` integer,
	`intent` text,
	`signed_tx` text,
	`signed_at` integer,
	`height` integer,
	`block_hash` text,
	`asked_by` integer,
	`decided_at` integer,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`parent_txid`) REFERENCES `line_steps`(`txid`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`root_txid`,`root_vout`) REFERENCES `treasury_roots`(`txid`,`vout`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "line_steps_txid" CHECK(length("line_steps"."txid") = 64 and "line_steps"."txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "line_steps_depth" CHECK("line_steps"."depth" >= 1 and ("line_steps"."depth" = 1) = ("line_steps"."parent_txid" is null)),
	CONSTRAINT "line_steps_treasury" CHECK(typeof("line_steps"."treasury_amount") = 'integer' and "line_steps"."treasury_amount" between 0 and 2100000000000000),
	CONSTRAINT "line_steps_surplus" CHECK(typeof("line_steps"."surplus") = 'integer' and "line_steps"."surplus" between 0 and 2100000000000000),
	CONSTRAINT "line_steps_vsize" CHECK("line_steps"."vsize" >= 1),
	CONSTRAINT "line_steps_kind" CHECK("line_steps"."kind" in ('payout', 'sweep', 'consolidate', 'void', 'rotate')),
	CONSTRAINT "line_steps_listed" CHECK("line_steps"."kind" is not null or ("line_steps"."fee" is null and "line_steps"."intent" is null)),
	CONSTRAINT "line_steps_fee" CHECK("line_steps"."fee" is null or (typeof("line_steps"."fee") = 'integer' and "line_steps"."fee" between 0 and 2100000000000000)),
	CONSTRAINT "line_steps_signed" CHECK(("line_steps"."signed_tx" is null) = ("line_steps"."signed_at" is null)),
	CONSTRAINT "line_steps_mined" CHECK(("line_steps"."height" is null) = ("line_steps"."block_hash" is null))
);
--> statement-breakpoint
CREATE INDEX `line_steps_by_parent` ON `line_steps` (`parent_txid`);--> statement-breakpoint
CREATE INDEX `line_steps_by_depth` ON `line_steps` (`depth`,`created_at`);--> statement-breakpoint
CREATE INDEX `line_steps_by_height` ON `line_steps` (`height`);--> statement-breakpoint
CREATE INDEX `line_steps_unmined` ON `line_steps` (`created_at`) WHERE height is null;--> statement-breakpoint
CREATE INDEX `line_steps_unlisted` ON `line_steps` (`depth`) WHERE kind is null;--> statement-breakpoint
CREATE INDEX `line_steps_unexplained` ON `line_steps` (`depth`) WHERE kind is not null and intent is null;--> statement-breakpoint
CREATE TABLE `treasury_roots` (
	`txid` text NOT NULL,
	`vout` integer NOT NULL,
	`network` text NOT NULL,
	`key_id` text NOT NULL,
	`amount` integer NOT NULL,
	`signed_at` integer NOT NULL,
	`certificate` text,
	`dead_at` integer,
	PRIMARY KEY(`txid`, `vout`),
	CONSTRAINT "treasury_roots_outpoint" CHECK(length("treasury_roots"."txid") = 64 and "treasury_roots"."txid" not glob '*[^0-9a-f]*' and "treasury_roots"."vout" between 0 and 4294967295),
	CONSTRAINT "treasury_roots_network" CHECK("treasury_roots"."network" in ('mainnet', 'testnet', 'testnet4', 'signet', 'regtest')),
	CONSTRAINT "treasury_roots_amount" CHECK(typeof("treasury_roots"."amount") = 'integer' and "treasury_roots"."amount" between 0 and 2100000000000000)
);
--> statement-breakpoint
CREATE INDEX `treasury_roots_by_key` ON `treasury_roots` (`key_id`);--> statement-breakpoint
CREATE TABLE `audit_log` (
	`seq` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`kind` text NOT NULL,
	`body` text NOT NULL,
	`prev_hash` text NOT NULL,
	`hash` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `audit_log_hash_unique` ON `audit_log` (`hash`);--> statement-breakpoint
CREATE TABLE `cursors` (
	`name` text PRIMARY KEY NOT NULL,
	`position` text NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `node_state` (
	`id` integer PRIMARY KEY NOT NULL,
	`epoch` integer NOT NULL,
	CONSTRAINT "node_state_one" CHECK("node_state"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE `owner` (
	`id` integer PRIMARY KEY NOT NULL,
	`network` text NOT NULL,
	`node_index` integer NOT NULL,
	`identity_key` text NOT NULL,
	CONSTRAINT "owner_one" CHECK("owner"."id" = 1),
	CONSTRAINT "owner_identity_key" CHECK(length("owner"."identity_key") = 64 and "owner"."identity_key" not glob '*[^0-9a-f]*')
);
--> statement-breakpoint
CREATE TABLE `peers` (
	`peer_index` integer PRIMARY KEY NOT NULL,
	`identity_key` text NOT NULL,
	`card` text NOT NULL,
	`head_seq` integer DEFAULT 0 NOT NULL,
	`head_hash` text,
	`head_at` integer,
	`added_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`head_epoch` integer DEFAULT 0 NOT NULL,
	`head_statement` text,
	CONSTRAINT "peers_index" CHECK("peers"."peer_index" between 0 and 63),
	CONSTRAINT "peers_identity_key" CHECK(length("peers"."identity_key") = 64 and "peers"."identity_key" not glob '*[^0-9a-f]*')
);
--> statement-breakpoint
CREATE UNIQUE INDEX `peers_identity_key_unique` ON `peers` (`identity_key`);--> statement-breakpoint
CREATE TABLE `holds` (
	`burn_txid` text PRIMARY KEY NOT NULL,
	`reason` text NOT NULL,
	`at` integer NOT NULL,
	CONSTRAINT "holds_burn_txid" CHECK(length("holds"."burn_txid") = 64 and "holds"."burn_txid" not glob '*[^0-9a-f]*')
);
--> statement-breakpoint
CREATE TABLE `requests` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`treasury_txid` text NOT NULL,
	`treasury_vout` integer NOT NULL,
	`reason` text NOT NULL,
	`asked_by` integer NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`decision` text,
	`decision_reason` text,
	`decided_at` integer,
	CONSTRAINT "requests_id" CHECK(length("requests"."id") = 32 and "requests"."id" not glob '*[^0-9a-f]*'),
	CONSTRAINT "requests_kind" CHECK("requests"."kind" in ('void')),
	CONSTRAINT "requests_treasury" CHECK(length("requests"."treasury_txid") = 64 and "requests"."treasury_txid" not glob '*[^0-9a-f]*' and "requests"."treasury_vout" between 0 and 4294967295),
	CONSTRAINT "requests_expiry" CHECK("requests"."expires_at" > "requests"."created_at"),
	CONSTRAINT "requests_decided" CHECK(("requests"."decision" is null) = ("requests"."decided_at" is null))
);
--> statement-breakpoint
CREATE INDEX `requests_by_time` ON `requests` (`created_at`);
--> statement-breakpoint
-- What is asked never changes, and is decided once.
CREATE TRIGGER requests_start_undecided BEFORE INSERT ON requests
WHEN NEW.decision IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'requests: a request is decided after it is asked'); END;
--> statement-breakpoint
CREATE TRIGGER requests_no_replace BEFORE INSERT ON requests
WHEN EXISTS (SELECT 1 FROM requests WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'requests: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER requests_decided_once BEFORE UPDATE ON requests
WHEN OLD.decision IS NOT NULL
  OR NEW.rowid IS NOT OLD.rowid
  OR NEW.id IS NOT OLD.id
  OR NEW.kind IS NOT OLD.kind
  OR NEW.treasury_txid IS NOT OLD.treasury_txid
  OR NEW.treasury_vout IS NOT OLD.treasury_vout
  OR NEW.reason IS NOT OLD.reason
  OR NEW.asked_by IS NOT OLD.asked_by
  OR NEW.created_at IS NOT OLD.created_at
  OR NEW.expires_at IS NOT OLD.expires_at
BEGIN SELECT RAISE(ABORT, 'requests: what is asked never changes, and is decided once'); END;
--> statement-breakpoint
CREATE TABLE `audit_verified` (
	`id` integer PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`hash` text NOT NULL,
	CONSTRAINT "audit_verified_one" CHECK("audit_verified"."id" = 1),
	CONSTRAINT "audit_verified_hash" CHECK(length("audit_verified"."hash") = 64 and "audit_verified"."hash" not glob '*[^0-9a-f]*')
);
--> statement-breakpoint
CREATE TABLE `ceremony_heights` (
	`ceremony_id` text PRIMARY KEY NOT NULL,
	`height` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `chain_fork` (
	`id` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`height` integer NOT NULL,
	`agreed_from` integer,
	CONSTRAINT "chain_fork_one" CHECK("chain_fork"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE `own_start` (
	`id` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	CONSTRAINT "own_start_one" CHECK("own_start"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE `root_signatures` (
	`txid` text NOT NULL,
	`vout` integer NOT NULL,
	`node_index` integer NOT NULL,
	`signature` text NOT NULL,
	PRIMARY KEY(`txid`, `vout`, `node_index`),
	CONSTRAINT "root_signatures_outpoint" CHECK(length("root_signatures"."txid") = 64 and "root_signatures"."txid" not glob '*[^0-9a-f]*' and "root_signatures"."vout" between 0 and 4294967295),
	CONSTRAINT "root_signatures_signature" CHECK(length("root_signatures"."signature") = 128 and "root_signatures"."signature" not glob '*[^0-9a-f]*')
);
--> statement-breakpoint
CREATE TABLE `taken_back_deposits` (
	`txid` text NOT NULL,
	`vout` integer NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`txid`, `vout`),
	CONSTRAINT "taken_back_deposits_outpoint" CHECK(length("taken_back_deposits"."txid") = 64 and "taken_back_deposits"."txid" not glob '*[^0-9a-f]*' and "taken_back_deposits"."vout" between 0 and 4294967295)
);
--> statement-breakpoint
CREATE TABLE `treasury_funding` (
	`id` integer PRIMARY KEY NOT NULL,
	`root_txid` text NOT NULL,
	`root_vout` integer NOT NULL,
	`rival_txid` text,
	`rival_height` integer,
	`rival_hash` text,
	CONSTRAINT "treasury_funding_one" CHECK("treasury_funding"."id" = 1),
	CONSTRAINT "treasury_funding_root" CHECK(length("treasury_funding"."root_txid") = 64 and "treasury_funding"."root_txid" not glob '*[^0-9a-f]*' and "treasury_funding"."root_vout" between 0 and 4294967295),
	CONSTRAINT "treasury_funding_rival" CHECK(("treasury_funding"."rival_txid" is null) = ("treasury_funding"."rival_height" is null) and ("treasury_funding"."rival_txid" is null) = ("treasury_funding"."rival_hash" is null))
);
--> statement-breakpoint
CREATE TABLE `treasury_funding_inputs` (
	`txid` text NOT NULL,
	`vout` integer NOT NULL,
	PRIMARY KEY(`txid`, `vout`),
	CONSTRAINT "treasury_funding_inputs_outpoint" CHECK(length("treasury_funding_inputs"."txid") = 64 and "treasury_funding_inputs"."txid" not glob '*[^0-9a-f]*' and "treasury_funding_inputs"."vout" between 0 and 4294967295)
);
--> statement-breakpoint
-- What the schema cannot say follows, so that no statement of the program can break it by mistake.
-- BEFORE INSERT triggers refuse a key that is there already because INSERT OR REPLACE deletes without firing a DELETE
-- trigger; the UPDATE triggers look at rowid because UPDATE OR REPLACE could push a row away by it.
CREATE TRIGGER audit_log_chain BEFORE INSERT ON audit_log
WHEN NEW.seq IS NOT coalesce((SELECT max(seq) FROM audit_log), 0) + 1
  OR NEW.prev_hash IS NOT coalesce((SELECT hash FROM audit_log ORDER BY seq DESC LIMIT 1), '0000000000000000000000000000000000000000000000000000000000000000')
BEGIN SELECT RAISE(ABORT, 'audit_log: a row continues the chain'); END;
--> statement-breakpoint
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log: rows are never deleted'); END;
--> statement-breakpoint
-- The epoch of a node only rises.
CREATE TRIGGER node_state_epoch_rises BEFORE UPDATE ON node_state
WHEN NEW.epoch < OLD.epoch
BEGIN SELECT RAISE(ABORT, 'node_state: the epoch never falls'); END;
--> statement-breakpoint
CREATE TRIGGER node_state_no_replace BEFORE INSERT ON node_state
WHEN EXISTS (SELECT 1 FROM node_state)
BEGIN SELECT RAISE(ABORT, 'node_state: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER node_state_no_delete BEFORE DELETE ON node_state
BEGIN SELECT RAISE(ABORT, 'node_state: the row is never deleted'); END;
--> statement-breakpoint
-- A database belongs to one node for ever. BEFORE INSERT catches INSERT OR REPLACE as well.
CREATE TRIGGER owner_once BEFORE INSERT ON owner
WHEN EXISTS (SELECT 1 FROM owner)
BEGIN SELECT RAISE(ABORT, 'owner: the database has one already'); END;
--> statement-breakpoint
CREATE TRIGGER owner_no_update BEFORE UPDATE ON owner
BEGIN SELECT RAISE(ABORT, 'owner: it never changes'); END;
--> statement-breakpoint
CREATE TRIGGER owner_no_delete BEFORE DELETE ON owner
BEGIN SELECT RAISE(ABORT, 'owner: it never goes'); END;
--> statement-breakpoint
-- The highest head that a peer has shown only rises.
CREATE TRIGGER peers_head_rises BEFORE UPDATE ON peers
WHEN NEW.head_epoch < OLD.head_epoch OR (NEW.head_epoch = OLD.head_epoch AND NEW.head_seq < OLD.head_seq)
BEGIN SELECT RAISE(ABORT, 'peers: a head never falls'); END;
--> statement-breakpoint
-- What a key ceremony replays from never changes.
CREATE TRIGGER ceremony_events_no_update BEFORE UPDATE ON ceremony_events
BEGIN SELECT RAISE(ABORT, 'ceremony_events: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER ceremony_events_no_replace BEFORE INSERT ON ceremony_events
WHEN EXISTS (SELECT 1 FROM ceremony_events WHERE ceremony_id = NEW.ceremony_id AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'ceremony_events: the row is there already'); END;
--> statement-breakpoint
-- Keys never change but in their status; one is live at most.
CREATE TRIGGER keys_no_replace BEFORE INSERT ON keys
WHEN EXISTS (SELECT 1 FROM keys WHERE key_id = NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'keys: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER keys_fixed BEFORE UPDATE ON keys
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.key_id IS NOT OLD.key_id
  OR NEW.ceremony_id IS NOT OLD.ceremony_id
  OR NEW.group_keys IS NOT OLD.group_keys
  OR NEW.transcript IS NOT OLD.transcript
  OR NEW.certificate IS NOT OLD.certificate
  OR NEW.created_at IS NOT OLD.created_at
BEGIN SELECT RAISE(ABORT, 'keys: what was recorded does not change'); END;
--> statement-breakpoint
CREATE TRIGGER keys_no_delete BEFORE DELETE ON keys
BEGIN SELECT RAISE(ABORT, 'keys: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER keys_end BEFORE UPDATE ON keys
WHEN OLD.status = 'destroyed' AND NEW.status <> 'destroyed'
BEGIN SELECT RAISE(ABORT, 'keys: a destroyed key stays destroyed'); END;
--> statement-breakpoint
CREATE TRIGGER keys_one_live_stored BEFORE INSERT ON keys
WHEN NEW.status = 'live' AND EXISTS (SELECT 1 FROM keys WHERE status = 'live')
BEGIN SELECT RAISE(ABORT, 'keys: another key is live'); END;
--> statement-breakpoint
CREATE TRIGGER keys_one_live_changed BEFORE UPDATE ON keys
WHEN NEW.status = 'live' AND EXISTS (SELECT 1 FROM keys WHERE status = 'live' AND key_id <> NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'keys: another key is live'); END;
--> statement-breakpoint
-- A deposit script belongs to one recipient for good.
CREATE TRIGGER recipients_no_replace BEFORE INSERT ON recipients
WHEN EXISTS (SELECT 1 FROM recipients WHERE script = NEW.script OR (recipient = NEW.recipient AND key_id = NEW.key_id))
BEGIN SELECT RAISE(ABORT, 'recipients: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER recipients_no_update BEFORE UPDATE ON recipients
BEGIN SELECT RAISE(ABORT, 'recipients: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER recipients_no_delete BEFORE DELETE ON recipients
BEGIN SELECT RAISE(ABORT, 'recipients: rows are never deleted'); END;
--> statement-breakpoint
-- What a deposit is never changes, only where it stands.
CREATE TRIGGER deposits_no_replace BEFORE INSERT ON deposits
WHEN EXISTS (SELECT 1 FROM deposits WHERE txid = NEW.txid AND vout = NEW.vout)
BEGIN SELECT RAISE(ABORT, 'deposits: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER deposits_fixed BEFORE UPDATE ON deposits
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.txid IS NOT OLD.txid
  OR NEW.vout IS NOT OLD.vout
  OR NEW.recipient IS NOT OLD.recipient
  OR NEW.amount IS NOT OLD.amount
  OR NEW.seen_at IS NOT OLD.seen_at
BEGIN SELECT RAISE(ABORT, 'deposits: what was recorded does not change'); END;
--> statement-breakpoint
CREATE TRIGGER deposits_no_delete BEFORE DELETE ON deposits
BEGIN SELECT RAISE(ABORT, 'deposits: rows are never deleted'); END;
--> statement-breakpoint
-- Never 1: one outpoint has one recipient, amount and nonce.
CREATE TRIGGER attestations_no_replace BEFORE INSERT ON attestations
WHEN EXISTS (SELECT 1 FROM attestations WHERE txid = NEW.txid AND vout = NEW.vout)
BEGIN SELECT RAISE(ABORT, 'attestations: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER attestations_fixed BEFORE UPDATE ON attestations
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.txid IS NOT OLD.txid
  OR NEW.vout IS NOT OLD.vout
  OR NEW.recipient IS NOT OLD.recipient
  OR NEW.amount IS NOT OLD.amount
  OR NEW.nonce IS NOT OLD.nonce
  OR NEW.decided_at IS NOT OLD.decided_at
BEGIN SELECT RAISE(ABORT, 'attestations: what was recorded does not change'); END;
--> statement-breakpoint
CREATE TRIGGER attestations_no_delete BEFORE DELETE ON attestations
BEGIN SELECT RAISE(ABORT, 'attestations: rows are never deleted'); END;
--> statement-breakpoint
-- What a burn says never changes. Its nullifier may come again under another txid, where Wire took the first one back; which
-- of them is paid, the line decides (line_burns).
CREATE TRIGGER burns_no_replace BEFORE INSERT ON burns
WHEN EXISTS (SELECT 1 FROM burns WHERE burn_txid = NEW.burn_txid)
BEGIN SELECT RAISE(ABORT, 'burns: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER burns_fixed BEFORE UPDATE ON burns
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.burn_txid IS NOT OLD.burn_txid
  OR NEW.nullifier IS NOT OLD.nullifier
  OR NEW.address IS NOT OLD.address
  OR NEW.amount IS NOT OLD.amount
  OR NEW.fee IS NOT OLD.fee
  OR NEW.wire_seq IS NOT OLD.wire_seq
  OR NEW.seen_at IS NOT OLD.seen_at
BEGIN SELECT RAISE(ABORT, 'burns: what was recorded does not change'); END;
--> statement-breakpoint
CREATE TRIGGER burns_no_delete BEFORE DELETE ON burns
BEGIN SELECT RAISE(ABORT, 'burns: rows are never deleted'); END;
--> statement-breakpoint
-- What an output is never changes, only who spends it.
CREATE TRIGGER utxos_no_replace BEFORE INSERT ON utxos
WHEN EXISTS (SELECT 1 FROM utxos WHERE txid = NEW.txid AND vout = NEW.vout)
BEGIN SELECT RAISE(ABORT, 'utxos: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER utxos_fixed BEFORE UPDATE ON utxos
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.txid IS NOT OLD.txid
  OR NEW.vout IS NOT OLD.vout
  OR NEW.amount IS NOT OLD.amount
  OR NEW.leaf IS NOT OLD.leaf
BEGIN SELECT RAISE(ABORT, 'utxos: what was recorded does not change'); END;
--> statement-breakpoint
CREATE TRIGGER utxos_no_delete BEFORE DELETE ON utxos
BEGIN SELECT RAISE(ABORT, 'utxos: rows are never deleted'); END;
--> statement-breakpoint
-- A root is written down before it is signed; another only where the first one is dead.
CREATE TRIGGER treasury_roots_no_replace BEFORE INSERT ON treasury_roots
WHEN EXISTS (SELECT 1 FROM treasury_roots WHERE txid = NEW.txid AND vout = NEW.vout)
BEGIN SELECT RAISE(ABORT, 'treasury_roots: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER treasury_roots_one_alive BEFORE INSERT ON treasury_roots
WHEN EXISTS (SELECT 1 FROM treasury_roots WHERE key_id = NEW.key_id AND dead_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'treasury_roots: another root of the key is not dead'); END;
--> statement-breakpoint
CREATE TRIGGER treasury_roots_start_alive BEFORE INSERT ON treasury_roots
WHEN NEW.dead_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'treasury_roots: a root is not dead at first'); END;
--> statement-breakpoint
CREATE TRIGGER treasury_roots_fixed BEFORE UPDATE ON treasury_roots
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.txid IS NOT OLD.txid
  OR NEW.vout IS NOT OLD.vout
  OR NEW.network IS NOT OLD.network
  OR NEW.key_id IS NOT OLD.key_id
  OR NEW.amount IS NOT OLD.amount
  OR NEW.signed_at IS NOT OLD.signed_at
  OR (OLD.certificate IS NOT NULL AND NEW.certificate IS NOT OLD.certificate)
  OR (OLD.dead_at IS NOT NULL AND NEW.dead_at IS NOT OLD.dead_at)
BEGIN SELECT RAISE(ABORT, 'treasury_roots: what was recorded does not change'); END;
--> statement-breakpoint
CREATE TRIGGER treasury_roots_no_delete BEFORE DELETE ON treasury_roots
BEGIN SELECT RAISE(ABORT, 'treasury_roots: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER treasury_roots_with_mined_steps BEFORE UPDATE ON treasury_roots
WHEN NEW.dead_at IS NOT NULL AND EXISTS (
  SELECT 1 FROM line_steps s
  WHERE s.parent_txid IS NULL AND s.root_txid = NEW.txid AND s.root_vout = NEW.vout AND s.height IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'treasury_roots: a step upon the root is mined'); END;
--> statement-breakpoint
-- Never 2: the steps are a tree from a root, and the mined ones are one path. Neither a burn nor an input stands twice on the
-- way from a step to the root. Only steps that are not mined and have no children are ever deleted.
-- A step is written after its inputs and burns: BEFORE INSERT on the step validates them all, and nothing is added afterwards.
CREATE TRIGGER line_steps_no_replace BEFORE INSERT ON line_steps
WHEN EXISTS (SELECT 1 FROM line_steps WHERE txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'line_steps: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_start BEFORE INSERT ON line_steps
WHEN NEW.signed_tx IS NOT NULL OR NEW.height IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'line_steps: a step starts unsigned and unmined'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_of_a_root BEFORE INSERT ON line_steps
WHEN NOT EXISTS (
  SELECT 1 FROM treasury_roots WHERE txid = NEW.root_txid AND vout = NEW.root_vout AND dead_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'line_steps: the line begins with a root that is recorded and not dead'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_follow BEFORE INSERT ON line_steps
WHEN NEW.parent_txid IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM line_steps p
  WHERE p.txid = NEW.parent_txid AND p.depth = NEW.depth - 1
    AND p.root_txid = NEW.root_txid AND p.root_vout = NEW.root_vout)
BEGIN SELECT RAISE(ABORT, 'line_steps: the parent is a stored step, one less deep, on the same line'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_spend_the_treasury BEFORE INSERT ON line_steps
WHEN NOT EXISTS (
  SELECT 1 FROM line_inputs i
  WHERE i.txid = NEW.txid AND i.input_index = 0
    AND i.prev_txid = coalesce(NEW.parent_txid, NEW.root_txid)
    AND i.prev_vout = CASE WHEN NEW.parent_txid IS NULL THEN NEW.root_vout ELSE 0 END)
BEGIN SELECT RAISE(ABORT, 'line_steps: input 0 is the root, or output 0 of the parent'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_listed BEFORE INSERT ON line_steps
WHEN (NEW.kind IS 'payout') <> EXISTS (SELECT 1 FROM line_burns WHERE txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'line_steps: a payout has burns, and nothing else has'); END;
--> statement-breakpoint
-- No ancestor pays one of the burns. `hits`: steps that list one of them, found by index; only where there are some does
-- `up` walk from the parent towards the root, no further than the highest of them.
CREATE TRIGGER line_steps_pay_once BEFORE INSERT ON line_steps
WHEN EXISTS (
  WITH RECURSIVE
  hits(txid, depth) AS MATERIALIZED (
    SELECT s.txid, s.depth FROM line_burns n
    JOIN line_burns b ON b.burn_txid = n.burn_txid
    JOIN line_steps s ON s.txid = b.txid
    WHERE n.txid = NEW.txid AND s.depth < NEW.depth
    UNION
    SELECT s.txid, s.depth FROM line_burns n
    JOIN line_burns b ON b.nullifier = n.nullifier
    JOIN line_steps s ON s.txid = b.txid
    WHERE n.txid = NEW.txid AND s.depth < NEW.depth),
  up(txid, parent_txid) AS (
    SELECT s.txid, s.parent_txid FROM line_steps s
    WHERE s.txid = NEW.parent_txid AND EXISTS (SELECT 1 FROM hits)
    UNION ALL
    SELECT s.txid, s.parent_txid FROM up JOIN line_steps s ON s.txid = up.parent_txid
    WHERE s.depth >= (SELECT min(depth) FROM hits))
  SELECT 1 FROM up JOIN hits ON hits.txid = up.txid)
BEGIN SELECT RAISE(ABORT, 'line_steps: an ancestor pays the burn'); END;
--> statement-breakpoint
-- No ancestor spends one of the inputs; found as above.
CREATE TRIGGER line_steps_spend_once BEFORE INSERT ON line_steps
WHEN EXISTS (
  WITH RECURSIVE
  hits(txid, depth) AS MATERIALIZED (
    SELECT s.txid, s.depth FROM line_inputs n
    JOIN line_inputs i ON i.prev_txid = n.prev_txid AND i.prev_vout = n.prev_vout
    JOIN line_steps s ON s.txid = i.txid
    WHERE n.txid = NEW.txid AND s.depth < NEW.depth),
  up(txid, parent_txid) AS (
    SELECT s.txid, s.parent_txid FROM line_steps s
    WHERE s.txid = NEW.parent_txid AND EXISTS (SELECT 1 FROM hits)
    UNION ALL
    SELECT s.txid, s.parent_txid FROM up JOIN line_steps s ON s.txid = up.parent_txid
    WHERE s.depth >= (SELECT min(depth) FROM hits))
  SELECT 1 FROM up JOIN hits ON hits.txid = up.txid)
BEGIN SELECT RAISE(ABORT, 'line_steps: an ancestor spends the input'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_fixed BEFORE UPDATE ON line_steps
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.txid IS NOT OLD.txid
  OR NEW.root_txid IS NOT OLD.root_txid
  OR NEW.root_vout IS NOT OLD.root_vout
  OR NEW.parent_txid IS NOT OLD.parent_txid
  OR NEW.depth IS NOT OLD.depth
  OR NEW.key_id IS NOT OLD.key_id
  OR NEW.unsigned_tx IS NOT OLD.unsigned_tx
  OR NEW.treasury_amount IS NOT OLD.treasury_amount
  OR NEW.surplus IS NOT OLD.surplus
  OR NEW.vsize IS NOT OLD.vsize
  OR NEW.created_at IS NOT OLD.created_at
  OR (OLD.kind IS NOT NULL AND NEW.kind IS NOT OLD.kind)
  OR (OLD.fee IS NOT NULL AND NEW.fee IS NOT OLD.fee)
  OR (OLD.intent IS NOT NULL AND NEW.intent IS NOT OLD.intent)
  OR (OLD.signed_tx IS NOT NULL AND NEW.signed_tx IS NOT OLD.signed_tx)
  OR (OLD.signed_at IS NOT NULL AND NEW.signed_at IS NOT OLD.signed_at)
  OR (OLD.asked_by IS NOT NULL AND NEW.asked_by IS NOT OLD.asked_by)
  OR (OLD.decided_at IS NOT NULL AND NEW.decided_at IS NOT OLD.decided_at)
BEGIN SELECT RAISE(ABORT, 'line_steps: what was recorded does not change'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_listed_late BEFORE UPDATE ON line_steps
WHEN OLD.kind IS NULL AND NEW.txid = OLD.txid
  AND (NEW.kind IS 'payout') <> EXISTS (SELECT 1 FROM line_burns WHERE txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'line_steps: a payout has burns, and nothing else has'); END;
--> statement-breakpoint
-- The mined steps are one path from the root: a parent is mined before its child, and has one mined child.
CREATE TRIGGER line_steps_mined_after_parent BEFORE UPDATE ON line_steps
WHEN NEW.height IS NOT NULL AND NEW.parent_txid IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM line_steps WHERE txid = NEW.parent_txid AND height <= NEW.height)
BEGIN SELECT RAISE(ABORT, 'line_steps: the parent is mined first'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_mined_on_a_root BEFORE UPDATE ON line_steps
WHEN NEW.height IS NOT NULL AND EXISTS (
  SELECT 1 FROM treasury_roots WHERE txid = NEW.root_txid AND vout = NEW.root_vout AND dead_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'line_steps: the root is dead'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_mined_once BEFORE UPDATE ON line_steps
WHEN NEW.height IS NOT NULL AND OLD.height IS NULL AND EXISTS (
  SELECT 1 FROM line_steps s
  WHERE s.parent_txid IS NEW.parent_txid AND s.root_txid = NEW.root_txid AND s.root_vout = NEW.root_vout
    AND s.height IS NOT NULL AND s.txid <> NEW.txid)
BEGIN SELECT RAISE(ABORT, 'line_steps: another child of the parent is mined'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_mined_before_children BEFORE UPDATE ON line_steps
WHEN NEW.height IS NOT OLD.height AND EXISTS (
  SELECT 1 FROM line_steps c
  WHERE c.parent_txid = NEW.txid AND c.height IS NOT NULL AND (NEW.height IS NULL OR c.height < NEW.height))
BEGIN SELECT RAISE(ABORT, 'line_steps: a child is mined'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_stay BEFORE DELETE ON line_steps
WHEN OLD.height IS NOT NULL OR EXISTS (SELECT 1 FROM line_steps WHERE parent_txid = OLD.txid)
BEGIN SELECT RAISE(ABORT, 'line_steps: a step that is mined or has children is never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER line_steps_forgotten AFTER DELETE ON line_steps
BEGIN
  DELETE FROM line_inputs WHERE txid = OLD.txid;
  DELETE FROM line_burns WHERE txid = OLD.txid;
END;
--> statement-breakpoint
-- Inputs of a step.
CREATE TRIGGER line_inputs_sealed BEFORE INSERT ON line_inputs
WHEN EXISTS (SELECT 1 FROM line_steps WHERE txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'line_inputs: the step is sealed'); END;
--> statement-breakpoint
CREATE TRIGGER line_inputs_no_replace BEFORE INSERT ON line_inputs
WHEN EXISTS (SELECT 1 FROM line_inputs WHERE txid = NEW.txid
  AND (input_index = NEW.input_index OR (prev_txid = NEW.prev_txid AND prev_vout = NEW.prev_vout)))
BEGIN SELECT RAISE(ABORT, 'line_inputs: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER line_inputs_no_update BEFORE UPDATE ON line_inputs
BEGIN SELECT RAISE(ABORT, 'line_inputs: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER line_inputs_stay BEFORE DELETE ON line_inputs
WHEN EXISTS (SELECT 1 FROM line_steps WHERE txid = OLD.txid)
BEGIN SELECT RAISE(ABORT, 'line_inputs: rows go with their step only'); END;
--> statement-breakpoint
-- The list of burns of a step, known at once or later.
CREATE TRIGGER line_burns_sealed BEFORE INSERT ON line_burns
WHEN EXISTS (SELECT 1 FROM line_steps WHERE txid = NEW.txid AND kind IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'line_burns: the list is sealed'); END;
--> statement-breakpoint
CREATE TRIGGER line_burns_no_replace BEFORE INSERT ON line_burns
WHEN EXISTS (SELECT 1 FROM line_burns WHERE txid = NEW.txid
  AND (burn_txid = NEW.burn_txid OR nullifier = NEW.nullifier))
BEGIN SELECT RAISE(ABORT, 'line_burns: the row is there already'); END;
--> statement-breakpoint
-- A list that becomes known after its step is validated burn by burn: no ancestor pays the burn …
CREATE TRIGGER line_burns_late_ancestors BEFORE INSERT ON line_burns
WHEN EXISTS (
  WITH RECURSIVE
  own(txid, parent_txid, depth) AS MATERIALIZED (
    SELECT txid, parent_txid, depth FROM line_steps WHERE txid = NEW.txid),
  hits(txid, depth) AS MATERIALIZED (
    SELECT s.txid, s.depth FROM own
    JOIN line_burns b ON b.burn_txid = NEW.burn_txid OR b.nullifier = NEW.nullifier
    JOIN line_steps s ON s.txid = b.txid
    WHERE s.depth < own.depth),
  up(txid, parent_txid) AS (
    SELECT txid, parent_txid FROM own WHERE EXISTS (SELECT 1 FROM hits)
    UNION ALL
    SELECT s.txid, s.parent_txid FROM up JOIN line_steps s ON s.txid = up.parent_txid
    WHERE s.depth >= (SELECT min(depth) FROM hits))
  SELECT 1 FROM up JOIN hits ON hits.txid = up.txid)
BEGIN SELECT RAISE(ABORT, 'line_burns: an ancestor pays the burn'); END;
--> statement-breakpoint
-- … and no descendant: none of the steps that pay it has a way up to this one.
CREATE TRIGGER line_burns_late_descendants BEFORE INSERT ON line_burns
WHEN EXISTS (
  WITH RECURSIVE
  own(txid, depth) AS MATERIALIZED (
    SELECT txid, depth FROM line_steps WHERE txid = NEW.txid),
  up(txid, parent_txid) AS (
    SELECT s.txid, s.parent_txid FROM own
    JOIN line_burns b ON b.burn_txid = NEW.burn_txid OR b.nullifier = NEW.nullifier
    JOIN line_steps s ON s.txid = b.txid
    WHERE s.depth > own.depth
    UNION
    SELECT s.txid, s.parent_txid FROM up JOIN line_steps s ON s.txid = up.parent_txid
    WHERE s.depth >= (SELECT depth FROM own))
  SELECT 1 FROM up JOIN own ON own.txid = up.txid)
BEGIN SELECT RAISE(ABORT, 'line_burns: a descendant pays the burn'); END;
--> statement-breakpoint
CREATE TRIGGER line_burns_no_update BEFORE UPDATE ON line_burns
BEGIN SELECT RAISE(ABORT, 'line_burns: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER line_burns_stay BEFORE DELETE ON line_burns
WHEN EXISTS (SELECT 1 FROM line_steps WHERE txid = OLD.txid)
BEGIN SELECT RAISE(ABORT, 'line_burns: rows go with their step only'); END;
--> statement-breakpoint
-- Backups: which were made of this node, and which of them were tried in a drill. Rows are never changed or deleted, so that
-- nobody makes an old backup look new.
CREATE TABLE `backup_events` (
	`id` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`event` text NOT NULL,
	`kind` text NOT NULL,
	`sha256` text NOT NULL,
	`bytes` integer NOT NULL,
	`path` text NOT NULL,
	`made_at` integer NOT NULL,
	`key_id` text,
	CONSTRAINT "backup_events_event" CHECK("backup_events"."event" in ('made', 'drilled')),
	CONSTRAINT "backup_events_kind" CHECK("backup_events"."kind" in ('key_share', 'database')),
	CONSTRAINT "backup_events_sha256" CHECK(length("backup_events"."sha256") = 64 and "backup_events"."sha256" not glob '*[^0-9a-f]*'),
	CONSTRAINT "backup_events_bytes" CHECK("backup_events"."bytes" > 0),
	CONSTRAINT "backup_events_key" CHECK(length("backup_events"."key_id") = 16 and "backup_events"."key_id" not glob '*[^0-9a-f]*')
) STRICT;
--> statement-breakpoint
CREATE INDEX `backup_events_by_kind` ON `backup_events` (`kind`,`event`,`made_at`);
--> statement-breakpoint
CREATE TRIGGER backup_events_no_update BEFORE UPDATE ON backup_events
BEGIN SELECT RAISE(ABORT, 'backup_events: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER backup_events_no_delete BEFORE DELETE ON backup_events
BEGIN SELECT RAISE(ABORT, 'backup_events: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER backup_events_no_replace BEFORE INSERT ON backup_events
WHEN EXISTS (SELECT 1 FROM backup_events WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'backup_events: the row is there already'); END;
--> statement-breakpoint
-- Whether the node does real work (store/service.ts). What was enabled once is never again as if it had not begun.
CREATE TABLE `service_state` (
	`id` integer PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`changed_at` integer NOT NULL,
	`first_enabled_at` integer NOT NULL,
	CONSTRAINT "service_state_one" CHECK("service_state"."id" = 1),
	CONSTRAINT "service_state_state" CHECK("service_state"."state" in ('enabled', 'disabled'))
) STRICT;
--> statement-breakpoint
CREATE TRIGGER service_state_no_replace BEFORE INSERT ON service_state
WHEN EXISTS (SELECT 1 FROM service_state)
BEGIN SELECT RAISE(ABORT, 'service_state: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER service_state_first_fixed BEFORE UPDATE ON service_state
WHEN NEW.rowid IS NOT OLD.rowid OR NEW.first_enabled_at IS NOT OLD.first_enabled_at
BEGIN SELECT RAISE(ABORT, 'service_state: when it was enabled first never changes'); END;
--> statement-breakpoint
CREATE TRIGGER service_state_stays BEFORE DELETE ON service_state
BEGIN SELECT RAISE(ABORT, 'service_state: the row is never deleted'); END;
--> statement-breakpoint
-- Each start bears a later time than the one before, but after a clock that was set back by more than ten minutes.
CREATE TRIGGER own_start_rises BEFORE UPDATE ON own_start
WHEN NEW.at <= OLD.at AND OLD.at - NEW.at <= 600000
BEGIN SELECT RAISE(ABORT, 'own_start: the time of a start only rises'); END;
--> statement-breakpoint
CREATE TRIGGER own_start_no_delete BEFORE DELETE ON own_start
BEGIN SELECT RAISE(ABORT, 'own_start: the row is never deleted'); END;
--> statement-breakpoint
-- A fork that goes on begins neither later nor higher.
CREATE TRIGGER chain_fork_fixed BEFORE UPDATE ON chain_fork
WHEN NEW.at IS NOT OLD.at OR NEW.height > OLD.height
BEGIN SELECT RAISE(ABORT, 'chain_fork: a fork never begins later'); END;
--> statement-breakpoint
-- What counts as verified is a row of the log, and never an earlier one than before.
CREATE TRIGGER audit_verified_known BEFORE INSERT ON audit_verified
WHEN NOT EXISTS (SELECT 1 FROM audit_log WHERE seq = NEW.seq AND hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'audit_verified: the log has no such row'); END;
--> statement-breakpoint
CREATE TRIGGER audit_verified_rises BEFORE UPDATE ON audit_verified
WHEN NEW.seq < OLD.seq OR NOT EXISTS (SELECT 1 FROM audit_log WHERE seq = NEW.seq AND hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'audit_verified: the log has no such later row'); END;
--> statement-breakpoint
-- The scan begins no later than it once had to.
CREATE TRIGGER ceremony_heights_fall BEFORE UPDATE ON ceremony_heights
WHEN NEW.ceremony_id IS NOT OLD.ceremony_id OR NEW.height > OLD.height
BEGIN SELECT RAISE(ABORT, 'ceremony_heights: the height never rises'); END;
--> statement-breakpoint
CREATE TRIGGER ceremony_heights_no_delete BEFORE DELETE ON ceremony_heights
BEGIN SELECT RAISE(ABORT, 'ceremony_heights: rows are never deleted'); END;
--> statement-breakpoint
-- Another root has a row of its own.
CREATE TRIGGER treasury_funding_root BEFORE UPDATE ON treasury_funding
WHEN NEW.root_txid IS NOT OLD.root_txid OR NEW.root_vout IS NOT OLD.root_vout
BEGIN SELECT RAISE(ABORT, 'treasury_funding: the root never changes'); END;
--> statement-breakpoint
CREATE TRIGGER taken_back_deposits_no_update BEFORE UPDATE ON taken_back_deposits
BEGIN SELECT RAISE(ABORT, 'taken_back_deposits: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER taken_back_deposits_no_delete BEFORE DELETE ON taken_back_deposits
BEGIN SELECT RAISE(ABORT, 'taken_back_deposits: rows are never deleted'); END;
--> statement-breakpoint
-- The checklist: what an operator has confirmed where no machine can see it. Rows are never changed or deleted, so that nobody
-- confirms anything in another's name or at another time.
CREATE TABLE `checklist_confirmations` (
	`id` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`box` text NOT NULL,
	`note` text NOT NULL,
	`by` text,
	`cards` text NOT NULL,
	CONSTRAINT "checklist_confirmations_box" CHECK("checklist_confirmations"."box" in ('channel', 'emergency')),
	CONSTRAINT "checklist_confirmations_cards" CHECK(length("checklist_confirmations"."cards") = 64 and "checklist_confirmations"."cards" not glob '*[^0-9a-f]*')
) STRICT;
--> statement-breakpoint
CREATE INDEX `checklist_confirmations_by_box` ON `checklist_confirmations` (`box`,`id`);
--> statement-breakpoint
CREATE TRIGGER checklist_confirmations_no_update BEFORE UPDATE ON checklist_confirmations
BEGIN SELECT RAISE(ABORT, 'checklist_confirmations: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER checklist_confirmations_no_delete BEFORE DELETE ON checklist_confirmations
BEGIN SELECT RAISE(ABORT, 'checklist_confirmations: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER checklist_confirmations_no_replace BEFORE INSERT ON checklist_confirmations
WHEN EXISTS (SELECT 1 FROM checklist_confirmations WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'checklist_confirmations: the row is there already'); END;
--> statement-breakpoint
-- Reports (store/activity.ts, store/block-times.ts): when this node ran, what signers did by day, and when the blocks with
-- custody's money in them were made. Days are counted from 1970 in UTC.
CREATE TABLE `block_times` (
	`height` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	CONSTRAINT "block_times_at" CHECK("block_times"."at" >= 0)
) STRICT;
--> statement-breakpoint
CREATE INDEX `block_times_by_time` ON `block_times` (`at`);
--> statement-breakpoint
CREATE TABLE `run_spans` (
	`id` integer PRIMARY KEY NOT NULL,
	`begun_by` text NOT NULL,
	`started_at` integer NOT NULL,
	`seen_at` integer NOT NULL,
	`is_closed` integer NOT NULL,
	CONSTRAINT "run_spans_begun_by" CHECK("run_spans"."begun_by" in ('start', 'unseal', 'seal')),
	CONSTRAINT "run_spans_seen" CHECK("run_spans"."seen_at" >= "run_spans"."started_at"),
	CONSTRAINT "run_spans_closed" CHECK("run_spans"."is_closed" in (0, 1))
) STRICT;
--> statement-breakpoint
CREATE INDEX `run_spans_by_time` ON `run_spans` (`seen_at`);
--> statement-breakpoint
CREATE TABLE `signer_days` (
	`day` integer NOT NULL,
	`peer_index` integer NOT NULL,
	`answered` integer NOT NULL,
	`slow` integer NOT NULL,
	`silent` integer NOT NULL,
	`refused` integer NOT NULL,
	`lying` integer NOT NULL,
	`timed` integer NOT NULL,
	`ms_total` integer NOT NULL,
	`ms_max` integer NOT NULL,
	`within_100` integer NOT NULL,
	`within_300` integer NOT NULL,
	`within_1000` integer NOT NULL,
	`within_3000` integer NOT NULL,
	PRIMARY KEY(`day`, `peer_index`),
	CONSTRAINT "signer_days_peer" CHECK("signer_days"."peer_index" between 0 and 63)
) STRICT;
--> statement-breakpoint
CREATE TABLE `refusal_days` (
	`day` integer NOT NULL,
	`peer_index` integer NOT NULL,
	`reason` text NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`day`, `peer_index`, `reason`),
	CONSTRAINT "refusal_days_peer" CHECK("refusal_days"."peer_index" between 0 and 63),
	CONSTRAINT "refusal_days_reason" CHECK(length("refusal_days"."reason") between 1 and 64)
) STRICT;
--> statement-breakpoint
CREATE INDEX `audit_log_by_kind` ON `audit_log` (`kind`,`at`);
--> statement-breakpoint
CREATE INDEX `deposits_by_height` ON `deposits` (`height`,`amount`) WHERE height is not null;
--> statement-breakpoint
CREATE INDEX `utxos_by_height` ON `utxos` (`height`,`amount`) WHERE height is not null;
--> statement-breakpoint
CREATE INDEX `utxos_by_spent_height` ON `utxos` (`spent_height`,`amount`) WHERE spent_height is not null;
--> statement-breakpoint
CREATE INDEX `utxos_of_treasury` ON `utxos` (`height`) WHERE leaf = '{"kind":"treasury"}';
--> statement-breakpoint
CREATE TRIGGER run_spans_fixed BEFORE UPDATE ON run_spans
WHEN NEW.id IS NOT OLD.id OR NEW.begun_by IS NOT OLD.begun_by OR NEW.started_at IS NOT OLD.started_at
  OR NEW.seen_at < OLD.seen_at OR NEW.is_closed < OLD.is_closed
BEGIN SELECT RAISE(ABORT, 'run_spans: how a span began never changes, and its end only moves on'); END;
--> statement-breakpoint
-- The timeline: what operators tell each other of incidents and of the date of the key ceremony (store/timeline.ts). An entry
-- belongs to its author; only whoever began a thread says what it is.
CREATE TABLE `timeline` (
	`author` integer NOT NULL,
	`id` text NOT NULL,
	`thread` text NOT NULL,
	`kind` text NOT NULL,
	`text` text NOT NULL,
	`level` integer,
	`ceremony_id` text,
	`first_at` integer,
	`backup_at` integer,
	`at` integer NOT NULL,
	`received_at` integer NOT NULL,
	PRIMARY KEY(`author`, `id`),
	CONSTRAINT "timeline_author" CHECK("timeline"."author" between 0 and 63),
	CONSTRAINT "timeline_id" CHECK(length("timeline"."id") = 32 and "timeline"."id" not glob '*[^0-9a-f]*'),
	CONSTRAINT "timeline_thread" CHECK(length("timeline"."thread") between 10 and 11 and "timeline"."thread" not glob '*[^0-9a-f-]*'),
	CONSTRAINT "timeline_kind" CHECK("timeline"."kind" in ('opened', 'acknowledged', 'responded', 'planned', 'closed', 'scheduled', 'accepted', 'refused')),
	CONSTRAINT "timeline_text" CHECK(length("timeline"."text") <= 1000),
	CONSTRAINT "timeline_level" CHECK(("timeline"."kind" = 'opened') = ("timeline"."level" is not null) and coalesce("timeline"."level", 1) in (1, 2, 3)),
	CONSTRAINT "timeline_dates" CHECK(("timeline"."kind" = 'scheduled') = ("timeline"."first_at" is not null) and ("timeline"."first_at" is null) = ("timeline"."backup_at" is null) and coalesce("timeline"."backup_at" > "timeline"."first_at", 1))
) STRICT;
--> statement-breakpoint
CREATE INDEX `timeline_by_thread` ON `timeline` (`thread`,`at`);
--> statement-breakpoint
CREATE INDEX `timeline_by_author` ON `timeline` (`author`,`received_at`);
--> statement-breakpoint
CREATE INDEX `timeline_by_kind` ON `timeline` (`kind`,`at`);
--> statement-breakpoint
-- Of what people were notified, so that a restart does not call them again.
CREATE TABLE `notified` (
	`subject` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TRIGGER timeline_no_update BEFORE UPDATE ON timeline
BEGIN SELECT RAISE(ABORT, 'timeline: entries never change'); END;
--> statement-breakpoint
CREATE TRIGGER timeline_no_delete BEFORE DELETE ON timeline
BEGIN SELECT RAISE(ABORT, 'timeline: entries are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER timeline_no_replace BEFORE INSERT ON timeline
WHEN EXISTS (SELECT 1 FROM timeline WHERE author = NEW.author AND id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'timeline: the entry is there already'); END;
--> statement-breakpoint
CREATE TRIGGER timeline_begun_once BEFORE INSERT ON timeline
WHEN NEW.kind IN ('opened', 'scheduled')
  AND (NEW.thread NOT GLOB NEW.author || '-*'
    OR EXISTS (SELECT 1 FROM timeline WHERE thread = NEW.thread AND kind IN ('opened', 'scheduled')))
BEGIN SELECT RAISE(ABORT, 'timeline: only its operator begins a thread, and once'); END;
--> statement-breakpoint
CREATE TRIGGER notified_no_update BEFORE UPDATE ON notified
BEGIN SELECT RAISE(ABORT, 'notified: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER notified_no_delete BEFORE DELETE ON notified
BEGIN SELECT RAISE(ABORT, 'notified: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER notified_no_replace BEFORE INSERT ON notified
WHEN EXISTS (SELECT 1 FROM notified WHERE subject = NEW.subject)
BEGIN SELECT RAISE(ABORT, 'notified: the row is there already'); END;
--> statement-breakpoint
-- Emergencies. Pauses of this node (store/pauses.ts): what one says never changes, it ends once, and an open one never goes.
CREATE TABLE `pauses` (
	`id` text NOT NULL,
	`asked_by` integer NOT NULL,
	`scope` text NOT NULL,
	`reason` text NOT NULL,
	`at` integer NOT NULL,
	`ended_at` integer,
	PRIMARY KEY(`asked_by`, `id`),
	CONSTRAINT "pauses_id" CHECK(length("pauses"."id") = 32 and "pauses"."id" not glob '*[^0-9a-f]*'),
	CONSTRAINT "pauses_scope" CHECK("pauses"."scope" in ('node', 'federation'))
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `pauses_open` ON `pauses` (`asked_by`,`scope`) WHERE "pauses"."ended_at" is null;
--> statement-breakpoint
CREATE TRIGGER pauses_fixed BEFORE UPDATE ON pauses
WHEN OLD.ended_at IS NOT NULL OR NEW.rowid IS NOT OLD.rowid OR NEW.id IS NOT OLD.id OR NEW.asked_by IS NOT OLD.asked_by
  OR NEW.scope IS NOT OLD.scope OR NEW.reason IS NOT OLD.reason OR NEW.at IS NOT OLD.at
BEGIN SELECT RAISE(ABORT, 'pauses: a pause ends once, and nothing else of it changes'); END;
--> statement-breakpoint
CREATE TRIGGER pauses_open_stay BEFORE DELETE ON pauses
WHEN OLD.ended_at IS NULL
BEGIN SELECT RAISE(ABORT, 'pauses: a pause that holds is never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER pauses_no_replace BEFORE INSERT ON pauses
WHEN EXISTS (SELECT 1 FROM pauses WHERE asked_by = NEW.asked_by AND (id = NEW.id OR (scope = NEW.scope AND ended_at IS NULL)))
BEGIN SELECT RAISE(ABORT, 'pauses: the row is there already'); END;
--> statement-breakpoint
-- What the operator's policy needs to know of payouts (store/payout-limits.ts, store/payout-requests.ts).
CREATE TABLE `burn_finality` (
	`burn_txid` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	CONSTRAINT "burn_finality_burn_txid" CHECK(length("burn_finality"."burn_txid") = 64 and "burn_finality"."burn_txid" not glob '*[^0-9a-f]*')
) STRICT;
--> statement-breakpoint
CREATE TABLE `payouts_signed` (
	`burn_txid` text PRIMARY KEY NOT NULL,
	`sats` integer NOT NULL,
	`at` integer NOT NULL,
	CONSTRAINT "payouts_signed_burn_txid" CHECK(length("payouts_signed"."burn_txid") = 64 and "payouts_signed"."burn_txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "payouts_signed_sats" CHECK(typeof("payouts_signed"."sats") = 'integer' and "payouts_signed"."sats" between 0 and 2100000000000000)
) STRICT;
--> statement-breakpoint
CREATE INDEX `payouts_signed_by_time` ON `payouts_signed` (`at`);
--> statement-breakpoint
CREATE TABLE `payout_requests` (
	`burn_txid` text PRIMARY KEY NOT NULL,
	`id` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`decision` text,
	`decision_reason` text,
	`decided_at` integer,
	`policy` text,
	CONSTRAINT "payout_requests_burn_txid" CHECK(length("payout_requests"."burn_txid") = 64 and "payout_requests"."burn_txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "payout_requests_id" CHECK(length("payout_requests"."id") = 32 and "payout_requests"."id" not glob '*[^0-9a-f]*'),
	CONSTRAINT "payout_requests_policy" CHECK(length("payout_requests"."policy") = 64 and "payout_requests"."policy" not glob '*[^0-9a-f]*'),
	CONSTRAINT "payout_requests_decided" CHECK(("payout_requests"."decision" is null) = ("payout_requests"."decided_at" is null))
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `payout_requests_id_unique` ON `payout_requests` (`id`);
--> statement-breakpoint
CREATE INDEX `payout_requests_by_time` ON `payout_requests` (`created_at`);
--> statement-breakpoint
-- A refusal is final, and an approval ends only with its policy. A burn is asked of anew, undecided, once a request has expired.
CREATE TRIGGER payout_requests_start_undecided BEFORE INSERT ON payout_requests
WHEN NEW.decision IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'payout_requests: a request is decided after it is asked'); END;
--> statement-breakpoint
CREATE TRIGGER payout_requests_decided_once BEFORE UPDATE ON payout_requests
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.burn_txid IS NOT OLD.burn_txid
  OR (NEW.id IS OLD.id AND (NEW.created_at IS NOT OLD.created_at OR NEW.expires_at IS NOT OLD.expires_at
    OR OLD.decision = 'refused'
    OR (OLD.decision = 'approved' AND NEW.decision IS NOT NULL AND NEW.policy IS OLD.policy)))
  OR (NEW.id IS NOT OLD.id AND (NEW.decision IS NOT NULL OR NEW.created_at < OLD.expires_at))
BEGIN SELECT RAISE(ABORT, 'payout_requests: what is asked never changes, and is decided once'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_signed_no_replace BEFORE INSERT ON payouts_signed
WHEN EXISTS (SELECT 1 FROM payouts_signed WHERE burn_txid = NEW.burn_txid)
BEGIN SELECT RAISE(ABORT, 'payouts_signed: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_signed_no_update BEFORE UPDATE ON payouts_signed
BEGIN SELECT RAISE(ABORT, 'payouts_signed: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_signed_no_delete BEFORE DELETE ON payouts_signed
BEGIN SELECT RAISE(ABORT, 'payouts_signed: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER burn_finality_no_update BEFORE UPDATE ON burn_finality
BEGIN SELECT RAISE(ABORT, 'burn_finality: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER burn_finality_no_replace BEFORE INSERT ON burn_finality
WHEN EXISTS (SELECT 1 FROM burn_finality WHERE burn_txid = NEW.burn_txid)
BEGIN SELECT RAISE(ABORT, 'burn_finality: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER burn_finality_no_delete BEFORE DELETE ON burn_finality
BEGIN SELECT RAISE(ABORT, 'burn_finality: rows are never deleted'); END;
--> statement-breakpoint
-- Vetoes of payouts (store/vetoes.ts). One that went could be said again, so that a burn might wait for ever.
CREATE TABLE `vetoes` (
	`id` text PRIMARY KEY NOT NULL,
	`burn_txid` text NOT NULL,
	`vetoed_by` integer NOT NULL,
	`reason` text NOT NULL,
	`at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	CONSTRAINT "vetoes_id" CHECK(length("vetoes"."id") = 32 and "vetoes"."id" not glob '*[^0-9a-f]*'),
	CONSTRAINT "vetoes_burn_txid" CHECK(length("vetoes"."burn_txid") = 64 and "vetoes"."burn_txid" not glob '*[^0-9a-f]*')
) STRICT;
--> statement-breakpoint
CREATE INDEX `vetoes_by_end` ON `vetoes` (`expires_at`);
--> statement-breakpoint
CREATE UNIQUE INDEX `vetoes_once` ON `vetoes` (`burn_txid`,`vetoed_by`);
--> statement-breakpoint
CREATE TABLE `veto_approvals` (
	`id` text NOT NULL,
	`approved_by` integer NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`id`, `approved_by`),
	FOREIGN KEY (`id`) REFERENCES `vetoes`(`id`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE TRIGGER vetoes_no_update BEFORE UPDATE ON vetoes
BEGIN SELECT RAISE(ABORT, 'vetoes: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER vetoes_no_delete BEFORE DELETE ON vetoes
BEGIN SELECT RAISE(ABORT, 'vetoes: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER vetoes_no_replace BEFORE INSERT ON vetoes
WHEN EXISTS (SELECT 1 FROM vetoes WHERE id = NEW.id OR (burn_txid = NEW.burn_txid AND vetoed_by = NEW.vetoed_by))
BEGIN SELECT RAISE(ABORT, 'vetoes: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER veto_approvals_no_update BEFORE UPDATE ON veto_approvals
BEGIN SELECT RAISE(ABORT, 'veto_approvals: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER veto_approvals_no_delete BEFORE DELETE ON veto_approvals
BEGIN SELECT RAISE(ABORT, 'veto_approvals: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER veto_approvals_no_replace BEFORE INSERT ON veto_approvals
WHEN EXISTS (SELECT 1 FROM veto_approvals WHERE id = NEW.id AND approved_by = NEW.approved_by)
BEGIN SELECT RAISE(ABORT, 'veto_approvals: the row is there already'); END;
