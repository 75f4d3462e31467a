// Checks of keys, of the certificate, of the accounts that may use them, and of their backups.
import type { Facts } from './facts.ts';
import { type Check, type Finding, fail, pass, unseen, warn } from './verdicts.ts';

const DAY_MS = 86_400_000;
/** Launch instructions: "regular key rotations (every 6-12 months)". */
export const KEY_DAYS_WARNED = 183;
export const KEY_DAYS_MAX = 365;
/** Days left of a certificate: below the first a warning, below the second a fail. */
export const CERTIFICATE_DAYS_WARNED = 30;
export const CERTIFICATE_DAYS_MIN = 7;
/** How long a live key may be without a backup, and its backup without a drill. */
export const KEY_BACKUP_DAYS_MAX = 1;
export const DRILL_DAYS_MAX = 90;
/** An account with fewer backup codes is soon locked out by a lost phone. */
const BACKUP_CODES_MIN = 3;
const CREATE_ADMIN = 'run: mpc_operator user create --username admin --role admin';
const NO_ACCOUNTS = unseen('there are no accounts', CREATE_ADMIN);

/** In the order in which they are shown. */
export const KEY_CHECKS: readonly Check[] = [
  { id: 'key_shares', title: 'Shares of the live key', judge: keyShares },
  { id: 'key_age', title: 'Rotation age', judge: keyAge },
  { id: 'threshold', title: 'Threshold', judge: threshold },
  { id: 'certificate_days', title: 'TLS certificate: age', judge: certificateDays },
  { id: 'certificate_pin', title: 'TLS certificate: pin', judge: certificatePin },
  { id: 'second_factor', title: 'Second factor of accounts', judge: secondFactor },
  { id: 'admins', title: 'Administrators', judge: admins },
  { id: 'backup_codes', title: 'Backup codes of accounts', judge: backupCodes },
  { id: 'single_operator', title: 'Dual control', judge: dualControl },
  { id: 'key_backup', title: 'Backup of the keys', judge: keyBackup },
  { id: 'drill', title: 'Restore drill', judge: drill },
  { id: 'database_backup', title: 'Backup of the database', judge: databaseBackup },
  { id: 'backup_place', title: 'Backups apart from the node', judge: backupPlace },
  { id: 'audit_log', title: 'Audit log', judge: auditLog },
  { id: 'state_guard', title: 'One live copy, latest state', judge: stateGuard },
];

function keyShares({ key }: Facts): Finding {
  if (key === null)
    return warn('the federation has no key yet', 'make one together: `mpc_operator dkg --ceremony-id NAME`');
  if (key.sharesFit === true) return pass(`they fit key ${key.keyId}`);
  if (key.sharesFit === false) {
    return fail(`they are missing or do not fit key ${key.keyId}`, 'run: mpc_operator ceremony recover FILE');
  }
  return unseen('the node is sealed', 'run `mpc_operator unseal` on the running server');
}

function keyAge({ key, now }: Facts): Finding {
  if (key === null)
    return warn('the federation has no key yet', 'make one together: `mpc_operator dkg --ceremony-id NAME`');
  const days = daysSince(key.createdAt, now);
  const seen = `key ${key.keyId} is ${counted(days)} old`;
  const action = 'agree with the other operators on a rotation, which is due every 6 to 12 months';
  if (days > KEY_DAYS_MAX) return fail(seen, action);
  return days > KEY_DAYS_WARNED ? warn(seen, action) : pass(seen);
}

function threshold({ threshold: t, participants: n, key }: Facts): Finding {
  const seen = `${t} of ${n} must sign`;
  if (t < 2 || t > n || 2 * t <= n) {
    return fail(`${seen}, but t must be more than half of n and at least 2`, 'correct "threshold" and "parties"');
  }
  if (key !== null && (key.threshold !== t || key.participants !== n)) {
    const made = `the key was made for ${key.threshold} of ${key.participants}`;
    return fail(`${seen}, but ${made}`, 'correct "threshold" and "parties" to those of the key');
  }
  if (t === n)
    return warn(
      `${seen}: the loss of one operator stops the bridge for ever`,
      'choose a smaller threshold before a key is made',
    );
  return pass(seen);
}

function certificateDays({ certificate: { daysLeft, fault } }: Facts): Finding {
  if (fault !== null || daysLeft === null) {
    return fail(
      fault ?? 'it cannot be read',
      'make another: `mpc_operator tls generate`, then send the others the new card',
    );
  }
  const seen = `it has ${counted(daysLeft)} left`;
  const action = 'run `mpc_operator tls rotate` on the running node';
  if (daysLeft < CERTIFICATE_DAYS_MIN) return fail(seen, action);
  return daysLeft < CERTIFICATE_DAYS_WARNED ? warn(seen, action) : pass(seen);
}

function certificatePin({ certificate: { isOnCard, notTaken } }: Facts): Finding {
  if (isOnCard === null)
    return warn('this node has no card of its own yet', 'run `mpc_operator peer export --output card.json`');
  if (!isOnCard) {
    return fail(
      'its card carries another certificate than the file, so peers refuse this node',
      'restart the server, then send the others the new card',
    );
  }
  if (notTaken.length > 0) {
    return warn(
      `operators ${notTaken.join(', ')} have not taken the new one`,
      'wait while the old one holds, or ask them',
    );
  }
  return pass('the peers pin the certificate of the file');
}

