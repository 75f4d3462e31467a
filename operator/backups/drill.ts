// The restore drill: everything that a restore would rely on, proven in memory, so that nothing secret touches a disk.

import { Database } from 'bun:sqlite';
import { utf8, zeroize } from '../../crypto/bytes.ts';
import { type CopyFacts, lookAtCopy } from '../../store/copy.ts';
import type { CommandParams } from '../runtime/command-types.ts';
import { decodeBackup, eraseBackup } from './key-share-backup.ts';
import { proveBackup } from './prove-backup.ts';

/** What a drill found. `found`: for people, in the order to show; `problems`: what does not hold, a sentence each. */
export interface DrillReport {
  readonly kind: 'key_share' | 'database';
  readonly network: string;
  readonly index: number;
  readonly made_at: string;
  readonly problems: readonly string[];
  readonly found: readonly { readonly name: string; readonly value: string }[];
  /** What the node of the backup is to write down where all holds; null where the backup does not say whose it is. */
  readonly record: CommandParams<'backup-record'> | null;
}

/** The sealed file that is tried. `changedAt`: in ms since 1970; `home`: what `~` in a configuration stands for. */
export interface DrilledFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly changedAt: number;
  readonly home: string;
}

/** Verdict on an opened backup; `detail` where it is none that this program knows. */
export type DrillVerdict =
  | { readonly ok: true; readonly report: DrillReport }
  | { readonly ok: false; readonly detail: string };

/** Tries an opened backup of either kind, and erases it. */
export function drill(plaintext: Uint8Array, file: DrilledFile): DrillVerdict {
  try {
    return isDatabase(plaintext) ? drillDatabase(plaintext, file) : drillKeyShare(plaintext, file);
  } finally {
    zeroize(plaintext);
  }
}

/** Whether a plaintext is a database of SQLite. */
export function isDatabase(plaintext: Uint8Array): boolean {
  return utf8('SQLite format 3\u0000').every((byte, at) => plaintext[at] === byte);
}

function drillKeyShare(plaintext: Uint8Array, { path, sha256, bytes, home }: DrilledFile): DrillVerdict {
  const decoded = decodeBackup(plaintext);
  if (!decoded.ok) return { ok: false, detail: decoded.detail };
  const { backup } = decoded;
  try {
    const { network, index, created_at: made_at, identity_key, version } = backup.manifest;
    const proven = proveBackup(backup, '/config.json', home);
    const { problems, keyIds, cards, ceremonies, certificateExpiresAt } = proven;
    const roots = ceremonies.filter(({ treasury_root }) => treasury_root !== undefined).length;
    const found = [
      { name: 'keys', value: keyIds.length === 0 ? 'none yet' : keyIds.join(', ') },
      { name: 'ceremonies', value: ceremonies.map(({ transcript }) => transcript.ceremony_id).join(', ') || 'none' },
      { name: 'treasury root', value: roots === 0 ? 'none yet' : 'signed by all operators' },
      { name: 'operator cards', value: cards.map((card) => `${card.index}`).join(', ') || 'none' },
      {
        name: 'certificate',
        value: certificateExpiresAt === null ? 'unreadable' : `until ${new Date(certificateExpiresAt).toISOString()}`,
      },
      { name: 'written by', value: `mpc_operator ${version}` },
    ];
    const event = { event: 'drilled', kind: 'key_share', sha256, bytes, path, made_at } as const;
    const record = { ...event, key_id: keyIds.at(-1) ?? null, identity_key };
    return { ok: true, report: { kind: 'key_share', network, index, made_at, problems, found, record } };
  } finally {
    eraseBackup(backup);
  }
}

function drillDatabase(plaintext: Uint8Array, { path, sha256, bytes, changedAt }: DrilledFile): DrillVerdict {
  let facts: CopyFacts;
  try {
    const database = Database.deserialize(plaintext, { readonly: true, safeIntegers: true, strict: true });
    try {
      facts = lookAtCopy(database);
    } finally {
      database.close();
    }
  } catch (error) {
    return {
      ok: false,
      detail: `the database in it cannot be read (${error instanceof Error ? error.message : 'fault'})`,
    };
  }
  const { owner, head, problems, writtenAt } = facts;
  const made_at = new Date(writtenAt ?? changedAt).toISOString();
  const found = [
    { name: 'audit log', value: `entry ${head.seq}, ${head.hash}` },
    { name: 'live key', value: facts.liveKey ?? 'none yet' },
  ];
  const event = { event: 'drilled', kind: 'database', sha256, bytes, path, made_at, key_id: null } as const;
  const record = owner === null ? null : { ...event, identity_key: owner.identityKey };
  const [network, index] = [owner?.network ?? 'an unknown network', owner?.index ?? -1];
  return { ok: true, report: { kind: 'database', network, index, made_at, problems, found, record } };
}
