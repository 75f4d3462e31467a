// The key that seals TOTP secrets: 32 bytes in a file beside the accounts database (mode 0600). It is not in the key file,
// because people sign in before that is open. So a copy of the database alone holds no second factor.
import { ACCOUNT_KEY_BYTES } from '../../crypto/account-secrets.ts';
import { accountKeyPath } from '../config/paths.ts';
import { CommandError } from '../runtime/command-error.ts';
import { readBounded, writeNewDurably } from '../runtime/durable-file.ts';

/** The key, or null where there is none. Throws where the file is no key. The caller zeroes it. */
export async function readAccountKey(userDbPath: string): Promise<Uint8Array | null> {
  const path = accountKeyPath(userDbPath);
  const key = await readBounded(path, ACCOUNT_KEY_BYTES);
  if (key === null || key.length === ACCOUNT_KEY_BYTES) return key;
  throw new CommandError(
    'account_key',
    `${path} does not hold a key of ${ACCOUNT_KEY_BYTES} bytes: put it back from its backup`,
  );
}

/** The key, made where there is none yet; a process that makes one at the same time wins. The caller zeroes it. */
export async function ensureAccountKey(userDbPath: string, random: (bytes: number) => Uint8Array): Promise<Uint8Array> {
  const known = await readAccountKey(userDbPath);
  if (known !== null) return known;
  const key = random(ACCOUNT_KEY_BYTES);
  if (await writeNewDurably(accountKeyPath(userDbPath), key)) return key;
  key.fill(0);
  return (await readAccountKey(userDbPath)) ?? missingKey(userDbPath);
}

/** Throws: codes cannot be checked without the key. */
export function missingKey(userDbPath: string): never {
  const path = accountKeyPath(userDbPath);
  const loss = `without one, move ${userDbPath} away and create the users again`;
  throw new CommandError(
    'account_key',
    `${path} is missing, so no TOTP code can be checked: put it back from its backup; ${loss}`,
  );
}