function secondFactor({ accounts: { fault, users } }: Facts): Finding {
  if (fault !== null) return fail(`the accounts cannot be read: ${fault}`, 'put users.db back from its backup');
  if (users.length === 0) {
    return fail('there are no accounts, so whoever runs commands here acts without signing in', CREATE_ADMIN);
  }
  const without = users.filter(({ hasSecondFactor }) => !hasSecondFactor).map(({ user }) => user);
  if (without.length === 0) return pass(`all ${users.length} accounts have one`);
  return fail(`these have none: ${without.join(', ')}`, `run: mpc_operator user reset-totp ${without[0]}`);
}

function admins({ accounts: { users } }: Facts): Finding {
  const active = users.filter(({ role, isActive }) => role === 'admin' && isActive);
  const security = users.filter(({ role, isActive }) => role === 'security-officer' && isActive);
  if (active.length === 0) return fail('no administrator is active', CREATE_ADMIN);
  if (active.length + security.length < 2) {
    return warn(
      'one person alone can reset accounts, so nobody can help that person',
      'create a second administrator, or a security officer',
    );
  }
  return pass(`${active.length} active, and ${security.length} security officers`);
}

function backupCodes({ accounts: { users } }: Facts): Finding {
  if (users.length === 0) return NO_ACCOUNTS;
  const few = users.filter(({ isActive, backupCodesLeft }) => isActive && backupCodesLeft < BACKUP_CODES_MIN);
  if (few.length === 0) return pass(`every account has at least ${BACKUP_CODES_MIN} left`);
  const [first] = few;
  return warn(
    `few are left of ${few.map(({ user, backupCodesLeft }) => `${user} (${backupCodesLeft})`).join(', ')}`,
    `make new ones with a new TOTP secret: mpc_operator user reset-totp ${first?.user}`,
  );
}

function dualControl({ accounts: { singleOperator, users } }: Facts): Finding {
  if (!singleOperator) return users.length === 0 ? NO_ACCOUNTS : pass('acts that take two people take two');
  return warn(
    '"single_operator" is set: no act asks for a second person',
    'end it with `mpc_operator init … --no-single-operator --force` once there are two people',
  );
}

function keyBackup({ backups: { keyShare }, key, now }: Facts): Finding {
  const action = 'run: mpc_operator backup key-share --output FILE, and store it off this machine';
  if (key === null)
    return keyShare === null
      ? warn('none was made yet', action)
      : pass('the identity is backed up; there is no key yet');
  if (keyShare?.keyId === key.keyId) return pass(`made ${ago(keyShare.madeAt, now)}, with the shares of the live key`);
  const seen = `none holds the shares of the live key ${key.keyId}`;
  return daysSince(key.createdAt, now) < KEY_BACKUP_DAYS_MAX ? warn(seen, action) : fail(seen, action);
}

function drill({ backups: { drill: held }, key, now }: Facts): Finding {
  const action = 'run: mpc_operator backup verify --input FILE';
  if (held === null) return key === null ? warn('none was ever held', action) : fail('none was ever held', action);
  const seen = `the last was held ${ago(held.at, now)}`;
  if (daysSince(held.at, now) > DRILL_DAYS_MAX) return fail(`${seen}, more than ${DRILL_DAYS_MAX} days`, action);
  if (key !== null && held.keyId !== key.keyId) {
    return warn(`${seen}, of a backup without the shares of the live key ${key.keyId}`, action);
  }
  return pass(seen);
}

function databaseBackup({ backups: { databaseAt, everyHours }, now }: Facts): Finding {
  if (everyHours === null) {
    return warn('there is no schedule', 'add the block "backup" to the configuration (docs/OPERATING.md, "Backups")');
  }
  if (databaseAt === null) return warn('none was made yet', 'look at backup_failed in the log if this lasts');
  const lateMs = 2 * everyHours * 3_600_000;
  const seen = `made ${ago(databaseAt, now)}, every ${everyHours} hours`;
  return now - databaseAt > lateMs ? fail(`${seen}: it is late`, 'look at backup_failed in the log') : pass(seen);
}

function backupPlace({ backups: { besideKeys } }: Facts): Finding {
  if (besideKeys.length === 0) return pass('none lies on the file system of the node');
  return warn(
    `on the file system of the node, so one fault of it takes both: ${besideKeys.join(', ')}`,
    'copy them to two places off this machine, and delete them here',
  );
}

function auditLog({ audit: { fault, verified, head } }: Facts): Finding {
  if (fault !== null) return fail(fault, 'replace the database with its latest backup');
  if (verified === 0 && head > 0) return unseen('it was not verified yet', 'run: mpc_operator audit verify');
  return pass(`its chain is intact up to entry ${verified} of ${head}`);
}

// It is the peers that notice a copy or an older state.
function stateGuard({ alarms, ownPhase }: Facts): Finding {
  if (alarms.length === 0 && ownPhase === 'live') return pass('nothing speaks for a copy or an older state');
  if (alarms.length === 0) {
    const why = ownPhase === null ? 'the node is sealed, or no server runs' : 'the peers have not answered';
    return unseen(why, 'run it on the running, unsealed server, once its peers have answered');
  }
  return fail(alarms.join('; '), 'see `mpc_operator status`: end the copy for good, or find out what was put back');
}

function daysSince(at: number, now: number): number {
  return Math.floor((now - at) / DAY_MS);
}

function ago(at: number, now: number): string {
  const days = daysSince(at, now);
  return days <= 0 ? 'today' : `${counted(days)} ago`;
}

function counted(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}
