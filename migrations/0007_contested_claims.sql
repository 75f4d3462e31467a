CREATE TABLE `contested_claims` (
	`burn_txid` text NOT NULL,
	`txid` text NOT NULL,
	`prev_txid` text NOT NULL,
	`prev_vout` integer NOT NULL,
	PRIMARY KEY(`burn_txid`, `txid`, `prev_txid`, `prev_vout`),
	CONSTRAINT "contested_claims_ids" CHECK(length("contested_claims"."burn_txid") = 64 and "contested_claims"."burn_txid" not glob '*[^0-9a-f]*' and length("contested_claims"."txid") = 64 and "contested_claims"."txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "contested_claims_outpoint" CHECK(length("contested_claims"."prev_txid") = 64 and "contested_claims"."prev_txid" not glob '*[^0-9a-f]*' and "contested_claims"."prev_vout" between 0 and 4294967295)
);
--> statement-breakpoint
CREATE TABLE `contested_releases` (
	`burn_txid` text NOT NULL,
	`txid` text NOT NULL,
	`cause` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`burn_txid`, `txid`),
	CONSTRAINT "contested_releases_ids" CHECK(length("contested_releases"."burn_txid") = 64 and "contested_releases"."burn_txid" not glob '*[^0-9a-f]*' and length("contested_releases"."txid") = 64 and "contested_releases"."txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "contested_releases_cause" CHECK("contested_releases"."cause" in ('spent', 'operator'))
);
--> statement-breakpoint
CREATE TABLE `payout_waits` (
	`txid` text PRIMARY KEY NOT NULL,
	`height` integer NOT NULL,
	CONSTRAINT "payout_waits_txid" CHECK(length("payout_waits"."txid") = 64 and "payout_waits"."txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "payout_waits_height" CHECK("payout_waits"."height" >= 0)
);
--> statement-breakpoint
CREATE TRIGGER contested_claims_no_update BEFORE UPDATE ON contested_claims
BEGIN SELECT RAISE(ABORT, 'contested_claims: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER contested_claims_no_delete BEFORE DELETE ON contested_claims
BEGIN SELECT RAISE(ABORT, 'contested_claims: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER contested_burns_no_replace BEFORE INSERT ON contested_burns
WHEN EXISTS (SELECT 1 FROM contested_burns WHERE burn_txid = NEW.burn_txid)
BEGIN SELECT RAISE(ABORT, 'contested_burns: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER contested_claims_no_replace BEFORE INSERT ON contested_claims
WHEN EXISTS (SELECT 1 FROM contested_claims WHERE burn_txid = NEW.burn_txid AND txid = NEW.txid
  AND prev_txid = NEW.prev_txid AND prev_vout = NEW.prev_vout)
BEGIN SELECT RAISE(ABORT, 'contested_claims: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER contested_claims_whole BEFORE INSERT ON contested_claims
WHEN EXISTS (SELECT 1 FROM contested_releases WHERE burn_txid = NEW.burn_txid AND txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'contested_claims: the claim is released already'); END;
--> statement-breakpoint
CREATE TRIGGER contested_releases_of_claims BEFORE INSERT ON contested_releases
WHEN NOT EXISTS (SELECT 1 FROM contested_claims WHERE burn_txid = NEW.burn_txid AND txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'contested_releases: only a claim that is known is released'); END;
--> statement-breakpoint
CREATE TRIGGER contested_releases_no_replace BEFORE INSERT ON contested_releases
WHEN EXISTS (SELECT 1 FROM contested_releases WHERE burn_txid = NEW.burn_txid AND txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'contested_releases: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER contested_releases_no_update BEFORE UPDATE ON contested_releases
BEGIN SELECT RAISE(ABORT, 'contested_releases: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER contested_releases_no_delete BEFORE DELETE ON contested_releases
BEGIN SELECT RAISE(ABORT, 'contested_releases: rows are never deleted'); END;
