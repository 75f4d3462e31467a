// Whether this node does real work: nothing before its operator has enabled the service once; no new attestations while it
// is disabled. Every change is in the audit log.
import { eq } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import { prepared } from './prepared.ts';
import { type SERVICE_SWITCHES, serviceState } from './schema.ts';

/**
 * `off`: never enabled, so nothing real is signed. `disabled`: enabled before, so burns are still paid. Times in ms since 1970;
 * null while it is off.
 */
export interface ServiceSwitch {
  readonly state: 'off' | (typeof SERVICE_SWITCHES)[number];
  readonly changedAt: number | null;
  readonly firstEnabledAt: number | null;
}

const OFF: ServiceSwitch = { state: 'off', changedAt: null, firstEnabledAt: null };

const row = prepared((db) => db.select().from(serviceState).where(eq(serviceState.id, 1)).prepare());

/** Where the switch of this node stands. */
export function serviceSwitch(db: Queries): ServiceSwitch {
  const found = row(db).get();
  if (found === undefined) return OFF;
  const { state, changedAt, firstEnabledAt } = found;
  return { state, changedAt, firstEnabledAt };
}

/** Lets this node do all of its work; false where it does already. On disk when this returns. */
export function enableService(db: Queries, now: number): boolean {
  return transact(db, (tx): boolean => {
    const { state } = serviceSwitch(tx);
    if (state === 'enabled') return false;
    if (state === 'off') {
      tx.insert(serviceState).values({ id: 1, state: 'enabled', changedAt: now, firstEnabledAt: now }).run();
    } else {
      tx.update(serviceState).set({ state: 'enabled', changedAt: now }).where(eq(serviceState.id, 1)).run();
    }
    appendAudit(tx, now, 'service_enabled', { before: state });
    return true;
  });
}

/** Ends new attestations at this node; false where it is not enabled. On disk when this returns. */
export function disableService(db: Queries, now: number): boolean {
  return transact(db, (tx): boolean => {
    if (serviceSwitch(tx).state !== 'enabled') return false;
    tx.update(serviceState).set({ state: 'disabled', changedAt: now }).where(eq(serviceState.id, 1)).run();
    appendAudit(tx, now, 'service_disabled', {});
    return true;
  });
}
