-- An anchor may be given up once nothing that was signed upon it can be mined any more (Never 2): it is spent, so deep in
-- the chain that it counts, by a transaction that does not pay the burn. The view says which outpoints are spent by a
-- transaction that does not pay a burn: of a payout that this node knows, its burns are known; of any other every output of
-- the burn's amount must have been recognised as that of a burn to another address.
CREATE TABLE `anchor_releases` (
	`burn_txid` text NOT NULL,
	`anchor_txid` text NOT NULL,
	`anchor_vout` integer NOT NULL,
	`spent_by` text NOT NULL,
	`spent_height` integer NOT NULL,
	`block_hash` text NOT NULL,
	`tip_height` integer NOT NULL,
	`depth` integer NOT NULL,
	`released_at` integer NOT NULL,
	PRIMARY KEY(`burn_txid`, `anchor_txid`, `anchor_vout`),
	CONSTRAINT "anchor_releases_burn" CHECK(length("anchor_releases"."burn_txid") = 64 and "anchor_releases"."burn_txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "anchor_releases_anchor" CHECK(length("anchor_releases"."anchor_txid") = 64 and "anchor_releases"."anchor_txid" not glob '*[^0-9a-f]*' and "anchor_releases"."anchor_vout" between 0 and 4294967295),
	CONSTRAINT "anchor_releases_block" CHECK(length("anchor_releases"."spent_by") = 64 and "anchor_releases"."spent_by" not glob '*[^0-9a-f]*' and length("anchor_releases"."block_hash") = 64 and "anchor_releases"."block_hash" not glob '*[^0-9a-f]*'),
	CONSTRAINT "anchor_releases_deep" CHECK("anchor_releases"."depth" >= 1 and "anchor_releases"."tip_height" - "anchor_releases"."spent_height" + 1 >= "anchor_releases"."depth")
);
--> statement-breakpoint
CREATE INDEX `anchor_releases_by_height` ON `anchor_releases` (`spent_height`);
--> statement-breakpoint
CREATE VIEW lost_anchors AS
SELECT b.burn_txid AS burn_txid, u.txid AS anchor_txid, u.vout AS anchor_vout, u.spent_by AS spent_by, u.spent_height AS spent_height
FROM burns b JOIN utxos u ON u.status = 'spent' AND u.spent_height IS NOT NULL
WHERE NOT EXISTS (
    SELECT 1 FROM payout_transaction_burns p WHERE p.txid = u.spent_by AND p.burn_txid = b.burn_txid)
  AND (EXISTS (SELECT 1 FROM payout_transactions k WHERE k.txid = u.spent_by)
    OR NOT EXISTS (
      SELECT 1 FROM foreign_payments f LEFT JOIN burns r ON r.burn_txid = f.burn_txid
      WHERE f.txid = u.spent_by AND f.amount = b.amount - b.fee
        AND (r.burn_txid IS NULL OR lower(r.address) = lower(b.address))));
--> statement-breakpoint
CREATE TRIGGER anchor_releases_no_replace BEFORE INSERT ON anchor_releases
WHEN EXISTS (SELECT 1 FROM anchor_releases
  WHERE burn_txid = NEW.burn_txid AND anchor_txid = NEW.anchor_txid AND anchor_vout = NEW.anchor_vout)
BEGIN SELECT RAISE(ABORT, 'anchor_releases: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER anchor_releases_no_update BEFORE UPDATE ON anchor_releases
BEGIN SELECT RAISE(ABORT, 'anchor_releases: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER anchor_releases_no_delete BEFORE DELETE ON anchor_releases
BEGIN SELECT RAISE(ABORT, 'anchor_releases: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER anchor_releases_of_the_anchor BEFORE INSERT ON anchor_releases
WHEN NOT EXISTS (SELECT 1 FROM burns
  WHERE burn_txid = NEW.burn_txid AND anchor_txid = NEW.anchor_txid AND anchor_vout = NEW.anchor_vout)
BEGIN SELECT RAISE(ABORT, 'anchor_releases: the outpoint is not the anchor of the burn'); END;
--> statement-breakpoint
CREATE TRIGGER anchor_releases_lost BEFORE INSERT ON anchor_releases
WHEN NOT EXISTS (SELECT 1 FROM lost_anchors
  WHERE burn_txid = NEW.burn_txid AND anchor_txid = NEW.anchor_txid AND anchor_vout = NEW.anchor_vout
    AND spent_by = NEW.spent_by AND spent_height = NEW.spent_height)
BEGIN SELECT RAISE(ABORT, 'anchor_releases: the anchor is not spent by a transaction that leaves its burn unpaid'); END;
--> statement-breakpoint
CREATE TRIGGER anchor_releases_unpaid BEFORE INSERT ON anchor_releases
WHEN EXISTS (SELECT 1 FROM foreign_payments WHERE burn_txid = NEW.burn_txid)
  OR EXISTS (
    SELECT 1 FROM payout_transaction_burns p JOIN payout_transactions o ON o.txid = p.txid
    WHERE p.burn_txid = NEW.burn_txid AND o.status <> 'replaced')
BEGIN SELECT RAISE(ABORT, 'anchor_releases: the burn is paid, or a payout of it is not given up'); END;
--> statement-breakpoint
DROP TRIGGER burns_anchor_once;
--> statement-breakpoint
CREATE TRIGGER burns_anchor_once BEFORE UPDATE ON burns
WHEN OLD.anchor_txid IS NOT NULL AND (NEW.anchor_txid IS NOT OLD.anchor_txid OR NEW.anchor_vout IS NOT OLD.anchor_vout)
  AND (NEW.anchor_txid IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM anchor_releases r
    WHERE r.burn_txid = OLD.burn_txid AND r.anchor_txid = OLD.anchor_txid AND r.anchor_vout = OLD.anchor_vout))
BEGIN SELECT RAISE(ABORT, 'burns: the anchor is set once, unless it is released'); END;
--> statement-breakpoint
CREATE TRIGGER burns_anchor_never_again BEFORE UPDATE ON burns
WHEN OLD.anchor_txid IS NULL AND NEW.anchor_txid IS NOT NULL AND EXISTS (
  SELECT 1 FROM anchor_releases r
  WHERE r.burn_txid = NEW.burn_txid AND r.anchor_txid = NEW.anchor_txid AND r.anchor_vout = NEW.anchor_vout)
BEGIN SELECT RAISE(ABORT, 'burns: a released anchor does not come back'); END;
--> statement-breakpoint
DROP TRIGGER burns_anchor_is_first_input;
--> statement-breakpoint
CREATE TRIGGER burns_anchor_is_an_input BEFORE UPDATE ON burns
WHEN OLD.anchor_txid IS NULL AND NEW.anchor_txid IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM payout_transaction_inputs i
  JOIN payout_transaction_burns p ON p.txid = i.txid AND p.burn_txid = NEW.burn_txid
  WHERE i.prev_txid = NEW.anchor_txid AND i.prev_vout = NEW.anchor_vout
    AND NOT EXISTS (SELECT 1 FROM payout_transactions o WHERE o.txid = i.txid))
BEGIN SELECT RAISE(ABORT, 'burns: the anchor is an input of the payout that is decided'); END;
--> statement-breakpoint
DROP TRIGGER payouts_anchor_on_free_inputs;
--> statement-breakpoint
DROP TRIGGER payouts_respect_anchors;
--> statement-breakpoint
CREATE TRIGGER payouts_respect_anchors BEFORE INSERT ON payout_transactions
WHEN EXISTS (
  SELECT 1 FROM payout_transaction_inputs i JOIN burns b ON b.anchor_txid = i.prev_txid AND b.anchor_vout = i.prev_vout
  WHERE i.txid = NEW.txid
    AND NOT EXISTS (SELECT 1 FROM payout_transaction_burns p WHERE p.txid = NEW.txid AND p.burn_txid = b.burn_txid)
    AND NOT EXISTS (SELECT 1 FROM foreign_payments f WHERE f.burn_txid = b.burn_txid)
    AND NOT EXISTS (
      SELECT 1 FROM payout_transaction_burns q JOIN payout_transactions o ON o.txid = q.txid AND o.status = 'settled'
      WHERE q.burn_txid = b.burn_txid))
BEGIN SELECT RAISE(ABORT, 'payout_transactions: an anchor is spent only by a payout of its burn'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_respect_releases BEFORE INSERT ON payout_transactions
WHEN EXISTS (
  SELECT 1 FROM payout_transaction_burns p JOIN anchor_releases r ON r.burn_txid = p.burn_txid
  WHERE p.txid = NEW.txid
    AND NOT EXISTS (
      SELECT 1 FROM lost_anchors l
      WHERE l.burn_txid = r.burn_txid AND l.anchor_txid = r.anchor_txid AND l.anchor_vout = r.anchor_vout)
    AND NOT EXISTS (
      SELECT 1 FROM payout_transaction_inputs i
      WHERE i.txid = NEW.txid AND i.prev_txid = r.anchor_txid AND i.prev_vout = r.anchor_vout))
BEGIN SELECT RAISE(ABORT, 'payout_transactions: a released anchor that came back is spent by payouts of its burn'); END;
