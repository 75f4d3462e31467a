// Writes the configuration that `init` makes: the keys of the launch instructions' Appendix A, at once or not at all.
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ConfigFile } from './config-keys.ts';

/** What `init` is told; everything else of Appendix A takes the instructions' own value. */
export interface ConfigDraft {
  readonly parties: number;
  readonly threshold: number;
  readonly index: number;
  readonly addresses: readonly string[];
  /** Optional keys that differ from their default, and places other than those of Appendix A. */
  readonly more?: Partial<ConfigFile>;
}

/**
 * The file's content as `init` writes it. Paths are given beside the configuration file, which for the default place is
 * what Appendix A says, and keeps several operators on one machine apart.
 */
export function draftConfig(draft: ConfigDraft): ConfigFile {
  return {
    parties: draft.parties,
    threshold: draft.threshold,
    party_addresses: draft.addresses.map((address) => address.trim()),
    my_index: draft.index,
    key_share_path: 'key_share.enc',
    tls_cert_path: 'tls_cert.pem',
    tls_key_path: 'tls_key.pem',
    user_db_path: 'users.json',
    security_db_path: 'security.json',
    bitcoin_nodes: ['http://localhost:8332'],
    normal_confirmations: 6,
    fork_confirmations: 12,
    ...draft.more,
  };
}

export type WriteVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: 'exists' };

/**
 * Writes the configuration with mode 0600, making its folder (0700) where missing. The content is on the disk before
 * the name is; an existing file is replaced only with `force`. Throws on faults of the file system.
 */
export function writeConfig(file: string, content: ConfigFile, options: { readonly force: boolean }): WriteVerdict {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `.${basename(file)}.${crypto.randomUUID()}`);
  try {
    const descriptor = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(descriptor, `${JSON.stringify(content, null, 2)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (options.force) renameSync(temporary, file);
    else if (!linkNew(temporary, file)) return { ok: false, reason: 'exists' };
  } finally {
    rmSync(temporary, { force: true });
  }
  syncFolder(folder);
  return { ok: true };
}

// link(2) fails where the name is taken, in one step: nothing can slip in between a check and a rename.
function linkNew(temporary: string, file: string): boolean {
  try {
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
