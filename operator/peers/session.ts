// What a start of this node speaks with: a session key and boot id of its own, certified by the identity key.
import { BOOT_ID_BYTES, createSession, type Session, type SessionInput } from '../../crypto/identity.ts';
import type { Queries } from '../../store/database.ts';
import { nextStartTime } from '../../store/start-time.ts';
import type { Effects } from '../runtime/effects.ts';

const SEED_BYTES = 32;

/** Makes the session of a start. Its time is later than that of every start before, which is durable when this returns. */
export function newSession(
  node: Pick<SessionInput, 'identity' | 'network' | 'index'>,
  db: Queries,
  effects: Pick<Effects, 'now' | 'random'>,
): Session {
  const [boot, seed] = [effects.random(BOOT_ID_BYTES), effects.random(SEED_BYTES)];
  return createSession({ ...node, boot, seed, now: nextStartTime(db, effects.now()) });
}
