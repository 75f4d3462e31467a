CREATE TABLE `contested_burns` (
	`burn_txid` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	CONSTRAINT "contested_burns_burn_txid" CHECK(length("contested_burns"."burn_txid") = 64 and "contested_burns"."burn_txid" not glob '*[^0-9a-f]*')
);
--> statement-breakpoint
CREATE TABLE `node_state` (
	`id` integer PRIMARY KEY NOT NULL,
	`epoch` integer NOT NULL,
	`whole_at` integer,
	CONSTRAINT "node_state_one" CHECK("node_state"."id" = 1)
);
--> statement-breakpoint
ALTER TABLE `payout_transactions` ADD `intent` text;--> statement-breakpoint
ALTER TABLE `peers` ADD `head_epoch` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `peers` ADD `head_statement` text;
--> statement-breakpoint
DROP TRIGGER peers_head_rises;
--> statement-breakpoint
CREATE TRIGGER peers_head_rises BEFORE UPDATE ON peers
WHEN NEW.head_epoch < OLD.head_epoch OR (NEW.head_epoch = OLD.head_epoch AND NEW.head_seq < OLD.head_seq)
BEGIN SELECT RAISE(ABORT, 'peers: a head never falls'); END;
--> statement-breakpoint
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
CREATE TRIGGER payout_transactions_intent_fixed BEFORE UPDATE ON payout_transactions
WHEN NEW.intent IS NOT OLD.intent
BEGIN SELECT RAISE(ABORT, 'payout_transactions: what was recorded does not change'); END;
--> statement-breakpoint
CREATE TRIGGER contested_burns_no_update BEFORE UPDATE ON contested_burns
BEGIN SELECT RAISE(ABORT, 'contested_burns: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER contested_burns_no_delete BEFORE DELETE ON contested_burns
BEGIN SELECT RAISE(ABORT, 'contested_burns: rows are never deleted'); END;
