// The file that a backup act has made: handed out once its asker comes for it, and only then written down as a backup.
import { z } from 'zod';
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { listBackups } from '../../store/backups.ts';
import type { ActReport } from './acts.ts';
import type { AdminDesk } from './desk.ts';
import type { Visitor } from './web-sessions.ts';

/** As many of the newest entries are looked through for a backup that is downloaded again. */
const LOOKED_THROUGH = 100;

const madeSchema = z.object({
  file: z.string().min(1),
  created_at: z.string(),
  network: z.string(),
  index: z.int(),
  identity_key: z.string(),
  key_ids: z.array(z.string()),
});

/** A file to save. */
export interface Download {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The name under which the file of a backup is saved. */
function nameOf({ network, index, created_at }: z.infer<typeof madeSchema>): string {
  return `key-share-${network}-${index}-${created_at.slice(0, 19).replaceAll(':', '')}Z.age`;
}

/** The backup that an act has made, for whoever asked for it; null for everybody else, and where there is none. */
export async function backupFile(desk: AdminDesk, act: ActReport | null, visitor: Visitor): Promise<Download | null> {
  if (act === null || act.command !== 'backup-key-share' || act.by !== visitor.user) return null;
  if (act.state.kind !== 'done') return null;
  const made = madeSchema.safeParse(act.state.result).data;
  if (made === undefined) return null;
  const [name, bytes] = [nameOf(made), utf8(made.file)];
  const hash = toHex(sha256(bytes));
  const known = listBackups(desk.node.store.db, { limit: LOOKED_THROUGH }).rows;
  // To be downloaded twice makes it no second backup.
  if (!known.some(({ sha256: of, event }) => of === hash && event === 'made')) {
    await desk.read('backup-record', {
      ...{ event: 'made', kind: 'key_share', path: `${name} (downloaded by ${visitor.user})`, sha256: hash },
      ...{ bytes: bytes.length, made_at: made.created_at, key_id: made.key_ids.at(-1) ?? null },
      identity_key: made.identity_key,
    });
  }
  return { name, bytes };
}

/** A result as a page shows it: a file is downloaded, not read. */
export function withoutFile(result: Json): Json {
  if (result === null || typeof result !== 'object' || Array.isArray(result)) return result;
  return Object.fromEntries(Object.entries(result).map(([key, value]) => [key, key === 'file' ? '…' : value]));
}
