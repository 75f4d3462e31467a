CREATE TRIGGER keys_one_live_stored BEFORE INSERT ON keys
WHEN NEW.status = 'live' AND EXISTS (SELECT 1 FROM keys WHERE status = 'live')
BEGIN SELECT RAISE(ABORT, 'keys: another key is live'); END;
--> statement-breakpoint
CREATE TRIGGER keys_one_live_changed BEFORE UPDATE ON keys
WHEN NEW.status = 'live' AND EXISTS (SELECT 1 FROM keys WHERE status = 'live' AND key_id <> NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'keys: another key is live'); END;
