// Puts a database back from its backup. A node that starts with an older database is found out by its peers and goes on in a
// higher epoch (rollback-guard/); what it signed since then follows from the chain.

import { Database } from 'bun:sqlite';
import type { Opening } from '../../crypto/seal.ts';
import { type CopyFacts, lookAtCopy } from '../../store/copy.ts';
import { lockDatabase, openReader } from '../../store/open.ts';
import { ownerOf } from '../../store/owner.ts';
import type { OperatorConfig } from '../config/config.ts';
import { CommandError } from '../runtime/command-error.ts';
import { openDatabaseInto } from './database-backup.ts';
import { assertPlaceable, type Placed, Placing } from './place-files.ts';
import { type DecisionChange, decisionChange, type StandingDecision, standingDecisions } from './standing-decisions.ts';

/** What a restore of a database is told. `confirm` is asked once nothing stands against it, and throws to give up. */
export interface DatabaseRestore {
  readonly config: OperatorConfig;
  readonly input: string;
  readonly opening: Opening;
  /** Lets the database of another node make room. */
  readonly force: boolean;
  readonly now: number;
  readonly confirm: (facts: CopyFacts, decisions: DecisionChange) => Promise<void>;
  readonly before?: (step: string) => void;
}

/** What was put back, and what that does to what operators have said. */
export interface RestoredDatabase extends Placed {
  readonly facts: CopyFacts;
  readonly decisions: DecisionChange;
}

/**
 * Opens a backup beside the database, looks whether it is whole and this node's, and puts it in its place; the old one is kept
 * under another name. Throws `CommandError`, and then nothing has changed. No server may run.
 */
export async function restoreDatabase(restore: DatabaseRestore): Promise<RestoredDatabase> {
  const { config, input, opening, force, now, confirm, before } = restore;
  const { securityDbPath: path } = config;
  await assertPlaceable(path);
  const suffix = `.old-${new Date(now).toISOString().replaceAll(':', '-')}`;
  const placing = new Placing({ suffix, ...(before !== undefined && { before }) });
  const unlock = lockDatabase(path);
  try {
    const staged = await placing.reserve(path);
    await openDatabaseInto(input, staged, opening);
    const facts = looked(staged);
    assertOwn(config, facts, force);
    const decisions = decisionChange(standingAt(path, restore), standingAt(staged, restore) ?? []);
    await confirm(facts, decisions);
    for (const ending of ['-wal', '-shm']) placing.clear(path, ending);
    const placed = (await placing.place()).find((one) => one.path === path);
    return { facts, decisions, path, aside: placed?.aside ?? null };
  } finally {
    await placing.discard();
    unlock();
  }
}

function looked(staged: string): CopyFacts {
  let database: Database;
  try {
    database = new Database(staged, { readonly: true, safeIntegers: true, strict: true });
  } catch {
    throw new CommandError('backup_wrong', 'the backup holds no database');
  }
  try {
    return lookAtCopy(database);
  } catch {
    throw new CommandError('backup_wrong', 'the backup holds no database, or a damaged one');
  } finally {
    database.close();
  }
}

function assertOwn(config: OperatorConfig, { owner, problems }: CopyFacts, force: boolean): void {
  if (owner === null || problems.length > 0) {
    throw new CommandError('backup_wrong', `the backup does not hold: ${problems.join('; ')}`);
  }
  const { network, myIndex, securityDbPath } = config;
  if (owner.network !== network || owner.index !== myIndex) {
    const whose = `operator ${owner.index} on ${owner.network}, not of operator ${myIndex} on ${network}`;
    throw new CommandError('foreign_database', `the backup is of the database of ${whose}: take this node’s own`);
  }
  const here = identityHere(securityDbPath);
  if (force || here === null || here === owner.identityKey) return;
  const flaw = `${securityDbPath} is the database of a node with another identity key than the backup’s`;
  throw new CommandError('in_the_way', `${flaw}: give --force, which keeps it under another name`);
}

// Null where the database cannot be read, or is not there.
function standingAt(path: string, { config, now }: DatabaseRestore): readonly StandingDecision[] | null {
  try {
    const store = openReader(path);
    try {
      return standingDecisions(store.db, config.threshold, now);
    } finally {
      store.close();
    }
  } catch {
    return null;
  }
}

// A database that cannot be read is what is to be replaced.
function identityHere(path: string): string | null {
  try {
    const store = openReader(path);
    try {
      return ownerOf(store.db)?.identityKey ?? null;
    } finally {
      store.close();
    }
  } catch {
    return null;
  }
}
