// Writes the configuration that `init` makes: the keys of the launch instructions' Appendix A, at once or not at all.
import { utf8 } from '../../crypto/bytes.ts';
import { writeDurably, writeNewDurably } from '../runtime/durable-file.ts';
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
 * The file's content as `init` writes it. Paths are given beside the configuration file. For the default place that is what
 * Appendix A says, and it keeps several operators on one machine apart.
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

/** The file as it is written. */
export function configBytes(content: ConfigFile): Uint8Array {
  return utf8(`${JSON.stringify(content, null, 2)}\n`);
}

export type WriteVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: 'exists' };

/**
 * Writes the configuration with mode 0600, making its folder (0700) where missing. The content is on the disk before
 * the name is; an existing file is replaced only with `force`. Throws on faults of the file system.
 */
export async function writeConfig(
  file: string,
  content: ConfigFile,
  options: { readonly force: boolean },
): Promise<WriteVerdict> {
  const bytes = configBytes(content);
  if (options.force) await writeDurably(file, bytes);
  else if (!(await writeNewDurably(file, bytes))) return { ok: false, reason: 'exists' };
  return { ok: true };
}
