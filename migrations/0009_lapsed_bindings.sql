-- An input that burns are bound to is spent without one of them also where the binding has lapsed: none of the burn's payouts
-- was signed as far as this node knows, and the first unsigned payout of any burn that is bound to this input was decided an
-- hour ago or more. The burn stays bound, so Never 2 stands; store/lapsed-bindings.ts says why.
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
      WHERE q.burn_txid = b.burn_txid)
    AND NOT (
      EXISTS (
        SELECT 1 FROM payout_transaction_inputs j
        JOIN payout_transactions o ON o.txid = j.txid AND o.status IN ('decided', 'replaced')
        JOIN payout_transaction_burns q ON q.txid = j.txid
        JOIN burns e ON e.burn_txid = q.burn_txid AND e.anchor_txid = j.prev_txid AND e.anchor_vout = j.prev_vout
        WHERE j.prev_txid = b.anchor_txid AND j.prev_vout = b.anchor_vout AND NEW.created_at - o.created_at >= 3600000)
      AND NOT EXISTS (
        SELECT 1 FROM payout_transaction_burns q JOIN payout_transactions o ON o.txid = q.txid
        JOIN payout_transaction_inputs j ON j.txid = q.txid AND j.prev_txid = b.anchor_txid AND j.prev_vout = b.anchor_vout
        WHERE q.burn_txid = b.burn_txid AND o.status NOT IN ('decided', 'replaced'))))
BEGIN SELECT RAISE(ABORT, 'payout_transactions: an anchor is spent only by a payout of its burn, until the binding lapses'); END;
