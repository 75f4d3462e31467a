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
CREATE TABLE `burns` (
	`burn_txid` text PRIMARY KEY NOT NULL,
	`nullifier` text NOT NULL,
	`address` text NOT NULL,
	`amount` integer NOT NULL,
	`fee` integer NOT NULL,
	`wire_seq` integer NOT NULL,
	`wire_height` integer NOT NULL,
	`anchor_txid` text,
	`anchor_vout` integer,
	`seen_at` integer NOT NULL,
	CONSTRAINT "burns_burn_txid" CHECK(length("burns"."burn_txid") = 64 and "burns"."burn_txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "burns_amount" CHECK(typeof("burns"."amount") = 'integer' and "burns"."amount" between 0 and 2100000000000000),
	CONSTRAINT "burns_fee" CHECK(typeof("burns"."fee") = 'integer' and "burns"."fee" between 0 and 2100000000000000 and "burns"."fee" <= "burns"."amount"),
	CONSTRAINT "burns_anchor" CHECK(("burns"."anchor_txid" is null) = ("burns"."anchor_vout" is null))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `burns_nullifier_unique` ON `burns` (`nullifier`);--> statement-breakpoint
CREATE INDEX `burns_by_anchor` ON `burns` (`anchor_txid`,`anchor_vout`);--> statement-breakpoint
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
CREATE TABLE `cursors` (
	`name` text PRIMARY KEY NOT NULL,
	`position` text NOT NULL,
	`updated_at` integer NOT NULL
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
CREATE TABLE `payout_transaction_burns` (
	`txid` text NOT NULL,
	`burn_txid` text NOT NULL,
	`output_index` integer NOT NULL,
	PRIMARY KEY(`txid`, `burn_txid`),
	FOREIGN KEY (`txid`) REFERENCES `payout_transactions`(`txid`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`burn_txid`) REFERENCES `burns`(`burn_txid`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `payout_burns_by_burn` ON `payout_transaction_burns` (`burn_txid`);--> statement-breakpoint
CREATE UNIQUE INDEX `payout_burns_output` ON `payout_transaction_burns` (`txid`,`output_index`);--> statement-breakpoint
CREATE TABLE `payout_transaction_inputs` (
	`txid` text NOT NULL,
	`input_index` integer NOT NULL,
	`prev_txid` text NOT NULL,
	`prev_vout` integer NOT NULL,
	PRIMARY KEY(`txid`, `input_index`),
	FOREIGN KEY (`txid`) REFERENCES `payout_transactions`(`txid`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "payout_inputs_outpoint" CHECK(length("payout_transaction_inputs"."prev_txid") = 64 and "payout_transaction_inputs"."prev_txid" not glob '*[^0-9a-f]*' and "payout_transaction_inputs"."prev_vout" between 0 and 4294967295)
);
--> statement-breakpoint
CREATE INDEX `payout_inputs_by_outpoint` ON `payout_transaction_inputs` (`prev_txid`,`prev_vout`);--> statement-breakpoint
CREATE UNIQUE INDEX `payout_inputs_once` ON `payout_transaction_inputs` (`txid`,`prev_txid`,`prev_vout`);--> statement-breakpoint
CREATE TABLE `payout_transactions` (
	`txid` text PRIMARY KEY NOT NULL,
	`unsigned_tx` text NOT NULL,
	`signed_tx` text,
	`fee` integer NOT NULL,
	`fee_rate` real NOT NULL,
	`change_vout` integer,
	`change_amount` integer,
	`status` text NOT NULL,
	`height` integer,
	`block_hash` text,
	`created_at` integer NOT NULL,
	`signed_at` integer,
	`broadcast_at` integer,
	`confirmed_at` integer,
	`settled_at` integer,
	CONSTRAINT "payouts_txid" CHECK(length("payout_transactions"."txid") = 64 and "payout_transactions"."txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "payouts_fee" CHECK(typeof("payout_transactions"."fee") = 'integer' and "payout_transactions"."fee" between 0 and 2100000000000000),
	CONSTRAINT "payouts_change" CHECK(("payout_transactions"."change_vout" is null) = ("payout_transactions"."change_amount" is null)),
	CONSTRAINT "payouts_status" CHECK("payout_transactions"."status" in ('decided', 'signed', 'broadcast', 'confirmed', 'settled', 'replaced')),
	CONSTRAINT "payouts_mined" CHECK(("payout_transactions"."status" in ('confirmed', 'settled')) = ("payout_transactions"."height" is not null))
);
--> statement-breakpoint
CREATE INDEX `payouts_by_status` ON `payout_transactions` (`status`,`created_at`);--> statement-breakpoint
CREATE TABLE `peers` (
	`peer_index` integer PRIMARY KEY NOT NULL,
	`identity_key` text NOT NULL,
	`card` text NOT NULL,
	`head_seq` integer DEFAULT 0 NOT NULL,
	`head_hash` text,
	`head_at` integer,
	`added_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "peers_index" CHECK("peers"."peer_index" between 0 and 63),
	CONSTRAINT "peers_identity_key" CHECK(length("peers"."identity_key") = 64 and "peers"."identity_key" not glob '*[^0-9a-f]*')
);
--> statement-breakpoint
CREATE UNIQUE INDEX `peers_identity_key_unique` ON `peers` (`identity_key`);--> statement-breakpoint
CREATE TABLE `recipients` (
	`script` text PRIMARY KEY NOT NULL,
	`recipient` text NOT NULL,
	`key_id` text NOT NULL,
	`created_at` integer NOT NULL,
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
CREATE INDEX `utxos_by_status` ON `utxos` (`status`,`amount`);