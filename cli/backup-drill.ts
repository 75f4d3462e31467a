// `backup verify`, the part that opens the backup: loaded when it is used, as it brings the key ceremonies along.

import { statSync } from 'node:fs';
import { type DrillReport, drill } from '../operator/backups/drill.ts';
import { type BackupKeyFlags, openWhole } from './backup-files.ts';
import type { CliContext } from './context.ts';
import { CliError } from './errors.ts';

/** Largest backup that is opened in memory, in bytes. */
const DRILL_BYTES_MAX = 2 * 1024 * 1024 * 1024;

/** Opens a backup in memory and tries it; a `CliError` where it does not open or is none. */
export async function drilled(
  context: CliContext,
  flags: BackupKeyFlags & { readonly input: string },
): Promise<DrillReport> {
  const { plaintext, sha256, bytes, place } = await openWhole(context, flags.input, DRILL_BYTES_MAX, flags);
  const { home } = context.surroundings.paths;
  const verdict = drill(plaintext, { path: place, sha256, bytes, changedAt: statSync(place).mtimeMs, home });
  if (!verdict.ok) throw new CliError(`${flags.input} is no backup that can be restored: ${verdict.detail}.`);
  return verdict.report;
}
