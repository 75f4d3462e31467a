// A federation in memory whose operators have configuration files, so that their key material can be backed up.
import { writeFileSync } from 'node:fs';
import { utf8 } from '../../../crypto/bytes.ts';
import { openSealed, passingIdentity } from '../../../crypto/seal.ts';
import { backupKeyShare } from '../../../operator/backup-commands.ts';
import {
  decodeBackup,
  KEY_SHARE_BACKUP_BYTES_MAX,
  type KeyShareBackup,
} from '../../../operator/backups/key-share-backup.ts';
import { draftConfig } from '../../../operator/config/config-write.ts';
import { FederationInMemory } from '../federation-in-memory.ts';

/** A federation that has made its keys, with its treasury open unless told otherwise. */
export async function backedUpFederation(): Promise<FederationInMemory> {
  const federation = await FederationInMemory.make();
  for (const { config } of federation.members) {
    const addresses = config.partyAddresses.map(({ text }) => text);
    const content = draftConfig({
      ...{ parties: config.parties, threshold: config.threshold, index: config.myIndex, addresses },
      more: {
        ...{ network: 'regtest', name: config.name, tls_cert_path: 'tls.crt', tls_key_path: 'tls.key' },
        ...{ user_db_path: 'user.db', security_db_path: 'security.db', bitcoin_nodes: ['http://127.0.0.1:18443'] },
      },
    });
    writeFileSync(config.file, JSON.stringify(content), { mode: 0o600 });
  }
  await federation.dkgByAll();
  return federation;
}

/** The archive of a member's backup, opened. */
export async function archiveOf(federation: FederationInMemory, index: number): Promise<Uint8Array> {
  const { identity, recipient } = await passingIdentity();
  const { file } = await backupKeyShare(federation.at(index).node, { recipient });
  const opened = await openSealed(utf8(file), { identity }, KEY_SHARE_BACKUP_BYTES_MAX);
  if (!opened.ok) throw new Error(`the backup does not open: ${opened.reason}`);
  return opened.plaintext;
}

/** A member's backup, read. */
export async function backupOf(federation: FederationInMemory, index: number): Promise<KeyShareBackup> {
  const decoded = decodeBackup(await archiveOf(federation, index));
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.backup;
}
