-- What the schema cannot say: the rules of the Never list, so that no statement of the program can break them by mistake.
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
CREATE TRIGGER burns_no_replace BEFORE INSERT ON burns
WHEN EXISTS (SELECT 1 FROM burns WHERE burn_txid = NEW.burn_txid OR nullifier = NEW.nullifier)
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
CREATE TRIGGER burns_anchor_starts_empty BEFORE INSERT ON burns
WHEN NEW.anchor_txid IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'burns: a burn has no anchor before its first payout'); END;
--> statement-breakpoint
CREATE TRIGGER burns_anchor_once BEFORE UPDATE ON burns
WHEN OLD.anchor_txid IS NOT NULL AND (NEW.anchor_txid IS NOT OLD.anchor_txid OR NEW.anchor_vout IS NOT OLD.anchor_vout)
BEGIN SELECT RAISE(ABORT, 'burns: the anchor is set once'); END;
--> statement-breakpoint
CREATE TRIGGER burns_anchor_is_first_input BEFORE UPDATE ON burns
WHEN OLD.anchor_txid IS NULL AND NEW.anchor_txid IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM payout_transaction_inputs i
  WHERE i.prev_txid = NEW.anchor_txid AND i.prev_vout = NEW.anchor_vout AND i.input_index = 0)
