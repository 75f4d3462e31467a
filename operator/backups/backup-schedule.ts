// Backups of the database by the clock: one every so many hours into a folder, the newest so many are kept. The copy is made
// and sealed by a process of its own, so that the server's event loop is never held.

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isRecipient } from '../../crypto/seal.ts';
import type { OperatorConfig } from '../config/config.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { Effects } from '../runtime/effects.ts';
import { errorText, type Log } from '../runtime/log.ts';

const HOUR_MS = 3_600_000;
/** How often it is looked whether a backup is due, and how long one that failed is left alone, in ms. */
export const LOOK_MS = 60_000;
const AGAIN_MS = 900_000;

/** Makes one backup of the database; rejects with a sentence. */
export type MakeBackup = (output: string, recipient: string) => Promise<void>;

/** What the schedule works with. */
export interface ScheduleInput {
  readonly config: OperatorConfig;
  readonly effects: Effects;
  readonly log: Log;
  readonly make: MakeBackup;
}

/**
 * Keeps the schedule of the configuration until the function it returns is called; nothing where there is none. Throws
 * `CommandError` on a recipient that nothing can be sealed to.
 */
export function keepBackups(input: ScheduleInput): () => void {
  const { config, effects, log } = input;
  const { backup } = config;
  if (backup === null) return () => {};
  if (!isRecipient(backup.recipient)) {
    throw new CommandError('config', `${config.file}: "backup.recipient" is no recipient of age: correct it`);
  }
  let [isBusy, notBefore] = [false, 0];
  const look = (): void => {
    if (isBusy || effects.monotonic() < notBefore) return;
    isBusy = true;
    backUpWhenDue(input, backup)
      .catch((error: unknown) => {
        notBefore = effects.monotonic() + AGAIN_MS;
        log('error', 'backup_failed', { detail: errorText(error) });
      })
      .finally(() => {
        isBusy = false;
      });
  };
  look();
  return effects.every(LOOK_MS, look);
}

type Schedule = NonNullable<OperatorConfig['backup']>;

/** Makes a backup where the newest is older than the schedule asks for, and removes those beyond the newest `keep`. */
export async function backUpWhenDue({ config, effects, log, make }: ScheduleInput, schedule: Schedule): Promise<void> {
  const { folder, everyHours, keep, recipient } = schedule;
  const now = effects.now();
  // One of the future is of a clock that was ahead. It says nothing, and must not take the place of one of now.
  const own = () => madeIn(folder, config.myIndex).filter(({ at }) => at <= now);
  const newest = own().at(-1);
  if (newest !== undefined && now - newest.at < everyHours * HOUR_MS) return;
  const path = join(folder, nameOf(config.myIndex, now));
  await make(path, recipient);
  log('info', 'backup_made', { path });
  for (const { name } of own().slice(0, -keep)) rmSync(join(folder, name), { force: true });
}

function nameOf(index: number, at: number): string {
  return `security-db-${index}-${new Date(at).toISOString().slice(0, 19).replaceAll(':', '-')}Z.age`;
}

// Those of this operator, oldest first: nothing else in the folder is ever touched.
function madeIn(folder: string, index: number): readonly { readonly name: string; readonly at: number }[] {
  const pattern = new RegExp(`^security-db-${index}-(\\d{4}-\\d\\d-\\d\\d)T(\\d\\d)-(\\d\\d)-(\\d\\d)Z\\.age$`);
  return readdirSync(folder)
    .flatMap((name) => {
      const [, day, hour, minute, second] = pattern.exec(name) ?? [];
      return day === undefined ? [] : [{ name, at: Date.parse(`${day}T${hour}:${minute}:${second}Z`) }];
    })
    .sort((a, b) => a.at - b.at);
}
