CREATE TABLE `foreign_payments` (
	`txid` text NOT NULL,
	`output_index` integer NOT NULL,
	`script` text NOT NULL,
	`amount` integer NOT NULL,
	`burn_txid` text,
	`height` integer,
	`seen_at` integer NOT NULL,
	PRIMARY KEY(`txid`, `output_index`),
	CONSTRAINT "foreign_payments_outpoint" CHECK(length("foreign_payments"."txid") = 64 and "foreign_payments"."txid" not glob '*[^0-9a-f]*' and "foreign_payments"."output_index" between 0 and 4294967295),
	CONSTRAINT "foreign_payments_amount" CHECK(typeof("foreign_payments"."amount") = 'integer' and "foreign_payments"."amount" between 0 and 2100000000000000),
	CONSTRAINT "foreign_payments_known" CHECK("foreign_payments"."burn_txid" is null or "foreign_payments"."height" is not null)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `foreign_payments_burn_txid_unique` ON `foreign_payments` (`burn_txid`);--> statement-breakpoint
CREATE INDEX `foreign_payments_by_height` ON `foreign_payments` (`height`);--> statement-breakpoint
ALTER TABLE `recipients` ADD `height` integer;--> statement-breakpoint
ALTER TABLE `recipients` ADD `told_by` integer;