BEGIN SELECT RAISE(ABORT, 'burns: the anchor is the first input of a payout'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transactions_no_replace BEFORE INSERT ON payout_transactions
WHEN EXISTS (SELECT 1 FROM payout_transactions WHERE txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'payout_transactions: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transactions_fixed BEFORE UPDATE ON payout_transactions
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.txid IS NOT OLD.txid
  OR NEW.unsigned_tx IS NOT OLD.unsigned_tx
  OR NEW.fee IS NOT OLD.fee
  OR NEW.fee_rate IS NOT OLD.fee_rate
  OR NEW.change_vout IS NOT OLD.change_vout
  OR NEW.change_amount IS NOT OLD.change_amount
  OR NEW.created_at IS NOT OLD.created_at
BEGIN SELECT RAISE(ABORT, 'payout_transactions: what was recorded does not change'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transactions_no_delete BEFORE DELETE ON payout_transactions
BEGIN SELECT RAISE(ABORT, 'payout_transactions: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_start_decided BEFORE INSERT ON payout_transactions
WHEN NEW.status <> 'decided' OR NEW.signed_tx IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'payout_transactions: a payout starts as decided'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_have_inputs BEFORE INSERT ON payout_transactions
WHEN NOT EXISTS (SELECT 1 FROM payout_transaction_inputs WHERE txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'payout_transactions: inputs are written first'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_spend_anchors BEFORE INSERT ON payout_transactions
WHEN EXISTS (
  SELECT 1 FROM payout_transaction_burns p JOIN burns b ON b.burn_txid = p.burn_txid
  WHERE p.txid = NEW.txid AND NOT EXISTS (
    SELECT 1 FROM payout_transaction_inputs i
    WHERE i.txid = NEW.txid AND i.prev_txid = b.anchor_txid AND i.prev_vout = b.anchor_vout))
BEGIN SELECT RAISE(ABORT, 'payout_transactions: a payout spends the anchor of each of its burns'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_respect_anchors BEFORE INSERT ON payout_transactions
WHEN EXISTS (
  SELECT 1 FROM payout_transaction_inputs i JOIN burns b ON b.anchor_txid = i.prev_txid AND b.anchor_vout = i.prev_vout
  WHERE i.txid = NEW.txid AND NOT EXISTS (
    SELECT 1 FROM payout_transaction_burns p WHERE p.txid = NEW.txid AND p.burn_txid = b.burn_txid))
BEGIN SELECT RAISE(ABORT, 'payout_transactions: an anchor is spent only by a payout of its burn'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_anchor_on_free_inputs BEFORE INSERT ON payout_transactions
WHEN EXISTS (
  SELECT 1 FROM payout_transaction_burns p
  JOIN burns b ON b.burn_txid = p.burn_txid
  JOIN payout_transaction_inputs i ON i.prev_txid = b.anchor_txid AND i.prev_vout = b.anchor_vout AND i.txid <> NEW.txid
  JOIN payout_transactions o ON o.txid = i.txid AND o.status <> 'replaced'
  WHERE p.txid = NEW.txid AND NOT EXISTS (
    SELECT 1 FROM payout_transaction_burns q WHERE q.txid = i.txid AND q.burn_txid = b.burn_txid))
BEGIN SELECT RAISE(ABORT, 'payout_transactions: an anchor is no input of a payout that leaves its burn unpaid'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_spend_unspent BEFORE INSERT ON payout_transactions
WHEN EXISTS (
  SELECT 1 FROM payout_transaction_inputs i
  JOIN payout_transaction_inputs j ON j.prev_txid = i.prev_txid AND j.prev_vout = i.prev_vout AND j.txid <> NEW.txid
  JOIN payout_transactions o ON o.txid = j.txid AND o.status = 'settled'
  WHERE i.txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'payout_transactions: an input is spent for good'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_pay_once BEFORE INSERT ON payout_transactions
WHEN EXISTS (
  SELECT 1 FROM payout_transaction_burns p
  JOIN payout_transaction_burns q ON q.burn_txid = p.burn_txid AND q.txid <> NEW.txid
  JOIN payout_transactions o ON o.txid = q.txid AND o.status IN ('confirmed', 'settled')
  WHERE p.txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'payout_transactions: the burn is paid already'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_confirm_once BEFORE UPDATE ON payout_transactions
WHEN NEW.status IN ('confirmed', 'settled') AND OLD.status NOT IN ('confirmed', 'settled') AND EXISTS (
  SELECT 1 FROM payout_transaction_burns p
  JOIN payout_transaction_burns q ON q.burn_txid = p.burn_txid AND q.txid <> NEW.txid
  JOIN payout_transactions o ON o.txid = q.txid AND o.status IN ('confirmed', 'settled')
  WHERE p.txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'payout_transactions: the burn is paid already'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_end BEFORE UPDATE ON payout_transactions
WHEN OLD.status IN ('settled', 'replaced') AND NEW.status <> OLD.status
BEGIN SELECT RAISE(ABORT, 'payout_transactions: settled and replaced are final'); END;
--> statement-breakpoint
CREATE TRIGGER payouts_never_undecided BEFORE UPDATE ON payout_transactions
WHEN NEW.status = 'decided' AND OLD.status <> 'decided'
BEGIN SELECT RAISE(ABORT, 'payout_transactions: a payout does not become undecided'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transaction_inputs_sealed BEFORE INSERT ON payout_transaction_inputs
WHEN EXISTS (SELECT 1 FROM payout_transactions WHERE txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'payout_transaction_inputs: the payout is sealed'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transaction_inputs_no_replace BEFORE INSERT ON payout_transaction_inputs
WHEN EXISTS (SELECT 1 FROM payout_transaction_inputs WHERE txid = NEW.txid AND (input_index = NEW.input_index
  OR (prev_txid = NEW.prev_txid AND prev_vout = NEW.prev_vout)))
BEGIN SELECT RAISE(ABORT, 'payout_transaction_inputs: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transaction_inputs_no_update BEFORE UPDATE ON payout_transaction_inputs
BEGIN SELECT RAISE(ABORT, 'payout_transaction_inputs: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transaction_inputs_no_delete BEFORE DELETE ON payout_transaction_inputs
BEGIN SELECT RAISE(ABORT, 'payout_transaction_inputs: rows are never deleted'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transaction_burns_sealed BEFORE INSERT ON payout_transaction_burns
WHEN EXISTS (SELECT 1 FROM payout_transactions WHERE txid = NEW.txid)
BEGIN SELECT RAISE(ABORT, 'payout_transaction_burns: the payout is sealed'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transaction_burns_no_replace BEFORE INSERT ON payout_transaction_burns
WHEN EXISTS (SELECT 1 FROM payout_transaction_burns WHERE txid = NEW.txid AND (burn_txid = NEW.burn_txid OR output_index = NEW.output_index))
BEGIN SELECT RAISE(ABORT, 'payout_transaction_burns: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transaction_burns_no_update BEFORE UPDATE ON payout_transaction_burns
BEGIN SELECT RAISE(ABORT, 'payout_transaction_burns: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER payout_transaction_burns_no_delete BEFORE DELETE ON payout_transaction_burns
BEGIN SELECT RAISE(ABORT, 'payout_transaction_burns: rows are never deleted'); END;
--> statement-breakpoint
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
CREATE TRIGGER ceremony_events_no_update BEFORE UPDATE ON ceremony_events
BEGIN SELECT RAISE(ABORT, 'ceremony_events: rows never change'); END;
--> statement-breakpoint
CREATE TRIGGER ceremony_events_no_replace BEFORE INSERT ON ceremony_events
WHEN EXISTS (SELECT 1 FROM ceremony_events WHERE ceremony_id = NEW.ceremony_id AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'ceremony_events: the row is there already'); END;
--> statement-breakpoint
CREATE TRIGGER peers_head_rises BEFORE UPDATE ON peers
WHEN NEW.head_seq < OLD.head_seq
BEGIN SELECT RAISE(ABORT, 'peers: a head never falls'); END;
--> statement-breakpoint
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
