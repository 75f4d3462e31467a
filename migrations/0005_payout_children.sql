CREATE TABLE `payout_children` (
	`txid` text PRIMARY KEY NOT NULL,
	`parent_txid` text NOT NULL,
	`parent_vout` integer NOT NULL,
	`amount` integer NOT NULL,
	`fee` integer NOT NULL,
	`unsigned_tx` text NOT NULL,
	`signed_tx` text,
	`status` text NOT NULL,
	`height` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "children_txid" CHECK(length("payout_children"."txid") = 64 and "payout_children"."txid" not glob '*[^0-9a-f]*'),
	CONSTRAINT "children_outpoint" CHECK(length("payout_children"."parent_txid") = 64 and "payout_children"."parent_txid" not glob '*[^0-9a-f]*' and "payout_children"."parent_vout" between 0 and 4294967295),
	CONSTRAINT "children_amount" CHECK(typeof("payout_children"."amount") = 'integer' and "payout_children"."amount" between 0 and 2100000000000000),
	CONSTRAINT "children_fee" CHECK(typeof("payout_children"."fee") = 'integer' and "payout_children"."fee" between 0 and 2100000000000000 and "payout_children"."fee" between 1 and "payout_children"."amount" - 1),
	CONSTRAINT "children_status" CHECK("payout_children"."status" in ('decided', 'signed', 'broadcast', 'confirmed', 'settled', 'void')),
	CONSTRAINT "children_mined" CHECK(("payout_children"."status" in ('confirmed', 'settled')) = ("payout_children"."height" is not null))
);
--> statement-breakpoint
CREATE INDEX `children_by_parent` ON `payout_children` (`parent_txid`,`parent_vout`);--> statement-breakpoint
CREATE INDEX `children_by_status` ON `payout_children` (`status`,`created_at`);--> statement-breakpoint
CREATE TRIGGER payout_children_no_replace BEFORE INSERT ON payout_children
WHEN EXISTS (SELECT 1 FROM payout_children WHERE txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'payout_children: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_fixed BEFORE UPDATE ON payout_children
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.txid IS NOT OLD.txid
  OR NEW.parent_txid IS NOT OLD.parent_txid
  OR NEW.parent_vout IS NOT OLD.parent_vout
  OR NEW.amount IS NOT OLD.amount
  OR NEW.fee IS NOT OLD.fee
  OR NEW.unsigned_tx IS NOT OLD.unsigned_tx
  OR NEW.created_at IS NOT OLD.created_at
BEGIN SELECT RAISE(ABORT, 'payout_children: what was recorded does not change'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_no_delete BEFORE DELETE ON payout_children
BEGIN SELECT RAISE(ABORT, 'payout_children: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_start_decided BEFORE INSERT ON payout_children
WHEN NEW.status <> 'decided' OR NEW.signed_tx IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'payout_children: a child starts as decided'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_spend_change BEFORE INSERT ON payout_children
WHEN NOT EXISTS (
  SELECT 1 FROM payout_transactions p
  WHERE p.txid = NEW.parent_txid AND p.change_vout = NEW.parent_vout AND p.change_amount = NEW.amount)
BEGIN SELECT RAISE(ABORT, 'payout_children: a child spends the change of a payout'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_help_who_waits BEFORE INSERT ON payout_children
WHEN EXISTS (
  SELECT 1 FROM payout_transactions p
  WHERE p.txid = NEW.parent_txid AND p.status NOT IN ('decided', 'signed', 'broadcast'))
BEGIN SELECT RAISE(ABORT, 'payout_children: the payout does not wait'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_within_fees BEFORE INSERT ON payout_children
WHEN (SELECT p.fee FROM payout_transactions p WHERE p.txid = NEW.parent_txid) + NEW.fee > coalesce((
  SELECT sum(b.fee) FROM payout_transaction_burns q JOIN burns b ON b.burn_txid = q.burn_txid
  WHERE q.txid = NEW.parent_txid), 0)
BEGIN SELECT RAISE(ABORT, 'payout_children: both fees are within what the burns paid'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_spend_no_anchor BEFORE INSERT ON payout_children
WHEN EXISTS (SELECT 1 FROM burns b WHERE b.anchor_txid = NEW.parent_txid AND b.anchor_vout = NEW.parent_vout)
BEGIN SELECT RAISE(ABORT, 'payout_children: an anchor is spent only by a payout of its burn'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_leave_payouts BEFORE INSERT ON payout_children
WHEN EXISTS (
  SELECT 1 FROM payout_transaction_inputs i JOIN payout_transactions o ON o.txid = i.txid AND o.status <> 'replaced'
  WHERE i.prev_txid = NEW.parent_txid AND i.prev_vout = NEW.parent_vout)
BEGIN SELECT RAISE(ABORT, 'payout_children: the output is promised to a payout'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_leave_children BEFORE INSERT ON payout_transactions
WHEN EXISTS (
  SELECT 1 FROM payout_transaction_inputs i
  JOIN payout_children c ON c.parent_txid = i.prev_txid AND c.parent_vout = i.prev_vout AND c.status <> 'void'
  WHERE i.txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'payout_transactions: an input is promised to a child'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_confirm_once BEFORE UPDATE ON payout_children
WHEN NEW.status IN ('confirmed', 'settled') AND EXISTS (
  SELECT 1 FROM payout_children c
  WHERE c.parent_txid = NEW.parent_txid AND c.txid <> NEW.txid AND c.status IN ('confirmed', 'settled'))
BEGIN SELECT RAISE(ABORT, 'payout_children: one child of a payout is mined'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_end BEFORE UPDATE ON payout_children
WHEN OLD.status IN ('settled', 'void') AND NEW.status <> OLD.status
BEGIN SELECT RAISE(ABORT, 'payout_children: settled and void are final'); END;
--> statement-breakpoint
CREATE TRIGGER payout_children_never_undecided BEFORE UPDATE ON payout_children
WHEN NEW.status = 'decided' AND OLD.status <> 'decided'
BEGIN SELECT RAISE(ABORT, 'payout_children: a child does not become undecided'); END;
