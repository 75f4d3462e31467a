// Files of a node that were replaced under its running server: what that means for each, and what to do.
import type { OperatorConfig } from '../config/config.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { asItIsNow, contentStamp, type FileWatch, placeStamp, type ReplacedFile } from '../runtime/file-watch.ts';
import { type Problem, problem } from '../runtime/problems.ts';

type Paths = Pick<OperatorConfig, 'file' | 'keySharePath' | 'tlsCertPath' | 'tlsKeyPath'>;

/** Watches what a node has open from its start on: configuration, database and key file. */
export function watchOpenFiles(watch: FileWatch, config: Paths, databasePath: string, keyRing: KeyRing): void {
  watchConfiguration(watch, config);
  // What SQLite has not moved into the database yet lies in the file beside it.
  for (const path of databaseFiles(databasePath)) watch.watch(asItIsNow(path, placeStamp));
  const path = config.keySharePath;
  watch.watch({ path, stamp: () => contentStamp(path), expected: () => keyRing.stamp });
}

/** Watches the configuration, from what it is now on. */
export function watchConfiguration(watch: FileWatch, config: Pick<Paths, 'file'>): void {
  watch.watch(asItIsNow(config.file, contentStamp));
}

/** Watches what is read when the node is unsealed: certificate and key of TLS. */
export function watchTlsFiles(watch: FileWatch, config: Paths): void {
  for (const path of [config.tlsCertPath, config.tlsKeyPath]) watch.watch(asItIsNow(path, contentStamp));
}

/** A problem for each file that is not the one in use. */
export function replacedFileProblems(watch: FileWatch, config: Paths, databasePath: string): readonly Problem[] {
  const problems: Problem[] = [];
  const tell = (path: string, subject: string, severity: Problem['severity'], meaning: string, action: string) => {
    const found = watch.replaced(path);
    if (found === null) return;
    const cause = `${path} ${wasWhat(found)} while the server ran: ${meaning}`;
    problems.push(problem('file_replaced', { subject, severity, since: found.since, cause, action }));
  };
  for (const path of databaseFiles(databasePath)) {
    const meaning = 'the server still writes the old file, and what it decides is lost when it ends';
    tell(
      path,
      'database',
      'critical',
      meaning,
      'end the server, put the right database in its place, start the server',
    );
  }
  const shares = 'the server still uses what it read before, and overwrites this file when it gets new shares';
  tell(config.keySharePath, 'key file', 'error', shares, 'put the right key file in its place, and restart the server');
  const restart = 'restart the server, and give the others the new card (docs/OPERATING.md, "Certificates")';
  for (const path of [config.tlsCertPath, config.tlsKeyPath]) {
    tell(path, 'TLS files', 'warning', 'the server still uses what it read before', restart);
  }
  return problems;
}

function databaseFiles(path: string): readonly string[] {
  return [path, `${path}-wal`];
}

function wasWhat({ isGone }: ReplacedFile): string {
  return isGone ? 'was removed' : 'was replaced or changed';
}
