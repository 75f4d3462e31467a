CREATE TABLE `claim_absences` (
	`burn_txid` text NOT NULL,
	`txid` text NOT NULL,
	`prev_txid` text NOT NULL,
	`prev_vout` integer NOT NULL,
	`height` integer NOT NULL,
	`block_hash` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`burn_txid`, `txid`),
	CONSTRAINT "claim_absences_ids" CHECK(length("claim_absences"."burn_txid") = 64 and "claim_absences"."burn_txid" not glob '*[^0-9a-f]*' and length("claim_absences"."txid") = 64 and "claim_absences"."txid" not glob '*[^0-9a-f]*' and length("claim_absences"."block_hash") = 64 and "claim_absences"."block_hash" not glob '*[^0-9a-f]*'),
	CONSTRAINT "claim_absences_outpoint" CHECK(length("claim_absences"."prev_txid") = 64 and "claim_absences"."prev_txid" not glob '*[^0-9a-f]*' and "claim_absences"."prev_vout" between 0 and 4294967295),
	CONSTRAINT "claim_absences_height" CHECK("claim_absences"."height" >= 0)
);
--> statement-breakpoint
CREATE TRIGGER claim_absences_of_claims BEFORE INSERT ON claim_absences
WHEN NOT EXISTS (SELECT 1 FROM contested_claims WHERE burn_txid = NEW.burn_txid AND txid = NEW.txid
  AND prev_txid = NEW.prev_txid AND prev_vout = NEW.prev_vout)
BEGIN SELECT RAISE(ABORT, 'claim_absences: only the coin of a claim is missed'); END;
--> statement-breakpoint
CREATE TRIGGER claim_absences_of_unknown BEFORE INSERT ON claim_absences
WHEN EXISTS (SELECT 1 FROM utxos WHERE txid = NEW.prev_txid AND vout = NEW.prev_vout)
BEGIN SELECT RAISE(ABORT, 'claim_absences: a coin that this node knows is not missed'); END;
--> statement-breakpoint
CREATE TRIGGER claim_absences_no_replace BEFORE INSERT ON claim_absences
WHEN EXISTS (SELECT 1 FROM claim_absences WHERE burn_txid = NEW.burn_txid AND txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'claim_absences: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER claim_absences_no_update BEFORE UPDATE ON claim_absences
BEGIN SELECT RAISE(ABORT, 'claim_absences: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER claim_absences_stay BEFORE DELETE ON claim_absences
WHEN EXISTS (SELECT 1 FROM contested_releases WHERE burn_txid = OLD.burn_txid AND txid = OLD.txid)
BEGIN SELECT RAISE(ABORT, 'claim_absences: the ground of a release stays'); END;
--> statement-breakpoint
CREATE TRIGGER contested_releases_upon_absence BEFORE INSERT ON contested_releases
WHEN NEW.cause = 'operator'
  AND EXISTS (SELECT 1 FROM contested_claims WHERE burn_txid = NEW.burn_txid AND txid = NEW.txid)
  AND NOT EXISTS (SELECT 1 FROM claim_absences a WHERE a.burn_txid = NEW.burn_txid AND a.txid = NEW.txid
    AND NOT EXISTS (SELECT 1 FROM utxos u WHERE u.txid = a.prev_txid AND u.vout = a.prev_vout))
BEGIN SELECT RAISE(ABORT, 'contested_releases: an operator releases only a claim whose coin was missed'); END;
