// Commands about backups and about sealing a running node: parameters and results, as they travel over the control socket.
import { z } from 'zod';
import { PAGE_ROWS, PAGE_ROWS_MAX } from '../../store/database.ts';
import { BACKUP_EVENTS, BACKUP_KINDS } from '../../store/schema-backups.ts';

/** Largest text of an age recipient: those of post-quantum keys have about 2,000 characters. */
const RECIPIENT_CHARACTERS_MAX = 4096;

export const backupCommandParams = {
  /** Drops the keys of a running server from its memory. */
  seal: z.strictObject({}),
  /** `recipient`: of age, the only one that can open the answer. `passphrase`: of the key file, where the node is sealed. */
  'backup-key-share': z.strictObject({
    recipient: z.string().min(1).max(RECIPIENT_CHARACTERS_MAX),
    passphrase: z.string().min(1).max(1024).optional(),
  }),
  /** What happened to a backup of this very node. */
  'backup-record': z.strictObject({
    event: z.enum(BACKUP_EVENTS),
    kind: z.enum(BACKUP_KINDS),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: z.int().min(1),
    path: z.string().min(1).max(4096),
    made_at: z.iso.datetime(),
    key_id: z
      .string()
      .regex(/^[0-9a-f]{16}$/)
      .nullable(),
    /** Of the node that the backup is of. */
    identity_key: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  'backup-list': z.strictObject({
    limit: z.int().min(1).max(PAGE_ROWS_MAX).default(PAGE_ROWS),
    offset: z.int().min(0).default(0),
  }),
} as const;

/** A backup that was made, or held in a drill. */
export interface BackupEventReport {
  readonly event: (typeof BACKUP_EVENTS)[number];
  readonly kind: (typeof BACKUP_KINDS)[number];
  readonly at: string;
  readonly made_at: string;
  readonly path: string;
  readonly bytes: number;
  /** Of the sealed file. */
  readonly sha256: string;
  readonly key_id: string | null;
}

/** When the newest backups and the last drill of key material were made; null for never. */
export interface BackupAges {
  readonly key_share: string | null;
  readonly database: string | null;
  readonly drill: string | null;
}

export interface BackupCommandResults {
  seal: { readonly sealed: boolean };
  'backup-key-share': {
    /** An armored age file that the recipient opens. */
    readonly file: string;
    readonly created_at: string;
    readonly network: string;
    readonly index: number;
    readonly identity_key: string;
    readonly key_ids: readonly string[];
  };
  'backup-record': { readonly recorded: boolean };
  'backup-list': {
    readonly backups: readonly BackupEventReport[];
    readonly total: number;
    readonly newest: BackupAges;
  };
}
