// Whether this node's backups are old: those of its key material, of its database where a schedule makes them, and the drill.
import { newestBackup } from '../../store/backups.ts';
import { backupAges } from '../backup-commands.ts';
import type { Node } from '../node.ts';
import type { BackupAges } from '../runtime/backup-command-types.ts';
import { type Problem, problem } from '../runtime/problems.ts';

const HOUR_MS = 3_600_000;
/** How long a key may be without a backup, in ms. */
export const KEY_BACKUP_MS_MAX = 24 * HOUR_MS;
/** How long no drill may have been held, in ms: launch instructions, "regularly". */
export const DRILL_MS_MAX = 90 * 24 * HOUR_MS;

/** When the newest backups and the last drill were made. */
export function backupReport({ store, input }: Node): BackupAges {
  return backupAges(store.db, input.effects.now());
}

/** What an operator should do about backups. */
export function backupProblems(node: Node): readonly Problem[] {
  const { config, store, keys, input } = node;
  const now = input.effects.now();
  const problems: Problem[] = [];
  const key = keys.live();
  if (key !== null) {
    const { keyId } = key;
    const made = newestBackup(store.db, 'key_share', 'made', { now, keyId });
    if (made === null && now - key.createdAt > KEY_BACKUP_MS_MAX) {
      const cause = `no backup holds the shares of the live key ${key.keyId}`;
      const action = 'run: mpc_operator backup key-share --output FILE, and store it off this machine';
      problems.push(problem('backup_old', { subject: 'key material', since: key.createdAt, cause, action }));
    }
    // One that does not hold the live key proves nothing of it.
    const drilled = newestBackup(store.db, 'key_share', 'drilled', { now, keyId })?.at ?? null;
    const since = Math.max(key.createdAt, drilled ?? 0);
    if (now - since > DRILL_MS_MAX) {
      const cause = drilled === null ? 'no backup of the live key was ever tried' : 'none was tried for 90 days';
      const action = 'run: mpc_operator backup verify --input FILE';
      problems.push(problem('backup_drill_old', { subject: 'key material', since, cause, action }));
    }
  }
  const { backup } = config;
  const newest = newestBackup(store.db, 'database', 'made', { now })?.madeAt ?? node.startedAt;
  if (backup != null && now - newest > 2 * backup.everyHours * HOUR_MS) {
    const cause = `its newest backup is older than twice the ${backup.everyHours} hours of its schedule`;
    const action = `look at the folder ${backup.folder} and at backup_failed in the log`;
    problems.push(problem('backup_old', { subject: 'database', since: newest, cause, action }));
  }
  return problems;
}
