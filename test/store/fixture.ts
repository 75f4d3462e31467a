// Temporary stores and made-up, well-formed content for the tests of the store.
import { Database } from 'bun:sqlite';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import type { AttestationClaim } from '../../store/attestations.ts';
import { type BurnRecord, recordBurn } from '../../store/burns.ts';
import type { Outpoint } from '../../store/database.ts';
import { openStore, type Store } from '../../store/open.ts';

export const NOW = 1_800_000_000_000;

/** 64 hex characters that depend on the words alone. */
export function id(...words: readonly (string | number)[]): string {
  return toHex(sha256(utf8(words.join(' '))));
}

// In memory where the system has such a folder: these tests make thousands of durable commits.
const ROOT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Runs `body` in a fresh folder, which goes afterwards. */
export function inFolder<T>(body: (folder: string) => T): T {
  const folder = mkdtempSync(join(ROOT, 'store-'));
  try {
    return body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs `body` with a fresh store. */
export function withStore<T>(body: (store: Store) => T): T {
  return inFolder((folder) => {
    const store = openStore(join(folder, 'security.db'));
    try {
      return body(store);
    } finally {
      store.close();
    }
  });
}

/** Runs statements past the program, as plain SQL on a connection of its own. */
export function raw<T>(store: Store, body: (database: Database) => T): T {
  const database = new Database(store.path, { readwrite: true, create: false, safeIntegers: true });
  try {
    return body(database);
  } finally {
    database.close();
  }
}

export function outpoint(name: string | number, vout = 0): Outpoint {
  return { txid: id('outpoint', name), vout };
}

export function claim(name: string | number, changes: Partial<AttestationClaim> = {}): AttestationClaim {
  return {
    ...outpoint(name),
    recipient: id('recipient'),
    amount: 100_000_000n,
    nonce: 77n,
    expiry: 1_800_003_600n,
    ...changes,
  };
}

export function burn(name: string | number): BurnRecord {
  return {
    burnTxid: id('burn', name),
    nullifier: id('nullifier', name),
    address: `bcrt1q${name}`,
    amount: 50_000_000n,
    fee: 10_000n,
    wireSeq: 1n,
    wireHeight: 10,
  };
}

export function storeBurns(store: Store, ...names: readonly (string | number)[]): void {
  for (const name of names) recordBurn(store.db, burn(name), NOW);
}
